"""Trained members for other runtimes: ONNX, OpenVINO, and safetensors under timm's names."""

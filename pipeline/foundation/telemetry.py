"""Usage statistics that packages send to their makers: off, unless the environment switches them on."""

import os

OFF = {
    "DO_NOT_TRACK": "true",  # MLflow and huggingface_hub, from which timm loads weights
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_DISABLE_TELEMETRY": "true",
    "DVC_NO_ANALYTICS": "true",
    "NO_ALBUMENTATIONS_UPDATE": "true",  # albumentations asks for its newest version at every import
}


def switch_off() -> None:
    """Set the variables of `OFF` that the environment does not have; for the start of a process."""
    for name, value in OFF.items():
        os.environ.setdefault(name, value)

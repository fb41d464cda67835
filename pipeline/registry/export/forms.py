"""The forms of an exported member: how each is written, and how each predicts."""

import json
import sys
import warnings
from collections.abc import Callable, Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save as serialize
from torch import Tensor, nn

from pipeline.formats.images import Pixels
from pipeline.foundation.errors import InputError
from pipeline.foundation.files import replacing, write_bytes
from pipeline.modeling import tta as averaging
from pipeline.modeling.config import TTA, WeightsMetadata
from pipeline.modeling.heads import expected
from pipeline.modeling.network import Network
from pipeline.schema.schema import SCHEMA

Form = Literal["onnx", "openvino", "timm"]
Predict = Callable[[Pixels], dict[str, npt.NDArray[np.float32]]]
"""Images (n, height, width, 3), uint8 RGB, to probabilities (n, classes) or years (n,) by head."""


class MissingExtraError(InputError):
    """A module of the extra `export` is not installed."""


SUFFIXES: dict[Form, str] = {"onnx": ".onnx", "openvino": ".xml", "timm": ".safetensors"}
INPUT = "images"


class Exported(nn.Module):
    """A network with its test-time augmentation: from images to the predictions of every head."""

    def __init__(self, network: Network, tta: TTA) -> None:
        """Raises `InputError` for `tta.augmented`, whose random variants are no part of a graph."""
        super().__init__()
        if tta.augmented:
            raise InputError("tta.augmented: its variants are random, so no graph has them; export with --no-tta")
        self.network = network.eval().float().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self._tta = tta

    @property
    def heads(self) -> tuple[str, ...]:
        """The names of the outputs, in order."""
        return tuple(self.network.config.heads)

    @cached_property
    def onnx(self) -> Any:
        """The graph as torch's ONNX program; raises `InputError` when torch cannot express the network."""
        _require("onnxscript")
        example = torch.zeros(2, *self.network.config.input_shape, 3, dtype=torch.uint8)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of torch on its own code
                return torch.onnx.export(
                    self,
                    (example,),
                    input_names=[INPUT],
                    output_names=list(self.heads),
                    dynamic_shapes={INPUT: {0: torch.export.Dim("photos")}},
                    dynamo=True,
                    verbose=False,
                )
        except torch.onnx.OnnxExporterError as error:
            backbone = self.network.config.backbone
            raise InputError(f"{backbone}: torch cannot export it to ONNX: {str(error).splitlines()[0]}") from error

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images (n, height, width, 3) of 0..255 to probabilities (n, classes) or years (n,) of each head."""
        network = self.network
        outputs = []
        for variant in averaging.variants(images, self._tta, plain=True):
            found = network(variant)
            outputs.append([found[name] for name in self.heads])
        heads, stacked = network.config.heads, (torch.stack(each, dim=1) for each in zip(*outputs, strict=True))
        merged = expected(dict(zip(self.heads, stacked, strict=True)), heads)
        return tuple(averaging.mean(merged[name], heads[name].kind, self._tta) for name in self.heads)


def write(form: Form, exported: Exported, metadata: WeightsMetadata, path: Path) -> None:
    """Write a member in one form.

    Args:
        form: onnx, a graph with a dynamic batch; openvino, the same as OpenVINO's .xml and .bin in full precision; or
            timm, the weights as safetensors: the backbone's under the names that `timm.create_model` gives them, those
            of the heads as `heads.<name>.*`, and the statistics of the features of `levels` as `standardize.*`.
        exported: The network with its test-time augmentation, which `timm` does not hold.
        metadata: Metadata of the weights.
        path: The file, with the suffix of `SUFFIXES`.

    Raises:
        MissingExtraError: When the extra `export` is not installed.
        InputError: When the exporter cannot express the network.
    """
    match form:
        case "onnx":
            _write_onnx(exported, path)
        case "openvino":
            _write_openvino(exported, path)
        case "timm":
            _write_timm(exported.network, metadata, path)


def load(form: Form, path: Path, threads: int) -> Predict:
    """How a written graph predicts on the CPU, with a number of threads.

    Raises:
        MissingExtraError: When the extra `export` is not installed.
        ValueError: For `timm`, which is weights without a graph.
    """
    match form:
        case "onnx":
            return _onnx(path, threads)
        case "openvino":
            return _openvino(path, threads)
    raise ValueError(f"{form}: weights without a graph")


def eager(exported: Exported) -> Predict:
    """How torch itself predicts, with the threads that it has."""

    def predict(images: Pixels) -> dict[str, npt.NDArray[np.float32]]:
        with torch.inference_mode():
            outputs = exported(torch.from_numpy(images))
        return {name: out.numpy() for name, out in zip(exported.heads, outputs, strict=True)}

    return predict


def _write_onnx(exported: Exported, path: Path) -> None:
    with replacing(path) as partial:
        exported.onnx.save(str(partial), external_data=False)


def _write_openvino(exported: Exported, path: Path) -> None:
    """Write both files; a kill between the two leaves no graph, rather than one with the weights of another."""
    openvino = _require("openvino")
    model = openvino.Core().read_model(exported.onnx.model_proto.SerializeToString())
    new = path.with_name(f".{path.name}")  # OpenVINO insists on the suffix, and puts the .bin beside
    try:
        openvino.save_model(model, new, compress_to_fp16=False)
        with replacing(path) as graph, replacing(path.with_suffix(".bin")) as weights:
            path.unlink(missing_ok=True)
            new.with_suffix(".bin").replace(weights)
            new.replace(graph)
    except RuntimeError as error:  # all that OpenVINO says of a full disk is "iostream error"
        raise InputError(f"{path}: OpenVINO cannot write it: {error}; is there space on the disk?") from error
    finally:
        for left in (new, new.with_suffix(".bin")):
            left.unlink(missing_ok=True)


def _write_timm(network: Network, metadata: WeightsMetadata, path: Path) -> None:
    backbone = {name: tensor.contiguous() for name, tensor in network.backbone.state_dict().items()}
    behind = {"standardize": network.standardize, "heads": network.heads}
    others = {
        f"{at}.{key}": value.contiguous() for at, part in behind.items() for key, value in part.state_dict().items()
    }
    config = metadata.config
    about = {
        "timm": config.backbone,
        "image_size": config.image_size,
        "mean": (network.mean.flatten() / 255).tolist(),
        "std": (network.std.flatten() / 255).tolist(),
        "levels": config.levels,
        "heads": {name: [head.kind, SCHEMA.head(name).class_names] for name, head in config.heads.items()},
    }
    write_bytes(path, serialize(backbone | others, metadata={"pipeline": json.dumps(about)}))


def _onnx(path: Path, threads: int) -> Predict:
    runtime = _require("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda images: dict(zip(names, session.run(names, {INPUT: images}), strict=True))


def _openvino(path: Path, threads: int) -> Predict:
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    model = _require("openvino").Core().compile_model(path, "CPU", settings)
    names = [output.get_any_name() for output in model.outputs]

    def predict(images: Pixels) -> dict[str, npt.NDArray[np.float32]]:
        found: Mapping[Any, Any] = model([images])
        return {name: np.array(found[output]) for name, output in zip(names, model.outputs, strict=True)}

    return predict


def _require(module: str) -> Any:
    """Import a module of the extra `export`."""
    # OpenVINO reports every import to its makers; without this package it uses a stand-in that reports nothing
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise MissingExtraError(f"{module} is not installed; `uv pip install '.[export]'` brings it") from None

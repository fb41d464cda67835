"""Exported members answer as torch does, and take its place only where they are these very weights and faster."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file

from pipeline.faces.config import Crop
from pipeline.foundation.errors import InputError
from pipeline.modeling import weights
from pipeline.modeling.config import TTA, ModelConfig, WeightsMetadata
from pipeline.modeling.inference import Predictor
from pipeline.modeling.network import Network
from pipeline.registry.export import comparison, exporting, forms
from pipeline.registry.export.comparison import TOLERANCE, Figures
from pipeline.registry.serving import classifier
from pipeline.registry.serving.classifier import Classifier
from tests.support.full_disk import file_size_limit

SIZE = 32
CONFIG = ModelConfig.model_validate(
    {
        "backbone": "test_resnet",
        "pretrained": False,
        "image_size": SIZE,
        "normalize": "imagenet",
        "heads": {"mask x gender": {}, "age": {"kind": "regression", "loss": "smooth_l1"}},
        "epochs": 1,
        "optimizer": {"name": "adamw", "learning_rate": 1e-3},
    }
)
AVERAGED = TTA(flip=True, five_crop=0.8, clean=2)
CROPS = np.random.default_rng(3).integers(0, 256, (5, 40, 40, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of an untrained network."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("member") / "face-0.safetensors"
    weights.save(path, Network(CONFIG).state_dict(), WeightsMetadata(model="face", fold=0, epoch=1, config=CONFIG))
    return path


@pytest.fixture(scope="module")
def exported(member: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Figures]]:
    """The folder with all forms of the member, and their figures."""
    folder = tmp_path_factory.mktemp("exported")
    figures = exporting.export({"face-0": (member, AVERAGED)}, ["onnx", "openvino", "timm"], None, folder)
    return folder, figures["face-0"]


def chosen(folder: Path, form: str) -> None:
    """Have export.json name a form as the fastest, which depends on the machine."""
    file = folder / exporting.FILE
    entries = json.loads(file.read_text())
    entries["face-0"] |= {"fastest": form, "gain": 2.0}
    file.write_text(json.dumps(entries))


def test_all_forms_are_written_and_agree_with_torch(exported: tuple[Path, list[Figures]]) -> None:
    folder, figures = exported
    assert sorted(path.name for path in folder.iterdir()) == [
        "export.json",
        *(f"face-0{suffix}" for suffix in (".bin", ".onnx", ".safetensors", ".xml")),
    ]
    assert [each.form for each in figures] == ["torch", "onnx", "openvino"]
    assert all(each.difference <= TOLERANCE and each.size > 0 and each.speed > 0 for each in figures)
    assert figures[0].gain == 1


def test_a_form_is_written_whole_and_from_the_weights_alone(member: Path, tmp_path: Path) -> None:
    network, metadata = weights.load(member)
    graph = forms.Exported(network, TTA())
    (tmp_path / "face-0.onnx").write_text("of other weights")
    forms.write("openvino", graph, metadata, tmp_path / "face-0.xml")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(before) == {"face-0.onnx", "face-0.xml", "face-0.bin"}
    for form, suffix in forms.SUFFIXES.items():
        full = pytest.raises((OSError, InputError), match=r"face-0.*iostream error|File too large.*face-0")
        with file_size_limit(100_000), full:
            forms.write(form, graph, metadata, tmp_path / f"face-0{suffix}")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_a_form_predicts_crops_as_the_pipeline_does(
    form: str, member: Path, exported: tuple[Path, list[Figures]]
) -> None:
    folder, _ = exported
    chosen(folder, form)
    found = exporting.fastest(folder, {"face-0": (member, AVERAGED)})["face-0"]
    assert found.form == form
    expected = Predictor(member, AVERAGED)(CROPS, workers=0)
    assert comparison.largest_difference(expected, found(CROPS)) <= TOLERANCE


def test_other_weights_or_another_tta_are_predicted_by_torch(
    member: Path, exported: tuple[Path, list[Figures]], tmp_path: Path
) -> None:
    folder, _ = exported
    chosen(folder, "onnx")
    other = tmp_path / "face-0.safetensors"
    other.write_bytes(member.read_bytes() + b" ")
    assert exporting.fastest(folder, {"face-0": (other, AVERAGED), "face-1": (member, AVERAGED)}) == {}
    assert exporting.fastest(folder, {"face-0": (member, TTA())}) == {}
    assert exporting.fastest(tmp_path, {"face-0": (member, AVERAGED)}) == {}


def test_the_backbone_has_timm_s_names(exported: tuple[Path, list[Figures]]) -> None:
    folder, _ = exported
    tensors = load_file(folder / "face-0.safetensors")
    backbone = {name: tensor for name, tensor in tensors.items() if not name.startswith("heads.")}
    timm.create_model("test_resnet", num_classes=0).load_state_dict(backbone)
    assert {name for name in tensors if name.startswith("heads.")} == {
        f"heads.{head}.{part}" for head in CONFIG.heads for part in ("weight", "bias")
    }


def test_nothing_is_reported_to_the_makers_of_openvino(exported: tuple[Path, list[Figures]]) -> None:
    code = f"""
import socket, sys
def refuse(*_): raise AssertionError("a connection")
socket.socket.connect = refuse
from pathlib import Path
from pipeline.registry.export import forms
forms.load("openvino", Path({str(exported[0] / "face-0.xml")!r}), 1)
from openvino.tools.ovc import telemetry
print(type(telemetry).__module__, sys.modules["openvino_telemetry"])
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "None"]


def test_years_by_another_head_are_exported_as_their_mean() -> None:
    heads = {"gender": {}, "age": {"kind": "regression", "by": "gender"}}
    network = Network(ModelConfig.model_validate(CONFIG.model_dump() | {"heads": heads})).eval()
    images = torch.from_numpy(CROPS[:, :SIZE, :SIZE].copy())
    _, years = forms.Exported(network, TTA())(images)
    outputs = network(images)
    torch.testing.assert_close(years, (outputs["gender"].softmax(dim=1) * outputs["age"]).sum(dim=1))


def test_features_of_several_levels_are_exported(tmp_path: Path) -> None:
    config = ModelConfig.model_validate(CONFIG.model_dump() | {"levels": [1, 3]})
    network = Network(config)
    images = torch.from_numpy(CROPS[:, :SIZE, :SIZE].copy())
    network.train()(images)  # the statistics that standardise are no longer those of the start
    exported = forms.Exported(network, AVERAGED)
    forms.write("onnx", exported, WeightsMetadata(model="face", fold=0, epoch=1, config=config), tmp_path / "face.onnx")
    found = forms.load("onnx", tmp_path / "face.onnx", threads=1)(images.numpy())
    for name, expected in forms.eager(exported)(images.numpy()).items():
        np.testing.assert_allclose(found[name], expected, atol=TOLERANCE)
    assert len({round(float(value), 6) for value in found["age"]}) == len(images)


def test_random_variants_are_refused(member: Path) -> None:
    with pytest.raises(InputError, match=r"tta\.augmented: .* export with --no-tta"):
        forms.Exported(weights.load(member)[0], TTA(augmented=2))


def test_a_form_that_differs_is_refused_and_removed(
    member: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load: Callable[..., forms.Predict] = forms.eager

    def wrong(exported: forms.Exported) -> forms.Predict:
        predict = load(exported)
        return lambda images: {head: values + 0.001 for head, values in predict(images).items()}

    monkeypatch.setattr(forms, "eager", wrong)
    with pytest.raises(InputError, match=r"face-0: predictions differ from torch's by more than 0\.0001: onnx, by"):
        exporting.export({"face-0": (member, TTA())}, ["onnx"], None, tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_the_extra_its_name_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"onnxruntime is not installed; .*\[export\]"):
        forms.load("onnx", tmp_path / "face-0.onnx", 1)


@pytest.mark.parametrize(("gain", "fastest"), [(1.4, None), (1.6, "onnx")])
def test_a_form_takes_torch_s_place_from_half_as_fast_again_on(gain: float, fastest: str | None, member: Path) -> None:
    figures = [Figures("torch", 1, 10, 1, 0, None), Figures("onnx", 1, 10 * gain, gain, 0, None)]
    assert exporting.described(member, TTA(), figures).fastest == fastest


def test_a_model_predicts_by_the_exported_forms_and_says_so(
    member: Path,
    exported: tuple[Path, list[Figures]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, _ = exported
    chosen(folder, "openvino")
    model = tmp_path / "model"
    (model / classifier.MEMBERS).mkdir(parents=True)
    (model / classifier.MEMBERS / member.name).write_bytes(member.read_bytes())
    (model / classifier.SIZES_FILE).write_text('{"smallest": 40, "largest": 40}')
    (model / classifier.CROP).write_text(Crop(size=40, method="center").model_dump_json())
    (model / classifier.TTA_FILE).write_bytes(classifier.TTA_BY_MEMBER.dump_json({"face-0": AVERAGED}))
    monkeypatch.chdir(tmp_path)
    by_torch = Classifier(model).predict(list(CROPS))
    assert "exported" not in capsys.readouterr().err

    monkeypatch.setenv(classifier.EXPORTED, str(folder))
    faster = Classifier(model).predict(list(CROPS))
    assert "face-0 by openvino, 2.0 times as fast as torch" in capsys.readouterr().err
    numbers = by_torch.select_dtypes("number").columns
    assert np.allclose(by_torch[numbers], faster[numbers], rtol=TOLERANCE, atol=TOLERANCE)

    monkeypatch.setitem(sys.modules, "openvino", None)
    again = Classifier(model).predict(list(CROPS))
    assert "torch predicts, and not the forms" in capsys.readouterr().err
    assert again.equals(by_torch)

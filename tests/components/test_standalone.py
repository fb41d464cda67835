"""components/<stage>.yaml in pipelines that are not this project's."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kfp import dsl, local
from kfp.components import load_component_from_file
from ruamel.yaml import YAML

from pipeline.foundation.errors import InputError
from pipeline.orchestration.kubeflow import standalone
from tests.server import tiny
from tests.support.workspace import ROOT

KINDS = list(YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"])
SMALL = ["sample.people=24", "sample.eval_people=4", "sample.seed=1", "relabel.fixes=[]", "split.folds=2"]

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


def component(kind: str) -> Any:
    return load_component_from_file(str(ROOT / "components" / f"{kind}.yaml"))


def signature(kind: str) -> tuple[dict[str, str], dict[str, str]]:
    """The types of a component's input and output artifacts by name."""
    spec = component(kind).component_spec
    inputs = {
        name: f"[{each.type}]" if each.is_artifact_list else each.type
        for name, each in spec.inputs.items()
        if each.type.startswith("system.")
    }
    return inputs, {name: each.type for name, each in (spec.outputs or {}).items()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project after all of its stages."""
    root = tiny.project(tmp_path_factory.mktemp("finished"))
    tiny.run(root)
    return root


def artifact(path: Path) -> Any:
    return SimpleNamespace(path=str(path))


@pytest.mark.parametrize("kind", KINDS)
def test_every_stage_is_a_component_of_typed_artifacts(kind: str) -> None:
    inputs, outputs = signature(kind)
    assert inputs or kind == "sample"
    assert outputs
    assert "overrides" in component(kind).component_spec.inputs


def test_lineage_says_what_is_data_and_what_a_model() -> None:
    dataset, model = "system.Dataset@0.0.1", "system.Model@0.0.1"
    assert signature("pack")[0] == {"shards": f"[{dataset}]", "previews": f"[{dataset}]"}
    inputs, outputs = signature("train")
    assert inputs == {"shards": f"[{dataset}]"} | dict.fromkeys(("crops", "labels", "folds"), dataset)
    assert outputs == {"model": model, "metrics": "system.Metrics@0.0.1", "page": "system.HTML@0.0.1"}
    inputs, outputs = signature("infer")
    assert inputs == {"shards": f"[{dataset}]", "crops": dataset, "folds": dataset, "model": model}
    assert outputs == {"predictions": dataset}
    inputs, _ = signature("ensemble")
    assert (inputs["models"], inputs["predictions"]) == (f"[{model}]", f"[{dataset}]")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("${data.root}/train/images", "photos"),
        ("data/crops/shards/train/3", "shards"),
        ("data/crops/previews", "previews"),
        ("models/${item.model}/folds/${item.fold}/weights.safetensors", "model"),
        ("models/age/predictions/refit/eval.parquet", "predictions"),
        ("results/ensemble/metrics.json", "results"),
        ("results/submission.csv", "submission"),
        ("results/report.html", None),
        ("pipeline/stages/train.py", None),
        ("fixes", None),
    ],
)
def test_a_path_belongs_to_an_artifact(path: str, name: str | None) -> None:
    assert standalone.artifact_of(path) == name


def test_a_foreign_pipeline_of_three_components_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: Path
) -> None:
    sample, relabel, split = map(component, ("sample", "relabel", "split"))

    def foreign() -> dsl.Dataset:
        photos = sample(overrides=SMALL).outputs["photos"]
        labels = relabel(photos=photos, overrides=SMALL).outputs["labels"]
        return split(labels=labels, overrides=SMALL).outputs["folds"]

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "outputs"))
    with pytest.warns(RuntimeWarning, match="non-Python base image"):
        (folds,) = dsl.pipeline(foreign)().outputs.values()
    assert Path(folds.path).read_bytes() == (finished / "data/folds.parquet").read_bytes()


def test_an_ensemble_of_artifacts_is_that_of_dvc(finished: Path, tmp_path: Path) -> None:
    """Members come as lists of artifacts, as from a loop over trainings."""
    inputs = {"crops": "data/crops", "labels": "data/labels.parquet", "folds": "data/folds.parquet"}
    given: dict[str, Any] = {name: artifact(finished / path) for name, path in inputs.items()}
    given |= {"model": [artifact(finished / "models")], "predictions": [artifact(finished / "models")]}
    results = artifact(tmp_path / "results")
    standalone.run("ensemble", [], "", given, {"results": results}, [], project=finished)
    for name in ("eval_probabilities.parquet", "metrics.json", "ensemble.json"):
        made = Path(results.path) / name
        assert made.read_bytes() == (finished / "results/ensemble" / name).read_bytes()


def test_the_index_of_shards_is_that_of_dvc(finished: Path, tmp_path: Path) -> None:
    given = {name: [artifact(finished / "data" / "crops" / name)] for name in ("shards", "previews")}
    crops = artifact(tmp_path / "crops")
    standalone.run("pack", [], "", given, {"crops": crops}, [], project=finished)
    for name in ("train.parquet", "crops.jpg", "misses.jpg", "doubtful.jpg"):
        assert Path(crops.path, name).read_bytes() == (finished / "data" / "crops" / name).read_bytes()


def test_a_stage_that_fails_fails_the_component(finished: Path, tmp_path: Path) -> None:
    given = {"photos": artifact(tmp_path)}
    with pytest.raises(InputError, match="stage relabel: exit status 1; its log is above"):
        standalone.run("relabel", [], "", given, {"labels": artifact(tmp_path / "labels")}, [], project=finished)
    with pytest.raises(InputError, match="no stage 'train@nobody-7'"):
        standalone.run("train@nobody-7", [], "", {}, {}, [], project=finished)

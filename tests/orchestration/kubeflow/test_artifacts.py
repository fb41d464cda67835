"""artifacts: Kubeflow's pages show the outs of a stage."""

import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from kfp import dsl

from pipeline import tracking
from pipeline.foundation.errors import InputError
from pipeline.orchestration.graph import Stage
from pipeline.orchestration.kubeflow import artifacts

OUTS = ("answers.csv", "long.csv", "confusion.csv", "sheets", "weights.safetensors", "metrics.json")
STAGE = Stage("train@<b>-0", "true", "", (), (), (), (), OUTS, ("metrics.json",))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What the stage left."""
    pd.DataFrame({"photo": ["<i>.jpg"], "person": ["12_34"], "share": [1 / 3]}).to_csv(
        tmp_path / "answers.csv", index=False
    )
    pd.DataFrame({"row": range(1000)}).to_csv(tmp_path / "long.csv", index=False)
    pairs = [("worn", "worn"), ("worn", "normal"), ("normal", "normal"), ("worn", "worn")]
    pd.DataFrame(pairs, columns=["actual", "predicted"]).to_csv(tmp_path / "confusion.csv", index=False)
    (tmp_path / "sheets").mkdir()
    for number in range(30):
        (tmp_path / "sheets" / f"{number:02}.jpg").write_bytes(b"photo")
    (tmp_path / "weights.safetensors").write_bytes(b"weights")
    (tmp_path / "metrics.json").write_text(json.dumps({"macro_f1": 0.5, "epochs": 3}))
    return tmp_path


def test_scores_are_all_numbers_of_the_metrics_files(root: Path) -> None:
    artifact = dsl.Metrics()
    artifacts.fill(artifact, root, STAGE)
    assert artifact.metadata == {"macro_f1": 0.5, "epochs": 3}


def test_a_confusion_matrix_counts_photos_by_true_and_predicted_class(root: Path) -> None:
    artifact = dsl.ClassificationMetrics()
    artifacts.fill(artifact, root, STAGE)
    matrix = artifact.metadata["confusionMatrix"]
    assert [each["displayName"] for each in matrix["annotationSpecs"]] == ["normal", "worn"]
    assert [row["row"] for row in matrix["rows"]] == [[1, 0], [1, 2]]


def test_a_page_shows_short_tables_and_the_first_photos_of_a_folder_and_names_nothing_elsewhere(root: Path) -> None:
    artifact = dsl.HTML(uri=str(root / "page"))
    artifacts.fill(artifact, root, STAGE)
    page = (root / "page").read_text()
    assert "<h1>train@&lt;b&gt;-0</h1>" in page
    assert "&lt;i&gt;.jpg" in page
    assert "<td>0.3333</td>" in page.replace(" ", "")
    assert "12_34" in page, "the name of a person is no number"
    assert "long.csv" not in page
    assert page.count("data:image/jpeg;base64,") == artifacts.MOST_IMAGES
    assert str(root) not in page


def test_a_page_among_the_outs_is_shown_as_it_is(root: Path) -> None:
    (root / "report.html").write_text("<p>as it is</p>")
    artifact = dsl.HTML(uri=str(root / "page"))
    artifacts.fill(artifact, root, Stage("report", "true", "", (), (), (), (), ("report.html",), ()))
    assert (root / "page").read_text() == "<p>as it is</p>"


def test_a_model_has_its_digest_and_the_mlflow_run_of_its_training(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = hashlib.sha256(b"weights").hexdigest()
    monkeypatch.setattr(tracking, "producer_id", lambda *given: {("weights", content): "0123"}.get(given))
    artifact = dsl.Model(uri="s3://kubeflow/model")
    artifacts.fill(artifact, root, STAGE)
    assert artifact.uri == "runs:/0123"
    assert artifact.metadata == {"sha256": content, "bytes": 7}


def test_a_model_without_a_run_keeps_its_uri(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "producer_id", lambda *_: None)
    artifact = dsl.Model(uri="s3://kubeflow/model")
    artifacts.fill(artifact, root, STAGE)
    assert artifact.uri == "s3://kubeflow/model"


def test_a_file_is_the_first_out(root: Path) -> None:
    artifact = dsl.Dataset(uri=str(root / "copy"))
    artifacts.fill(artifact, root, STAGE)
    assert (root / "copy").read_bytes() == (root / "answers.csv").read_bytes()


@pytest.mark.parametrize(
    ("kind", "name"),
    [(dsl.Metrics, "metrics.json"), (dsl.ClassificationMetrics, "confusion.csv"), (dsl.HTML, "answers.csv")],
)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe{", b'a,b\n"1'])
def test_an_out_that_cannot_be_read_is_named(root: Path, kind: type[dsl.Artifact], name: str, content: bytes) -> None:
    (root / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        artifacts.fill(kind(uri=str(root / "artifact")), root, STAGE)


@pytest.mark.parametrize(
    ("kind", "most"), [(dsl.HTML, artifacts.MOST_IMAGES + 3), (dsl.Metrics, 1), (dsl.Model, 1), (dsl.Dataset, 1)]
)
def test_the_files_that_an_artifact_is_read_from_are_few_and_suffice(
    root: Path, tmp_path: Path, kind: type[dsl.Artifact], most: int
) -> None:
    files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    sizes = {name: None if "/" in name else path.stat().st_size for name, path in files.items()}
    read = artifacts.read_by([kind()], STAGE, sizes)
    assert 0 < len(read) <= most
    alone = tmp_path / "alone"
    for name in read:
        (alone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(files[name], alone / name)
    filled = {}
    for place in (root, alone):
        artifacts.fill(artifact := kind(uri=str(tmp_path / "artifact")), place, STAGE)
        content = Path(artifact.path).read_bytes() if Path(artifact.path).exists() else b""
        filled[place] = (content, artifact.metadata)
    assert filled[root] == filled[alone]

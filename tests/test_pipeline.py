"""All stages, end to end, through `dvc repro` on a tiny synthetic sample."""

import json
import re
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from ruamel.yaml import YAML

from pipeline.config import params
from pipeline.dataset import shard_writer
from pipeline.evaluation.report import written
from pipeline.formats import tables
from pipeline.schema.schema import SCHEMA
from pipeline.stages.crop import crop
from pipeline.stages.pack import pack
from pipeline.stages.relabel import relabel
from pipeline.stages.submit import submit
from pipeline.tracking.inputs import content
from tests.support.workspace import Workspace

PREDICTED = {"infer@years-0", "infer@years-1", "infer_refit@years", "ensemble", "submit", "report"}
AGE = {"train@years-0", "train@years-1", "refit@years"} | PREDICTED


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, set[str]]:
    """A workspace after its first `dvc repro`, and the stages that ran."""
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    return workspace, workspace.repro("repro")


def test_everything_runs_once_and_a_second_time_nothing(first: tuple[Workspace, set[str]]) -> None:
    workspace, ran = first
    members = ("train@face", "train@years", "infer@face", "infer@years", "pseudo_label@face", "infer_pseudo_label@face")
    trained = {f"{stage}-{fold}" for stage in members for fold in (0, 1)} | {"refit@years", "infer_refit@years"}
    assert ran == trained | {"sample", "relabel", "crop@0", "crop@1", "pack", "split", "ensemble", "submit", "report"}
    assert workspace.repro("repro") == set()


def test_every_stage_says_which_of_how_many_it_is(first: tuple[Workspace, set[str]]) -> None:
    workspace, ran = first
    said = re.findall(r"^stage (\d+) of (\d+)$", workspace.outputs[0], re.MULTILINE)
    assert said == [(str(place), str(len(ran))) for place in range(1, len(ran) + 1)]


def test_the_submission_is_info_csv_with_predictions(first: tuple[Workspace, set[str]]) -> None:
    root = first[0].root
    info, submission = (pd.read_csv(root / name) for name in ("data/sample/eval/info.csv", "results/submission.csv"))
    assert list(submission.columns) == ["ImageID", "ans"]
    assert list(submission["ImageID"]) == list(info["ImageID"])
    assert submission["ans"].between(0, SCHEMA.classes - 1).all()


def test_photos_in_archives_give_the_same_submission(first: tuple[Workspace, set[str]], tmp_path: Path) -> None:
    """What the stages from `split` to `ensemble` read has the same bytes, so that DVC would not run them again."""
    root, archives, crops = first[0].root, tmp_path / "archives", tmp_path / "data" / "crops"
    shard_writer.write(root / "data" / "sample", archives, photos=50)
    read, labels = params.load(root / params.FILE), tmp_path / "data" / "labels.parquet"
    relabel(archives, root / "fixes", labels, read.relabel)
    for shard in read.crop.shards:
        crop(shard, archives, labels, crops, read.crop)
    pack(crops, read.crop)
    made = [labels, *(path for path in crops.rglob("*") if path.is_file())]
    assert len(made) == 1 + 2 * 2 * 5 + 6
    for path in made:
        assert path.read_bytes() == (root / path.relative_to(tmp_path)).read_bytes(), path
    submission = tmp_path / "submission.csv"
    results = root / "results"
    shares, metrics = tmp_path / "shares.csv", tmp_path / "submission.json"
    submit(archives, results / "ensemble" / "eval_probabilities.parquet", labels, submission, shares, metrics)
    for path in (submission, shares, metrics):
        assert path.read_bytes() == (results / path.name).read_bytes(), path


def test_every_person_is_predicted_out_of_fold(first: tuple[Workspace, set[str]]) -> None:
    root = first[0].root
    folds = pd.read_parquet(root / "data/folds.parquet")
    assert folds[["person", "fold"]].drop_duplicates()["person"].is_unique
    for fold in (0, 1):
        predicted = pd.read_parquet(root / f"models/face/predictions/folds/{fold}/out_of_fold.parquet")["path"]
        assert set(predicted) == set(folds.loc[folds["fold"] == fold, "path"])


def test_the_pseudo_labels_of_a_fold_come_from_its_own_model(first: tuple[Workspace, set[str]]) -> None:
    workspace, _ = first
    lock = YAML(typ="safe").load(workspace.root / "dvc.lock")["stages"]
    for fold in (0, 1):
        teachers = {
            dep["path"] for dep in lock[f"pseudo_label@face-{fold}"]["deps"] if dep["path"].startswith("models/")
        }
        assert teachers == {f"models/face/predictions/folds/{fold}/eval.parquet"}
        joined = pd.read_csv(workspace.root / f"models/face/pseudo_label/{fold}/pseudo_labels.csv")
        assert 0 < len(joined) < tables.count(workspace.root / f"models/face/predictions/folds/{fold}/eval.parquet")


def test_dvc_shows_scores_and_plots(first: tuple[Workspace, set[str]]) -> None:
    workspace, _ = first
    metrics = json.loads(workspace.dvc("metrics", "show", "--json"))[""]["data"]
    assert {"models/face/folds/0/metrics.json", "models/years/refit/metrics.json"} < set(metrics)
    assert 0 <= metrics["results/ensemble/metrics.json"]["data"]["macro_f1"] <= 1
    assert "macro_f1" in metrics["results/submission.json"]["data"]
    page = workspace.dvc("plots", "show").strip().splitlines()[-1].removeprefix("file://")
    shown = Path(page).read_text()
    assert "val_macro_f1" in shown
    assert "confusion.png" in shown
    assert "learning_curves.png" in shown


def test_mlflow_has_every_training_and_the_ensemble_names_its_members(first: tuple[Workspace, set[str]]) -> None:
    root = first[0].root
    client = mlflow.MlflowClient(f"sqlite:///{root}/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found = client.search_runs(experiments)
    (whole,) = (run for run in found if run.data.tags["stage"] == "pipeline")
    assert whole.info.run_name.startswith("dvc repro ")
    assert (whole.info.status, "macro_f1" in whole.data.metrics) == ("FINISHED", True)
    runs = {run.info.run_name: run for run in found if run is not whole}
    assert {run.data.tags["mlflow.parentRunId"] for run in runs.values()} == {whole.info.run_id}
    assert not list((root / "tracking").iterdir()), "the outbox is empty"
    firsts = {"face-0", "face-1"}  # teachers of the pseudo-labelled models, which are the members
    assert set(runs) == firsts | {
        "face-pseudo_label-0",
        "face-pseudo_label-1",
        "years-0",
        "years-1",
        "years-refit",
        "ensemble",
    }
    assert runs["face-0"].data.params["heads.gender.loss.name"] == "focal"
    assert len(client.get_metric_history(runs["face-0"].info.run_id, "val_macro_f1")) == 2
    members = {
        key.removeprefix("member_run."): value
        for key, value in runs["ensemble"].data.tags.items()
        if key.startswith("member_run.")
    }
    assert members == {name: run.info.run_id for name, run in runs.items() if name not in {"ensemble", *firsts}}
    kept = {file.path for file in client.list_artifacts(runs["ensemble"].info.run_id)}
    assert {"confusion.png", "metrics.json", "mistakes.jpg", "eval_probabilities.parquet"} <= kept
    assert {"submission.csv", "report.html"} <= kept
    assert "submission_macro_f1" in runs["ensemble"].data.metrics


def test_a_tracked_training_has_the_hashes_that_dvc_writes_later(first: tuple[Workspace, set[str]]) -> None:
    root = first[0].root
    client = mlflow.MlflowClient(f"sqlite:///{root}/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    (run,) = client.search_runs(experiments, "attributes.run_name = 'face-0'")
    logged = json.loads(Path(client.download_artifacts(run.info.run_id, "lock.json")).read_text())
    lock = YAML(typ="safe").load(root / "dvc.lock")["stages"][logged["stage"]]
    for part in ("deps", "outs"):
        written = {each["path"]: each["md5"] for each in lock[part] if not each["path"].startswith("pipeline/")}
        found = {each["path"]: each["md5"] for each in logged[part]}
        assert found == {path: written[path] for path in written if path != "data/crops/shards/train"}
    index = "data/crops/train.parquet"  # has the digest of every crop
    assert content(root / index) == next(each["md5"] for each in lock["deps"] if each["path"] == index)


def test_the_report_knows_at_which_commit_it_was_written(first: tuple[Workspace, set[str]]) -> None:
    results = first[0].root / "results"
    told = (results / written.BESIDE).read_text()
    assert first[0].run("git", "rev-parse", "HEAD")[:10] in told
    digest = written.DIGEST.search((results / "report.html").read_text())
    assert digest
    assert digest[1] in told


def test_no_output_names_the_machine(first: tuple[Workspace, set[str]]) -> None:
    root = first[0].root
    texts = [path for folder in ("data", "models", "results") for path in (root / folder).rglob("*")]
    for path in texts:
        if path.suffix in (".csv", ".json", ".html", ".safetensors"):
            assert str(root).encode() not in path.read_bytes()


def test_changed_test_time_augmentation_trains_nothing(first: tuple[Workspace, set[str]]) -> None:
    workspace, _ = first
    before = {path: hashed for path, hashed in workspace.hashes().items() if path.endswith(".safetensors")}
    assert workspace.repro("exp", "run", "-S", "+tta.years.flip=true") == PREDICTED
    assert before == {path: hashed for path, hashed in workspace.hashes().items() if path.endswith(".safetensors")}
    workspace.run("git", "checkout", "--", "params.yaml")
    assert workspace.repro("repro") == set(), "the run-cache knows the first results"


def test_a_changed_age_setting_runs_age_and_the_stages_after_it(first: tuple[Workspace, set[str]]) -> None:
    workspace, _ = first
    assert workspace.repro("exp", "run", "-S", "models.years.heads.age.loss=mse") == AGE
    workspace.run("git", "checkout", "--", "params.yaml")
    assert workspace.repro("repro") == set(), "the run-cache knows the first results"

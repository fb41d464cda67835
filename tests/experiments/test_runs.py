"""compare: every recipe runs at a small scale, and its figures match its files."""

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.config.params import load
from pipeline.experiments.measures import TrainingCost
from pipeline.foundation.errors import InputError
from pipeline.modeling.members import Member
from pipeline.orchestration import workspace_lock
from pipeline.stages.sample import sample
from pipeline.synthetic.config import Sample
from tests.support.workspace import copy

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the project with a small synthetic data set, as working directory."""
    root = copy(tmp_path_factory.mktemp("project"), "params.yaml", "recipes")
    sample(root / "photos", Sample(people=24, eval_people=4, seed=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root}/mlflow.db")
        patch.setenv("MLFLOW_EXPERIMENT_NAME", "compare")
        yield root


def compare(*words: str) -> str:
    arguments = ["compare", *words, "--data", "photos"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def smoke(project: Path) -> pd.DataFrame:
    """The figures of all recipes at scale smoke, by recipe."""
    compare("--csv", "figures.csv", "--html", "page.html")
    return pd.read_csv("figures.csv", index_col="recipe")


def test_every_recipe_runs_to_a_submission(smoke: pd.DataFrame, project: Path) -> None:
    names = sorted(path.stem for path in (project / "recipes").iterdir())
    assert list(smoke.index) == names
    for name in names:
        assert (project / f"compare/{name}-smoke/results/submission.csv").exists()


def test_figures_are_those_of_the_files(smoke: pd.DataFrame, project: Path) -> None:
    for name, row in smoke.iterrows():
        scores = json.loads((project / f"compare/{name}-smoke/results/ensemble/metrics.json").read_text())
        assert row["macro_f1"] == pytest.approx(scores["macro_f1"])
        assert row["low"] - 1e-6 <= row["macro_f1"] <= row["high"] + 1e-6
    assert smoke["seconds"].gt(0).all()
    assert smoke["images_per_second"].gt(0).all()


def test_only_recipes_with_years_have_an_error_in_years(smoke: pd.DataFrame) -> None:
    assert set(smoke.index[smoke["age_mae"].notna()]) == {
        "ours-cpu",
        "ours-face",
        "ours-foundation",
        "r2b-three-heads",
        "r2c-convnext-gender",
        "r2c-independent",
        "r3c-gender-years",
    }


def test_equal_crops_are_cut_once(smoke: pd.DataFrame, project: Path) -> None:
    packed = {name: (project / f"compare/{name}-smoke/data/crops/train.parquet").resolve() for name in smoke.index}
    assert packed["r3b-kfold-cutmix"] == packed["r4-resnet18-focal"]
    assert packed["r1-podium-b3"] != packed["c-champion"]


def test_what_has_run_is_read_without_running(smoke: pd.DataFrame, project: Path) -> None:
    before = (project / "compare/ours-smoke/run.log").stat().st_mtime_ns
    compare("ours", "r1-podium-b3", "--read", "--csv", "read.csv")
    read = pd.read_csv("read.csv", index_col="recipe")
    pd.testing.assert_frame_equal(read, smoke.loc[["ours", "r1-podium-b3"]])
    assert (project / "compare/ours-smoke/run.log").stat().st_mtime_ns == before


def test_what_has_not_run_is_named() -> None:
    with pytest.raises(InputError, match="compare/ours-full: no such run; leave out --read"):
        compare("ours", "--read", "--scale", "full")


def test_parameters_are_those_of_the_network(smoke: pd.DataFrame, project: Path) -> None:
    from pipeline.modeling import weights

    member = Member(project / "compare/ours-smoke/models", "three", 0)
    network, recipe = weights.load(member.weights)
    assert recipe.config == load(project / "compare/ours-smoke/params.yaml").models["three"]
    assert TrainingCost(member.folder, 0).model == "three"
    assert TrainingCost(member.folder, 0).parameters == sum(tensor.numel() for tensor in network.state_dict().values())


def test_a_refit_has_no_gap_and_unknown_weights_no_time(smoke: pd.DataFrame, project: Path) -> None:
    member = Member(project / "compare/r1-podium-b3-smoke/models", "age")
    copy = shutil.copytree(member.folder, project / "copy")
    assert math.isnan(TrainingCost(copy, 0).gap)
    assert TrainingCost(copy, 0).seconds == TrainingCost(member.folder, 0).seconds > 0, "found by content"
    with (copy / "weights.safetensors").open("ab") as file:
        file.write(b" ")
    assert math.isnan(TrainingCost(copy, 0).seconds)


def test_dvc_runs_a_recipe_once(project: Path) -> None:
    settings = (project / "recipes/r4-resnet18-focal.yaml").read_text()
    Path("tiny.yaml").write_text(settings.replace("resnet18", "test_resnet"))
    compare("tiny.yaml", "--scale", "cpu", "--csv", "first.csv")
    assert (project / ".dvc/cache").is_dir()
    lock = (project / "compare/tiny-cpu/dvc.lock").stat().st_mtime_ns
    compare("tiny.yaml", "--scale", "cpu", "--csv", "second.csv")
    assert (project / "compare/tiny-cpu/dvc.lock").stat().st_mtime_ns == lock
    assert Path("first.csv").read_bytes() == Path("second.csv").read_bytes()


def test_matched_recipes_are_ranked_by_paired_differences(project: Path) -> None:
    settings = (project / "recipes/r4-resnet18-focal.yaml").read_text()
    Path("plain.yaml").write_text(settings.replace("resnet18", "test_resnet"))
    Path("other.yaml").write_text(settings.replace("{name: focal, gamma: 2}", "cross_entropy"))
    words = ("other.yaml", "plain.yaml", "--scale", "matched", "--epochs", "1", "--image-size", "32")
    compare(*words, "--against", "plain", "--csv", "matched.csv", "--submissions", "submissions")
    rows = pd.read_csv("matched.csv", index_col="recipe").to_dict("index")
    scores = [row["macro_f1"] for row in rows.values()]
    assert scores == sorted(scores, reverse=True)
    assert rows["plain"]["verdict"] == "reference"
    assert rows["other"]["difference"] == pytest.approx(rows["other"]["macro_f1"] - rows["plain"]["macro_f1"], abs=1e-6)
    assert rows["other"]["difference_low"] <= rows["other"]["difference"] <= rows["other"]["difference_high"]
    for name in ("plain", "other"):
        config = next(iter(load(project / f"compare/{name}-matched/params.yaml").models.values()))
        assert (config.backbone, config.image_size, config.total_epochs) == ("test_resnet", 32, 1)
        written = (project / f"submissions/{name}.csv").read_text()
        assert written == (project / f"compare/{name}-matched/results/submission.csv").read_text()


def test_a_scale_that_ranks_nothing_shows_no_differences(smoke: pd.DataFrame) -> None:
    assert not {"difference", "verdict"} & set(smoke.columns)
    assert "rank nothing" in Path("page.html").read_text()


def test_a_second_comparison_leaves_the_data_of_the_first_alone(tmp_path: Path) -> None:
    marker = tmp_path / "runs" / "data-smoke" / "in use"
    marker.parent.mkdir(parents=True)
    marker.touch()
    with (
        workspace_lock.held_runs(tmp_path / "runs"),
        pytest.raises(InputError, match=r"another command runs in .*name another --folder"),
    ):
        compare("ours", "--folder", str(tmp_path / "runs"))
    assert marker.exists()


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--backbone", "resnet18"), "resnet18: --backbone, .* belong to --scale matched"),
        (("--scale", "matched", "--against", "our", "--read"), "--against our: not among the recipes; did you mean"),
    ],
)
def test_options_that_do_not_fit_are_refused(words: tuple[str, ...], fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        compare("ours", *words)

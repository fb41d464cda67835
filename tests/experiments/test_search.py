"""search: trials are valid parameters, pruned by epoch, resumed after a kill, and the best is chosen by other seeds."""

import ast
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState
from ruamel.yaml import YAML
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.config import params
from pipeline.experiments import space
from pipeline.foundation.errors import InputError
from tests.support.experiments import tiny_project

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie

PATIENCE = 300
RATE = "models.face.optimizer.learning_rate"
SPACE: dict[str, Any] = {
    "base": "params.yaml",
    "folds": [0],
    "budget": {"trials": 2},
    "prune": None,
    "confirm": {"trials": 1, "seeds": [1], "folds": [1]},
    "space": {RATE: {"log": [1e-4, 1e-1]}, "models.*.mixup": {"choice": [None, {"probability": 0.5, "alpha": 0.4}]}},
}
FILE = Path("search.yaml")


def write(**more: Any) -> None:
    YAML().dump(SPACE | more, FILE)


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the project with a tiny data set, as working directory."""
    with tiny_project(tmp_path_factory.mktemp("project"), "tune") as root:
        yield root


def trials(name: str = "search") -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=name, storage=f"sqlite:///tune/{name}.db").get_trials()


def test_a_killed_search_goes_on_and_the_best_is_scored_on_other_people(project: Path) -> None:
    write()
    command = [sys.executable, "-m", "pipeline", "tune", str(FILE), "--data", "photos"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": str(project)})
    log = project / "tune/search-trial-0/run.log"
    deadline = time.monotonic() + PATIENCE
    while not (log.exists() and "Running stage 'train" in log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [trial.state for trial in trials()] == [TrialState.RUNNING]
    given = trials()[0].params

    result = CliRunner().invoke(app, ["tune", str(FILE), "--data", "photos"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert [trial.state for trial in trials()] == [TrialState.COMPLETE] * 2
    assert trials()[0].params == given, "the trial that was running goes on"
    for trial in trials():
        settings = params.load(Path(f"tune/search-trial-{trial.number}/params.yaml"))
        assert settings.models["face"].optimizer.at(0).learning_rate == trial.params[RATE]
        assert settings.train.folds == (0,)
    found = params.load(Path("tune/search.yaml"))
    assert found.train.folds == (0, 1), "the recipe is the base with other values"
    scored = [params.load(path) for path in Path("tune").glob("search-*-folds-1-1/params.yaml")]
    assert {settings.train.folds for settings in scored} == {(1,)}
    assert {settings.models["face"].seed for settings in scored} == {1}
    assert "fold 1, whose people chose nothing" in result.output
    table = pd.read_csv("tune/search.csv")
    assert table["state"].tolist() == ["complete"] * 2
    assert Path("tune/search.html").read_text().count("<svg") == 2


def test_trials_are_child_runs_with_their_parameters(project: Path) -> None:
    from pipeline import tracking

    client = tracking.connect()
    experiment = client.get_experiment_by_name("tune")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], "tags.stage = 'trial'")
    parents = {run.data.tags["mlflow.parentRunId"] for run in runs}
    assert len(runs) == 2
    assert len(parents) == 1
    assert {artifact.path for run in runs for artifact in client.list_artifacts(run.info.run_id)} == {"params.yaml"}
    pictures = {artifact.path for artifact in client.list_artifacts(parents.pop())}
    assert {"history.png", "slices.png", "search.html", "search.yaml"} <= pictures


def test_a_bad_trial_is_pruned_by_its_first_epochs(project: Path) -> None:
    epochs = {"models.*.epochs": {"choice": [30, 31]}, RATE: {"choice": [3e-3, 1e-9]}}
    write(space=epochs, prune={"startup": 1, "warmup": 0}, budget={"trials": 1})
    FILE.rename("pruned.yaml")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    from pipeline.experiments import search

    this = space.read(Path("pruned.yaml"))
    study = search.study_of(this, f"sqlite:///{project}/tune/pruned.db")
    distributions = {key: search._distribution(each) for key, each in this.file.space.items()}
    good = dict.fromkeys(range(1, 32), 0.9)
    study.add_trial(
        optuna.trial.create_trial(
            params={"models.*.epochs": "30", RATE: "0.003"},
            distributions=distributions,
            value=0.9,
            intermediate_values=good,
        )
    )
    study.enqueue_trial({"models.*.epochs": "30", RATE: "1e-09"})
    search.TrialRunner(
        space.Space(this.path, this.file.model_copy(update={"budget": space.Budget(trials=3)}), this.base),
        study,
        Path("tune"),
        Path("photos"),
        1,
    ).run((), lambda _: None)
    last = study.get_trials()[-1]
    assert last.state == TrialState.PRUNED
    assert len(last.intermediate_values) < 30


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"space": {"models.face.epoch": {"int": [1, 2]}}}, r"space\.models\.face\.epoch: 1: .*unknown key.*'epochs'"),
        ({"space": {"models.face.ema": {"uniform": [0.5, 1.5]}}}, r"space\.models\.face\.ema: 1\.5: .*less than 1"),
        ({"space": {RATE: {"log": [0, 1]}}}, "log: 0 has no logarithm"),
        ({"space": {RATE: {"log": [2, 1]}}}, "log: 2 is not below 1"),
        ({"space": {RATE: {"normal": [2, 1]}}}, "normal: unknown key"),
        ({"space": {RATE: {}}}, r"must be one of choice: \[...\]"),
        ({"budget": {}}, "must have trials or hours"),
        ({"confirm": {"seeds": [1], "folds": [0]}}, "fold 0 is also one of folds"),
        ({"confirm": {"seeds": [777], "folds": [1]}}, "777 is the seed of the search"),
        ({"folds": [7]}, "fold 7|train.folds: 7"),
    ],
)
def test_faults_name_key_and_value_before_anything_runs(more: dict[str, Any], fault: str) -> None:
    write(**more)
    with pytest.raises(InputError, match=fault):
        space.read(FILE)


def test_another_space_does_not_continue_a_study(project: Path) -> None:
    write(space={RATE: {"log": [1e-4, 1e-2]}})
    result = CliRunner().invoke(app, ["tune", str(FILE), "--data", "photos"])
    assert "searches another space; rename search.yaml" in str(result.exception)


def test_a_storage_that_cannot_be_reached_is_named_without_its_password() -> None:
    write()
    address = "postgresql://me:secret@127.0.0.1:9/nothing"
    result = CliRunner().invoke(app, ["tune", str(FILE), "--data", "photos", "--storage", address])
    assert isinstance(result.exception, InputError)
    assert "storage postgresql://127.0.0.1:9/nothing: " in str(result.exception)
    assert "secret" not in str(result.exception)


def test_only_experiments_import_optuna() -> None:
    package = Path(space.__file__).parents[1]
    named = {
        path.relative_to(package).parts[0]
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
        if name and name.partition(".")[0] == "optuna"
    }
    assert named == {"experiments"}

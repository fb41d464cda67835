"""Runs of the whole pipeline: who belongs to which."""

import json
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Run

from pipeline import tracking
from pipeline.formats import tables
from pipeline.foundation.hashes import sha256
from pipeline.orchestration import runner
from pipeline.tracking import pipeline_runs, provenance
from tests.server.processes import PATIENCE


def named(name: str) -> Run:
    (found,) = mlflow.search_runs(
        search_all_experiments=True, filter_string=f"attributes.run_name = '{name}'", output_format="list"
    )
    return found


def becomes(name: str, status: str) -> bool:
    """Whether MLflow shows a run with this status before long: it is uploaded beside the run's process."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        runs = mlflow.search_runs(search_all_experiments=True, output_format="list")
        if (name, status) in [(run.info.run_name, run.info.status) for run in runs]:
            return True
        time.sleep(0.2)
    return False


def test_stages_of_one_run_of_the_pipeline_have_one_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tracking.PIPELINE_RUN, "kubeflow 1")
    for name in ("mask-0", "mask-1"):
        with tracking.run(name, {}, {}, "faces") as run:
            assert becomes("kubeflow 1", "RUNNING")
            run.pipeline.metrics({"macro_f1": 0.5})
    whole = named("kubeflow 1")
    assert {named(name).data.tags[pipeline_runs.PARENT] for name in ("mask-0", "mask-1")} == {whole.info.run_id}
    assert whole.info.status == "FINISHED"
    assert whole.data.metrics == {"macro_f1": 0.5}


def test_a_run_of_the_pipeline_has_failed_when_a_part_of_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tracking.PIPELINE_RUN, "kubeflow 1")
    with pytest.raises(RuntimeError), tracking.run("mask-0", {}, {}, "faces"):
        raise RuntimeError
    assert named("kubeflow 1").info.status == "FAILED"


def test_a_part_that_succeeded_when_it_was_tried_again_has_not_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tracking.PIPELINE_RUN, "kubeflow 1")
    with pytest.raises(RuntimeError), tracking.run("mask-0", {}, {}, "faces"):
        raise RuntimeError
    with tracking.run("mask-0", {}, {}, "faces"):
        pass
    assert named("kubeflow 1").info.status == "FINISHED"
    with pytest.raises(RuntimeError), tracking.run("mask-1", {}, {}, "faces"):
        raise RuntimeError
    with tracking.run("mask-0", {}, {}, "faces"):
        pass
    assert named("kubeflow 1").info.status == "FAILED"


def test_a_member_of_an_earlier_run_is_linked_and_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {}
    for number, name in enumerate(("mask-0", "mask-1"), start=1):
        weights = tmp_path / "weights.safetensors"
        weights.write_text(name)
        digests[name] = sha256(weights)
        monkeypatch.setenv(tracking.PIPELINE_RUN, f"kubeflow {number}")
        with tracking.run(name, {}, {}, "faces") as run:
            run.tag_output(weights)
    with tracking.run("ensemble", {}, {}, "faces") as run:
        run.members(digests)
        run.pipeline.set_description(" and ".join(f"[{name}](sha256:{digest})" for name, digest in digests.items()))
    whole, earlier, own = named("kubeflow 2"), named("mask-0").info, named("mask-1").info
    cached = {key: value for key, value in whole.data.tags.items() if key.startswith("cached.")}
    assert cached == {"cached.mask-0": earlier.run_id}
    assert whole.data.tags["mlflow.note.content"].splitlines()[0] == (
        f"[mask-0](#/experiments/{earlier.experiment_id}/runs/{earlier.run_id}) (from an earlier run) and "
        f"[mask-1](#/experiments/{own.experiment_id}/runs/{own.run_id})"
    )


def test_inputs_are_logged_once_to_a_run_and_to_its_pipeline_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(tracking.PIPELINE_RUN, "kubeflow 1")
    labels, out = tmp_path / "labels.parquet", tmp_path / "out"
    tables.write(pd.DataFrame({"path": ["a"], "person": ["b"]}), labels)
    out.mkdir()
    with tracking.run("ensemble", {}, {}, "faces") as run:
        for each in (run, run.pipeline):
            each.inputs(labels)
        run.lock(out)
    made = named("ensemble")
    told = json.loads(Path(mlflow.MlflowClient().download_artifacts(made.info.run_id, "lock.json")).read_text())
    assert [each["path"] for each in told["deps"]] == [str(labels)]
    for found in (made, named("kubeflow 1")):
        assert found.inputs is not None
        assert [each.dataset.name for each in found.inputs.dataset_inputs] == ["labels.parquet"]


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["python", "-m", "dvc", "repro", "--force"], "dvc repro"),
        (["/usr/bin/python3", "/usr/bin/dvc", "exp", "run", "-S", "a=1"], "dvc exp run"),
        (["dvc", "--verbose", "repro"], "dvc repro"),
        (runner.repro("--single-item", "crop"), "dvc repro"),
        (["bash", "-c", "python -m pipeline train"], ""),
        (["pytest", "tests/test_dvc.py"], ""),
        ([], ""),
    ],
)
def test_a_run_of_dvc_is_known_by_the_words_of_its_process(words: list[str], command: str) -> None:
    assert provenance.dvc_command(words) == command


def test_every_process_below_one_dvc_names_the_same_run(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    (tmp_path / "dvc").write_text(
        "import subprocess, sys\n"
        "code = 'from pipeline.tracking import provenance; print(provenance.pipeline_run())'\n"
        f"for _ in range(2): subprocess.run(['sh', '-c', f'{{sys.executable}} -c {{code!r}}; :'], cwd={str(root)!r})\n"
    )
    command = [sys.executable, str(tmp_path / "dvc"), "repro"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(said) == 2
    assert len(set(said)) == 1
    assert "name='dvc repro 20" in said[0]


def test_changes_since_the_commit_are_flagged_but_for_what_a_run_writes(tmp_path: Path) -> None:
    git = ("git", "-c", "user.name=test", "-c", "user.email=test@example.org")
    (tmp_path / "params.yaml").write_text("a: 1\n")
    (tmp_path / "dvc.lock").write_text("{}\n")
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "all")):
        subprocess.run([*git, *words], check=True)
    (tmp_path / "dvc.lock").write_text("{schema: 2}\n")
    assert provenance.commit()["git_uncommitted_changes"] == "false"
    (tmp_path / "params.yaml").write_text("a: 2\n")
    assert provenance.commit()["git_uncommitted_changes"] == "true"

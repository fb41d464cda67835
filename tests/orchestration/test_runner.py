"""The parallel runner, on small graphs of shell commands that DVC runs for real."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from ruamel.yaml import YAML

from pipeline.foundation.errors import InputError
from pipeline.orchestration import runner
from pipeline.orchestration.runner import Job, Jobs

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie

PATIENCE = 180  # seconds until what does not happen is given up: machines may be busy
UNTIL = f"(for i in $(seq {PATIENCE * 10}); do [ -e {{file}} ] && exit 0; sleep 0.1; done; exit 1)"
SLEEPY = f"""python -c "import os, time; print('process', os.getpid(), flush=True); time.sleep({PATIENCE})" """


class Project:
    """A folder with a dvc.yaml of the given stages."""

    def __init__(self, root: Path, **stages: dict[str, Any]) -> None:
        self.root = root
        root.mkdir(exist_ok=True)
        YAML().dump({"stages": stages}, root / "dvc.yaml")
        self.dvc("init", "--no-scm", "--quiet")
        self.history: list[dict[str, str]] = []

    def dvc(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "dvc", *arguments]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=True).stdout

    def run(self, slots: int = 1, gpus: tuple[int, ...] = ()) -> None:
        runner.run(slots, gpus, show=self._note)

    def states(self) -> dict[str, str]:
        return self.history[-1]

    def lock(self) -> Any:
        return YAML(typ="safe").load(self.root / "dvc.lock")

    def _note(self, jobs: Jobs) -> None:
        """Keep what is shown, and write a file `NAME-STATE` for each stage and state."""
        self.history.append({name: job.state for name, job in jobs.items()})
        for name, job in jobs.items():
            (self.root / f"{name}-{job.state}").touch()


Make = Callable[..., Project]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make a project and go there."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")

    def make(**stages: dict[str, Any]) -> Project:
        made = Project(tmp_path / "project", **stages)
        monkeypatch.chdir(made.root)
        return made

    return make


def writes(name: str, *parents: str, first: str = "true") -> dict[str, Any]:
    """A stage that writes a file of its name after another command."""
    return {"cmd": f"{first}; echo {name} > {name}", "deps": list(parents), "outs": [name]}


def test_stages_that_run_at_once_share_the_cores_and_one_alone_has_them_all(
    project: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = project(
        alone={"cmd": "echo $OMP_NUM_THREADS > alone", "outs": ["alone"]},
        **{name: {"cmd": f"echo $OMP_NUM_THREADS > {name}", "deps": ["alone"], "outs": [name]} for name in "ab"},
    )
    cores = len(os.sched_getaffinity(0))
    shared = str(max(cores // 2, 1))
    for given, expected in ((None, [str(cores), shared, shared]), ("7", ["7"] * 3)):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        if given:
            monkeypatch.setenv("OMP_NUM_THREADS", given)
        shutil.rmtree(".dvc/cache", ignore_errors=True)
        Path("dvc.lock").unlink(missing_ok=True)
        made.run(slots=2)
        assert [Path(name).read_text().strip() for name in ("alone", "a", "b")] == expected


def test_the_python_of_a_command_is_the_one_that_runs_it(project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    made = project(who={"cmd": "python -c 'import sys; print(sys.prefix)' > who", "outs": ["who"]})
    monkeypatch.setenv("PATH", os.defpath)  # as without an activated environment
    made.run()
    assert Path((made.root / "who").read_text().strip()).samefile(sys.prefix)


def test_a_run_leaves_the_lock_of_dvc_repro_and_a_second_run_runs_nothing(project: Make, tmp_path: Path) -> None:
    stages = {"a": writes("a"), "b": writes("b", "a"), "c": writes("c", "a"), "d": writes("d", "b", "c")}
    here, elsewhere = project(**stages), Project(tmp_path / "elsewhere", **stages)
    here.run(slots=2)
    assert here.states() == dict.fromkeys("abcd", "done")
    elsewhere.dvc("repro")
    assert here.lock() == elsewhere.lock()
    assert "up to date" in here.dvc("status")
    here.run(slots=4)
    assert here.states() == dict.fromkeys("abcd", "unchanged")


def test_stages_that_do_not_need_each_other_run_at_once_on_gpus_of_their_own(project: Make) -> None:
    meet = {
        name: {"cmd": f"touch here-{name}; echo $CUDA_VISIBLE_DEVICES > {name}; {UNTIL.format(file=f'here-{other}')}"}
        | {"outs": [name]}
        for name, other in ("ab", "ba")
    }
    made = project(**meet)
    made.run(slots=2, gpus=(3, 5))
    assert {(made.root / name).read_text().strip() for name in "ab"} == {"3", "5"}


def test_no_more_run_at_once_than_asked_for(project: Make) -> None:
    made = project(a=writes("a"), b=writes("b"), c=writes("c"))
    made.run(slots=2)
    assert max(list(states.values()).count("running") for states in made.history) == 2


def test_a_job_that_ends_while_the_others_are_shown_is_not_the_last(tmp_path: Path) -> None:
    first = Job("first", ["sleep", "0.5"], tmp_path / "first.log")
    second = Job("second", ["true"], tmp_path / "second.log", parents=("first",))

    def show(jobs: Jobs) -> None:
        if (process := jobs["first"].process) is not None:
            process.wait()

    runner.run_jobs({"first": first, "second": second}, 1, (), show)
    assert [job.state for job in (first, second)] == ["unchanged", "unchanged"]


def test_after_a_failure_nothing_new_starts_and_what_runs_is_finished(project: Make) -> None:
    made = project(
        bad={"cmd": "echo it is broken; exit 3"},
        slow=writes("slow", first=UNTIL.format(file="bad-failed")),
        later=writes("later", "slow"),
    )
    with pytest.raises(InputError, match=r"1 failed and 1 not started of 3 stages\nbad: see logs/bad.log") as failure:
        made.run(slots=2)
    assert "it is broken" in str(failure.value)
    assert made.states() == {"bad": "failed", "slow": "done", "later": "waiting"}
    assert set(made.lock()["stages"]) == {"slow"}
    assert "slow > slow" in (made.root / "logs" / "slow.log").read_text()
    assert not (made.root / "logs" / "later.log").exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_ends_what_it_has_started_and_can_go_on(project: Make, how: signal.Signals) -> None:
    made = project(quick=writes("quick"), slow=writes("slow", "quick", first=SLEEPY))
    shutil.copy(Path(__file__).parents[2] / "params.yaml", made.root)
    address = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}  # nobody asks it
    command = [sys.executable, "-m", "pipeline", "run"]
    path = {"PYTHONPATH": str(Path(runner.__file__).parents[2])}
    process = subprocess.Popen(
        command, env=os.environ | address | path, stdout=subprocess.PIPE, text=True, preexec_fn=heed_interrupts
    )
    sleeper = pid_in(made.root / "logs" / "slow.log")
    process.send_signal(how)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "finished stages are kept" in output
    with pytest.raises(ProcessLookupError):
        os.kill(sleeper, 0)
    assert set(made.lock()["stages"]) == {"quick"}
    YAML().dump({"stages": {"quick": writes("quick"), "slow": writes("slow", "quick")}}, made.root / "dvc.yaml")
    made.run()
    assert made.states() == {"quick": "unchanged", "slow": "done"}


def test_stages_end_with_a_run_that_is_killed_and_the_next_run_can_start(project: Make) -> None:
    made = project(slow=writes("slow", first=SLEEPY))
    code = "from pipeline.orchestration import runner; runner.run(1, show=print)"
    path = {"PYTHONPATH": str(Path(runner.__file__).parents[2])}
    process = subprocess.Popen([sys.executable, "-c", code], env=os.environ | path, stdout=subprocess.DEVNULL)
    sleeper = pid_in(made.root / "logs" / "slow.log")
    with pytest.raises(InputError, match=rf"others are at work in .*\n  process {process.pid}: .*runner.run"):
        made.run()
    started = psutil.Process(process.pid).children(recursive=True)
    assert sleeper in {child.pid for child in started}
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(started, timeout=PATIENCE)
    assert not alive
    YAML().dump({"stages": {"slow": writes("slow")}}, made.root / "dvc.yaml")
    made.run()
    assert made.states() == {"slow": "done"}


def heed_interrupts() -> None:
    """Undo what a shell does to programs in the background, which ignore Ctrl-C, and what `nohup` does."""
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_DFL)


def pid_in(log: Path) -> int:
    """The process id in a log, as soon as it is there."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if log.exists() and (found := re.search(r"^process (\d+)$", log.read_text(), re.MULTILINE)):
            return int(found[1])
        time.sleep(0.1)
    raise AssertionError(f"{log} names no process")

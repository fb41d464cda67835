"""forkserver: a process that it starts is like one that was started anew, but for what is imported already."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.foundation import forkserver
from pipeline.foundation.forkserver import Forkserver, Process
from pipeline.foundation.processes import LIBRARIES, THREADS, environment

ROOT = Path(__file__).parents[2]
PATIENCE = 120  # seconds
TOLD = """
    import atexit, os, signal, sys, threading
    import helper  # of this folder
    atexit.register(print, "the end")
    print(sys.argv[1:], os.path.basename(sys.argv[0]), __name__, __spec__ and __spec__.name, sys.path[0], os.getcwd())
    ours = ("PIPELINE_FORKSERVER", "PIPELINE_ASKED_BY")
    print(sorted((name, value) for name, value in os.environ.items() if name not in ours))
    print(repr(sys.stdin.read()), sys.stdout.isatty(), os.getpgrp() == os.getpid(), helper.WHERE)
    print([signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGCHLD)])
    print(sorted(os.listdir("/proc/self/fd"))[:3], len(os.listdir("/proc/self/fd")), threading.active_count())
    sys.stderr.write("an error\\n")
    sys.exit(int(sys.argv[1]))
"""

pytestmark = pytest.mark.skipif(not forkserver.FORKS, reason="forks on Linux only")
Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a program; returns its folder."""

    def write(name: str, code: str) -> Path:
        (tmp_path / name).write_text(textwrap.dedent(code))
        return tmp_path

    return write


@pytest.fixture(scope="module")
def server() -> Iterator[Forkserver]:
    with Forkserver(environment(), ["colorsys", "numpy", "threadpoolctl", "no_such_module"]) as server:
        yield server


def ran(server: Forkserver, folder: Path, *words: str, variables: dict[str, str] | None = None) -> tuple[int, str]:
    log = folder / "log"
    process = server.start([sys.executable, *words], folder, environment() | (variables or {}), log)
    return process.wait(), log.read_text()


@pytest.mark.parametrize("words", [("-m", "told"), ("./told.py",)])
@pytest.mark.parametrize("status", [0, 3])
def test_a_forked_process_is_as_one_started_anew(
    server: Forkserver, write: Write, words: tuple[str, ...], status: int
) -> None:
    write("helper.py", "WHERE = __file__")
    folder, command = write("told.py", TOLD), (*words, str(status), "--given", "a b")
    anew = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment() | {"GIVEN": "ü"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert ran(server, folder, *command, variables={"GIVEN": "ü"}) == (anew.returncode, anew.stdout)
    assert anew.returncode == status
    assert anew.stdout.endswith("the end\n")


def test_it_has_the_modules_that_the_server_has_imported(server: Forkserver, write: Write) -> None:
    folder = write("seen.py", "import sys, time\nprint('colorsys' in sys.modules, 'helper' in sys.modules)")
    end = time.monotonic() + PATIENCE
    while ran(server, folder, "-m", "seen") != (0, "True False\n"):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_module_of_the_folder_is_taken_before_an_imported_one(server: Forkserver, write: Write) -> None:
    write("colorsys.py", "WHERE = 'here'")
    folder = write("who.py", "import colorsys\nprint(colorsys.WHERE)")
    assert ran(server, folder, "-m", "who") == (0, "here\n")


def test_each_process_imports_the_modules_of_its_own_folder(server: Forkserver, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "which.py").write_text(f"print({name!r})")
        assert ran(server, tmp_path / name, "-m", "which") == (0, f"{name}\n")


@pytest.mark.parametrize(
    ("code", "status", "printed"),
    [
        ("raise SystemExit('it is broken')", 1, "it is broken"),
        ("raise ValueError('it is broken')", 1, "ValueError: it is broken"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
        ("import os; os._exit(7)", 7, ""),
        ("import threading, time; threading.Thread(target=lambda: (time.sleep(.3), print('late'))).start()", 0, "late"),
    ],
)
def test_ends_are_told(server: Forkserver, write: Write, code: str, status: int, printed: str) -> None:
    returned, said = ran(server, write("end.py", code), "-m", "end")
    assert returned == status
    assert said.strip().endswith(printed)


def test_another_program_is_started_anew_and_a_missing_one_says_so(server: Forkserver, tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert server.start(["sh", "-c", "echo $A; exit 4"], tmp_path, {"A": "given", "PATH": os.defpath}, log).wait() == 4
    assert log.read_text() == "given\n"
    assert server.start(["/no/such/program"], tmp_path, {}, log).wait() == 1
    assert "No such file or directory: '/no/such/program'" in log.read_text()


def test_libraries_compute_with_the_threads_of_the_process_and_not_of_the_server(
    server: Forkserver, write: Write
) -> None:
    code = "import numpy, threadpoolctl\nprint([each['num_threads'] for each in threadpoolctl.threadpool_info()])"
    folder = write("threads.py", code)
    for number in ("1", "2"):
        assert ran(server, folder, "-m", "threads", variables={THREADS: number}) == (0, f"[{number}]\n")


SLEEPY = "import os, subprocess, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)"


def first_line(log: Path) -> str:
    end = time.monotonic() + PATIENCE
    while "\n" not in (text := log.read_text() if log.exists() else ""):
        assert time.monotonic() < end
        time.sleep(0.05)
    return text.partition("\n")[0]


def started(server: Forkserver, folder: Path) -> Process:
    process = server.start([sys.executable, "-m", "sleepy"], folder, environment(), folder / "log")
    assert int(first_line(folder / "log")) == process.pid
    assert process.poll() is None
    return process


def test_what_runs_ends_with_the_block(write: Write) -> None:
    folder = write("sleepy.py", SLEEPY)
    with Forkserver(environment()) as server:
        process = started(server, folder)
    assert not psutil.pid_exists(process.pid)
    assert process.wait() in (-signal.SIGINT, -signal.SIGTERM)  # a shell in the background has SIGINT ignored
    assert not Path(server.address).parent.exists()


def test_without_its_server_a_process_is_ended(write: Write) -> None:
    folder = write("sleepy.py", SLEEPY)
    with Forkserver(environment()) as server:
        process = started(server, folder)
        psutil.Process(process.pid).parent().kill()
        assert process.wait() == -signal.SIGKILL
        psutil.wait_procs([psutil.Process(process.pid)] if psutil.pid_exists(process.pid) else [], PATIENCE)
        with pytest.raises(OSError, match="refused"):
            started(server, folder)


def test_a_killed_process_leaves_no_socket_of_its_server(write: Write) -> None:
    code = """
        import os, signal, sys
        from pipeline.foundation.forkserver import Forkserver
        with Forkserver(dict(os.environ)) as server:
            print(server.address, flush=True)
            sys.stdin.read()
    """
    command = [sys.executable, str(write("asking.py", code) / "asking.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment() | {"PYTHONPATH": str(ROOT)}
    ) as asking:
        assert asking.stdout
        folder = Path(asking.stdout.readline().strip()).parent
        assert folder.is_dir()
        asking.kill()
    end = time.monotonic() + PATIENCE
    while folder.exists():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_an_import_is_broken_off_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(f"open({str(tmp_path / 'begun')!r}, 'w')\nwhile True: pass")
    with Forkserver(environment() | {"PYTHONPATH": str(tmp_path)}, ["endless"]):
        end = time.monotonic() + PATIENCE
        while not (tmp_path / "begun").exists():
            assert time.monotonic() < end
            time.sleep(0.05)


def test_what_outlives_the_server_goes_on(write: Write) -> None:
    folder = write("sleepy.py", SLEEPY)
    with Forkserver(environment()) as server, (folder / "log").open("w") as log:
        command = [sys.executable, "-m", "sleepy"]
        streams = [0, log.fileno(), log.fileno()]
        process = forkserver.start(server.address, command, folder, environment(), streams, outlives=True)
        first_line(folder / "log")
    lasting = psutil.Process(process.pid)
    assert lasting.is_running()
    lasting.kill()
    lasting.wait(PATIENCE)


def test_a_request_that_breaks_off_stops_nothing(server: Forkserver, write: Write) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(server.address)
        socket.send_fds(connection, [b'{"command"'], [0, 1, 2])
    assert ran(server, write("quick.py", "print(1)"), "-m", "quick") == (0, "1\n")


def test_a_folder_for_temporary_files_with_a_long_name_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    long = tmp_path / ("long" * 25)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with pytest.raises(OSError, match="set TMPDIR to another folder"), Forkserver(environment()):
        pass
    assert not list(long.iterdir())


def test_all_that_stages_import_is_imported_ahead() -> None:
    root = Path(__file__).parents[2]
    code = f"""
        import importlib, pkgutil, sys
        from pathlib import Path
        for name in {LIBRARIES}: importlib.import_module(name)
        ahead = {{name.partition(".")[0] for name in sys.modules}}
        import pipeline.stages
        for each in pkgutil.iter_modules(pipeline.stages.__path__, "pipeline.stages."):
            importlib.import_module(each.name)
        import pipeline.tracking.uploader, pipeline.tracking.sender
        top = {{name.partition(".")[0] for name in sys.modules}} - ahead - set(sys.stdlib_module_names)
        print(sorted(name for name in top if not name.startswith("_")))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, cwd=root, env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "['pipeline']\n"

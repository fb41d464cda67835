"""A process that starts others by forking itself, after it has imported what they are going to import.

    with Forkserver(environment, ["torch", "timm"]) as server:
        process = server.start([sys.executable, "-m", "train"], folder, environment, log)

Half of the time of a short stage goes into importing torch and others, and a pipeline has dozens of stages. A forked
process has them. All else is as in one that was started anew: folder, environment, arguments, output, process group and
end. The server imports installed packages only and does nothing with them, so that a process finds none of its parent's
threads, and imports the modules of its own folder. It imports while it has nothing to start; nobody waits for it.

What no Python runs is started anew, and so is everything elsewhere than on Linux: macOS's own libraries end a process
that uses them after a fork. Processes end with the one that made the server, however it dies.

This file is also the server's program; it needs nothing but the standard library.
"""

import errno
import gc
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, Self

ADDRESS = "PIPELINE_FORKSERVER"  # of the server that may start the commands of a process
ASKED_BY = "PIPELINE_ASKED_BY"  # number of the process that has asked for this one, whose parent is the server
THREADS = "OMP_NUM_THREADS"  # read by libraries when they are loaded; a forked process sets theirs
FORKS = sys.platform == "linux"
GRACE = 10.0  # seconds between two signals
TICK = 0.05  # seconds between two looks for processes that have ended
LONGEST = 100  # bytes of a socket's path; Linux takes 107, macOS 103
STREAMS = (0, 1, 2)  # of a process: input, output, errors


class Process:
    """A process that a server has started, with what `subprocess.Popen` offers of it.

    Attributes:
        pid: Its number; that of its process group too, unless it was started in another.
        returncode: None while it runs, then its exit status, or the negative number of the signal that ended it.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._answers = connection.makefile("r")
        started = self._answers.readline()
        if not started:
            raise ConnectionResetError(errno.ECONNRESET, "the process that starts others has ended")
        self.pid = int(started)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, if it has ended. Without its server nobody would learn of its end: it is ended then."""
        if self.returncode is None and select.select([self._answers], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self) -> int:
        """Wait for its end; returns its exit status."""
        if self.returncode is None:
            answer = self._answers.readline()
            if not answer:
                self.kill()
            self.returncode = int(answer or -signal.SIGKILL)
            self._answers.close()
        return self.returncode

    def communicate(self) -> None:
        """Wait for its end."""
        self.wait()

    def kill(self) -> None:
        """Send it SIGKILL, unless its end has been seen."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class Forkserver:
    """The server, for as long as the block of the context manager; then what it has started is ended.

    Args:
        environment: Its environment; what libraries read of it when they are imported holds for all processes.
        modules: Installed modules to import, in this order. One that is missing is left out.
    """

    def __init__(self, environment: Mapping[str, str], modules: Sequence[str] = ()) -> None:
        self._environment = environment
        self._modules = modules

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="forkserver-")))
            self.address = str(folder / "socket")
            if len(os.fsencode(self.address)) > LONGEST:
                raise OSError(errno.ENAMETOOLONG, "too long for a socket; set TMPDIR to another folder", self.address)
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(self.address)
            listener.listen(128)
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(listener.fileno()), *self._modules],
                env=self._environment,
                stdin=subprocess.PIPE,  # closed when this process ends, even if it is killed
                stdout=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
            stack.callback(self._stop)
            listener.close()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _stop(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.terminate()  # in the middle of an import, which would take seconds
        self._process.wait()

    def start(self, command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path) -> Process:
        """Start a command in a process group of its own, without input, and with its output in a file.

        Commands that it starts may use this server: `ADDRESS` is in its environment.
        """
        with Path(os.devnull).open() as nothing, log.open("wb") as output:
            streams = [nothing.fileno(), output.fileno(), output.fileno()]
            return start(self.address, command, folder, {**environment, ADDRESS: self.address}, streams)


@contextmanager
def offered(environment: Mapping[str, str], modules: Sequence[str] = ()) -> Iterator[None]:
    """A `Forkserver` for this process and all that it starts: its `ADDRESS` is in the environment."""
    with Forkserver(environment, modules) as server:
        before = os.environ.get(ADDRESS)
        os.environ[ADDRESS] = server.address
        try:
            yield
        finally:
            del os.environ[ADDRESS]
            os.environ.update({ADDRESS: before} if before else {})


def start(
    address: str,
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    streams: Sequence[int] = STREAMS,
    group: int = 0,
    outlives: bool = False,
) -> Process:
    """Have the server at an address start a command.

    Args:
        address: The server's.
        command: Its words.
        folder: Where it runs.
        environment: Its whole environment.
        streams: Files of its input, output and errors; by default those of this process.
        group: Its process group, if it is one that the server has made and that is still there; otherwise a new one.
        outlives: It may outlive the server, and is not ended with it.

    Raises:
        OSError: When there is no server.
    """
    variables = {**environment, ASKED_BY: str(os.getpid())}
    request = _Request(list(command), str(folder), variables, group, outlives)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [f"{json.dumps(request._asdict())}\n".encode()], list(streams))
        return Process(connection)


class _Request(NamedTuple):
    command: list[str]
    folder: str
    environment: dict[str, str]
    group: int
    outlives: bool


class _Task(NamedTuple):
    """What a started process is to run, and its input, output and errors."""

    request: _Request
    streams: list[int]
    group: int


class _BrokenOffError(BaseException):
    """An import is not to be finished."""


class _Server:
    """The server's side.

    Attributes:
        listener: The socket that processes are asked for at.
        modules: What is still to be imported.
        running: Whom to tell how a process has ended, by its number.
        outliving: Those among the running that are not ended with the server.
    """

    def __init__(self, listener: socket.socket, modules: Sequence[str]) -> None:
        self.listener = listener
        self.modules = list(modules)
        self.running: dict[int, socket.socket] = {}
        self.outliving: set[int] = set()
        self.importing = False
        signal.signal(signal.SIGTERM, self._break_off)

    def serve(self) -> _Task | None:
        """Start what is asked for until the input ends. Returns None then; and in a started process, its task."""
        lifeline, listener = sys.stdin.fileno(), self.listener.fileno()
        while True:
            ready, _, _ = select.select([listener, lifeline], [], [], 0 if self.modules else TICK)
            if lifeline in ready:
                self._end()
                return None
            if listener in ready:
                if task := self._start():
                    return task
            elif self.modules:
                self._import(self.modules.pop(0))
            self._tell()

    def _start(self) -> _Task | None:
        """Start a process; returns its task in it."""
        connection, _ = self.listener.accept()
        request, streams = _receive(connection)
        if request is None:
            for stream in streams:
                os.close(stream)
            connection.close()
            return None
        group = request.group if _is_of_this_session(request.group) else 0
        pid = _fork()
        self.running[pid] = connection
        if not pid:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            for each in (self.listener, *self.running.values()):
                each.close()
            return _Task(request, streams, group)
        with suppress(ProcessLookupError, PermissionError):  # it has ended, or has done so itself
            os.setpgid(pid, group)  # by both, so that the group is there before anybody signals it
        if request.outlives:
            self.outliving.add(pid)
        for stream in streams:
            os.close(stream)
        _answer(connection, pid)
        return None

    def _import(self, module: str) -> None:
        """Import a module, without what it prints; one that cannot be imported fails where it is used."""
        errors = os.dup(2)
        os.dup2(1, 2)  # the server's output goes nowhere
        with suppress(Exception, _BrokenOffError):
            self.importing = True
            try:
                import_module(module)
            finally:
                self.importing = False
        os.dup2(errors, 2)
        os.close(errors)

    def _break_off(self, *_: object) -> None:
        if self.importing:
            self.importing = False
            raise _BrokenOffError

    def _end(self) -> None:
        """End the groups of all processes that are to end with the server, and remove its socket."""
        groups = {os.getpgid(pid) for pid in self.running.keys() - self.outliving} - {os.getpgrp()}
        for how in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            patience = time.monotonic() + GRACE
            for group in groups:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, how)
            while time.monotonic() < patience and any(_is_alive(group) for group in groups):
                self._tell()
                time.sleep(TICK)
        folder = Path(self.listener.getsockname()).parent
        shutil.rmtree(folder, ignore_errors=True)  # its maker may have been killed

    def _tell(self) -> None:
        """Tell those who asked for the processes that have ended."""
        for pid, code in _ended(self.running):
            self.outliving.discard(pid)
            with self.running.pop(pid) as connection:
                _answer(connection, code)


def main() -> None:
    """The server; and what it starts, which returns from it as another process."""
    if sys.path[0] == str(Path(__file__).parent):
        del sys.path[0]
    gc.disable()
    task = _Server(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:] if FORKS else []).serve()
    if task:
        _become(*task)


def _receive(connection: socket.socket) -> tuple[_Request | None, list[int]]:
    """What is asked for, None if the one who asks has ended; and its input, output and errors."""
    received, streams, _, _ = socket.recv_fds(connection, 1 << 16, len(STREAMS))
    while not received.endswith(b"\n"):
        more = connection.recv(1 << 16)
        if not more:
            return None, streams
        received += more
    return _Request(**json.loads(received)), streams


def _answer(connection: socket.socket, number: int) -> None:
    with suppress(OSError):  # who asked may have ended
        connection.sendall(f"{number}\n".encode())


def _fork() -> int:
    with warnings.catch_warnings():  # of threads: those of OpenBLAS, which is prepared for a fork
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _is_of_this_session(process: int) -> bool:
    try:
        return process > 0 and os.getsid(process) == os.getsid(0)
    except ProcessLookupError:
        return False


def _ended(running: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The processes that have ended, and how."""
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            yield pid, os.waitstatus_to_exitcode(status)


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS, of processes that have ended
        return False
    return True


def _become(request: _Request, streams: Sequence[int], group: int) -> None:
    """Run the command of a request: in this process if it is Python's and nothing imported here stands in its way."""
    for number, stream in zip(STREAMS, streams, strict=True):
        os.dup2(stream, number)
        os.close(stream)
    os.setpgid(0, group)
    os.chdir(request.folder)
    own_threads = os.environ.get(THREADS)
    os.environ.clear()
    os.environ.update(request.environment)
    how, *words = request.command[1:] or [""]
    of_python = FORKS and request.command[0] == sys.executable and (how == "-m" or how.endswith(".py"))
    folder = Path(request.folder) if how == "-m" else Path(how).resolve().parent
    if not of_python or _is_shadowed(folder):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execvpe(request.command[0], request.command, request.environment)
    gc.freeze()
    gc.enable()
    if (threads := os.environ.get(THREADS)) != own_threads and threads:
        _use_threads(int(threads))
    named = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path not in sys.path]
    sys.path[:0] = [str(folder), *named]
    if how == "-m":
        sys.argv = words
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [how, *words]
        runpy.run_path(how, run_name="__main__")


def _is_shadowed(folder: Path) -> bool:
    """Whether modules that this process has from elsewhere would be imported from a folder by its programs."""
    names = {name.partition(".")[0] for name in sys.modules}
    return any((folder / f"{name}.py").exists() or (folder / name / "__init__.py").exists() for name in names)


def _use_threads(number: int) -> None:
    """Have the libraries that are here compute with so many threads."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(number)
    if threadpoolctl := sys.modules.get("threadpoolctl"):
        threadpoolctl.threadpool_limits(number)


if __name__ == "__main__":
    main()

"""Everything in pipeline/ that writes a file does so whole or not at all, through `pipeline.foundation.files`."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "pipeline"
PATH_WRITERS = {"write_text", "write_bytes"}
"""Methods of the path that is written."""
SAVERS = {"save", "savefig", "savez", "savez_compressed", "imwrite", "tofile", "save_file", "save_model"}
"""Functions that take the path or the open file as an argument."""
INTO_MEMORY = {"save"}
"""Pillow's, which does not see that a full disk takes a part of a JPEG: to a buffer, and then to the file."""
OWN = {"plots", "weights", "checkpoint"}
"""What in pipeline/ has a function `save`, which goes through `replacing` itself."""
EXCEPTIONS = {  # what is written in place, and why that is safe
    "tracking/outbox.py": "appends to a journal whose damaged tail is set aside; an empty lock file",
    "orchestration/workspace_lock.py": "a lock file, with the name of the process that holds it",
    "foundation/forkserver.py": "the log of a running stage",
    "experiments/runs.py": "the log of a running command",
    "registry/versions.py": "an empty lock file",
    "registry/registration.py": "a temporary folder that is uploaded",
    "registry/candidate.py": "a temporary folder that is uploaded",
    "tracking/runs.py": "a temporary folder that is uploaded",
    "orchestration/remote.py": "a workspace that lasts as long as its task",
    "orchestration/workspace.py": "a workspace that lasts as long as its task, or a temporary folder that is compiled",
    "orchestration/dependencies.py": "DVC's `save` of a dependency, which computes its hash and writes no file",
    "experiments/search.py": "an empty lock file",
    "registry/export/forms.py": "ONNX's own writer, to the path that `replacing` yields, and OpenVINO's, to others",
    "dataset/shard_writer.py": "an archive, at the path that `replacing` yields",
    "orchestration/kubeflow/ending.py": "an output of KFP, which uploads it when the task has ended well",
    "orchestration/kubeflow/fetching.py": "a scratch copy of a task",
    "orchestration/kubeflow/artifacts.py": "an output of KFP, which uploads it when the task has ended well",
}


def in_place(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls that write to a path, except to `partial`, which `replacing` yields, and those of the module `files`."""
    buffers = set(_buffers(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            opened = node.func.attr in PATH_WRITERS or (node.func.attr == "open" and _writes(node))
            if opened and not _is_named(node.func.value, "partial", "files"):
                yield node
            saved = node.func.attr in SAVERS and not _is_named(node.func.value, *OWN)
            allowed = buffers if node.func.attr in INTO_MEMORY else {"partial", *buffers}
            if saved and not any(_is_named(argument, *allowed) for argument in node.args):
                yield node


def _buffers(tree: ast.AST) -> Iterator[str]:
    """Names of variables that hold a file in memory, e.g. `buffer = BytesIO()`."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id="BytesIO" | "StringIO"))):
                yield name


def _writes(call: ast.Call) -> bool:
    modes = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return any(set(mode) & set("wax") and len(mode) < 4 for mode in modes)


def _is_named(node: ast.expr, *names: str) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def test_files_are_written_whole_or_not_at_all() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(True for _ in in_place(ast.parse(path.read_text())))
    }
    assert found - set(EXCEPTIONS) == set()
    assert set(EXCEPTIONS) - found == set(), "exceptions that are none"

"""Everything in pipeline/ that writes a file does so whole or not at all, through `pipeline.foundation.files`."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "pipeline"
WRITERS = {"write_text", "write_bytes"}
EXCEPTIONS = {  # what is written in place, and why that is safe
    "tracking/outbox.py": "appends to a journal whose damaged tail is set aside; an empty lock file",
    "orchestration/runner.py": "the log of a running stage",
    "experiments/runs.py": "the log of a running command",
    "registry/versions.py": "an empty lock file",
    "registry/registration.py": "a temporary folder that is uploaded",
    "registry/candidate.py": "a temporary folder that is uploaded",
    "tracking/runs.py": "a temporary folder that is uploaded",
    "orchestration/remote.py": "a workspace that lasts as long as its task",
    "orchestration/kubeflow/ending.py": "an output of KFP, which uploads it when the task has ended well",
    "orchestration/kubeflow/fetching.py": "a scratch copy of a task",
    "orchestration/kubeflow/artifacts.py": "an output of KFP, which uploads it when the task has ended well",
}


def in_place(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls that write to a path, but for one named `partial`, which `replacing` gives, and those of `files`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            target = node.func.value
            partial = isinstance(target, ast.Name) and target.id in ("partial", "files")
            modes = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            opens = node.func.attr == "open" and any(set(mode) & set("wax") and len(mode) < 4 for mode in modes)
            if (node.func.attr in WRITERS or opens) and not partial:
                yield node


def test_files_are_written_whole_or_not_at_all() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(True for _ in in_place(ast.parse(path.read_text())))
    }
    assert found - set(EXCEPTIONS) == set()
    assert set(EXCEPTIONS) - found == set(), "exceptions that are none"

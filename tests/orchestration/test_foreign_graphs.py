"""The parallel runner on graphs of other projects: it leaves every byte that `dvc repro` leaves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.foundation.errors import InputError
from pipeline.orchestration import locks, plan, runner

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie

WORDS = {
    "params.yaml": "languages: [en, fr, ko]\ntop: 2\n",
    "corpus/en.txt": "the cat and the dog\n",
    "corpus/fr.txt": "le chat et le chien\n",
    "corpus/ko.txt": "x y x\n",
    "dvc.yaml": """
vars: [{suffix: counts}]
stages:
  total:
    desc: Sums up; it comes first in the file and last in the graph.
    cmd: sleep 0.1; cat ${suffix}/*/* > total.txt; echo '{"lines":' $(wc -l < total.txt) '}' > total.json
    deps: [counts]
    outs: [total.txt]
    metrics: [{total.json: {cache: false}}]
  count:
    matrix:
      language: ${languages}
      size: [2, 3]
    cmd: mkdir -p ${suffix}/${item.language}; head -c ${item.size} < corpus/${item.language}.txt >
      ${suffix}/${item.language}/${item.size}
    deps: ["corpus/${item.language}.txt"]
    params: [top]
    outs: ["counts/${item.language}/${item.size}"]
  upper:
    foreach: ${languages}
    do:
      cmd: tr a-z A-Z < corpus/${item}.txt > upper-${item}.txt
      deps: ["corpus/${item}.txt"]
      outs: [{"upper-${item}.txt": {desc: in capitals}}]
""",
}
KEPT = {
    "raw.csv": "x,y\n1,2\n2,3\n",
    "old.txt": "of another year\n",
    "dvc.yaml": """
stages:
  plot:
    cmd: sleep 0.1; cp table.csv curve.csv; cp table.csv loss.csv
    deps: [table.csv]
    plots: [{curve.csv: {x: x, y: y}}, loss.csv]
  grow:
    desc: Its output stays from one run to the next.
    cmd: echo more >> log.txt
    deps: [raw.csv]
    outs: [{log.txt: {persist: true}}]
  clock:
    cmd: echo tick > tick.txt
    always_changed: true
    outs: [{tick.txt: {cache: false}}]
  old:
    cmd: echo old > old.txt
    frozen: true
    deps: [raw.csv]
    outs: [old.txt]
  table:
    cmd: cp raw.csv table.csv
    deps: [raw.csv, tick.txt]
    outs: [table.csv]
plots:
  - curve.csv: {x: x, y: y, title: The curve}
""",
}
NESTED = {
    "data/words.txt": "one\ntwo\n",
    "prepare/dvc.yaml": """
stages:
  sort: {cmd: sort ../data/words.txt > sorted.txt, deps: [../data/words.txt], outs: [sorted.txt]}
  reverse: {cmd: sleep 0.1; tac ../data/words.txt > reversed.txt, deps: [../data/words.txt], outs: [reversed.txt]}
  unused: {cmd: echo unused > unused.txt, outs: [unused.txt]}
""",
    "dvc.yaml": """
stages:
  z: {wdir: results, cmd: cat ../prepare/sorted.txt > z, deps: [../prepare/sorted.txt], outs: [z]}
  a: {cmd: cat prepare/reversed.txt results/z > a, deps: [prepare/reversed.txt, results/z], outs: [a]}
""",
    "results/.keep": "",
}
GRAPHS = {"words": (WORDS, ()), "kept": (KEPT, ()), "nested": (NESTED, ("data/words.txt",))}


def project(root: Path, name: str) -> Path:
    """Write a graph's files, and have DVC track its data."""
    files, tracked = GRAPHS[name]
    for file, text in files.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text)
    dvc(root, "init", "--no-scm", "--quiet")
    for path in tracked:
        dvc(root, "add", "--quiet", path)
    return root


def dvc(root: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "dvc", *arguments]
    subprocess.run(command, cwd=root, capture_output=True, check=True)


def contents(root: Path) -> dict[str, bytes]:
    """Every file of a project but DVC's own and logs."""
    own = {".dvc", "logs"}
    files = [path for path in root.rglob("*") if path.is_file() and path.relative_to(root).parts[0] not in own]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


@pytest.mark.parametrize("name", GRAPHS)
def test_any_graph_is_left_as_dvc_repro_leaves_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    here, elsewhere = project(tmp_path / "here", name), project(tmp_path / "elsewhere", name)
    monkeypatch.chdir(here)
    runner.run(slots=3)
    dvc(elsewhere, "repro")
    assert contents(here) == contents(elsewhere)
    assert (here / "dvc.lock").exists()

    changed = next(file for file in GRAPHS[name][0] if file.endswith((".txt", ".csv")))
    for root in (here, elsewhere):
        with (root / changed).open("a") as file:
            file.write("3,4\n")
    runner.run(slots=3)
    dvc(elsewhere, "repro")
    assert contents(here) == contents(elsewhere)


@pytest.mark.parametrize("targets", [("count",), ("upper@fr", "count@ko-2"), ("total",)])
def test_targets_are_those_of_dvc_repro(
    targets: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    here, elsewhere = project(tmp_path / "here", "words"), project(tmp_path / "elsewhere", "words")
    monkeypatch.chdir(here)
    runner.run(slots=3, targets=targets)
    dvc(elsewhere, "repro", *targets)
    left, expected = contents(here), contents(elsewhere)
    locks_left = [YAML(typ="safe").load(files.pop("dvc.lock")) for files in (left, expected)]
    assert locks_left[0] == locks_left[1]  # DVC orders the entries of several targets by hashes of a set
    assert left == expected


def test_an_unknown_target_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path, "words"))
    with pytest.raises(InputError, match="'counts'"):
        plan.read(["counts"])


def test_the_steps_are_those_of_dvc_repro(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path, "nested"))
    steps = plan.read()
    assert set(steps) == {"data/words.txt.dvc", "prepare/dvc.yaml:sort", "prepare/dvc.yaml:reverse", "z", "a"}
    assert steps["a"].parents == ("prepare/dvc.yaml:reverse", "z")
    assert steps["z"].lock == Path("dvc.lock")
    assert steps["prepare/dvc.yaml:sort"].lock == Path("prepare", "dvc.lock")


def test_a_frozen_stage_waits_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path, "kept"))
    file = tmp_path / "dvc.yaml"
    assert plan.read()["plot"].parents == ("table",)
    file.write_text(file.read_text().replace("  plot:", "  plot:\n    frozen: true"))
    assert plan.read()["plot"].parents == ()


def test_entries_are_sorted_as_dvc_repro_adds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path, "kept"))
    dvc(tmp_path, "repro")
    left = (tmp_path / "dvc.lock").read_text()
    steps, entries = plan.read(), locks.read()
    locks.write(dict(reversed(entries.items())))  # as if the first stage had ended last
    assert (tmp_path / "dvc.lock").read_text() != left
    plan.sort_entries(steps, before={})
    assert (tmp_path / "dvc.lock").read_text() == left

    *others, last = steps.values()
    locks.write({last.entry: entries[last.entry]} | entries)  # an entry that was there before keeps its place
    plan.sort_entries(steps, before={Path("dvc.lock"): [last.entry]})
    assert plan.entries(steps)[Path("dvc.lock")] == [last.entry, *(step.entry for step in others)]

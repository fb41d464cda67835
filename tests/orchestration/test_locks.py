"""locks: entries come back unchanged, and only those of this graph are accepted."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.foundation.errors import InputError
from pipeline.orchestration import locks
from pipeline.orchestration.graph import Graph, Stage
from pipeline.orchestration.locks import Entries

MD5 = "0123456789abcdef0123456789abcdef"
NAMES = st.text("abcdefghij-@'\" é0123456789", min_size=1)
PATHS = st.lists(st.fixed_dictionaries({"path": NAMES, "md5": st.just(MD5), "size": st.integers(0)}), max_size=2)
VALUES = st.dictionaries(NAMES, st.integers() | st.booleans() | NAMES, max_size=2)
ENTRY = st.fixed_dictionaries(
    {"cmd": NAMES, "deps": PATHS, "params": st.fixed_dictionaries({"params.yaml": VALUES}), "outs": PATHS}
)
ENTRIES = st.dictionaries(NAMES, ENTRY, max_size=3)


def stage(name: str, *parents: str) -> Stage:
    return Stage(name, f"make {name}", "", parents, (), parents, (), (name,), ())


GRAPH: Graph = {"a": stage("a"), "b": stage("b", "a")}


def entry(name: str, *parents: str) -> Entries:
    return {
        name: {
            "cmd": f"make {name}",
            "deps": [{"path": parent, "md5": MD5} for parent in parents],
            "outs": [{"path": name, "md5": MD5}],
        }
    }


@settings(max_examples=20)
@given(ENTRIES)
def test_packed_entries_come_back_as_they_were(entries: Entries) -> None:
    word = locks.pack(entries)
    assert locks.unpack(word) == entries
    assert not set(word) & set("\"' \n{}$")


@settings(max_examples=20)
@given(ENTRIES, ENTRIES)
def test_joined_entries_are_all_entries(some: Entries, more: Entries) -> None:
    assert locks.join([locks.pack(some), locks.pack(more)]) == some | more


def test_a_written_lock_is_read_again_and_leaves_nothing_else(tmp_path: Path) -> None:
    locks.write(entry("a"), tmp_path / "dvc.lock")
    locks.write(entry("b", "a"), tmp_path / "dvc.lock")
    assert locks.read(tmp_path / "dvc.lock") == entry("b", "a")
    assert [path.name for path in tmp_path.iterdir()] == ["dvc.lock"]


def test_no_file_has_no_entries(tmp_path: Path) -> None:
    assert locks.read(tmp_path / "dvc.lock") == {}


def test_entries_of_this_graph_pass() -> None:
    locks.check(entry("a") | entry("b", "a"), GRAPH, GRAPH)


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ({}, "a: no entry"),
        (entry("a") | entry("b", "a"), "b: an entry that nothing here depends on"),
        ({"a": entry("a")["a"] | {"cmd": "make x"}}, "a: its command was `make x`; dvc.yaml has `make a`"),
        ({"a": entry("a", "z")["a"]}, "a: its deps were z; dvc.yaml has "),
        ({"a": entry("a")["a"] | {"outs": [{"path": "x"}]}}, "a: its outs were x; dvc.yaml has a"),
    ],
)
def test_entries_of_another_graph_are_refused(entries: Entries, fault: str) -> None:
    with pytest.raises(InputError, match="another version of the graph") as error:
        locks.check(entries, GRAPH, ["a"])
    assert fault in str(error.value)


@pytest.mark.parametrize("word", ["", "no base64!", "AAAA"])
def test_a_word_that_is_no_entries_is_refused(word: str) -> None:
    with pytest.raises(InputError, match="lock entries"):
        locks.unpack(word)


@pytest.mark.parametrize("text", ["stages: [", "stages: {a: {deps: []}}", "just text"])
def test_a_file_that_is_no_lock_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "dvc.lock").write_text(text)
    with pytest.raises(InputError, match=r"dvc\.lock: not a dvc\.lock"):
        locks.read(tmp_path / "dvc.lock")


def test_a_lock_that_dvc_cannot_read_is_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "dvc.lock"
    locks.write(entry("a") | entry("b", "a"), path)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        locks.set_damaged_aside(path)
        if path.exists():
            assert whole[:size].endswith(b"\n")
            locks.read(path)
        else:
            assert (tmp_path / "dvc.lock.damaged").read_bytes() == whole[:size]
            assert "set aside as dvc.lock.damaged: results come from DVC's run-cache" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, b"schema: '2.0'\n"])
def test_a_lock_without_stages_stays(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "dvc.lock"
    if content is not None:
        path.write_bytes(content)
    locks.set_damaged_aside(path)
    assert path.exists() == (content is not None)
    assert not (tmp_path / "dvc.lock.damaged").exists()

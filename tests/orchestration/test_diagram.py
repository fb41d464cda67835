"""diagram: a node per entry of dvc.yaml, and an edge wherever a stage uses what another writes."""

from pathlib import Path

import pytest

from pipeline.foundation.errors import InputError
from pipeline.orchestration.diagram import mermaid, replace

DVC = """
stages:
  first:
    outs: ["${data.root}"]
  cut:
    matrix: {shard: "${cut.shards}"}
    deps: ["${data.root}/train"]
    outs: ["shards/${item.shard}"]
  join:
    deps: [shards, data]
    metrics: [scores.json]
    plots: [curves.csv: {x: epoch}]
  show:
    deps: [scores.json, curves.csv, elsewhere]
"""


def test_edges_follow_folders_and_templates_and_skip_what_follows_from_others(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(DVC)
    (tmp_path / "params.yaml").write_text("{data: {root: data}, cut: {shards: [0, 1]}}")
    assert mermaid(tmp_path).splitlines() == [
        "flowchart LR",
        '  first["first"]',
        '  cut["cut<br>shard"]',
        '  join["join"]',
        '  show["show"]',
        "  first --> cut",
        "  cut --> join",
        "  join --> show",
    ]


def test_the_block_of_a_page_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n\n```mermaid\nold\n```\n\nafter\n")
    replace(page, "new")
    assert page.read_text() == "before\n\n```mermaid\nnew\n```\n\nafter\n"


def test_a_page_without_a_block_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("text\n")
    with pytest.raises(InputError, match=r"page\.md: no ```mermaid block"):
        replace(page, "new")

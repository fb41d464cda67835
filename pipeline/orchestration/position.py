"""The place of a stage among all stages: what `dvc repro` does not say, a stage says itself when it starts."""

import os
from pathlib import Path

from pipeline.formats.documents import read_text
from pipeline.foundation.files import write_text
from pipeline.foundation.hashes import sha256
from pipeline.foundation.processes import PIPELINE_RUN, STAGE, is_first
from pipeline.foundation.terminal import log
from pipeline.orchestration import graph

ROOT = "DVC_ROOT"  # set by DVC
KEPT = Path(".dvc/tmp/order_of_stages.txt")


def announce() -> None:
    """Print `stage 9 of 22`, in the order in which `dvc repro` runs them: at most 13 are left.

    Nothing is printed where `run` or a cluster shows its own progress, where DVC does not run the stage, and for a
    stage that is not in ./dvc.yaml.
    """
    if {STAGE, ROOT} <= os.environ.keys() and PIPELINE_RUN not in os.environ and is_first():
        order, stage = _order(), os.environ[STAGE]
        if stage in order:
            log(f"stage {order.index(stage) + 1} of {len(order)}")


def _order() -> list[str]:
    """The names of all stages in their order, which takes DVC a second and is kept for the stages that follow."""
    key = " ".join(sha256(Path(file)) for file in ("dvc.yaml", "params.yaml"))
    kept = read_text(KEPT, "remove it").splitlines() if KEPT.exists() else []
    if kept[:1] != [key]:
        kept = [key, *graph.read()]
        write_text(KEPT, "\n".join(kept))
    return kept[1:]

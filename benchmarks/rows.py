"""Tables of many photos through the stages relabel, split, ensemble and submit: time and peak memory of each.

    BENCHMARK_ROWS=10000000 python -m benchmarks.rows

The photos exist in the index of their archives alone, and the crops are zeros. There are two folds of three models,
whose predictions are random about the truth, a fifth of the classes wrong, and two eval photos for three of train, as
in the competition.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from benchmarks.timing import Result
from pipeline.dataset import photo_shards
from pipeline.dataset.config import Relabel, Split
from pipeline.dataset.layout import EVAL, MASK_OF_STEM, TRAIN
from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.members import EnsembleMembers
from pipeline.formats import crop_files, previews, tables
from pipeline.foundation.process_settings import tune
from pipeline.modeling.members import EVAL as EVAL_FILE
from pipeline.modeling.members import OUT_OF_FOLD, Member
from pipeline.schema.schema import SCHEMA, Codes
from pipeline.stages.ensemble import ensemble
from pipeline.stages.relabel import relabel
from pipeline.stages.split import split
from pipeline.stages.submit import submit

ROWS = int(os.environ.get("BENCHMARK_ROWS", "70000"))
WANTED = "at 10 million 4 GiB, 10 minutes"
PART = 2**17
FOLDS = (0, 1)
MODELS = SCHEMA.names
STEMS = sorted(MASK_OF_STEM)


def measure(_: Path | None) -> list[Result]:
    with TemporaryDirectory(prefix="benchmark-") as root:
        return [_measured(stage, Path(root)) for stage in STAGES]


def _measured(stage: str, root: Path) -> Result:
    """A stage in a process of its own, imports included; its inputs are made before."""
    if stage in PREPARE:
        PREPARE[stage](root)
    started = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.rows", stage, str(root)]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - started
    processor, megabytes = map(float, ended.stdout.split()[-2:])
    note = f"{processor:,.0f} s of processor time, peak memory {megabytes:,.0f} MB"
    return Result(f"{stage}, {ROWS:,} train photos", WANTED, seconds, note=note)


def _person(numbers: Codes) -> list[str]:
    return [f"{number:07}_person" for number in numbers.tolist()]


def make_photos(root: Path) -> None:
    """A data set whose photos are in the index of their archives alone."""
    people = np.arange(ROWS // len(STEMS))
    gender, age = np.array(["male", "female"])[people % 2], 18 + people % 43
    train = {"id": [f"{number:07}" for number in people], "gender": gender, "race": "Asian", "age": age}
    tables.write(pd.DataFrame(train | {"path": _person(people)}), root / "photos" / "train" / "train.csv")
    tables.write_parts(_index(_train_paths()), root / "photos" / TRAIN / photo_shards.INDEX)
    tables.write_parts(_index(_eval_paths()), root / "photos" / EVAL / photo_shards.INDEX)
    names = pd.DataFrame({"ImageID": np.concatenate(list(_eval_paths())), "ans": 0})
    tables.write(names, root / "photos" / "eval" / "info.csv")


def _train_paths() -> Iterator[list[str]]:
    for start in range(0, ROWS // len(STEMS), PART // len(STEMS)):
        people = np.arange(start, min(start + PART // len(STEMS), ROWS // len(STEMS)))
        yield [f"{person}/{stem}.jpg" for person in _person(people) for stem in STEMS]


def _eval_paths() -> Iterator[list[str]]:
    count = 2 * ROWS // 3
    for start in range(0, count, PART):
        yield [f"{number:012x}.jpg" for number in range(start, min(start + PART, count))]


def _index(parts: Iterator[list[str]]) -> Iterator[pd.DataFrame]:
    for number, paths in enumerate(parts):
        yield pd.DataFrame({"path": paths, "shard": f"shard-{number:05}.tar", "offset": 0, "bytes": 0})


def make_predictions(root: Path) -> None:
    """The predictions of every member, and crops that are zeros."""
    folds = tables.read(root / "folds.parquet", tables.FOLDS)
    labels = tables.read(root / "labels.parquet", {"path": "text", "mask": "text", "gender": "text", "age": "integer"})
    for number, name in enumerate(MODELS):
        codes = SCHEMA.head(name).codes(labels)
        for fold in FOLDS:
            member = Member(root / "models", name, fold)
            own = np.flatnonzero(folds["fold"] == fold)
            parts = [own[start : start + PART] for start in range(0, len(own), PART)]
            truth = ((list(folds["path"].iloc[part]), codes[part]) for part in parts)
            tables.write_parts(_predictions(name, truth, number), member.predictions / OUT_OF_FOLD)
            unknown = ((paths, np.arange(len(paths)) % SCHEMA.head(name).classes) for paths in _eval_paths())
            tables.write_parts(_predictions(name, unknown, number), member.predictions / EVAL_FILE)
            member.folder.mkdir(parents=True)
            member.weights.write_bytes(f"{name} {fold}".encode())
            (member.folder / "metrics.json").write_text('{"epoch": 1, "epoch_selected_on_val": 0}')
            history = {"epoch": [1], "learning_rate": [0.1], "train_loss": [1.0], "val_accuracy": [0.5]}
            tables.write(pd.DataFrame(history | {"val_macro_f1": [0.5]}), member.epochs)
    for split_name, listed in (("train", _train_paths()), ("eval", _eval_paths())):
        random = np.random.default_rng(0)
        index = (
            pd.DataFrame(
                {"path": paths, "shard": 0, "digest": 0, "perceptual_hash": [random.bytes(32).hex() for _ in paths]}
            )
            for paths in listed
        )
        tables.write_parts(index, crop_files.index_file(root / "crops", split_name))
    shard = crop_files.Shard(root / "crops", "train", 0)
    previews.write(repeat(previews.encode(np.zeros((2, 2, 3), np.uint8)), len(labels)), shard.previews_file)


def _predictions(head: str, parts: Iterable[tuple[list[str], Codes]], seed: int) -> Iterator[pd.DataFrame]:
    random, names = np.random.default_rng(seed), SCHEMA.head(head).class_names
    for paths, codes in parts:
        truth = 0.7 * np.eye(len(names), dtype=np.float32)[codes]
        numbers = truth + random.random((len(codes), len(names)), np.float32)
        table = pd.DataFrame(numbers / numbers.sum(axis=1, keepdims=True), columns=[f"{head}={name}" for name in names])
        table.insert(0, "path", paths)
        yield table


def _relabel(root: Path) -> None:
    relabel(root / "photos", root / "fixes", root / "labels.parquet", Relabel())


def _split(root: Path) -> None:
    folds, classes, plot = (root / name for name in ("folds.parquet", "classes.csv", "classes.png"))
    split(root / "labels.parquet", root / "fixes", folds, classes, plot, Split(folds=len(FOLDS)))


def _ensemble(root: Path) -> None:
    members = EnsembleMembers(root / "models", MODELS, FOLDS)
    tables_of = (root / "crops", root / "labels.parquet", root / "folds.parquet")
    ensemble(members, *tables_of, root / "results", Ensemble(systems=(MODELS,)))


def _submit(root: Path) -> None:
    outs = (root / name for name in ("submission.csv", "shares.csv", "submission.json"))
    submit(root / "photos", root / "results" / "eval_probabilities.parquet", root / "labels.parquet", *outs)


STAGES: dict[str, Callable[[Path], None]] = {
    "relabel": _relabel,
    "split": _split,
    "ensemble": _ensemble,
    "submit": _submit,
}
PREPARE: dict[str, Callable[[Path], None]] = {"relabel": make_photos, "ensemble": make_predictions}


def main(stage: str, root: str) -> None:
    """Run a stage, and print processor seconds and peak memory in MB; `ru_maxrss` would start at that of the parent."""
    tune()
    STAGES[stage](Path(root))
    status = Path("/proc/self/status").read_text()
    print(time.process_time(), int(status.partition("VmHWM:")[2].split()[0]) / 1024)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(*sys.argv[1:])
    else:
        for result in measure(None):
            print(f"{result.work}: {result.ours:.1f} s, {result.note}", flush=True)

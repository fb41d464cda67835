"""All stages of the graph on very many tiny photos in archives: time, memory and outputs of each.

    BENCHMARK_PHOTOS=1000000 python -m benchmarks million

Photos have 16 px and are of one colour with noise; the colour tells the labels, but not for sure. Three fifths of them
are of train, as in the competition. The centre is cropped, where otherwise a face is searched, and one network of three
heads is trained for an epoch, in two folds. All else is as in any run: the stages are those of dvc.yaml, each by
`dvc repro --single-item` as `python -m pipeline run` starts it, in a clone of the project.
"""

import hashlib
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import psutil
from PIL import Image
from ruamel.yaml import YAML

from benchmarks.timing import Result
from pipeline.dataset import shard_writer
from pipeline.dataset.layout import EVAL, MASK_OF_STEM, TRAIN
from pipeline.formats import tables
from pipeline.foundation.processes import environment
from pipeline.orchestration import locks, plan, runner
from pipeline.schema.schema import MASK, SCHEMA

PHOTOS = int(os.environ.get("BENCHMARK_PHOTOS", "7000"))
WANTED = "memory at most 4 GiB, time linear"
SIDE = 16
NOISE, SHADE = 24, 12  # standard deviations of a pixel, and of the colour of a photo
AGES = (22, 25, 28, 31, 35, 42, 49, 55, 58, 60)
FOLDS = [0, 1]
TICK = 0.2  # seconds between two looks at the memory
SHARD = 250_000  # photos of a task of `crop`
COMPARED = 10_000  # photos up to which `doctor`, which compares all with all, is run too
MODEL: dict[str, Any] = {
    "backbone": "test_resnet",
    "pretrained": False,
    "heads": {name: {} for name in SCHEMA.names},
    "image_size": SIDE,
    "augmentation": [{"HorizontalFlip": {"p": 0.5}}],
    "epochs": 1,
    "batch_size": 128,
    "optimizer": {"name": "adamw", "learning_rate": 4e-3, "weight_decay": 0.05},
}


class Measured(NamedTuple):
    """What a command took: seconds, seconds of the processor, peak memory without mapped files, bytes of its outputs.

    Memory and processor time are of all its processes together.
    """

    stage: str
    seconds: float
    processor: float
    memory: int
    written: int

    def __str__(self) -> str:
        memory, written = self.memory / 2**20, self.written / 1e6
        return f"{self.processor:,.0f} s of processor time, peak memory {memory:,.0f} MiB, outputs {written:,.1f} MB"


def measure(_: Path | None) -> list[Result]:
    with TemporaryDirectory(prefix="benchmark-") as folder:
        data, clone = Path(folder, "photos"), Path(folder, "clone")
        write_photos(data, PHOTOS)
        found = list(_run(make_project(clone, data, PHOTOS)))
        check(data, clone)
    return [Result(f"{one.stage}, {PHOTOS:,} photos", WANTED, one.seconds, note=str(one)) for one in found]


def write_photos(root: Path, count: int) -> None:
    """A data set of `count` photos in archives; equal counts are equal bytes."""
    people, stems = count * 3 // 5 // len(MASK_OF_STEM), sorted(MASK_OF_STEM)
    ages = np.resize(np.repeat(AGES, 2), people)
    table = pd.DataFrame({"id": [f"{number:07}" for number in range(people)], "gender": "male", "race": "Asian"})
    table.loc[1::2, "gender"] = "female"
    table["age"] = ages
    table["path"] = [f"{id_}_{gender}_{race}_{age}" for id_, gender, race, age in table.itertuples(index=False)]
    tables.write(table, root / "train" / "train.csv")
    shard_writer.write_split(root / TRAIN, _train(table.sort_values("path"), stems))
    names = [f"{hashlib.sha1(str(number).encode()).hexdigest()}.jpg" for number in range(count - people * len(stems))]
    tables.write(pd.DataFrame({"ImageID": names, "ans": 0}), root / "eval" / "info.csv")
    shard_writer.write_split(root / EVAL, _eval(sorted(names)))


def _train(people: pd.DataFrame, stems: list[str]) -> Iterator[shard_writer.Photo]:
    random = np.random.default_rng(0)
    for identity, gender, _, age, person in people.itertuples(index=False):
        for stem in stems:
            mask = MASK_OF_STEM[stem]
            labels = {"id": identity, "person": person, "mask": mask, "gender": gender, "age": age}
            yield f"{person}/{stem}.jpg", labels, _photo(MASK.values.index(mask), gender == "female", age, random)


def _eval(names: list[str]) -> Iterator[shard_writer.Photo]:
    random = np.random.default_rng(1)
    for name in names:
        mask, gender, age = (int(random.integers(size)) for size in (len(MASK.values), 2, len(AGES)))
        yield name, None, _photo(mask, gender == 1, AGES[age], random)


def _photo(mask: int, female: bool, age: int, random: np.random.Generator) -> bytes:
    """A photo whose three colours tell mask, gender and age; its noise is its own, and so is its perceptual hash."""
    colour = np.array([60 + 60 * mask, 60 + 120 * female, 4 * age]) + random.normal(0, SHADE, 3)
    pixels = (colour + random.normal(0, NOISE, (SIDE, SIDE, 3))).clip(0, 255).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def make_project(clone: Path, data: Path, photos: int) -> Path:
    """A clone of the project, with the data set and the tiny network in params.yaml."""
    subprocess.run(["git", "clone", "--quiet", ".", str(clone)], check=True)
    yaml, file = YAML(), clone / "params.yaml"
    yaml.dump(settings(yaml.load(file), data, photos), file)
    return clone


def settings(params: dict[str, Any], data: Path, photos: int) -> dict[str, Any]:
    """The project's own parameters with the data set, centre crops and the tiny network."""
    shards = list(range(-(-photos // SHARD)))
    changes: dict[str, dict[str, Any]] = {
        "data": {"root": str(data)},
        "crop": {"method": "center", "size": SIDE, "shards": shards},
        "split": {"folds": len(FOLDS)},
        "train": {"models": ["all"], "folds": FOLDS},
        "ensemble": {"systems": [["all"]]},
    }
    changed = {section: {**params[section], **own} for section, own in changes.items()}
    return {**params, **changed, "models": {"all": MODEL}, "tta": {"all": {}}}


def _run(project: Path) -> Iterator[Measured]:
    """Run the stages one after another, then the commands that read all their tables."""
    with chdir(project):
        steps = plan.read(["report"])
        commands = {name: runner.repro("--single-item", name) for name in steps}
        commands["register"] = [sys.executable, "-m", "pipeline", "register"]
        if PHOTOS <= COMPARED:
            commands["doctor"] = [sys.executable, "-m", "pipeline", "doctor"]
        for name, command in commands.items():
            measured = _measured(name, command)
            print(f"{name}: {measured.seconds:,.1f} s, {measured}", file=sys.stderr, flush=True)
            yield measured


def _measured(stage: str, command: list[str]) -> Measured:
    started, before = time.perf_counter(), _processor()
    with Path(f"{stage}.log").open("wb") as log:
        process = psutil.Popen(command, env=environment(), stdout=log, stderr=subprocess.STDOUT)
        memory = 0
        while process.poll() is None:
            memory = max(memory, _held(process))
            time.sleep(TICK)
    if process.returncode and stage != "doctor":  # its exit status tells what it found
        raise RuntimeError(f"{stage}: {Path(f'{stage}.log').read_text()}")
    outs = locks.read().get(stage, {}).get("outs", [])
    written = sum(out["size"] for out in outs)
    return Measured(stage, time.perf_counter() - started, _processor() - before, memory, written)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _held(process: psutil.Process) -> int:
    """Bytes of memory of a process and its children that are no files."""
    held = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            memory = one.memory_info()
        except psutil.NoSuchProcess:  # ended since
            continue
        held += memory.rss - memory.shared
    return held


def check(data: Path, project: Path) -> None:
    """Raise `RuntimeError` unless the submission has the photos of info.csv, in its order, each with a class."""
    info, written = (pd.read_csv(path) for path in (data / "eval" / "info.csv", project / "results" / "submission.csv"))
    if not (written["ImageID"].equals(info["ImageID"]) and written["ans"].between(0, SCHEMA.classes - 1).all()):
        raise RuntimeError("the submission is not of the photos of info.csv")

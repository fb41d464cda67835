"""Stage submit: the submission, in the order of info.csv, checked, and scored where the answers are known."""

from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from pipeline.dataset.layout import INFO, as_on_disk
from pipeline.ensembling import submissions
from pipeline.formats import tables
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.schema import label_table
from pipeline.schema.metrics import score, write
from pipeline.schema.predictions import mismatches
from pipeline.schema.schema import SCHEMA, Codes

COLUMNS: dict[str, tables.Kind] = {"path": "text", **dict.fromkeys(SCHEMA.class_names, "number")}


def submit(
    data: Path, probabilities: Path, labels: Path, submission: Path, shares: Path, metrics: Path
) -> dict[str, float]:
    """Write the submission, check the written file, and print its class shares beside those of train.

    Args:
        data: Root of the data set, with eval/info.csv and, where the answers are known, eval/answers.csv.
        probabilities: Class probabilities of the eval photos.
        labels: Table of labels, for train's class shares.
        submission: File to write: info.csv with `ans` filled in.
        shares: Table of class shares to write.
        metrics: JSON file of the returned numbers to write.

    Returns:
        The number of photos, and the scores against eval/answers.csv where it exists.

    Raises:
        InputError: When the photos of `probabilities` are not those of info.csv, or the answers are not valid.
    """
    info = tables.read(data / "eval" / "info.csv", INFO)
    tables.write(info.assign(ans=_likeliest(probabilities, info["ImageID"])), submission)
    codes = check(submission, info)
    train = np.concatenate([SCHEMA.codes(batch) for batch in label_table.batches(labels)])
    table = submissions.shares({"submission": codes, "train": train})
    table.insert(2, "photos", (table["submission"] * len(codes)).round().astype(int))
    tables.write(table, shares)
    console = Console()
    console.print(submissions.share_table(table))
    scores: dict[str, float] = {"photos": len(codes)}
    answers = data / "eval" / "answers.csv"
    if answers.exists():
        scores |= score(np.asarray(submissions.read(answers, info["ImageID"], "info.csv"), np.int64), codes)
        console.print(submissions.score_table({"": scores}, "Score against answers.csv"))
    write(metrics, scores)
    console.print(f"{submission}: {len(codes)} rows, checked", soft_wrap=True)
    return scores


def check(submission: Path, info: pd.DataFrame) -> Codes:
    """Class codes (n,) of a submission file.

    Raises:
        InputError: Unless the file is `info` with a class code as `ans` in every row.
    """
    written = tables.read(submission, submissions.COLUMNS)
    if list(written.columns) != list(info.columns):
        raise InputError(f"{submission}: columns {list(written)}; info.csv has {list(info)}")
    faults = mismatches(info["ImageID"], written["ImageID"])
    if not faults and not written["ImageID"].equals(info["ImageID"]):
        faults = ["the rows are not in the order of info.csv"]
    raise_faults(f"{submission}: not a valid submission", faults + submissions.invalid_classes(written))
    return written["ans"].to_numpy(np.int64)


def _likeliest(probabilities: Path, photos: "pd.Series[str]") -> Codes:
    """Code (n,) of the likeliest class of photos, from a table that is read in batches."""
    batches = tables.batches(probabilities, COLUMNS)
    parts = [(batch["path"], batch[SCHEMA.class_names].to_numpy().argmax(axis=1)) for batch in batches]
    paths = pd.concat([path for path, _ in parts], ignore_index=True)
    codes = np.concatenate([likeliest for _, likeliest in parts])
    if not photos.equals(paths):
        photos = as_on_disk(photos, paths)
        raise_faults(f"{probabilities} does not fit info.csv: run `dvc repro`", mismatches(photos, paths))
        codes = codes[pd.Index(paths).get_indexer(pd.Index(photos))]
    return np.asarray(codes, dtype=np.int64)

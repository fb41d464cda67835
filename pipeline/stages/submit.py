"""Stage submit: the submission in the order of info.csv, checked, and scored where the answers are known."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from pipeline import tables, targets
from pipeline.errors import InputError, raise_faults
from pipeline.labels import ATTRIBUTES, CLASSES, Codes, decode, names
from pipeline.metrics import score, write
from pipeline.photographs import INFO
from pipeline.predictions import mismatches

ANSWERS: dict[str, tables.Kind] = {"ImageID": "text", "ans": "integer"}
COLUMNS: dict[str, tables.Kind] = {"path": "text", **dict.fromkeys(names(), "number")}


def submit(photographs: Path, probabilities: Path, labels: Path, submission: Path, shares: Path, metrics: Path) -> None:
    """Write the submission, check it as it was written, and show its class shares beside those of train.

    `shares` gets the table of shares; `metrics` the number of pictures and, where eval/answers.csv exists, the
    scores against it.
    Raises `InputError` when the pictures of `probabilities` are not those of info.csv.
    """
    info = tables.read(photographs / "eval" / "info.csv", INFO)
    tables.write(info.assign(ans=_most_likely(probabilities, info["ImageID"])), submission)
    codes = check(submission, info)
    train = targets.codes(tables.read(labels, tables.LABELS), tuple(ATTRIBUTES))
    table = _shares(codes, train)
    tables.write(table, shares)
    console = Console()
    console.print(_shown(table))
    scores: dict[str, float] = {"pictures": len(codes)}
    answers = photographs / "eval" / "answers.csv"
    if answers.exists():
        scores |= score(_answers(answers, info["ImageID"]), codes)
        console.print(_score_table(scores))
    write(metrics, scores)
    console.print(f"{submission}: {len(codes)} rows, checked", soft_wrap=True)


def check(submission: Path, info: pd.DataFrame) -> Codes:
    """Class codes of a submission file; raises `InputError` unless it is `info` with an `ans` of 0..17 in every row."""
    written = tables.read(submission, ANSWERS)
    if list(written.columns) != list(info.columns):
        raise InputError(f"{submission}: columns {list(written)}; info.csv has {list(info)}")
    faults = mismatches(info["ImageID"], written["ImageID"])
    if not faults and list(written["ImageID"]) != list(info["ImageID"]):
        faults = ["the rows are not in the order of info.csv"]
    raise_faults(f"{submission}: not a valid submission", faults + _no_classes(written))
    return written["ans"].to_numpy(np.int64)


def _most_likely(probabilities: Path, pictures: "pd.Series[str]") -> Codes:
    table = tables.read(probabilities, COLUMNS)
    faults = mismatches(pictures, table["path"])
    raise_faults(f"{probabilities} does not fit info.csv: run `dvc repro`", faults)
    by_picture = table.set_index("path").loc[list(pictures), names()]
    return np.asarray(by_picture.to_numpy().argmax(axis=1), dtype=np.int64)


def _answers(path: Path, pictures: "pd.Series[str]") -> Codes:
    table = tables.read(path, ANSWERS)
    raise_faults(f"{path} does not fit info.csv", mismatches(pictures, table["ImageID"]) + _no_classes(table))
    return table.set_index("ImageID").loc[list(pictures), "ans"].to_numpy(np.int64)


def _no_classes(table: pd.DataFrame) -> list[str]:
    wrong = table["ans"][~table["ans"].between(0, CLASSES - 1)]
    return [
        f"row {row}: ans {code} is not a class 0..{CLASSES - 1}"
        for row, code in zip(wrong.index + 2, wrong, strict=True)
    ]


def _shares(codes: Codes, train: Codes) -> pd.DataFrame:
    """Pictures and shares of every class, and of every value of each attribute, beside their shares in train."""
    groups = {"class": (names(), codes, train)}
    for (attribute, values), own, others in zip(ATTRIBUTES.items(), decode(codes), decode(train), strict=True):
        groups[attribute] = (list(values), own, others)
    return pd.concat([_group(of, *group) for of, group in groups.items()], ignore_index=True)


def _group(of: str, values: list[str], codes: Codes, train: Codes) -> pd.DataFrame:
    counts, others = (np.bincount(part, minlength=len(values)) for part in (codes, train))
    shares = {"submission": counts / len(codes), "train": others / len(train)}
    return pd.DataFrame({"of": of, "value": values, "pictures": counts, **shares})


def _shown(shares: pd.DataFrame) -> Table:
    table = Table("class", title="Class shares", title_justify="left")
    for column in ("pictures", "submission", "train"):
        table.add_column(column, justify="right")
    for _, group in shares.groupby("of", sort=False):
        table.add_section()
        for row in group.itertuples():
            table.add_row(str(row.value), f"{row.pictures:,}", f"{row.submission:.1%}", f"{row.train:.1%}")
    return table


def _score_table(scores: Mapping[str, float]) -> Table:
    table = Table("", title="Score against answers.csv", title_justify="left")
    for column in ("macro F1", "accuracy"):
        table.add_column(column, justify="right")
    for name, prefix in {"18 classes": "", **{attribute: f"{attribute}_" for attribute in ATTRIBUTES}}.items():
        table.add_row(name, f"{scores[f'{prefix}macro_f1']:.4f}", f"{scores[f'{prefix}accuracy']:.4f}")
    return table

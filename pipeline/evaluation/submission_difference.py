"""Two submissions compared: where and in which attributes they differ, and which is right where answers are known."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.table import Table

from pipeline.ensembling import submissions
from pipeline.schema import metrics
from pipeline.schema.schema import SCHEMA, Codes

MAX_PAIRS = 12  # pairs of classes that are printed, the most frequent first


@dataclass(frozen=True)
class Difference:
    """Two submissions for the same photos.

    Attributes:
        photos: ImageIDs (n).
        first: Class codes (n,) of the first submission.
        second: Class codes (n,) of the second submission.
        answers: True class codes (n,), where they are known.
    """

    photos: Sequence[str]
    first: Codes
    second: Codes
    answers: Codes | None = None

    def rows(self) -> pd.DataFrame:
        """A row for each photo that differs: ImageID, both classes, the attributes that differ, and the answer."""
        classes = np.array(SCHEMA.class_names)
        table = pd.DataFrame({"ImageID": self.photos, "first": classes[self.first], "second": classes[self.second]})
        equal = self._equal()
        table["differs"] = [
            ",".join(name for name, same in zip(equal, row, strict=True) if not same)
            for row in zip(*equal.values(), strict=True)
        ]
        if self.answers is not None:
            table["answer"] = classes[self.answers]
        return table.iloc[np.flatnonzero(self.first != self.second)].reset_index(drop=True)

    def tables(self) -> Iterator[Table]:
        """The comparison as tables to print."""
        shares = submissions.shares({"first": self.first, "second": self.second})
        yield submissions.share_table(shares.assign(change=shares["second"] - shares["first"]))
        yield self._agreement()
        rows = self.rows()
        if len(rows):
            yield _table("By attribute", ["differs in", "photos"], _counts(rows, ["differs"]))
            pairs = _counts(rows, ["first", "second"])
            yield _table("By class", ["first", "second", "photos"], pairs[:MAX_PAIRS], len(pairs) - MAX_PAIRS)
        if self.answers is not None:
            both = {"first": self.first, "second": self.second}
            scores = {name: metrics.score(self.answers, codes) for name, codes in both.items()}
            yield submissions.score_table(scores, "Score against the answers")
            yield _table("Which is right where they differ", ["right", "photos"], _right(rows))

    def _equal(self) -> dict[str, np.typing.NDArray[np.bool_]]:
        """Whether both submissions agree (n,) in each attribute."""
        first, second = SCHEMA.decode(self.first), SCHEMA.decode(self.second)
        return {name: first[name] == second[name] for name in SCHEMA.names}

    def _agreement(self) -> Table:
        equal = {submissions.ALL_CLASSES: self.first == self.second, **self._equal()}
        rows = [(name, f"{same.sum():,}", f"{same.mean():.1%}") for name, same in equal.items()]
        return _table(f"Agreement over {len(self.photos):,} photos", ["", "equal", "share"], rows)


def read(first: Path, second: Path, answers: Path | None = None) -> Difference:
    """Read two submissions, and the answers where they are known.

    Raises:
        InputError: Unless all files hold the same photos.
    """
    one = submissions.read(first)
    photos = pd.Series(one.index)
    other = submissions.read(second, photos, str(first))
    known = None if answers is None else np.asarray(submissions.read(answers, photos, str(first)), np.int64)
    return Difference(list(photos), np.asarray(one, np.int64), np.asarray(other, np.int64), known)


def _counts(rows: pd.DataFrame, columns: list[str]) -> list[tuple[str, ...]]:
    """Number of rows for each combination of values of some columns, the most frequent first."""
    counts = rows.groupby(columns).size().sort_values(ascending=False, kind="stable").reset_index(name="photos")
    return [(*map(str, values), f"{count:,}") for *values, count in counts.itertuples(index=False, name=None)]


def _right(rows: pd.DataFrame) -> list[tuple[str, str]]:
    right = {name: int((rows[name] == rows["answer"]).sum()) for name in ("first", "second")}
    return [(name, f"{count:,}") for name, count in {**right, "neither": len(rows) - sum(right.values())}.items()]


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], more: int = 0) -> Table:
    table = Table(title=title, title_justify="left", caption=f"and {more} more" if more > 0 else None)
    for column in columns:
        table.add_column(column, justify="right" if column in ("photos", "equal", "share") else "left")
    for row in rows:
        table.add_row(*row)
    return table

"""Two submissions side by side: where and by which attribute they differ, and which is right where that is known."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.table import Table

from pipeline.ensembling import submissions
from pipeline.schema import metrics
from pipeline.schema.schema import SCHEMA, Codes

PAIRS = 12  # of classes that are shown, the most frequent


@dataclass(frozen=True)
class Difference:
    """The classes (n,) that two submissions give the same photos (n,), and the right ones where they are known."""

    photos: Sequence[str]
    first: Codes
    second: Codes
    answers: Codes | None = None

    def rows(self) -> pd.DataFrame:
        """A row a picture that differs: ImageID, first and second class, `differs` in, and answer where known."""
        classes = np.array(SCHEMA.class_names)
        table = pd.DataFrame({"ImageID": self.photos, "first": classes[self.first], "second": classes[self.second]})
        first, second = SCHEMA.decode(self.first), SCHEMA.decode(self.second)
        wrong = [first[name] != second[name] for name in SCHEMA.names]
        table["differs"] = [
            ",".join(name for name, differs in zip(SCHEMA.names, row, strict=True) if differs)
            for row in zip(*wrong, strict=True)
        ]
        if self.answers is not None:
            table["answer"] = classes[self.answers]
        return table.iloc[np.flatnonzero(self.first != self.second)].reset_index(drop=True)

    def tables(self) -> Iterator[Table]:
        """What there is to see, to be printed."""
        shares = submissions.shares({"first": self.first, "second": self.second})
        yield submissions.share_table(shares.assign(change=shares["second"] - shares["first"]))
        yield self._agreement()
        rows = self.rows()
        if len(rows):
            yield _table("By attribute", ["differs in", "photos"], _counts(rows, ["differs"]))
            pairs = _counts(rows, ["first", "second"])
            yield _table("By class", ["first", "second", "photos"], pairs[:PAIRS], len(pairs) - PAIRS)
        if self.answers is not None:
            both = {"first": self.first, "second": self.second}
            scores = {name: metrics.score(self.answers, codes) for name, codes in both.items()}
            yield submissions.score_table(scores, "Score against the answers")
            yield _table("Who is right", ["right", "photos"], _right(rows))

    def _agreement(self) -> Table:
        parts = zip(
            [self.first, *SCHEMA.decode(self.first).values()],
            [self.second, *SCHEMA.decode(self.second).values()],
            strict=True,
        )
        equal = {name: one == other for name, (one, other) in zip(submissions.GROUPS, parts, strict=True)}
        rows = [(name, f"{same.sum():,}", f"{same.mean():.1%}") for name, same in equal.items()]
        return _table(f"Agreement over {len(self.photos):,} photos", ["", "equal", "share"], rows)


def read(first: Path, second: Path, answers: Path | None = None) -> Difference:
    """The difference of two submissions; raises `InputError` unless they and the answers are of the same photos."""
    one = submissions.read(first)
    photos = pd.Series(one.index)
    other = submissions.read(second, photos, str(first))
    known = None if answers is None else np.asarray(submissions.read(answers, photos, str(first)), np.int64)
    return Difference(list(photos), np.asarray(one, np.int64), np.asarray(other, np.int64), known)


def _counts(rows: pd.DataFrame, columns: list[str]) -> list[tuple[str, ...]]:
    """How many rows have each of the values of some columns, the most frequent first."""
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

"""The result of an ablation: a row of figures for each of its rows, as CSV and as a Markdown page."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.experiments import measures, resampling
from pipeline.experiments.ablation import Ablation, AblationRow
from pipeline.experiments.resampling import OutOfFold
from pipeline.schema.schema import SCHEMA

FIGURES = (*(f"{attribute}_f1" for attribute in SCHEMA.names), "old_recall", "seconds")
"""Figures of a workspace of which the mean over the seeds is shown."""
NOT_COMPARABLE = "not comparable: other photos or labels"
ONE_SELECTED = "not comparable: the scored people selected the epoch of one of both"
HEADINGS = (
    "row",
    "compared with",
    "macro F1 (95 %)",
    "spread",
    *(f"{attribute} F1" for attribute in SCHEMA.names),
    ">=60 recall",
    "train s",
    "difference (95 %)",
    "verdict",
)
PAGE = """\
# {title}

{note}Made by `python -m pipeline ablate {path}` from `{base}` on `{data}`: {rows} rows, seeds {seeds},
held-out folds {folds}. All figures are in [{csv}]({csv}).

{table}

* Macro F1 is over all {classes} classes and out of fold: the mean over the seeds, with its 95 % bootstrap interval over
  people and seeds. The spread is the standard deviation over the seeds.
* A difference is that to the row of the second column, paired by person. A row is better or worse only if the 95 %
  interval of its difference excludes 0. Of twenty rows that change nothing, one is expected to seem so by chance.
* Train s is the time of all trainings of one seed, on average.

## What each row changes

{changes}
"""


@dataclass(frozen=True)
class Result:
    """What has been measured of a row.

    Attributes:
        row: The row.
        trainings: Out-of-fold predictions by seed, of the seeds that have not failed.
        measured: Figures of the workspaces of these seeds.
        failures: The reason by seed, of the seeds that failed.
    """

    row: AblationRow
    trainings: Mapping[int, OutOfFold]
    measured: tuple[Mapping[str, Any], ...]
    failures: Mapping[int, str]

    @property
    def epoch_selected(self) -> bool:
        """Whether the people who are scored selected an epoch."""
        return any(figures["epoch_selected_on_val"] for figures in self.measured)

    def cells(self, parent: "Result | None") -> dict[str, Any]:
        """The row's cells by column; its figures are unknown when a seed has failed, but for the scores by seed."""
        scores = [training.macro_f1 for training in self.trainings.values()]
        cells: dict[str, Any] = {f"macro_f1_{seed}": one for seed, one in zip(self.trainings, scores, strict=True)}
        if self.failures:
            reasons = "; ".join(f"seed {seed}: {reason}" for seed, reason in self.failures.items())
            return {**cells, "verdict": "failed", "failed": reasons}
        score = resampling.score(self.row.name, list(self.trainings.values()))
        cells |= {"macro_f1": score.value, "low": score.low, "high": score.high}
        cells["spread"] = (
            np.std(list(cells.values())[: len(self.trainings)], ddof=1) if len(self.trainings) > 1 else np.nan
        )
        cells |= {name: float(np.mean([figures[name] for figures in self.measured])) for name in FIGURES}
        return cells | (self._compared(parent) if parent else {})

    def _compared(self, parent: "Result") -> dict[str, Any]:
        if parent.failures:
            return {"verdict": f"not comparable: {parent.row.name} failed"}
        if self.epoch_selected != parent.epoch_selected:
            return {"verdict": ONE_SELECTED}
        if not all(training.is_of_photos_of(parent.trainings[seed]) for seed, training in self.trainings.items()):
            return {"verdict": NOT_COMPARABLE}
        pair = [(result.row.name, list(result.trainings.values())) for result in (self, parent)]
        found = resampling.difference(*pair[0], *pair[1])
        return {
            "difference": found.value,
            "difference_low": found.low,
            "difference_high": found.high,
            "verdict": found.verdict,
        }


def table(ablation: Ablation, folder: Path, failures: Mapping[tuple[str, int], str]) -> pd.DataFrame:
    """The figures of all rows.

    Args:
        ablation: The ablation.
        folder: Folder of its workspaces.
        failures: The reason of every row and seed that failed.

    Returns:
        A line a row: its name, parent, note and changes; macro F1, its interval and spread; means of other figures; the
        difference to the parent, its interval and verdict; macro F1 by seed; why seeds failed.

    Raises:
        InputError: Names a workspace that has not run.
    """
    results = {row.name: _result(ablation, folder, row, failures) for row in ablation.rows}
    columns = ["row", "parent", "note", "changes", "macro_f1", "low", "high", "spread", *FIGURES]
    columns += ["difference", "difference_low", "difference_high", "verdict"]
    columns += [*(f"macro_f1_{seed}" for seed in ablation.file.seeds), "failed"]
    lines = [
        {
            "row": row.name,
            "parent": row.parent or "",
            "note": row.note,
            "changes": "; ".join(row.changes),
            "verdict": "",
            "failed": "",
            **results[row.name].cells(results[row.parent] if row.parent else None),
        }
        for row in ablation.rows
    ]
    return pd.DataFrame(lines).reindex(columns=columns)


def cells(rows: pd.DataFrame) -> list[list[str]]:
    """The figures as text, in the order of `HEADINGS`; unknown figures are a dash."""
    return [_shown(row) for row in rows.to_dict("records")]


def markdown(ablation: Ablation, data_set: Path, rows: pd.DataFrame, csv: str) -> str:
    """The figures as a Markdown page.

    Args:
        ablation: The ablation.
        data_set: Root of the data set.
        rows: The figures of all rows.
        csv: Name of the file beside the page that has all figures.
    """
    first = ablation.rows[0].params
    return PAGE.format(
        title=ablation.file.title,
        note=f"{ablation.file.note.strip()}\n\n" if ablation.file.note else "",
        path=ablation.path,
        base=ablation.file.base,
        data=data_set,
        rows=len(rows),
        seeds=", ".join(map(str, ablation.file.seeds)),
        folds=f"{', '.join(map(str, first.train.folds))} of {first.split.folds}",
        csv=csv,
        classes=SCHEMA.classes,
        table=_grid([list(HEADINGS), ["---", "---", *["---:"] * (len(HEADINGS) - 3), "---"], *cells(rows)]),
        changes=_grid([["row", "changes", "note"], ["---"] * 3, *_changes(rows)]),
    )


def _result(ablation: Ablation, folder: Path, row: AblationRow, failures: Mapping[tuple[str, int], str]) -> Result:
    failed = {seed: reason for (name, seed), reason in failures.items() if name == row.name}
    places = {seed: task.folder for (name, seed), task in ablation.tasks(folder).items() if name == row.name}
    finished = {seed: place for seed, place in places.items() if seed not in failed}
    return Result(
        row,
        {seed: OutOfFold.of(place) for seed, place in finished.items()},
        tuple(measures.measure(place) for place in finished.values()),
        failed,
    )


def _shown(row: Mapping[Hashable, Any]) -> list[str]:
    return [
        row["row"],
        row["parent"] or "-",
        _interval(row["macro_f1"], row["low"], row["high"]),
        _number(row["spread"]),
        *(_number(row[name]) for name in FIGURES[:-1]),
        _number(row["seconds"], 0),
        _interval(row["difference"], row["difference_low"], row["difference_high"], sign="+"),
        row["verdict"] or "-",
    ]


def _interval(value: float, low: float, high: float, sign: str = "") -> str:
    return "-" if np.isnan(value) else f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def _number(value: float, digits: int = 3) -> str:
    return "-" if np.isnan(value) else f"{value:,.{digits}f}"


def _changes(rows: pd.DataFrame) -> list[list[str]]:
    found = []
    for row in rows.to_dict("records"):
        note = " ".join(filter(None, [row["note"], f"Failed: {row['failed']}" if row["failed"] else ""]))
        changes = "<br>".join(f"`{change}`" for change in row["changes"].split("; ") if change)
        found.append([row["row"], changes or "-", note])
    return found


def _grid(rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows)

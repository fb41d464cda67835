"""The outputs of the stages before the report: small tables and crops of people, mostly predicted right."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.ensembling import adjustments, calibration, submissions
from pipeline.ensembling.config import Ensemble
from pipeline.evaluation import scores, training_history
from pipeline.evaluation.report.sources import Sources, read
from pipeline.formats import tables
from pipeline.schema import metrics
from pipeline.schema.schema import SCHEMA
from tests.support import packed
from tests.support.readings import labelled, seen_as, with_swap, with_wrong

SETTINGS = Ensemble(systems=(("face",),))
FOLDS = 2
TRAIN_BANDS = {"face": (30, 58)}
FEW = 210  # photos from which the label shift is estimated


class Run:
    """Results of `people`, three of them with a wrong label; all predictions are true where `sure` is 1."""

    def __init__(self, root: Path, people: int = 60, sure: float = 0.6, side: int = 16) -> None:
        self.root = root
        truth = labelled(people)
        self.labels = with_swap(with_wrong(with_wrong(truth, "004", gender="female"), "007", age=62), "011")
        numbers = pd.factorize(self.labels["person"])[0]
        self.photos = self.labels.assign(fold=numbers % FOLDS)
        self.write_inputs(side)
        self.write_ensemble(seen_as(truth, sure), seen_as(truth[: 7 * 10], sure, seed=1))

    def write_inputs(self, side: int) -> None:
        tables.write(self.labels, self.root / "labels.parquet")
        tables.write(self.photos[list(tables.FOLDS)], self.root / "folds.parquet")
        for split, count in {"train": len(self.labels), "eval": 70}.items():
            noise = np.random.default_rng(count).integers(0, 255, (count, side, side, 3), np.uint8)
            paths = self.labels["path"] if split == "train" else pd.Series([f"{n}.jpg" for n in range(count)])
            box = dict.fromkeys(("left", "top", "right", "bottom"), 0)
            photo = {"faces": 1, "turn": 0, "photo_width": 384, "photo_height": 512}
            cut = pd.DataFrame({"path": paths, **box, "source": "face", "probability": 0.9, **photo})
            cut.loc[3, "source"] = "center"
            packed.write(self.root / "crops", split, cut, noise)

    def write_ensemble(
        self, out_of_fold: "np.typing.NDArray[np.float64]", of_eval: "np.typing.NDArray[np.float64]"
    ) -> None:
        results = self.root / "results" / "ensemble"
        metrics.write(results / "metrics.json", scores.write(results, [(self.photos, out_of_fold)]))
        adjusted = adjustments.adjust(out_of_fold[:FEW], of_eval, of_eval[None], self.photos[:FEW], SETTINGS)
        tables.write(adjusted.label_shift, results / "label_shift.csv")
        tables.write(adjusted.effects, results / "adjustments.csv")
        calibrated = [
            ("face", "gender", 1.25, "yes", 0.4, 0.3, 0.2, 0.1),
            ("face", "age", 0.75, "no", 0.4, 0.3, 0.1, 0.2),
        ]
        tables.write(pd.DataFrame(calibrated, columns=calibration.COLUMNS), results / "calibration.csv")
        system = {"predicts": SCHEMA.name, "system": "face", "macro_f1": 0.9, "accuracy": 0.9, "weight": 1.0}
        tables.write(pd.DataFrame([system]), results / "systems.csv")
        history = pd.DataFrame(
            {"epoch": [1, 2], "learning_rate": 0.1, "train_loss": [2.0, 1.0], "val_accuracy": [0.5, 0.75]}
        )
        history["val_macro_f1"] = history["val_accuracy"] / 2
        history = history.assign(best_val_macro_f1=[0.25, 0.375], gap_macro_f1=[0.125, 0.25], val_loss=[2.5, 3.0])
        history = history.assign(best_val_loss=2.5, gap_loss=[-0.5, -2.0])
        tables.write(training_history.join({"face": {"face-0": history, "face-1": history}}), results / "epochs.csv")
        train = SCHEMA.codes(self.labels)
        shares = submissions.shares({"submission": of_eval.argmax(axis=1), "train": train})
        tables.write(shares, self.root / "results" / "shares.csv")
        metrics.write(self.root / "results" / "submission.json", {"photos": len(of_eval), "macro_f1": 0.8})

    def sources(self) -> Sources:
        labels, folds, crops, results = (
            self.root / name for name in ("labels.parquet", "folds.parquet", "crops", "results")
        )
        return read(labels, folds, crops, results, TRAIN_BANDS)

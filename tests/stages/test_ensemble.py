"""ensemble: members vote, systems multiply, and scores are of pictures that nobody saw."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline import params, predictions, tables
from pipeline.entries import Head, Model, Optimizer, Recipe, SmoothL1, attributes
from pipeline.errors import InputError
from pipeline.labels import names
from pipeline.members import Member
from pipeline.probabilities import Numbers, Table, multiply
from pipeline.stages.ensemble import Summary, ensemble
from pipeline.targets import codes
from pipeline.vision import inference, weights
from pipeline.vision.network import Network

HEADS = {
    "mask": {"mask": Head()},
    "pair": {"gender x age": Head()},
    "three": {"age": Head(kind="years", loss=SmoothL1(name="smooth_l1")), "mask": Head(), "gender": Head()},
}
AGES = [19, 29, 30, 59, 60, 71]
EVAL = ["c.jpg", "a.jpg", "b.jpg"]


class Workspace:
    """Six people in two folds, members with random weights that held them out, and three eval pictures."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.pictures = self.write_pictures()
        random = np.random.default_rng(777)
        self.crops = random.integers(0, 256, (len(EVAL), 32, 32, 3), np.uint8)
        (root / "crops").mkdir()
        np.save(root / "crops" / "eval.npy", self.crops)
        tables.write(pd.DataFrame({"path": EVAL, "source": "face"}), root / "crops" / "eval.csv")
        for seed, (model, fold) in enumerate((model, fold) for model in HEADS for fold in (0, 1)):
            self.train(Member(root / "models", model, fold), seed)
            held_out = self.pictures[self.pictures["fold"] == fold]
            self.hold_out(model, fold, held_out["path"][::-1], self.noise(model, len(held_out), seed))

    def write_pictures(self) -> pd.DataFrame:
        rows = [
            (f"{age}/{mask}.jpg", str(age), mask, ("male", "female")[age % 2], age, "", number % 2)
            for number, age in enumerate(AGES)
            for mask in ("worn", "normal")
        ]
        table = pd.DataFrame(rows, columns=[*tables.LABELS, "fold"])
        tables.write(table[[*tables.LABELS]], self.root / "labels.csv")
        tables.write(table[[*tables.FOLDS]], self.root / "folds.csv")
        return table.sort_values("path", ignore_index=True)

    def train(self, member: Member, seed: int) -> None:
        torch.manual_seed(seed)
        optimizer = Optimizer(learning_rate=1e-3)
        entry = Model(
            backbone="test_resnet",
            heads=HEADS[member.model],
            image_size=32,
            epochs=1,
            optimizer=optimizer,
            pretrained=False,
        )
        recipe = Recipe(model=member.model, fold=member.fold, epoch=1, entry=entry)
        weights.save(member.weights, Network(entry).state_dict(), recipe)

    def noise(self, model: str, rows: int, seed: int) -> dict[str, Numbers]:
        random = np.random.default_rng(seed)
        return {
            name: random.uniform(15, 75, rows)
            if head.kind == "years"
            else random.dirichlet(np.ones(len(names(attributes(name)))), rows)
            for name, head in HEADS[model].items()
        }

    def truth(self, model: str, held_out: pd.DataFrame) -> dict[str, Numbers]:
        return {
            name: held_out["age"].to_numpy(np.float64) + 0.5
            if head.kind == "years"
            else np.eye(len(names(attributes(name))))[codes(held_out, attributes(name))]
            for name, head in HEADS[model].items()
        }

    def hold_out(self, model: str, fold: int, pictures: "pd.Series[str]", heads: dict[str, Numbers]) -> None:
        predictions.write(self.member(model, fold).out_of_fold, pictures, heads)

    def ensemble(
        self,
        systems: tuple[tuple[str, ...], ...] = (("mask", "pair"), ("three",)),
        folds: tuple[int, ...] = (0, 1),
        refits: tuple[str, ...] = (),
        results: str = "results",
    ) -> Summary:
        return ensemble(
            models=self.root / "models",
            crops=self.root / "crops",
            labels=self.root / "labels.csv",
            folds=self.root / "folds.csv",
            results=self.root / results,
            params=params.Ensemble(systems=systems),
            train=params.Train(models=tuple(HEADS), folds=folds),
            refit=params.Refit(models=refits),
        )

    def answer(self, results: str = "results") -> Table:
        table = pd.read_csv(self.root / results / "eval_probabilities.csv", index_col="path")
        assert list(table.index) == EVAL
        assert list(table.columns) == names()
        return table.to_numpy()

    def member(self, model: str, fold: int | None = None) -> Member:
        return Member(self.root / "models", model, fold)

    def voice(self, model: str, fold: int | None = None) -> inference.Predictions:
        return inference.predict(self.member(model, fold).weights, self.crops)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def test_folds_are_averaged_and_models_multiplied(workspace: Workspace) -> None:
    workspace.ensemble(systems=(("mask", "pair"),))
    mask = (workspace.voice("mask", 0)["mask"] + workspace.voice("mask", 1)["mask"]) / 2
    pair = (workspace.voice("pair", 0)["gender x age"] + workspace.voice("pair", 1)["gender x age"]) / 2
    np.testing.assert_allclose(workspace.answer(), multiply({"mask": mask, "gender x age": pair}), atol=1e-6)


def test_systems_vote_with_years_as_bands(workspace: Workspace) -> None:
    workspace.ensemble(systems=(("mask", "pair"),), results="pair")
    workspace.ensemble(systems=(("three",),), results="three")
    workspace.ensemble(results="both")
    both = (workspace.answer("pair") + workspace.answer("three")) / 2
    np.testing.assert_allclose(workspace.answer("both"), both, atol=1e-8)
    np.testing.assert_allclose(both.sum(axis=1), 1, atol=1e-6)


def test_a_refit_answers_in_place_of_the_folds_that_are_still_the_score(workspace: Workspace) -> None:
    folds = workspace.ensemble(systems=(("mask", "pair"),), results="folds")
    workspace.train(workspace.member("mask"), seed=99)
    refitted = workspace.ensemble(systems=(("mask", "pair"),), refits=("mask",), results="refitted")
    mask = workspace.voice("mask")["mask"]
    np.testing.assert_allclose(workspace.answer("refitted").reshape(-1, 3, 6).sum(axis=2), mask, atol=1e-6)
    assert refitted.metrics == folds.metrics
    assert set(refitted.members) - set(folds.members) == {"mask-refit"}


def test_members_that_held_out_the_truth_score_one(workspace: Workspace) -> None:
    for model in HEADS:
        for fold in (0, 1):
            held_out = workspace.pictures[workspace.pictures["fold"] == fold]
            workspace.hold_out(model, fold, held_out["path"], workspace.truth(model, held_out))
    summary = workspace.ensemble()
    assert summary.metrics["pictures"] == 12
    assert summary.metrics["accuracy"] == 1
    assert summary.metrics["age_macro_f1"] == 1
    assert summary.metrics["three_age_mae"] == 0.5


def test_only_pictures_of_trained_folds_are_scored(workspace: Workspace) -> None:
    summary = workspace.ensemble(folds=(1,))
    scored = pd.read_csv(workspace.root / "results" / "out_of_fold.csv")
    expected = workspace.pictures.loc[workspace.pictures["fold"] == 1, "path"]
    assert list(scored["path"]) == list(expected)
    assert summary.metrics["pictures"] == 6
    assert list(summary.members) == ["mask-1", "pair-1", "three-1"]


def test_a_fold_that_is_no_longer_named_is_removed(workspace: Workspace) -> None:
    workspace.ensemble(folds=(1,))
    assert not workspace.member("mask", 0).folder.exists()
    assert workspace.member("mask", 1).weights.exists()


def test_members_are_named_with_the_hash_of_their_weights(workspace: Workspace) -> None:
    summary = workspace.ensemble()
    assert summary.members == {
        f"{model}-{fold}": hashlib.sha256(workspace.member(model, fold).weights.read_bytes()).hexdigest()
        for model in HEADS
        for fold in (0, 1)
    }


def test_equal_members_give_equal_bytes(workspace: Workspace) -> None:
    workspace.ensemble(results="first")
    workspace.ensemble(results="second")
    first, second = (
        {file.name: file.read_bytes() for file in (workspace.root / name).iterdir()} for name in ("first", "second")
    )
    assert first == second
    assert set(first) == {
        "classes.csv",
        "confusion.csv",
        "confusion.png",
        "errors.csv",
        "eval_probabilities.csv",
        "metrics.json",
        "out_of_fold.csv",
    }


def test_members_that_are_not_trained_are_named(workspace: Workspace) -> None:
    workspace.member("pair", 1).out_of_fold.unlink()
    with pytest.raises(InputError, match=r"dvc repro[\s\S]*pair/folds/1/out_of_fold[\s\S]*mask/refit/weights"):
        workspace.ensemble(refits=("mask",))


def test_pictures_without_an_out_of_fold_prediction_are_named(workspace: Workspace) -> None:
    rest = workspace.pictures.loc[workspace.pictures["fold"] == 0, "path"][1:]
    workspace.hold_out("mask", 0, rest, workspace.noise("mask", len(rest), 0))
    with pytest.raises(InputError, match=r"mask/folds/0/out_of_fold\.csv: no row for 19/normal\.jpg"):
        workspace.ensemble()


def test_folds_of_other_labels_are_named(workspace: Workspace) -> None:
    tables.write(workspace.pictures[[*tables.FOLDS]][1:], workspace.root / "folds.csv")
    with pytest.raises(InputError, match=r"folds\.csv does not fit[\s\S]*no row for 19/normal\.jpg"):
        workspace.ensemble()

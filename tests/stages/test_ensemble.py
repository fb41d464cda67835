"""ensemble: members vote, heads are multiplied, and scores are out of fold."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from ruamel.yaml import YAML
from threadpoolctl import threadpool_info, threadpool_limits

from pipeline.ensembling import calibration, combination, fitting, label_shift
from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.fitted_ensemble import read
from pipeline.ensembling.members import EnsembleMembers
from pipeline.ensembling.shift_estimators import p_value
from pipeline.evaluation import plots
from pipeline.formats import crop_files, parquet, tables
from pipeline.foundation.errors import InputError
from pipeline.modeling.config import Head
from pipeline.modeling.config.losses import SmoothL1
from pipeline.modeling.members import METRICS, Member
from pipeline.schema import label_table, metrics, predictions
from pipeline.schema.probabilities import Heads, Table, multiply
from pipeline.schema.schema import SCHEMA
from pipeline.stages.ensemble import Summary, ensemble
from tests.support import packed
from tests.support.simulated import people, shift_sample

HEADS = {
    "mask": {"mask": Head()},
    "pair": {"gender x age": Head()},
    "three": {"age": Head(kind="regression", loss=SmoothL1(name="smooth_l1")), "mask": Head(), "gender": Head()},
}
AGES = [19, 29, 30, 59, 60, 71]
EVAL = ["c.jpg", "a.jpg", "b.jpg"]
PAIR = [["mask", "pair"]]


class Workspace:
    """Six people in two folds, with members' predictions of the fold that they held out and of three eval photos."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.photos = self.write_photos()
        for seed, (model, fold) in enumerate((model, fold) for model in HEADS for fold in (0, 1)):
            self.train(Member(root / "models", model, fold), seed)

    def write_photos(self) -> pd.DataFrame:
        rows = [
            (f"{age}/{mask}.jpg", str(age), mask, ("male", "female")[age % 2], age, "", number % 2)
            for number, age in enumerate(AGES)
            for mask in ("worn", "normal")
        ]
        table = pd.DataFrame(rows, columns=[*label_table.COLUMNS, "fold"])
        tables.write(table[[*label_table.COLUMNS]], self.root / "labels.parquet")
        tables.write(table[[*tables.FOLDS]], self.root / "folds.parquet")
        (self.root / "crops").mkdir()
        packed.write(self.root / "crops", "train", table[["path"]], np.zeros((len(table), 8, 8, 3), np.uint8))
        return table.sort_values("path", ignore_index=True)

    def train(self, member: Member, seed: int) -> None:
        """Write weights that are never opened, and random predictions."""
        member.folder.mkdir(parents=True)
        member.weights.write_bytes(f"{member.name} {seed}".encode())
        tables.write(pd.DataFrame({"epoch": [1, 2], "train_loss": [2, 1], "learning_rate": [0.1, 0.1]}), member.epochs)
        metrics.write(member.folder / METRICS, {"epoch": 2, "epoch_selected_on_val": 0})
        predictions.write(member.eval, EVAL, self.noise(member.model, len(EVAL), seed))
        if member.fold is not None:
            held_out = self.held_out(member.fold)["path"][::-1]
            predictions.write(member.out_of_fold, held_out, self.noise(member.model, len(held_out), 100 + seed))

    def held_out(self, fold: int) -> pd.DataFrame:
        return self.photos[self.photos["fold"] == fold]

    def noise(self, model: str, rows: int, seed: int) -> Heads:
        random = np.random.default_rng(seed)
        return {
            name: random.uniform(15, 75, rows)
            if head.kind == "regression"
            else random.dirichlet(np.ones(SCHEMA.head(name).classes), rows)
            for name, head in HEADS[model].items()
        }

    def truth(self, model: str, fold: int) -> Heads:
        held_out = self.held_out(fold)
        return {
            name: held_out["age"].to_numpy(np.float64) + 0.5
            if head.kind == "regression"
            else np.eye(SCHEMA.head(name).classes)[SCHEMA.head(name).codes(held_out)]
            for name, head in HEADS[model].items()
        }

    def predict_the_truth(self, model: str, *folds: int) -> None:
        for fold in folds:
            predictions.write(
                self.member(model, fold).out_of_fold, self.held_out(fold)["path"], self.truth(model, fold)
            )

    def ensemble(
        self,
        systems: object = (("mask", "pair"), ("three",)),
        folds: tuple[int, ...] = (0, 1),
        refits: tuple[str, ...] = (),
        pseudo_labelled: tuple[str, ...] = (),
        results: str = "results",
        **settings: object,
    ) -> Summary:
        return ensemble(
            EnsembleMembers(self.root / "models", tuple(HEADS), folds, refits, pseudo_labelled),
            crops=self.root / "crops",
            labels=self.root / "labels.parquet",
            folds=self.root / "folds.parquet",
            results=self.root / results,
            params=Ensemble.model_validate({"systems": systems} | settings),
        )

    def written(self, results: str = "results") -> Table:
        table = pd.read_parquet(self.root / results / "eval_probabilities.parquet").set_index("path")
        assert list(table.index) == EVAL
        assert list(table.columns) == SCHEMA.class_names
        return table.to_numpy()

    def masks(self, results: str = "results") -> Table:
        return np.asarray(self.written(results).reshape(len(EVAL), SCHEMA.shape[0], -1).sum(axis=2))

    def member(self, model: str, fold: int | None = None, pseudo_labelled: bool = False) -> Member:
        return Member(self.root / "models", model, fold, pseudo_labelled)

    def eval(self, model: str, fold: int | None = None, pseudo_labelled: bool = False) -> Heads:
        return predictions.read_for(self.member(model, fold, pseudo_labelled).eval, EVAL)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(plots, "confusion_matrices", lambda *_: Figure())  # the slow part, with tests of its own
    monkeypatch.setattr(label_shift, "RESAMPLES", 3)
    return Workspace(tmp_path)


def test_folds_are_averaged_and_models_multiplied(workspace: Workspace) -> None:
    workspace.ensemble(PAIR)
    mask = (workspace.eval("mask", 0)["mask"] + workspace.eval("mask", 1)["mask"]) / 2
    pair = (workspace.eval("pair", 0)["gender x age"] + workspace.eval("pair", 1)["gender x age"]) / 2
    np.testing.assert_allclose(workspace.written(), multiply({"mask": mask, "gender x age": pair}), atol=1e-6)


def test_systems_vote_with_years_as_bands(workspace: Workspace) -> None:
    workspace.ensemble(PAIR, results="pair")
    workspace.ensemble([["three"]], results="three")
    workspace.ensemble(results="both")
    both = (workspace.written("pair") + workspace.written("three")) / 2
    np.testing.assert_allclose(workspace.written("both"), both, atol=1e-8)
    np.testing.assert_allclose(both.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("vote", ["logit_mean", "hard"])
def test_folds_and_systems_vote_by_the_same_rule(workspace: Workspace, vote: str) -> None:
    workspace.ensemble(results="soft")
    workspace.ensemble(results="other", vote=vote)
    assert not np.allclose(workspace.written("soft"), workspace.written("other"))
    np.testing.assert_allclose(workspace.written("other").sum(axis=1), 1, atol=1e-6)


def test_a_refit_predicts_eval_and_its_folds_are_scored(workspace: Workspace) -> None:
    folds = workspace.ensemble(PAIR, results="folds")
    workspace.train(workspace.member("mask"), seed=99)
    refitted = workspace.ensemble(PAIR, refits=("mask",), results="refitted")
    np.testing.assert_allclose(workspace.masks("refitted"), workspace.eval("mask")["mask"], atol=1e-6)
    assert refitted.metrics == folds.metrics
    assert set(refitted.members) - set(folds.members) == {"mask-refit"}


def test_pseudo_labelled_members_predict_and_are_scored_in_place_of_the_first(workspace: Workspace) -> None:
    first = workspace.ensemble(PAIR)
    for fold in (0, 1):
        workspace.train(workspace.member("mask", fold, pseudo_labelled=True), seed=50 + fold)
    second = workspace.ensemble(PAIR, pseudo_labelled=("mask",))
    mask = sum(workspace.eval("mask", fold, pseudo_labelled=True)["mask"] for fold in (0, 1)) / 2
    np.testing.assert_allclose(workspace.masks(), mask, atol=1e-6)
    assert set(second.members) == {"mask-pseudo_label-0", "mask-pseudo_label-1", "pair-0", "pair-1"}
    assert second.metrics["mask_accuracy"] != first.metrics["mask_accuracy"]
    assert workspace.member("mask", 0).folder.exists(), "the teacher stays"


def test_folds_and_a_refit_of_one_model_may_both_vote(workspace: Workspace) -> None:
    workspace.train(workspace.member("mask"), seed=99)
    workspace.ensemble([["mask/folds", "pair"], ["mask/refit", "pair"]], refits=("mask",))
    folds = (workspace.eval("mask", 0)["mask"] + workspace.eval("mask", 1)["mask"]) / 2
    np.testing.assert_allclose(workspace.masks(), (folds + workspace.eval("mask")["mask"]) / 2, atol=1e-6)


def test_only_the_best_folds_predict_eval_and_all_are_scored(workspace: Workspace) -> None:
    everyone = workspace.ensemble(PAIR)
    workspace.predict_the_truth("mask", 1)
    workspace.predict_the_truth("pair", 0)
    best = workspace.ensemble(PAIR, top_folds=1)
    expected = {"mask": workspace.eval("mask", 1)["mask"], "gender x age": workspace.eval("pair", 0)["gender x age"]}
    np.testing.assert_allclose(workspace.written(), multiply(expected), atol=1e-6)
    assert best.metrics["photos"] == everyone.metrics["photos"] == 12


def test_the_best_system_predicts_alone(workspace: Workspace) -> None:
    workspace.predict_the_truth("three", 0, 1)
    workspace.ensemble([["three"]], results="three")
    summary = workspace.ensemble(top_systems=1)
    np.testing.assert_array_equal(workspace.written(), workspace.written("three"))
    systems = pd.read_csv(workspace.root / "results" / "systems.csv")
    assert list(systems["system"]) == ["mask + pair", "three"]
    assert list(systems["weight"]) == [0, 1]
    assert summary.metrics["accuracy"] == summary.metrics["in_sample_accuracy"] == 1
    assert summary.metrics["unfitted_accuracy"] <= 1


def test_a_choice_is_scored_nested_in_sample_and_without_it(workspace: Workspace) -> None:
    equal = workspace.ensemble()
    chosen = workspace.ensemble(weights="greedy")
    extra = {f"{kind}_{key}" for kind in ("unfitted", "in_sample") for key in ("macro_f1", "accuracy")}
    assert set(chosen.metrics) - set(equal.metrics) == extra
    assert chosen.metrics["unfitted_macro_f1"] == equal.metrics["macro_f1"]
    assert chosen.metrics["in_sample_macro_f1"] >= equal.metrics["macro_f1"]
    written = json.loads((workspace.root / "results" / "metrics.json").read_text())
    assert written["macro_f1"] == pytest.approx(chosen.metrics["macro_f1"], abs=1e-6)


def test_per_attribute_the_best_model_predicts(workspace: Workspace) -> None:
    workspace.predict_the_truth("three", 0, 1)
    workspace.predict_the_truth("mask", 0, 1)
    workspace.ensemble("per_attribute", top_systems=1)
    systems = pd.read_csv(workspace.root / "results" / "systems.csv")
    chosen = systems[systems["weight"] == 1]
    assert list(zip(chosen["predicts"], chosen["system"], strict=True)) == [
        ("mask", "mask"),  # both are right; the first of equals
        ("gender", "three"),
        ("age", "three"),
    ]
    mask = (workspace.eval("mask", 0)["mask"] + workspace.eval("mask", 1)["mask"]) / 2
    np.testing.assert_allclose(workspace.masks(), mask, atol=1e-6)


def test_members_that_held_out_the_truth_score_one(workspace: Workspace) -> None:
    for model in HEADS:
        workspace.predict_the_truth(model, 0, 1)
    summary = workspace.ensemble()
    assert summary.metrics["photos"] == 12
    assert summary.metrics["accuracy"] == 1
    assert summary.metrics["age_macro_f1"] == 1
    assert summary.metrics["three_age_mae"] == 0.5


@pytest.mark.parametrize("weights", ["equal", "greedy"])
def test_a_single_fold_is_enough(workspace: Workspace, weights: str) -> None:
    summary = workspace.ensemble(folds=(1,), weights=weights, top_folds=3)
    scored = pd.read_parquet(workspace.root / "results" / "out_of_fold.parquet")
    assert list(scored["path"]) == list(workspace.held_out(1)["path"])
    assert summary.metrics["photos"] == 6
    assert list(summary.members) == ["mask-1", "pair-1", "three-1"]
    np.testing.assert_allclose(workspace.written().sum(axis=1), 1, atol=1e-6)


def test_a_fold_that_params_do_not_name_is_ignored_and_stays(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace.ensemble(folds=(1,))
    assert workspace.member("mask", 0).weights.exists()
    assert f"{workspace.member('mask', 0).folder}: ignored" in capsys.readouterr().err


def test_members_are_named_with_the_hash_of_their_weights(workspace: Workspace) -> None:
    summary = workspace.ensemble()
    assert summary.members == {
        f"{model}-{fold}": hashlib.sha256(workspace.member(model, fold).weights.read_bytes()).hexdigest()
        for model in HEADS
        for fold in (0, 1)
    }


@pytest.mark.parametrize("systems", [[["mask", "pair"], ["three"]], "per_attribute"])
def test_equal_members_give_equal_bytes(workspace: Workspace, systems: object) -> None:
    for results in ("first", "second"):
        workspace.ensemble(systems, results=results, weights="greedy")
    first, second = (
        {file.name: file.read_bytes() for file in (workspace.root / name).iterdir()} for name in ("first", "second")
    )
    assert first == second
    assert set(first) == {
        "adjustments.csv",
        "age_errors.png",
        "calibration.csv",
        "classes.csv",
        "confusion.csv",
        "confusion.png",
        "epochs.csv",
        "epochs_by_model.csv",
        "errors.csv",
        "ensemble.json",
        "eval_probabilities.parquet",
        "label_shift.csv",
        "learning_curves.png",
        "metrics.json",
        "mistakes.jpg",
        "out_of_fold.parquet",
        "reliability.png",
        "systems.csv",
    }


def test_blocks_write_the_same_bytes_as_all_photos_at_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"calibrate": True, "class_bias": True, "weights": "greedy"}
    workspace.ensemble(results="whole", **settings)
    monkeypatch.setattr(fitting, "BLOCK", 5)
    workspace.ensemble(results="blocks", **settings)
    whole, blocks = (
        {file.name: file.read_bytes() for file in (workspace.root / name).iterdir()} for name in ("whole", "blocks")
    )
    assert blocks == whole


def test_no_more_predictions_are_in_memory_than_are_fitted_on_or_in_a_block(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 12 train photos 10 are fitted on, and all are scored, 4 at a time."""
    monkeypatch.setattr(fitting, "MOST", 10)
    monkeypatch.setattr(fitting, "BLOCK", 4)
    read, written = tables.take, parquet.write
    rows: list[int] = []

    def take(path: Path, columns: dict[str, tables.Kind], positions: tables.Rows) -> pd.DataFrame:
        rows.append(len(positions))
        return read(path, columns, positions)

    def write(parts: Iterable[pd.DataFrame], path: Path) -> None:
        kept = list(parts)
        assert max(map(len, kept)) <= 4, path
        written(kept, path)

    monkeypatch.setattr(tables, "take", take)
    monkeypatch.setattr(parquet, "write", write)
    found = workspace.ensemble(calibrate=True, class_bias=True)
    members = 2 * len(HEADS)
    of_fit, of_eval = rows[:members], rows[members:]
    assert sum(of_fit) == 10 * len(HEADS)
    assert max(of_eval) <= 4
    assert found.metrics["photos"] == len(tables.read(workspace.root / "results" / "out_of_fold.parquet", {})) == 12
    assert len(tables.read(workspace.root / "results" / "confusion.csv", {})) == 10


def test_members_that_are_not_trained_are_named(workspace: Workspace) -> None:
    workspace.member("pair", 1).out_of_fold.unlink()
    with pytest.raises(
        InputError, match=r"dvc repro[\s\S]*mask/refit/weights[\s\S]*pair/predictions/folds/1/out_of_fold"
    ):
        workspace.ensemble(refits=("mask",))


def test_photos_without_an_out_of_fold_prediction_are_named(workspace: Workspace) -> None:
    rest = workspace.held_out(0)["path"][1:]
    predictions.write(workspace.member("mask", 0).out_of_fold, rest, workspace.noise("mask", len(rest), 0))
    with pytest.raises(
        InputError, match=r"mask/predictions/folds/0/out_of_fold\.parquet[\s\S]*no row for 19/normal\.jpg"
    ):
        workspace.ensemble()


def test_eval_photos_that_only_some_members_know_are_named(workspace: Workspace) -> None:
    predictions.write(workspace.member("three", 1).eval, EVAL[:2], workspace.noise("three", 2, 0))
    with pytest.raises(InputError, match=r"three/predictions/folds/1/eval\.parquet[\s\S]*no row for b\.jpg"):
        workspace.ensemble()


def test_folds_of_other_labels_are_named(workspace: Workspace) -> None:
    tables.write(workspace.photos[[*tables.FOLDS]][1:], workspace.root / "folds.parquet")
    with pytest.raises(InputError, match=r"folds\.parquet does not fit[\s\S]*no row for 19/normal\.jpg"):
        workspace.ensemble()


def test_heads_are_calibrated_member_by_member(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "helps", lambda *_: True)  # which no temperature does for random predictions
    workspace.ensemble(PAIR, calibrate=True)
    fitted = pd.read_csv(workspace.root / "results" / "calibration.csv", index_col="head")["temperature"]
    mask, pair = (
        np.mean([calibration.scale(workspace.eval(model, fold)[head], fitted[head]) for fold in (0, 1)], axis=0)
        for model, head in (("mask", "mask"), ("pair", "gender x age"))
    )
    np.testing.assert_allclose(workspace.written(), multiply({"mask": mask, "gender x age": pair}), atol=1e-6)


def test_effects_of_adjustments_that_are_off_are_written(workspace: Workspace) -> None:
    workspace.ensemble(PAIR)
    rows = pd.read_csv(workspace.root / "results" / "adjustments.csv")
    assert dict(zip(rows["choice"], rows["taken"], strict=True)) == {"label_shift": False, "class_bias": False}


def test_three_eval_photos_are_no_significant_shift(workspace: Workspace) -> None:
    workspace.ensemble(PAIR, calibrate=True, results="plain")
    workspace.ensemble(PAIR, calibrate=True, label_shift=True, results="corrected")
    np.testing.assert_array_equal(workspace.written("corrected"), workspace.written("plain"))
    refused = pd.read_csv(workspace.root / "corrected" / "label_shift.csv")["refused"]
    assert refused.str.startswith("no significant shift").all()


@pytest.mark.parametrize("systems", [[["mask", "pair"], ["three"]], "per_attribute"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"calibrate": True},
        {"calibrate": True, "class_bias": True, "weights": "greedy"},
        {"stacking": "regression"},
        {"stacking": "boosting"},
    ],
)
def test_the_fitted_ensemble_predicts_what_the_stage_wrote(
    workspace: Workspace, systems: object, settings: dict[str, Any]
) -> None:
    workspace.ensemble(systems, **settings)
    fitted = read(workspace.root / "results" / "ensemble.json")
    member_probabilities = {name: [workspace.eval(name, fold) for fold in (0, 1)] for name in fitted.voters}
    assert fitted.voters["mask"] == ("mask-0", "mask-1")
    np.testing.assert_allclose(fitted.predict(member_probabilities), workspace.written(), atol=1e-7)


def test_the_fitted_ensemble_has_the_label_shift_correction(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = label_shift.estimate
    monkeypatch.setattr(label_shift, "estimate", lambda evidence: replace(trusted(evidence), refusals=()))
    workspace.ensemble(PAIR, calibrate=True, results="plain")
    workspace.ensemble(PAIR, calibrate=True, label_shift=True)
    fitted = read(workspace.root / "results" / "ensemble.json")
    member_probabilities = {name: [workspace.eval(name, fold) for fold in (0, 1)] for name in fitted.voters}
    np.testing.assert_allclose(fitted.predict(member_probabilities), workspace.written(), atol=1e-7)


def test_a_more_confident_refit_is_no_label_shift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eval has train's priors; a refit predicts it with three times the logits of the folds."""
    monkeypatch.setattr(plots, "confusion_matrices", lambda *_: Figure())
    monkeypatch.setattr(label_shift, "RESAMPLES", 3)
    shares = {"mask": [5 / 7, 1 / 7, 1 / 7], "gender": [0.4, 0.6], "age": [0.47, 0.45, 0.08]}
    train, evaluated = (
        {
            name: people(count, np.array(own), np.array(own), seed=seed + place)
            for place, (name, own) in enumerate(shares.items())
        }
        for count, seed in ((200, 0), (150, 9))
    )
    person = train["age"].people
    values = SCHEMA.value_names(SCHEMA.encode({name: sample.targets for name, sample in train.items()}))
    photos = pd.DataFrame({"path": [f"{row:04}.jpg" for row in range(len(person))], "person": person.astype(str)})
    photos = photos.assign(
        mask=values["mask"], gender=values["gender"], age=np.array([24, 45, 63])[train["age"].targets]
    )
    photos = photos.assign(corrected="", fold=person % 2)
    tables.write(photos[[*label_table.COLUMNS]], tmp_path / "labels.parquet")
    tables.write(photos[[*tables.FOLDS]], tmp_path / "folds.parquet")
    packed.write(tmp_path, "train", photos[["path"]], np.zeros((len(photos), 8, 8, 3), np.uint8))
    eval_photos = [f"{row:04}.jpg" for row in range(len(evaluated["age"].people))]
    for member, temperature in (
        (Member(tmp_path, "model", 0), 1),
        (Member(tmp_path, "model", 1), 1),
        (Member(tmp_path, "model"), 1 / 3),
    ):
        member.folder.mkdir(parents=True)
        member.weights.touch()
        tables.write(pd.DataFrame({"epoch": [1], "train_loss": [1], "learning_rate": [0.1]}), member.epochs)
        scaled = {name: calibration.scale(sample.probabilities, temperature) for name, sample in evaluated.items()}
        metrics.write(member.folder / METRICS, {"epoch": 1})
        predictions.write(member.eval, eval_photos, scaled)
        own = photos["fold"] == member.fold
        if own.any():
            predictions.write(
                member.out_of_fold,
                photos["path"][own],
                {name: sample.probabilities[own] for name, sample in train.items()},
            )
    members = EnsembleMembers(tmp_path, ["model"], [0, 1], ["model"])
    ensemble(
        members,
        tmp_path,
        tmp_path / "labels.parquet",
        tmp_path / "folds.parquet",
        tmp_path / "results",
        Ensemble(systems=(("model",),)),
    )
    found = pd.read_csv(tmp_path / "results" / "label_shift.csv")
    assert (found["p_value"] > 0.05).all()
    by_refit = shift_sample(
        train["age"], evaluated["age"]._replace(probabilities=calibration.scale(evaluated["age"].probabilities, 1 / 3))
    )
    assert p_value(by_refit) < 1e-6, "the refit's own predictions would look like a shift"
    used = pd.read_parquet(tmp_path / "results" / "eval_probabilities.parquet")
    expected = multiply({name: calibration.scale(sample.probabilities, 1 / 3) for name, sample in evaluated.items()})
    np.testing.assert_allclose(used.drop(columns="path"), expected, atol=1e-6)


def test_scores_tell_that_an_epoch_was_selected_on_the_people_that_are_scored(workspace: Workspace) -> None:
    assert workspace.ensemble(PAIR, results="unbiased").metrics["epoch_selected_on_val"] == 0
    metrics.write(workspace.member("mask", 1).folder / METRICS, {"epoch": 1, "epoch_selected_on_val": 1})
    assert workspace.ensemble(PAIR).metrics["epoch_selected_on_val"] == 1
    assert json.loads((workspace.root / "results" / "metrics.json").read_text())["epoch_selected_on_val"] == 1


def test_another_threshold_in_years_trains_nothing() -> None:
    stages = YAML(typ="safe").load(Path("dvc.yaml"))["stages"]
    dependent = [
        name
        for name, stage in stages.items()
        if any(str(one).startswith("ensemble") for one in stage.get("params", []))
    ]
    assert dependent == ["ensemble"]


def test_thresholds_in_years_move_predictions(workspace: Workspace) -> None:
    workspace.ensemble([["three"]], results="scored")
    workspace.ensemble([["three"]], results="moved", age_thresholds=[29.5, 30.5])
    old = [workspace.written(name).reshape(len(EVAL), -1, 3)[..., 2].sum() for name in ("scored", "moved")]
    assert old[1] > old[0]
    assert read(workspace.root / "moved" / "ensemble.json").age_thresholds == {"three=age": (29.5, 30.5)}


def test_people_share_gender_and_age_in_eval(workspace: Workspace) -> None:
    """Two of the three eval photos have one background; the third, and the labelled people, have others."""
    rows = pd.read_parquet(workspace.root / "crops" / "train.parquet")["path"]
    grey = {"train": 30 + 15 * pd.factorize(rows.str.split("/").str[0])[0], "eval": np.array([200, 200, 250])}
    packed.write(workspace.root / "crops", "eval", pd.DataFrame({"path": EVAL}), np.zeros((3, 8, 8, 3), np.uint8))
    for split, levels in grey.items():
        thumbnails = np.zeros((len(levels), 16, 12, 3), np.uint8)
        thumbnails[..., 0] = levels[:, None, None]
        np.save(crop_files.Shard(workspace.root / "crops", split, 0).thumbnails_file, thumbnails)
    found = workspace.ensemble(PAIR, people={"pool": "equal"}).metrics
    pair = workspace.written().reshape(3, SCHEMA.shape[0], -1).sum(axis=1)
    np.testing.assert_allclose(pair[0], pair[1], atol=1e-6)
    assert not np.allclose(pair[0], pair[2], atol=0.01)
    assert found["people_pair_precision"] == found["people_pair_recall"] == 1
    assert found["people_eval_groups"] == 2
    assert {"photos_apart_macro_f1", "photos_apart_accuracy"} <= set(found)


def test_fits_run_on_one_thread(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """On busy cores, threads of BLAS that wait for each other took five times the processor time."""
    threads, fit = set[int](), combination.fit

    def watched(*arguments: Any) -> combination.FittedCombinations:
        threads.update(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return fit(*arguments)

    monkeypatch.setattr(combination, "fit", watched)
    with threadpool_limits(2):
        workspace.ensemble(PAIR)
    assert threads == {1}

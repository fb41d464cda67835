"""members: which trainings a name stands for, which of them predict eval and which are scored."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.ensembling.members import EnsembleMembers, OutOfFoldFiles, best, held_out
from pipeline.foundation.errors import InputError
from pipeline.modeling.members import Member
from pipeline.schema import predictions

FOLDS = ["mask-0", "mask-1"]
AGAIN = ["mask-pseudo_label-0", "mask-pseudo_label-1"]


@pytest.mark.parametrize(
    ("refitted", "pseudo_labelled", "name", "voters", "scored"),
    [
        ([], [], "mask", FOLDS, FOLDS),
        (["mask"], [], "mask", ["mask-refit"], FOLDS),
        ([], ["mask"], "mask", AGAIN, AGAIN),
        (["mask"], ["mask"], "mask/folds", FOLDS, FOLDS),
        (["mask"], ["mask"], "mask/refit", ["mask-refit"], FOLDS),
        (["mask"], ["mask"], "mask/pseudo_label", AGAIN, AGAIN),
        (["age"], ["age"], "mask", FOLDS, FOLDS),
    ],
)
def test_a_name_stands_for_its_last_training_or_for_the_one_it_names(
    refitted: list[str], pseudo_labelled: list[str], name: str, voters: list[str], scored: list[str]
) -> None:
    ensemble = EnsembleMembers(Path("models"), ["mask", "age"], [0, 1], refitted, pseudo_labelled)
    assert [member.name for member in ensemble.voters(name)] == voters
    assert [member.name for member in ensemble.scored(name)] == scored


def test_everyone_is_every_fold_refit_and_pseudo_labelled_fold() -> None:
    ensemble = EnsembleMembers(Path("models"), ["mask", "age"], [0, 3], ["age"], ["mask"])
    names = ["mask-0", "mask-3", "age-0", "age-3", "age-refit", "mask-pseudo_label-0", "mask-pseudo_label-3"]
    assert [member.name for member in ensemble.everyone()] == names
    assert len({member.folder for member in ensemble.everyone()}) == len(names)


@pytest.fixture
def members(tmp_path: Path) -> list[Member]:
    """Three folds of two photos each; the first is wrong in both, the second in none, the third in one."""
    predicted = {0: [0, 0], 1: [1, 2], 2: [1, 0]}
    for fold, codes in predicted.items():
        table = {"mask": np.eye(3)[codes]}
        predictions.write(Member(tmp_path, "mask", fold).out_of_fold, [f"{fold}b.jpg", f"{fold}a.jpg"], table)
    return [Member(tmp_path, "mask", fold) for fold in predicted]


@pytest.fixture
def photos() -> pd.DataFrame:
    """Photos sorted by path: `a` is normal (2), `b` incorrect (1)."""
    rows = [(f"{fold}{letter}.jpg", mask, fold) for fold in (0, 1, 2) for letter, mask in (("a", 2), ("b", 1))]
    table = pd.DataFrame(rows, columns=["path", "mask", "fold"])
    return table.assign(mask=np.array(["worn", "incorrect", "normal"])[table["mask"]], gender="male", age=40)


def test_out_of_fold_predictions_come_in_the_order_of_the_photos(members: list[Member], photos: pd.DataFrame) -> None:
    for order in (members, members[::-1]):
        assert held_out(order, photos)["mask"].argmax(axis=1).tolist() == [0, 0, 2, 1, 0, 1]


def test_the_best_members_are_those_that_score_best_on_their_own_fold(
    members: list[Member], photos: pd.DataFrame
) -> None:
    heads = held_out(members, photos)
    assert [member.fold for member in best(members, heads, photos, 1)] == [1]
    assert [member.fold for member in best(members, heads, photos, 2)] == [1, 2]
    assert best(members, heads, photos, None) == best(members, heads, photos, 7) == members


def test_a_refit_has_no_score_and_stays(members: list[Member], photos: pd.DataFrame, tmp_path: Path) -> None:
    refit = [Member(tmp_path, "mask")]
    assert best(refit, held_out(members, photos), photos, 1) == refit


def test_some_photos_are_read_in_the_order_asked_for(members: list[Member], photos: pd.DataFrame) -> None:
    out_of_fold = OutOfFoldFiles({"one": members, "other": members[::-1]}, photos)
    for positions in ([0, 3, 4], [5, 1, 2]):
        read = out_of_fold.read(np.array(positions))
        for name in ("one", "other"):
            (heads,) = read[name]
            np.testing.assert_array_equal(heads["mask"], held_out(members, photos)["mask"][positions])


def test_a_photo_without_prediction_is_named(members: list[Member], photos: pd.DataFrame) -> None:
    more = pd.concat([photos, photos.iloc[:1].assign(path="0c.jpg")], ignore_index=True)
    with pytest.raises(InputError, match=r"no row for 0c\.jpg"):
        held_out(members, more)

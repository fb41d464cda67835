"""Photos of a group agree on gender and age, weights are fitted, and no score uses the ids of the scored people."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.ensembling import fitting
from pipeline.ensembling.config import People
from pipeline.ensembling.people import (
    OF_PHOTO,
    PERSON_OF,
    PHOTO_OF,
    Groups,
    Photos,
    Pooling,
    fit,
    group,
    pooled,
    require_few,
)
from pipeline.ensembling.person_groups import describe
from pipeline.formats import crop_files
from pipeline.foundation.errors import InputError
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import SCHEMA
from tests.ensembling.test_person_groups import PHOTOS, sessions
from tests.support import packed

PEOPLE, FOLDS = 20, 4
EQUAL = Pooling(threshold=1.0, weights=np.ones(OF_PHOTO.classes), sharpness=0.0)
MASKS = ("worn",) * 5 + ("incorrect", "normal")


def labelled(count: int = PEOPLE) -> pd.DataFrame:
    rows = [
        (f"{person:02}/{photo}.jpg", f"{person:02}", mask, ("male", "female")[person % 2], 20 + 25 * (person % 3))
        for person in range(count)
        for photo, mask in enumerate(MASKS)
    ]
    table = pd.DataFrame(rows, columns=["path", "person", "mask", "gender", "age"])
    return table.assign(fold=table["person"].astype(int) % FOLDS)


def noisy(photos: pd.DataFrame, sure: float = 1.5, seed: int = 0) -> Table:
    random = np.random.default_rng(seed)
    logits = sure * np.eye(SCHEMA.classes)[SCHEMA.codes(photos)] + random.normal(size=(len(photos), SCHEMA.classes))
    powers = np.exp(logits)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def write_crops(folder: Path, count: int = PEOPLE) -> Path:
    thumbnails, _ = sessions(count)
    folder.mkdir()
    for split, rows in (("train", slice(None)), ("eval", slice(3 * PHOTOS))):
        paths = labelled(count)["path"][rows]
        packed.write(folder, split, pd.DataFrame({"path": paths}), thumbnails[rows])
        np.save(crop_files.Shard(folder, split, 0).thumbnails_file, thumbnails[rows])
    return folder


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    return write_crops(tmp_path / "crops")


def group_all(photos: pd.DataFrame, probabilities: Table, crops: Path, **params: object) -> Groups:
    return group(probabilities, photos, photos["path"][: 3 * PHOTOS], crops, People.model_validate(params))


def pool_all(photos: pd.DataFrame, probabilities: Table, crops: Path) -> Table:
    return group_all(photos, probabilities, crops).pooled(probabilities, photos["fold"].to_numpy())


def test_the_photos_of_a_group_agree_on_what_a_person_shares_and_keep_their_mask() -> None:
    table = noisy(labelled(2))
    groups = np.repeat([0, 1], PHOTOS)
    found = pooled(table, groups, EQUAL)
    shared = found @ PERSON_OF
    np.testing.assert_allclose(shared, np.repeat(shared[::PHOTOS], PHOTOS, axis=0), atol=1e-9)
    given = (table * (PERSON_OF[:, 0] > 0)) @ PHOTO_OF
    given_after = (found * (PERSON_OF[:, 0] > 0)) @ PHOTO_OF
    np.testing.assert_allclose(
        given_after / given_after.sum(axis=1, keepdims=True), given / given.sum(axis=1, keepdims=True), atol=1e-6
    )


def test_equal_weights_are_the_geometric_mean() -> None:
    table = noisy(labelled(1))
    mean = np.exp(np.log(table @ PERSON_OF).mean(axis=0))
    np.testing.assert_allclose((pooled(table, np.zeros(PHOTOS, int), EQUAL) @ PERSON_OF)[0], mean / mean.sum())


def test_a_photo_that_is_apart_keeps_its_probabilities() -> None:
    table = noisy(labelled(1))
    sharp = Pooling(1.0, np.array([1.0, 3.0, 3.0]), 0.7)
    np.testing.assert_allclose(pooled(table, np.arange(PHOTOS), sharp), table, atol=1e-6)


def test_photos_that_show_more_are_fitted_to_count_more() -> None:
    """Masked photos are pure noise here; a photo without a mask is not, and each is independent of the others."""
    photos = labelled(60)
    table = noisy(photos, sure=0.0)
    bare = (photos["mask"] == "normal").to_numpy()
    table[bare] = noisy(photos[bare], sure=4.0)
    mask = np.eye(3)[SCHEMA["mask"].codes(photos["mask"])]
    table = np.asarray((mask @ PHOTO_OF.T + 1e-6) * (table @ PERSON_OF @ PERSON_OF.T))
    table /= table.sum(axis=1, keepdims=True)
    thumbnails, _ = sessions(60)
    pooling = fit(Photos(describe(thumbnails), table), photos, 30 * PHOTOS, People())
    assert pooling.weights[0] == 1
    assert pooling.weights[2] > 3


def test_pooling_raises_the_score_and_reports_the_pairs(crops: Path) -> None:
    photos = labelled()
    table = noisy(photos)
    found = group_all(photos, table, crops)
    after = found.pooled(table, photos["fold"].to_numpy())
    targets = SCHEMA.codes(photos)
    assert (after.argmax(axis=1) == targets).mean() > (table.argmax(axis=1) == targets).mean() + 0.1
    assert found.scores["people_pair_precision"] == 1
    assert found.scores["people_pair_recall"] > 0.8
    assert 3 <= found.scores["people_eval_groups"] < 6
    assert len(found.eval) == 3 * PHOTOS


def test_labels_and_ids_of_a_fold_do_not_change_its_own_predictions(crops: Path) -> None:
    photos = labelled()
    own = (photos["fold"] == 1).to_numpy()
    before = pool_all(photos, noisy(photos), crops)
    photos.loc[own, "gender"] = "male"
    photos.loc[own, "age"] = 70
    photos.loc[own, "person"] = "one"
    after = pool_all(photos, noisy(labelled()), crops)
    np.testing.assert_array_equal(before[own], after[own])
    assert not np.array_equal(before[~own], after[~own])


def test_thumbnails_must_be_there_and_of_the_same_photos(crops: Path) -> None:
    photos = labelled()
    with pytest.raises(InputError, match=r"no thumbnail of 1 photos, first x"):
        pool_all(photos.assign(path=["x", *photos["path"][1:]]), noisy(photos), crops)
    crop_files.Shard(crops, "eval", 0).thumbnails_file.unlink()
    with pytest.raises(InputError, match=r"ensemble.people needs crop.thumbnail"):
        pool_all(photos, noisy(photos), crops)


def test_more_photos_than_can_be_compared_with_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "MOST", 10)
    require_few(10, 10)
    for photos, eval_photos in ((11, 1), (1, 11)):
        with pytest.raises(
            InputError, match=r"ensemble\.people: .*; at most 10 of each .* set ensemble\.people to null"
        ):
            require_few(photos, eval_photos)

"""What reads photos reads those in archives as it reads files."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

from pipeline.dataset import photo_shards, shard_writer
from pipeline.dataset.input_paths import find_photos, place
from pipeline.dataset.layout import EVAL, TRAIN, eval_photos, photo_files, train_photos
from pipeline.experiments import subset
from pipeline.formats import tables
from pipeline.formats.images import read
from pipeline.foundation.errors import InputError
from pipeline.label_quality.doctor import diagnose
from pipeline.label_quality.doctor.page import page
from pipeline.label_quality.review.app import create
from pipeline.registry.serving import request_parsing
from tests.support.dataset import PEOPLE, DataSet, draw
from tests.support.suspects import Workspace


def archived(root: Path, photos: int = 5) -> Path:
    """The same data set in archives of five photos."""
    target = root.with_name(f"{root.name}-archives")
    shard_writer.write(root, target, photos)
    return target


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    """Two photos are the same, and one has another size and extension."""
    found = DataSet(tmp_path / "photos")
    draw(found.images / PEOPLE[0] / "normal.png", 40, 30)
    shutil.copy(found.images / PEOPLE[0] / "normal.png", found.root / "eval" / "images" / "b.png")
    return found


def test_the_doctor_finds_and_shows_the_same(data: DataSet) -> None:
    archives = archived(data.root)
    findings = diagnose(data.root)
    assert findings
    assert diagnose(archives) == findings
    text = page(data.root, findings, "title")
    assert text.count('src="data:image/jpeg;base64,')
    assert page(archives, findings, "title") == text


def test_the_doctor_reports_a_damaged_photo_and_a_missing_archive(data: DataSet) -> None:
    archives = archived(data.root)
    damaged = archives / TRAIN / "shard-00000.tar"
    damaged.write_bytes(damaged.read_bytes().replace(b"IDAT", b"XXXX"))
    (archives / EVAL / "shard-00000.tar").unlink()
    found = {finding.photos: finding.text for finding in diagnose(archives) if finding.check.name == "unreadable"}
    assert len(found) == 5 + 3
    assert found[("eval/images/a.jpg",)].startswith("eval/images/shard-00000.tar: No such file or directory")
    text = found[(f"train/images/{PEOPLE[0]}/mask1.png",)]
    assert text.startswith(f"train/images/shard-00000.tar: {PEOPLE[0]}/mask1.png")


def test_the_doctor_reports_a_damaged_index_once(data: DataSet) -> None:
    archives = archived(data.root)
    index = archives / TRAIN / photo_shards.INDEX
    tables.write(pd.read_parquet(index).assign(shard="../../photo.tar"), index)
    found = [finding.text for finding in diagnose(archives) if finding.check.name == "layout"]
    assert [text.partition(";")[0] for text in found] == ["train/images/index.parquet, '../../photo.tar'"]


def test_a_review_shows_the_same_photos(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    photo = f"{workspace.cases()[0].person}/normal.png"
    shown = []
    for root in (workspace.data.root, archived(workspace.data.root)):
        workspace.data.root = root
        client = TestClient(create(workspace.review(), root, ["testserver"]))
        shown.append(client.get("/photo", params={"path": photo}))
    assert [one.status_code for one in shown] == [200, 200]
    assert shown[0].content == shown[1].content


def test_a_review_names_photos_that_no_archive_has(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.data.root = archived(workspace.data.root)
    index = workspace.data.root / TRAIN / photo_shards.INDEX
    kept = pd.read_parquet(index)[1:]
    tables.write(kept, index)
    with pytest.raises(
        InputError, match=r"missing photos of people under review; restore them \(1\):\n  000000_female"
    ):
        workspace.cases()


def test_a_subset_is_one_of_files(tmp_path: Path) -> None:
    people = [f"{number:06}_{('male', 'female')[number % 2]}_Asian_{18 + number}" for number in range(12)]
    whole = DataSet(tmp_path / "whole", people)
    subset.write(whole.root, 4, 1, tmp_path / "of-files")
    subset.write(archived(whole.root), 4, 1, tmp_path / "of-archives")
    files = [
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "of-files", tmp_path / "of-archives")
    ]
    assert len(files[0]) > 4 * 7
    assert files[0] == files[1]


def test_photos_of_a_command_line_are_found_under_their_own_names(data: DataSet) -> None:
    archives = archived(data.root)
    for given in (Path(), EVAL, Path("eval", "info.csv")):
        photos, skipped = find_photos([archives / given])
        expected = find_photos([data.root / given]).photos
        assert [place(photo).relative_to(archives) for photo in photos] == [
            place(photo).relative_to(data.root) for photo in expected
        ]
        assert [photo.read_bytes() for photo in photos] == [photo.read_bytes() for photo in expected]
        assert not [path for path in skipped if path.suffix != ".csv"]


def test_a_model_reads_an_archived_photo(data: DataSet) -> None:
    (photo,) = photo_files(archived(data.root), [f"train/images/{PEOPLE[1]}/normal.png"])
    expected = read(data.images / PEOPLE[1] / "normal.png")
    np.testing.assert_array_equal(request_parsing.read(photo, "photo 1"), expected)


def test_photos_are_listed_alike(data: DataSet) -> None:
    archives = archived(data.root)
    pd.testing.assert_frame_equal(train_photos(archives), train_photos(data.root))
    assert eval_photos(archives) == eval_photos(data.root)

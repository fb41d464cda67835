"""Archives of WebDataset's layout, written streaming and reproducibly."""

import json
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from pipeline.dataset import photo_shards, shard_writer
from pipeline.dataset.layout import EVAL, TRAIN, eval_photos, train_photos
from pipeline.foundation.errors import InputError
from tests.support.dataset import DataSet


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return DataSet(tmp_path_factory.mktemp("photos")).root


def names(archive: Path) -> list[str]:
    with tarfile.open(archive) as opened:
        return opened.getnames()


def test_an_archive_has_at_most_the_given_number_of_photos(data: Path, tmp_path: Path) -> None:
    assert shard_writer.write(data, tmp_path, photos=10) == {"train": 3, "eval": 1}
    for folder, listed in ((TRAIN, list(train_photos(data)["path"])), (EVAL, eval_photos(data))):
        assert list(photo_shards.paths(tmp_path / folder)) == listed
        found = [names(path) for path in sorted((tmp_path / folder).glob("*.tar"))]
        assert [len([name for name in one if not name.endswith(".json")]) <= 10 for one in found] == [True] * len(found)
    for table in ("train/train.csv", "eval/info.csv"):
        assert (tmp_path / table).read_bytes() == (data / table).read_bytes()


def test_an_archive_is_one_of_webdataset_with_labels_before_each_photo(data: Path, tmp_path: Path) -> None:
    shard_writer.write(data, tmp_path)
    photos = train_photos(data)
    found = names(tmp_path / TRAIN / "shard-00000.tar")
    assert found[1::2] == list(photos["path"])
    assert [Path(name).stem for name in found[::2]] == [Path(name).stem for name in found[1::2]]
    with tarfile.open(tmp_path / TRAIN / "shard-00000.tar") as archive:
        labels = archive.extractfile(found[0])
        assert labels is not None
        assert json.load(labels) == photos.drop(columns="path").iloc[0].to_dict()
    assert names(tmp_path / EVAL / "shard-00000.tar") == eval_photos(data)


def test_the_same_data_set_is_the_same_bytes(data: Path, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        shard_writer.write(data, tmp_path / folder, photos=9)
    one, two = (sorted(path for path in (tmp_path / name).rglob("*") if path.is_file()) for name in ("one", "two"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_a_data_set_with_faults_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        shard_writer.write(tmp_path / "absent", tmp_path / "shards")
    assert not (tmp_path / "shards").exists()


def test_no_row_of_the_index_stays_in_memory_when_its_archive_is_written(tmp_path: Path) -> None:
    peaks = []
    for photos in (100, 600, 1800):  # the first for what is imported once
        tracemalloc.start()
        files = ((f"{number:040x}.jpg", None, b"photo") for number in range(photos))
        assert shard_writer.write_split(tmp_path / str(photos), files, most=100) == photos // 100
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[2] - peaks[1]) / 1200 < 100  # bytes a photo

"""Photos in shards are the same bytes as before, and a shard is read without the others."""

import json
import tarfile
from pathlib import Path

import pytest

from pipeline.dataset import photo_shards
from pipeline.dataset.layout import EVAL, TRAIN, eval_photos, train_photos
from pipeline.dataset.photo_shards import PhotoShard
from pipeline.foundation.errors import InputError
from tests.support.dataset import DataSet


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return DataSet(tmp_path_factory.mktemp("photos")).root


def names(archive: Path) -> list[str]:
    with tarfile.open(archive) as opened:
        return opened.getnames()


def test_every_photo_comes_back_as_it_was(data: Path, tmp_path: Path) -> None:
    assert photo_shards.write(data, tmp_path, photos=10) == {"train": 3, "eval": 1}
    for split, images, listed in (
        ("train", TRAIN, list(train_photos(data)["path"])),
        ("eval", EVAL, eval_photos(data)),
    ):
        index = photo_shards.read_index(tmp_path / split)
        assert list(index["path"]) == listed
        for name in index["shard"].unique():
            shard = PhotoShard(tmp_path / split, name, index)
            assert 0 < len(shard) <= 10
            assert all(shard.read(path) == (data / images / path).read_bytes() for path in shard)
    for table in ("train/train.csv", "eval/info.csv"):
        assert (tmp_path / table).read_bytes() == (data / table).read_bytes()


def test_an_archive_is_one_of_webdataset_with_labels_before_each_photo(data: Path, tmp_path: Path) -> None:
    photo_shards.write(data, tmp_path)
    photos = train_photos(data)
    found = names(tmp_path / "train" / "shard-00000.tar")
    assert found[1::2] == list(photos["path"])
    assert [Path(name).stem for name in found[::2]] == [Path(name).stem for name in found[1::2]]
    with tarfile.open(tmp_path / "train" / "shard-00000.tar") as archive:
        labels = archive.extractfile(found[0])
        assert labels is not None
        assert json.load(labels) == photos.drop(columns="path").iloc[0].to_dict()
    assert names(tmp_path / "eval" / "shard-00000.tar") == eval_photos(data)


def test_the_same_data_set_is_the_same_bytes(data: Path, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        photo_shards.write(data, tmp_path / folder, photos=9)
    one, two = (sorted(path for path in (tmp_path / name).rglob("*") if path.is_file()) for name in ("one", "two"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_a_shard_is_read_without_the_others(data: Path, tmp_path: Path) -> None:
    photo_shards.write(data, tmp_path, photos=10)
    index = photo_shards.read_index(tmp_path / "train")
    for other in ("shard-00000.tar", "shard-00002.tar"):
        (tmp_path / "train" / other).unlink()
    shard = PhotoShard(tmp_path / "train", "shard-00001.tar", index)
    assert [shard.read(path) for path in shard] == [(data / TRAIN / path).read_bytes() for path in shard]
    gone = PhotoShard(tmp_path / "train", "shard-00000.tar", index)
    with pytest.raises(InputError, match=r"shard-00000\.tar: No such file or directory; write the shards again"):
        gone.read(next(iter(gone)))


def test_an_archive_that_was_cut_off_is_named(data: Path, tmp_path: Path) -> None:
    photo_shards.write(data, tmp_path)
    path = tmp_path / "eval" / "shard-00000.tar"
    path.write_bytes(path.read_bytes()[:600])
    shard = PhotoShard(tmp_path / "eval", path.name, photo_shards.read_index(tmp_path / "eval"))
    with pytest.raises(InputError, match=r"shard-00000\.tar: it ends within c\.jpg; write the shards again"):
        [shard.read(name) for name in shard]


def test_a_data_set_with_faults_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        photo_shards.write(tmp_path / "absent", tmp_path / "shards")
    assert not (tmp_path / "shards").exists()

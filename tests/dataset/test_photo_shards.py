"""Photos in archives are the same bytes as before, and an archive is read without the others."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline.dataset import photo_shards, shard_writer
from pipeline.dataset.config import Relabel
from pipeline.dataset.layout import EVAL, TRAIN, eval_photos, train_photos
from pipeline.formats import images, tables
from pipeline.foundation.errors import InputError
from pipeline.stages.relabel import relabel
from tests.support.dataset import DataSet


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    return DataSet(tmp_path / "photos")


@pytest.fixture
def archives(tmp_path: Path, data: DataSet) -> Path:
    shard_writer.write(data.root, tmp_path / "archives", photos=10)
    return tmp_path / "archives"


def test_the_photos_of_archives_are_those_of_the_data_set(data: DataSet, archives: Path) -> None:
    pd.testing.assert_frame_equal(train_photos(archives), train_photos(data.root))
    assert eval_photos(archives) == eval_photos(data.root)
    for folder, names in ((TRAIN, list(train_photos(data.root)["path"])[::-1]), (EVAL, eval_photos(data.root))):
        found = photo_shards.files(archives / folder, names)
        assert [photo.read_bytes() for photo in found] == [(data.root / folder / name).read_bytes() for name in names]
        assert photo_shards.files(data.root / folder, names) == [data.root / folder / name for name in names]


def test_labels_of_archives_are_the_same_bytes(data: DataSet, archives: Path, tmp_path: Path) -> None:
    fix = "id,field,was,value,source\n000001,gender,female,male,me\n000003-1,mask,,swap normal incorrect_mask,me\n"
    (tmp_path / "fixes").mkdir()
    (tmp_path / "fixes" / "mine.csv").write_text(fix)
    for root, name in ((data.root, "one.parquet"), (archives, "two.parquet")):
        relabel(root, tmp_path / "fixes", tmp_path / name, Relabel(fixes=("mine",)))
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_an_archive_is_read_without_the_others(data: DataSet, archives: Path) -> None:
    names = list(train_photos(data.root)["path"])[10:20]
    assert photo_shards.sources(archives / TRAIN, names) == {archives / TRAIN / "shard-00001.tar"}
    for other in ("shard-00000.tar", "shard-00002.tar"):
        (archives / TRAIN / other).unlink()
    found = photo_shards.files(archives / TRAIN, names)
    assert [photo.read_bytes() for photo in found] == [(data.images / name).read_bytes() for name in names]
    (gone,) = photo_shards.files(archives / TRAIN, list(train_photos(data.root)["path"])[:1])
    with pytest.raises(InputError, match=r"shard-00000\.tar: No such file or directory; write the shards again"):
        gone.read_bytes()


def test_an_archive_that_was_cut_off_is_named(archives: Path) -> None:
    path = archives / EVAL / "shard-00000.tar"
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(InputError, match=r"shard-00000\.tar: it ends within c\.jpg; write the shards again"):
        [photo.read_bytes() for photo in photo_shards.files(archives / EVAL, eval_photos(archives))]


@pytest.mark.parametrize("shard", ["../private.tar", "/private.tar", "link.tar"])
def test_an_archive_elsewhere_is_refused(archives: Path, shard: str) -> None:
    (archives / EVAL / "link.tar").symlink_to(archives.with_name("private.tar"))
    index = archives / EVAL / photo_shards.INDEX
    tables.write(tables.read(index, photo_shards.COLUMNS).assign(shard=shard), index)
    with pytest.raises(InputError, match=rf"index\.parquet: archives that are not in .*\n  '{shard}'"):
        photo_shards.files(archives / EVAL, eval_photos(archives))


@pytest.mark.parametrize(("offset", "size"), [(0, 2**62), (2**62, 5), (-5, 5), (0, -5)])
def test_a_place_that_the_archive_does_not_have_is_refused(archives: Path, offset: int, size: int) -> None:
    photo = photo_shards.ArchivedPhoto(archives / EVAL / "shard-00000.tar", "a.jpg", offset, size)
    with pytest.raises(InputError, match=r"shard-00000\.tar: .*; write the shards again"):
        photo.read_bytes()


def test_a_damaged_photo_is_named_with_its_archive(data: DataSet, tmp_path: Path) -> None:
    name = train_photos(data.root)["path"][3]
    (data.images / name).write_bytes(b"no photo")
    shard_writer.write(data.root, tmp_path / "archives")
    (photo,) = photo_shards.files(tmp_path / "archives" / TRAIN, [name])
    assert images.fault(photo) == (
        f"{tmp_path / 'archives' / TRAIN / 'shard-00000.tar'}: {name}: "
        f"not a photo that can be read ({', '.join(images.FORMATS)})"
    )


def test_photos_that_the_index_lacks_are_named(archives: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)index\.parquet: photos that are not in it.*nobody/normal\.jpg"):
        photo_shards.files(archives / TRAIN, ["nobody/normal.jpg"])


def test_a_table_that_does_not_fit_the_archives_is_refused(data: DataSet, archives: Path) -> None:
    table = tables.read(archives / "train" / "train.csv", {})
    gone = table["path"][0]
    added = table.iloc[:1].assign(path="000009_male_Asian_20", age="x")
    tables.write(pd.concat([table[1:], added]), archives / "train" / "train.csv")
    with pytest.raises(InputError) as error:
        train_photos(archives)
    message = str(error.value)
    assert f"'{gone}/mask1" in message
    assert "age 'x' is not a number of years" in message
    assert "no photos of '000009_male_Asian_20' in index.parquet" in message
    (archives / "eval" / "info.csv").write_text("ImageID,ans\nelsewhere.jpg,0\n")
    with pytest.raises(InputError, match=r"info\.csv, row 2: eval/images/elsewhere\.jpg does not exist"):
        eval_photos(archives)


def test_photos_of_archives_are_not_looked_up_on_the_disk(archives: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of a million takes longer to find there than all else that is checked of it."""
    there = eval_photos(archives)
    looked_up: list[str] = []
    monkeypatch.setattr(Path, "is_symlink", lambda path: looked_up.append(path.name))
    assert eval_photos(archives) == there
    assert looked_up == ["shard-00000.tar"]


def test_photos_of_one_archive_share_its_path(archives: Path) -> None:
    one, other, *_ = photo_shards.files(archives / EVAL, eval_photos(archives))
    assert isinstance(one, photo_shards.ArchivedPhoto)
    assert isinstance(other, photo_shards.ArchivedPhoto)
    assert one.archive is other.archive

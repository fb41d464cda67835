"""Stages crop and pack: train and eval share one function, no photo is lost, and outputs are reproducible."""

import hashlib
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image, PngImagePlugin

from pipeline.dataset import shard_writer
from pipeline.dataset.layout import MASK_OF_STEM, train_photos
from pipeline.faces.config import Crop
from pipeline.formats import arrays, crop_files, perceptual_hash, tables
from pipeline.formats.crop_files import SPLITS, Shard
from pipeline.foundation.errors import InputError
from pipeline.registry.serving.classifier import CROP, MEMBERS, SIZES_FILE, TTA_FILE, Classifier
from pipeline.schema import label_table
from pipeline.stages import crop as stage
from pipeline.stages.crop import LANDMARKS, crop
from pipeline.stages.pack import pack, reads
from tests.modeling.people import people
from tests.support import packed
from tests.support.dataset import DataSet

PERSON, OTHER = "000001_male_Asian_40", "000002_female_Asian_40"


class Workplace:
    """A data set of two synthetic people, whose photos are also the eval photos, in the same order."""

    def __init__(self, folder: Path, synthetic: bool) -> None:
        self.data = DataSet(folder / "photos", people=(PERSON, OTHER))
        self.labels, self.crops = folder / "labels.parquet", folder / "crops"
        self.paths = [f"{person}/{stem}.png" for person in (PERSON, OTHER) for stem in sorted(MASK_OF_STEM)]
        self.eval = [path.replace("/", "-") for path in self.paths]
        self.data.evaluate(self.eval)
        if synthetic:
            for path, name, photo in zip(self.paths, self.eval, people(), strict=True):
                Image.fromarray(photo).save(self.data.images / path, compress_level=1)
                Image.fromarray(photo).save(self.data.root / "eval" / "images" / name, compress_level=1)
        tables.write(train_photos(self.data.root).assign(corrected="")[list(label_table.COLUMNS)], self.labels)

    def crop_shard(self, shard: int, params: Crop) -> None:
        crop(shard, self.data.root, self.labels, self.crops, params)

    def crop(self, **given: object) -> dict[str, str]:
        params = Crop.model_validate({"size": 32} | given)
        for shard in params.shards:
            self.crop_shard(shard, params)
        pack(self.crops, params)
        files = (path for path in self.crops.rglob("*") if path.is_file())
        return {str(path.relative_to(self.crops)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path, synthetic=True)


@pytest.fixture
def faceless(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path, synthetic=False)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"subject": "largest", "grow": {"x": 20, "y": 30, "unit": "pixels"}, "square": True},
        {"align": {"coverage": 0.5}},
        {"method": "grabcut", "align": {}},
        {"method": "center"},
    ],
    ids=str,
)
def test_a_photo_is_cropped_alike_in_train_in_eval_and_in_serving(
    workplace: Workplace, settings: dict[str, object]
) -> None:
    workplace.crop(**settings)
    train, evaluated = (packed.read(workplace.crops, split) for split in ("train", "eval"))
    assert np.array_equal(train, evaluated)
    tables_of = [crop_files.table(workplace.crops, split) for split in ("train", "eval")]
    assert tables_of[0].drop(columns="path").equals(tables_of[1].drop(columns="path"))
    served = workplace.crops.parent / "served"
    (served / MEMBERS).mkdir(parents=True)
    (served / TTA_FILE).write_text("{}")
    (served / SIZES_FILE).write_text('{"smallest": 384, "largest": 384}')
    (served / CROP).write_text(Crop.model_validate({"size": 32} | settings).model_dump_json())
    photos = [workplace.data.root / "eval" / "images" / name for name in workplace.eval]
    assert np.array_equal(Classifier(served)._crop(photos), train)


def test_crops_and_their_table_are_in_the_order_of_labels_and_info(workplace: Workplace) -> None:
    workplace.crop()
    for split, names in {"train": workplace.paths, "eval": workplace.eval}.items():
        table = crop_files.table(workplace.crops, split)
        assert list(table.columns) == ["path", "shard", *list(tables.CROPS)[1:], *LANDMARKS]
        assert list(table["path"]) == names
        assert packed.read(workplace.crops, split).shape == (len(names), 32, 32, 3)


def test_equal_photos_give_equal_bytes_on_any_number_of_cores(workplace: Workplace) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    first = workplace.crop()
    torch.set_num_threads(1)
    second = workplace.crop()
    torch.set_num_threads(threads)
    assert first == second
    sheets = {"crops.jpg", "misses.jpg", "doubtful.jpg"}
    index = {"train.parquet", "eval.parquet", "settings.json"}
    of_shard = {
        f"shards/{split}/0/{name}" for split in SPLITS for name in ("crops.npy", "table.parquet", "settings.json")
    }
    small = {f"previews/{split}/0/{name}" for split in SPLITS for name in ("crops.arrow", "tiles.npy")}
    assert set(first) == index | sheets | of_shard | small


def test_the_number_of_shards_changes_no_crop(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.stages.crop.BATCH", 4)  # the 14 photos are 4 batches: a shard has none
    found = []
    for shards in ([0, 1, 2, 3, 4], [0]):
        workplace.crop(shards=shards)
        table = crop_files.table(workplace.crops, "train")
        assert set(table["shard"]) == set(shards[-4:])
        found.append((packed.read(workplace.crops, "train"), table.drop(columns="shard")))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    pd.testing.assert_frame_equal(found[0][1], found[1][1])
    assert [arrays.digest(image) for image in found[0][0]] == list(found[0][1]["digest"])


def test_photos_in_archives_are_cropped_and_shown_alike(workplace: Workplace) -> None:
    Image.new("RGB", (384, 512)).save(workplace.data.images / workplace.paths[0])
    of_files = workplace.crop()
    shard_writer.write(workplace.data.root, workplace.crops.parent / "archives", photos=3)
    shutil.rmtree(workplace.data.root)
    workplace.data.root = workplace.crops.parent / "archives"
    assert workplace.crop() == of_files


def test_the_index_and_the_sheets_need_no_photos_and_the_crops_of_one_shard(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.stages.crop.BATCH", 4)
    for number in (0, 13):  # in the first and the last shard
        Image.new("RGB", (384, 512)).save(workplace.data.images / workplace.paths[number])
    params = {"shards": [0, 1], "thumbnail": (16, 12)}
    sheets = {name: digest for name, digest in workplace.crop(**params).items() if "/" not in name}
    shutil.rmtree(workplace.data.root)
    read = Crop.model_validate({"size": 32} | params)
    for file in workplace.crops.rglob("*/*/*/*"):
        if not reads(file, read):
            file.write_bytes(b"")  # as a task has it that did not fetch it
    assert len([file for file in workplace.crops.rglob("*") if not file.stat().st_size]) == 2 + 2 * 2 * 2
    pack(workplace.crops, read)
    assert {name: hashlib.sha256((workplace.crops / name).read_bytes()).hexdigest() for name in sheets} == sheets


def test_tiles_of_other_photos_are_refused(faceless: Workplace) -> None:
    faceless.crop(method="center")
    with arrays.writing(Shard(faceless.crops, "eval", 0).tiles_file, (3, 4, 4, 3)):
        pass
    with pytest.raises(
        InputError, match=r"previews/eval/0/tiles\.npy: 3 images, but 0 photos to show; run `dvc repro`"
    ):
        pack(faceless.crops, Crop(size=32, method="center"))


def test_faces_have_landmarks_and_photos_without_one_have_none(workplace: Workplace) -> None:
    Image.new("RGB", (384, 512)).save(workplace.data.images / workplace.paths[0])
    workplace.crop()
    table = tables.read(workplace.crops / "train.parquet", tables.CROPS)
    assert table["source"][0] == "center"
    assert table["probability"][0] == 0
    assert table[LANDMARKS].loc[0].isna().all()
    found = table[table["source"] == "face"]
    assert len(found) > 7
    assert found[LANDMARKS].notna().all(axis=None)
    assert (found["probability"] > 0).all()


def test_the_index_has_the_perceptual_hash_of_every_whole_photo(workplace: Workplace) -> None:
    workplace.crop(method="center")
    found = perceptual_hash.parse(crop_files.table(workplace.crops, "train")["perceptual_hash"])
    photos = [Image.open(workplace.data.images / path) for path in workplace.paths]
    expected = perceptual_hash.parse(perceptual_hash.perceptual_hash(photo).hex() for photo in photos)
    assert np.array_equal(found, expected)


def test_misses_are_counted_and_shown(faceless: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    faceless.crop()
    assert capsys.readouterr().out.splitlines() == [
        f"{split}: 14 of 14 photos without a face: centre crop" for split in ("train", "eval")
    ]
    with Image.open(faceless.crops / "misses.jpg") as sheet:
        assert sheet.height > 400


def test_doubtful_subjects_are_counted_listed_and_shown(
    workplace: Workplace, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = people()[6]
    small = np.full_like(photo, 200)
    small[:384, :288] = np.asarray(Image.fromarray(photo).resize((288, 384)))
    images = workplace.data.root / "eval" / "images"
    Image.fromarray(np.hstack([small, photo])).save(images / workplace.eval[0])
    Image.fromarray(np.rot90(photo, 1)).save(images / workplace.eval[1])
    workplace.crop()
    table = tables.read(workplace.crops / "eval.parquet", tables.CROPS)
    assert table["faces"][0] == 2
    assert (table["photo_width"][0], table["photo_height"][0]) == (768, 512)
    assert table["turn"][1] == 270
    lines = capsys.readouterr().out
    assert "eval: 1 with several faces" in lines
    assert "1 with face on its side" in lines
    with Image.open(workplace.crops / "doubtful.jpg") as sheet:
        assert sheet.height > 100


def test_shards_by_other_settings_are_refused(workplace: Workplace) -> None:
    workplace.crop(shards=[0, 1], method="center")
    other = Crop.model_validate({"size": 32, "method": "center", "center": {"side": 0.5}, "shards": [0, 1]})
    workplace.crop_shard(1, other)
    for params in (other, other.model_copy(update={"center": Crop().center})):
        with pytest.raises(
            InputError, match=r"crops by other settings than params\.yaml has[\s\S]*shards/(train|eval)/"
        ):
            pack(workplace.crops, params)


def test_generated_train_photos_are_warned_about(faceless: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    faceless.crop(method="center")
    assert "WARNING" not in capsys.readouterr().err
    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", "a face, Steps: 20")
    Image.new("RGB", (4, 6)).save(faceless.data.images / faceless.paths[3], pnginfo=texts)
    faceless.crop(method="center")
    assert f"WARNING: 1 train photos were made by a generator, first {faceless.data.images / faceless.paths[3]}" in (
        capsys.readouterr().err
    )


def test_photos_of_several_sizes_are_warned_about_when_a_setting_is_in_pixels(
    faceless: Workplace, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (40, 60)).save(faceless.data.images / faceless.paths[0])
    faceless.crop(method="center")
    assert "WARNING" not in capsys.readouterr().err
    faceless.crop(method="center", center={"side": 3, "unit": "pixels"})
    warned = capsys.readouterr().err
    assert "WARNING: photos are 4 to 40 pixels on the shorter side" in warned
    assert "WARNING: crop.center takes 3 pixels, 8% of the shorter side of the largest photos" in warned


def test_a_centre_crop_that_is_small_in_large_photos_of_one_size_is_warned_about(
    faceless: Workplace, capsys: pytest.CaptureFixture[str]
) -> None:
    for side, warned in ((2, False), (1, True)):  # the photos are 4 x 6
        faceless.crop(method="center", center={"side": side, "unit": "pixels"})
        assert ("WARNING: crop.center takes 1 pixels, 25% of" in capsys.readouterr().err) is warned


@pytest.mark.parametrize(("method", "source"), [("center", "center"), ("none", "whole")])
def test_without_a_search_for_faces_nothing_is_called_a_miss(
    faceless: Workplace, capsys: pytest.CaptureFixture[str], method: str, source: str
) -> None:
    faceless.crop(method=method)
    assert set(tables.read(faceless.crops / "eval.parquet", tables.CROPS)["source"]) == {source}
    assert capsys.readouterr().out == ""


def test_all_broken_photos_are_named_at_once_before_any_is_cropped(workplace: Workplace) -> None:
    whole = (workplace.data.images / workplace.paths[3]).read_bytes()
    (workplace.data.images / workplace.paths[3]).write_bytes(whole[: len(whole) // 2])
    (workplace.data.images / workplace.paths[9]).write_bytes(b"")
    (workplace.data.root / "eval" / "images" / workplace.eval[5]).write_text("no photo")
    with pytest.raises(InputError) as error:
        workplace.crop()
    for broken in (workplace.paths[3], workplace.paths[9], workplace.eval[5]):
        assert broken in str(error.value)
    assert len(str(error.value).splitlines()) == 4
    assert not workplace.crops.exists()


def test_grey_transparent_and_turned_photos_are_cropped_like_upright_rgb_ones(faceless: Workplace) -> None:
    grey = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6
    variants = [grey.convert("RGB"), grey, grey.convert("LA"), grey.convert("RGBA")]
    for path, photo in zip(faceless.paths, variants, strict=False):
        photo.save(faceless.data.images / path)
    grey.transpose(Image.Transpose.ROTATE_90).save(faceless.data.images / faceless.paths[4], exif=turned)
    faceless.crop(method="none")
    crops = packed.read(faceless.crops, "train")[:5]
    assert (crops == crops[0]).all()


def test_thumbnails_are_whole_photos_and_none_is_written_unasked(workplace: Workplace) -> None:
    assert "previews/train/0/thumbnails.npy" not in workplace.crop()
    workplace.crop(thumbnail=(16, 12))
    train, evaluated = (np.stack(list(crop_files.thumbnails(workplace.crops, split))) for split in ("train", "eval"))
    assert np.array_equal(train, evaluated)
    for path, thumbnail in zip(workplace.paths, train, strict=True):
        photo = np.asarray(Image.open(workplace.data.images / path).convert("RGB"), np.float64)
        assert thumbnail.shape == (16, 12, 3)
        np.testing.assert_allclose(thumbnail.mean(axis=(0, 1)), photo.mean(axis=(0, 1)), atol=1)
    workplace.crop(thumbnail=(16, 12), shards=(0, 1))
    for split in ("train", "eval"):
        assert np.array_equal(np.stack(list(crop_files.thumbnails(workplace.crops, split))), train)


def test_few_objects_of_a_photo_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 250,000 photos of a shard, a dictionary and a call of a thread for each took half a gigabyte."""
    data, labels, peaks = DataSet(tmp_path / "photos", people=(PERSON,)), tmp_path / "labels.parquet", []
    tables.write(train_photos(data.root).assign(corrected="")[list(label_table.COLUMNS)], labels)
    photo = (data.images / PERSON / "normal.png").read_bytes()
    monkeypatch.setattr(stage, "ROWS", 64)
    monkeypatch.setattr(stage, "perceptual_hash", lambda _: bytes(32))  # the slow part
    for count in (300, 900):
        names = [f"{number:040x}.png" for number in range(count)]
        data.list_eval(names)
        shard_writer.write_split(data.root / "eval" / "images", ((name, None, photo) for name in names))
        tracemalloc.start()
        crop(0, data.root, labels, tmp_path / "crops", Crop(method="none", size=8))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 600 < 1500  # bytes a photo

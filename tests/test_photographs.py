"""photographs: the layout is checked as a whole, and any picture is read as its upright RGB self."""

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image

from pipeline.errors import InputError
from pipeline.labels import MASK_OF_STEM
from pipeline.photographs import Pixels, check, eval_pictures, read, train_pictures
from tests.damage import damaged, is_refused
from tests.dataset import HEADER, PEOPLE, DataSet, draw, row

FIRST = PEOPLE[0]


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    return DataSet(tmp_path / "photos")


def test_every_train_picture_is_a_row_sorted_by_path(data: DataSet) -> None:
    pictures = train_pictures(data.root)
    assert list(pictures["path"]) == sorted(f"{person}/{stem}.png" for person in PEOPLE for stem in MASK_OF_STEM)
    assert list(pictures["mask"]) == [MASK_OF_STEM[Path(path).stem] for path in pictures["path"]]
    assert {row(f"{person}") for person in pictures["person"]} == {
        f"{one['id']},{one['gender']},Asian,{one['age']},{one['person']}" for one in pictures.to_dict("records")
    }
    assert pictures.groupby("person")["age"].first().to_dict() == dict(zip(PEOPLE, (30, 59, 60, 18), strict=True))


def test_the_row_is_the_label_and_the_name_of_the_folder_only_a_key(data: DataSet) -> None:
    data.write_rows([f"000001,male,Asian,77,{FIRST}", *map(row, PEOPLE[1:])])
    first = train_pictures(data.root).iloc[0]
    assert (first["person"], first["gender"], first["age"]) == (FIRST, "male", 77)


def test_hidden_files_are_no_pictures(data: DataSet) -> None:
    before = train_pictures(data.root)
    for name in ("._mask1.jpg", ".DS_Store"):
        (data.images / name).write_bytes(b"\0\5\x16\7")
        (data.images / FIRST / name).write_bytes(b"\0\5\x16\7")
    (data.images / ".cache").mkdir()
    assert train_pictures(data.root).equals(before)


def test_extensions_may_be_mixed_and_in_any_case(data: DataSet) -> None:
    folder = data.images / FIRST
    for stem, extension in (("mask1", ".JPG"), ("mask2", ".jpeg"), ("normal", ".PNG")):
        (folder / f"{stem}.png").rename(folder / f"{stem}{extension}")
    names = {Path(path).name for path in train_pictures(data.root).query("person == @FIRST")["path"]}
    assert names >= {"mask1.JPG", "mask2.jpeg", "normal.PNG", "mask3.png"}


def remove_root(data: DataSet) -> None:
    data.root.rename(data.root.with_name("elsewhere"))


def remove_images(data: DataSet) -> None:
    data.images.rename(data.root / "elsewhere")


def rows_with(*changed: str) -> Callable[[DataSet], None]:
    return lambda data: data.write_rows([*changed, *map(row, PEOPLE[1:])])


def link_outside(data: DataSet) -> None:
    (data.images / FIRST).rename(data.root / "outside")
    (data.images / FIRST).symlink_to(data.root / "outside")


TRAIN_FAULTS: dict[str, tuple[Callable[[DataSet], object], str]] = {
    "missing root": (remove_root, "no such folder; data.root names"),
    "missing table": (lambda data: data.table.unlink(), "train.csv: no such file"),
    "missing images": (remove_images, "images: no such folder"),
    "empty table": (lambda data: data.write_rows([]), "train.csv: no rows"),
    "missing column": (lambda data: data.write_rows([], "id,gender,race,path"), "column age is missing"),
    "extra column": (lambda data: data.write_rows([], f"{HEADER},note"), "column note is unknown"),
    "age no number": (rows_with(f"1,male,Asian,abc,{FIRST}"), "train.csv, row 2: age 'abc' is not a number of years"),
    "age of nobody": (rows_with(f"1,male,Asian,0,{FIRST}"), "row 2: age '0' is not"),
    "age in parts": (rows_with(f"1,male,Asian,30.5,{FIRST}"), "row 2: age '30.5' is not"),
    "unknown gender": (rows_with(f"1,Male,Asian,30,{FIRST}"), "row 2: gender 'Male' is neither male nor female"),
    "row twice": (rows_with(row(FIRST), row(FIRST)), f"row 3: path '{FIRST}' is already in row 2"),
    "row without a folder": (rows_with("1,male,Asian,30,x", row(FIRST)), "row 2: no folder train/images/x"),
    "path of a file": (rows_with("1,male,Asian,30,._x", row(FIRST)), "row 2: no folder train/images/._x"),
    "folder without a row": (rows_with(), f"train/images/{FIRST}: no row in train.csv"),
    "path upwards": (rows_with("1,male,Asian,30,../images", row(FIRST)), "path '../images' is not inside train/images"),
    "absolute path": (rows_with("1,male,Asian,30,/etc", row(FIRST)), "path '/etc' is not inside"),
    "path of the folder itself": (rows_with("1,male,Asian,30,.", row(FIRST)), "path '.' is not inside"),
    "no path": (rows_with("1,male,Asian,30,", row(FIRST)), "path '' is not inside"),
    "link that leaves": (link_outside, f"row 2: path '{FIRST}' is not inside train/images; refused"),
    "missing picture": (
        lambda data: (data.images / FIRST / "mask3.png").unlink(),
        f"train/images/{FIRST}: mask3 missing",
    ),
    "picture twice": (
        lambda data: draw(data.images / FIRST / "normal.jpg"),
        f"train/images/{FIRST}: normal is there as normal.jpg and normal.png",
    ),
    "unknown stem": (lambda data: draw(data.images / FIRST / "mask6.jpg"), "mask6.jpg: none of the seven pictures"),
    "unknown extension": (lambda data: draw(data.images / FIRST / "mask1.webp"), "mask1.webp: none of the seven"),
}


@pytest.mark.parametrize("fault", TRAIN_FAULTS)
def test_a_fault_of_the_train_set_is_named(data: DataSet, fault: str) -> None:
    damage, message = TRAIN_FAULTS[fault]
    damage(data)
    with pytest.raises(InputError) as error:
        train_pictures(data.root)
    assert message in str(error.value)


def test_all_faults_of_the_train_set_are_named_at_once(data: DataSet) -> None:
    (data.images / PEOPLE[1] / "normal.png").unlink()
    (data.images / "stranger").mkdir()
    data.write_rows(["1,x,Asian,y,../z", *map(row, PEOPLE)])
    with pytest.raises(InputError) as error:
        train_pictures(data.root)
    for message in ("gender 'x'", "age 'y'", "path '../z'", "stranger: no row", f"{PEOPLE[1]}: normal missing"):
        assert message in str(error.value)


def test_eval_pictures_keep_the_order_of_info(data: DataSet) -> None:
    assert eval_pictures(data.root) == ["c.jpg", "a.jpg", "b.png"]


EVAL_FAULTS: dict[str, tuple[list[str], str]] = {
    "empty set": ([], "info.csv: no rows"),
    "missing picture": (["a.jpg", "x.jpg"], "info.csv, row 3: eval/images/x.jpg does not exist"),
    "row twice": (["a.jpg", "c.jpg", "a.jpg"], "info.csv, row 4: ImageID 'a.jpg' is already in row 2"),
    "folder in the name": (["../images/a.jpg"], "row 2: ImageID '../images/a.jpg' is not the name of a file"),
    "absolute path": (["/etc/hostname"], "row 2: ImageID '/etc/hostname' is not the name"),
    "no name": ([""], "row 2: ImageID '' is not the name"),
}


@pytest.mark.parametrize("fault", EVAL_FAULTS)
def test_a_fault_of_the_eval_set_is_named(data: DataSet, fault: str) -> None:
    pictures, message = EVAL_FAULTS[fault]
    data.list_eval(pictures)
    with pytest.raises(InputError) as error:
        eval_pictures(data.root)
    assert message in str(error.value)


def random_pixels(seed: int = 0, height: int = 24, width: int = 16) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def grey_pixels() -> Pixels:
    return np.repeat(random_pixels()[:, :, :1], 3, axis=2)


def few_colours() -> Pixels:
    return random_pixels() // 128 * 255


LOSSLESS: dict[str, tuple[Pixels, str]] = {
    "RGB": (random_pixels(), "RGB"),
    "alpha": (random_pixels(), "RGBA"),
    "grayscale": (grey_pixels(), "L"),
    "grayscale and alpha": (grey_pixels(), "LA"),
    "black and white": (grey_pixels() // 128 * 255, "1"),
    "palette": (few_colours(), "P"),
}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_any_mode_is_read_as_the_rgb_picture(tmp_path: Path, kind: str) -> None:
    pixels, mode = LOSSLESS[kind]
    path = tmp_path / "picture.png"
    Image.fromarray(pixels).convert(mode).save(path)
    assert np.array_equal(read(path), pixels)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_are_read_as_the_8_bit_picture(tmp_path: Path, channels: int) -> None:
    pixels = grey_pixels() if channels == 1 else random_pixels()
    deep = pixels.astype(np.uint16) * 257
    opacity = np.full_like(deep[:, :, :1], 65535)
    path = tmp_path / "picture.png"
    blue_first = {1: deep[:, :, 0], 3: deep[:, :, ::-1], 4: np.concatenate([deep[:, :, ::-1], opacity], axis=2)}
    assert cv2.imwrite(str(path), blue_first[channels])
    assert np.array_equal(read(path), pixels)


def test_cmyk_is_read_as_the_rgb_picture(tmp_path: Path) -> None:
    draw(tmp_path / "rgb.png", 48, 32)
    Image.open(tmp_path / "rgb.png").convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100, subsampling=0)
    difference = read(tmp_path / "cmyk.jpg").astype(int) - read(tmp_path / "rgb.png")
    assert np.abs(difference).max() <= 3


def test_transparency_lies_over_white(tmp_path: Path) -> None:
    picture = Image.fromarray(random_pixels())
    picture.putalpha(0)
    picture.save(tmp_path / "clear.png")
    palette = Image.new("P", (4, 4), 7)
    palette.putpalette([40] * 768)
    palette.save(tmp_path / "palette.png", transparency=7)
    assert (read(tmp_path / "clear.png") == 255).all()
    assert (read(tmp_path / "palette.png") == 255).all()


@pytest.mark.parametrize("extension", [".png", ".jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_rotated_picture_is_read_upright(tmp_path: Path, orientation: int, extension: str) -> None:
    upright = random_pixels()
    undone = {  # how the sensor saw the picture: rows and columns as the orientation numbers them
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }
    tags = Image.Exif()
    tags[0x0112] = orientation
    path = tmp_path / f"picture{extension}"
    Image.fromarray(np.ascontiguousarray(undone[orientation])).save(path, exif=tags, quality=100, subsampling=0)
    difference = np.abs(read(path).astype(int) - upright)
    assert difference.max() <= (0 if extension == ".png" else 8)


def test_the_pixels_may_be_written_to(tmp_path: Path) -> None:
    draw(tmp_path / "picture.png")
    read(tmp_path / "picture.png")[:] = 0


def encoded(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    tags = Image.Exif()
    tags[0x0112], tags[0x010F] = 6, "maker"
    Image.fromarray(random_pixels()).save(buffer, kind, exif=tags, **options)
    return buffer.getvalue()


KINDS = {"jpeg": encoded("JPEG"), "progressive jpeg": encoded("JPEG", progressive=True), "png": encoded("PNG")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_is_cut_short_anywhere_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture"
    for length in range(len(KINDS[kind])):
        path.write_bytes(KINDS[kind][:length])
        assert is_refused(lambda: read(path)), length
    path.write_bytes(KINDS[kind])
    check([path])


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of tags that it cannot read
@settings(max_examples=150)
@given(damaged(KINDS))
def test_check_refuses_exactly_what_read_refuses(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content)
    assert is_refused(lambda: check([path])) == is_refused(lambda: read(path))


def test_tags_that_end_in_their_own_head_are_refused(tmp_path: Path) -> None:
    Image.fromarray(random_pixels()).save(tmp_path / "short.jpg", exif=b"Exif\0\0II*\0", dpi=(72, 72))
    for action in (check, lambda paths: read(*paths)):
        with pytest.raises(InputError, match=r"short\.jpg: unpack requires a buffer of 4 bytes"):
            action([tmp_path / "short.jpg"])


def test_every_broken_picture_is_named_at_once_with_its_reason(tmp_path: Path) -> None:
    contents = {
        "good.jpg": KINDS["jpeg"],
        "cut.jpg": KINDS["jpeg"][:300],
        "cut.png": KINDS["png"][:-4],
        "empty.jpg": b"",
        "text.png": b"not a picture",
    }
    paths = [tmp_path / name for name in [*contents, "missing.jpg", "folder.jpg"]]
    for path, content in zip(paths, contents.values(), strict=False):
        path.write_bytes(content)
    paths[-1].mkdir()
    with pytest.raises(InputError) as error:
        check(paths)
    lines = str(error.value).splitlines()[1:]
    assert [Path(line.split(":")[0]).name for line in lines] == [path.name for path in paths[1:]]
    for reason in ("truncated", "empty (0 bytes)", "neither a JPEG nor a PNG", "No such file", "Is a directory"):
        assert reason in str(error.value)


def test_a_broken_picture_is_named_when_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(InputError, match=r"empty\.jpg: empty \(0 bytes\)"):
        read(tmp_path / "empty.jpg")

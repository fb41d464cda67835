"""Photos are read as upright RGB pixels, or refused with the reason."""

import io
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image

from pipeline.formats import images
from pipeline.formats.images import Pixels, check, read, small_jpeg, write_image
from pipeline.foundation.errors import InputError
from tests.support.damage import damaged, is_refused
from tests.support.dataset import draw
from tests.support.full_disk import small_disk


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
def test_any_mode_is_read_as_the_rgb_image(tmp_path: Path, kind: str) -> None:
    pixels, mode = LOSSLESS[kind]
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).convert(mode).save(path)
    assert np.array_equal(read(path), pixels)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_are_read_as_the_8_bit_image(tmp_path: Path, channels: int) -> None:
    pixels = grey_pixels() if channels == 1 else random_pixels()
    deep = pixels.astype(np.uint16) * 257
    opacity = np.full_like(deep[:, :, :1], 65535)
    path = tmp_path / "photo.png"
    blue_first = {1: deep[:, :, 0], 3: deep[:, :, ::-1], 4: np.concatenate([deep[:, :, ::-1], opacity], axis=2)}
    assert cv2.imwrite(str(path), blue_first[channels])
    assert np.array_equal(read(path), pixels)


@pytest.mark.parametrize("extension", [".webp", ".bmp", ".tif", ".tiff"])
def test_other_formats_are_read(tmp_path: Path, extension: str) -> None:
    Image.fromarray(random_pixels()).save(tmp_path / f"photo{extension}", lossless=True)
    assert np.array_equal(read(tmp_path / f"photo{extension}"), random_pixels())


@pytest.mark.skipif(find_spec("pillow_heif") is not None, reason="HEIC photos are read")
def test_a_heic_photo_is_refused_with_the_way_to_convert_it(tmp_path: Path) -> None:
    (tmp_path / "photo.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(InputError, match=r"photo\.HEIC: a HEIC photo; convert it to JPEG \(heif-convert .*pillow-heif"):
        read(tmp_path / "photo.HEIC")


def test_a_heic_photo_that_its_plugin_cannot_read_is_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(images.FORMATS, "HEIF", images.HEIF)
    assert images._unknown(b"\0\0\0\x18ftypheic" + bytes(50)) == "a damaged HEIC photo"


def test_an_avif_photo_is_read(tmp_path: Path) -> None:
    draw(tmp_path / "photo.png", 48, 32)
    Image.open(tmp_path / "photo.png").save(tmp_path / "photo.avif", quality=100, subsampling="4:4:4")
    difference = read(tmp_path / "photo.avif").astype(int) - read(tmp_path / "photo.png")
    assert np.abs(difference).mean() < 3


def test_cmyk_is_read_as_the_rgb_image(tmp_path: Path) -> None:
    draw(tmp_path / "rgb.png", 48, 32)
    Image.open(tmp_path / "rgb.png").convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100, subsampling=0)
    difference = read(tmp_path / "cmyk.jpg").astype(int) - read(tmp_path / "rgb.png")
    assert np.abs(difference).max() <= 3


def test_transparency_lies_over_white(tmp_path: Path) -> None:
    photo = Image.fromarray(random_pixels())
    photo.putalpha(0)
    photo.save(tmp_path / "clear.png")
    palette = Image.new("P", (4, 4), 7)
    palette.putpalette([40] * 768)
    palette.save(tmp_path / "palette.png", transparency=7)
    assert (read(tmp_path / "clear.png") == 255).all()
    assert (read(tmp_path / "palette.png") == 255).all()


@pytest.mark.parametrize("extension", [".png", ".jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_rotated_photo_is_read_upright(tmp_path: Path, orientation: int, extension: str) -> None:
    upright = random_pixels()
    undone = {  # how the sensor saw the photo: rows and columns as the orientation numbers them
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
    path = tmp_path / f"photo{extension}"
    Image.fromarray(np.ascontiguousarray(undone[orientation])).save(path, exif=tags, quality=100, subsampling=0)
    difference = np.abs(read(path).astype(int) - upright)
    assert difference.max() <= (0 if extension == ".png" else 8)


def test_the_pixels_may_be_written_to(tmp_path: Path) -> None:
    draw(tmp_path / "photo.png")
    read(tmp_path / "photo.png")[:] = 0


def encoded(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    tags = Image.Exif()
    tags[0x0112], tags[0x010F] = 6, "maker"
    Image.fromarray(random_pixels()).save(buffer, kind, exif=tags, **options)
    return buffer.getvalue()


KINDS = {
    "jpeg": encoded("JPEG"),
    "progressive jpeg": encoded("JPEG", progressive=True),
    "png": encoded("PNG"),
    "webp": encoded("WEBP"),
    "bmp": encoded("BMP"),
    "tiff": encoded("TIFF"),
    "compressed tiff": encoded("TIFF", compression="tiff_lzw"),
    "avif": encoded("AVIF"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of tags that it cannot read
@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_that_is_cut_short_anywhere_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "photo"
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


def test_every_broken_photo_is_named_at_once_with_its_reason(tmp_path: Path) -> None:
    contents = {
        "good.jpg": KINDS["jpeg"],
        "cut.jpg": KINDS["jpeg"][:300],
        "cut.png": KINDS["png"][:-4],
        "empty.jpg": b"",
        "text.png": b"not a photo",
    }
    paths = [tmp_path / name for name in [*contents, "missing.jpg", "folder.jpg"]]
    for path, content in zip(paths, contents.values(), strict=False):
        path.write_bytes(content)
    paths[-1].mkdir()
    with pytest.raises(InputError) as error:
        check(paths)
    lines = str(error.value).splitlines()[1:]
    assert [Path(line.split(":")[0]).name for line in lines] == [path.name for path in paths[1:]]
    unknown = "not a photo that can be read (JPEG, PNG, WEBP, BMP, TIFF, AVIF"
    for reason in ("truncated", "empty (0 bytes)", unknown, "No such file", "Is a directory"):
        assert reason in str(error.value)


def test_a_broken_photo_is_named_when_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(InputError, match=r"empty\.jpg: empty \(0 bytes\)"):
        read(tmp_path / "empty.jpg")


CUT: dict[str, dict[str, Any]] = {
    "baseline": {},
    "several scans": {"progressive": True},
    "restart markers": {"restart_marker_blocks": 4},
    "full colour": {"subsampling": 0},
    "grayscale": {},
}


def cut_in_the_middle(kind: str, share: float) -> bytes:
    """A JPEG whose data stop at a share of the file, with an end marker behind them."""
    buffer = io.BytesIO()
    photo = Image.fromarray(random_pixels(height=96, width=80))
    photo.convert("L" if kind == "grayscale" else "RGB").save(buffer, "JPEG", **CUT[kind])
    content = buffer.getvalue()
    return content[: int(len(content) * share)] + b"\xff\xd9"


@pytest.mark.parametrize("share", [0.6, 0.8, 0.95])
@pytest.mark.parametrize("kind", CUT)
def test_a_jpeg_that_is_cut_in_the_middle_and_ended_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    (tmp_path / "half.jpg").write_bytes(cut_in_the_middle(kind, share))
    for action in (check, lambda paths: read(*paths)):
        with pytest.raises(InputError, match=r"half\.jpg: truncated: the picture ends in the middle"):
            action([tmp_path / "half.jpg"])


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_that_is_cut_between_two_scans_is_refused(tmp_path: Path, mode: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(random_pixels(height=96, width=80)).convert(mode).save(buffer, "JPEG", progressive=True)
    content = buffer.getvalue()
    scans = [found.start() for found in re.finditer(rb"\xff\xda", content)]
    ends = [re.compile(rb"\xff[^\x00]").search(content, scan + 2).start() for scan in scans]  # type: ignore[union-attr]
    assert len(ends) >= 6
    for end in ends[:-1]:
        (tmp_path / "blurred.jpg").write_bytes(content[:end] + b"\xff\xd9")
        for action in (check, lambda paths: read(*paths)):
            with pytest.raises(InputError, match=r"blurred\.jpg: truncated: the picture ends in the middle"):
                action([tmp_path / "blurred.jpg"])
    (tmp_path / "whole.jpg").write_bytes(content[: ends[-1]] + b"\xff\xd9")
    check([tmp_path / "whole.jpg"])


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("kind", CUT)
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (50, 37)])
def test_a_grey_picture_is_whole(tmp_path: Path, kind: str, mode: str, size: tuple[int, int]) -> None:
    Image.new("RGB", size, (128, 128, 128)).convert(mode).save(tmp_path / "grey.jpg", **CUT[kind])
    check([tmp_path / "grey.jpg"])
    read(tmp_path / "grey.jpg")


def test_the_first_picture_of_several_is_checked(tmp_path: Path) -> None:
    photo = Image.fromarray(random_pixels(height=96, width=80))
    photo.save(tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[photo.resize((40, 40))])
    content = (tmp_path / "phone.jpg").read_bytes()
    check([tmp_path / "phone.jpg"])
    (tmp_path / "phone.jpg").write_bytes(content[: content.index(b"\xff\xda") + 600] + b"\xff\xd9")
    with pytest.raises(InputError, match="ends in the middle"):
        check([tmp_path / "phone.jpg"])


def test_the_maximum_of_pixels_can_be_set(tmp_path: Path) -> None:
    draw(tmp_path / "photo.png", 40, 30)
    read(tmp_path / "photo.png", max_pixels=1200)
    refused = r"30 x 40 pixels; the maximum is 1,199 \(crop\.max_pixels\)"
    with pytest.raises(InputError, match=refused):
        check([tmp_path / "photo.png"], max_pixels=1199)
    with pytest.raises(InputError, match=refused):
        read(tmp_path / "photo.png", max_pixels=1199)


def test_a_photo_of_very_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(path)
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match=r"bomb\.png: 20000 x 20000 pixels; the maximum is 100,000,000"):
        read(path)


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png"])
def test_an_image_that_a_full_disk_takes_in_part_is_an_error_and_no_part_is_left(tmp_path: Path, name: str) -> None:
    noise = Image.fromarray(random_pixels(height=100, width=100))
    with small_disk(tmp_path / "disk", 8) as disk:
        with pytest.raises(OSError, match="No space left on device"):
            write_image(noise, disk / name)
        assert not list(disk.iterdir())


@pytest.mark.parametrize(("shape", "size"), [((200, 100, 3), (40, 80)), ((20, 10, 3), (10, 20))])
def test_no_side_of_a_small_jpeg_is_longer_than_asked_for(shape: tuple[int, int, int], size: tuple[int, int]) -> None:
    image = Image.open(io.BytesIO(small_jpeg(np.full(shape, 200, np.uint8), side=80, quality=70)))
    assert (image.format, image.size) == ("JPEG", size)

"""photos: one cheap decoding measures a photo, and refuses what the stages refuse."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image, ImageFilter, PngImagePlugin

from pipeline.formats.images import read
from pipeline.label_quality.doctor.duplicates import NEAR
from pipeline.label_quality.doctor.outliers import find
from pipeline.label_quality.doctor.photos import GENERATED, SUSPICIOUS, UNREADABLE, CheckedPhoto, examine, measure
from tests.label_quality.doctor.conftest import Draw
from tests.support.damage import damaged, is_refused


def save(path: Path, image: Image.Image, orientation: int = 1) -> CheckedPhoto:
    tags = Image.Exif()
    tags[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, exif=tags)
    return measure(path.name, path)


def distance(one: CheckedPhoto, other: CheckedPhoto) -> int:
    bits = [np.frombuffer(photo.perceptual_hash, np.uint8) for photo in (one, other)]
    return int(np.bitwise_count(bits[0] ^ bits[1]).sum())


def test_format_mode_size_and_orientation_are_read_from_the_file(tmp_path: Path, draw: Draw) -> None:
    upright, rotated = save(tmp_path / "a.jpg", draw(0)), save(tmp_path / "b.jpg", draw(0), orientation=6)
    assert (upright.kind, upright.mode, upright.width, upright.height) == ("JPEG", "RGB", 192, 256)
    assert (rotated.orientation, rotated.width, rotated.height) == (6, 256, 192)
    clear = save(tmp_path / "c.png", draw(0).convert("RGBA"))
    assert (clear.kind, clear.mode, clear.transparent) == ("PNG", "RGBA", True)


def test_a_rotated_photo_is_measured_upright(tmp_path: Path, draw: Draw) -> None:
    upright = save(tmp_path / "a.jpg", draw(0))
    turned = save(tmp_path / "b.jpg", draw(0).transpose(Image.Transpose.ROTATE_90), orientation=6)
    assert distance(upright, turned) <= NEAR


@pytest.mark.parametrize("size", [(384, 512), (768, 1024), (96, 128)])
def test_what_is_measured_hardly_depends_on_size_and_format(tmp_path: Path, draw: Draw, size: tuple[int, int]) -> None:
    large = draw(0).filter(ImageFilter.GaussianBlur(2)).resize(size)
    one, other = save(tmp_path / "a.jpg", large), save(tmp_path / "b.png", large)
    assert distance(one, other) <= NEAR
    assert one.brightness == pytest.approx(other.brightness, abs=2)


def test_brightness_and_sharpness_follow_the_photo(tmp_path: Path, draw: Draw) -> None:
    plain = save(tmp_path / "a.jpg", draw(0))
    assert save(tmp_path / "b.jpg", draw(0).point(lambda value: value + 40)).brightness > plain.brightness + 30
    assert save(tmp_path / "c.jpg", draw(0).filter(ImageFilter.GaussianBlur(3))).sharpness < plain.sharpness / 2


def test_the_owner_is_the_person_in_train_and_the_photo_itself_in_eval(tmp_path: Path, draw: Draw) -> None:
    for path in ("train/images/1_male_Asian_30/mask1.jpg", "eval/images/a.jpg"):
        save(tmp_path / path, draw(0))
    train, other = (
        measure(path, tmp_path / path) for path in ("train/images/1_male_Asian_30/mask1.jpg", "eval/images/a.jpg")
    )
    assert (train.owner, train.is_train) == ("1_male_Asian_30", True)
    assert (other.owner, other.is_train) == ("eval/images/a.jpg", False)


def test_unreadable_photos_are_findings_in_the_words_of_the_stages(tmp_path: Path, draw: Draw) -> None:
    save(tmp_path / "good.jpg", draw(0))
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.png").write_text("not a photo")
    photos, findings = examine(tmp_path, ["empty.jpg", "good.jpg", "text.png"])
    assert [photo.path for photo in photos] == ["good.jpg"]
    assert [finding.text for finding in findings] == [
        "empty.jpg: empty (0 bytes)",
        "text.png: not a photo that can be read (JPEG, PNG, WEBP, BMP, TIFF, AVIF)",
    ]
    assert {finding.check for finding in findings} == {UNREADABLE}


def test_an_mpo_file_of_a_phone_is_a_jpeg(tmp_path: Path, draw: Draw) -> None:
    draw(0).save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[draw(1)])
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.format == "MPO"
    (photo,), findings = examine(tmp_path, ["a.jpg"])
    assert (photo.kind, findings) == ("JPEG", [])
    assert list(find([photo])) == []


def test_a_warning_of_the_image_library_is_a_finding_with_the_photos_name(tmp_path: Path, draw: Draw) -> None:
    for name in ("a.jpg", "b.jpg"):
        save(tmp_path / name, draw(0))
    tags = b"Exif\0\0II*\0\x08\0\0\0\x02\0" + b"\x12\x01\x03\0\x01\0\0\0\x01\0\0\0"  # two tags, one there
    draw(0).save(tmp_path / "b.jpg", exif=tags)
    photos, (finding,) = examine(tmp_path, ["a.jpg", "b.jpg"])
    assert [photo.path for photo in photos] == ["a.jpg", "b.jpg"]
    assert (finding.check, finding.photos) == (SUSPICIOUS, ("b.jpg",))
    assert finding.text.startswith("b.jpg: Corrupt EXIF data")


def encoded(kind: str) -> bytes:
    tags = Image.Exif()
    tags[0x010F] = "maker"
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 16, 3), dtype=np.uint8)).save(
        buffer, kind, exif=tags
    )
    return buffer.getvalue()


KINDS = {kind: encoded(kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")}


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of tags that it cannot read
@settings(max_examples=150)
@given(damaged(KINDS))
def test_exactly_those_photos_are_refused_that_the_stages_refuse(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "damaged"
    file.write_bytes(content)
    assert is_refused(lambda: read(file)) == (not examine(file.parent, [file.name])[0])


def test_a_photo_of_too_many_pixels_or_cut_in_the_middle_is_unreadable(tmp_path: Path, draw: Draw) -> None:
    draw(0).save(tmp_path / "photo.jpg")
    content = (tmp_path / "photo.jpg").read_bytes()
    _, (large,) = examine(tmp_path, ["photo.jpg"], max_pixels=1000)
    assert large.check is UNREADABLE
    assert "192 x 256 pixels; the maximum is 1,000" in large.text
    (tmp_path / "photo.jpg").write_bytes(content[: len(content) // 2] + b"\xff\xd9")
    _, (cut,) = examine(tmp_path, ["photo.jpg"])
    assert cut.check is UNREADABLE
    assert "ends in the middle" in cut.text


def test_a_generated_photo_is_named(tmp_path: Path, draw: Draw) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", "a face")
    draw(0).save(tmp_path / "made.png", pnginfo=texts)
    draw(1).save(tmp_path / "real.png")
    _, findings = examine(tmp_path, ["made.png", "real.png"])
    assert [(finding.check, finding.photos) for finding in findings] == [(GENERATED, ("made.png",))]

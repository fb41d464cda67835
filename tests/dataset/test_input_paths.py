"""Photos are found in files, folders and tables; other files are listed, and wrong names are refused."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from pipeline.dataset.input_paths import SHOWN, find_photos, skipped_message
from pipeline.foundation.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = [
        "b/c.webp",
        "a.jpg",
        "d.BMP",
        "notes.txt",
        "e.xmp",
        ".hidden.jpg",
        "b/.x/y.jpg",
        "Thumbs.db",
        "@eaDir/a.jpg",
    ]
    for name in names:
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / name).touch()
    return tmp_path / "images"


def test_a_folder_is_all_its_photos_sorted_and_the_other_files_are_listed(folder: Path) -> None:
    photos, skipped = find_photos([folder])
    assert photos == [folder / name for name in ("a.jpg", "b/c.webp", "d.BMP")]
    assert skipped == [folder / name for name in ("e.xmp", "notes.txt")]


def test_a_file_is_a_photo_whatever_its_name(folder: Path) -> None:
    assert find_photos([folder / "notes.txt", folder / "a.jpg"]).photos == [folder / "notes.txt", folder / "a.jpg"]


def test_a_table_names_photos_of_the_folder_beside_it(folder: Path) -> None:
    table = folder.parent / "info.csv"
    table.write_text("ImageID\nd.BMP\na.jpg\n")
    assert find_photos([table]).photos == [folder / "d.BMP", folder / "a.jpg"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", r"info\.csv: no rows; it needs one per photo"),
        ("../a.jpg\n", r"info\.csv, row 2: ImageID '\.\./a\.jpg' is not the name of a file in .*images; refused"),
        ("/etc/passwd\n", "row 2: ImageID '/etc/passwd' is not the name of a file"),
        ("a.jpg\nb\\\\c.jpg\n", "row 3: .* is not the name of a file"),
        ("a.jpg\nd.BMP\na.jpg\n", r"info\.csv, row 4: ImageID 'a\.jpg' is already in row 2"),
    ],
)
def test_a_table_obeys_the_rules_of_info_csv(folder: Path, rows: str, message: str) -> None:
    table = folder.parent / "info.csv"
    table.write_text(f"ImageID\n{rows}")
    with pytest.raises(InputError, match=message):
        find_photos([table])


def test_what_does_not_exist_and_a_folder_without_photos_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: no photos"):
        find_photos([tmp_path / "empty"])
    with pytest.raises(InputError, match=r"no such file or folder \(2\)"):
        find_photos([tmp_path / "one", tmp_path / "two"])


def test_skipped_files_are_counted_and_the_first_named() -> None:
    assert skipped_message([Path("a.txt")]) == "1 file skipped (not a photo by extension): a.txt"
    assert skipped_message([Path("a.txt")] * (SHOWN + 2)).endswith("a.txt and 2 more")


@pytest.mark.skipif(find_spec("pillow_heif") is not None, reason="the plugin reads HEIC photos")
def test_skipped_heic_photos_come_with_the_way_to_convert_them(tmp_path: Path) -> None:
    remedy = "phone.HEIC is a HEIC photo: convert it to JPEG"
    assert remedy in skipped_message([Path("a.txt"), Path("folder/phone.HEIC")])
    (tmp_path / "phone.HEIC").touch()
    with pytest.raises(InputError, match=remedy):
        find_photos([tmp_path])

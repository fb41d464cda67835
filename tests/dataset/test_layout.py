"""The layout of a data set is checked as a whole, and every fault is named."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.dataset.layout import MASK_OF_STEM, eval_photos, train_photos
from pipeline.foundation.errors import InputError
from tests.support.dataset import HEADER, PEOPLE, DataSet, draw, row

FIRST = PEOPLE[0]


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    return DataSet(tmp_path / "photos")


def test_every_train_photo_is_a_row_sorted_by_path(data: DataSet) -> None:
    photos = train_photos(data.root)
    assert list(photos["path"]) == sorted(f"{person}/{stem}.png" for person in PEOPLE for stem in MASK_OF_STEM)
    assert list(photos["mask"]) == [MASK_OF_STEM[Path(path).stem] for path in photos["path"]]
    assert {row(f"{person}") for person in photos["person"]} == {
        f"{one['id']},{one['gender']},Asian,{one['age']},{one['person']}" for one in photos.to_dict("records")
    }
    assert photos.groupby("person")["age"].first().to_dict() == dict(zip(PEOPLE, (30, 59, 60, 18), strict=True))


def test_the_row_is_the_label_and_the_name_of_the_folder_only_a_key(data: DataSet) -> None:
    data.write_rows([f"000001,male,Asian,77,{FIRST}", *map(row, PEOPLE[1:])])
    first = train_photos(data.root).iloc[0]
    assert (first["person"], first["gender"], first["age"]) == (FIRST, "male", 77)


def test_hidden_files_are_no_photos(data: DataSet) -> None:
    before = train_photos(data.root)
    for name in ("._mask1.jpg", ".DS_Store", "Thumbs.db", "thumbs.db", "Desktop.ini", "ehthumbs.db", "Icon\r"):
        (data.images / name).write_bytes(b"\0\5\x16\7")
        (data.images / FIRST / name).write_bytes(b"\0\5\x16\7")
    for name in (".cache", "@eaDir", "__MACOSX", "$RECYCLE.BIN", "#recycle"):
        (data.images / name).mkdir()
    assert train_photos(data.root).equals(before)


def test_extensions_may_be_mixed_and_in_any_case(data: DataSet) -> None:
    folder = data.images / FIRST
    for stem, extension in (("mask1", ".JPG"), ("mask2", ".jpeg"), ("normal", ".PNG")):
        (folder / f"{stem}.png").rename(folder / f"{stem}{extension}")
    names = {Path(path).name for path in train_photos(data.root).query("person == @FIRST")["path"]}
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


def link_photo_outside(data: DataSet) -> None:
    photo = data.images / FIRST / "mask3.png"
    photo.rename(data.root.with_name("private.png"))
    photo.symlink_to(data.root.with_name("private.png"))


def link_in_a_circle(data: DataSet) -> None:
    (data.images / FIRST).rename(data.root / "elsewhere")
    (data.images / FIRST).symlink_to(FIRST)


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
    "photo behind a link": (link_photo_outside, f"train/images/{FIRST}/mask3.png: a link out of the data set; refused"),
    "link in a circle": (link_in_a_circle, f"row 2: no folder train/images/{FIRST}"),
    "missing photo": (
        lambda data: (data.images / FIRST / "mask3.png").unlink(),
        f"train/images/{FIRST}: mask3 missing",
    ),
    "photo twice": (
        lambda data: draw(data.images / FIRST / "normal.jpg"),
        f"train/images/{FIRST}: normal exists as normal.jpg and normal.png",
    ),
    "unknown stem": (lambda data: draw(data.images / FIRST / "mask6.jpg"), "mask6.jpg: none of the seven photos"),
    "unknown case": (
        lambda data: draw(data.images / FIRST / "Mask1.png"),
        "Mask1.png: none of the seven photos; 'mask1.png' is meant and differs in capital letters",
    ),
    "unknown extension": (lambda data: draw(data.images / FIRST / "mask1.webp"), "mask1.webp: none of the seven"),
}


@pytest.mark.parametrize("fault", TRAIN_FAULTS)
def test_a_fault_of_the_train_set_is_named(data: DataSet, fault: str) -> None:
    damage, message = TRAIN_FAULTS[fault]
    damage(data)
    with pytest.raises(InputError) as error:
        train_photos(data.root)
    assert message in str(error.value)


def test_all_faults_of_the_train_set_are_named_at_once(data: DataSet) -> None:
    (data.images / PEOPLE[1] / "normal.png").unlink()
    (data.images / "stranger").mkdir()
    data.write_rows(["1,x,Asian,y,../z", *map(row, PEOPLE)])
    with pytest.raises(InputError) as error:
        train_photos(data.root)
    for message in ("gender 'x'", "age 'y'", "path '../z'", "stranger: no row", f"{PEOPLE[1]}: normal missing"):
        assert message in str(error.value)


def test_an_eval_photo_behind_a_link_out_of_the_data_set_is_refused(data: DataSet) -> None:
    photo = data.root / "eval" / "images" / "a.jpg"
    photo.rename(data.root.with_name("private.jpg"))
    photo.symlink_to(data.root.with_name("private.jpg"))
    with pytest.raises(InputError, match=r"row 3: eval/images/a\.jpg: a link out of the data set; refused"):
        eval_photos(data.root)


def test_links_into_dvcs_cache_and_within_the_data_set_are_read(data: DataSet) -> None:
    before = train_photos(data.root)
    cached = data.root.with_name(".dvc") / "cache" / "files" / "md5" / "0a" / ("b" * 30)
    cached.parent.mkdir(parents=True)
    for place, name in ((cached, "mask3.png"), (data.root / "kept.png", "mask4.png")):
        photo = data.images / FIRST / name
        photo.rename(place)
        photo.symlink_to(place)
    assert train_photos(data.root).equals(before)


def test_eval_photos_keep_the_order_of_info(data: DataSet) -> None:
    assert eval_photos(data.root) == ["c.jpg", "a.jpg", "b.png"]


FOLDER = "000001_caf\u00e9"
ON_DISK = "000001_cafe\u0301"


def decompose(data: DataSet) -> None:
    """A person's folder and an eval photo whose names macOS has decomposed, in tables that have them composed."""
    (data.images / FIRST).rename(data.images / ON_DISK)
    data.write_rows([f"1,male,Asian,30,{FOLDER}", *map(row, PEOPLE[1:])])
    (data.root / "eval" / "images" / "a.jpg").rename(data.root / "eval" / "images" / "cafe\u0301.jpg")
    data.list_eval(["caf\u00e9.jpg", "c.jpg"])


def test_names_are_matched_by_normal_form_and_returned_as_on_the_disk(data: DataSet) -> None:
    decompose(data)
    photos = train_photos(data.root)
    assert set(photos.query("id == '1'")["person"]) == {ON_DISK}
    assert all((data.images / path).is_file() for path in photos["path"])
    assert eval_photos(data.root) == ["cafe\u0301.jpg", "c.jpg"]


def test_two_folders_of_one_normal_form_are_told_apart(data: DataSet) -> None:
    decompose(data)
    data.photo(FOLDER)
    with pytest.raises(InputError) as error:
        train_photos(data.root)
    line = f"'train/images/{ON_DISK}': no row in train.csv; '{FOLDER}' is there and differs in the Unicode form"
    assert line in str(error.value)


@pytest.mark.parametrize(
    ("listed", "difference"),
    [("A.jpg", "capital letters"), ("a.jpg ", "blanks"), ("a.jpeg", "the extension")],
)
def test_a_name_that_looks_like_a_file_is_named_with_the_difference(
    data: DataSet, listed: str, difference: str
) -> None:
    data.list_eval(["c.jpg", listed])
    with pytest.raises(InputError, match=f"does not exist; 'a.jpg' is there and differs in {difference}"):
        eval_photos(data.root)


def test_blank_lines_do_not_shift_the_rows_of_faults(data: DataSet) -> None:
    data.info.write_text("ImageID,ans\n\na.jpg,0\n\nx.jpg,0\n")
    with pytest.raises(InputError, match=r"info\.csv, row 5: eval/images/x\.jpg does not exist"):
        eval_photos(data.root)
    data.table.write_text(f"{HEADER}\n\n{row(FIRST)}\n\n1,male,Asian,x,{PEOPLE[1]}\n")
    with pytest.raises(InputError, match=r"train\.csv, row 5: age 'x'"):
        train_photos(data.root)


def test_a_saved_index_is_named(data: DataSet) -> None:
    data.write_rows([f"0,{row(FIRST)}"], f",{HEADER}")
    with pytest.raises(InputError, match=r"column '' is unknown.*holds saved row numbers: delete it"):
        train_photos(data.root)


EVAL_FAULTS: dict[str, tuple[list[str], str]] = {
    "empty set": ([], "info.csv: no rows"),
    "missing photo": (["a.jpg", "x.jpg"], "info.csv, row 3: eval/images/x.jpg does not exist"),
    "row twice": (["a.jpg", "c.jpg", "a.jpg"], "info.csv, row 4: ImageID 'a.jpg' is already in row 2"),
    "folder in the name": (["../images/a.jpg"], "row 2: ImageID '../images/a.jpg' is not the name of a file"),
    "absolute path": (["/etc/hostname"], "row 2: ImageID '/etc/hostname' is not the name"),
    "no name": ([""], "row 2: ImageID '' is not the name"),
}


@pytest.mark.parametrize("fault", EVAL_FAULTS)
def test_a_fault_of_the_eval_set_is_named(data: DataSet, fault: str) -> None:
    photos, message = EVAL_FAULTS[fault]
    data.list_eval(photos)
    with pytest.raises(InputError) as error:
        eval_photos(data.root)
    assert message in str(error.value)

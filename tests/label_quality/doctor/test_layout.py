"""layout: every fault that stops the pipeline is a finding, of train and of eval at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.dataset.layout import eval_photos, train_photos
from pipeline.foundation.errors import InputError
from pipeline.label_quality.doctor.findings import ERROR
from pipeline.label_quality.doctor.layout import LAYOUT, UNLISTED, files, find
from tests.support.dataset import PEOPLE, DataSet, row

FIRST = PEOPLE[0]


def test_a_sound_data_set_has_no_findings(data: DataSet) -> None:
    assert list(find(data.root, files(data.root))) == []


def test_the_files_are_those_that_the_stages_read(data: DataSet) -> None:
    for name in ("._mask1.png", "Thumbs.db", "desktop.ini"):
        (data.images / FIRST / name).write_bytes(b"\0")
        (data.images / name).write_bytes(b"\0")
        (data.root / "eval" / "images" / name).write_bytes(b"\0")
    (data.images / FIRST / "@eaDir").mkdir()
    (data.images / FIRST / "@eaDir" / "mask1.png").write_bytes(b"\0")
    train = [f"train/images/{path}" for path in train_photos(data.root)["path"]]
    assert files(data.root) == sorted([*train, *(f"eval/images/{name}" for name in eval_photos(data.root))])


def test_faults_of_train_and_eval_are_found_at_once(data: DataSet) -> None:
    (data.images / FIRST / "mask3.png").unlink()
    data.write_rows([f"1,x,Asian,y,{FIRST}", *map(row, PEOPLE[1:])])
    data.list_eval(["a.jpg", "b.png", "c.jpg", "missing.jpg"])
    texts = [finding.text for finding in find(data.root, files(data.root))]
    assert texts == [
        "train.csv, row 2: gender 'x' is neither male nor female",
        "train.csv, row 2: age 'y' is not a number of years (1 to 120)",
        f"train/images/{FIRST}: mask3 missing",
        "info.csv, row 5: eval/images/missing.jpg does not exist",
    ]
    assert {finding.check for finding in find(data.root, files(data.root))} == {LAYOUT}
    assert LAYOUT.severity == ERROR


def test_a_broken_table_does_not_hide_the_other(data: DataSet) -> None:
    data.table.write_text("id,path\n")
    data.info.unlink()
    first, second = find(data.root, files(data.root))
    assert first.text.startswith("train/train.csv: column gender, race, age is missing")
    assert second.text == "eval/info.csv: no such file"


def test_a_fault_within_a_table_names_its_file(data: DataSet) -> None:
    data.info.write_text("ImageID,ans\na.jpg\nb.png,0\n")
    (finding,) = find(data.root, files(data.root))
    assert finding.text.startswith("eval/info.csv, row 2: 1 cell; rows that do not have 2 cells")


@pytest.mark.parametrize(("part", "stage_reads"), [("train", train_photos), ("eval", eval_photos)])
def test_what_stops_the_stages_is_a_fault(data: DataSet, part: str, stage_reads: Callable[[Path], object]) -> None:
    (data.root / part / "images").rename(data.root / "elsewhere")
    assert [finding.check for finding in find(data.root, files(data.root))] == [LAYOUT]
    with pytest.raises(InputError):
        stage_reads(data.root)


def test_an_eval_photo_without_a_row_is_a_warning(data: DataSet) -> None:
    data.list_eval(["a.jpg", "b.png"])
    (finding,) = find(data.root, files(data.root))
    assert (finding.check, finding.photos) == (UNLISTED, ("eval/images/c.jpg",))


def test_a_folder_that_leads_out_of_the_data_set_is_not_read(data: DataSet) -> None:
    outside = data.root.with_name("outside")
    (data.images / FIRST).rename(outside)
    (data.images / FIRST).symlink_to(outside)
    assert not any(FIRST in path for path in files(data.root))

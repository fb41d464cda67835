"""text_tables: the report's tables add up."""

from pathlib import Path

import pytest

from pipeline.evaluation.report import text_tables, thumbnails
from pipeline.evaluation.report.sources import Sources
from pipeline.formats import tables
from pipeline.foundation.errors import InputError
from tests.support.run import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


@pytest.fixture
def sources(run: Run) -> Sources:
    return run.sources()


def test_classes_add_up_to_all_photos_over_folds(sources: Sources) -> None:
    *rows, total = [[int(cell) for cell in row[1:4]] for row in text_tables.classes(sources).rows]
    assert [sum(column) for column in zip(*rows, strict=True)] == total
    assert total[0] + total[1] == total[2] == len(sources.labelled)


def test_slices_of_gender_and_age_are_all_photos_and_so_are_those_of_mask(sources: Sources) -> None:
    counts = {row[0]: int(row[1]) for row in text_tables.slices(sources).rows}
    masks = [counts.pop(name) for name in ("worn", "incorrect", "normal")]
    assert sum(masks) == sum(counts.values()) == len(sources.photos)


def test_every_score_of_an_attribute_lies_in_its_interval(sources: Sources) -> None:
    for _, score, interval, _ in text_tables.scores(sources).rows[:4]:
        low, high = map(float, interval.split(" to "))
        assert low <= float(score) <= high


def test_an_interval_resamples_people_with_all_their_folders(run: Run) -> None:
    apart = text_tables.bounds(run.sources())
    folds = tables.read(run.root / "folds.parquet", tables.FOLDS)
    cells = folds.merge(run.labels, on="path").groupby(["fold", "gender", "age"])["person_x"].transform("min")
    tables.write(folds.assign(person=cells), run.root / "folds.parquet")  # all people of a cell and fold are one
    low, high = text_tables.bounds(run.sources())
    assert high - low > 1.2 * (apart[1] - apart[0])


def test_a_temperature_that_does_not_help_is_shown_with_what_it_worsens(sources: Sources) -> None:
    found = text_tables.calibration(sources)
    (row,) = [dict(zip(found.headings, cells, strict=True)) for cells in found.rows if cells[0] == "face: age"]
    assert (row["temperature"], row["helps"]) == ("0.750", "no")
    assert (row["calibration error before"], found.rows[1][-1]) == ("0.100", "0.200")


def test_photos_without_a_face_are_named(sources: Sources) -> None:
    assert [name for name, _ in thumbnails.without_face(sources)] == ["train: 000/mask3.jpg", "eval: 3.jpg"]
    assert "no face found: centre crop" in text_tables.crops(sources).headings


def test_a_centre_crop_that_was_asked_for_is_not_a_missing_face(run: Run) -> None:
    for split in ("train", "eval"):
        path = run.root / "crops" / f"{split}.parquet"
        tables.write(tables.read(path, tables.CROPS).assign(source="center"), path)
    sources = run.sources()
    assert thumbnails.without_face(sources) == []
    assert list(text_tables.crops(sources).headings) == ["split", "photos", "centre crop"]


def test_doubtful_subjects_are_counted(run: Run) -> None:
    path = run.root / "crops" / "eval.parquet"
    table = tables.read(path, tables.CROPS)
    table.loc[:4, "faces"] = 2
    table.loc[7, ["probability", "turn"]] = [0.5, 90]
    tables.write(table, path)
    found = text_tables.crops(run.sources())
    assert found.headings[-3:] == ["several faces", "low confidence", "face on its side"]
    assert [row[-3:] for row in found.rows] == [["0", "0", "0"], ["5", "1", "1"]]


def test_crops_of_other_photos_are_refused(run: Run) -> None:
    path = run.root / "crops" / "train.parquet"
    tables.write(tables.read(path, tables.CROPS)[1:], path)
    with pytest.raises(
        InputError, match=r"crops does not fit .*labels\.parquet: run `dvc repro` \(1\):\n  no row for 000/"
    ):
        run.sources()

"""doctor: exit status 1 when there are errors, and a table, a page and JSON with all findings."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import app
from pipeline.formats import tables
from pipeline.foundation.errors import InputError
from pipeline.label_quality.doctor import diagnose
from pipeline.stages.sample import sample
from pipeline.synthetic.config import Sample


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synthetic") / "sample"
    sample(root, Sample(people=24, eval_people=4))
    return root


@pytest.fixture
def root(synthetic: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(synthetic, tmp_path / "sample"))


def run(root: Path, folder: Path) -> Result:
    files = ["--csv", str(folder / "findings.csv"), "--html", str(folder / "findings.html")]
    return CliRunner().invoke(app.app, ["doctor", "--data", str(root), *files], catch_exceptions=False)


def test_the_synthetic_sample_has_no_errors_and_no_duplicates(synthetic: Path, tmp_path: Path) -> None:
    result = run(synthetic, tmp_path)
    assert result.exit_code == 0
    found = tables.read(tmp_path / "findings.csv", {"check": "text", "finding": "text"})
    assert set(found["check"]) <= {"ids", "blur", "brightness"}
    assert found["finding"].str.contains("belongs to 2 people").sum() == 1


def test_errors_give_exit_status_1_and_are_in_the_table_and_on_the_page(root: Path, tmp_path: Path) -> None:
    first, second = sorted((root / "train" / "images").iterdir())[:2]
    shutil.copy(first / "normal.jpg", root / "eval" / "images" / "new.jpg")
    (first / "mask1.jpg").unlink()
    (second / "mask2.jpg").write_bytes(b"")
    result = run(root, tmp_path)
    assert result.exit_code == 1
    assert result.output.startswith("sample: 3 errors, ")
    written = (tmp_path / "findings.csv").read_text(), (tmp_path / "findings.html").read_text()
    for text in (f"{first.name}: mask1 missing", "mask2.jpg: empty (0 bytes)", "eval/images/new.jpg"):
        assert all(text in file for file in written), text


def test_equal_data_give_equal_bytes_on_any_number_of_cores(
    root: Path, synthetic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(synthetic, tmp_path / "one")
    monkeypatch.setattr("os.cpu_count", lambda: 7)
    assert run(root, tmp_path / "other").output == first.output
    for name in ("findings.csv", "findings.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_json_is_all_that_is_printed(root: Path) -> None:
    (root / "eval" / "images" / "extra.jpg").write_bytes(b"")
    result = CliRunner().invoke(app.app, ["doctor", "--data", str(root), "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert (found["data"], found["errors"]) == ("sample", 0)
    (extra,) = [finding for finding in found["findings"] if finding["photos"] == ["eval/images/extra.jpg"]]
    assert extra["check"] == "not in info.csv"
    assert extra["remedy"]


def test_an_unlisted_file_need_not_be_a_photo(root: Path, tmp_path: Path) -> None:
    (root / "eval" / "images" / "notes.txt").write_bytes(b"no photo")
    result = run(root, tmp_path)
    assert result.exit_code == 0
    assert [finding.check.name for finding in diagnose(root) if "notes.txt" in finding.text] == ["not in info.csv"]


def test_a_folder_that_is_not_there_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such folder; --data or data"):
        diagnose(tmp_path / "nowhere")


def test_an_empty_data_set_is_a_faulty_one(tmp_path: Path) -> None:
    texts = [finding.text for finding in diagnose(tmp_path)]
    assert texts == ["train/train.csv: no such file", "eval/info.csv: no such file"]

import base64
from contextlib import chdir
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.config import params
from pipeline.ensembling.members import EnsembleMembers
from pipeline.faces.config import Center
from pipeline.formats import images
from pipeline.foundation.errors import InputError
from pipeline.registry.candidate import Candidate, candidates
from pipeline.registry.serving import request_parsing
from pipeline.registry.serving.classifier import Classifier
from pipeline.registry.serving.request_parsing import SERVED
from pipeline.schema.schema import SCHEMA
from tests.modeling.people import people
from tests.registry.conftest import probabilities

PLACES = Path("data/labels.parquet"), Path("data/folds.parquet"), Path("data/crops"), Path("results/ensemble")


def written(made: Path, folder: Path) -> dict[str, Classifier]:
    with chdir(made):
        read = params.load()
        members = EnsembleMembers.of(Path("models"), read.train, read.refit, read.pseudo_label)
        found: list[Candidate] = list(candidates(members, read.models, read.tta, read.crop, *PLACES))
        for candidate in found:
            candidate.write_model(folder / candidate.name)
    return {candidate.name: Classifier(folder / candidate.name) for candidate in found}


@pytest.fixture(scope="module")
def classifiers(made: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Classifier]:
    return written(made, tmp_path_factory.mktemp("models"))


def test_it_answers_eval_as_the_ensemble_did(
    made: Path, classifiers: dict[str, Classifier], photos: list[Path]
) -> None:
    answers = classifiers["mga"].predict(photos)
    expected = probabilities(made).loc[[path.name for path in photos], SCHEMA.class_names].to_numpy()
    np.testing.assert_allclose(answers[SCHEMA.class_names].to_numpy(), expected, atol=1e-5)
    np.testing.assert_array_equal(answers["class"], expected.argmax(axis=1))


def test_an_answer_is_a_class_its_attributes_and_their_probabilities(
    classifiers: dict[str, Classifier], photos: list[Path]
) -> None:
    answers = classifiers["mga"].predict(photos[:5])
    codes = SCHEMA.decode(answers["class"])
    for attribute in SCHEMA.attributes:
        assert list(answers[attribute.name]) == [attribute.values[code] for code in codes[attribute.name]]
        np.testing.assert_allclose(answers[[f"{attribute.name}={value}" for value in attribute.values]].sum(axis=1), 1)
    np.testing.assert_allclose(answers["probability"], answers[SCHEMA.class_names].max(axis=1))


def test_a_photograph_may_be_given_in_any_form(classifiers: dict[str, Classifier], photos: list[Path]) -> None:
    path = photos[0]
    data = path.read_bytes()
    text = base64.b64encode(data).decode()
    url = f"data:image/jpeg;base64,{text}"
    forms = [path, str(path), data, text, text.encode(), url, url.encode(), images.read(path)]
    together = classifiers["mga"].predict(forms)
    np.testing.assert_array_equal(together, pd.concat([together[:1]] * len(forms)))
    for form in forms:
        alone = classifiers["mga"].predict(form)
        np.testing.assert_allclose(alone[SCHEMA.class_names], together[:1][SCHEMA.class_names], atol=1e-5)


def test_a_table_has_photos_in_its_first_column_and_keeps_its_index(
    classifiers: dict[str, Classifier], photos: list[Path]
) -> None:
    table = pd.DataFrame({"photo": photos[:3], "other": 1}, index=["a", "b", "c"])
    assert list(classifiers["mga"].predict(table).index) == ["a", "b", "c"]


def test_the_model_of_an_attribute_says_what_its_heads_say(
    classifiers: dict[str, Classifier], photos: list[Path]
) -> None:
    face, years = (classifiers[name].predict(photos[:3]) for name in ("mga-face", "mga-years"))
    assert list(face)[:2] == ["mask", "gender"]
    np.testing.assert_allclose(face[["gender=male", "gender=female"]].sum(axis=1), 1, atol=1e-6)
    assert list(years) == ["age", "age=years"]
    assert set(years["age"]) <= set(SCHEMA["age"].values)


def test_all_broken_photos_are_named_at_once(
    classifiers: dict[str, Classifier], photos: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "empty.jpg").touch()
    several = [photos[0], tmp_path / "empty.jpg", "gone.jpg", np.zeros((4, 4)), b"text", 5, "/9j/4AAQ"]
    with pytest.raises(InputError) as raised:
        classifiers["mga"].predict(several)
    lines = str(raised.value).splitlines()
    assert lines[0] == "photos that cannot be read (6):"
    expected = ["empty.jpg: empty", "gone.jpg: No such file", "photo 4: an array of float64 (4, 4)"]
    expected += ["photo 5: not a photo", "photo 6: int is not a photo", "photo 7: "]
    assert all(words in line for words, line in zip(expected, lines[1:], strict=True))


def test_photos_of_another_size_than_those_of_training_are_warned_about_when_a_setting_is_in_pixels(
    classifiers: dict[str, Classifier],
    photos: list[Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    large = np.full((1024, 768, 3), 128, np.uint8)
    classifiers["mga"].predict([large])
    assert "on the shorter side" not in capsys.readouterr().err
    cropper = classifiers["mga"]._cropper
    in_pixels = cropper.params.model_copy(update={"center": Center(side=300, unit="pixels")})
    monkeypatch.setattr(cropper, "params", in_pixels)
    classifiers["mga"].predict(photos[:1])
    assert "on the shorter side" not in capsys.readouterr().err
    classifiers["mga"].predict([photos[0], large])
    expected = "WARNING: photos of 384 to 768 pixels on the shorter side, and the model was trained on photos of 384: "
    assert expected in capsys.readouterr().err


def test_photos_whose_crop_may_not_show_the_person_are_counted_and_the_first_of_each_kind_named(
    classifiers: dict[str, Classifier], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = people()[6]
    blank = np.full_like(photo, 200)
    request = [photo, np.ascontiguousarray(np.rot90(photo)), blank, blank]
    classifiers["mga"].predict(request)
    assert "WARNING" not in capsys.readouterr().err, "a server does not warn"
    monkeypatch.setattr(classifiers["mga"], "_warns", True)
    classifiers["mga"].predict([photo])
    assert "WARNING" not in capsys.readouterr().err
    classifiers["mga"].predict(request)
    expected = "WARNING: crops that may not show the person: 2 with no face (first: photo 3), 1 with face on its side "
    assert f"{expected}(first: photo 2); turn, crop or replace these photos" in capsys.readouterr().err


@pytest.mark.parametrize("nothing", [[], pd.DataFrame()])
def test_no_photos_are_an_error(classifiers: dict[str, Classifier], nothing: object) -> None:
    with pytest.raises(InputError, match="no photos"):
        classifiers["mga"].predict(nothing)


def test_what_is_nearly_base64_is_refused_in_one_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read from every blank anew, these would take a day."""
    monkeypatch.setenv(SERVED, "true")
    with pytest.raises(InputError, match="photo 1: not a photo"):
        request_parsing.read("/9j/" + 5_000_000 * " " + "!", "photo 1")


def test_a_served_model_opens_no_path(
    classifiers: dict[str, Classifier], photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SERVED, "true")
    with pytest.raises(InputError, match="opens no paths"):
        classifiers["mga"].predict([str(photos[0])])


def test_a_served_request_has_limits_of_count_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    many, large = ["/9j/"] * 257, ["/9j/" + "A" * 2**20] * 65
    assert len(request_parsing.cells(many)) == 257
    monkeypatch.setenv(SERVED, "true")
    with pytest.raises(InputError, match="257 photos in one request; the server accepts 256"):
        request_parsing.cells(many)
    with pytest.raises(InputError, match=r"68,157,700 bytes of photos in one request; the server accepts 67,108,864"):
        request_parsing.cells(large)


@pytest.mark.parametrize("request_", [5, 5.5, None, np.float64(5), np.array(5)])
def test_a_request_that_is_a_bare_number_is_an_error(request_: object) -> None:
    with pytest.raises(InputError, match="is neither a photo nor a list of photos; give paths, bytes"):
        request_parsing.cells(request_)

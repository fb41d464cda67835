"""estimate: the time of a recipe from the speed of its models."""

from pathlib import Path
from typing import Literal

import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.config import params
from pipeline.config.params import Params
from pipeline.experiments import estimate
from pipeline.faces.config import Crop
from pipeline.modeling.speed import Speed
from pipeline.orchestration import machine
from pipeline.orchestration.readiness import PhotoCounts
from pipeline.stages.sample import sample
from pipeline.synthetic.config import Sample
from tests.support.workspace import PARAMS, copy

PHOTOS = PhotoCounts(1000, 500)
METHODS: tuple[Literal["center"], Literal["mtcnn"]] = ("center", "mtcnn")


@pytest.fixture(autouse=True)
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "gpus", list)
    monkeypatch.setattr(machine, "cores", lambda: 1)
    monkeypatch.setattr(estimate, "START", 0.0)


def seconds(speed: Speed, **sections: object) -> float:
    plain = {"refit": {"models": [], "epochs": {}}, "pseudo_label": {"models": [], "share": 0.5, "weight": 0.5}}
    return estimate.seconds(params.check(PARAMS | plain | sections, "params"), PHOTOS, 0, lambda *_: speed)


def test_training_is_epochs_folds_and_photos_of_the_other_folds() -> None:
    assert seconds(Speed(1, 0)) == 2 * 2 * 2 * 500, "models, folds, epochs, photos"


def test_every_photo_is_cropped() -> None:
    given = params.check(PARAMS, "params")
    assert estimate.seconds(given, PHOTOS, 2, lambda *_: Speed(0, 0)) == 2 * 1500


@pytest.mark.parametrize("there", [True, False])
def test_crops_are_measured_on_photos_of_the_data_set_or_on_drawn_ones(there: bool, tmp_path: Path) -> None:
    if there:
        sample(tmp_path / "photos", Sample(people=24, eval_people=2))
    center, faces = (estimate.crop_seconds(Crop(method=method, size=64), tmp_path / "photos") for method in METHODS)
    assert 0 < center < faces
    assert [path.name for path in tmp_path.iterdir()] == (["photos"] if there else [])


def test_prediction_is_validation_and_every_variant_of_held_out_and_eval_photos() -> None:
    plain: dict[str, object] = {"tta": {"face": {}, "years": {}}}
    assert seconds(Speed(0, 1), **plain) == 2 * 2 * (2 * 500 + 1000)
    assert seconds(Speed(0, 1), tta={"face": {"flip": True}, "years": {}}) == 2 * (4 * 500 + 2000 + 1000)


def test_refits_and_pseudo_labels_take_their_time() -> None:
    once = seconds(Speed(1, 0), refit={"models": ["years"], "epochs": {}, "validation": None, "soup": []})
    assert once == pytest.approx(4000 + 2000)
    twice = seconds(Speed(1, 0), pseudo_label={"models": ["face"], "targets": "hard", "student": {}})
    assert twice == pytest.approx(4000 + 2 * 2 * (500 + 250)), "half of the eval photos join"


def test_a_student_trains_at_its_own_speed() -> None:
    given = {"pseudo_label": {"models": ["face"], "targets": "hard", "student": {"image_size": 16}}}
    checked = params.check(PARAMS | {"refit": {"models": [], "epochs": {}}} | given, "params")
    taken = estimate.seconds(checked, PHOTOS, 0, lambda config, _: Speed(0.5 if config.image_size == 16 else 1, 0))
    assert taken == pytest.approx(4000 + 2 * 2 * (500 + 250) / 2)


def test_a_soup_is_not_trained() -> None:
    soup: dict[str, object] = {"models": ["years"], "epochs": {}, "validation": None, "soup": ["years"]}
    assert seconds(Speed(1, 0), refit=soup) == pytest.approx(4000)
    plain: dict[str, object] = {"tta": {"face": {}, "years": {}}}
    more = seconds(Speed(0, 1), refit=soup, **plain) - seconds(Speed(0, 1), **plain)
    assert more == pytest.approx(2 * 1000 + 500), "batch statistics, a score, and the eval photos"


def test_cores_and_gpus_share_the_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 2)
    assert seconds(Speed(1, 0)) == 2000
    monkeypatch.setattr(machine, "gpus", lambda: ["0", "1", "2"])
    assert seconds(Speed(1, 0)) == 2000, "one of three takes a second training"
    monkeypatch.setattr(machine, "gpus", lambda: ["0", "1", "2", "3"])
    assert seconds(Speed(1, 0)) == 1000


def test_suggest_names_the_best_preset_that_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy(tmp_path, "params.yaml", "recipes"))
    taken = {"sample": 600.0, "ours-cpu": 3000.0, "ours": 90000.0}
    by_params = {params.load(Path(f"recipes/{name}.yaml")).model_dump_json(): time for name, time in taken.items()}

    def known(given: Params, photos: PhotoCounts, crop: float) -> float:
        assert (photos, crop) == ((90 * 7, 30 * 7), 0.01)
        return by_params[given.model_dump_json()]

    monkeypatch.setattr(estimate, "seconds", known)
    monkeypatch.setattr(estimate, "crop_seconds", lambda _, root: {Path("data/sample"): 0.01}[root])
    lines = CliRunner().invoke(app, ["recipe", "suggest", "--hours", "1"], catch_exceptions=False).output.splitlines()
    assert lines[0] == "no GPU, 1 cores; 630 train and 210 eval photos"
    assert lines[1:4] == [
        "fast  sample         about 10 min",
        "good  ours-cpu       about 50 min",
        "best  ours           about 25.0 h   too long",
    ]
    assert lines[4] == "python -m pipeline recipe use ours-cpu"
    lines = CliRunner().invoke(app, ["recipe", "suggest"], catch_exceptions=False).output.splitlines()
    assert lines[-1] == "python -m pipeline recipe use ours"

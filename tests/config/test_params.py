"""params: what is wrong in params.yaml is one clear line that names the key."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from pipeline.config.params import FILE, Params, load
from pipeline.faces.config import Crop
from pipeline.faces.cropping import center_box
from pipeline.foundation.errors import InputError

SHIPPED = Path(__file__).parents[2] / FILE
Change = tuple[str, Any]
SMALL = {"backbone": "test_resnet", "heads": {"mask": {}}, "epochs": 1, "optimizer": {"learning_rate": 1}}


@pytest.fixture
def change(tmp_path: Path) -> Callable[..., Path]:
    """The shipped params with other values under dotted keys; None removes a key."""

    def write(*changes: Change) -> Path:
        yaml = YAML()
        settings = yaml.load(SHIPPED.read_text())
        for key, value in changes:
            *sections, name = key.split(".")
            section = settings
            for part in sections:
                section = section[part]
            if value is None:
                del section[name]
            else:
                section[name] = value
        yaml.dump(settings, tmp_path / "params.yaml")
        return tmp_path / "params.yaml"

    return write


def faults(path: Path) -> list[str]:
    with pytest.raises(InputError) as error:
        load(path)
    summary, *lines = str(error.value).splitlines()
    assert summary == f"{path}: wrong parameters ({len(lines)}):"
    return [line.strip() for line in lines]


def test_the_shipped_file_is_valid_and_complete() -> None:
    settings = YAML(typ="safe").load(SHIPPED.read_text())
    assert set(settings) == set(Params.model_fields)
    for section in ("data", "sample", "relabel", "crop", "split", "train", "refit", "ensemble", "submission"):
        assert set(settings[section]) == set(Params.model_fields[section].annotation.model_fields)  # type: ignore[union-attr]
    assert load(SHIPPED).train.folds == (0, 1)


def test_the_shipped_crop_takes_the_subject_and_the_same_part_of_a_photo_of_any_size() -> None:
    crop = load(SHIPPED).crop
    assert crop.subject == "main"
    for scale in (1, 8):
        left, top, right, bottom = center_box(384 * scale, 512 * scale, crop.center)
        assert (right - left) * (bottom - top) / (384 * 512 * scale**2) == pytest.approx(0.456, abs=0.002)


def test_params_are_frozen() -> None:
    params = load(SHIPPED)
    with pytest.raises(ValidationError, match="frozen"):
        params.split.folds = 3  # type: ignore[misc]  # the very mistake


def test_whole_numbers_may_come_as_floats(change: Callable[..., Path]) -> None:
    params = load(change(("models.age.epochs", 20.0), ("train.folds", [0.0, 1.0]), ("crop.size", [64.0, 48.0])))
    assert (params.models["age"].epochs, params.train.folds, params.crop.shape) == (20, (0, 1), (64, 48))


def test_one_number_makes_a_square_crop() -> None:
    assert Crop(size=72).shape == (72, 72)


def test_a_bare_name_is_a_choice_without_settings(change: Callable[..., Path]) -> None:
    short = load(change(("models.age.heads.age.loss", "focal"), ("models.age.schedule", "cosine")))
    long = load(change(("models.age.heads.age.loss", {"name": "focal"}), ("models.age.schedule", {"name": "cosine"})))
    assert short == long


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("crop.metod", "mtcnn", "crop.metod: unknown key; did you mean 'method'?"),
        (
            "models.age.heads.age.loss",
            {"gamma": 2},
            "models.age.heads.age.loss: must be a name, or {name: ..., and its settings}",
        ),
        ("spilt", {}, "spilt: unknown key; did you mean 'split'?"),
        ("models.age.optimizer.learning_rat", 1, "models.age.optimizer.learning_rat: unknown key; did you mean"),
        ("models.age.xyz", 1, "models.age.xyz: unknown key"),
        ("data.root", None, "data.root: is missing"),
        ("data.root", [], "data.root: must be a path (given: [])"),
        ("crop.square", "maybe", "crop.square: must be true or false (given: 'maybe')"),
        ("kubeflow.disk", "many", "kubeflow.disk: must match pattern"),
        ("models.ma sk", SMALL, "models: 'ma sk' is no name of a model"),
        ("models.--mask", SMALL, "models: '--mask' is no name of a model"),
        ("models.ma/sk", SMALL, "models: 'ma/sk' is no name of a model"),
        ("submission.name", "../best", "submission.name: '../best' is no name of a file without its extension"),
        ("submission.name", "-x", "submission.name: '-x' is no name of a file without its extension"),
        ("submission.name", "Shares", "submission.name: 'Shares' is the name of another table beside the submission"),
        ("refit.validation", 1, "refit.validation: must be less than 1"),
        ("train", None, "train: is missing"),
        (
            "crop.method",
            "mtcn",
            "crop.method: must be 'mtcnn', 'grabcut', 'center', 'center_grabcut' or 'none' (given: 'mtcn')",
        ),
        ("ensemble.people", {}, "ensemble.people: groups are made of thumbnails; set crop.thumbnail: [16, 12]"),
        ("ensemble.people", {"photos": 1}, "ensemble.people.photos: must be greater than or equal to 2 (given: 1)"),
        ("crop.size", 0, "crop.size: must be a positive number of pixels, or [height, width] (given: 0)"),
        ("crop.size", [1, 2, 3], "crop.size: must be a positive number of pixels, or [height, width]"),
        ("split.folds", 1, "split.folds: must be greater than or equal to 2 (given: 1)"),
        ("split.seed", "x", "split.seed: must be a whole number (given: 'x')"),
        ("relabel.fixes", "consensus", "relabel.fixes: must be a list (given: 'consensus')"),
        ("relabel.allow", ["unmatchd"], "relabel.allow.0: must be 'unmatched', 'ambiguous', 'different'"),
        ("models.age", [], "models.age: must be a mapping (given: [])"),
        ("models.age.epochs", 2.5, "models.age.epochs: must be a whole number (given: 2.5)"),
        ("models.age.heads", {}, "models.age.heads: must have at least 1 item"),
        ("models.age.heads.age.loss", "focl", "models.age.heads.age.loss: 'focl' is none of 'cross_entropy', 'focal'"),
        (
            "models.age.heads.age.kind",
            "regression",
            "models.age.heads.age: loss focal does not fit a head of kind regression",
        ),
        ("models.age.heads.age.bands", [60, 30], "models.age.heads.age: bands [60, 30] do not rise"),
        ("models.age.heads", {"agee": {}}, "models.age.heads: head 'agee' is no product of mask, gender, age"),
        ("models.age.heads", {"age x age": {}}, "models.age.heads: head 'age x age' is no product"),
        (
            "models.age.heads",
            {"gender": {"kind": "regression", "loss": "mse"}},
            "models.age.heads: head 'gender' cannot be of kind regression",
        ),
        ("models.age.heads", {"age": {}, "gender x age": {}}, "models.age.heads: heads age, gender x age predict"),
        ("train.folds", [3], "train.folds: 3 is not one of the folds 0, 1"),
        ("train.folds", [0, 1, 0], "train.folds: 0 is named twice"),
        ("train.models", ["mask", "gender", "age", "mask"], "train.models: mask is named twice"),
        ("refit.models", ["age", "age"], "refit.models: age is named twice"),
        ("pseudo_label.models", ["age", "age"], "pseudo_label.models: age is named twice"),
        (
            "ensemble.systems",
            [["mask", "gender", "age"]] * 2,
            "ensemble.systems: must be per_attribute, or lists of models",
        ),
        ("split.seed", -1, "split.seed: must be greater than or equal to 0 (given: -1)"),
        ("sample.seed", -1, "sample.seed: must be greater than or equal to 0 (given: -1)"),
        ("models.age.seed", -1, "models.age.seed: must be greater than or equal to 0 (given: -1)"),
        ("train.folds", [], "train.folds: must have at least 1 item (given: [])"),
        ("refit.models", ["agee"], "refit.models: no model 'agee' under models; did you mean 'age'?"),
        ("ensemble.systems", [["mask", "age"]], "ensemble.systems: [mask, age] predicts age, mask; a system"),
        ("ensemble.systems", [["mask", "gender", "mask", "age"]], "ensemble.systems: [mask, gender, mask, age] pred"),
        ("train.models", ["mask", "gender"], "ensemble.systems: model 'age' is not in train.models"),
        (
            "ensemble.systems",
            [["mask/folds", "gender", "age/refti"]],
            "ensemble.systems: 'age/refti' is none of age/fol",
        ),
        (
            "ensemble.systems",
            [["mask/refit", "gender", "age"]],
            "ensemble.systems: 'mask/refit', but refit.models does",
        ),
        ("ensemble.systems", "attribute", "ensemble.systems: must be per_attribute, or lists of models"),
        ("ensemble.systems", [], "ensemble.systems: must be per_attribute, or lists of models"),
        ("ensemble.vote", "mean", "ensemble.vote: must be 'soft', 'logit_mean' or 'hard' (given: 'mean')"),
        (
            "ensemble.weights",
            "best",
            "ensemble.weights: must be equal, greedy, stacked or a list of numbers",
        ),
        ("ensemble.weights", [1, 2], "ensemble: weights [1.0, 2.0] are not a number for each of systems"),
        ("ensemble.weights", [0], "ensemble: weights [0.0] are not a number for each of systems, one above 0 at least"),
        ("pseudo_label.models", ["eage"], "pseudo_label.models: no model 'eage' under models; did you mean 'age'?"),
        ("pseudo_label.share", 95, "pseudo_label.share: must be less than or equal to 1 (given: 95)"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_its_key(
    change: Callable[..., Path], key: str, value: object, fault: str
) -> None:
    (line,) = faults(change((key, value)))
    assert line.startswith(fault)


def test_models_are_trained_before_they_are_refitted_or_retrained(change: Callable[..., Path]) -> None:
    alone = ("train.models", ["mask", "gender"]), ("ensemble.systems", "per_attribute")
    lines = faults(change(*alone, ("refit.models", ["age"]), ("pseudo_label.models", ["age"])))
    assert {f"{section}.models: 'age' is not in train.models" for section in ("refit", "pseudo_label")} < set(lines)


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("tta.age", {"flipp": True}, "tta.age.flipp: unknown key; did you mean 'flip'?"),
        ("tta.age", {"clean": 0}, "tta.age.clean: must be greater than 0 (given: 0)"),
        ("tta.age", None, "tta: no entry for 'age'; write `age: {}` for the plain image"),
        ("tta.agee", {}, "tta: no model 'agee' under models; did you mean 'age'?"),
    ],
)
def test_every_trained_model_has_its_test_time_augmentation(
    change: Callable[..., Path], key: str, value: Any, fault: str
) -> None:
    (line,) = faults(change((key, value)))
    assert line == fault


def test_augmented_variants_without_an_augmentation_are_refused(change: Callable[..., Path]) -> None:
    augmented = ("tta.age", {"augmented": 7})
    assert load(change(augmented)).tta["age"].augmented == 7
    (line,) = faults(change(augmented, ("models.age.augmentation", [])))
    assert line == "tta.age: augmented 7 has no effect, because the model has no augmentation"


def test_thresholds_in_years_are_refused_where_no_model_predicts_years(change: Callable[..., Path]) -> None:
    moved = ("ensemble.age_thresholds", [29.5, 57.5])
    (line,) = faults(change(moved))
    assert line.startswith("ensemble.age_thresholds: no effect, because no model of ensemble.systems predicts years;")
    for kind in ("regression", "distribution"):
        assert load(change(moved, ("models.age.heads.age", {"kind": kind}))).ensemble.age_thresholds == (29.5, 57.5)


def test_a_refit_with_validation_has_no_last_epochs_on_it(change: Callable[..., Path]) -> None:
    last = ("models.age.last_epochs_on_validation", 1)
    assert load(change(("refit.models", ["age"]), last)).refit.validation is None
    (line,) = faults(change(("refit.models", ["age"]), ("refit.validation", 0.2), last))
    assert line.startswith("refit.models: 'age' has last_epochs_on_validation, which would train on the photos of")


def test_epochs_of_a_refit_are_written_and_of_models_that_exist(change: Callable[..., Path]) -> None:
    (missing,) = faults(change(("refit.models", ["age"]), ("refit.epochs", None)))
    assert missing.startswith("refit: epochs is missing: write `epochs: {}`")
    (missing,) = faults(change(("refit.models", ["age"]), ("refit.validation", None)))
    assert missing == "refit: validation is missing: write `validation: null` to train on all photos"
    (missing,) = faults(change(("refit.models", ["age"]), ("refit.soup", None)))
    assert missing == "refit: soup is missing: write `soup: []` to train all models on all data"
    (unknown,) = faults(change(("refit.epochs", {"agee": 4})))
    assert unknown == "refit.epochs: no model 'agee' under models; did you mean 'age'?"


def test_a_refit_is_not_shorter_than_the_training_in_which_images_grow(change: Callable[..., Path]) -> None:
    growing = ("models.age.progressive_resizing", {"start": 0.5}), ("refit.models", ["age"])
    assert load(change(*growing, ("refit.epochs", {"age": 10}))).refit.epochs == {"age": 10}
    (line,) = faults(change(*growing, ("refit.epochs", {"age": 4})))
    assert line == "refit.models: 'age' has progressive_resizing over 10 epochs, and refit.epochs ends after 4"


def test_a_soup_is_a_refit_without_settings_of_a_training(change: Callable[..., Path]) -> None:
    soup = ("refit.models", ["age"]), ("refit.soup", ["age"])
    assert load(change(*soup)).refit.soup == ("age",)
    for given, fault in (
        ([("refit.soup", ["age"])], "refit: soup names 'age', which models does not"),
        ([*soup, ("refit.epochs", {"age": 4})], "refit: epochs.age has no effect: a soup is not trained"),
        ([*soup, ("refit.validation", 0.2)], "refit: validation has no effect: a soup holds out no photos"),
    ):
        assert faults(change(*given)) == [fault]


@pytest.mark.parametrize("kind", ["regression", "distribution"])
def test_a_head_of_years_makes_no_pseudo_labels(change: Callable[..., Path], kind: str) -> None:
    (line,) = faults(change(("models.age.heads.age", {"kind": kind}), ("pseudo_label.models", ["age"])))
    assert line == "pseudo_label.models: 'age' has a head of years, and pseudo labels are classes"


def test_keys_of_pseudo_labels_are_written(change: Callable[..., Path]) -> None:
    (line,) = faults(change(("pseudo_label.models", ["age"]), ("pseudo_label.student", None)))
    assert line == "pseudo_label: student missing: write `targets: hard` and `student: {}`"


def test_soft_targets_are_of_classes_and_distributions(change: Callable[..., Path]) -> None:
    soft = ("pseudo_label.models", ["age"]), ("pseudo_label.targets", "soft")
    assert load(change(*soft, ("models.age.heads.age", {"kind": "distribution"}))).pseudo_label.targets == "soft"
    for kind in ("ordinal", "regression"):
        (line,) = faults(change(*soft, ("models.age.heads.age", {"kind": kind})))
        assert line.startswith("pseudo_label.models: 'age' has a head of kind ordinal or regression; soft targets are")


@pytest.mark.parametrize(
    ("student", "fault"),
    [
        ({"epoch": 3}, "pseudo_label.models: 'age' has no such student: epoch: unknown key"),
        ({"epochs": 0}, "pseudo_label.models: 'age' has no such student: epochs: must be greater than 0"),
        ({"heads": {}}, "pseudo_label.student: the student has the heads of its teacher; leave the key out"),
        ({"last_epochs_on_validation": 1}, "pseudo_label.models: the student of 'age' has last_epochs_on_validation"),
    ],
)
def test_a_student_is_a_model_with_the_heads_of_its_teacher(
    change: Callable[..., Path], student: dict[str, Any], fault: str
) -> None:
    read = load(change(("pseudo_label.models", ["age"]), ("pseudo_label.student", {"backbone": "test_resnet"})))
    config = read.pseudo_label.config(read.models["age"])
    assert config == read.models["age"].model_copy(update={"backbone": "test_resnet"})
    (line,) = faults(change(("pseudo_label.models", ["age"]), ("pseudo_label.student", student)))
    assert line.startswith(fault)


def test_a_student_says_that_its_teacher_was_selected_on_the_held_out_fold(change: Callable[..., Path]) -> None:
    selected = ("models.age.select", "macro_f1"), ("pseudo_label.models", ["age"])
    assert load(change(*selected)).pseudo_label.config(load(change(*selected)).models["age"]).select == "macro_f1"
    (line,) = faults(change(*selected, ("pseudo_label.student", {"select": "last"})))
    assert line.endswith(
        "'age' selects its epoch on the held-out fold, and the metrics of its student would not say so"
    )


def test_a_model_trained_on_its_held_out_fold_gives_no_pseudo_labels(change: Callable[..., Path]) -> None:
    (line,) = faults(change(("models.age.last_epochs_on_validation", 3), ("pseudo_label.models", ["age"])))
    assert line.startswith("pseudo_label.models: 'age' has last_epochs_on_validation: its pseudo labels would leak")


def test_pseudo_labels_of_a_part_of_the_18_classes_cannot_be_enlarged(change: Callable[..., Path]) -> None:
    oversampled = ("models.age.oversample", {"times": 2}), ("pseudo_label.models", ["age"])
    (line,) = faults(change(*oversampled))
    assert (
        line
        == "pseudo_label.models: 'age' oversamples some of the 18 classes, but its heads predict only some attributes"
    )


def test_which_training_of_a_model_votes_must_be_clear(change: Callable[..., Path]) -> None:
    twice = ("refit.models", ["age"]), ("pseudo_label.models", ["age"])
    (line,) = faults(change(*twice))
    assert line == "ensemble.systems: 'age' is refitted and pseudo_labelled; write age/refit or age/pseudo_label"
    mixed = [
        ["mask", "gender", "age/refit"],
        ["mask", "gender", "age/pseudo_label"],
        ["mask/folds", "gender", "age/folds"],
    ]
    assert load(change(*twice, ("ensemble.systems", mixed))).ensemble.systems[0][2] == "age/refit"


def test_models_that_are_systems_for_themselves_cover_every_attribute(change: Callable[..., Path]) -> None:
    (line,) = faults(change(("train.models", ["mask", "gender"]), ("ensemble.systems", "per_attribute")))
    assert line.startswith("ensemble.systems: [mask, gender] predicts gender, mask; a system")


def test_all_wrong_keys_are_named_at_once(change: Callable[..., Path]) -> None:
    lines = faults(change(("crop.metod", 1), ("split.folds", 0), ("models.mask.epochs", -1)))
    assert [line.split(":")[0] for line in lines] == ["crop.metod", "split.folds", "models.mask.epochs"]


def test_a_missing_file_is_refused_with_the_folder_to_run_in() -> None:
    with pytest.raises(InputError, match=r"nowhere/params\.yaml: no such file; run from the project's root"):
        load(Path("nowhere/params.yaml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a: 1\nb: [\n", ", line 3: not YAML: "),
        (b"a: 1\n\tb: 2\n", ", line 2: not YAML: "),
        (b"a: 1\na: 2\n", ', line 2: not YAML: found duplicate key "a"'),
        (b"a: \0\n", ": not YAML: "),
        (b"\xff", ": not UTF-8"),
        (b"", "must be a mapping (given: None)"),
        (b"- a\n", "must be a mapping"),
    ],
)
def test_a_file_that_is_no_mapping_says_where(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(text)
    with pytest.raises(InputError) as error:
        load(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)

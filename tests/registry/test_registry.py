"""From `register` to `rollback`, on a real registry."""

import hashlib
import importlib
import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.artifacts import download_artifacts
from rich.console import Console

from pipeline.formats import images
from pipeline.foundation.errors import InputError
from pipeline.registry import alias_history, packaging, page, versions
from pipeline.registry.alias_history import AliasChange, Kind
from pipeline.registry.evidence import FILE, OutOfFoldEvidence
from pipeline.registry.serving.classifier import Classifier
from pipeline.schema.schema import SCHEMA
from tests.registry.conftest import call, probabilities


def client() -> mlflow.MlflowClient:
    return mlflow.MlflowClient()


def point(alias: str, number: int) -> None:
    """Set an alias as a click in the UI does."""
    client().set_registered_model_alias("mga", alias, str(number))


def fake(name: str, source: versions.Version, evidence: OutOfFoldEvidence, folder: Path) -> versions.Version:
    """Another version with other evidence."""
    (folder / name).mkdir()
    evidence.table.to_csv(folder / name / FILE, index=False)
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(folder / name), versions.EVIDENCE)
    tags = {key: value for key, value in source.tags.items() if key.startswith("data_")}
    found = client().get_model_version("mga", str(source.number))
    made = client().create_model_version("mga", str(found.source), run.info.run_id, tags)
    return versions.find(f"models:/mga/{made.version}")


def damaged(evidence: OutOfFoldEvidence) -> OutOfFoldEvidence:
    """The same evidence with every mask wrong."""
    wrong = {"worn": "normal", "normal": "incorrect", "incorrect": "worn"}
    return OutOfFoldEvidence(evidence.table.assign(predicted_mask=evidence.table["mask"].map(wrong)))


def kept(version: versions.Version, folder: Path) -> OutOfFoldEvidence:
    return OutOfFoldEvidence.read(versions.download(version, FILE, folder))


def test_the_way_of_a_model(workspace: Path, photos: list[Path]) -> None:
    registers_every_model_with_scores_hashes_and_a_card(workspace)
    does_not_register_the_same_twice()
    says_what_makes_a_champion(photos)
    answers_by_alias_as_the_ensemble_did(workspace, photos)
    is_promoted_compared_forced_and_rolled_back(workspace)
    notices_a_move_by_hand()


def registers_every_model_with_scores_hashes_and_a_card(workspace: Path) -> None:
    said = call("register")
    *made, view = said.splitlines()
    assert [line.split(":")[0] for line in made] == [f"mga{part} version 1" for part in ("-face", "-years", "")]
    assert view.startswith("runs and scores: http://127.0.0.1:5000/#/experiments/")
    version = versions.find("models:/mga@challenger")
    scores = json.loads((workspace / "results/ensemble/metrics.json").read_text())
    assert float(version.tags["macro_f1"]) == pytest.approx(scores["macro_f1"], abs=1e-4)
    low, high = (float(version.tags[f"macro_f1_{end}"]) for end in ("low", "high"))  # with four digits
    assert low - 1e-4 <= scores["macro_f1"] <= high + 1e-4
    assert version.tags["data_photos"] == "abc.dir"
    described = str(client().get_model_version("mga", "1").description)
    assert all(f"\n## {part}" in described for part in ("Scores", "Known failures", "Data and provenance"))
    assert "**Not for**" in described
    assert "abc.dir" not in described  # hashes are tags
    assert len(described) < 5000
    assert versions.download(version, "card.md", workspace).read_text() == described
    takes_photos_as_bytes_in_lists_and_tables(workspace)
    scores_are_linked_to_the_model_and_the_labels(version, scores["macro_f1"])
    trained = client().list_artifacts(versions.find("models:/mga-years/1").run_id, "evidence/trainings/folds/0")
    assert {Path(file.path).name for file in trained} == {"epochs.csv", "metrics.json", "weights.safetensors"}


def takes_photos_as_bytes_in_lists_and_tables(workspace: Path) -> None:
    model = packaging.load("models:/mga/1")
    assert str(model.metadata.get_input_schema()) == "[binary (required)]"
    photo = sorted((workspace / "data/sample/eval/images").iterdir())[0]
    forms = [str(photo)], [photo], [photo.read_bytes()], str(photo), pd.DataFrame({"image": [images.read(photo)]})
    answers = [model.predict(form) for form in (model.input_example, *forms)]
    assert type(model.input_example.loc[0, "photo"]) is bytes
    assert [list(answer) for answer in answers] == [list(answers[0])] * len(answers)
    np.testing.assert_array_equal(pd.concat(answers[1:]), pd.concat([answers[1]] * len(forms)))


def scores_are_linked_to_the_model_and_the_labels(version: versions.Version, macro_f1: float) -> None:
    run = client().get_run(version.run_id)
    assert run.inputs
    assert run.outputs
    (labels,) = run.inputs.dataset_inputs
    assert labels.dataset.name == "labels.parquet"
    assert labels.dataset.digest == hashlib.md5(Path("data/labels.parquet").read_bytes()).hexdigest()
    (model,) = run.outputs.model_outputs
    metrics = client().get_logged_model(model.model_id).metrics or []
    assert {metric.key for metric in metrics} == set(run.data.metrics) > {"macro_f1", "macro_f1_low"}
    assert {(metric.dataset_name, metric.dataset_digest) for metric in metrics} == {
        (labels.dataset.name, labels.dataset.digest)
    }
    assert [metric.value for metric in metrics if metric.key == "macro_f1"] == [pytest.approx(macro_f1, abs=1e-6)]


def does_not_register_the_same_twice() -> None:
    client().delete_registered_model_alias("mga", "challenger")  # as if it had been killed before it set the alias
    assert call("register").count("has this content already, the challenger") == 3
    assert len(versions.versions("mga")) == 1
    assert versions.find("models:/mga@challenger").number == 1


def says_what_makes_a_champion(photos: list[Path]) -> None:
    with pytest.raises(InputError, match=r"models:/mga@champion: .* versions of mga: 1; .* promote --model mga"):
        call("predict", str(photos[0]), "--model", "models:/mga@champion")
    shown = call("predict", str(photos[0]))
    assert "no champion yet: using the challenger, mga version 1" in shown
    assert "1 photos predicted by mga version 1" in shown


def answers_by_alias_as_the_ensemble_did(workspace: Path, photos: list[Path]) -> None:
    assert "passed" in call("promote", "--user", "Ada", "--reason", "the first")
    info = workspace / "data/sample/eval/info.csv"
    call("predict", str(info), "--output", "answers.csv")
    answers = pd.read_csv("answers.csv")
    assert [Path(path).name for path in answers["photo"]] == [path.name for path in photos]
    expected = probabilities(workspace).loc[[path.name for path in photos], SCHEMA.class_names]
    np.testing.assert_allclose(answers[SCHEMA.class_names], expected, atol=1e-5)
    lines = call("predict", *map(str, photos[:2]), "--format", "jsonl", "--model", "models:/mga/1").splitlines()
    first = json.loads(lines[0])
    assert first["photo"] == str(photos[0])
    assert first["class"] == answers["class"][0]
    broken_photos_are_named_and_left_out_only_when_asked(photos)
    a_version_answers_by_its_own_code()
    names_that_begin_a_formula_are_escaped_in_a_table(photos)
    is_exported_as_registered()
    code_that_is_not_the_code_here_needs_trust(photos)


def is_exported_as_registered() -> None:
    call("export", "--model", "models:/mga/1", "--form", "timm", "--output", "elsewhere")
    assert len(list(Path("elsewhere").rglob("*.safetensors"))) == len(list(Path("models").rglob("weights.safetensors")))


def names_that_begin_a_formula_are_escaped_in_a_table(photos: list[Path]) -> None:
    shutil.copy(photos[0], "=1+1.jpg")
    shutil.copy(photos[0], "\x1b[2J.jpg")
    assert call("predict", "=1+1.jpg").splitlines()[1].startswith("'=1+1.jpg,")
    assert json.loads(call("predict", "=1+1.jpg", "--format", "jsonl").splitlines()[0])["photo"] == "=1+1.jpg"
    Path("\x1b[2J.jpg").write_bytes(b"broken")
    assert r"left out: \x1b[2J.jpg" in call("predict", "=1+1.jpg", "\x1b[2J.jpg", "--skip-broken")


def code_that_is_not_the_code_here_needs_trust(photos: list[Path]) -> None:
    """Who may write to the registry could have `predict` run anything."""
    stored = Path(download_artifacts(artifact_uri="models:/mga/1"))
    code = stored / "code/pipeline/registry/serving/__init__.py"
    original = code.read_text()
    code.write_text(f"{original}\nPath('executed').touch()\n")
    with pytest.raises(
        InputError, match=r"mga version 1 was registered with other code .* \(1 files, e.g. pipeline/reg"
    ):
        call("predict", str(photos[0]))
    assert not Path("executed").exists()
    assert "mga version 1: running the code that it was registered with" in call("predict", str(photos[0]), "--trust")
    assert Path("executed").exists()
    with pytest.MonkeyPatch.context() as trusting:
        trusting.setenv("PIPELINE_TRUSTED_MODELS", "mga-face,mga")
        call("predict", str(photos[0]))
    (stored / "code/torch.py").touch()  # would be imported instead of torch
    with pytest.raises(InputError, match=r"\(2 files"):
        call("predict", str(photos[0]))
    (code.parents[3] / "torch.py").unlink()
    code.write_text(original)
    call("predict", str(photos[0]))


def a_version_answers_by_its_own_code() -> None:
    loaded = packaging.load("models:/mga/1")
    assert "/code/pipeline/registry/serving/" in type(loaded._model_impl).predict.__code__.co_filename
    assert Classifier is importlib.import_module("pipeline.registry.serving.classifier").Classifier, (
        "and this one is back"
    )


def broken_photos_are_named_and_left_out_only_when_asked(photos: list[Path]) -> None:
    Path("some").mkdir()
    for number, path in enumerate(photos[:3]):
        shutil.copy(path, f"some/{number}.jpg")
    for name in ("1.jpg", "3.png"):
        Path("some", name).write_bytes(b"broken")
    with pytest.raises(InputError, match=r"--skip-broken[\s\S]*some/1\.jpg[\s\S]*some/3\.png"):
        call("predict", "some")
    with pytest.raises(InputError, match="no photo can be read"):
        call("predict", "some/1.jpg", "some/3.png", "--skip-broken")
    output = call("predict", "some", "--skip-broken")
    assert output.count("left out: some/") == 2
    assert [line.split(",")[0] for line in output.splitlines() if line.startswith("some/")] == [
        "some/0.jpg",
        "some/2.jpg",
    ]


def is_promoted_compared_forced_and_rolled_back(workspace: Path) -> None:
    first = versions.find("models:/mga@champion")
    assert "mga version 1: has this content already, the champion" in call("register")
    with pytest.raises(InputError, match=r"models:/mga@challenger: .* versions of mga: 1; .* register"):
        call("promote")
    evidence = kept(first, workspace)
    worse = fake("worse", first, damaged(evidence), workspace)
    point("challenger", worse.number)
    said = call("promote", fails=True)
    assert "refused: worse on macro F1 by" in said
    assert "Slices, accuracy" in said
    assert versions.find("models:/mga@champion").number == 1
    with pytest.raises(InputError, match="--force needs --reason"):
        call("promote", "--force")
    with pytest.raises(
        InputError, match="the champion is now version 1, but was no version when compared; promote again"
    ):
        alias_history.promote(worse, None, "Bob", "compared with nobody")
    assert len(alias_history.changes("mga")) == 1
    call("promote", "--margin", "1", "--slice-margin", "1", "--user", "Bob")
    assert alias_history.changes("mga")[-1].reason == "margins 1 and 1"
    call("rollback", "--reason", "the margins were too wide")
    point("challenger", worse.number)
    call("promote", "--force", "--reason", "a test", "--user", "Bob")
    assert versions.find("models:/mga@champion").number == 2
    table = call("history")
    assert "Ada" in table
    assert "Bob" in table
    assert "forced; the gate refused: worse on" in alias_history.changes("mga")[-1].reason
    assert "version 1 is the champion instead of version 2" in call("rollback", "--reason", "it was worse")
    assert versions.find("models:/mga@champion").number == 1
    with pytest.raises(InputError, match="no champion before version 1"):
        call("rollback", "--reason", "again")


def notices_a_move_by_hand() -> None:
    point("champion", 2)
    assert "by hand" in call("history")
    assert [change.kind for change in alias_history.changes("mga")] == [
        *("promote", "promote", "rollback", "promote", "rollback"),
        "by hand",
    ]
    assert "by hand" in call("history")
    assert len(alias_history.changes("mga")) == 6, "it is noticed once"
    answer = call("history", "--on", f"{datetime.now(UTC):%Y-%m-%d}")
    assert "version 2" in answer
    assert call("history", "--on", "2020-01-01") == "mga on 2020-01-01: no champion recorded\n"
    client().delete_registered_model_alias("mga", "champion")
    assert alias_history.reconcile("mga")[-1].after is None
    assert "none" in call("history")
    assert call("rollback", "--reason", "it was deleted") == "mga version 2 is the champion\n"


def test_what_is_not_there_is_said(registry: None, photos: list[Path]) -> None:
    for words in (("history",), ("promote",), ("rollback", "--reason", "x")):
        with pytest.raises(InputError, match=r"mga"):
            call(*words)
    with pytest.raises(InputError, match="not the URI of a model; write"):
        call("predict", str(photos[0]), "--model", "mga")


def test_a_registry_that_does_not_answer_is_not_said_to_lack_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(InputError, match=r"^MLflow at http://127\.0\.0\.1:9"):
        call("history")


def test_registering_needs_a_finished_run(workspace: Path) -> None:
    (workspace / "models/face/folds/0/weights.safetensors").unlink()
    with pytest.raises(InputError, match=r"face/folds/0/weights"):
        call("register")
    (workspace / "dvc.lock").unlink()
    with pytest.raises(InputError, match=r"dvc\.lock: no hash of data/sample/train"):
        call("register")


def day(number: int) -> datetime:
    return datetime(2026, 1, number, 12, tzinfo=UTC)


def test_history_tells_who_was_champion_on_a_day_and_what_nobody_knows() -> None:
    known = [
        AliasChange(day(2), "promote", None, 1, "Ada", ""),
        AliasChange(day(5), "promote", 1, 2, "Bob", ""),
        AliasChange(day(9), "by hand", 2, 3, "unknown", "", since=day(5)),
        AliasChange(day(12), "promote", 3, 4, "Eve", ""),
    ]
    answers = {number: alias_history.champions_on(known, date(2026, 1, number)) for number in (1, 3, 5, 7, 9, 13)}
    assert answers[1] == ["no champion recorded"]
    assert answers[3] == ["version 1, from 2026-01-02 12:00 UTC to 2026-01-05 12:00 UTC"]
    assert [answer.split(",")[0] for answer in answers[5]] == ["version 1", "version 2", "version 3"]
    assert "perhaps: set by hand between 2026-01-05 12:00 UTC and 2026-01-09 12:00 UTC" in answers[7][1]
    assert answers[7][0].endswith("to 2026-01-09 12:00 UTC or earlier, after 2026-01-05 12:00 UTC")
    assert answers[13] == ["version 4, from 2026-01-12 12:00 UTC to now"]


def test_history_tells_a_reason_as_it_was_written() -> None:
    told = Console(width=200)
    with told.capture() as shown:
        told.print(
            page.history("mga", [AliasChange(day(2), "promote", None, 1, "Ada [QA]", "[ticket 12] is mended [/x]")])
        )
    assert "Ada [QA]" in shown.get()
    assert "[ticket 12] is mended [/x]" in shown.get()


def test_a_rollback_goes_back_one_after_another() -> None:
    assert former(("promote", 1), ("promote", 2), ("promote", 3), ("rollback", 2), ("rollback", 1)) == [
        [],
        [1],
        [1, 2],
        [1],
        [],
    ]


def test_a_rollback_goes_back_to_the_last_champion_where_there_is_none() -> None:
    """The alias was deleted by hand: the version that lost it is the one before, and not the one before that."""
    assert former(("promote", 1), ("promote", 2), ("by hand", None), ("rollback", 2), ("rollback", 1)) == [
        [],
        [1],
        [1, 2],
        [1],
        [],
    ]


def former(*moved: tuple[Kind, int | None]) -> list[list[int]]:
    """The champions before the present one, after each of some moves."""
    before = [None, *(after for _, after in moved)]
    known = [
        AliasChange(day(1) + timedelta(hours=number), kind, before[number], after, "", "")
        for number, (kind, after) in enumerate(moved)
    ]
    return [alias_history.succession(known[:count]) for count in range(1, len(known) + 1)]

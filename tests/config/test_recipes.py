"""recipes: complete, current, and never written over what would be lost."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.config import params, recipes
from pipeline.config.params import Params
from pipeline.foundation.errors import InputError
from pipeline.modeling.members import Member

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "recipes").glob("*.yaml"))
TRIAL = re.compile(r"^#   ([\w. ]+): (.+)$", re.MULTILINE)
TRIALS = [
    (name, key, value) for name in NAMES for key, value in TRIAL.findall((ROOT / f"recipes/{name}.yaml").read_text())
]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the recipes and the shipped params.yaml, to work in."""
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    shutil.copy(tmp_path / "recipes" / "sample.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = YAML(typ="safe").load(path.read_text())
    return read


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def git(*arguments: str) -> None:
    author = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    subprocess.run(["git", *author, *arguments], check=True, capture_output=True)


def test_the_sample_recipe_is_params_yaml_as_shipped() -> None:
    assert (ROOT / "recipes/sample.yaml").read_text() == (ROOT / "params.yaml").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_states_every_parameter_outside_its_models(name: str) -> None:
    shipped, recipe = settings(ROOT / "params.yaml"), settings(ROOT / f"recipes/{name}.yaml")
    assert params.load(ROOT / f"recipes/{name}.yaml").data.root == Path("data/sample")
    assert [*recipe] == [section for section in shipped if section in recipe]
    assert set(shipped) - set(recipe) <= set(recipes.HERE)
    for section in set(recipe) - {"models"}:
        assert list(recipe[section]) == list(shipped[section]), section


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_opens_with_what_it_is(name: str, workspace: Path) -> None:
    assert (workspace / f"recipes/{name}.yaml").read_text().startswith(f"# {recipes.title(name)}\n")
    assert len(recipes.title(name)) > 40


@pytest.mark.parametrize(("name", "key", "value"), TRIALS)
def test_what_a_recipe_suggests_to_try_is_valid(name: str, key: str, value: str, tmp_path: Path) -> None:
    tried = settings(ROOT / f"recipes/{name}.yaml")
    *sections, last = key.split(".")
    section = tried
    for part in sections:
        section = section[part]
    section[last] = YAML(typ="safe").load(value)
    YAML().dump(tried, tmp_path / "params.yaml")
    assert params.load(tmp_path / "params.yaml") != params.load(ROOT / f"recipes/{name}.yaml")


def test_recipes_are_compared_by_meaning(workspace: Path) -> None:
    edit(workspace / "params.yaml", "  by: person # photo: for comparison only, people leak\n", "")
    assert recipes.changes(params.load(), params.load(recipes.find("sample"))) == []


def test_a_change_names_its_key_and_both_values(workspace: Path) -> None:
    edit(workspace / "params.yaml", "loss: focal", "loss: soft_f1")
    assert recipes.changes(params.load(recipes.find("sample")), params.load()) == [
        'models.age.heads.age.loss.name: "focal" -> "soft_f1"',
        "- models.age.heads.age.loss.gamma: 2.0",
        "- models.age.heads.age.loss.class_weights: null",
    ]


def test_changes_there_and_back_are_the_same_keys(workspace: Path) -> None:
    def keys(before: Params, after: Params) -> set[str]:
        return {line.lstrip("+- ").partition(":")[0] for line in recipes.changes(before, after)}

    one, other = (params.load(recipes.find(name)) for name in ("r1-podium-b3", "c-champion"))
    assert keys(one, other) == keys(other, one) != set()


def test_using_a_recipe_keeps_its_comments_and_what_is_of_this_place(workspace: Path) -> None:
    edit(workspace / "params.yaml", "root: data/sample", "root: ../photos # mine")
    edit(workspace / "params.yaml", "disk: 20Gi", "disk: 40Gi")
    before, after = recipes.use("c-champion")
    assert before.data == after.data
    text, recipe = ((workspace / name).read_text() for name in ("params.yaml", "recipes/c-champion.yaml"))
    assert text.startswith(recipe.partition("data:")[0] + "data:\n  root: ../photos # mine")
    assert recipe.partition("\nsample:")[2] in text
    assert settings(workspace / "params.yaml")["kubeflow"]["disk"] == "40Gi"


def test_from_recipe_to_recipe_nothing_is_lost_with_git_or_without(workspace: Path) -> None:
    recipes.use("ours")
    git("init", "--quiet")
    recipes.use("r1-podium-b3")
    recipes.use("sample")
    assert (workspace / "params.yaml").read_text() == (workspace / "recipes/sample.yaml").read_text()


@pytest.mark.parametrize("committed_before", [True, False])
def test_edits_that_are_not_committed_are_overwritten_only_by_force(workspace: Path, committed_before: bool) -> None:
    if committed_before:
        git("init", "--quiet")
        git("add", "params.yaml")
        git("commit", "--quiet", "--message", "shipped")
    edit(workspace / "params.yaml", "people: 90", "people: 91")
    edited = (workspace / "params.yaml").read_text()
    with pytest.raises(InputError, match=r"params\.yaml: has edits that are neither committed .* use --force"):
        recipes.use("ours")
    assert (workspace / "params.yaml").read_text() == edited
    recipes.use("ours", force=True)
    assert recipes.changes(params.load(), params.load(recipes.find("ours"))) == []


def test_a_recipe_that_is_not_valid_is_never_written_over_the_parameters(workspace: Path) -> None:
    before = (workspace / "params.yaml").read_bytes()
    edit(workspace / "recipes" / "c-champion.yaml", "vote: ", "vot: ")
    with pytest.raises(InputError, match=r"recipes/c-champion\.yaml: wrong parameters"):
        recipes.use("c-champion")
    assert (workspace / "params.yaml").read_bytes() == before


def test_an_unknown_recipe_is_answered_with_the_nearest_name(workspace: Path) -> None:
    with pytest.raises(InputError, match=r"no recipe 'champion'; did you mean 'c-champion'\? There are c-champion, "):
        recipes.find("champion")


def test_only_a_near_name_is_offered_for_an_unknown_recipe(workspace: Path) -> None:
    with pytest.raises(InputError, match=r"no recipe 'xgboost'; there are c-champion, "):
        recipes.find("xgboost")


def test_the_beginning_of_a_recipes_name_is_understood(workspace: Path) -> None:
    with pytest.raises(InputError, match=r"no recipe 'r1'; did you mean 'r1-podium-b3'\?"):
        recipes.find("r1")


def test_outside_the_project_there_are_no_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="recipes: no recipes here; run from the project's root"):
        recipes.names()


def test_trainings_of_other_entries_are_outdated(workspace: Path) -> None:
    models = workspace / "models"
    for member in (Member(models, "mask", 0), Member(models, "age", 1), Member(models, "joint")):
        member.folder.mkdir(parents=True)
        member.weights.touch()
    before = params.load()
    assert recipes.outdated(models, before, before) == ["joint"]
    edit(workspace / "params.yaml", "loss: focal", "loss: soft_f1")
    assert recipes.outdated(models, before, params.load()) == ["age", "joint"]
    edit(workspace / "params.yaml", "size: 72", "size: 64")
    assert recipes.outdated(models, before, params.load()) == ["age", "joint", "mask"]

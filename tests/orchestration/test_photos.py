"""photos: a task fetches the photos that its stage reads, and no others."""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from ruamel.yaml import YAML

from pipeline.dataset import shard_writer
from pipeline.dataset.layout import train_photos
from pipeline.formats import tables
from pipeline.formats.crop_files import Shard
from pipeline.orchestration import graph
from pipeline.orchestration.locks import Entries
from pipeline.orchestration.photos import selections
from pipeline.schema import label_table
from tests.support.dataset import DataSet
from tests.support.shell import RAN, Project, command
from tests.support.workspace import PARAMS, ROOT

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with 14 train photos, three eval photos, and two shards of batches of four photos."""
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    YAML().dump(PARAMS, tmp_path / "params.yaml")
    data = DataSet(tmp_path / "data" / "sample", people=("001_female_Asian_25", "002_male_Asian_60"))
    labels = train_photos(data.root).assign(corrected="")[list(label_table.COLUMNS)]
    tables.write(labels, tmp_path / "data" / "labels.parquet")
    monkeypatch.setattr("pipeline.stages.crop.BATCH", 4)
    return tmp_path


def fetched(root: Path, name: str) -> set[str]:
    """The files of the data set that a stage fetches."""
    files = [path for path in (root / "data" / "sample").rglob("*") if path.is_file()]
    wanted = [select().wanted for select in selections(graph.read(root)[name], root)]
    return {str(path.relative_to(root / "data" / "sample")) for path in files for want in wanted if want(path)}


@pytest.mark.parametrize("name", ["relabel", "submit"])
def test_a_stage_that_checks_names_fetches_tables_alone(root: Path, name: str) -> None:
    assert fetched(root, name) == {"train/train.csv", "eval/info.csv"}


def test_shards_fetch_every_photo_once_between_them(root: Path) -> None:
    shards = [fetched(root, f"crop@{shard}") - {"train/train.csv", "eval/info.csv"} for shard in (0, 1)]
    assert [len(shard) for shard in shards] == [8, 6 + 3]
    assert not shards[0] & shards[1]
    assert len(shards[0] | shards[1]) == 14 + 3


def test_a_shard_of_crops_fetches_the_archives_of_its_photos(root: Path) -> None:
    data = root / "data" / "sample"
    shard_writer.write(data, root / "archives", photos=4)
    shutil.rmtree(data)
    (root / "archives").rename(data)
    tables_and_indices = {"train/train.csv", "eval/info.csv", "train/images/index.parquet", "eval/images/index.parquet"}
    assert fetched(root, "relabel") == tables_and_indices
    archives = [f"train/images/shard-{number:05}.tar" for number in range(4)]
    assert fetched(root, "crop@0") - tables_and_indices == {*archives[:2]}
    assert fetched(root, "crop@1") - tables_and_indices == {*archives[2:], "eval/images/shard-00000.tar"}


def test_another_stage_fetches_all_that_it_depends_on(root: Path) -> None:
    assert len(fetched(root, "sample")) == 14 + 3 + len(("train.csv", "info.csv"))


def test_the_index_of_crops_fetches_crops_of_one_shard_alone(root: Path) -> None:
    (select,) = selections(graph.read(root)["pack"], root)
    wanted = select().wanted
    crops = root / "data" / "crops"
    for number, shown in ((0, False), (1, True)):
        shard = Shard(crops, "train", number)
        assert all(map(wanted, (shard.table_file, shard.settings_file, shard.tiles_file)))
        assert wanted(shard.pixels_file) is shown
        assert not any(map(wanted, (shard.thumbnails_file, shard.previews_file)))


STAND_INS = {  # for the stages of these names: they note that they ran
    "sample": {
        "cmd": command("sample", "mkdir -p data; cp -r $PHOTOS data/sample"),
        "deps": ["pipeline/code.py"],
        "params": ["sample.seed"],
        "outs": ["data/sample"],
    },
    "relabel": {
        "cmd": command("relabel", "cp $LABELS data/labels.parquet"),
        "deps": ["data/sample/train"],
        "outs": ["data/labels.parquet"],
    },
    "crop": {
        "matrix": {"shard": "${crop.shards}"},
        "cmd": command("crop@${item.shard}", "mkdir -p crops; find data/sample -type f | sort > crops/${item.shard}"),
        "deps": ["data/sample/train/images", "data/sample/eval", "data/labels.parquet"],
        "outs": ["crops/${item.shard}"],
    },
}


class Tasks:
    """Tasks of stand-ins for the first stages, on what the data set is when they run."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.data, self.photos, self.storage = root / "data" / "sample", folder / "given", folder / "storage"
        self.project = Project(folder / "project")
        YAML().dump({"stages": STAND_INS}, self.project.root / "dvc.yaml")
        shutil.copy(root / "params.yaml", self.project.root)
        self.storage.mkdir()

    def run(self, seed: int, archived: bool = False) -> tuple[list[str], Entries]:
        """The stages whose command ran, and the entries of all."""
        shutil.rmtree(self.photos, ignore_errors=True)
        if archived:
            shard_writer.write(self.data, self.photos, photos=4)
        else:
            shutil.copytree(self.data, self.photos)
        entries = self.project.run_all(str(self.storage), [f"sample.seed={seed}"])
        return self.project.ran(), entries


@pytest.fixture
def tasks(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tasks:
    made = Tasks(root, tmp_path)
    monkeypatch.setenv(RAN, str(made.project.notes))
    monkeypatch.setenv("PHOTOS", str(made.photos))
    monkeypatch.setenv("LABELS", str(root / "data" / "labels.parquet"))
    return made


@pytest.mark.parametrize(("archived", "others"), [(False, []), (True, ["relabel"])])  # which reads the whole index
def test_a_changed_photo_runs_the_task_of_its_shard_alone(tasks: Tasks, archived: bool, others: list[str]) -> None:
    ran, before = tasks.run(1, archived)
    assert ran == ["sample", "relabel", "crop@0", "crop@1"]
    last = max((tasks.data / "train" / "images").rglob("*.*"))
    Image.new("RGB", (5, 7)).save(last)
    ran, after = tasks.run(2, archived)
    assert ran == ["sample", *others, "crop@1"]
    assert after["crop@0"]["outs"] == before["crop@0"]["outs"]
    assert after["crop@0"]["deps"] == after["crop@1"]["deps"] != before["crop@0"]["deps"]


def test_a_new_photo_runs_all_tasks_that_read_names(tasks: Tasks) -> None:
    tasks.run(1)
    Image.new("RGB", (5, 7)).save(tasks.data / "train" / "images" / "new.png")
    assert tasks.run(2)[0] == ["sample", "relabel", "crop@0", "crop@1"]

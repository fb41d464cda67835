"""Results of a run that has not come to its end."""

from pathlib import Path

from pipeline.formats import crop_files
from pipeline.label_quality.doctor.results import Results


def test_shards_of_crops_without_an_index_are_no_results_yet(tmp_path: Path) -> None:
    crop_files.Shard(tmp_path / "crops", "train", 0).folder.mkdir(parents=True)
    assert Results.read(tmp_path / "crops", tmp_path / "labels.parquet", tmp_path / "out_of_fold.parquet") is None

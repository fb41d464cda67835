"""packaging: what a registered model needs to be installed."""

import tempfile
from pathlib import Path

import mlflow
import pytest

from pipeline.ensembling.config import Ensemble, Stacking
from pipeline.ensembling.fitted_ensemble import FittedEnsemble
from pipeline.registry import packaging, versions
from pipeline.registry.packaging import REQUIREMENTS, requirements
from pipeline.registry.serving.classifier import ENSEMBLE_FILE
from tests.support.mlflow_server import Server


@pytest.mark.parametrize(
    ("stacking", "extra"), [(None, ()), ("regression", ()), ("boosting", ("lightgbm",))], ids=["vote", "sum", "trees"]
)
def test_only_boosted_trees_need_lightgbm(tmp_path: Path, stacking: Stacking | None, extra: tuple[str, ...]) -> None:
    fitted = FittedEnsemble(
        ensemble=Ensemble(systems="per_attribute", stacking=stacking),
        voters={},
        temperatures={},
        years_stds={},
        age_thresholds={},
        weights={},
        prior_correction=None,
        class_bias=None,
    )
    assert requirements(tmp_path) == REQUIREMENTS, "a model alone has no ensemble.json"
    fitted.write(tmp_path / ENSEMBLE_FILE)
    assert requirements(tmp_path) == (*REQUIREMENTS, *extra)


def test_a_version_of_a_server_is_on_this_disk_only_while_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(b"weights")
    for name in ("server", "tmp"):
        (tmp_path / name).mkdir()
    with Server(tmp_path / "server") as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
        client = mlflow.MlflowClient()
        with mlflow.start_run() as run:
            mlflow.log_artifacts(str(tmp_path / "model"), "model")
        client.create_registered_model("mga")
        client.create_model_version("mga", f"runs:/{run.info.run_id}/model", run.info.run_id)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
        with packaging.downloaded(versions.find("models:/mga/1")) as folder:
            assert (folder / "weights").read_bytes() == b"weights"
            assert folder.is_relative_to(tmp_path / "tmp")
    assert not list((tmp_path / "tmp").iterdir())

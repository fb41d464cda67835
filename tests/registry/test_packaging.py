"""packaging: what a registered model needs to be installed."""

from pathlib import Path

import pytest

from pipeline.ensembling.config import Ensemble, Stacking
from pipeline.ensembling.fitted_ensemble import FittedEnsemble
from pipeline.registry.packaging import REQUIREMENTS, requirements
from pipeline.registry.serving.classifier import ENSEMBLE_FILE


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

"""A registered model at prediction time: photos in, predictions out. MLflow loads it by this module's name."""

from pathlib import Path

from pipeline.registry.serving.classifier import Classifier


def _load_pyfunc(folder: str) -> Classifier:
    return Classifier(Path(folder))

"""OpenCV runs on one thread wherever it is used."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.formats.opencv import cv2

PACKAGE = Path(__file__).parents[2] / "pipeline"


def test_opencv_runs_on_one_thread() -> None:
    assert cv2.getNumThreads() == 1


def test_everything_imports_opencv_with_its_setting() -> None:
    direct = [path for path in PACKAGE.rglob("*.py") if "import cv2" in path.read_text().splitlines()]
    assert direct == [PACKAGE / "formats" / "opencv.py"]


@pytest.mark.parametrize(
    "module", ["pipeline.synthetic.photo", "pipeline.faces.detection", "pipeline.modeling.augmentation"]
)
def test_what_draws_cuts_or_augments_sets_it(module: str) -> None:
    """albumentations imports OpenCV by itself, and a loader's worker imports it anew."""
    code = f"import {module}, cv2; assert cv2.getNumThreads() == 1"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parent)

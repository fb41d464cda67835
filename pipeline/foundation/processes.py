"""Processes: which one of a training this is, and the environment of those that run the commands of dvc.yaml."""

import os
import sys
from pathlib import Path

from pipeline.foundation import forkserver, telemetry

THREADS = forkserver.THREADS  # of a process; on a CPU, trained weights depend on it
STAGE = "DVC_STAGE"  # name of the stage; set by DVC
PIPELINE_RUN = "PIPELINE_RUN"  # set by what starts stages in several processes or on several machines
TASK_RUN = "PIPELINE_TASK_RUN"  # id of the MLflow run that Kubeflow's MLflow plugin has created for this task
TRACKING = "PIPELINE_TRACKING"  # a folder to use instead of tracking/
OF_UPLOADS = ("mlflow", "botocore.exceptions", "sqlalchemy")  # what a process that uploads to MLflow imports
LIBRARIES = (  # that stages import, in the order in which the first stages need them
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "cv2",
    "pydantic",
    "ruamel.yaml",
    "matplotlib.pyplot",
    "torch",
    "torchvision",
    "scipy.stats",
    "sklearn.metrics",
    "lightning_fabric",
    "torch._dynamo",
    "timm",
    "albumentations",
    "facenet_pytorch",
    "jinja2",
    *OF_UPLOADS,
)


def is_first() -> bool:
    """Whether this is the process that tracks, writes and talks; a training has one per GPU, on one node or several."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


def environment() -> dict[str, str]:
    """This process's environment, without telemetry; the `python` of dvc.yaml is this very Python, activated or not."""
    return (
        telemetry.OFF
        | os.environ
        | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    )

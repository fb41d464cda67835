"""A training under the process backend of Kubeflow's SDK: a job per node, which together learn what one learns."""

import os
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import numpy as np
import pytest

from tests.server.processes import free_port
from tests.support import sdk_training
from tests.support.workspace import ROOT

LAUNCHER = f"#!{sys.executable}\nfrom torch.distributed.run import main\nmain()\n"
METADATA = "Metadata-Version: 2.1\nName: torch\nVersion: 0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
NODES = 2

pytestmark = pytest.mark.filterwarnings("ignore:Support for class-based `config`")  # of pydantic, on kubeflow 0.5


def launcher(folder: Path) -> str:
    """A requirement of torch that installs `torchrun` alone, which starts the torch that is here."""
    path, about = folder / "torch-0-py3-none-any.whl", "torch-0.dist-info"
    files = {"torch-0.data/scripts/torchrun": LAUNCHER, f"{about}/METADATA": METADATA, f"{about}/WHEEL": WHEEL}
    files[f"{about}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{about}/RECORD"))
    with ZipFile(path, "w") as wheel:
        for name, content in files.items():
            entry = ZipInfo(name)
            entry.external_attr = 0o100755 << 16  # of a file that may be executed
            wheel.writestr(entry, content)
    return f"torch @ {path.as_uri()}"


def test_two_jobs_of_the_process_backend_learn_what_one_process_learns(
    trainable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kubeflow.trainer import CustomTrainer, LocalProcessBackendConfig, TrainerClient

    sdk_training.configure(trainable)
    (tmp_path / "environments").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "environments"))  # a virtual environment for every job
    monkeypatch.chdir(trainable)  # as the backend leaves this process in another folder
    client = TrainerClient(LocalProcessBackendConfig(cleanup_venv=False))
    plugin = {  # the variables of Kubeflow Trainer's torch plugin: the backend knows one node alone
        "PET_NNODES": str(NODES),
        "PET_NPROC_PER_NODE": "1",
        "PET_MASTER_ADDR": "127.0.0.1",
        "PET_MASTER_PORT": str(free_port()),
        "PET_RDZV_CONF": "timeout=60",  # so that a node does not wait long for one that has failed
    }
    here = {"MLFLOW_TRACKING_URI": f"sqlite:///{trainable}/mlflow.db", "OMP_NUM_THREADS": "1", "PIP_NO_INDEX": "1"}
    jobs = [
        client.train(
            runtime="torch-distributed",
            trainer=CustomTrainer(
                func=sdk_training.training,
                func_args=sdk_training.arguments(str(trainable), str(ROOT)),
                packages_to_install=[launcher(tmp_path)],
                env={**os.environ, **plugin, **here, "PET_NODE_RANK": str(rank), "CUDA_VISIBLE_DEVICES": ""},
            ),
        )
        for rank in range(NODES)
    ]
    for job in jobs:
        ended = client.wait_for_job_status(job, {"Complete", "Failed"}, timeout=300, polling_interval=1)
        assert ended.status == "Complete", "\n".join(client.get_job_logs(job))
    assert np.allclose(*sdk_training.epochs(trainable, monkeypatch), rtol=1e-3)

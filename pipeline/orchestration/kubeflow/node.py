"""What one node of a training on several does: `python -m pipeline.orchestration.kubeflow.node`.

The container has the variables of `torchrun` (PET_NNODES, PET_NODE_RANK, PET_MASTER_ADDR, PET_MASTER_PORT), as Kubeflow
Trainer's runtime `torch-distributed` sets them.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from pipeline.formats.documents import parse_json
from pipeline.foundation.errors import InputError
from pipeline.orchestration import locks, packing, remote
from pipeline.orchestration.kubeflow import task
from pipeline.orchestration.remote import Node
from pipeline.orchestration.workspace import scratch

TRAINING = "PIPELINE_TRAINING"  # stage, lock entries of its parents, DVC remote and overrides, packed
SECRETS = "/etc/pipeline/secrets"  # folders with a file for each variable


def main() -> None:
    """Train this node's share of the stage; the first node stores the result in the DVC remote."""
    try:
        os.environ.update(secrets(Path(SECRETS).glob("*/*")))
        accelerators = int(os.environ.get(task.ACCELERATORS, "0"))
        task.require_accelerators(accelerators)
        given = parse_json(packing.unpack(os.environ[TRAINING], TRAINING), TRAINING, "start the run again")
        shared = Path(os.environ[task.SHARED]) if task.SHARED in os.environ else None
        node = Node(rank=int(os.environ["PET_NODE_RANK"]), processes=accelerators or 1)
        with scratch(given["storage"], given["overrides"], shared, files=task.files()) as root:
            try:
                remote.run(root, given["stage"], locks.join(given["parents"]), shared, node=node)
            finally:
                remote.keep_unsent(root, root / "tracking")
    except InputError as error:
        sys.exit(f"error: {error}")


def secrets(files: Iterable[Path]) -> dict[str, str]:
    """The values of mounted secrets, by their variables."""
    return {file.name: file.read_text(encoding="utf-8") for file in files}


if __name__ == "__main__":
    main()

"""Checkpoints on disk: whatever the file holds, a training resumes from the last epoch or starts from the beginning."""

import random
from pathlib import Path

import pytest
import torch

from pipeline.modeling.checkpoints import Checkpoint, Progress


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Checkpoint, torch.nn.Linear]:
    """A checkpoint after one epoch, and the network that it holds."""
    network = torch.nn.Linear(8, 4)
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt", "a fingerprint")
    checkpoint.save({"network": network}, Progress([{"val_loss": 0.5}], 0, dict(network.state_dict())))
    return checkpoint, network


def test_a_checkpoint_brings_back_what_was_saved(saved: tuple[Checkpoint, torch.nn.Linear]) -> None:
    checkpoint, network = saved
    other = torch.nn.Linear(8, 4)
    progress = checkpoint.restore({"network": other})
    assert (progress.history, progress.best) == ([{"val_loss": 0.5}], 0)
    assert torch.equal(other.weight, network.weight)
    assert [path.name for path in checkpoint.path.parent.iterdir()] == ["checkpoint.pt"]


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", b"\x00" * 4096, b"\x80\x02}q\x00.", "a page of text".encode("utf-16")],
    ids=["empty", "cut", "zeros", "a pickle", "foreign"],
)
def test_an_unreadable_checkpoint_is_reported_and_the_training_starts_anew(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt", "a fingerprint")
    checkpoint.path.write_bytes(content)
    assert checkpoint.restore({}) == Progress()
    assert capsys.readouterr().out == (
        f"{checkpoint.path}: damaged, or of another version; the training starts from the beginning\n"
    )


def test_every_flipped_bit_of_a_checkpoint_is_noticed(saved: tuple[Checkpoint, torch.nn.Linear]) -> None:
    checkpoint, _ = saved
    content, draw = checkpoint.path.read_bytes(), random.Random(0)
    for _ in range(300):
        damaged = bytearray(content)
        damaged[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        checkpoint.path.write_bytes(damaged)
        network = torch.nn.Linear(8, 4)
        before = network.weight.clone()
        assert checkpoint.restore({"network": network}) == Progress()
        assert torch.equal(network.weight, before)

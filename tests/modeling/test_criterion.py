from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline.modeling.config import Model, Views
from pipeline.modeling.criterion import Criterion
from pipeline.modeling.fold_data import Material
from pipeline.modeling.inference import Answers, Looks, Outputs
from pipeline.modeling.mixing import Batch

Make = Callable[..., Model]
ROWS = torch.arange(4)


def criterion(entry: Model) -> Criterion:
    table = pd.DataFrame({"mask": "worn", "gender": ["male", "female"] * 2, "age": [25, 57, 59, 60]})
    held_out = np.zeros(4, dtype=np.bool_)
    material = Material.of(table, np.zeros((4, 8, 8, 3), np.uint8), held_out, entry)
    return Criterion(entry, material, torch.device("cpu"))


def said(**widths: int) -> Outputs:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(4, width, generator=generator) for name, width in widths.items()}


def answers(entry: Model, outputs: Outputs) -> Answers:
    return Answers.of(Looks(ROWS, {name: out.unsqueeze(1) for name, out in outputs.items()}), entry, Views())


def test_the_losses_of_heads_add_up_by_their_weights(entry: Make) -> None:
    both = said(gender=2, age=3)
    gender, age = (criterion(entry(heads={name: {}})).loss(both, ROWS) for name in both)
    weighted = entry(heads={"gender": {"weight": 1}, "age": {"weight": 1.7}})
    torch.testing.assert_close(criterion(weighted).loss(both, ROWS), gender + 1.7 * age)


def test_a_mixed_batch_pays_for_both_its_labels(entry: Make) -> None:
    judge, outputs = criterion(entry(heads={"age": {}})), said(age=3)
    batch = Batch(torch.zeros(4, 8, 8, 3), ROWS, ROWS.flip(0), share=0.75)
    expected = 0.75 * judge.loss(outputs, ROWS) + 0.25 * judge.loss(outputs, ROWS.flip(0))
    torch.testing.assert_close(judge.mixed(outputs, batch), expected)
    assert torch.equal(judge.mixed(outputs, replace(batch, share=1)), judge.loss(outputs, ROWS))


def test_bands_are_taught_as_the_head_says_and_judged_as_scored(entry: Make) -> None:
    taught = entry(heads={"age": {"bands": [30, 58]}})
    as_taught = {"age": 20 * torch.eye(3)[[0, 1, 2, 2]]}  # 59 is old to the head, and not to the score
    measured = criterion(taught).measure("validation", answers(taught, as_taught))
    assert measured["validation_loss"] == pytest.approx(0, abs=1e-6)
    assert measured["validation_accuracy"] == 0.75


def test_binary_f1_is_measured_where_it_selects(entry: Make) -> None:
    gender = entry(heads={"gender": {}}, select="binary_f1")
    all_female = {"gender": torch.tensor([[0.0, 1.0]] * 4)}
    measured = criterion(gender).measure("validation", answers(gender, all_female))
    assert measured["validation_binary_f1"] == pytest.approx(2 / 3)
    assert measured["validation_f1"] == pytest.approx(1 / 3)

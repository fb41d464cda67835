from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline.modeling.config import TTA, ModelConfig
from pipeline.modeling.criterion import Criterion
from pipeline.modeling.fold_data import FoldData
from pipeline.modeling.inference import EvalOutput, Outputs, TTAOutputs
from pipeline.modeling.mixing import Batch

Make = Callable[..., ModelConfig]
ROWS = torch.arange(4)


def criterion(config: ModelConfig) -> Criterion:
    table = pd.DataFrame({"mask": "worn", "gender": ["male", "female"] * 2, "age": [25, 57, 59, 60]})
    held_out = np.zeros(4, dtype=np.bool_)
    fold_data = FoldData.of(table, np.zeros((4, 8, 8, 3), np.uint8), held_out, config)
    return Criterion(config, fold_data, torch.device("cpu"))


def said(**widths: int) -> Outputs:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(4, width, generator=generator) for name, width in widths.items()}


def answers(config: ModelConfig, outputs: Outputs) -> EvalOutput:
    return EvalOutput.of(TTAOutputs(ROWS, {name: out.unsqueeze(1) for name, out in outputs.items()}), config, TTA())


def test_the_losses_of_heads_add_up_by_their_weights(config: Make) -> None:
    both = said(gender=2, age=3)
    gender, age = (criterion(config(heads={name: {}})).loss(both, ROWS) for name in both)
    weighted = config(heads={"gender": {"weight": 1}, "age": {"weight": 1.7}})
    torch.testing.assert_close(criterion(weighted).loss(both, ROWS), gender + 1.7 * age)


def test_years_by_gender_are_taught_by_the_true_and_predicted_by_the_probable_gender(config: Make) -> None:
    outputs = {"gender": torch.tensor([[0.0, 99], [99, 0], [0, 0], [0, 99]]), "age": torch.tensor([[20.0, 60]] * 4)}
    settings = config(heads={"gender": {"weight": 1e-9}, "age": {"kind": "regression", "loss": "mse", "by": "gender"}})
    loss = criterion(settings).loss(outputs, ROWS)  # ages 25, 57, 59, 60 of two men, rows 0 and 2, and two women
    men, women = [(20 - 25) ** 2, (20 - 59) ** 2], [(60 - 57) ** 2, (60 - 60) ** 2]
    assert float(loss) == pytest.approx(np.mean(men + women), rel=1e-4)
    assert answers(settings, outputs).predictions["age"].tolist() == [60, 20, 40, 60]


def test_a_mixed_batch_pays_for_both_its_labels(config: Make) -> None:
    judge, outputs = criterion(config(heads={"age": {}})), said(age=3)
    batch = Batch(torch.zeros(4, 8, 8, 3), ROWS, ROWS.flip(0), lam=0.75)
    expected = 0.75 * judge.loss(outputs, ROWS) + 0.25 * judge.loss(outputs, ROWS.flip(0))
    torch.testing.assert_close(judge.mixed_loss(outputs, batch, 0), expected)
    assert torch.equal(judge.mixed_loss(outputs, replace(batch, lam=1), 0), judge.loss(outputs, ROWS))


def test_the_largest_losses_are_trimmed_in_training_and_counted_in_its_metrics(config: Make) -> None:
    plain = config(heads={"age": {}})
    trimming = config(heads={"age": {"trim": {"share": 0.5, "warmup": 2}}})
    outputs, batch = said(age=3), Batch(torch.zeros(4, 8, 8, 3), ROWS, ROWS)
    by_row = torch.stack([criterion(plain).loss({"age": outputs["age"][[row]]}, ROWS[[row]]) for row in range(4)])
    rising = by_row.sort().values
    for epoch, kept in ((0, 4), (1, 3), (2, 2), (7, 2)):
        torch.testing.assert_close(criterion(trimming).mixed_loss(outputs, batch, epoch), rising[:kept].mean())
    measured = [criterion(each).measure("train", answers(each, outputs))["train_loss"] for each in (plain, trimming)]
    assert measured[0] == measured[1] == pytest.approx(by_row.mean().item())


def test_bands_are_taught_as_the_head_says_and_judged_as_scored(config: Make) -> None:
    train_targets = config(heads={"age": {"bands": [30, 58]}})
    as_taught = {"age": 20 * torch.eye(3)[[0, 1, 2, 2]]}  # 59 is old to the head, and not to the score
    measured = criterion(train_targets).measure("val", answers(train_targets, as_taught))
    assert measured["val_loss"] == pytest.approx(0, abs=1e-6)
    assert measured["val_accuracy"] == 0.75


def test_binary_f1_is_measured_where_it_selects(config: Make) -> None:
    gender = config(heads={"gender": {}}, select="binary_f1")
    all_female = {"gender": torch.tensor([[0.0, 1.0]] * 4)}
    measured = criterion(gender).measure("val", answers(gender, all_female))
    assert measured["val_binary_f1"] == pytest.approx(2 / 3)
    assert measured["val_macro_f1"] == pytest.approx(1 / 3)


def soft_criterion(
    config: ModelConfig, soft: dict[str, np.typing.NDArray[np.float32]], weights: list[float]
) -> Criterion:
    """That of four rows, the last two of which have soft targets."""
    table = pd.DataFrame({"mask": "worn", "gender": ["male", "female"] * 2, "age": [25, 57, 59, 60], "weight": weights})
    crops, held_out = np.zeros((4, 8, 8, 3), np.uint8), np.zeros(4, dtype=np.bool_)
    return Criterion(config, FoldData.of(table, crops, held_out, config, soft), torch.device("cpu"))


@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
def test_rows_with_soft_targets_have_the_cross_entropy_of_their_probabilities(config: Make, loss: str) -> None:
    settings, outputs, weights = config(heads={"gender": {"loss": loss}}), said(gender=2), [1.0, 2.0, 0.5, 3.0]
    soft = np.array([[0.25, 0.75], [0.6, 0.4]], np.float32)
    found = soft_criterion(settings, {"gender": soft}, weights).loss(outputs, ROWS)
    hard = criterion(settings)
    of_class = [float(hard.loss({"gender": outputs["gender"][[row]]}, ROWS[[row]])) for row in (0, 1)]
    logs = torch.log_softmax(outputs["gender"][2:], dim=1)
    of_soft = (-(torch.from_numpy(soft) * logs).sum(dim=1)).tolist()
    assert float(found) == pytest.approx(np.average([*of_class, *of_soft], weights=weights), rel=1e-5)


def test_a_certain_soft_target_is_its_class_and_a_batch_may_have_rows_of_one_kind_alone(config: Make) -> None:
    settings, outputs = config(heads={"gender": {}}), said(gender=2)
    certain = np.eye(2, dtype=np.float32)[[0, 1]]  # male, female, as the labels of rows 2 and 3 say
    judge, hard = soft_criterion(settings, {"gender": certain}, [1.0] * 4), criterion(settings)
    for rows in (ROWS, ROWS[:2], ROWS[2:], ROWS.flip(0)):
        part = {"gender": outputs["gender"][rows]}
        torch.testing.assert_close(judge.loss(part, rows), hard.loss(part, rows))


def test_a_distribution_over_years_has_soft_targets_too(config: Make) -> None:
    settings, outputs = config(heads={"age": {"kind": "distribution"}}), said(age=43)
    soft = np.full((2, 43), 1 / 43, np.float32)
    judge = soft_criterion(settings, {"age": soft}, [1.0] * 4)
    logs = torch.log_softmax(outputs["age"][2:], dim=1)
    expected = -logs.mean(dim=1).mean()
    torch.testing.assert_close(judge.loss({"age": outputs["age"][2:]}, ROWS[2:]), expected)

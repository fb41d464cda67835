from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from timm.optim import list_optimizers

from pipeline.foundation.errors import InputError
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.config.optimization import OPTIMIZERS
from pipeline.modeling.learner import Learner

Make = Callable[..., ModelConfig]
IMAGES = torch.randint(256, (4, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def learner(config: ModelConfig) -> Learner:
    torch.manual_seed(0)
    return Learner.create(config, Fabric(accelerator="cpu", devices=1, precision=config.precision))


def step(learner: Learner, number: int = 1) -> float:
    """One step towards higher first logits; the loss before it."""
    loss = -learner.model(IMAGES)["mask"][:, 0].mean()
    learner.fabric.backward(loss)
    learner.step(number)
    return float(loss.detach())


def parameters(learner: Learner) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten().clone() for parameter in learner.network.parameters()])


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "madgrad"])
def test_every_optimizer_lowers_the_loss(config: Make, name: str) -> None:
    learning = learner(config(optimizer={"name": name, "learning_rate": 1e-3}))
    learning.model.train()
    losses = [step(learning, number) for number in range(1, 6)]
    assert losses[-1] < losses[0]


def test_every_optimizer_of_timm_that_runs_here_may_be_named() -> None:
    of_other_packages = {name for name in list_optimizers() if name.startswith(("bnb", "fused"))}
    others = {"adahessian", "kron", "kronc", "kronw"}  # second derivatives; random numbers that no checkpoint keeps
    assert set(list_optimizers()) - of_other_packages - others == OPTIMIZERS


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_an_optimizer_takes_a_step_and_resumes_to_the_same_next_one(config: Make, name: str) -> None:
    learning, other = (learner(config(optimizer={"name": name, "learning_rate": 1e-3})) for _ in range(2))
    before = parameters(learning)
    for number in (1, 2):  # some only measure the gradient in the first
        step(learning, number)
    assert not torch.equal(parameters(learning), before)
    for key, state in learning.states().items():
        other.states()[key].load_state_dict(deepcopy(state.state_dict()))
    step(learning, 3)
    step(other, 3)
    assert torch.equal(parameters(learning), parameters(other))


def test_further_arguments_reach_the_optimizer(config: Make) -> None:
    given = {"name": "adamw", "learning_rate": 1e-3, "args": {"betas": [0.5, 0.9]}}
    assert learner(config(optimizer=given)).optimizer.param_groups[0]["betas"] == (0.5, 0.9)
    with pytest.raises(InputError, match=r"optimizer 'adamw' with args {'beta': 1}: .*beta"):
        learner(config(optimizer=given | {"args": {"beta": 1}}))


def test_a_frozen_backbone_keeps_its_weights_and_statistics_while_the_heads_learn(config: Make) -> None:
    learning = learner(config(frozen_epochs=1, dropout=0.5))
    learning.set_training(0)
    before = learning.snapshot()
    step(learning)
    after = learning.snapshot()
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("backbone."))
    assert not torch.equal(before["heads.mask.weight"], after["heads.mask.weight"])
    learning.set_training(1)
    step(learning, 2)
    later = learning.snapshot()
    assert all(not torch.equal(after[name], later[name]) for name in before if name.endswith("running_mean"))
    assert not torch.equal(after["backbone.bn1.weight"], later["backbone.bn1.weight"])


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_a_fused_step_is_the_step_that_torch_takes_otherwise(
    config: Make, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []
    for fused in (("adam", "adamw", "sgd"), ()):
        monkeypatch.setattr("pipeline.modeling.learner.FUSED", fused)
        learning = learner(config(optimizer={"name": name, "learning_rate": 1e-3, "weight_decay": 0.05}))
        assert bool(learning.optimizer.param_groups[0]["fused"]) == bool(fused)
        draws = torch.Generator().manual_seed(0)
        for number in range(1, 6):
            for parameter in learning.network.parameters():
                parameter.grad = torch.randn(parameter.shape, generator=draws)
            learning.step(number)
        trained.append(parameters(learning))
    torch.testing.assert_close(*trained, atol=1e-7, rtol=1e-5)


def test_the_rate_follows_the_schedule(config: Make) -> None:
    learning = learner(config(epochs=10, schedule={"name": "step", "step": 5, "factor": 0.1}))
    learning.set_learning_rate(4.5, [])
    assert learning.learning_rate == pytest.approx(3e-3)
    learning.set_learning_rate(5.5, [])
    assert learning.learning_rate == pytest.approx(3e-4)


MADGRAD_THEN_SGD = {
    "name": "madgrad",
    "learning_rate": 1e-3,
    "until": 2,
    "then": {"name": "sgd", "learning_rate": 1e-2},
}


def test_another_optimizer_takes_over_after_its_epochs(config: Make) -> None:
    learning = learner(config(epochs=3, optimizer=MADGRAD_THEN_SGD))
    learning.set_learning_rate(1.9, [])
    assert (type(learning.optimizer).__name__, learning.learning_rate) == ("FabricMADGRAD", 1e-3)
    step(learning)
    learning.set_learning_rate(2.0, [])
    assert (type(learning.optimizer).__name__, learning.learning_rate) == ("FabricSGD", 1e-2)
    before = parameters(learning)
    gradient = gradient_of(learning)
    learning.step(2)
    moved = before - parameters(learning)
    torch.testing.assert_close(moved, 1e-2 * 1.9 * gradient, atol=1e-6, rtol=1e-4)  # Nesterov's first step


def gradient_of(learner: Learner) -> torch.Tensor:
    """The gradient of all weights for a loss of higher first logits."""
    learner.fabric.backward(-learner.model(IMAGES)["mask"][:, 0].mean())
    gradients = (weights.grad for weights in learner.network.parameters())
    return torch.cat([gradient.flatten() for gradient in gradients if gradient is not None])


def test_every_optimizer_is_part_of_a_checkpoint(config: Make) -> None:
    states = learner(config(epochs=3, optimizer=MADGRAD_THEN_SGD)).states()
    assert [name for name in states if name.startswith("optimizer")] == ["optimizer 0", "optimizer 1"]


def test_a_plateau_follows_the_held_out_fold_only_where_it_selects_the_epoch_too(config: Make) -> None:
    falling = [{"train_loss": 3.0, "val_loss": 1.0}, {"train_loss": 2.0, "val_loss": 1.5}]
    without_val = [{"train_loss": measured["train_loss"]} for measured in falling]
    for select, rate in (("macro_f1", 3e-4), ("last", 3e-3)):
        learning = learner(config(schedule={"name": "plateau", "patience": 0}, select=select))
        learning.set_learning_rate(2, falling)
        assert learning.learning_rate == pytest.approx(rate)
        learning.set_learning_rate(2, without_val)
        assert learning.learning_rate == pytest.approx(3e-3)


def test_clipping_bounds_the_length_of_a_step(config: Make) -> None:
    sgd = {"name": "sgd", "learning_rate": 1, "momentum": 0}
    lengths = []
    for clip in (None, 0.01):
        learning = learner(config(optimizer=sgd, clip=clip))
        before = parameters(learning)
        step(learning)
        lengths.append(float((parameters(learning) - before).norm()))
    assert lengths[1] == pytest.approx(0.01, rel=1e-3)
    assert lengths[0] > 0.1


def test_an_overflow_of_the_scaled_gradients_skips_a_step_that_is_clipped(config: Make) -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)  # 16-mixed needs a GPU, its scaler does not
    fabric = Fabric(accelerator="cpu", devices=1, plugins=[MixedPrecision("16-mixed", "cpu", scaler)])
    torch.manual_seed(0)
    learning = Learner.create(config(clip=1, precision="16-mixed"), fabric)
    before = parameters(learning)
    step(learning)
    assert torch.equal(parameters(learning), before)
    assert scaler.get_scale() < 2.0**40


def test_clipping_leaves_a_diverged_training_to_the_check_of_its_loss(config: Make) -> None:
    learning = learner(config(clip=1))
    for parameter in learning.network.parameters():
        parameter.grad = torch.full_like(parameter, torch.inf)
    learning.step(1)
    assert parameters(learning).isnan().all()


def test_averaged_weights_follow_the_trained_ones_at_a_distance(config: Make) -> None:
    learning = learner(config(ema=0.9))
    assert learning.eval_network is not learning.network
    trail = []
    for number in range(1, 4):
        step(learning, number)
        trail.append(learning.network.get_parameter("heads.mask.weight").detach().clone())
    average = trail[0]
    for number, weight in enumerate(trail[1:], start=1):
        decay = 1 - (1 + number) ** (-2 / 3)  # timm's warm-up: far below 0.9 at first
        average = decay * average + (1 - decay) * weight
    torch.testing.assert_close(learning.snapshot()["heads.mask.weight"], average)
    assert not torch.equal(average, trail[-1])


def test_a_decay_that_the_warm_up_cannot_reach_gives_a_warning_with_one_that_it_can(
    config: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    learner(config(ema=0.998)).check_average(2832)
    warning = capsys.readouterr().err
    assert warning.startswith("WARNING: ema 0.998 never acts: in 2,832 steps its warm-up reaches 0.99500. Set ema to ")
    reachable = float(warning.partition("Set ema to ")[2].split()[0])
    learner(config(ema=reachable)).check_average(2832)
    assert capsys.readouterr().err == ""


def test_without_averages_the_trained_weights_are_kept(config: Make) -> None:
    learning = learner(config())
    step(learning)
    assert learning.eval_network is learning.network
    assert all(torch.equal(learning.snapshot()[name], value) for name, value in learning.network.state_dict().items())


def test_going_back_takes_up_kept_weights_and_their_average(config: Make) -> None:
    learning = learner(config(ema=0.9))
    start = learning.snapshot()
    for number in (1, 2):
        step(learning, number)
    learning.load_weights(start)
    for network in (learning.network, learning.eval_network):
        assert all(torch.equal(value, start[name]) for name, value in network.state_dict().items())


def test_mixed_precision_rounds_what_full_precision_does_not(config: Make) -> None:
    full, half = (learner(config(precision=precision)).model(IMAGES)["mask"] for precision in ("32-true", "bf16-mixed"))
    assert not torch.equal(full, half)
    torch.testing.assert_close(full, half, atol=0.05, rtol=0.05)


@pytest.mark.parametrize(
    "head",
    [
        {"mask": {}},
        {"mask": {"loss": "arcface"}},
        {"age": {"kind": "distribution"}},
        {"age": {"kind": "regression"}},
        {"age": {"kind": "ordinal"}},
    ],
)
def test_heads_compute_in_single_precision_under_autocast(config: Make, head: dict[str, object]) -> None:
    learning = learner(config(heads=head, precision="bf16-mixed"))
    (layer,) = learning.network.heads.values()
    seen: list[torch.Tensor] = []
    layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (outputs,) = learning.network(IMAGES).values()
    assert seen[0].dtype == torch.float32
    assert outputs.dtype == torch.float32
    assert torch.equal(outputs, layer(seen[0]))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="half precision with scaled gradients needs a GPU")
def test_half_precision_keeps_the_scale_of_its_gradients(config: Make) -> None:
    learning = Learner.create(config(precision="16-mixed"), Fabric(accelerator="cuda", devices=1, precision="16-mixed"))
    assert "scale" in learning.states()["precision"].state_dict()


def test_a_compiled_model_is_the_same_function_with_the_same_weights(
    config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs: list[object] = []

    def count(graph: torch.fx.GraphModule, _: list[torch.Tensor]) -> Callable[..., object]:
        graphs.append(graph)
        return graph.forward

    plain = learner(config())
    monkeypatch.setenv("CXX", "true")  # `count` compiles nothing
    compile_with = torch.compile
    monkeypatch.setattr(torch, "compile", lambda module, **_: compile_with(module, backend=count))
    compiled = learner(config(compile=True))
    torch.testing.assert_close(plain.model(IMAGES)["mask"], compiled.model(IMAGES)["mask"])
    assert len(graphs) == 1
    assert set(plain.snapshot()) == set(compiled.snapshot())


def test_the_gradient_of_a_step_is_that_from_up_the_slope(config: Make) -> None:
    """Against the formula: w - lr * g(w + radius * g(w) / |g(w)|), of a network whose batch statistics stay."""
    sgd = {"name": "sgd", "learning_rate": 0.1, "momentum": 0}
    learning, reference = (learner(config(optimizer=sgd, sam=0.5)) for _ in range(2))
    learning.model.train()
    reference.model.train()
    start = parameters(reference)
    slope = gradient_of(reference)
    statistics = {name: buffer.clone() for name, buffer in reference.network.named_buffers()}
    torch.nn.utils.vector_to_parameters(start + 0.5 * slope / slope.norm(), reference.network.parameters())
    reference.optimizer.zero_grad()
    expected = start - 0.1 * gradient_of(reference)

    gradient_of(learning)
    back = learning.climb()
    torch.testing.assert_close((parameters(learning) - start).norm(), torch.tensor(0.5))
    gradient_of(learning)
    back()
    assert torch.equal(parameters(learning), start)
    learning.step(1)
    torch.testing.assert_close(parameters(learning), expected)
    assert all(torch.equal(buffer, statistics[name]) for name, buffer in learning.network.named_buffers())


def test_a_gradient_that_is_not_finite_moves_nothing(config: Make) -> None:
    learning = learner(config(sam=0.5))
    before = parameters(learning)
    for parameter in learning.network.parameters():
        parameter.grad = torch.full_like(parameter, torch.inf)
    learning.climb()
    assert torch.equal(parameters(learning), before)


def test_the_average_of_the_last_epochs_has_batch_statistics_of_its_own(config: Make) -> None:
    learning = learner(config(epochs=4, average_epochs=2, optimizer={"name": "sgd", "learning_rate": 0.1}))
    learning.model.train()
    batches = [(IMAGES, torch.arange(4)), (IMAGES.flip(2) // 2, torch.arange(4))]
    after: list[torch.Tensor] = []
    for epoch in range(4):
        step(learning, epoch + 1)
        after.append(parameters(learning))
        learning.average_epoch(3 - epoch, batches)
        assert (learning.eval_network is learning.network) == (epoch < 3)
    averaged = learning.eval_network
    found = torch.cat([weight.detach().flatten() for weight in averaged.parameters()])
    torch.testing.assert_close(found, (after[2] + after[3]) / 2)
    seen: list[torch.Tensor] = []
    first = averaged.backbone.bn1
    statistics = first.running_mean.clone()
    first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        for images, _ in batches:
            averaged(images)
    torch.testing.assert_close(statistics, torch.stack([each.mean((0, 2, 3)) for each in seen]).mean(dim=0))

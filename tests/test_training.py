"""The training loop and the perceptron it trains."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from neuromanifold._errors import InputError
from neuromanifold.networks import ACTIVATIONS, MLP, activation
from neuromanifold.training import TrainingSettings, held_out_blocks, train


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def problem() -> tuple[Tensor, Tensor]:
    x = torch.randn(400, 3, generator=generator())
    return x, torch.sin(x[:, :1])


def fitted(settings: TrainingSettings, seed: int = 0) -> tuple[MLP, Tensor, list[float]]:
    x, y = problem()
    module = MLP(3, 1, (16,), generator(seed))
    rows, held = torch.arange(400), held_out_blocks(400, 0.2, generator())

    def loss(batch: Tensor) -> Tensor:
        return (module(x[batch]) - y[batch]).square().sum(1)

    history = train(module, loss, rows[~held], rows[held], settings, generator(seed))
    return module, loss(rows[held]).mean().detach(), history.held_out


def test_training_lowers_the_loss_and_keeps_the_best_state() -> None:
    _, score, history = fitted(TrainingSettings(max_epochs=40, batch_size=32))
    assert min(history) < 0.2 * history[0]
    assert float(score) == pytest.approx(min(history), rel=1e-4)


def test_training_stops_when_held_out_rows_do_not_gain() -> None:
    _, _, history = fitted(TrainingSettings(max_epochs=500, batch_size=32, learning_rate=0.1, patience=3))
    assert len(history) < 500
    assert len(history) - 1 - history.index(min(history)) == 3


def test_without_held_out_rows_every_epoch_runs() -> None:
    module = nn.Linear(1, 1)
    train(
        module,
        lambda rows: (module(torch.ones(len(rows), 1)) - 1).square()[:, 0],
        torch.arange(8),
        torch.arange(0),
        TrainingSettings(max_epochs=300, learning_rate=0.05, patience=300),
        generator(),
    )
    assert float(module(torch.ones(1, 1)).detach()) == pytest.approx(1, abs=1e-2)


def test_same_generator_same_weights() -> None:
    settings = TrainingSettings(max_epochs=3)
    torch.manual_seed(1)
    first = fitted(settings)[0].state_dict()
    torch.manual_seed(2)
    second = fitted(settings)[0].state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["layers.0.weight"], fitted(settings, 1)[0].state_dict()["layers.0.weight"])


@pytest.mark.parametrize(("n", "share"), [(1000, 0.2), (1000, 0.5), (53, 0.2), (7, 0.2)])
def test_held_out_rows_are_whole_blocks(n: int, share: float) -> None:
    mask = held_out_blocks(n, share, generator())
    n_blocks = min(50, n)
    block = torch.arange(n) * n_blocks // n
    assert all(len(mask[block == b].unique()) == 1 for b in range(n_blocks))
    assert float(mask.double().mean()) == pytest.approx(share, abs=1 / n_blocks + 0.02)


def test_perceptron_is_smooth_and_checked() -> None:
    module = MLP(3, 2, (8, 8), generator())
    assert module(torch.zeros(5, 3)).shape == (5, 2)
    assert not any(isinstance(layer, nn.ReLU) for layer in module.modules())
    with pytest.raises(InputError, match="at least one unit"):
        MLP(3, 2, (8, 0), generator())


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_perceptron_takes_any_activation(name: str) -> None:
    module = MLP(3, 2, (4,), generator(), activation=name)
    x = torch.randn(5, 3, generator=generator(1))
    first, last = module.layers[0], module.layers[2]
    torch.testing.assert_close(module(x), last(activation(name)(first(x))))


def test_erf_is_the_normal_distribution_function() -> None:
    z = torch.linspace(-3, 3, 13, dtype=torch.float64)
    torch.testing.assert_close(activation("erf")(z), 2 * torch.special.ndtr(z) - 1)


def test_initial_weights_have_the_variance_they_claim() -> None:
    for initial, variance in {"normal": 2 / 200, "uniform": 1 / (3 * 200)}.items():
        weight = MLP(200, 2, (300,), generator(), initial=initial).layers[0].weight
        assert float(weight.detach().var()) == pytest.approx(variance, rel=0.02)


def test_wrong_names_are_told() -> None:
    with pytest.raises(InputError, match="there are silu, sigmoid"):
        MLP(3, 2, (4,), generator(), activation="step")
    with pytest.raises(InputError, match="normal, uniform"):
        MLP(3, 2, (4,), generator(), initial="zeros")
    with pytest.raises(InputError, match="optimizer"):
        fitted(TrainingSettings(optimizer="newton"))
    with pytest.raises(InputError, match="schedule"):
        fitted(TrainingSettings(schedule="linear"))


def quadratic_after(settings: TrainingSettings, start: float = 1.0) -> tuple[list[float], nn.Module]:
    """Weights of ``½ w²`` after every epoch of one full batch."""
    module = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    nn.init.constant_(module.weight, start)
    weights: list[float] = []
    train(
        module,
        lambda rows: 0.5 * module(torch.ones(len(rows), 1, dtype=torch.float64)).square()[:, 0],
        torch.arange(4),
        torch.arange(0),
        settings,
        generator(),
        after_epoch=lambda epoch: weights.append(float(module.weight.detach())),
    )
    return weights, module


def test_momentum_decay_and_schedule_follow_their_recursions() -> None:
    rate, momentum, decay, n = 0.1, 0.9, 0.05, 12
    settings = TrainingSettings(n, 4, rate, None, "sgd", momentum, decay, "cosine")
    weight, velocity, expected = 1.0, 0.0, []
    for epoch in range(n):
        velocity = momentum * velocity + (1 + decay) * weight
        weight -= rate * math.cos(math.pi * epoch / (2 * n)) ** 2 * velocity
        expected.append(weight)
    weights, _ = quadratic_after(settings)
    assert weights == pytest.approx(expected, rel=1e-12)


def test_without_patience_the_last_state_is_kept() -> None:
    diverging = TrainingSettings(max_epochs=6, learning_rate=2.5, patience=None, optimizer="sgd", momentum=0.0)
    weights, module = quadratic_after(diverging)
    assert len(weights) == 6
    assert abs(weights[-1]) > abs(weights[0])
    assert float(module.weight.detach()) == weights[-1]


def test_batch_norm_learns_its_statistics_from_training_rows_only() -> None:
    norm = nn.BatchNorm1d(1, momentum=None)
    x = torch.cat([torch.zeros(20, 1), torch.full((20, 1), 100.0)])
    loss = lambda rows: norm(x[rows]).square()[:, 0]  # noqa: E731
    train(norm, loss, torch.arange(20), torch.arange(20, 40), TrainingSettings(max_epochs=2), generator())
    assert float(norm.running_mean) == 0
    assert not norm.training

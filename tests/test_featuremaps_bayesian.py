"""Wide Bayesian networks: closed forms against quadrature, and both against importance-weighted random networks."""

from __future__ import annotations

import math

import pytest
import torch
from numeric import close, normal

from neuromanifold._errors import InputError
from neuromanifold.benchmarks.random_networks import posterior_change
from neuromanifold.featuremaps.bayesian import WideBayesianNetwork, monomial_susceptibility, monomial_volume_ratio

ANCHOR = torch.tensor([0.8, 0.5], dtype=torch.float64)


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
@pytest.mark.parametrize("d", [2, 4])
def test_monomials_in_closed_form(degree: int, d: int) -> None:
    x, anchor, y = normal(4, d, seed=1), normal(d, seed=2), torch.tensor([0.7, -1.2], dtype=torch.float64)
    network = WideBayesianNetwork(f"monomial({degree})", anchor[None], y[None], 40, weight_std=0.9)
    closed = monomial_volume_ratio(degree, x, anchor, y, 40, weight_std=0.9)
    close(closed - 1, network.volume_ratio(x) - 1, 1e-9)


def test_susceptibility_rises_from_twice_the_degree() -> None:
    rho = torch.linspace(-1, 1, 21, dtype=torch.float64)
    for q in (1, 2, 3, 4):
        chi = monomial_susceptibility(q, 3, rho)
        assert float(chi[10]) == pytest.approx(2 * q)
        close(chi, chi.flip(0))
        assert (chi.diff()[10:] > 0).all() if q > 1 else torch.allclose(chi, torch.full_like(chi, 2.0))


def test_areas_shrink_for_small_targets_and_expand_for_large() -> None:
    x = normal(6, 2, seed=3)
    kernel = float(ANCHOR @ ANCHOR) ** 2
    assert (monomial_volume_ratio(2, x, ANCHOR, 0.5 * math.sqrt(kernel), 50) < 1).all()
    assert (monomial_volume_ratio(2, x, ANCHOR, 2.0 * math.sqrt(kernel), 50) > 1).all()
    close(monomial_volume_ratio(2, x, ANCHOR, math.sqrt(kernel), 50), torch.ones(6, dtype=torch.float64))
    # Not so for erf: one target, both signs over the plane.
    wide = normal(8, 2, seed=4) * 3
    ratio = WideBayesianNetwork("erf", ANCHOR[None], [3.0], 50).volume_ratio(wide)
    assert (ratio > 1).any()
    assert (ratio < 1).any()


def test_metric_and_volume_agree_to_first_order() -> None:
    x, X, Y = normal(1, 2, seed=5), normal(2, 2, seed=6), normal(2, 1, seed=7)
    n = 100
    network = WideBayesianNetwork("erf", X, Y, n, bias_std=0.4, precision=10.0)
    metric = network.metric(x)
    assert (0.5 * torch.logdet(metric) - network.log_volume(x)).abs().max() < 50 / n**2
    close(metric, metric.mT)
    narrow = WideBayesianNetwork("erf", X, Y, 1, bias_std=0.4, precision=10.0)
    close(n * network.metric_correction(x), narrow.metric_correction(x), 1e-12)


@pytest.mark.parametrize("scale", [0.3, 3.0])
def test_correction_is_the_integral_over_the_weights(scale: float) -> None:
    """Two inputs and no biases: the weights are integrated over directly, also where φ' is narrow."""
    x, X = scale * torch.tensor([0.6, -1.1], dtype=torch.float64), normal(2, 2, seed=6)
    network = WideBayesianNetwork("erf", X, normal(2, 1, seed=7), 30, weight_std=0.9)
    axis = torch.linspace(-8, 8, 321, dtype=torch.float64)
    w = torch.cartesian_prod(axis, axis)
    p = torch.exp(-0.5 * (w**2).sum(-1))
    p, w = p / p.sum(), 0.9 * w
    features = torch.erf(w @ X.mT / math.sqrt(2))
    squares = 2 / math.pi * torch.exp(-((w @ x) ** 2))
    total = torch.zeros(2, 2, dtype=torch.float64)
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        product = features[:, i] * features[:, j]
        total += network.coupling[i, j] * (w * (p * (product - p @ product) * squares)[:, None]).mT @ w / 60
    close(network.metric_correction(x), total, 1e-9)


def test_kinks_are_said_to_cost_accuracy() -> None:
    with pytest.warns(RuntimeWarning, match="known to"):
        WideBayesianNetwork("relu", normal(2, 2, seed=6), [1.0, 2.0], 30).metric_correction([1.0, 0.5])


def test_coupling_is_zero_where_the_kernel_explains_the_targets() -> None:
    X = normal(2, 3, seed=8)
    gamma = WideBayesianNetwork("erf", X, [0.0, 0.0], 10).gamma
    root = torch.linalg.cholesky(gamma)
    network = WideBayesianNetwork("erf", X, root, 10)  # YYᵀ/p = Γ/2
    close(network.coupling, -torch.linalg.inv(gamma), 1e-10)
    assert WideBayesianNetwork("erf", X, root * math.sqrt(2), 10).coupling.abs().max() < 1e-10


def test_shapes() -> None:
    network = WideBayesianNetwork("tanh", [[1.0, 0.0]], [1.0], 10, bias_std=0.2)
    x = normal(2, 2)
    assert network.metric(x).shape == (2, 2, 2)
    close(network.volume_ratio(x[0]), network.volume_ratio(x)[0])
    assert monomial_volume_ratio(2, x.numpy()[0], [1.0, 0.0], 1.0, 10).shape == ()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: WideBayesianNetwork("erf", [[1.0, 0.0], [1.0, 0.0]], [1.0, 1.0], 10), "singular"),
        (lambda: WideBayesianNetwork("erf", [[1.0, 0.0]], [1.0, 1.0], 10), "row per point"),
        (lambda: WideBayesianNetwork("erf", [[1.0, 0.0]], [1.0], 0), "n_units"),
        (lambda: WideBayesianNetwork("erf", [[1.0, 0.0]], [1.0], 10, precision=0.0), "precision"),
        (lambda: monomial_volume_ratio(2, [0.0, 0.0], [1.0, 0.0], 1.0, 10), "x = 0"),
    ],
)
def test_wrong_input(wrong, words: str) -> None:
    with pytest.raises(InputError, match=words):
        wrong()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "n_points", "options"),
    [("erf", 2, {"bias_std": 0.4, "precision": 10.0}), ("monomial(2)", 1, {}), ("erf", 1, {})],
)
def test_random_networks_agree(name: str, n_points: int, options: dict[str, float]) -> None:
    x, X, Y = normal(3, 2, seed=9), normal(n_points, 2, seed=10), normal(n_points, 2, seed=11)
    network = WideBayesianNetwork(name, X, Y, 200, **options)
    change, volume = posterior_change(network, x, 8000, 0)
    assert change.z_scores(200 * network.metric_correction(x)).abs().max() < 4
    assert volume.z_scores(200 * (network.volume_ratio(x) - 1)).abs().max() < 4

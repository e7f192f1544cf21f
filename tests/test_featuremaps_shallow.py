"""Shallow networks: closed forms against Gauss, Christoffel, Cauchy–Binet and the two-input formula."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from numeric import close, normal
from torch import Tensor

from neuromanifold import geometry
from neuromanifold._errors import InputError, NotSmoothError
from neuromanifold.featuremaps import Plane, bumps, shallow, three_units
from neuromanifold.featuremaps.bumps import field
from neuromanifold.featuremaps.second_moments import derivative

SMOOTH = ["erf", "tanh", "sigmoid", "gelu", "softplus", "sine", "exp", "monomial(2)", "monomial(3)"]


def network(n: int, d: int, activation: str = "erf", seed: int = 0):
    return shallow(normal(n, d, seed=seed), normal(n, seed=seed + 1) / 2, activation)


def two_inputs(phi, x: Tensor) -> Tensor:
    """S for D = 2 as the paper's sum over triples of units, with the factor that is right."""
    z = x @ phi.weights.mT + phi.biases
    n, minors = len(phi.weights), _minors(phi.weights)
    first, second = derivative(phi.activation, 1)(z), derivative(phi.activation, 2)(z)
    determinant = torch.einsum("jk,pj,pk->p", minors**2, first**2, first**2) / (2 * n**2)
    both = first * second
    triples = torch.einsum("jk,ij,ik,pi,pj,pk->p", minors**2, minors, minors, first**2, both, both)
    return -triples / (n**3 * determinant**2)


def _minors(w: Tensor) -> Tensor:
    return w[:, None, 0] * w[None, :, 1] - w[:, None, 1] * w[None, :, 0]


@pytest.mark.parametrize(("n", "d"), [(3, 2), (20, 3), (200, 2), (60, 4)])
def test_curvature_by_three_routes(n: int, d: int) -> None:
    phi, x = network(n, d, seed=n), normal(3, d, seed=7)
    closed = phi.scalar_curvature(x)
    close(closed, geometry.scalar_curvature(phi, x), 1e-8)
    close(closed, geometry.intrinsic.scalar_curvature(lambda u: _metric(phi, u), x), 1e-8)
    if d == 2:
        close(closed, two_inputs(phi, x), 1e-8)


def _metric(phi, u: Tensor) -> Tensor:
    """The metric field, written out so that it can be differentiated."""
    slopes = derivative(phi.activation, 1)(u @ phi.weights.mT + phi.biases)
    first = slopes[..., None] * phi.weights
    return first.mT @ first / len(phi.weights)


@pytest.mark.parametrize("activation", SMOOTH)
def test_every_activation(activation: str) -> None:
    phi, x = network(8, 2, activation), normal(3, 2, seed=5) / 2
    close(phi.metric(x), geometry.pullback_metric(phi, x), 1e-11)
    close(phi.log_volume(x), geometry.log_volume(phi, x), 1e-10)
    close(phi.log_volume(x), phi.cauchy_binet(x), 1e-10)
    close(phi.scalar_curvature(x), two_inputs(phi, x), 1e-8)
    close(phi.scalar_curvature(x), geometry.scalar_curvature(phi, x), 1e-8)


def test_factor_and_sign_of_released_code() -> None:
    """The code released with the paper has -¾ where -¼ is right, and a wrong sign in its general Ricci scalar."""
    phi, x = network(5, 2), normal(2, 2, seed=3)
    close(phi.scalar_curvature(x), two_inputs(phi, x), 1e-10)
    wrong = 3 * two_inputs(phi, x)  # -¾ for -¼, or -3 for -1 in the sum over triples
    assert ((wrong - geometry.scalar_curvature(phi, x)).abs() > 1e-3).all()

    def paraboloid(u: Tensor) -> Tensor:
        return torch.stack([u[0], u[1], u[0] ** 2 + u[1] ** 2])

    u = torch.tensor([0.3, 0.5], dtype=torch.float64)
    right = 8 / (1 + 4 * float((u**2).sum())) ** 2
    assert right == pytest.approx(1.44, abs=5e-3)
    for s in (geometry.scalar_curvature(paraboloid, u),
              geometry.intrinsic.scalar_curvature(geometry.intrinsic.pullback(paraboloid), u)):  # fmt: skip
        assert float(s) == pytest.approx(right, rel=1e-10)
    # With the sign of the ΓΓ terms turned over, as in that code:
    assert _ricci_with_sign(u, +1) == pytest.approx(right, rel=1e-9)
    assert _ricci_with_sign(u, -1) == pytest.approx(-0.52, abs=5e-3)


def _ricci_with_sign(u: Tensor, sign: int) -> float:
    """``g^{jl} (∂_k Γ^k_jl - ∂_l Γ^k_jk + sign (Γ^k_km Γ^m_jl - Γ^k_lm Γ^m_jk))`` of the paraboloid."""

    def metric(v: Tensor) -> Tensor:
        return torch.eye(2, dtype=v.dtype) + 4 * v[:, None] * v[None, :]

    def gamma(v: Tensor) -> Tensor:
        slope = torch.func.jacfwd(metric)(v)
        lower = 0.5 * (slope.permute(0, 2, 1) + slope - slope.permute(2, 1, 0))
        return torch.einsum("kl,lij->kij", torch.linalg.inv(metric(v)), lower)

    first, turn = gamma(u), torch.func.jacfwd(gamma)(u)
    straight = torch.einsum("kjlk->jl", turn) - torch.einsum("kjkl->jl", turn)
    product = torch.einsum("kkm,mjl->jl", first, first) - torch.einsum("klm,mjk->jl", first, first)
    return float((torch.linalg.inv(metric(u)) * (straight + sign * product)).sum())


def test_normalisation() -> None:
    n, d = 12, 3
    phi, x = network(n, d), normal(4, d, seed=2)
    close(phi.metric(x), phi.metric(x, normalize=False) / n)
    close(phi.log_volume(x), phi.log_volume(x, normalize=False) - d / 2 * math.log(n))
    close(phi.cauchy_binet(x), phi.cauchy_binet(x, normalize=False) - d / 2 * math.log(n))
    close(phi.scalar_curvature(x), n * phi.scalar_curvature(x, normalize=False))


def test_volume_far_out_where_units_saturate() -> None:
    phi = network(9, 3)
    x = 12 * normal(5, 3, seed=4)
    close(phi.log_volume(x), phi.cauchy_binet(x), 1e-10)
    assert (phi.rank(x) < 3).any()


def test_bumps_add_up_to_the_determinant() -> None:
    for n, d in ((3, 2), (5, 3), (4, 1)):
        phi, x = network(n, d, seed=n), normal(6, d, seed=1)
        for normalize in (True, False):
            found = bumps(phi, normalize=normalize)
            away = x[:, None] - torch.as_tensor(found["center"].values)
            power = torch.einsum("pja,jab,pjb->pj", away, torch.as_tensor(found["precision"].values), away)
            total = (torch.as_tensor(found["amplitude"].values) * torch.exp(-0.5 * power)).sum(-1)
            close(total, torch.linalg.det(phi.metric(x, normalize=normalize)), 1e-9)


def test_centre_of_a_singular_pair_has_least_norm() -> None:
    phi = shallow([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], [1.0, 2.0, 0.5])
    found = bumps(phi)
    assert found["unit"].values[0].tolist() == [0, 1]
    assert found["amplitude"].values[0] == pytest.approx(0, abs=1e-30)
    np.testing.assert_allclose(found["center"].values[0], [-1.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(found["residual"].values, 0, atol=1e-12)


@pytest.mark.parametrize(("bias", "fold"), [(0.0, 6), (0.7, 3)])
def test_three_units_are_symmetric(bias: float, fold: int) -> None:
    phi, x = three_units(bias), normal(5, 2, seed=9)
    turn = 2 * math.pi / fold
    rotation = torch.tensor([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]], dtype=torch.float64)
    close(phi.log_volume(x @ rotation), phi.log_volume(x), 1e-12)
    close(phi.scalar_curvature(x @ rotation), phi.scalar_curvature(x), 1e-9)
    half = -x
    assert torch.allclose(phi.log_volume(half), phi.log_volume(x)) == (fold == 6)


def test_field_over_a_square() -> None:
    view = field(three_units(0.5), n_steps=5)
    assert dict(view.sizes) == {"x_1": 5, "x_0": 5, "bump": 3, "axis": 2}
    point = torch.tensor([float(view["x_0"][1]), float(view["x_1"][3])], dtype=torch.float64)
    assert float(view["log_volume"][3, 1]) == pytest.approx(float(three_units(0.5).log_volume(point)), rel=1e-12)
    with pytest.raises(InputError, match="two inputs"):
        field(network(4, 3))


def test_relu_has_a_metric_and_no_curvature() -> None:
    phi, x = network(6, 2, "relu"), normal(4, 2)
    first = ((x @ phi.weights.mT + phi.biases) > 0)[..., None] * phi.weights
    close(phi.metric(x), first.mT @ first / 6)
    for kinked in (
        "relu",
        "relu(2)",
        torch.relu,
        torch.nn.ReLU(),
        torch.nn.functional.leaky_relu,
        lambda z: torch.relu(z),
    ):
        with pytest.raises(NotSmoothError, match="continuously differentiable"):
            network(6, 2, kinked).scalar_curvature(x)


def test_callable_and_restriction() -> None:
    named, given = network(7, 3, "tanh"), network(7, 3, lambda z: torch.sigmoid(2 * z) * 2 - 1)
    x = normal(4, 3, seed=6)
    close(given.log_volume(x), named.log_volume(x), 1e-10)
    close(given.scalar_curvature(x), named.scalar_curvature(x), 1e-8)
    plane = named.restrict(Plane(x[0], normal(2, 3, seed=8)))
    u = normal(3, 2, seed=10)
    directions = plane.plane.directions.reshape(2, 3).to(x)
    close(plane.metric(u), directions @ named.metric(x[0] + u @ directions) @ directions.mT, 1e-10)


def test_shapes_and_types() -> None:
    phi, x = network(5, 2), normal(4, 2, seed=1)
    for given in (x, x.numpy(), x.numpy().tolist()):
        assert phi.scalar_curvature(given).shape == (4,)
        assert phi.metric(given).shape == (4, 2, 2)
    for method in (phi.log_volume, phi.scalar_curvature, phi.cauchy_binet, phi.metric):
        close(method(x[0]), method(x)[0], 1e-12)
        assert method(x.float()).dtype == torch.float64
    assert phi.rank(x).tolist() == [2] * 4


def test_curvature_of_many_points_is_chunked() -> None:
    phi = network(200, 4)
    x = normal(300, 4, seed=2)
    close(phi.scalar_curvature(x)[[0, 299]], phi.scalar_curvature(x[[0, 299]]), 1e-10)


def test_degenerate_networks() -> None:
    flat = shallow(np.outer([1.0, 2.0, 3.0], [1.0, 1.0]), np.zeros(3))  # one direction only
    x = normal(3, 2)
    assert flat.rank(x).tolist() == [1, 1, 1]
    assert torch.isfinite(flat.log_volume(x)).all()
    assert (flat.cauchy_binet(x) < -30).all()
    with pytest.raises(InputError, match="rank"):
        flat.scalar_curvature(x)
    with pytest.raises(InputError, match="no subset"):
        network(2, 3).cauchy_binet(normal(1, 3))
    assert network(2, 3).rank(normal(1, 3)).tolist() == [2]
    # As many units as inputs: a change of coordinates, so flat.
    close(network(3, 3).scalar_curvature(normal(4, 3) / 8), torch.zeros(4, dtype=torch.float64), 1e-9)
    assert (network(4, 1).scalar_curvature(normal(2, 1)) == 0).all()


def test_wrong_input() -> None:
    with pytest.raises(InputError, match="row per point"):
        shallow(normal(4, 2), normal(3))
    with pytest.raises(InputError, match="no activation"):
        shallow(normal(4, 2), normal(4), "erff")
    with pytest.raises(InputError, match="2 inputs"):
        network(4, 2).metric(normal(1, 3))
    with pytest.raises(InputError, match="not finite"):
        shallow(normal(4, 2), torch.full((4,), math.inf))
    with pytest.raises(InputError, match="only erf"):
        bumps(network(4, 2, "tanh"))
    assert len(list(itertools.combinations(range(4), 2))) == bumps(network(4, 2)).sizes["bump"]

"""Infinite width: closed forms against the paper's formulas, Christoffel symbols, differentiation, random networks."""

from __future__ import annotations

import math

import pytest
import torch
from numeric import close, normal
from torch import Tensor

from neuromanifold._errors import InputError, NotSmoothError
from neuromanifold.featuremaps import expectations, infinite_width, shallow
from neuromanifold.featuremaps.activations import _KNOWN, ACTIVATIONS, resolve
from neuromanifold.featuremaps.infinite_width import NNGP, NTK
from neuromanifold.featuremaps.second_moments import derivative, second_moment
from neuromanifold.geometry import intrinsic

CLOSED = [
    "erf",
    "gelu",
    "sine",
    "cosine",
    "exp",
    "gaussian",
    "monomial(1)",
    "monomial(2)",
    "monomial(4)",
    "relu",
    "relu(3)",
]
SMOOTH = ["erf", "gelu", "sine", "gaussian", "monomial(3)"]
SIGMA, ZETA = 1.3, 0.4


def omega(name: str, t: Tensor, sigma: float, zeta: float) -> tuple[Tensor, Tensor, Tensor]:
    """Ω and its derivatives in t, as MATH.md prints them."""
    s = sigma**2 * t + zeta**2
    if name == "erf":
        value = math.log(2 * sigma**2 / math.pi) - 0.5 * torch.log(1 + 2 * s)
        return value, -(sigma**2) / (1 + 2 * s), 2 * sigma**4 / (1 + 2 * s) ** 2
    q = resolve(name).n_weak and int(name[9])
    value = torch.log(sigma**2 * q**2 / (2 * q - 1) * s ** (q - 1))
    return value, (q - 1) * sigma**2 / s, -(q - 1) * sigma**4 / s**2


@pytest.mark.parametrize("d", [2, 3, 5])
@pytest.mark.parametrize("name", ["erf", "monomial(1)", "monomial(2)", "monomial(5)"])
def test_one_layer_is_the_papers_formula(name: str, d: int) -> None:
    x = normal(6, d, seed=d)
    t = (x**2).sum(-1)
    w, w1, w2 = omega(name, t, SIGMA, ZETA)
    g = infinite_width.metric(name, x, SIGMA, ZETA)
    close(g, w.exp()[:, None, None] * (torch.eye(d) + 2 * w1[:, None, None] * x[:, :, None] * x[:, None, :]), 1e-12)
    close(infinite_width.log_volume(name, x, SIGMA, ZETA), 0.5 * (d * w + torch.log1p(2 * t * w1)), 1e-12)
    bracket = (d + 2) * w1**2 + 2 * t * ((d - 2) * w1**3 + 2 * w1 * w2)
    scalar = -(d - 1) * t * torch.exp(-w) / (1 + 2 * t * w1) ** 2 * bracket
    close(infinite_width.scalar_curvature(name, x, SIGMA, ZETA), scalar, 1e-12)
    close(infinite_width.eigenvalues(name, x, SIGMA, ZETA), torch.linalg.eigvalsh(g), 1e-12)


@pytest.mark.parametrize("options", [{}, {"readout_std": 0.7}], ids=["NNGP", "NTK"])
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("name", SMOOTH)
def test_metric_is_the_derivative_of_the_kernel(name: str, depth: int, options: dict[str, float]) -> None:
    k = (NTK if options else NNGP)(name, depth, 0.9, ZETA, **options)
    x = normal(2, 3, seed=1)

    def k_of(a: Tensor, b: Tensor) -> Tensor:
        return k.gram(a[None], b[None])[0, 0]

    mixed = torch.stack([torch.func.jacfwd(torch.func.jacrev(k_of, 1), 0)(p, p) for p in x])
    close(k.metric(x), mixed, 1e-11)
    close(k(x).diagonal(), k.diagonal(x), 1e-12)


@pytest.mark.parametrize("kernel", [NNGP, NTK])
@pytest.mark.parametrize(("name", "depth", "d"), [("erf", 2, 2), ("monomial(3)", 2, 3)])
def test_curvature_is_that_of_the_christoffel_symbols(name: str, depth: int, d: int, kernel: type) -> None:
    k = kernel(name, depth, 0.9, ZETA)
    x = normal(1, d, seed=2)
    close(k.scalar_curvature(x), intrinsic.scalar_curvature(k.field, x), 1e-9)
    close(k.log_volume(x), intrinsic.log_volume(k.field, x), 1e-12)


def test_ntk_of_erf_is_the_papers_formula() -> None:
    nu, x = 0.7, normal(4, 3, seed=3)
    t = (x**2).sum(-1)[:, None, None]
    s, outer = SIGMA**2 * t + ZETA**2, x[:, :, None] * x[:, None, :]
    w1 = -(SIGMA**2) / (1 + 2 * s)
    psi1 = SIGMA**2 * (1 / s - 3 / (1 + 2 * s))
    first = 2 * SIGMA**2 / math.pi * (1 + 2 * s) ** -0.5 * (torch.eye(3) + 2 * w1 * outer)
    second = 2 * SIGMA**2 / math.pi * s * (1 + 2 * s) ** -1.5 * (torch.eye(3) + 2 * psi1 * outer)
    expected = (1 + nu**2 / SIGMA**2) * first + nu**2 * (1 + t) * second
    close(NTK("erf", 1, SIGMA, ZETA, nu).metric(x), expected, 1e-12)


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_are_the_integrals(name: str) -> None:
    activation = resolve(name)
    s = torch.tensor([0.01, 0.3, 2.0], dtype=torch.float64)
    for k in range(int(min(2, activation.n_weak or 0)) + 1):
        f = derivative(activation, k)
        integral = expectations.moments(lambda z, f=f: f(z) ** 2, s, smooth=False)
        closed = second_moment(activation, k, s)
        close(closed[0], integral[0], 1e-12)
        close(closed[1:], integral[1:], 1e-9)
    root = normal(4, 2, 3, seed=4) / 2
    cov = root @ root.mT
    p, q, c = cov[:, 0, 0], cov[:, 1, 1], cov[:, 0, 1]
    assert activation.pair is not None
    assert activation.pair_slope is not None
    if name == "relu":  # its slope jumps, which the trapezoidal rule resolves to 1e-3; a third formula
        angle = torch.arccos(c / torch.sqrt(p * q))
        bent = torch.sqrt(p * q) * (angle.sin() + (math.pi - angle) * angle.cos()) / (2 * math.pi)
        close(activation.pair(p, q, c), bent, 1e-12)
        close(activation.pair_slope(p, q, c), (math.pi - angle) / (2 * math.pi), 1e-12)
        return
    close(activation.pair(p, q, c), expectations.pair(activation.function, p, q, c), 1e-8)
    close(activation.pair_slope(p, q, c), expectations.pair(derivative(activation, 1), p, q, c), 1e-8)


@pytest.mark.parametrize("name", [*ACTIVATIONS, "monomial(3)", "relu(3)"])
def test_slopes_and_bends_are_derivatives(name: str) -> None:
    activation = resolve(name)
    z = torch.linspace(-3, 3.1, 20, dtype=torch.float64)
    numeric = (activation.function(z + 1e-5) - activation.function(z - 1e-5)) / 2e-5
    close(derivative(activation, 1)(z), numeric, 1e-8)
    numeric = (derivative(activation, 1)(z + 1e-5) - derivative(activation, 1)(z - 1e-5)) / 2e-5
    close(derivative(activation, 2)(z), numeric, 1e-8)


def test_other_names_and_known_callables_mean_what_they_say() -> None:
    z = torch.linspace(-2, 2, 9, dtype=torch.float64)
    for name, function in {"sin": torch.sin, "cos": torch.cos, "exponential": torch.exp}.items():
        close(resolve(name).function(z), function(z))
    for name in ("linear", "identity", "Monomial 1"):
        close(resolve(name).function(z), z)
    for function, name in _KNOWN.items():
        assert resolve(function) is ACTIVATIONS[name]
        close(ACTIVATIONS[name].function(z), function(z), 1e-12)


def test_any_callable_by_quadrature() -> None:
    x = normal(3, 3, seed=5)
    for options in ({}, {"bias_std": ZETA}, {"bias_std": ZETA, "depth": 2}):
        for f in (infinite_width.metric, infinite_width.log_volume, infinite_width.scalar_curvature):
            close(f(lambda z: torch.erf(z / math.sqrt(2)), x, **options), f("erf", x, **options), 1e-10)
            close(f(lambda z: torch.tanh(z), x, **options), f("tanh", x, **options), 1e-10)
    # P(|z| < 1): a kink that differentiation does not see
    s = (x**2).sum(-1)
    close(infinite_width.metric(torch.nn.functional.hardtanh, x).diagonal(dim1=-2, dim2=-1)[:, 0],
          torch.erf(1 / (2 * s).sqrt()) + x[:, 0] ** 2 * _slope_of_hardtanh(s), 1e-9)  # fmt: skip


def _slope_of_hardtanh(s: Tensor) -> Tensor:
    """``2 d/ds erf(1/√(2s))``."""
    return -2 * torch.exp(-1 / (2 * s)) / (math.sqrt(2 * math.pi) * s**1.5)


def test_powers_of_relu() -> None:
    x = normal(4, 3, seed=6)
    t = (x**2).sum(-1)
    close(infinite_width.metric("relu", x, SIGMA, ZETA), (SIGMA**2 / 2 * torch.eye(3).to(x)).expand(4, 3, 3), 1e-13)
    close(infinite_width.scalar_curvature("relu", x), torch.zeros_like(t))
    expected = 2 * (t[:, None, None] * torch.eye(3) + 2 * x[:, :, None] * x[:, None, :])
    close(infinite_width.metric("relu(2)", x), expected, 1e-13)


def test_infinite_width_is_the_mean_of_wide_networks() -> None:
    x, n = normal(2, 2, seed=7), 1000
    generator = torch.Generator().manual_seed(0)
    for name in ("erf", "tanh", "relu"):
        draws = []
        for _ in range(60):
            weights = SIGMA * torch.randn(n, 2, generator=generator, dtype=torch.float64)
            biases = ZETA * torch.randn(n, generator=generator, dtype=torch.float64)
            draws.append(shallow(weights, biases, name).metric(x))
        sample = torch.stack(draws)
        z = (sample.mean(0) - infinite_width.metric(name, x, SIGMA, ZETA)) / (sample.std(0) / math.sqrt(60))
        assert z.abs().max() < 4.5


def test_origin() -> None:
    origin = torch.zeros(3, dtype=torch.float64)
    close(infinite_width.metric("erf", origin), 2 / math.pi * torch.eye(3, dtype=torch.float64), 1e-13)
    for name in ("erf", "tanh", "gelu", "sine"):
        assert infinite_width.scalar_curvature(name, origin) == 0
        assert infinite_width.scalar_curvature(name, origin, bias_std=0.3) == 0
    # The limit, from points close by.
    near = infinite_width.scalar_curvature("gelu", torch.full((1, 3), 1e-5, dtype=torch.float64), bias_std=0.3, depth=2)
    close(infinite_width.scalar_curvature("gelu", origin[None], bias_std=0.3, depth=2), near, 1e-6)
    assert infinite_width.log_volume("monomial(2)", origin) == -math.inf
    assert infinite_width.scalar_curvature("monomial(2)", origin).isnan()


def test_shapes_and_types() -> None:
    x = normal(4, 3, seed=8)
    for given in (x.numpy(), x.tolist(), x.requires_grad_()):
        assert infinite_width.metric("erf", given).shape == (4, 3, 3)
        assert infinite_width.metric("erf", given).dtype == torch.float64
    x = x.detach()
    close(infinite_width.scalar_curvature("erf", x[0]), infinite_width.scalar_curvature("erf", x)[0])
    assert infinite_width.eigenvalues("erf", x[0]).shape == (3,)
    assert infinite_width.log_volume("erf", x.float()).dtype == torch.float64
    assert (infinite_width.scalar_curvature("erf", x[:, :1]) == 0).all()
    k = NNGP("erf")
    assert k(x, x[:2]).shape == (4, 2)
    assert k(x[0], x).shape == (4,)
    assert k(x[0], x[1]).shape == ()


def test_what_has_no_answer_is_refused() -> None:
    x = normal(1, 2)
    for step in (torch.sign, lambda z: (z.abs() < 1).to(z)):
        with pytest.raises(NotSmoothError, match="jump"):
            infinite_width.metric(step, x)
    with pytest.raises(NotSmoothError, match="NNGP"):
        NTK("relu").metric(x)
    with pytest.raises(InputError, match="there are erf"):
        infinite_width.metric("errf", x)
    for options in ({"weight_std": 0.0}, {"weight_std": -1.0}, {"bias_std": -0.1}, {"depth": 0}, {"depth": 1.5}):
        with pytest.raises(InputError):
            infinite_width.metric("erf", x, **options)
    with pytest.raises(InputError, match="not finite"):
        infinite_width.metric("erf", torch.tensor([math.nan, 0.0]))
    with pytest.raises(InputError, match="whole number"):
        infinite_width.metric("relu(0)", x)
    with pytest.raises(InputError, match="finite"):
        infinite_width.metric(lambda z: torch.log(z), x)

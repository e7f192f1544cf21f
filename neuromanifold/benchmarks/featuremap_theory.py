"""What the closed forms of feature maps are worth: each against an independent route.

Shallow networks: scalar curvature against Gauss (from the Hessian) and Christoffel symbols (from the metric field), and
log volume against Cauchy–Binet. Infinite width: against the formulas of Zavatone-Veth et al. 2025 written out, against
Christoffel symbols, and against the mean over random networks. Bayesian networks: against importance-weighted random
networks. The released code's errors are documented by number: its -¾ for -¼, and the sign of its general Ricci scalar.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import pandas as pd
import torch
from torch import Tensor

from neuromanifold import geometry
from neuromanifold._random import torch_generator
from neuromanifold.benchmarks.random_networks import mean_metric, posterior_change
from neuromanifold.benchmarks.rows import CachedRows
from neuromanifold.featuremaps import infinite_width, kernels
from neuromanifold.featuremaps.activation import Activation
from neuromanifold.featuremaps.bayesian import WideBayesianNetwork, monomial_volume_ratio
from neuromanifold.featuremaps.infinite_width import NNGP, NTK
from neuromanifold.featuremaps.kernel import Kernel
from neuromanifold.featuremaps.second_moments import derivative
from neuromanifold.featuremaps.shallow import Shallow, shallow

__all__ = ["run"]

_SIGMA, _ZETA = 1.3, 0.4
_WIDTH = 200  # of the Bayesian networks


@dataclass(frozen=True)
class Figure:
    """A number to measure: with the bound that it must keep, or the value that is right."""

    name: str
    measure: Callable[[], float]
    bound: float = math.nan
    right: float = math.nan


def run(
    n_points: int = 5, *, n_networks: int = 20_000, random_state: int = 0, fresh: bool = False, verbose: bool = True
) -> pd.DataFrame:
    """Measure every figure; those measured before are kept (:mod:`neuromanifold.benchmarks.rows`).

    Parameters
    ----------
    n_points : int
        Points that each is measured at; the worst counts.
    n_networks : int
        Random networks of each of 25 batches of Monte Carlo.
    random_state : int
    fresh : bool
        Measure all again.
    verbose : bool
        Print the table.

    Returns
    -------
    pandas.DataFrame
        A row per figure: ``measured``, a relative difference or a number of standard errors, and its ``bound``. Rows of
        the released code have what it gives, and what is ``right``.
    """
    rows = CachedRows("featuremap_theory", fresh=fresh)
    settings = {"n_points": n_points, "n_networks": n_networks, "random_state": random_state}
    columns = ["measured", "bound", "right"]
    table = pd.DataFrame(
        {
            figure.name: rows.row({"figure": figure.name, **settings}, partial(_measured, figure))
            for figure in _figures(n_points, n_networks, random_state)
        }
    )
    table = table.T[columns].astype(float).rename_axis("figure")
    if verbose:
        print(table.to_string(float_format=lambda value: f"{value:.3g}", na_rep=""))
    return table


def _measured(figure: Figure) -> dict[str, float | None]:
    known = {"bound": figure.bound, "right": figure.right}
    return {"measured": figure.measure(), **{k: None if math.isnan(v) else v for k, v in known.items()}}


def _figures(n_points: int, n_networks: int, seed: int) -> Iterator[Figure]:
    for d in (2, 3, 4):
        for n in (d + 1, 20, 200):
            yield from _shallow(n, d, n_points, seed)
    yield from _closed_forms(n_points, seed)
    yield from _christoffel(seed)
    yield from _quadratures(seed)
    yield from _averages(seed)
    yield from _posteriors(n_networks, seed)
    yield from _released_code()


def _normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch_generator(seed), dtype=torch.float64)


def _difference(value: Tensor, truth: Tensor) -> float:
    """The largest relative difference, and 0/0 is none."""
    return float(((value - truth).abs() / truth.abs().clamp_min(1e-300)).nan_to_num(0.0).max())


def _metric_field(phi: Shallow) -> Callable[[Tensor], Tensor]:
    """The metric of a shallow network, written out so that it can be differentiated."""

    def metric(u: Tensor) -> Tensor:
        slopes = derivative(phi.activation, 1)(u @ phi.weights.mT + phi.biases)
        first = slopes[..., None] * phi.weights
        return first.mT @ first / len(phi.weights)

    return metric


def _shallow(n: int, d: int, n_points: int, seed: int) -> Iterator[Figure]:
    phi = shallow(_normal(n, d, seed=seed) / math.sqrt(d), _normal(n, seed=seed + 1), "erf")
    x = _normal(n_points, d, seed=seed + 2)
    name, field = f"shallow erf, {d} inputs, {n} units", _metric_field(phi)
    yield Figure(
        f"{name}: S against Gauss",
        lambda: _difference(geometry.scalar_curvature(phi, x), phi.scalar_curvature(x)),
        1e-8,
    )
    yield Figure(
        f"{name}: S against Christoffel",
        lambda: _difference(geometry.intrinsic.scalar_curvature(field, x), phi.scalar_curvature(x)),
        1e-8,
    )
    if n <= 20:
        yield Figure(
            f"{name}: log volume against Cauchy-Binet",
            lambda: _difference(phi.cauchy_binet(x), phi.log_volume(x)),
            1e-8,
        )


def _closed_forms(n_points: int, seed: int) -> Iterator[Figure]:
    for d in (2, 3, 5):
        x = _normal(n_points, d, seed=seed + d)
        for name in ("erf", "monomial(2)", "monomial(5)"):
            yield Figure(
                f"infinite width {name}, {d} inputs: S against the printed formula",
                partial(_from_printed, name, x),
                1e-10,
            )
    x, eye = _normal(n_points, 3, seed=seed), torch.eye(3, dtype=torch.float64)
    yield Figure(
        "arc-cosine kernel of order 1: metric against the identity",
        lambda: float((kernels.metric(kernels.ArcCosine(1), x) - eye).abs().max()),
        1e-10,
    )


def _from_printed(name: str, x: Tensor) -> float:
    return _difference(
        infinite_width.scalar_curvature(name, x, _SIGMA, _ZETA), _printed_curvature(name, x, _SIGMA, _ZETA)
    )


def _christoffel(seed: int) -> Iterator[Figure]:
    x = _normal(2, 3, seed=seed)
    for label, kernel in (
        ("NNGP erf", NNGP("erf", 1, _SIGMA, _ZETA)),
        ("NNGP gelu, depth 3", NNGP("gelu", 3, _SIGMA, _ZETA)),
        ("NTK erf", NTK("erf", 1, _SIGMA, _ZETA)),
        ("NTK gelu, depth 2", NTK("gelu", 2, _SIGMA, _ZETA)),
    ):
        yield Figure(
            f"{label}: S against Christoffel",
            partial(_from_christoffel, kernel, x),
            1e-8,
        )


def _from_christoffel(kernel: Kernel, x: Tensor) -> float:
    return _difference(geometry.intrinsic.scalar_curvature(kernel.field, x), kernel.scalar_curvature(x))


def _quadratures(seed: int) -> Iterator[Figure]:
    x = _normal(2, 3, seed=seed)
    for name in ("erf", "gelu", "tanh"):
        yield Figure(f"{name} as an unknown function, by quadrature: S", partial(_as_unknown, name, x), 1e-10)


def _as_unknown(name: str, x: Tensor) -> float:
    unknown = Activation("unknown", derivative(NNGP(name).activation, 0), n_weak=None)
    found, truth = (infinite_width.scalar_curvature(phi, x, _SIGMA, _ZETA) for phi in (unknown, name))
    return _difference(found, truth)


def _printed_curvature(name: str, x: Tensor, sigma: float, zeta: float) -> Tensor:
    """S of one layer as the paper prints it, with Ω written out."""
    d, t = x.shape[-1], (x**2).sum(-1)
    s = sigma**2 * t + zeta**2
    if name == "erf":
        w = math.log(2 * sigma**2 / math.pi) - 0.5 * torch.log(1 + 2 * s)
        w1, w2 = -(sigma**2) / (1 + 2 * s), 2 * sigma**4 / (1 + 2 * s) ** 2
    else:
        q = int(name.removeprefix("monomial(").removesuffix(")"))
        w = torch.log(sigma**2 * q**2 / (2 * q - 1) * s ** (q - 1))
        w1, w2 = (q - 1) * sigma**2 / s, -(q - 1) * sigma**4 / s**2
    bracket = (d + 2) * w1**2 + 2 * t * ((d - 2) * w1**3 + 2 * w1 * w2)
    return -(d - 1) * t * torch.exp(-w) / (1 + 2 * t * w1) ** 2 * bracket


def _averages(seed: int) -> Iterator[Figure]:
    """Largest differences in standard errors; 4 is one in 16 000 by chance."""
    x = _normal(3, 2, seed=seed + 9)
    for name in ("erf", "tanh", "relu"):
        what = f"infinite width {name}: mean of 300 networks of 2000 units, standard errors"
        yield Figure(what, partial(_from_average, name, x, seed), 4.0)


def _from_average(name: str, x: Tensor, seed: int) -> float:
    network = WideBayesianNetwork(name, x[:1], [1.0], 2000, weight_std=_SIGMA, bias_std=_ZETA)
    z = mean_metric(network, x, 300, seed).z_scores(infinite_width.metric(name, x, _SIGMA, _ZETA))
    return float(z.abs().max())


def _posteriors(n_networks: int, seed: int) -> Iterator[Figure]:
    x, points, targets = (_normal(n, 2, seed=seed + i) for n, i in ((3, 9), (2, 10), (2, 11)))
    monomial = WideBayesianNetwork("monomial(2)", points[:1], targets[:1], _WIDTH)
    for label, network in (
        ("erf, 2 points, noise", WideBayesianNetwork("erf", points, targets, _WIDTH, bias_std=_ZETA, precision=10.0)),
        ("erf, 1 point", WideBayesianNetwork("erf", points[:1], targets[:1], _WIDTH)),
        ("monomial(2), 1 point", monomial),
    ):
        z_scores = cache(partial(_posterior, network, x, n_networks, seed))
        for part in ("metric", "volume"):
            yield Figure(f"Bayesian {label}: {part}, standard errors", partial(_part, z_scores, part), 4.0)
    yield Figure(
        "Bayesian monomial(2): volume against the closed form",
        lambda: _difference(
            monomial.volume_ratio(x) - 1, monomial_volume_ratio(2, x, points[0], targets[0], _WIDTH) - 1
        ),
        1e-8,
    )


def _posterior(network: WideBayesianNetwork, x: Tensor, n_networks: int, seed: int) -> dict[str, float]:
    metric, volume = posterior_change(network, x, n_networks, seed)
    return {
        "metric": float(metric.z_scores(_WIDTH * network.metric_correction(x)).abs().max()),
        "volume": float(volume.z_scores(_WIDTH * (network.volume_ratio(x) - 1)).abs().max()),
    }


def _part(measure: Callable[[], dict[str, float]], name: str) -> float:
    return measure()[name]


def _released_code() -> Iterator[Figure]:
    """Two errors of the code released with the paper, as numbers."""
    phi, x = shallow(_normal(5, 2, seed=0), _normal(5, seed=1), "erf"), _normal(1, 2, seed=2)
    yield Figure(
        "released code, two inputs: S over the right one (-3 for -1)",
        lambda: float(-3 * _triples(phi, x) / geometry.scalar_curvature(phi, x)),
        right=1.0,
    )
    u = torch.tensor([0.3, 0.5], dtype=torch.float64)
    right = float(geometry.scalar_curvature(_paraboloid, u))
    yield Figure("released code, paraboloid at (0.3, 0.5): S", lambda: _ricci_scalar(u, sign=-1), right=right)


def _triples(phi: Shallow, x: Tensor) -> Tensor:
    """``Σ_ijk m_jk² m_ij m_ik φ'_i² φ'_j φ'_k φ''_j φ''_k / (n³ det² g)``, of two inputs: -S."""
    w, z, n = phi.weights, phi.preactivations(x), len(phi.weights)
    minors = w[:, None, 0] * w[None, :, 1] - w[:, None, 1] * w[None, :, 0]
    first, second = derivative(phi.activation, 1)(z), derivative(phi.activation, 2)(z)
    determinant = torch.einsum("jk,pj,pk->p", minors**2, first**2, first**2) / (2 * n**2)
    both = first * second
    total = torch.einsum("jk,ij,ik,pi,pj,pk->p", minors**2, minors, minors, first**2, both, both)
    return total / (n**3 * determinant**2)


def _paraboloid(u: Tensor) -> Tensor:
    return torch.stack([u[0], u[1], u[0] ** 2 + u[1] ** 2])


def _ricci_scalar(u: Tensor, sign: int) -> float:
    """``g^{jl} (∂_k Γ^k_jl - ∂_l Γ^k_jk + sign (Γ^k_km Γ^m_jl - Γ^k_lm Γ^m_jk))`` of the paraboloid (1 is right)."""
    metric = geometry.intrinsic.pullback(_paraboloid)

    def symbols(v: Tensor) -> Tensor:
        return geometry.intrinsic.christoffel(metric, v)

    first, step = symbols(u), 1e-4
    eye = torch.eye(2, dtype=u.dtype)
    turn = torch.stack([(symbols(u + step * e) - symbols(u - step * e)) / (2 * step) for e in eye], -1)
    straight = torch.einsum("kjlk->jl", turn) - torch.einsum("kjkl->jl", turn)
    products = torch.einsum("kkm,mjl->jl", first, first) - torch.einsum("klm,mjk->jl", first, first)
    return float((torch.linalg.inv(metric(u)) * (straight + sign * products)).sum())

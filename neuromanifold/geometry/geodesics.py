"""Geodesics: shortest curves between two points, and curves that go straight on.

A minimising geodesic minimises the energy ``∫ g_ij(u) u'^i u'^j dt`` over curves with given ends, here
``u(t) = (1-t) u_0 + t u_1 + Σ_a c_a φ_a(t)`` with polynomials φ_a that vanish at both ends and have
orthonormal derivatives. It has constant speed, so its energy is its length squared. The search starts
from the template's own geodesics, gone round either way, in charts without singular points
(:mod:`neuromanifold.geometry.charts`).

The exponential map integrates ``u''^k = -Γ^k_ij u'^i u'^j``. For an immersion it is taken in the template's
orthonormal chart at every step, with ``Γ(v, v) = g⁻¹ Jᵀ ∂²f(v, v)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._settings import check_whole
from neuromanifold._typing import Map
from neuromanifold.geometry.charts import PairChart, pair_charts
from neuromanifold.geometry.derivatives import TaylorJet, as_points, jacobian, taylor
from neuromanifold.geometry.forms import AmbientMetric, FirstForm, ambient_factor, constant_factor
from neuromanifold.geometry.immersion import Immersion
from neuromanifold.geometry.shortening import MetricJet, Search
from neuromanifold.manifolds import Euclidean, Manifold

__all__ = ["Geodesic", "exponential", "geodesic", "metric_geodesic"]

_N_MODES = 16
# Candidates are shortened if their first line has at most this many times the energy of the best first line.
_PROMISING = 4.0


@dataclass(frozen=True)
class Geodesic:
    """Minimising geodesics between p pairs of points, at constant speed.

    Attributes
    ----------
    coordinates : Tensor (p, n_times, k)
        Intrinsic coordinates along each curve at equal times, ends included.
    length, energy : Tensor (p,)
        Length, and energy ``∫ |c'|² dt`` (its square, up to the accuracy reached).
    converged : Tensor (p,)
        Whether the energy is stationary, to a relative 1e-10.
    """

    coordinates: Tensor
    length: Tensor
    energy: Tensor
    converged: Tensor


def geodesic(
    f: Map,
    start: Tensor,
    end: Tensor,
    *,
    ambient: AmbientMetric = None,
    on_points: bool = False,
    n_times: int = 33,
    n_modes: int = _N_MODES,
) -> Geodesic:
    """Minimising geodesics of the pullback metric between pairs of points.

    Parameters
    ----------
    f : Immersion or callable
        The map. On the template of an Immersion every winding is tried; any other map has one chart.
    start, end : Tensor (p, k) or (k,)
        Ends, in intrinsic coordinates.
    ambient : Tensor (d, d) or callable, optional
        Ambient metric, which may vary with x.
    on_points : bool
        For an Immersion: ends are points ``(p, m)`` of the template's embedding.
    n_times : int
        Points to return along each curve.
    n_modes : int
        Polynomials that a curve may bend by; more for long curves on rough surfaces.

    Returns
    -------
    Geodesic
        The shortest of the local minima reached from the template's own geodesics.
    """
    template = f.template if isinstance(f, Immersion) else Euclidean(as_points(start).shape[-1])
    check_whole("n_times", n_times, 2)
    check_whole("n_modes", n_modes, 1)
    z, w = (_ends(template.embed, e, not on_points) for e in (start, end))
    if z.shape != w.shape:
        raise InputError(f"geodesics join pairs of points; got ends of shapes {tuple(z.shape)}, {tuple(w.shape)}")
    push = f.on_points if isinstance(f, Immersion) else f
    searches = [Search(c, _immersed(push, c, ambient), n_modes) for c in pair_charts(template, z, w)]
    return _shortest(searches, n_times, template)


def metric_geodesic(metric: Map, start: Tensor, end: Tensor, *, n_times: int = 33, n_modes: int = _N_MODES) -> Geodesic:
    """Minimising geodesics of a metric field, one point ``(k,) -> (k, k)``; arguments as in
    :func:`geodesic`.
    """
    check_whole("n_times", n_times, 2)
    check_whole("n_modes", n_modes, 1)
    z, w = as_points(start).double(), as_points(end).double()
    space = Euclidean(z.shape[-1])

    def metric_jet(x: Tensor) -> tuple[Tensor, Tensor]:
        return _square(taylor(lambda v: metric(v).flatten(-2), x, order=1), space.dim)

    return _shortest([Search(pair_charts(space, z, w)[0], metric_jet, n_modes)], n_times, space)


def _ends(embed: Callable[[Tensor], Tensor], ends: Tensor, are_angles: bool) -> Tensor:
    points = as_points(ends).to(torch.float64)
    return embed(points) if are_angles else points


def _shortest(searches: list[Search], n_times: int, template: Manifold) -> Geodesic:
    """Of the candidates for each pair, the one of least energy after shortening those that start short
    enough.
    """
    lines = torch.stack([search.line_energy() for search in searches])
    promising = lines <= _PROMISING * lines.amin(0)
    p = lines.shape[1]
    energy = torch.full_like(lines[0], torch.inf)
    length, converged = torch.full_like(energy, torch.nan), torch.zeros_like(energy, dtype=torch.bool)
    coordinates = energy.new_full((p, n_times, template.dim), torch.nan)
    for search, rows in zip(searches, promising, strict=True):
        which = rows.nonzero()[:, 0]
        if len(which) == 0:
            continue
        found = search.rows(which).shorten(n_times)
        better = found.energy < energy[which]
        which = which[better]
        energy[which], length[which] = found.energy[better], found.length[better]
        converged[which] = found.converged[better]
        coordinates[which] = template.angles(search.chart.to_points(found.track[better]))
    return Geodesic(coordinates, length, energy, converged)


def _square(jet: TaylorJet, k: int) -> tuple[Tensor, Tensor]:
    """G and ∂g from the derivatives of the flattened metric."""
    return jet.value.reshape(-1, k, k), jet.first.reshape(-1, k, k, jet.first.shape[-1])


def _immersed(push: Map, chart: PairChart, ambient: AmbientMetric) -> MetricJet:
    """The pullback metric and its slopes along the chart of each pair."""
    k = chart.start.shape[-1]
    selector = torch.eye(k + chart.parameters.shape[-1], k).to(chart.start)

    def along(x: Tensor) -> Tensor:
        return push(chart.to_points(x))

    def metric(x: Tensor) -> Tensor:
        first = jacobian(along, x, directions=selector[None], create_graph=True)[0]
        factor = ambient_factor(ambient, along(x)[None])
        first = first if factor is None else factor.reshape(factor.shape[-2:]).mT @ first
        return (first.mT @ first).flatten()

    def metric_jet(x: Tensor) -> tuple[Tensor, Tensor]:
        directions = selector.expand(len(x), -1, -1)
        if callable(ambient) and not isinstance(ambient, Tensor):
            return _square(taylor(metric, x, order=1, directions=directions), k)
        jet = taylor(along, x, directions=directions)
        factor = constant_factor(ambient, jet.value)
        inner = torch.eye(jet.first.shape[1]).to(jet.first) if factor is None else factor @ factor.mT
        slope = torch.einsum("ndil,de,nej->nijl", jet.second, inner, jet.first)
        return jet.first.mT @ inner @ jet.first, slope + slope.transpose(1, 2)

    return metric_jet


def exponential(
    f: Map,
    u: Tensor,
    velocity: Tensor,
    *,
    ambient: Tensor | None = None,
    on_points: bool = False,
    n_steps: int = 100,
) -> Tensor:
    """Exponential map: geodesics of the pullback metric with given start and velocity, by Runge–Kutta of
    order 4.

    Parameters
    ----------
    f : Immersion or callable
        The map.
    u, velocity : Tensor (n, k) or (k,)
        Starts and initial velocities, in intrinsic coordinates.
    ambient : Tensor (d, d), optional
        Constant ambient metric.
    on_points : bool
        For an Immersion: starts and velocities are points and tangent vectors ``(n, m)`` of the
        template's embedding, and so is the result.
    n_steps : int
        Steps from t = 0 to t = 1; the error falls with their fourth power (1e-6 after a turn in 100 steps).

    Returns
    -------
    Tensor (n, n_steps + 1, k)
        Intrinsic coordinates at equal times; the last is the exponential map.
    """
    check_whole("n_steps", n_steps, 1)
    template = f.template if isinstance(f, Immersion) else Euclidean(as_points(u).shape[-1])
    z, v = as_points(u).to(torch.float64), as_points(velocity).to(torch.float64)
    if isinstance(f, Immersion) and not on_points:
        v = (jacobian(template.embed, z) @ v[..., None])[..., 0]
        z = template.embed(z)

    def acceleration(z: Tensor, v: Tensor) -> Tensor:
        # Defined (smoothly) off the template too, as the stages of a Runge–Kutta step need.
        z = template.project(z)
        tangent, second = template.frame(z)
        along = (tangent.mT @ v[..., None])[..., 0]
        jet = taylor(f, z, frame=True, on_points=True)
        factor = constant_factor(ambient, jet.value)
        form = FirstForm.of(jet, factor)
        bend = torch.einsum("ndij,ni,nj->nd", jet.second, along, along)
        bend = bend if factor is None else bend @ factor
        # Γ(v, v) = g⁻¹ Jᵀ ∂²f(v, v) = R⁻¹ Qᵀ ∂²f(v, v)
        turn = form.inverse_scale @ (form.basis.mT @ bend[..., None])
        return torch.einsum("nmij,ni,nj->nm", second, along, along) - (tangent @ turn)[..., 0]

    track = [z]
    for _ in range(n_steps):
        z, v = _runge_kutta(acceleration, z, v, 1 / n_steps)
        z = template.project(z)
        track.append(z)
    path = torch.stack(track, dim=1)
    return path if on_points else template.angles(path)


def _runge_kutta(
    acceleration: Callable[[Tensor, Tensor], Tensor], z: Tensor, v: Tensor, h: float
) -> tuple[Tensor, Tensor]:
    """One classical step of ``z'' = acceleration(z, z')``."""
    a1 = acceleration(z, v)
    v2 = v + h / 2 * a1
    a2 = acceleration(z + h / 2 * v, v2)
    v3 = v + h / 2 * a2
    a3 = acceleration(z + h / 2 * v2, v3)
    v4 = v + h * a3
    a4 = acceleration(z + h * v3, v4)
    return z + h / 6 * (v + 2 * v2 + 2 * v3 + v4), v + h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)

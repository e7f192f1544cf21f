"""Charts along which two points of a template are joined.

Each pair has its own, so that no curve crosses a singular point. A pair of points becomes one or more
candidates ``(y_0, y_1)`` in a chart R^k, each a straight line to start from:

- Euclidean space: the coordinates;
- torus: the angles, with each circle gone round either way;
- sphere: turned so that the great circle through the pair is the equator, gone round either way,
  ``z = R (cos α, sin α, ξ) / |.|``;
- a quotient: those of its cover, with either lift of the end.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold.manifolds import Euclidean, Manifold, Sphere

__all__ = ["PairChart", "pair_charts"]


@dataclass(frozen=True)
class PairChart:
    """One candidate line in the charts of p pairs.

    Attributes
    ----------
    start, end : Tensor (p, k)
        Ends of the line, in the chart.
    parameters : Tensor (p, q)
        What the chart of each pair depends on.
    to_points : callable
        From ``[y, parameters] (..., k + q)`` to points of the template ``(..., m)``.
    """

    start: Tensor
    end: Tensor
    parameters: Tensor
    to_points: Callable[[Tensor], Tensor]

    def rows(self, which: Tensor) -> PairChart:
        """Some of the pairs."""
        return PairChart(self.start[which], self.end[which], self.parameters[which], self.to_points)


def pair_charts(template: Manifold, z: Tensor, w: Tensor) -> list[PairChart]:
    """Candidates for curves on a template from points ``z (p, m)`` to points ``w (p, m)``."""
    cover = template.cover
    if cover is not template:
        start = template.lifts(z)[0]
        return [_below(template, c) for end in template.lifts(w) for c in pair_charts(cover, start, end)]
    if isinstance(template, Euclidean):
        return [PairChart(z, w, z[:, :0], lambda x: x)]
    if isinstance(template, Sphere):
        return _great_circles(template, z, w)
    return _windings(template, z, w)


def _below(template: Manifold, chart: PairChart) -> PairChart:
    """A chart of a quotient from one of its cover."""

    def to_points(x: Tensor) -> Tensor:
        return template.from_cover(chart.to_points(x))

    return PairChart(chart.start, chart.end, chart.parameters, to_points)


def _windings(template: Manifold, z: Tensor, w: Tensor) -> list[PairChart]:
    """Straight lines in periodic angles, each gone round either way."""
    start, turn = template.angles(z), 2 * math.pi
    step = torch.remainder(template.angles(w) - start + math.pi, turn) - math.pi
    other = step - turn * torch.where(step >= 0, 1.0, -1.0)
    charts = []
    for choice in itertools.product((False, True), repeat=template.dim):
        chosen = torch.where(torch.tensor(choice, device=step.device), other, step)
        charts.append(PairChart(start, start + chosen, z[:, :0], template.embed))
    return charts


def _great_circles(sphere: Sphere, z: Tensor, w: Tensor) -> list[PairChart]:
    """The great circle through each pair, gone round either way, in the chart whose equator it is."""
    m, k = sphere.embedding_dim, sphere.dim
    basis = torch.cat([z[..., None], _frame_towards(sphere, z, w)], dim=-1)
    angle = sphere.distance(z, w)

    def to_points(x: Tensor) -> Tensor:
        y, turned = x[..., :k], x[..., k:].reshape(*x.shape[:-1], m, m)
        equator = torch.stack([torch.cos(y[..., 0]), torch.sin(y[..., 0])], dim=-1)
        local = torch.cat([equator, y[..., 1:]], dim=-1)
        return (turned @ sphere.project(local)[..., None])[..., 0]

    start = z.new_zeros(len(z), k)
    ends = []
    for reached in (angle, angle - 2 * math.pi):
        end = start.clone()
        end[:, 0] = reached
        ends.append(end)
    return [PairChart(start, end, basis.flatten(1), to_points) for end in ends]


def _frame_towards(sphere: Sphere, z: Tensor, w: Tensor) -> Tensor:
    """Orthonormal tangent vectors ``(p, m, k)`` at z, the first towards w (any, where w = ±z)."""
    tangent, _ = sphere.frame(z)
    towards = (tangent.mT @ w[..., None])[..., 0]
    size = torch.linalg.vector_norm(towards, dim=-1, keepdim=True)
    some = torch.zeros_like(towards)
    some[:, 0] = 1.0
    unit = torch.where(size > 1e-14, towards / size, some)
    if sphere.dim == 1:
        return tangent * unit[:, None, :]
    turn = torch.cat([unit[..., None], Sphere(sphere.dim - 1).frame(unit)[0]], dim=-1)
    return tangent @ turn

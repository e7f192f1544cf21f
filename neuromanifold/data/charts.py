"""Curves and surfaces with one chart, as functions of their coordinates u: what autoencoders are tried on.

* sine ``(u, sin u)``, u in [-π, π] (Lee, Kwon & Park 2021, denoising);
* spiral ``r (cos 2πu, 0.6 sin 2πu)``, ``r = 0.1 + 2.9 u``, u in [0, 1] (the same, sparse samples);
* roll ``(a (cos t + t sin t), v, a (sin t - t cos t))``, ``t = √(2u/a)``, a = 0.1: a sheet rolled up along the
  involute of a circle, whose turns are evenly spaced like those of the Swiss roll, t in [π, 4π] and v in [0, 2];
* sheet ``(sin u, v, 1 - cos u)``, u and v in [-1, 1] without the square |u|, |v| < 0.4 in the middle: a sheet with a
  hole, bent round a cylinder (Lee, Yoon, Son & Park 2022).

Roll and sheet keep lengths and angles: the pullback metric of their charts is the identity, their scalar curvature
zero, and ``|H| = 1/(2at)`` and ½.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neuromanifold._typing import BoolArray, FloatArray

__all__ = ["CHARTS", "HOLE", "Chart"]

HOLE = 0.4  # half the side of the hole
_RADIUS = 0.1  # of the circle that the roll is the involute of


@dataclass(frozen=True)
class Chart:
    """A piece of a manifold under one chart.

    Attributes
    ----------
    immersion : callable
        Coordinates (..., k) -> points (..., d).
    names : tuple of str
        Of the k coordinates.
    low, high : tuple of float
        The box of the coordinates.
    keeps : callable
        Coordinates (n, k) of the box -> whether each is on the manifold (n,).
    """

    immersion: Callable[[Tensor], Tensor]
    names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    keeps: Callable[[FloatArray], BoolArray] = lambda u: np.ones(len(u), dtype=bool)

    def grid(self, n_points: int) -> FloatArray:
        """Coordinates (about n_points, k) on a regular grid over the manifold, ends included."""
        sides = np.subtract(self.high, self.low)
        spacing = (sides.prod() / n_points) ** (1 / len(sides))
        counts = [n_points] if len(sides) == 1 else [max(2, round(side / spacing) + 1) for side in sides]
        axes = [np.linspace(a, b, count) for a, b, count in zip(self.low, self.high, counts, strict=True)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(sides))
        return points[self.keeps(points)]

    def draw(self, n_points: int, generator: np.random.Generator) -> FloatArray:
        """Coordinates (n_points, k), evenly distributed over the manifold's coordinates."""
        kept = np.empty((0, len(self.low)))
        while len(kept) < n_points:
            drawn = generator.uniform(self.low, self.high, (n_points, len(self.low)))
            kept = np.concatenate([kept, drawn[self.keeps(drawn)]])
        return kept[:n_points]


def _sine(u: Tensor) -> Tensor:
    return torch.cat([u, torch.sin(u)], dim=-1)


def _spiral(u: Tensor) -> Tensor:
    turn = 2 * math.pi * u
    return (0.1 + 2.9 * u) * torch.cat([torch.cos(turn), 0.6 * torch.sin(turn)], dim=-1)


def _roll(u: Tensor) -> Tensor:
    t, height = torch.sqrt(2 * u[..., 0] / _RADIUS), u[..., 1]
    sin, cos = torch.sin(t), torch.cos(t)
    return torch.stack([_RADIUS * (cos + t * sin), height, _RADIUS * (sin - t * cos)], dim=-1)


def _sheet(u: Tensor) -> Tensor:
    along, height = u.unbind(-1)
    return torch.stack([torch.sin(along), height, 1 - torch.cos(along)], dim=-1)


def _outside_the_hole(u: FloatArray) -> BoolArray:
    return np.abs(u).max(axis=1) >= HOLE


CHARTS: dict[str, Chart] = {
    "sine": Chart(_sine, ("position",), (-math.pi,), (math.pi,)),
    "spiral": Chart(_spiral, ("position",), (0.0,), (1.0,)),
    "roll": Chart(_roll, ("along", "height"), (0.5 * _RADIUS * math.pi**2, 0.0), (8 * _RADIUS * math.pi**2, 2.0)),
    "sheet": Chart(_sheet, ("along", "height"), (-1.0, -1.0), (1.0, 1.0), _outside_the_hole),
}

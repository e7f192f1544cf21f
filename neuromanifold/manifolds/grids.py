"""Quadratures of templates, as products of one quadrature per intrinsic angle: ``(angles, weights)`` each."""

from __future__ import annotations

import torch
from scipy.special import roots_gegenbauer, roots_legendre
from torch import Tensor

from neuromanifold.manifolds.base import Grid, Manifold

__all__ = ["Axis", "colatitude_axis", "hemisphere_axis", "interval_axis", "tensor_grid", "uniform_axis"]

Axis = tuple[Tensor, Tensor]


def uniform_axis(n_nodes: int, period: float) -> Axis:
    """Equal steps over a period from 0: exact for trigonometric polynomials of degree below ``n_nodes``."""
    nodes = period * torch.arange(n_nodes, dtype=torch.float64) / n_nodes
    return nodes, torch.full_like(nodes, period / n_nodes)


def interval_axis(n_nodes: int, low: float, high: float) -> Axis:
    """Midpoints of equal cells of an interval."""
    width = (high - low) / n_nodes
    nodes = low + width * (torch.arange(n_nodes, dtype=torch.float64) + 0.5)
    return nodes, torch.full_like(nodes, width)


def colatitude_axis(n_nodes: int, power: int) -> Axis:
    """``∫ h(θ) sin^power θ dθ`` over [0, π]: Gauss–Gegenbauer, exact for polynomials of cos θ below 2
    ``n_nodes``.
    """
    cosines, weights = (torch.from_numpy(values[::-1].copy()) for values in roots_gegenbauer(n_nodes, power / 2))
    return torch.acos(cosines), weights


def hemisphere_axis(n_nodes: int) -> Axis:
    """``∫ h(θ) sin θ dθ`` over [0, π/2]: Gauss–Legendre in cos θ."""
    cosines, weights = (torch.from_numpy(values[::-1].copy()) for values in roots_legendre(n_nodes))
    return torch.acos((1 + cosines) / 2), weights / 2


def tensor_grid(template: Manifold, axes: list[Axis]) -> Grid:
    """The product of one quadrature per intrinsic angle."""
    angles = torch.stack(torch.meshgrid(*(nodes for nodes, _ in axes), indexing="ij"), dim=-1)
    weights = torch.ones((), dtype=torch.float64)
    for _, axis in axes:
        weights = weights[..., None] * axis
    flat = angles.reshape(-1, template.dim)
    return Grid(flat, template.embed(flat), weights.reshape(-1), tuple(angles.shape[:-1]))

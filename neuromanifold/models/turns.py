"""Turns: constant offsets of periodic angles, the rotations of a circle or torus that keep its circles apart.

``y = z + turn``: a turn of labels y against points z. The best turn of a set of pairs has the direction of
``sum exp(i (y - z))``, on each circle.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neuromanifold.manifolds import Manifold, Sphere, Torus
from neuromanifold.models.expectation_maximisation import Basis

__all__ = ["best_turns", "can_turn", "mean_turn", "turned_points", "turned_weight", "wrapped"]


def can_turn(template: Manifold) -> bool:
    """Whether adding a constant to the template's angles is an isometry: on the circle and on tori."""
    return isinstance(template, Torus) or (isinstance(template, Sphere) and template.dim == 1)


def wrapped(angles: Tensor) -> Tensor:
    """The same angles in (-pi, pi]."""
    return torch.atan2(torch.sin(angles), torch.cos(angles))


def mean_turn(turns: Tensor, sizes: Tensor) -> Tensor:
    """Circular mean (k,) of turns (n_groups, k) of groups of so many labels (n_groups,)."""
    return torch.angle((sizes[:, None] * torch.exp(1j * turns)).sum(0))


def turned_points(template: Manifold, labels: Tensor, turn: Tensor) -> Tensor:
    """Points (n, m) of labels (n, k) with a turn (k,) taken back."""
    return template.embed(labels - turn) if can_turn(template) else template.embed(labels)


def best_turns(template: Manifold, overlaps: Tensor) -> Tensor:
    """Best turns (..., k) of pairs with overlaps ``sum z y^T`` (..., m, m); zero where there are no turns."""
    if not can_turn(template):
        return overlaps.new_zeros(*overlaps.shape[:-2], template.dim)
    even, odd = slice(0, None, 2), slice(1, None, 2)
    # cos (y - z) = y_c z_c + y_s z_s and sin (y - z) = y_s z_c - y_c z_s, for each circle.
    parallel = (overlaps[..., even, even] + overlaps[..., odd, odd]).diagonal(dim1=-2, dim2=-1)
    across = (overlaps[..., even, odd] - overlaps[..., odd, even]).diagonal(dim1=-2, dim2=-1)
    return torch.atan2(across, parallel)


def turned_weight(basis: Basis, weight: Tensor, turn: Tensor) -> Tensor:
    """Weights (q, d) of the decoder ``f(z - turn)``: exact, as the grid's quadrature is for products of harmonics."""
    moved = basis.harmonics(turned_points(basis.template, basis.grid.angles, turn))[:, : len(weight)] @ weight
    return (basis.values[:, : len(weight)] * basis.grid.weights[:, None]).mT @ moved

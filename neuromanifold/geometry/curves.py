"""Curves ``c = f ∘ γ``, γ: [0, 1] -> u: their length ``∫ |c'| dt`` and energy ``∫ |c'|² dt`` (no ½).

Lee 2023, eqs. 4 and 5. ``Energy ≥ Length²``, equal at constant speed. Norms are those of the ambient metric.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._typing import Map
from neuromanifold.geometry.derivatives import taylor
from neuromanifold.geometry.forms import AmbientMetric, ambient_factor

__all__ = ["Curve", "energy", "gauss_legendre", "length", "segment_lengths"]

# A function of t in [0, 1], as a tensor (1,), to coordinates (k,); or the vertices (n, k) of a polygon.
Curve = Callable[[Tensor], Tensor] | Tensor

_N_PIECES = 16
_N_NODES = 8


def gauss_legendre(n_nodes: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Nodes and weights of ``∫_0^1 h(t) dt``, exact for polynomials of degree below 2 ``n_nodes``."""
    nodes, weights = (torch.from_numpy(v).to(device) for v in np.polynomial.legendre.leggauss(n_nodes))
    return 0.5 * (nodes + 1), 0.5 * weights


def length(f: Map, curve: Curve, *, ambient: AmbientMetric = None) -> Tensor:
    """Length of ``f ∘ γ``, a scalar.

    Parameters
    ----------
    f : Immersion or callable
        The map, of intrinsic coordinates.
    curve : callable or Tensor (n, k)
        γ, a smooth function of t (1,) in [0, 1]; or the vertices of a polygon in the coordinates.
    ambient : Tensor (d, d) or callable, optional
        Ambient metric.
    """
    speed, weights = _speeds(f, curve, ambient)
    return (weights * speed).sum()


def energy(f: Map, curve: Curve, *, ambient: AmbientMetric = None) -> Tensor:
    """Energy ``∫ |c'|² dt`` of ``f ∘ γ``, a scalar; arguments as in :func:`length`."""
    speed, weights = _speeds(f, curve, ambient)
    return (weights * speed**2).sum()


def _speeds(f: Map, curve: Curve, ambient: AmbientMetric) -> tuple[Tensor, Tensor]:
    """Speeds at the nodes of a composite quadrature of [0, 1], and its weights."""
    gamma = _polygon(curve) if isinstance(curve, Tensor) else curve
    n_pieces = len(curve) - 1 if isinstance(curve, Tensor) else _N_PIECES
    nodes, weights = gauss_legendre(_N_NODES, curve.device if isinstance(curve, Tensor) else None)
    times = (torch.arange(n_pieces).to(nodes)[:, None] + nodes).reshape(-1) / n_pieces
    jet = taylor(lambda t: f(gamma(t)), times[:, None], order=1)
    factor = ambient_factor(ambient, jet.value)
    velocity = jet.first if factor is None else factor.mT @ jet.first
    return torch.linalg.vector_norm(velocity[..., 0], dim=-1), weights.repeat(n_pieces) / n_pieces


def _polygon(vertices: Tensor) -> Callable[[Tensor], Tensor]:
    """The piecewise linear curve through vertices, at equal times."""
    if vertices.ndim != 2 or len(vertices) < 2:
        raise InputError(f"a polygon has two or more vertices, (n, k); got shape {tuple(vertices.shape)}")
    vertices = vertices.to(torch.float64)
    corners = torch.arange(len(vertices)).to(vertices)

    def gamma(t: Tensor) -> Tensor:
        # Hat functions of the corners, written with relu-free arithmetic: the piece is chosen by a
        # comparison.
        place = t * (len(vertices) - 1) - corners
        hat = torch.where(
            (place >= 0) & (place < 1), 1 - place, torch.where((place < 0) & (place > -1), 1 + place, 0.0)
        )
        return hat @ vertices

    return gamma


def segment_lengths(along: Map, ends: Tensor, *, ambient: AmbientMetric = None, n_nodes: int = 3) -> Tensor:
    """Lengths of n short curves ``t -> along([t, ends_i])``, ``ends (n, q)``: ``(n,)``."""
    nodes, weights = gauss_legendre(n_nodes, ends.device)
    n = len(ends)
    x = torch.cat([nodes.repeat(n)[:, None], ends.repeat_interleave(n_nodes, 0)], dim=1)
    direction = x.new_zeros(x.shape[1], 1)
    direction[0] = 1.0
    jet = taylor(along, x, order=1, directions=direction.expand(len(x), -1, -1))
    factor = ambient_factor(ambient, jet.value)
    velocity = jet.first if factor is None else factor.mT @ jet.first
    return torch.linalg.vector_norm(velocity[..., 0], dim=-1).reshape(n, n_nodes) @ weights

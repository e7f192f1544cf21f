"""A surface that moves along its normals only: what is left of a step when no point slides along the surface.

``f + P (f' - f)``, P the projection on the normal space of f at each point. A new decoder of the same samples differs
by a motion of the surface and by a sliding of its coordinates along it, which the likelihood hardly resists: left
alone, coordinates slide, step by step, to where fewer harmonics write the surface, and the rest of it is lost.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neuromanifold.manifolds import Grid
from neuromanifold.models.harmonic_decoder import HarmonicDecoder

__all__ = ["along_normals"]


def along_normals(old: HarmonicDecoder, new: Tensor, grid: Grid, values: Tensor) -> Tensor:
    """Weights (q, d) of a decoder moved towards the weights ``new`` (p, d), along its normals.

    ``values`` (G, at least q = max(p, those of the decoder)) are the harmonics at a quadrature grid.
    """
    q = max(len(old.weight), len(new))
    tangent, _ = old.template.frame(grid.points)
    columns = [torch.func.jvp(old, (grid.points,), (tangent[..., i],))[1] for i in range(old.template.dim)]
    frame = torch.linalg.qr(torch.stack(columns, dim=-1))[0]
    change = values[:, :q] @ (_padded(new, q) - _padded(old.weight, q))
    sliding = (frame @ (frame.mT @ change[..., None]))[..., 0]
    return _padded(new, q) - (values[:, :q] * grid.weights[:, None]).mT @ sliding


def _padded(weight: Tensor, size: int) -> Tensor:
    return torch.cat([weight, weight.new_zeros(size - len(weight), weight.shape[1])])

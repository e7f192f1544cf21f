"""Coordinates in which a closed curve is visited uniformly: those that a fit without labels is made in.

At constant speed, the gauge of the result, a smooth decoder is a rough one wherever the curve bends, and a smoothness
prior would call every bend noise. Whatever rests on the prior is therefore done in the coordinate u with uniform
visits, and its results, functions of u, are written in harmonics of the gauge's angle theta again:

    h(u(theta)) = back^T g(theta),   h the harmonics of u, g those of theta.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neuromanifold.models.base import DecoderDraws
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.occupancy import DENSITY_ORDER, density, uniform_labels

__all__ = ["DrawsWrittenBack", "in_visit_coordinates"]

N_CURVE = 2048


@dataclass(frozen=True)
class DrawsWrittenBack:
    """Draws of changes made in other coordinates, in harmonics of the gauge's by ``back`` (p, q)."""

    draws: DecoderDraws
    back: Tensor

    def change(self, rng: np.random.Generator) -> Tensor:
        """One draw less the fit: weights (p, d)."""
        change = self.draws.change(rng)
        return self.back[:, : len(change)] @ change


def in_visit_coordinates(decoder: HarmonicDecoder, points: Tensor, order: int) -> tuple[HarmonicDecoder, Tensor]:
    """The decoder of a closed curve, in harmonics up to ``order`` of the coordinate that visits at ``points`` (n, m)
    make uniform; and the matrix ``back`` (p, q) from those harmonics to the decoder's own.
    """
    template = decoder.template
    grid, low = template.grid(N_CURVE), template.harmonics(DENSITY_ORDER)
    visits = density(low(points), torch.ones_like(points[:, 0]))
    labels = uniform_labels(low(grid.points), visits)
    moved = template.harmonics(order)(template.embed(labels[:, None]))
    weight = torch.linalg.lstsq(moved, decoder(grid.points)).solution
    back = (decoder.harmonics(grid.points) * grid.weights[:, None]).mT @ moved
    return HarmonicDecoder(template, order, weight), back

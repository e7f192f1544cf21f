"""The two nulls of an association: a roll in time, and a turn of the template.

Two series are rolled against each other inside each interval: they keep their autocorrelation and lose their partner.
Two functions of the place on the manifold would pass that test by chance, since the place returns again and again: one
of them is turned by a random isometry of the template instead, which keeps how smooth it is over the manifold (the
"spin test" of Alexander-Bloch et al. 2018).
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from neuromanifold._random import torch_generator
from neuromanifold._typing import IntArray, RandomState
from neuromanifold.manifolds import Manifold
from neuromanifold.topology.significance import intervals_of

__all__ = ["random_turns", "shifted_rows"]

# The template's random isometries are not uniform; a product of so many is, nearly.
N_FACTORS = 4


def shifted_rows(groups: IntArray, rng: np.random.Generator) -> IntArray:
    """Indices (n,): ``series[shifted_rows(groups, rng)]`` is the series rolled inside each interval of ``groups``."""
    starts, lengths = intervals_of(groups)
    shift = np.repeat(rng.integers(0, lengths), lengths)
    start, length = np.repeat(starts, lengths), np.repeat(lengths, lengths)
    return start + np.mod(np.arange(len(groups)) - start - shift, length)


def random_turns(template: Manifold, n_turns: int, random_state: RandomState) -> Tensor:
    """Random isometries of the template (n_turns, m, m), close to uniform."""
    generator, isometries = torch_generator(random_state), template.isometries()
    turns = isometries.sample(n_turns, generator)
    for _ in range(N_FACTORS - 1):
        turns = turns @ isometries.sample(n_turns, generator)
    return turns

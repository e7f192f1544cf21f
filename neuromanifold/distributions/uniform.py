r"""The uniform law on a compact template: the prior that favours no place of the manifold.

.. math:: p(z) = 1 / \mathrm{vol}(M), \qquad \text{a density with respect to the template's own volume.}
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neuromanifold.manifolds.base import Manifold

__all__ = ["Uniform"]


class Uniform:
    """Uniform law on a template, for a Euclidean one on its window.

    Parameters
    ----------
    template : Manifold
        A compact template.
    """

    def __init__(self, template: Manifold) -> None:
        self.template = template

    def sample(
        self, sample_shape: tuple[int, ...] | torch.Size = (), generator: torch.Generator | None = None
    ) -> Tensor:
        """Independent draws, shape ``(*sample_shape, m)``."""
        source = torch.default_generator if generator is None else generator
        points = self.template.sample(math.prod(sample_shape), source)
        return points.reshape(*sample_shape, points.shape[-1])

    def log_prob(self, z: Tensor) -> Tensor:
        """``-log(volume)`` at points ``z`` (..., m), shape (...)."""
        return torch.full(z.shape[:-1], -self.entropy(), dtype=z.dtype, device=z.device)

    def entropy(self) -> float:
        """Differential entropy ``log(volume)``, nats."""
        return math.log(self.template.volume)

    def __repr__(self) -> str:
        return f"Uniform({self.template!r})"

r"""The uniform law on a compact template: the prior that favours no place of the manifold.

.. math:: p(z) = 1 / \mathrm{vol}(M), \qquad \text{a density with respect to the template's own volume.}
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from neuromanifold._errors import InputError

__all__ = ["Uniform"]


class _Compact(Protocol):
    @property
    def volume(self) -> float: ...

    def sample(self, n: int, generator: torch.Generator | None) -> Tensor: ...


class Uniform:
    """Uniform law on a template of finite volume.

    Parameters
    ----------
    template : Manifold
        Anything with a finite ``volume`` and ``sample(n, generator) -> (n, m)``.

    Raises
    ------
    InputError
        If the template's volume is not finite and positive (the contractible template has none).
    """

    def __init__(self, template: _Compact) -> None:
        if not (math.isfinite(template.volume) and template.volume > 0):
            raise InputError(
                f"a uniform law needs a template of finite volume; that of {template!r} is {template.volume}"
            )
        self.template = template

    def sample(
        self, sample_shape: tuple[int, ...] | torch.Size = (), generator: torch.Generator | None = None
    ) -> Tensor:
        """Independent draws, shape (*sample_shape, m)."""
        points = self.template.sample(math.prod(sample_shape), generator)
        return points.reshape(*sample_shape, points.shape[-1])

    def log_prob(self, z: Tensor) -> Tensor:
        """``-log(volume)`` at points ``z`` (..., m), shape (...)."""
        return torch.full(z.shape[:-1], -self.entropy(), dtype=z.dtype, device=z.device)

    def entropy(self) -> float:
        """Differential entropy ``log(volume)``, nats."""
        return math.log(self.template.volume)

    def __repr__(self) -> str:
        return f"Uniform({self.template!r})"

"""A quotient template T = C / G: a cover C with points identified by a group G of two isometries.

Posteriors and their divergences live on the cover; a decoder sees ``embed(u)``, a smooth function on the
cover that takes the same value on identified points, so no distribution of its own is needed.
``distance`` is the smallest distance between lifts, and the harmonics are those of the cover that the
identification leaves alone.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from neuromanifold.manifolds.base import Manifold
from neuromanifold.manifolds.harmonics import Harmonics

__all__ = ["Quotient", "QuotientHarmonics"]


class Quotient(Manifold):
    """A template with a two-sheeted cover."""

    @abstractmethod
    def lift(self, z: Tensor) -> Tensor:
        """One point ``(..., m_cover)`` of the cover above ``z``, a smooth function of z near almost every
        point.
        """

    @abstractmethod
    def identify(self, w: Tensor) -> Tensor:
        """The other point of the cover that is the same point of the template."""

    @abstractmethod
    def fundamental(self, w: Tensor) -> Tensor:
        """Of the two identified points of the cover, the one in the fundamental domain of the angles."""

    def lifts(self, z: Tensor) -> Tensor:
        w = self.lift(z)
        return torch.stack([w, self.identify(w)])

    def embed(self, u: Tensor) -> Tensor:
        return self.from_cover(self.cover.embed(self._check_angles(u)))

    def angles(self, z: Tensor) -> Tensor:
        return self.cover.angles(self.fundamental(self.lift(z)))

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return self.from_cover(self.cover.sample(n, generator))

    def distance(self, z: Tensor, w: Tensor) -> Tensor:
        return self.cover.distance(self.lift(z), self.lifts(w)).amin(0)

    @property
    def dim(self) -> int:
        return self.cover.dim

    @property
    def periods(self) -> tuple[float | None, ...]:
        return self.cover.periods

    @property
    def volume(self) -> float:
        return self.cover.volume / 2


class QuotientHarmonics(Harmonics):
    """The harmonics of the cover that take one value on identified points, times √2 (the quotient has
    half the area).
    """

    which: Tensor

    def __init__(self, template: Quotient, of_cover: Harmonics, invariant: Tensor) -> None:
        which = invariant.nonzero()[:, 0]
        super().__init__(of_cover.eigenvalues[which].tolist())
        self.template = template
        self.of_cover = of_cover
        self.register_buffer("which", which, persistent=False)

    def forward(self, z: Tensor) -> Tensor:
        return 2**0.5 * self.of_cover(self.template.lift(z))[..., self.which]

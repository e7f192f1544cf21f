"""A template: a manifold T of dimension k in R^m that a neural manifold is an image of.

Letters: ``u`` are intrinsic angles (k numbers), ``z`` the same point in the embedding (m numbers). The
embedding of every template is isometric, so lengths in R^m along T are lengths on T; all are in radians
for unit circles and spheres. Everything takes and gives torch tensors, keeps their device and dtype, and
broadcasts over leading axes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold.manifolds.harmonics import Harmonics
from neuromanifold.manifolds.isometries import Isometries

__all__ = ["Grid", "Manifold", "is_prime"]


@dataclass(frozen=True)
class Grid:
    """A quadrature of the template: ``∫_T h dV ≈ Σ_i weights_i h(points_i)``.

    Attributes
    ----------
    angles : Tensor (n, k)
        Intrinsic angles, radians.
    points : Tensor (n, m)
        The same points in the embedding.
    weights : Tensor (n,)
        Area weights; their sum is the template's volume.
    shape : tuple of int
        Points along each angle: ``values.reshape(shape)`` is an image.
    """

    angles: Tensor
    points: Tensor
    weights: Tensor
    shape: tuple[int, ...]


def is_prime(number: int) -> bool:
    """Whether ``number`` is a prime, the order of a field of coefficients."""
    return number > 1 and all(number % factor for factor in range(2, int(number**0.5) + 1))


class Manifold(ABC):
    """What every template knows about itself."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name that ``manifolds.resolve`` turns back into this template."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Intrinsic dimension k."""

    @property
    @abstractmethod
    def embedding_dim(self) -> int:
        """Dimension m of the space the template is embedded in."""

    @property
    @abstractmethod
    def periods(self) -> tuple[float | None, ...]:
        """Period of each intrinsic angle, radians; None where it is not periodic."""

    @property
    @abstractmethod
    def volume(self) -> float:
        """``∫_T dV``: length for k = 1, area for k = 2."""

    @property
    @abstractmethod
    def cover(self) -> Manifold:
        """The template that posteriors live on: itself, or for a quotient the manifold it is a quotient
        of.
        """

    @abstractmethod
    def from_cover(self, w: Tensor) -> Tensor:
        """Point of the template under a point ``w`` of the cover (itself where the cover is the template)."""

    @abstractmethod
    def lifts(self, z: Tensor) -> Tensor:
        """All points of the cover above ``z (..., m)``: ``(n_lifts, ..., m_cover)``."""

    @abstractmethod
    def embed(self, u: Tensor) -> Tensor:
        """Points ``z (..., m)`` of intrinsic angles ``u (..., k)``; differentiable."""

    @abstractmethod
    def angles(self, z: Tensor) -> Tensor:
        """Intrinsic angles ``u (..., k)`` of points ``z (..., m)``, with ``embed(angles(z)) = z``."""

    @abstractmethod
    def project(self, x: Tensor) -> Tensor:
        """The point of the template nearest to ``x (..., m)``."""

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` points drawn uniformly (by area), ``(n, m)`` float64 on the generator's device."""

    @abstractmethod
    def distance(self, z: Tensor, w: Tensor) -> Tensor:
        """Geodesic distance on the template between points ``(..., m)``, radians."""

    @abstractmethod
    def grid(self, n_points: int) -> Grid:
        """A quadrature of about ``n_points`` points (exactly so for k = 1), float64 on the CPU."""

    @abstractmethod
    def frame(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """2-jet at ``z`` of a chart with ``∂_i z`` orthonormal: tangents ``(..., m, k)``, second
        derivatives ``(..., m, k, k)``.

        The chart is the template's own at every point, so that no point (a pole, say) is worse than
        another; the first fundamental form at ``z`` is the identity. Tangent vectors follow the
        orientation of the angles.
        """

    @abstractmethod
    def harmonics(self, order: int) -> Harmonics:
        """Real eigenfunctions of the Laplacian up to ``order``, orthonormal w.r.t. the template's area."""

    @abstractmethod
    def isometries(self) -> Isometries:
        """The isometries of the template, as orthogonal matrices acting on the embedding."""

    @abstractmethod
    def betti(self, prime: int = 2) -> tuple[int, ...]:
        """Betti numbers over the field with ``prime`` elements, at least ``(b0, b1, b2)``."""

    @abstractmethod
    def geomstats_space(self) -> Any:
        """The same space in geomstats, for its Fréchet means and learners."""

    @property
    def euler(self) -> int:
        """Euler characteristic χ, the alternating sum of the Betti numbers (the same over every field)."""
        return sum((-1) ** degree * number for degree, number in enumerate(self.betti(2)))

    def _check_angles(self, u: Tensor) -> Tensor:
        return _last_axis(u, self.dim, f"{self.name}: intrinsic angles have {self.dim} number(s) in their last axis")

    def _check_points(self, z: Tensor) -> Tensor:
        return _last_axis(z, self.embedding_dim, f"{self.name}: points have {self.embedding_dim} coordinates")

    def _check_prime(self, prime: int) -> int:
        if not is_prime(prime):
            raise InputError(f"Betti numbers are taken over a field Z/p with p prime (2, 3, 5, ...); got {prime}")
        return prime


def _last_axis(values: Tensor, size: int, message: str) -> Tensor:
    if values.ndim == 0 or values.shape[-1] != size:
        raise InputError(f"{message}; got an array of shape {tuple(values.shape)}")
    return values

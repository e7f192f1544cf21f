"""Sufficient statistics of a regression of activity on the harmonics of a template.

For points z_i with weights w_i (a posterior, or known coordinates with w = 1) and activity x_i,

    gram = sum_i w_i h(z_i) h(z_i)^T,   cross = sum_i w_i h(z_i) x_i^T,   second = sum_i x_i x_i^T,

which is all that the decoder's regression needs. Where the noise of units is taken to be independent, only the
diagonal of ``second`` is kept, and says so by its shape. They add up, so chunks of samples, samples with and
without labels, and batches that arrive later are combined by ``+``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold.manifolds import Harmonics
from neuromanifold.models.samples import Samples, like, pieces

__all__ = ["Moments", "second_moments"]

# Rows of one block: the harmonics of a block stay in a few tens of megabytes.
BLOCK = 16384


@dataclass(frozen=True)
class Moments:
    """``gram (p, p)``, ``cross (p, d)``, ``second (d, d)`` or its diagonal ``(d,)``, and the number of samples."""

    gram: Tensor
    cross: Tensor
    second: Tensor
    n_samples: int

    @property
    def independent(self) -> bool:
        """Whether they know the variance of each unit only."""
        return self.second.ndim == 1

    @classmethod
    def at_points(cls, harmonics: Harmonics, points: Tensor, activity: Samples, independent: bool = False) -> Moments:
        """Moments of activity (n, d) at known points (n, m) of the template, or as many copies of each sample as it has
        points (n, c, m); ``independent`` noise or not.
        """
        n_copies = 1 if points.ndim == 2 else points.shape[1]
        zeros, d = like(activity).new_zeros, activity.shape[1]
        gram, cross = zeros(len(harmonics), len(harmonics)), zeros(len(harmonics), d)
        second = zeros(d) if independent else zeros(d, d)
        for rows, x in pieces(activity, BLOCK):
            h = harmonics(points[rows].reshape(-1, points.shape[-1]))
            gram += h.mT @ h
            cross += h.mT @ x.repeat_interleave(n_copies, 0) if n_copies > 1 else h.mT @ x
            second += second_moments(x, independent)
        return cls(gram, cross, n_copies * second, n_copies * len(activity))

    @classmethod
    def on_grid(cls, values: Tensor, mass: Tensor, sums: Tensor, second: Tensor, n_samples: int) -> Moments:
        """Moments from harmonics (G, p) at grid points, posterior mass (G,) and posterior-weighted sums (G, d)."""
        return cls((values * mass[:, None]).mT @ values, values.mT @ sums, second, n_samples)

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.gram + other.gram,
            self.cross + other.cross,
            self.second + other.second,
            self.n_samples + other.n_samples,
        )

    def restricted(self, n_harmonics: int) -> Moments:
        """Moments of the first ``n_harmonics`` functions."""
        return Moments(self.gram[:n_harmonics, :n_harmonics], self.cross[:n_harmonics], self.second, self.n_samples)

    def thinned(self, factor: float) -> Moments:
        """Moments of as many independent samples as ``factor`` times fewer: autocorrelated ones say the same again."""
        n_effective = max(round(self.n_samples / factor), 1)
        return Moments(self.gram / factor, self.cross / factor, self.second / factor, n_effective)

    def transformed(self, matrix: Tensor) -> Moments:
        """Moments of the activity ``x @ matrix``, matrix (d, r)."""
        second = torch.diag_embed(self.second) if self.independent else self.second
        return Moments(self.gram, self.cross @ matrix, matrix.mT @ second @ matrix, self.n_samples)

    def to(self, like: Tensor) -> Moments:
        """The same in the dtype and on the device of ``like``."""
        return Moments(self.gram.to(like), self.cross.to(like), self.second.to(like), self.n_samples)

    def residual(self, weight: Tensor) -> Tensor:
        """Expected residual scatter ``sum_i w_i (x_i - f)(x_i - f)^T`` of the decoder with weights (p, d); of the shape
        that ``second`` has.
        """
        if self.independent:
            return self.second + (weight * (self.gram @ weight - 2 * self.cross)).sum(0)
        overlap = weight.mT @ self.cross
        return self.second - overlap - overlap.mT + weight.mT @ self.gram @ weight


def second_moments(activity: Samples, independent: bool) -> Tensor:
    """``sum_i x_i x_i^T`` (d, d) of activity (n, d), or its diagonal (d,)."""
    d = activity.shape[1]
    total = like(activity).new_zeros(d) if independent else like(activity).new_zeros(d, d)
    for _, x in pieces(activity, BLOCK):
        total += x.square().sum(0) if independent else x.mT @ x
    return total

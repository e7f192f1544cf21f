"""A metric learned from data: the inverse of their local covariance, ``A(x) = (Σ(x) + ρ I)⁻¹``.

    Σ(x) = Σ_a w_a(x) C_a,   w(x) = softmax(-|x - c_a|² / 2h²)

C_a is the covariance of the nearest neighbours of the anchor c_a, a sample; h is the typical distance from a sample to
the nearest anchor. Directions in which the data spread are short, those that leave the data are long, as in Arvanitidis
et al. (2016), A locally adaptive normal distribution.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._settings import check_positive, check_whole
from neuromanifold.geometry.ambient.base import Ambient

__all__ = ["LocalCovariance"]


@dataclass(frozen=True)
class _Anchors:
    """Anchors (q, d), covariances (q, d, d) with the ridge, and the squared width."""

    centres: Tensor
    covariances: Tensor
    squared_width: Tensor


@dataclass(eq=False)
class LocalCovariance(Ambient):
    """Inverse covariance of the data nearby; it must be :meth:`fitted` before use.

    Parameters
    ----------
    n_neighbors : int
        Samples whose covariance is taken, about each anchor.
    n_anchors : int
        Evenly spaced rows of the data.
    ridge : float
        ρ, as a share of the mean local variance of a unit: it limits how much longer a step off the data is than one
        along them.
    """

    n_neighbors: int = 20
    n_anchors: int = 50
    ridge: float = 0.05
    _anchors: _Anchors | None = field(default=None, init=False, repr=False)

    def gram(self, x: Tensor, vectors: Tensor) -> Tensor:
        if self._anchors is None:
            raise InputError("LocalCovariance learns from data: call fitted(activity) and use what it returns")
        centres, covariances = self._anchors.centres.to(x), self._anchors.covariances.to(x)
        squared = (x[:, None] - centres).square().sum(-1)
        weights = torch.softmax(-squared / (2 * self._anchors.squared_width.to(x)), dim=1)
        factor = torch.linalg.cholesky(torch.einsum("na,aij->nij", weights, covariances))
        whitened = torch.linalg.solve_triangular(factor, vectors, upper=False)
        return whitened.mT @ whitened

    def fitted(self, activity: Tensor) -> LocalCovariance:
        check_whole("n_neighbors", self.n_neighbors, 2)
        check_whole("n_anchors", self.n_anchors, 1)
        check_positive("ridge", self.ridge)
        if self.n_neighbors > len(activity):
            raise NotEnoughDataError(
                f"LocalCovariance needs n_neighbors={self.n_neighbors} samples at least; {len(activity)} were given"
            )
        step = max(1, len(activity) // self.n_anchors)
        centres = activity[::step][: self.n_anchors]
        squared = torch.cdist(centres, activity).square()
        near = activity[squared.topk(self.n_neighbors, largest=False).indices]
        near = near - near.mean(1, keepdim=True)
        covariances = near.mT @ near / self.n_neighbors
        eye = torch.eye(activity.shape[1], dtype=activity.dtype, device=activity.device)
        covariances = covariances + self.ridge * covariances.diagonal(dim1=1, dim2=2).mean() * eye
        learned = replace(self)
        learned._anchors = _Anchors(centres, covariances, squared.min(0).values.mean())
        return learned

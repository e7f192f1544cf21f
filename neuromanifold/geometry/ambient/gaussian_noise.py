"""Gaussian noise of one covariance Σ: the Fisher information of the mean is ``A = Σ⁻¹`` everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold._arrays import real_numbers
from neuromanifold._errors import InputError
from neuromanifold._linalg import check_spd, spd_inverse
from neuromanifold._typing import ArrayLike
from neuromanifold.geometry.ambient.base import Ambient

__all__ = ["GaussianNoise"]


@dataclass(eq=False)
class GaussianNoise(Ambient):
    """Distances in standard deviations of the noise.

    Parameters
    ----------
    covariance : array (d, d) or (d,)
        Of the noise, in squared units of activity; (d,): variances of units whose noise is their own.
    """

    covariance: ArrayLike

    def gram(self, x: Tensor, vectors: Tensor) -> Tensor:
        precision = self._precision().to(vectors)
        weighted = precision[:, None] * vectors if precision.ndim == 1 else precision @ vectors
        return vectors.mT @ weighted

    def constant(self) -> Tensor:
        precision = self._precision()
        return precision.diag() if precision.ndim == 1 else precision

    def fitted(self, activity: Tensor) -> GaussianNoise:
        if len(self._precision()) != activity.shape[1]:
            raise InputError(f"covariance is of {len(self._precision())} units, but the data have {activity.shape[1]}")
        return self

    def _precision(self) -> Tensor:
        covariance = torch.as_tensor(real_numbers(self.covariance, "covariance"))
        if covariance.ndim == 2:
            return spd_inverse(check_spd(covariance))
        if covariance.ndim != 1 or not bool((covariance > 0).all()):
            raise InputError("covariance must be a matrix (d, d), or positive variances (d,) of independent noise")
        return 1 / covariance

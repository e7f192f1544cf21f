"""A feature map on the unit sphere: ``ψ = h / |h|``, ``dψ = (I - ψψᵀ) dh / |h|``.

Its metric is the sphere's, pulled back: what contrastive learning on normalised embeddings (SimCLR) sees.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neuromanifold.featuremaps.base import FeatureMap, gauss_curvature

__all__ = ["OnSphere"]


class OnSphere(FeatureMap):
    """A feature map followed by normalisation to unit length.

    Parameters
    ----------
    base : FeatureMap
    """

    def __init__(self, base: FeatureMap) -> None:
        self.base = base
        self.normalize, self.verbose = base.normalize, base.verbose

    @property
    def eps(self) -> float:
        return self.base.eps

    def outputs(self, x: Tensor) -> Tensor:
        h = self.base.outputs(x)
        return h / (h * h).sum(-1, keepdim=True).sqrt()

    def derivatives(self, x: Tensor, directions: Tensor | None = None) -> Tensor:
        with torch.no_grad():
            h = self.base.outputs(x).to(torch.float64)
        length = torch.linalg.vector_norm(h, dim=-1)[:, None, None]
        psi = h[..., None] / length
        first = self.base.derivatives(x, directions)
        return (first - psi @ (psi.mT @ first)) / length

    def image_curvature(self, x: Tensor) -> Tensor:
        return gauss_curvature(self, x)

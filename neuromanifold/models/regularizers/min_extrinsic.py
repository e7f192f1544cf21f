"""Minimum extrinsic curvature (MECAE): tangent spaces turn as little as the data allow.

E[LEC],   LEC = Tr(G⁻¹ C) = 2 G^{ij} (JᵀJ)^{kl} <II_ik, II_jl>   (2 |II|² for A = I)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from neuromanifold._typing import Map
from neuromanifold.geometry import extrinsic_curvature
from neuromanifold.models.regularizers.curvature import CurvatureRegularizer

__all__ = ["MinimumExtrinsicCurvature"]


@dataclass(eq=False)
class MinimumExtrinsicCurvature(CurvatureRegularizer):
    """Mean extrinsic curvature of the decoder's image: zero iff it is flat in activity space; 2/R² on a circle.

    Parameters
    ----------
    weight : float
    metric : Ambient or None
        It may vary with x; the turning itself is Euclidean.
    n_points, n_probes : int or None
        As in :class:`~neuromanifold.models.regularizers.curvature.CurvatureRegularizer`.

    References
    ----------
    Lee & Park (2023), On explicit curvature regularization in deep generative models; Lee (2023), eqs. 10 and 20.
    """

    def curvature(self, decoder: Map, points: Tensor, estimate: dict[str, Any]) -> Tensor:
        options = self.derivative_options(decoder) | estimate
        return extrinsic_curvature(decoder, points, ambient=self.metric, **options)

"""Minimum extrinsic curvature (MECAE): tangent spaces turn as little as the data allow.

E[LEC],   LEC = Tr(G⁻¹ C) = 2 G^{ij} (JᵀJ)^{kl} <II_ik, II_jl>   (2 |II|² for A = I)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold._typing import Map
from neuromanifold.geometry import TaylorJet, extrinsic_curvature
from neuromanifold.geometry.extrinsic import at_points
from neuromanifold.geometry.normal_products import NormalProducts, inverse_metric
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

    weight: float = 1e-3

    def curvature(self, decoder: Map, points: Tensor) -> Tensor:
        def formula(jet: TaylorJet) -> Tensor:
            products = NormalProducts.of(jet)
            if self.metric is None:
                return products.extrinsic_curvature()
            return products.extrinsic_curvature(inverse_metric(self.metric.gram(jet.value, jet.first)))

        return at_points(decoder, points, formula, **self.derivative_options(decoder))

    def estimate(self, decoder: Map, points: Tensor, n_probes: int, generator: torch.Generator | None) -> Tensor:
        return extrinsic_curvature(
            decoder,
            points,
            ambient=self.metric,
            method="hutchinson",
            n_probes=n_probes,
            generator=generator,
            **self.derivative_options(decoder),
        )

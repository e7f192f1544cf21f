"""Minimum intrinsic curvature (MICAE): the manifold is as flat inside as the data allow.

    E[|Riem|²],   = E[S²] for m = 2

A cylinder costs nothing, a sphere does: what can be unrolled without distortion is free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._typing import Map
from neuromanifold.geometry import Immersion, TaylorJet, intrinsic, riemann_norm_squared
from neuromanifold.geometry.extrinsic import at_points
from neuromanifold.geometry.normal_products import NormalProducts
from neuromanifold.models.regularizers.curvature import CurvatureRegularizer

__all__ = ["MinimumIntrinsicCurvature"]


@dataclass(eq=False)
class MinimumIntrinsicCurvature(CurvatureRegularizer):
    """Mean squared Riemann curvature of the decoder's image: zero iff it is flat; a curve always is, so m is 2 or more.

    Parameters
    ----------
    weight : float
    metric : Ambient or None
        Of one that varies with x, curvature is that of the pullback metric, by Christoffel symbols: third derivatives
        of the decoder, and always exact.
    n_points, n_probes : int or None
        As in :class:`~neuromanifold.models.regularizers.curvature.CurvatureRegularizer`.

    References
    ----------
    Lee & Park (2023), On explicit curvature regularization in deep generative models.
    """

    least_dimension: ClassVar[int] = 2

    weight: float = 1e-3

    def curvature(self, decoder: Map, points: Tensor) -> Tensor:
        if self._varies:
            return self._of_pullback(decoder, points)

        def formula(jet: TaylorJet) -> Tensor:
            return NormalProducts.of(jet, self.metric).riemann_norm_squared()

        return at_points(decoder, points, formula, **self.derivative_options(decoder))

    def estimate(self, decoder: Map, points: Tensor, n_probes: int, generator: torch.Generator | None) -> Tensor:
        if self._varies:
            return self._of_pullback(decoder, points)
        return riemann_norm_squared(
            decoder,
            points,
            ambient=self.metric,
            method="hutchinson",
            n_probes=n_probes,
            generator=generator,
            **self.derivative_options(decoder),
        )

    @property
    def _varies(self) -> bool:
        return self.metric is not None and self.metric.constant() is None

    def _of_pullback(self, decoder: Map, points: Tensor) -> Tensor:
        if isinstance(decoder, Immersion):
            raise InputError("on a template, intrinsic curvature takes metric=None or one that is the same everywhere")
        metric = intrinsic.pullback(decoder, ambient=self.metric)
        return intrinsic.riemann_norm_squared(metric, points, create_graph=True, dtype=None)

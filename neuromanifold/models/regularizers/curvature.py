"""Curvatures as regularisers: their mean over latents, exact in few dimensions and an unbiased estimate in many.

Curvatures do not depend on the coordinates: they say nothing of the latent space, and everything of the manifold.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold._settings import check_number, check_whole
from neuromanifold._typing import Map
from neuromanifold.geometry import Immersion
from neuromanifold.models.regularizers.base import DecoderRegularizer
from neuromanifold.models.regularizers.distortion import interpolated

__all__ = ["CurvatureRegularizer"]

# Up to so many latent dimensions all second derivatives cost less than probes that are as good.
EXACT_UP_TO = 4


@dataclass(eq=False)
class CurvatureRegularizer(DecoderRegularizer):
    """Mean curvature of some kind over latents.

    Parameters
    ----------
    weight : float
    metric : Ambient or None
    n_points : int or None
        Latents drawn from each batch, at which curvature is taken: an unbiased estimate of the mean over all (None).
    n_probes : int or None
        Random directions (Hutchinson) at each point. None: exact up to 4 latent dimensions, one beyond.
    interpolation : float or None
        η: curvature is also taken between latents, as in
        :class:`~neuromanifold.models.regularizers.distortion.DistortionRegularizer`. None: at latents alone, where a
        curve through few samples can be straight and bend between them. It has no effect on a template.
    """

    n_points: int | None = 32
    n_probes: int | None = None
    interpolation: float | None = None

    @abstractmethod
    def curvature(self, decoder: Map, points: Tensor) -> Tensor:
        """At each point (n,), with a graph; NaN where the decoder is no immersion."""

    @abstractmethod
    def estimate(self, decoder: Map, points: Tensor, n_probes: int, generator: torch.Generator | None) -> Tensor:
        """The same, without bias, from random directions."""

    def value(self, decoder: Map, latents: Tensor, generator: torch.Generator | None = None) -> Tensor:
        points = latents
        if self.interpolation is not None and not isinstance(decoder, Immersion):
            points = interpolated(latents, self.interpolation, generator)
        if self.n_points is not None and self.n_points < len(latents):
            device = latents.device if generator is None else generator.device
            points = points[torch.randperm(len(latents), generator=generator, device=device)[: self.n_points]]
        if self.n_probes is None and latents.shape[1] <= EXACT_UP_TO:
            values = self.curvature(decoder, points)
        else:
            with warnings.catch_warnings():
                # Single precision is good enough for a step of a training.
                warnings.filterwarnings("ignore", message="derivatives were computed in single precision")
                values = self.estimate(decoder, points, self.n_probes or 1, generator)
        # Where the decoder is no immersion there is no curvature, and nothing to lower.
        finite = torch.isfinite(values)
        return torch.where(finite, values, 0.0).sum() / finite.sum().clamp(min=1)

    def check(self, dimension: int) -> None:
        super().check(dimension)
        if self.interpolation is not None:
            check_number("interpolation", self.interpolation, 0, what="None or a share")
        for name in ("n_points", "n_probes"):
            number = getattr(self, name)
            if number is not None:
                check_whole(name, number, 1)

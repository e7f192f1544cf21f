"""Curvatures as regularisers: their mean over latents, exact in few dimensions and an unbiased estimate in many.

Curvatures do not depend on the coordinates: they say nothing of the latent space, and everything of the manifold.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._typing import Map
from neuromanifold.models.regularizers.base import DecoderRegularizer

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
    """

    n_points: int | None = 32
    n_probes: int | None = None

    @abstractmethod
    def curvature(self, decoder: Map, points: Tensor, estimate: dict[str, Any]) -> Tensor:
        """At each point (n,); ``estimate`` are the arguments ``method``, ``n_probes`` and ``generator`` of geometry."""

    def value(self, decoder: Map, latents: Tensor, generator: torch.Generator | None = None) -> Tensor:
        points = latents
        if self.n_points is not None and self.n_points < len(latents):
            device = latents.device if generator is None else generator.device
            points = latents[torch.randperm(len(latents), generator=generator, device=device)[: self.n_points]]
        estimate: dict[str, Any] = {"method": "exact"}
        if self.n_probes is not None or latents.shape[1] > EXACT_UP_TO:
            estimate = {"method": "hutchinson", "n_probes": self.n_probes or 1, "generator": generator}
        values = self.curvature(decoder, points, estimate)
        # Where the decoder is no immersion there is no curvature, and nothing to lower.
        finite = torch.isfinite(values)
        return torch.where(finite, values, 0.0).sum() / finite.sum().clamp(min=1)

    def check(self, dimension: int) -> None:
        super().check(dimension)
        for name in ("n_points", "n_probes"):
            number = getattr(self, name)
            if number is not None and not (isinstance(number, Integral) and int(number) >= 1):
                raise InputError(f"{name} must be None or a whole number of at least 1, got {number!r}")

"""Equal-area regularisation: areas in latent space are those on the manifold, up to one factor.

E (1 - v/E[v])²,   v = √det G
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from neuromanifold.geometry import area_distortion
from neuromanifold.models.regularizers.distortion import DistortionRegularizer

__all__ = ["EqualArea"]


@dataclass(eq=False)
class EqualArea(DistortionRegularizer):
    """Squared coefficient of variation of the decoder's volume element: zero iff it scales all areas alike.

    Densities over the latent space are then those over the manifold.

    Parameters
    ----------
    weight : float
    metric : Ambient or None
    interpolation : float or None
        As in :class:`~neuromanifold.models.regularizers.distortion.DistortionRegularizer`.
    """

    def distortion(self, metric: Tensor) -> Tensor:
        return area_distortion(metric)

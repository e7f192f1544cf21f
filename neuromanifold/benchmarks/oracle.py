"""The oracle: how well can curvature be known by someone who is told every sample's true coordinates?

The harmonics of the template up to an order are fitted to each unit by least squares, the order chosen by
generalised cross-validation,

    GCV(K) = RSS(K) / (1 - p_K / n)^2,   p_K functions of order up to K (on a torus: both frequencies up to K),

and the fit is differentiated exactly. An estimator that is given the same coordinates should not be worse; one that
is not given them should come close.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neuromanifold.geometry import Immersion
from neuromanifold.manifolds import Manifold
from neuromanifold.models import HarmonicDecoder

__all__ = ["oracle"]

# Largest order by intrinsic dimension, and the least share of degrees of freedom that a fit leaves to the residual.
MAX_ORDER = {1: 30, 2: 12}
LEAST_FREE = 0.1


def oracle(template: Manifold, angles: Tensor, activity: Tensor) -> Immersion:
    """The oracle's immersion, from activity (n, d) at its true intrinsic angles (n, k), radians."""
    points = template.embed(angles)
    fits: list[tuple[float, HarmonicDecoder]] = []
    for order in range(1, MAX_ORDER[template.dim] + 1):
        values = template.harmonics(order)(points)
        n_free = 1 - values.shape[1] / len(activity)
        if n_free < LEAST_FREE:
            break
        weight = torch.linalg.lstsq(values, activity).solution
        gcv = float((activity - values @ weight).square().sum()) / n_free**2
        fits.append((gcv, HarmonicDecoder(template, order, weight)))
    return Immersion(template, min(fits, key=lambda fit: fit[0])[1])

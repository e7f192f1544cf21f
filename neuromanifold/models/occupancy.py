"""Labels of a closed curve in which it is visited uniformly: what a uniform prior says of a fit without labels."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["DENSITY_ORDER", "density", "interpolated", "uniform_labels"]

# Occupancy is made uniform up to this frequency, and taken to be nowhere less than this share of its mean.
DENSITY_ORDER = 8
LEAST_DENSITY = 0.05


def density(values: Tensor, mass: Tensor) -> Tensor:
    """Low harmonics' coefficients (q,) of the density of mass (n,) at points where the harmonics are ``values``."""
    return values[:, : 2 * DENSITY_ORDER + 1].mT @ (mass / mass.sum())


def uniform_labels(values: Tensor, coefficients: Tensor) -> Tensor:
    """Angles (G,) for the points of a uniform grid of the circle, where the harmonics are ``values`` (G, p), in which a
    density of these coefficients is uniform.
    """
    occupancy = values[:, : len(coefficients)] @ coefficients
    occupancy = occupancy.clamp_min(LEAST_DENSITY * occupancy.mean())
    # Trapezoids: second order, and symmetric in both directions round the circle.
    cumulative = torch.cumsum((occupancy + occupancy.roll(1)) / 2, 0)
    return 2 * torch.pi * (cumulative - cumulative[0]) / cumulative[-1]


def interpolated(labels: Tensor, angles: Tensor) -> Tensor:
    """New labels (n,) of angles on a uniform grid whose points have labels (G,), by a cubic in between."""
    n = len(labels)
    position = angles / (2 * torch.pi) * n
    low = position.floor().long()
    t = position - low
    # Labels advance by a turn from one round to the next.
    p0, p1, p2, p3 = ((labels[(low + i) % n] + 2 * torch.pi * ((low + i) // n)) for i in (-1, 0, 1, 2))
    slope1, slope2 = (p2 - p0) / 2, (p3 - p1) / 2
    a = 2 * (p1 - p2) + slope1 + slope2
    b = 3 * (p2 - p1) - 2 * slope1 - slope2
    return ((a * t + b) * t + slope1) * t + p1

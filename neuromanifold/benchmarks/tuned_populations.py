"""Poisson units tuned to points of a space, at states drawn evenly from it; and units that share nothing.

A unit fires ``peak · Σ e^{κ (s(z, μ) - 1)}`` counts in a bin, its preferred point μ drawn evenly too, with

    circle, torus, 3-torus   s = 1 + Σ_i (cos(z_i - μ_i) - 1)
    sphere                   s = z·μ
    projective plane         s = (z·μ)²
    Klein bottle             s as on the torus, summed over both preimages (μ₁, μ₂) and (μ₁ + π, -μ₂) of μ

so that identified points are told alike. Independent units fire at constant rates, or at rates that drift slowly, each
by itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter1d

from neuromanifold._typing import FloatArray

__all__ = ["SPACES", "UNRELATED", "independent", "tuned"]

DRIFT = 20  # samples: standard deviation of the kernel that makes rates drift


def _angles(n_angles: int) -> Callable[[int, np.random.Generator], FloatArray]:
    return lambda n, rng: rng.uniform(0, 2 * np.pi, (n, n_angles))


def _directions(n: int, rng: np.random.Generator) -> FloatArray:
    direction = rng.standard_normal((n, 3))
    return direction / np.linalg.norm(direction, axis=1, keepdims=True)


def _circular(z: FloatArray, mu: FloatArray, concentration: float) -> FloatArray:
    return np.exp(concentration * (np.cos(z[:, None] - mu) - 1).sum(-1))


def _spherical(z: FloatArray, mu: FloatArray, concentration: float) -> FloatArray:
    return np.exp(concentration * (z @ mu.T - 1))


def _projective(z: FloatArray, mu: FloatArray, concentration: float) -> FloatArray:
    return np.exp(concentration * ((z @ mu.T) ** 2 - 1))


def _klein(z: FloatArray, mu: FloatArray, concentration: float) -> FloatArray:
    other = np.stack([mu[:, 0] + np.pi, -mu[:, 1]], axis=1)
    return _circular(z, mu, concentration) + _circular(z, other, concentration)


# Name -> points of the space, and tuning (n, d) of states to preferred points.
SPACES = {
    "circle": (_angles(1), _circular),
    "sphere": (_directions, _spherical),
    "torus": (_angles(2), _circular),
    "projective": (_directions, _projective),
    "klein": (_angles(2), _klein),
    "3-torus": (_angles(3), _circular),
}


def tuned(
    space: str, n_samples: int, n_units: int, concentration: float, peak: float, rng: np.random.Generator
) -> FloatArray:
    """Counts (n_samples, n_units) of units tuned to a space; ``peak`` is the largest expected count in a bin."""
    points, tuning = SPACES[space]
    expected = tuning(points(n_samples, rng), points(n_units, rng), concentration)
    return rng.poisson(peak * expected).astype(np.float64)


def independent(drifting: bool, n_samples: int, n_units: int, peak: float, rng: np.random.Generator) -> FloatArray:
    """Counts (n_samples, n_units) of units that share nothing, about a third of ``peak`` on average."""
    rate = peak / 3 * rng.uniform(0.3, 1.7, n_units)
    if not drifting:
        return rng.poisson(rate, (n_samples, n_units)).astype(np.float64)
    drift = gaussian_filter1d(rng.standard_normal((n_samples, n_units)), DRIFT, axis=0, mode="wrap")
    drift /= drift.std(axis=0)
    return rng.poisson(rate * np.exp(drift - 0.5)).astype(np.float64)


UNRELATED = {"independent units": False, "independent drifting units": True}

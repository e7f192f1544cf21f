"""Populations whose manifold is known in closed form, for the benchmark of curvature.

The distorted circle, sphere and torus of Acosta et al. (2023) come from :mod:`neuromanifold.data.synthetic`. Beside
them stand shapes that are not star-shaped (a trefoil knot), not in three dimensions (the flat Clifford torus), not
nearly round (an ellipsoid) or not of low rank (a population of sharply tuned units), and place cells that spike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neuromanifold._typing import FloatArray
from neuromanifold.data import synthetic
from neuromanifold.geometry import Immersion
from neuromanifold.manifolds import Manifold, resolve
from neuromanifold.models import TopologicalVAE

__all__ = ["MANIFOLDS", "Sample"]

CONCENTRATION = 6.0
BIN_SIZE = 0.05


@dataclass(frozen=True)
class Sample:
    """Activity (n, d) at angles (n, k) of a manifold that is known; ``likelihood`` is the noise it has."""

    angles: FloatArray
    activity: FloatArray
    truth: Immersion
    likelihood: str = "gaussian"

    @property
    def template(self) -> Manifold:
        return self.truth.template

    def estimator(self, seed: int) -> TopologicalVAE:
        """What is to be fitted to it: default settings, but for the likelihood."""
        exposure = BIN_SIZE if self.likelihood == "poisson" else 1.0
        return TopologicalVAE(self.template.name, likelihood=self.likelihood, exposure=exposure, random_state=seed)


Maker = Callable[[int, float, int], Sample]  # units, noise variance, seed


def _published(shape: str, distortion: str, n_times: int, names: tuple[str, ...]) -> Maker:
    def make(n_units: int, noise_var: float, seed: int) -> Sample:
        settings = {"n_times": n_times, "n_units": n_units, "distortion": distortion, "noise_var": noise_var}
        recording = getattr(synthetic, shape)(**settings, random_state=seed)
        angles = np.stack([recording[name].to_numpy() for name in names], axis=1)
        return Sample(angles, recording["activity"].to_numpy(), synthetic.immersion_of(recording))

    return make


def _embedded(template: str, shape: Callable[[Tensor], Tensor], n_times: int) -> Maker:
    """A shape in R^3 or R^4, z (n, m) -> (n, 3 or 4), zero-padded, rotated and sampled uniformly on the template."""

    def make(n_units: int, noise_var: float, seed: int) -> Sample:
        generator = torch.Generator().manual_seed(seed)
        size = shape(resolve(template).grid(4).points).shape[1]
        square = torch.randn(n_units, n_units, generator=generator, dtype=torch.float64)
        frame = torch.linalg.qr(square)[0][:, :size]
        return _noisy(Immersion(template, lambda z: shape(z) @ frame.mT), n_times, noise_var, generator)

    return make


def _tuned(n_units: int, noise_var: float, seed: int) -> Sample:
    """Units of von Mises tuning, ``e^{κ (cos(θ - θ_i) - 1)}``, evenly spread: a circle of full rank."""
    preferred = resolve("circle").grid(n_units).points
    truth = Immersion("circle", lambda z: torch.exp(CONCENTRATION * (z @ preferred.mT - 1)))
    return _noisy(truth, 1500, noise_var, torch.Generator().manual_seed(seed))


def _noisy(truth: Immersion, n_times: int, noise_var: float, generator: torch.Generator) -> Sample:
    points = truth.template.sample(n_times, generator)
    clean = truth.on_points(points)
    noise = torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    return Sample(truth.template.angles(points).numpy(), (clean + noise_var**0.5 * noise).numpy(), truth)


def _place_cells(n_units: int, _noise_var: float, seed: int) -> Sample:
    """Poisson counts of place cells on a circular track; their noise is their own."""
    recording = synthetic.place_cells(n_units=n_units, bin_size=BIN_SIZE, random_state=seed)
    angles = 2 * math.pi * recording["position"].to_numpy() / recording["position"].attrs["period"]
    counts = recording["activity"].to_numpy().astype(np.float64)
    return Sample(angles[:, None], counts, synthetic.immersion_of(recording), "poisson")


def _trefoil(z: Tensor) -> Tensor:
    """``((2 + cos 3t) cos 2t, (2 + cos 3t) sin 2t, sin 3t)``."""
    double, triple = _power(z, 2), _power(z, 3)
    return torch.cat([(2 + triple[..., :1]) * double, triple[..., 1:]], dim=-1)


def _power(z: Tensor, n: int) -> Tensor:
    """``(cos nt, sin nt)`` of ``z = (cos t, sin t)``."""
    product = z
    for _ in range(n - 1):
        x, y = product.unbind(-1)
        product = torch.stack([x * z[..., 0] - y * z[..., 1], x * z[..., 1] + y * z[..., 0]], dim=-1)
    return product


def _clifford(z: Tensor) -> Tensor:
    """Circles of radii 1 and 0.6 in planes of their own: a flat torus."""
    return z * torch.tensor([1.0, 1.0, 0.6, 0.6], dtype=z.dtype)


def _ellipsoid(z: Tensor) -> Tensor:
    return z * torch.tensor([1.0, 1.5, 2.0], dtype=z.dtype)


MANIFOLDS: dict[str, Maker] = {
    "circle wiggles": _published("circle", "wiggles", 1500, ("angle",)),
    "circle bump": _published("circle", "bump", 1500, ("angle",)),
    "sphere": _published("sphere", "bump", 2500, ("colatitude", "longitude")),
    "torus": _published("torus", "bump", 2500, ("angle_0", "angle_1")),
    "trefoil knot": _embedded("circle", _trefoil, 1500),
    "tuned circle": _tuned,
    "ellipsoid": _embedded("sphere", _ellipsoid, 2500),
    "Clifford torus": _embedded("torus", _clifford, 2500),
    "place cells": _place_cells,
}

"""Samples that arrive later: what a decoder remembers of earlier ones, and how it goes on.

The moments of all samples so far, in the coordinates of the decoder, stand for them: expectation-maximisation over the
new ones takes them as they are (Neal & Hinton 1998, incremental EM), so the coordinates stay, and no sample is kept.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold.manifolds import Manifold
from neuromanifold.models.expectation_maximisation import (
    Basis,
    block_moments,
    expectation_maximisation,
    grid_posterior,
)
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.harmonic_regression import Prior, Regression, fit_regression
from neuromanifold.models.moments import Moments
from neuromanifold.models.noise import Noise
from neuromanifold.models.samples import Samples, chosen, like
from neuromanifold.models.sizes import GRID_SIZES, largest_order
from neuromanifold.models.twicing import once_or_twice

__all__ = ["KEPT", "LAST_GAIN", "LAST_STEPS", "Seen", "lowered", "remembered", "seen_basis", "updated"]

# Steps over all samples from a decoder that is near, and the least gain (nats per sample) that is worth a further one.
LAST_STEPS, LAST_GAIN = 10, 1e-4
# What is remembered is like this: float64, on the CPU.
KEPT = torch.zeros((), dtype=torch.float64)


@dataclass(frozen=True)
class Seen:
    """Moments of the samples so far, less a centre (d,), and their autocorrelation time; float64, on the CPU."""

    moments: Moments
    centre: Tensor
    time: float

    def arrays(self) -> dict[str, Tensor]:
        """What a file must hold."""
        m = self.moments
        parts = {"gram": m.gram, "cross": m.cross, "second": m.second, "centre": self.centre}
        numbers = {"n_samples": torch.tensor(m.n_samples), "time": torch.tensor(self.time, dtype=torch.float64)}
        return {f"seen.{name}": value for name, value in (parts | numbers).items()}

    @classmethod
    def restored(cls, arrays: Mapping[str, Tensor]) -> Seen | None:
        """From the arrays of a file; None where it holds none."""
        if "seen.gram" not in arrays:
            return None
        gram, cross, second, centre = (arrays[f"seen.{name}"] for name in ("gram", "cross", "second", "centre"))
        moments = Moments(gram, cross, second, int(arrays["seen.n_samples"]))
        return cls(moments, centre, float(arrays["seen.time"]))


def seen_basis(template: Manifold, like: Tensor, independent: bool) -> Basis:
    """All harmonics that a fit may ever have, whatever the number of samples."""
    order, n_grid = largest_order(template, sys.maxsize), GRID_SIZES.get(template.dim, 4096)
    return Basis.make(template, order, n_grid, like, independent)


def lowered(decoder: HarmonicDecoder, centre: Tensor) -> HarmonicDecoder:
    """The decoder less a constant (d,)."""
    constant = centre.to(decoder.weight) * decoder.template.volume**0.5
    return decoder.changed(-constant[None])


def remembered(
    decoder: HarmonicDecoder,
    noise: Noise,
    time: float,
    beta: float,
    activity: Samples,
    centre: Tensor,
    labels: Tensor,
    independent: bool,
) -> Seen:
    """What a fitted decoder remembers of activity (n, d) of mean ``centre`` with labels (n, k), NaN where unknown.

    ``independent`` says whether the noise of units was taken to be.
    """
    basis = seen_basis(decoder.template, like(activity), independent)
    moments = _moments(
        basis, basis.weights_of(lowered(decoder, centre)), noise.to(like(activity)), beta, activity - centre, labels
    )
    return Seen(moments.to(KEPT), centre.cpu().double(), time)


def updated(
    decoder: HarmonicDecoder, noise: Noise, seen: Seen, beta: float, activity: Samples, labels: Tensor, groups: Tensor
) -> tuple[Regression, Basis, Seen]:
    """The decoder of the samples so far and of activity (n, d) with labels (n, k), inside intervals (n,).

    The regression is of activity less the centre.
    """
    some = like(activity)
    basis, centre = seen_basis(decoder.template, some, seen.moments.independent), seen.centre.to(some)
    x, known = activity - centre, torch.isfinite(labels).all(dim=1)
    weight, noise = basis.weights_of(lowered(decoder, centre)), noise.to(some)
    points = grid_posterior(basis, weight, noise, beta).mean_points(x)
    points[known] = basis.template.embed(labels[known])
    time = basis.residual_time(x, weight, points, groups)
    n_before = seen.moments.n_samples
    time = (seen.time * n_before + time * len(x)) / (n_before + len(x))
    size = len(basis.template.harmonics(largest_order(basis.template, round((n_before + len(x)) / time))))
    fixed = seen.moments.to(some)
    fixed = fixed + basis.moments(basis.template.embed(labels[known]), chosen(x, known))
    if bool(known.all()):
        independent = fixed.restricted(size).thinned(time)
        found = once_or_twice(independent, basis, fit_regression(independent, basis.harmonics.eigenvalues))
    else:
        start = Regression(weight, noise, Prior(size, "power", 4.0), 0, 0.0)
        found = expectation_maximisation(
            x[~known],
            basis,
            start,
            size,
            labelled=fixed,
            beta=beta,
            max_steps=LAST_STEPS,
            tolerance=LAST_GAIN,
            thinning=time,
        ).regression
    moments = _moments(basis, found.weight, found.noise, beta, x, labels)
    return found, basis, Seen(seen.moments + moments.to(KEPT), seen.centre, time)


def _moments(basis: Basis, weight: Tensor, noise: Noise, beta: float, activity: Samples, labels: Tensor) -> Moments:
    """At labels where known, else under the posterior of a decoder of weights (q, d)."""
    return block_moments(basis, grid_posterior(basis, weight, noise, beta), activity, labels)

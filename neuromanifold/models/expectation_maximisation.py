"""Fit of the generative half: coordinate ascent on the ELBO over all posteriors, the decoder and the noise.

E-step: the exact posterior on a grid of the template (:mod:`~neuromanifold.models.grid_posterior`). M-step: the
empirical-Bayes regression (:mod:`~neuromanifold.models.harmonic_regression`) on its moments, to which samples of known
coordinates add theirs. Along a closed curve the likelihood hardly resists a reparametrisation, so without labels grid
points are relabelled in every step so that the curve is visited uniformly, as the prior says; left alone, EM drifts,
and at constant speed a smooth decoder would be a rough one wherever the curve bends (the gauge of the result is chosen
afterwards, :mod:`~neuromanifold.models.gauge`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold.manifolds import Grid, Harmonics, Manifold
from neuromanifold.models.grid_posterior import GridPosterior
from neuromanifold.models.harmonic_regression import Prior, Regression, fit_regression
from neuromanifold.models.moments import Moments
from neuromanifold.models.noise import Noise

__all__ = ["Basis", "Fit", "expectation_maximisation", "grid_posterior", "posterior_width"]

# A posterior narrower than this many grid steps is not resolved: its mean is then used as a point.
LEAST_WIDTH = 0.5
# The family and band limit of the prior are chosen again in every so-many-th step; the scale in every step.
CHOICE_INTERVAL = 5
# Occupancy is made uniform up to this frequency, and taken to be nowhere less than this share of its mean.
DENSITY_ORDER = 4
LEAST_DENSITY = 0.05


@dataclass(frozen=True)
class Basis:
    """Harmonics of a template up to an order, and a grid with their values on it, on one device and in one dtype."""

    template: Manifold
    order: int
    harmonics: Harmonics
    grid: Grid
    values: Tensor

    @classmethod
    def make(cls, template: Manifold, order: int, n_grid: int, like: Tensor) -> Basis:
        """Basis for activity ``like``."""
        plain = template.grid(n_grid)
        grid = Grid(plain.angles.to(like), plain.points.to(like), plain.weights.to(like), plain.shape)
        harmonics = template.harmonics(order).to(like.device)
        return cls(template, order, harmonics, grid, harmonics(grid.points))

    @property
    def is_closed_curve(self) -> bool:
        return self.template.dim == 1 and self.template.periods[0] is not None

    @property
    def step(self) -> float:
        """Typical distance between neighbouring grid points."""
        return float((self.grid.weights.sum() / len(self.grid.weights)) ** (1 / self.template.dim))


@dataclass(frozen=True)
class Fit:
    """A regression with the mean log-likelihood of the last E-step and the number of steps taken."""

    regression: Regression
    log_likelihood: float
    n_steps: int


def expectation_maximisation(
    activity: Tensor,
    basis: Basis,
    start: Regression,
    n_harmonics: int,
    *,
    labelled: Moments | None = None,
    beta: float = 1.0,
    max_steps: int = 30,
    tolerance: float = 1e-3,
    thinning: float = 1.0,
) -> Fit:
    """Alternate exact posteriors and regressions from a start until the likelihood stops rising.

    Parameters
    ----------
    activity : Tensor (n, d)
        Samples of unknown coordinates.
    start : Regression
        First decoder.
    n_harmonics : int
        The decoder may use the first so many functions; the prior's family and band limit within them are chosen
        again in every fifth step, its scale in every step.
    labelled : Moments, optional
        Of samples with known coordinates; with them the labels are the gauge.
    beta : float
        Weight of the KL divergence in the posterior.
    tolerance : float
        Least gain of mean log-likelihood (nats per sample) that is worth a further step.
    thinning : float
        Autocorrelation time of the samples, in samples.
    """
    regression, previous = start, -float("inf")
    prior: Prior | None = None
    second = activity.mT @ activity
    for n_steps in range(1, max_steps + 1):
        moments, log_likelihood = _e_step(activity, second, basis, regression, beta, labelled is None)
        if labelled is not None:
            moments = moments + labelled
        if n_steps % CHOICE_INTERVAL == 1:
            prior = None
        independent = moments.restricted(n_harmonics).thinned(thinning)
        regression = fit_regression(independent, basis.harmonics.eigenvalues, prior=prior)
        prior = regression.prior
        if log_likelihood - previous < tolerance and n_steps > 2:
            break
        previous = log_likelihood
    return Fit(regression, log_likelihood, n_steps)


def posterior_width(basis: Basis, weight: Tensor, noise: Noise) -> float:
    """Root-mean-square width of the posterior in grid steps, from the mean Fisher information of the decoder.

    ``I = int |grad f|^2 dV / (k Vol) = sum_a lambda_a |w_a|^2 / (k Vol)`` in whitened activity, by orthonormality.
    """
    white = weight @ noise.whitening
    eigenvalues = basis.harmonics.eigenvalues[: len(white)].to(white)
    information = (eigenvalues * white.square().sum(1)).sum() / (basis.template.dim * basis.template.volume)
    return float(information.rsqrt()) / basis.step


def grid_posterior(basis: Basis, weight: Tensor, noise: Noise, beta: float = 1.0) -> GridPosterior:
    """The posterior of a decoder (weights (q, d) of the first q harmonics), never narrower than the grid resolves."""
    means = basis.values[:, : len(weight)] @ weight
    widening = max(1.0, LEAST_WIDTH / posterior_width(basis, weight, noise))
    return GridPosterior(basis.template, basis.grid, means, noise, beta, widening)


def _e_step(
    activity: Tensor, second: Tensor, basis: Basis, regression: Regression, beta: float, fix_gauge: bool
) -> tuple[Moments, float]:
    """Moments under the posterior: on the grid, or at its means where it is too narrow for the grid to matter."""
    law = grid_posterior(basis, regression.weight, regression.noise, beta)
    summary = law.summary(activity)
    labels = _uniform_labels(basis, summary.mass) if fix_gauge and basis.is_closed_curve else None
    if posterior_width(basis, regression.weight, regression.noise) > LEAST_WIDTH:
        values = basis.values if labels is None else basis.harmonics(basis.template.embed(labels[:, None]))
        moments = Moments.on_grid(values, summary.mass, summary.sums, second, len(activity))
    else:
        points = law.mean_points(activity)
        if labels is not None:
            angles = _interpolated(labels, basis.template.angles(points)[:, 0])
            points = basis.template.embed(angles[:, None])
        moments = Moments.at_points(basis.harmonics, points, activity)
    return moments, summary.log_likelihood


def _uniform_labels(basis: Basis, mass: Tensor) -> Tensor:
    """Angles (G,) for the grid points of a circle in which the posterior mass (G,), smoothed, is uniform."""
    smooth = basis.values[:, : 2 * DENSITY_ORDER + 1]
    density = smooth @ (smooth.mT @ (mass / mass.sum()))
    density = density.clamp_min(LEAST_DENSITY * density.mean())
    cumulative = torch.cumsum(density, 0)
    return 2 * torch.pi * (cumulative - cumulative[0]) / cumulative[-1]


def _interpolated(labels: Tensor, angles: Tensor) -> Tensor:
    """New labels (n,) of angles on a uniform grid whose points have labels (G,), linearly in between."""
    position = angles / (2 * torch.pi) * len(labels)
    low = position.floor().long() % len(labels)
    closed = torch.cat([labels, labels.new_full((1,), 2 * torch.pi)])
    return torch.lerp(closed[low], closed[low + 1], position - position.floor())

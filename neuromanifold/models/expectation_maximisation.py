"""Fit of the generative half: coordinate ascent on the ELBO over all posteriors, the decoder and the noise.

E-step: the exact posterior on a grid of the template (:mod:`~neuromanifold.models.grid_posterior`). M-step:
the empirical-Bayes regression (:mod:`~neuromanifold.models.harmonic_regression`) on its moments, to which
samples of known coordinates add theirs. Along a closed curve the likelihood hardly resists a
reparametrisation, so without labels grid points are relabelled in every step so that the curve is visited
uniformly, as the prior says; left alone, EM drifts, and at constant speed a smooth decoder would be a rough
one wherever the curve bends (the gauge of the result is chosen afterwards,
:mod:`~neuromanifold.models.gauge`). On surfaces the prior is the density of the samples
(:mod:`~neuromanifold.models.sampling_density`), and the last steps move the surface along its normals only
(:mod:`~neuromanifold.models.normal_motion`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from neuromanifold._blocks import ENOUGH, stretches
from neuromanifold.manifolds import Grid, Harmonics, Manifold
from neuromanifold.models.autocorrelation import autocorrelation_time
from neuromanifold.models.grid_posterior import GridPosterior
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.harmonic_regression import Prior, Regression, fit_regression
from neuromanifold.models.moments import BLOCK, Moments, second_moments
from neuromanifold.models.narrow_posterior import NarrowPosterior
from neuromanifold.models.noise import Noise
from neuromanifold.models.normal_motion import along_normals
from neuromanifold.models.occupancy import DENSITY_ORDER, density, interpolated, uniform_labels
from neuromanifold.models.samples import Samples, chosen, loaded
from neuromanifold.models.sampling_density import SamplingDensity

__all__ = [
    "Basis",
    "Fit",
    "block_moments",
    "expectation_maximisation",
    "expected_moments",
    "grid_posterior",
    "posterior_width",
]

# A posterior narrower than this many grid steps is not resolved: it is then taken for Gaussian.
LEAST_WIDTH = 0.5
# The family and band limit of the prior are chosen again in every so-many-th step; the scale in every step.
CHOICE_INTERVAL = 5


@dataclass(frozen=True)
class Basis:
    """Harmonics of a template up to an order, and a grid with their values on it, on one device and in one dtype.

    ``independent`` says whether the noise of units about a decoder in these harmonics is taken to be independent.
    """

    template: Manifold
    order: int
    harmonics: Harmonics
    grid: Grid
    values: Tensor
    independent: bool = False

    @classmethod
    def make(cls, template: Manifold, order: int, n_grid: int, like: Tensor, independent: bool = False) -> Basis:
        """Basis for activity ``like``."""
        plain = template.grid(n_grid)
        grid = Grid(plain.angles.to(like), plain.points.to(like), plain.weights.to(like), plain.shape)
        harmonics = template.harmonics(order).to(like.device)
        return cls(template, order, harmonics, grid, harmonics(grid.points), independent)

    def moments(self, points: Tensor, activity: Samples) -> Moments:
        """Moments of activity (n, d) at known points (n, m), or several (n, c, m) of each sample, of the template."""
        return Moments.at_points(self.harmonics, points, activity, self.independent)

    def decoder(self, weight: Tensor) -> HarmonicDecoder:
        """Decoder of weights (q, d) of the first q harmonics, of the least order that has them."""
        return HarmonicDecoder(self.template, self.order, weight).trimmed(len(weight)).like(weight)

    def weights_of(self, decoder: HarmonicDecoder) -> Tensor:
        """Weights (p, d) of a decoder in all harmonics of the basis, by least squares over the grid."""
        values = self.values.cpu().double()
        on_grid = decoder(self.grid.points.to(decoder.weight))
        return torch.linalg.lstsq(values, on_grid, driver="gelsd").solution.to(self.values)

    def decoded(self, weight: Tensor, points: Tensor) -> Tensor:
        """The decoder of weights (q, d) of the first q harmonics at points (n, m): (n, d)."""
        decoded = weight.new_empty(len(points), weight.shape[1])
        # Into its place: blocks that are joined afterwards are there twice.
        for out, z in zip(decoded.split(BLOCK), points.split(BLOCK), strict=True):
            torch.mm(self.harmonics(z)[:, : len(weight)], weight, out=out)
        return decoded

    def residual_time(self, activity: Samples, weight: Tensor, points: Tensor, groups: Tensor) -> float:
        """Autocorrelation time, in samples, of activity (n, d) less :meth:`decoded`, inside intervals (n,).

        A recording of a million samples says it in a part of them, stretches spread over the whole.
        """
        if len(activity) > ENOUGH:
            rows, stretch = (torch.as_tensor(found).to(points.device) for found in stretches(len(activity)))
            activity, points = activity[rows], points[rows]
            groups = torch.unique(groups[rows], return_inverse=True)[1] * len(rows) + stretch
        decoded = self.decoded(weight, points)
        return autocorrelation_time(torch.sub(loaded(activity), decoded, out=decoded), groups)

    def restricted(self, n_harmonics: int) -> Basis:
        """The same grid with the least order that has the first ``n_harmonics`` functions, or all."""
        decoder = self.decoder(self.values.new_zeros(min(n_harmonics, len(self.harmonics)), 1))
        harmonics = decoder.harmonics
        values = self.values[:, : len(harmonics)]
        return replace(self, order=decoder.order, harmonics=harmonics, values=values)

    @property
    def is_closed_curve(self) -> bool:
        return self.template.dim == 1 and self.template.periods[0] is not None

    @property
    def is_closed_surface(self) -> bool:
        template = self.template
        return template.dim == 2 and template.cover is template and template.periods[-1] is not None

    @property
    def step(self) -> float:
        """Typical distance between neighbouring grid points."""
        return float((self.grid.weights.sum() / len(self.grid.weights)) ** (1 / self.template.dim))


@dataclass(frozen=True)
class Fit:
    """A regression with the mean log-likelihood of the last E-step, the number of steps taken, and the density of the
    samples over the template (None where the prior is uniform).
    """

    regression: Regression
    log_likelihood: float
    n_steps: int
    density: SamplingDensity | None = None


def expectation_maximisation(
    activity: Samples,
    basis: Basis,
    start: Regression,
    n_harmonics: int,
    *,
    labelled: Moments | None = None,
    beta: float = 1.0,
    max_steps: int = 30,
    tolerance: float = 1e-3,
    thinning: float = 1.0,
    sliding: bool = True,
) -> Fit:
    """Alternate exact posteriors and regressions from a start until the likelihood stops rising.

    Parameters
    ----------
    activity : Samples (n, d)
        Those of unknown coordinates.
    start : Regression
        First decoder.
    n_harmonics : int
        The decoder may use the first so many functions; the prior's family and band limit within them are
        chosen again in every fifth step, its scale in every step.
    labelled : Moments, optional
        Of samples with known coordinates; with them the labels are the gauge.
    beta : float
        Weight of the KL divergence in the posterior.
    tolerance : float
        Least gain of mean log-likelihood (nats per sample) that is worth a further step.
    thinning : float
        Autocorrelation time of the samples, in samples.
    """
    relabelled = labelled is None and basis.is_closed_curve
    basis = basis.restricted(max(n_harmonics, len(start.weight), 2 * DENSITY_ORDER + 1 if relabelled else 0))
    second = second_moments(activity, basis.independent)
    regression, previous = start, -float("inf")
    prior: Prior | None = None
    density: SamplingDensity | None = None
    for n_steps in range(1, max_steps + 1):
        law = grid_posterior(basis, regression.weight, regression.noise, beta, density)
        moments, log_likelihood = expected_moments(activity, basis, law, second, relabelled=relabelled)
        if labelled is not None:
            moments = moments + labelled
        elif basis.is_closed_surface:
            density = SamplingDensity.of(moments, basis.decoder(moments.cross))
        if n_steps % CHOICE_INTERVAL == 1:
            prior = None
        independent = moments.restricted(n_harmonics).thinned(thinning)
        fitted = fit_regression(independent, basis.harmonics.eigenvalues, prior=prior)
        if not sliding:
            before = basis.decoder(regression.weight)
            fitted = replace(fitted, weight=along_normals(before, fitted.weight, basis.grid, basis.values))
        regression, prior = fitted, fitted.prior
        if log_likelihood - previous < tolerance and n_steps > 2:
            break
        previous = log_likelihood
    return Fit(regression, log_likelihood, n_steps, density)


def posterior_width(basis: Basis, weight: Tensor, noise: Noise) -> float:
    """Root-mean-square width of the posterior in grid steps, from the mean Fisher information of the decoder.

    ``I = int |grad f|^2 dV / (k Vol) = sum_a lambda_a |w_a|^2 / (k Vol)`` in whitened activity, by
    orthonormality.
    """
    white = weight @ noise.whitening
    eigenvalues = basis.harmonics.eigenvalues[: len(white)].to(white)
    information = (eigenvalues * white.square().sum(1)).sum() / (basis.template.dim * basis.template.volume)
    return float(information.rsqrt()) / basis.step


def grid_posterior(
    basis: Basis, weight: Tensor, noise: Noise, beta: float = 1.0, density: SamplingDensity | None = None
) -> GridPosterior | NarrowPosterior:
    """The posterior of a decoder (weights (q, d) of the first q harmonics): on the grid where that resolves it."""
    at_grid = None if density is None else density(basis.grid.points)
    means = basis.values[:, : len(weight)] @ weight
    # A tempered posterior is narrower (beta < 1) or wider than the noise.
    width = beta**0.5 * posterior_width(basis, weight, noise)
    if width > LEAST_WIDTH:
        return GridPosterior(basis.template, basis.grid, means, noise, beta, density=at_grid)
    wide = GridPosterior(basis.template, basis.grid, means, noise, 1.0, LEAST_WIDTH * beta**0.5 / width)
    return NarrowPosterior(wide, basis.decoder(weight), noise, beta, density)


def block_moments(basis: Basis, law: GridPosterior | NarrowPosterior, activity: Samples, labels: Tensor) -> Moments:
    """Moments of activity (n, d) at labels (n, k) where known, else under the posterior."""
    known = torch.isfinite(labels).all(dim=1)
    moments = basis.moments(basis.template.embed(labels[known]), chosen(activity, known))
    if bool(known.all()):
        return moments
    return moments + expected_moments(chosen(activity, ~known), basis, law)[0]


def expected_moments(
    activity: Samples,
    basis: Basis,
    law: GridPosterior | NarrowPosterior,
    second: Tensor | None = None,
    *,
    relabelled: bool = False,
) -> tuple[Moments, float]:
    """Moments under the posterior, and the mean log-likelihood: sums over the grid, or over sigma points.

    ``second``: the activity's second moments where they are known. ``relabelled``: with the coordinates of a closed
    curve in which it is visited uniformly.
    """
    if isinstance(law, GridPosterior):
        summary = law.summary(activity)
        values = basis.values
        if relabelled:
            labels = uniform_labels(basis.values, density(values, summary.mass))
            values = basis.harmonics(basis.template.embed(labels[:, None]))
        second = second_moments(activity, basis.independent) if second is None else second
        return Moments.on_grid(values, summary.mass, summary.sums, second, len(activity)), summary.log_likelihood
    points, log_likelihood = law.sigma_points(activity)
    if relabelled:
        flat = points.flatten(0, 1)
        labels = uniform_labels(basis.values, density(basis.harmonics(flat), torch.ones_like(flat[:, 0])))
        flat = basis.template.embed(interpolated(labels, basis.template.angles(flat)[:, 0])[:, None])
        points = flat.unflatten(0, points.shape[:2])
    return basis.moments(points, activity).thinned(points.shape[1]), float(log_likelihood.mean())

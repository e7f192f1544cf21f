"""Labels that hold to within a tolerance: ``y | z`` is scattered about the sample's true point z.

On circles, tori and spheres the law of the label is von Mises-Fisher of concentration ``1 / s^2``; as a
function of z it is a Gaussian in the template's embedding,

    p(y | z) ∝ exp(<y, z> / s^2) ∝ exp(-|y - z|^2 / 2 s^2),

so a label is m further units that encode the template's own coordinates with noise s (the tolerance): the
posterior given activity and label is that of ``[x, y]`` under the decoder ``[f(z), z]``. Expectation-
maximisation over all samples finds f, s and, for every group of samples, the turn of its labels against the
manifold. A decoder fitted as if such labels were exact is f smeared by them, and its noise too large.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from neuromanifold.models.expectation_maximisation import Basis, expected_moments, grid_posterior
from neuromanifold.models.grid_posterior import GridPosterior
from neuromanifold.models.harmonic_regression import Prior, Regression, fit_regression
from neuromanifold.models.labelled_samples import LabelFit, LabelledSamples
from neuromanifold.models.moments import Moments
from neuromanifold.models.narrow_posterior import NarrowPosterior
from neuromanifold.models.noise import Noise
from neuromanifold.models.samples import Samples, chosen, loaded
from neuromanifold.models.turns import best_turns, mean_turn, turned_points, turned_weight, wrapped

__all__ = ["fit_noisy_labels", "takes_tolerance"]

# Most steps are of at most this many samples, evenly spaced; the last few use all.
N_PATH = 5000
# Labels hold the coordinates softly: many a step that gains little still moves them.
MAX_STEPS, LAST_STEPS = 100, 10
GAIN = 1e-6
# The prior's family and band limit are chosen again in every so-many-th step.
CHOICE_INTERVAL = 20
LEAST_TOLERANCE = 1e-4
EMBEDDING_ERROR = 1e-8


def takes_tolerance(basis: Basis) -> bool:
    """Whether the template's coordinates are among its harmonics (not so on a Euclidean window)."""
    embedding = _coordinates(basis)
    error = basis.values[:, : len(embedding)] @ embedding - basis.grid.points
    return float(error.abs().max()) < EMBEDDING_ERROR


def fit_noisy_labels(
    samples: LabelledSamples,
    basis: Basis,
    start: Regression,
    n_harmonics: int,
    *,
    tolerance: float | None,
    beta: float,
    thinning: float,
) -> tuple[LabelFit, float]:
    """Expectation-maximisation from a first decoder until the likelihood stops rising.

    Parameters
    ----------
    n_harmonics : int
        The decoder may use the first so many functions.
    tolerance : float or None
        s where it is known, radians; None: estimated.
    thinning : float
        First guess of the samples' autocorrelation time, in samples.

    Returns
    -------
    fit : LabelFit
    autocorrelation_time : float
        Of the residual from the fitted manifold, in samples.
    """
    basis = basis.restricted(max(n_harmonics, len(start.weight), len(_coordinates(basis))))
    maximisation = _Maximisation(basis, n_harmonics, tolerance, beta)
    step = -(-len(samples) // N_PATH)
    state = _first_state(samples, basis, start, tolerance)
    state = maximisation.run(samples.every(step), state, max(thinning / step, 1.0), MAX_STEPS)
    found = state.regression
    means = grid_posterior(basis, found.weight, found.noise, beta).mean_points(samples.activity)
    time = basis.residual_time(samples.activity, found.weight, means, samples.intervals)
    state = maximisation.run(samples, state, time, LAST_STEPS)
    return _in_mean_coordinates(samples, basis, state), time


def _first_state(samples: LabelledSamples, basis: Basis, start: Regression, tolerance: float | None) -> LabelFit:
    """Tolerance from the labels' distances to the posterior means of activity alone."""
    law, known = grid_posterior(basis, start.weight, start.noise), samples.known
    points = basis.template.embed(samples.labels[known])
    distance = basis.template.distance(law.mean_points(chosen(samples.activity, known)), points)
    scatter = float((distance.square().mean() / basis.template.dim).sqrt())
    turns = samples.labels.new_zeros(samples.n_groups, basis.template.dim)
    return LabelFit(start, tolerance or max(scatter, LEAST_TOLERANCE), turns)


@dataclass(frozen=True)
class _Maximisation:
    """Steps of expectation-maximisation in one basis; ``tolerance`` None is estimated."""

    basis: Basis
    n_harmonics: int
    tolerance: float | None
    beta: float

    def run(self, samples: LabelledSamples, state: LabelFit, thinning: float, max_steps: int) -> LabelFit:
        """From a first state until the likelihood stops rising."""
        prior: Prior | None = None
        state = replace(state, log_likelihood=-math.inf)
        for n_steps in range(max_steps):
            expected = _expected(samples, self.basis, state, self.beta)
            if n_steps % CHOICE_INTERVAL == 0:
                prior = None
            independent = expected.moments.restricted(self.n_harmonics).thinned(thinning)
            regression = fit_regression(independent, self.basis.harmonics.eigenvalues, prior=prior)
            prior = regression.prior
            gain = expected.log_likelihood - state.log_likelihood
            turns = state.turns + best_turns(self.basis.template, expected.overlaps)
            state = LabelFit(regression, self.tolerance or expected.scatter, turns, expected.log_likelihood)
            if abs(gain) < GAIN:
                break
        return state


@dataclass(frozen=True)
class _Expected:
    """Under the joint posterior: moments of the activity, overlaps ``sum E[z] y^T`` (n_groups, m, m) of each
    group's labels, their scatter s, and the mean log-likelihood.
    """

    moments: Moments
    overlaps: Tensor
    scatter: float
    log_likelihood: float


def _expected(samples: LabelledSamples, basis: Basis, state: LabelFit, beta: float) -> _Expected:
    template, n_units = basis.template, samples.activity.shape[1]
    plain = grid_posterior(basis, state.regression.weight, state.regression.noise, beta)
    joint, decoder = _joint_law(basis, state, beta)
    moments, log_likelihood = _weighted_moments(samples.activity[~samples.known], basis, plain)
    overlaps, squares = [], 0.0
    for number, turn in enumerate(state.turns):
        activity, labels = samples.group(number)
        points = turned_points(template, labels, turn)
        both, likelihood = _weighted_moments(torch.cat([loaded(activity), points], 1), basis, joint)
        embedding = decoder[:, n_units:]
        overlaps.append(embedding.mT @ both.cross[: len(decoder), n_units:])
        residual = both.restricted(len(decoder)).residual(decoder)
        squares += float((residual if residual.ndim == 1 else residual.diagonal())[n_units:].sum())
        log_likelihood += likelihood - len(labels) * _surplus(basis, state.tolerance)
        moments = moments + _of_activity(both, n_units)
    n_labels = float(samples.sizes.sum())
    scatter = max((squares / (template.dim * n_labels)) ** 0.5, LEAST_TOLERANCE)
    return _Expected(moments, torch.stack(overlaps), scatter, log_likelihood / len(samples))


def _joint_law(basis: Basis, state: LabelFit, beta: float) -> tuple[GridPosterior | NarrowPosterior, Tensor]:
    """The posterior given activity and label, and the weights (q, d + m) of its decoder ``[f(z), z]``."""
    weight, noise, embedding = state.regression.weight, state.regression.noise, _coordinates(basis)
    size = max(len(weight), len(embedding))
    parts = [torch.nn.functional.pad(part, (0, 0, 0, size - len(part))) for part in (weight, embedding)]
    decoder = torch.cat(parts, dim=1)
    scatter = state.tolerance**2 * torch.eye(embedding.shape[1]).to(embedding)
    return grid_posterior(basis, decoder, Noise.of(torch.block_diag(noise.covariance, scatter)), beta), decoder


def _coordinates(basis: Basis) -> Tensor:
    """Weights (q, m) of the first harmonics that add up to the template's embedding."""
    weight = (basis.values * basis.grid.weights[:, None]).mT @ basis.grid.points
    used = torch.nonzero(weight.abs().amax(1) > EMBEDDING_ERROR)
    return weight[: int(used.max()) + 1]


def _weighted_moments(activity: Samples, basis: Basis, law: GridPosterior | NarrowPosterior) -> tuple[Moments, float]:
    """Moments under the posterior, and the summed log-likelihood; nothing of nobody."""
    if len(activity) == 0:
        return basis.moments(basis.grid.points[:0], activity), 0.0
    moments, log_likelihood = expected_moments(activity, basis, law)
    return moments, log_likelihood * len(activity)


def _of_activity(both: Moments, n_units: int) -> Moments:
    second = both.second[(slice(n_units),) * both.second.ndim]
    return Moments(both.gram, both.cross[:, :n_units], second, both.n_samples)


def _surplus(basis: Basis, tolerance: float) -> float:
    """Log of the label's density in the embedding over its density on the template, to first order in s^2."""
    codimension = basis.template.embedding_dim - basis.template.dim
    return -0.5 * codimension * math.log(2 * math.pi * tolerance**2)


def _in_mean_coordinates(samples: LabelledSamples, basis: Basis, state: LabelFit) -> LabelFit:
    """The same fit with turns relative to their mean over labels."""
    mean = mean_turn(state.turns, samples.sizes)
    weight = turned_weight(basis, state.regression.weight, mean)
    return replace(state, regression=replace(state.regression, weight=weight), turns=wrapped(state.turns - mean))

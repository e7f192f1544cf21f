"""Fit of a decoder to samples that have labels, all or some of them, exact or not.

Exact labels: one regression where all samples have one, else expectation-maximisation over the rest with the known
ones as they are. Labels that err (:mod:`~neuromanifold.models.label_errors`) hold to within a tolerance
(:mod:`~neuromanifold.models.noisy_labels`); those with another zero in every group are turned back first
(:mod:`~neuromanifold.models.offsets`).
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold.models.base import FitSettings
from neuromanifold.models.expectation_maximisation import Basis, expectation_maximisation, grid_posterior
from neuromanifold.models.harmonic_regression import Prior, Regression, fit_regression
from neuromanifold.models.label_errors import labels_err
from neuromanifold.models.labelled_samples import LabelFit, LabelledSamples
from neuromanifold.models.moments import Moments
from neuromanifold.models.noisy_labels import fit_noisy_labels, takes_tolerance
from neuromanifold.models.offsets import fit_turns
from neuromanifold.models.samples import Samples, chosen
from neuromanifold.models.sizes import largest_order
from neuromanifold.models.turns import wrapped
from neuromanifold.models.twicing import once_or_twice

__all__ = ["fit_labelled"]


def fit_labelled(samples: LabelledSamples, basis: Basis, settings: FitSettings) -> tuple[LabelFit, float]:
    """The decoder in the labels' coordinates, and the autocorrelation time of its residual in samples.

    Raises
    ------
    InputError
        If a tolerance is given on a template whose labels have no law of error.
    """
    turns = samples.labels.new_zeros(samples.n_groups, basis.template.dim)
    if samples.n_groups > 1:
        turns = fit_turns(samples, basis, settings.beta)
    turned = samples.turned(turns)
    regression, time = _at_labels(turned, basis, settings.beta)
    fit = LabelFit(regression, 0.0, turns)
    if _err(turned, basis, regression, time, settings.label_tolerance):
        noisy, time = fit_noisy_labels(
            turned,
            basis,
            regression,
            _n_harmonics(basis, int(samples.known.sum()) / time),
            tolerance=settings.label_tolerance,
            beta=settings.beta,
            thinning=time,
        )
        fit = replace(noisy, turns=wrapped(turns + noisy.turns))
    return fit, time


def _err(samples: LabelledSamples, basis: Basis, regression: Regression, time: float, tolerance: float | None) -> bool:
    """Whether the labels err: as told, or else by what their samples' activity says."""
    if tolerance and not takes_tolerance(basis):
        raise InputError(
            f"label_tolerance={tolerance}: there is no law of label errors on the template {basis.template.name!r}; "
            'use 0 (exact labels) or "auto"'
        )
    if tolerance is not None or not takes_tolerance(basis):
        return bool(tolerance)
    known = samples.known
    points = basis.template.embed(samples.labels[known])
    return labels_err(chosen(samples.activity, known), points, basis, regression, time)


def _at_labels(samples: LabelledSamples, basis: Basis, beta: float) -> tuple[Regression, float]:
    """Decoder from the labelled samples, then from all; no finer than the labelled ones alone determine."""
    activity, known = samples.activity, samples.known
    points, labelled = basis.template.embed(samples.labels[known]), chosen(activity, known)
    moments = basis.moments(points, labelled)
    moments = moments.restricted(_n_harmonics(basis, len(points)))
    thinned, time = _thinned(moments, labelled, points, samples.intervals[known], basis)
    start = fit_regression(thinned, basis.harmonics.eigenvalues)
    if known.all():
        return once_or_twice(thinned, basis, start), time
    everywhere = grid_posterior(basis, start.weight, start.noise, beta).mean_points(activity)
    everywhere[known] = points
    time = basis.residual_time(activity, start.weight, everywhere, samples.intervals)
    fit = expectation_maximisation(
        activity[~known],
        basis,
        start,
        start.prior.n_harmonics,
        labelled=basis.restricted(start.prior.n_harmonics).moments(points, labelled),
        beta=beta,
        thinning=time,
    )
    return fit.regression, time


def _thinned(
    moments: Moments, activity: Samples, points: Tensor, intervals: Tensor, basis: Basis
) -> tuple[Moments, float]:
    """Moments of as many samples at known points as are independent, and the residual's autocorrelation time."""
    # Residuals need no choice of prior.
    smooth = Prior(len(moments.gram), "power", 4.0)
    first = fit_regression(moments, basis.harmonics.eigenvalues, prior=smooth)
    time = basis.residual_time(activity, first.weight, points, intervals)
    # No finer than the independent samples determine.
    return moments.restricted(_n_harmonics(basis, len(points) / time)).thinned(time), time


def _n_harmonics(basis: Basis, n_independent: float) -> int:
    """How many functions so many independent samples determine."""
    return len(basis.template.harmonics(largest_order(basis.template, max(round(n_independent), 1))))

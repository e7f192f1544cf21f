"""What a topological VAE can be fitted to: its settings and its data, checked before any work."""

from __future__ import annotations

import os
import warnings
from numbers import Real
from typing import Any

import numpy as np

from neuromanifold._arrays import scale_fault
from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._settings import check_choice, check_number, check_positive, check_whole, check_widths
from neuromanifold._typing import ArrayLike, FloatArray
from neuromanifold.data.blocks import read_blocks
from neuromanifold.data.intervals import interval_numbers
from neuromanifold.manifolds import Manifold
from neuromanifold.models.base import Generative
from neuromanifold.models.likelihoods import LIKELIHOODS, Likelihood

__all__ = [
    "check_counts",
    "check_data",
    "check_further",
    "check_label_settings",
    "check_settings",
    "check_start",
    "warn_of_many_units",
]

# With labels: of fewer not even an ellipse and its noise are determined. Without: coordinates must be found as well.
MIN_SAMPLES, MIN_UNLABELLED = 8, 50
NOISES = ("full", "diagonal")
# Of more the noise's covariance takes minutes in each of some hundred steps (3,000 were tried).
MANY_UNITS = 2000
# The pmf is tabulated up to the largest count.
LARGEST_COUNT = 100_000


def check_settings(settings: dict[str, Any]) -> None:
    """Raise InputError where a setting of :class:`TopologicalVAE` is out of range, naming it."""
    for name in ("beta", "learning_rate", "exposure"):
        check_positive(name, settings[name])
    check_number("gamma", settings["gamma"], 0)
    for name in ("n_init", "max_epochs", "batch_size", "patience"):
        check_whole(name, settings[name], 1)
    check_widths("hidden", settings["hidden"])
    check_choice("likelihood", settings["likelihood"], tuple(LIKELIHOODS))
    check_choice("noise", settings["noise"], NOISES)
    if settings["checkpoint"] is not None and not isinstance(settings["checkpoint"], str | os.PathLike):
        raise InputError(f"checkpoint must be the path of a file, or None; got {settings['checkpoint']!r}")
    if settings["noise"] != NOISES[0] and LIKELIHOODS[settings["likelihood"]].of_counts:
        raise InputError(
            f"noise={settings['noise']!r} is a covariance of Gaussian noise; the counts of "
            f"likelihood={settings['likelihood']!r} are independent given the manifold: leave noise={NOISES[0]!r}"
        )


def check_label_settings(tolerance: Any, offsets: Any, likelihood: str) -> None:
    """Raise InputError where what is said of the labels is out of range, or more than a likelihood can take."""
    automatic = isinstance(tolerance, str) and tolerance == "auto"
    if not automatic and not (isinstance(tolerance, Real) and 0 <= float(tolerance) < np.inf):
        raise InputError(
            'label_tolerance must be "auto" or the size of the errors of the labels in radians (0: exact), got '
            f"{tolerance!r}"
        )
    if likelihood != "gaussian" and (offsets is not None or (not automatic and tolerance > 0)):
        raise InputError(
            f'likelihood={likelihood!r} takes labels as exact: label_tolerance must be 0 or "auto" and offsets None; '
            'take likelihood="gaussian" on smoothed activity'
        )


def check_counts(activity: Any, likelihood: str) -> None:
    """Raise where activity (n, d), in memory or streamed, is not counts, as a likelihood of counts needs."""
    for rows, values in read_blocks(activity):
        _check_counts(values, likelihood, rows.start)


def _check_counts(activity: FloatArray, likelihood: str, start: int) -> None:
    """The same for a block that begins at a row."""
    wrong = (activity < 0) | (activity != np.round(activity))
    if wrong.any():
        row, unit = np.argwhere(wrong)[0]
        raise InputError(
            f"likelihood={likelihood!r} needs raw counts, whole numbers of at least 0; X[{start + row}, {unit}] is "
            f"{activity[row, unit]:.4g} ({wrong.mean():.0%} of X is no count). Give spike counts in bins, not "
            'smoothed, transformed or z-scored, or take likelihood="gaussian"'
        )
    if activity.max() > LARGEST_COUNT:
        raise InputError(
            f"counts reach {activity.max():.4g}; at most {LARGEST_COUNT} in a bin can be used: take finer bins"
        )


def check_data(activity: Any, labels: FloatArray, template: Manifold, groups: ArrayLike | None) -> None:
    """Raise where activity (n, d), in memory or streamed, with labels (n, k) cannot carry the template, or groups do
    not fit it.
    """
    n, d = activity.shape
    if d < template.dim + 1:
        raise NotEnoughDataError(
            f"n_features={d}: a {template.dim}-dimensional manifold needs at least {template.dim + 1} units; record "
            "more units or take a template of lower dimension"
        )
    least = MIN_SAMPLES if np.isfinite(labels).all(1).any() else MIN_UNLABELLED
    if n < least:
        raise NotEnoughDataError(
            f"n_samples={n} is too few to fit a manifold: at least {least} are needed ({MIN_SAMPLES} with labels, "
            f"{MIN_UNLABELLED} without)"
        )
    if len(labels) and (labels == labels[0]).all():
        raise InputError(
            f"y is the same label, {labels[0].tolist()}, in all {n} rows: labels must say where on the "
            f"{template.name} each row is; give such, or leave y out"
        )
    low, high = _ranges(activity)
    if not (np.isfinite(low) & np.isfinite(high)).all():
        raise InputError("X holds NaN or infinity: leave out or interpolate those rows")
    wrong = scale_fault(np.stack([low, high]))
    if wrong is not None:
        raise InputError(f"X {wrong}")
    constant = np.flatnonzero(low == high)
    if len(constant):
        raise InputError(
            f"units {constant[:10].tolist()} are constant and carry no information: drop them "
            "(neuromanifold.prepare does)"
        )
    interval_numbers(groups, n)


def warn_of_many_units(n_units: int) -> None:
    """Warn where the covariance of the noise of so many units makes a fit a matter of hours."""
    if n_units > MANY_UNITS:
        warnings.warn(
            f"the noise of {n_units} units has a covariance of {n_units:,} x {n_units:,}, which every step inverts: "
            "such a fit takes hours. Keep the components that units share, prepare(recording, n_components='auto'), "
            "in which the manifold has the same curvature",
            UserWarning,
            stacklevel=3,
        )


def _ranges(activity: Any) -> tuple[FloatArray, FloatArray]:
    """Least and largest value of each unit (d,)."""
    ends = [(values.min(axis=0), values.max(axis=0)) for _, values in read_blocks(activity)]
    low, high = (np.stack(side) for side in zip(*ends, strict=True))
    return low.min(axis=0), high.max(axis=0)


def check_start(start: Generative, template: Manifold, likelihood: Likelihood) -> None:
    """Raise where a fit cannot go on from an earlier one."""
    before, kind = start.decoder.template, type(start)
    if before.name != template.name or not issubclass(kind, likelihood.half):
        raise InputError(
            f"warm_start=True goes on from a fit on the {before.name} ({kind.__name__}), but the settings now ask for "
            f"the {template.name} ({likelihood.half.__name__}): keep template and likelihood, or set warm_start=False"
        )


def check_further(activity: Any, labels: FloatArray, gauge: str, groups: ArrayLike | None) -> None:
    """Raise where a model whose coordinates are of a gauge cannot go on with activity (n, d) and labels (n, k)."""
    n = len(activity)
    if n < MIN_SAMPLES:
        raise NotEnoughDataError(f"n_samples={n}: partial_fit takes at least {MIN_SAMPLES} rows at a time")
    if np.isfinite(labels).all(1).any() and gauge != "task coordinates":
        raise InputError(
            f"the model's coordinates were found without labels ({gauge}), which those of y do not match: leave y out, "
            "or fit with labels from the first call on"
        )
    interval_numbers(groups, n)

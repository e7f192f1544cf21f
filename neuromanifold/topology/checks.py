"""What ``Topology`` accepts: settings that can decide something, and activity that can show it."""

from __future__ import annotations

from numbers import Real

import numpy as np

from neuromanifold._blocks import parts
from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._settings import check_choice, check_level, check_whole
from neuromanifold._typing import FloatArray, IntArray
from neuromanifold.topology.metrics import METRICS
from neuromanifold.topology.significance import NullKind, intervals_of

__all__ = [
    "ALPHA",
    "MIN_SAMPLES",
    "check_intervals",
    "check_settings",
    "check_shuffles",
    "check_units",
    "is_counts",
    "stabilised",
]

# After the density filter; a verdict from this few is "undecided" at best.
MIN_SAMPLES = 8
MIN_LANDMARKS = 10
# Level of each claimed bar, where nothing else is said.
ALPHA = 0.05
# Shorter intervals hold too few different shifts: most units stay almost where they were.
MIN_INTERVAL = 10
NULLS = ("auto", "time-shift", "permutation")


def check_settings(
    alpha: float,
    n_shuffles: int,
    landmarks: dict[str, int],
    density_quantile: float | str,
    *,
    metric: str,
    amplitude: str,
    root: bool | str,
    null: str,
) -> None:
    """Refuse settings that cannot decide anything."""
    check_level(alpha, "alpha")
    check_shuffles(n_shuffles, alpha)
    for name, number in landmarks.items():
        check_whole(name, number, MIN_LANDMARKS)
    share = density_quantile
    automatic = isinstance(share, str) and share == "auto"
    if not automatic and not (isinstance(share, Real) and 0 < share <= 1):
        raise InputError(f'density_quantile must lie in (0, 1], or be "auto"; got {density_quantile!r}')
    choices = {
        "metric": (metric, tuple(METRICS)),
        "amplitude": (amplitude, ("auto", "keep", "remove")),
        "root": (root, (True, False, "auto")),
        "null": (null, NULLS),
    }
    for name, (given, allowed) in choices.items():
        check_choice(name, given, allowed)


def check_shuffles(n_shuffles: int, alpha: float = ALPHA) -> None:
    """Refuse numbers of shuffles that can never reach a p-value of ``alpha``."""
    check_whole("n_shuffles", n_shuffles, 1)
    if 1 / (1 + n_shuffles) > alpha:
        raise InputError(
            f"{n_shuffles} shuffles cannot reach p <= {alpha:g}: use n_shuffles >= {int(np.ceil(1 / alpha - 1))}"
        )


def is_counts(activity: FloatArray) -> bool:
    """Whether all values are whole numbers from 0 up."""
    return all(np.all(part >= 0) and np.all(part == np.round(part)) for part in parts(activity))


def stabilised(activity: FloatArray) -> FloatArray:
    """Square roots, which make the noise of Poisson counts even.

    Raises
    ------
    InputError
        For negative values.
    """
    if np.any(activity < 0):
        raise InputError(
            f"the root was taken of counts, but there are negative values (down to {activity.min():.3g}): give counts, "
            "or Topology(root=False)"
        )
    return np.asarray(np.sqrt(activity))


def check_units(activity: FloatArray, density_quantile: float) -> None:
    """Refuse too few samples or units, and constant units."""
    n, d = activity.shape
    if d < 2:
        raise NotEnoughDataError(
            f"n_features={d}: one unit traces no loop; give the activity of at least 2 units, better 10"
        )
    if int(density_quantile * n) < MIN_SAMPLES:
        raise NotEnoughDataError(
            f"n_samples={n} with density_quantile={density_quantile:g} is too few to tell holes from noise: at least "
            f"{int(np.ceil(MIN_SAMPLES / density_quantile))} are needed, and some thousands are better"
        )
    constant = np.flatnonzero(np.ptp(activity, axis=0) == 0)
    if len(constant):
        raise InputError(
            f"units {constant[:10].tolist()} are constant and carry no information: drop them, as "
            "neuromanifold.prepare does"
        )


def check_intervals(intervals: IntArray, null: NullKind) -> None:
    """Refuse intervals (n,) too short for the null."""
    n_samples = len(intervals)
    _, lengths = intervals_of(intervals)
    if null == "time-shift" and 2 * lengths[lengths >= MIN_INTERVAL].sum() < n_samples:
        raise InputError(
            f"the {len(lengths)} intervals of groups have {np.median(lengths):.0f} samples each (median): too short to "
            f'shift units in time inside them (at least {MIN_INTERVAL}). Use finer bins, or null="permutation" if '
            "samples may be exchanged"
        )

"""The pooled profile: what the sessions of one or several animals have in common, and how sure that is.

Every animal counts once, however many sessions it has, and every session of an animal alike. Bands are those of
:mod:`~neuromanifold.bands` about draws of the hierarchical bootstrap (:mod:`~neuromanifold.statistics.hierarchy`).
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuromanifold._random import numpy_generator
from neuromanifold._settings import check_level, check_whole
from neuromanifold._typing import BoolArray, FloatArray, IntArray, RandomState
from neuromanifold.bands import band
from neuromanifold.statistics.hierarchy import Contrast, Levels, contrast
from neuromanifold.statistics.session_profiles import POOLED, SessionProfiles
from neuromanifold.statistics.stamp import quantity, stamped

__all__ = ["ALL", "bounds", "mean_weights", "pooled_profile"]

ALL = "all sessions"


def pooled_profile(
    sessions: SessionProfiles, *, n_bootstrap: int = 1000, level: float = 0.9, random_state: RandomState = None
) -> xr.Dataset:
    """The mean profile of all sessions, and of each group where there are several, with bands.

    Parameters
    ----------
    sessions : SessionProfiles
    n_bootstrap : int
        Draws of the hierarchical bootstrap.
    level : float
        Coverage of the bands.
    random_state : int, Generator or None

    Returns
    -------
    Dataset
        ``mean_curvature_norm`` and ``dimensionless_mean_curvature`` (group, point) with ``_lower``, ``_upper``,
        ``_simultaneous_lower`` and ``_simultaneous_upper``; their ``_mean`` (group) over the template's points with
        ``_lower`` and ``_upper``; ``n_animals``, ``n_sessions`` (group). The first group is all sessions.

    Raises
    ------
    InputError
        If a setting is out of range, or profiles are at different points.
    """
    check_whole("n_bootstrap", n_bootstrap, 2)
    check_level(level)
    rng = numpy_generator(random_state)
    groups = {ALL: np.ones(len(sessions.names), bool)}
    if len(sessions.group_names) > 1:
        groups |= {name: sessions.group_codes == code for code, name in enumerate(sessions.group_names)}
    first, animals = sessions.first, sessions.animal_codes
    levels = Levels(animals, animals)
    pooled = xr.Dataset(
        {
            "n_animals": ("group", [len(np.unique(animals[rows])) for rows in groups.values()], quantity("animals")),
            "n_sessions": ("group", [int(rows.sum()) for rows in groups.values()], quantity("sessions")),
        },
        coords={"group": list(groups), **sessions.points},
    )
    for name in POOLED:
        deviations = sessions.deviations[name].__getitem__
        parts = []
        for rows in groups.values():
            found = contrast(sessions.values[name], deviations, mean_weights(animals, rows), levels, n_bootstrap, rng)
            parts.append(bounds(found, first, name, first[name].attrs, level, not_negative=True))
        pooled = pooled.merge(xr.concat(parts, "group", combine_attrs="drop_conflicts"))
    about = {key: first.attrs[key] for key in ("template", "gauge") if key in first.attrs}
    return stamped(pooled, random_state, n_bootstrap=n_bootstrap, level=level, **about)


def mean_weights(animals: IntArray, rows: BoolArray) -> FloatArray:
    """Weights (n_sessions,) of a mean over the sessions of ``rows``: each animal alike, and its sessions alike."""
    counts = np.bincount(animals[rows], minlength=int(animals.max()) + 1)
    return np.where(rows, 1 / np.maximum(counts[animals] * np.count_nonzero(counts), 1), 0.0)


def bounds(
    found: Contrast,
    first: xr.Dataset,
    name: str,
    attrs: dict[str, str],
    level: float,
    *,
    not_negative: bool,
) -> xr.Dataset:
    """A contrast of a quantity (point) with its bands, and its mean over points with an interval."""
    # One session alone stands on as many units as it resampled itself.
    n_units = found.n_units if found.n_units > 1 else int(first.attrs.get("n_resampled", 2))
    data = {name: ("point", found.estimate, attrs)}
    for suffix, (values, meaning) in band(
        found.estimate, found.draws, n_units, level, not_negative=not_negative
    ).items():
        data[f"{name}{suffix}"] = ("point", values, attrs | {"long_name": f"{attrs['long_name']}, {meaning}"})
    mean, draws = np.nanmean(found.estimate, keepdims=True), np.nanmean(found.draws, axis=1, keepdims=True)
    interval = band(mean, draws, n_units, level, not_negative=not_negative)
    average = attrs | {"long_name": f"{attrs['long_name']}, mean over the template's points"}
    scalars = {f"{name}_mean{end}": ((), values.item(), average) for end, (values, _) in interval.items()}
    scalars = {key: scalar for key, scalar in scalars.items() if "simultaneous" not in key}
    return xr.Dataset({**data, f"{name}_mean": ((), mean.item(), average), **scalars})

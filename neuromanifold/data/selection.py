"""Selection: which samples and which units of a recording are worth looking at.

Samples are kept where the animal moves (speed) or the population is awake (population activity); what
survives on either side of a removed sample belongs to different intervals. Units that carry nothing are
dropped: constant ones (all-zero ones among them) and exact duplicates of an earlier unit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._typing import BoolArray, FloatArray
from neuromanifold.data.blocks import read, read_blocks
from neuromanifold.data.intervals import contiguous_ids, interval_slices
from neuromanifold.data.recording import task_variables
from neuromanifold.data.smoothing import smooth_known

__all__ = ["keep_samples", "population_activity", "speed", "uninformative_units"]

# Tracking jitters from frame to frame: positions are smoothed by this Gaussian (s) before the derivative.
SPEED_SMOOTHING = 0.25


def speed(recording: xr.Dataset, variable: str | Sequence[str]) -> FloatArray:
    """Speed (n,) of the animal: ``|v|`` of a variable in units per second, else the norm of the time
    derivative.

    Positions and angles are smoothed with a Gaussian of 0.25 s inside each interval, circular ones as
    ``e^{iφ}``, and differentiated by central differences. Speed is NaN where it cannot be known.

    Raises
    ------
    InputError
        If a variable is missing or categorical.
    """
    names = [variable] if isinstance(variable, str) else list(variable)
    for name in names:
        if name not in task_variables(recording) or recording[name].attrs["kind"] == "categorical":
            numeric = [n for n in task_variables(recording) if recording[n].attrs["kind"] != "categorical"]
            raise InputError(f"no numeric task variable {name!r} for speed; there are {', '.join(numeric) or 'none'}")
    if len(names) == 1 and str(recording[names[0]].attrs["units"]).endswith("/s"):
        return np.abs(recording[names[0]].to_numpy().astype(np.float64))
    return np.sqrt(sum(_velocity(recording, name) ** 2 for name in names))


def _velocity(recording: xr.Dataset, name: str) -> FloatArray:
    groups, times = recording["interval"].to_numpy(), recording["time"].to_numpy()
    sigma = SPEED_SMOOTHING / float(recording.attrs["sampling_period"])
    values, attrs = recording[name].to_numpy().astype(np.float64), recording[name].attrs
    radius = float(attrs["period"]) / (2 * np.pi) if attrs["kind"] == "circular" else None
    path = smooth_known(values if radius is None else np.exp(1j * values / radius), groups, sigma)
    velocity = np.full(len(values), np.nan)
    for rows in interval_slices(groups):
        x = path[rows]
        steps = np.diff(x) if radius is None else radius * np.angle(x[1:] * np.conj(x[:-1]))
        if len(steps):
            slopes = steps / np.diff(times[rows])
            velocity[rows] = (np.append(slopes[:1], slopes) + np.append(slopes, slopes[-1:])) / 2
    return velocity


def population_activity(recording: xr.Dataset) -> FloatArray:
    """Mean activity (n,) over units."""
    parts = [values.mean(axis=1, dtype=np.float64) for _, values in read_blocks(recording["activity"].data)]
    return np.concatenate(parts)


def keep_samples(recording: xr.Dataset, mask: BoolArray, why: str) -> xr.Dataset:
    """The samples where ``mask`` (n,) is true; contiguous runs of them become intervals of their own.

    Raises
    ------
    NotEnoughDataError
        If fewer than two samples survive.
    """
    if int(mask.sum()) < 2:
        raise NotEnoughDataError(f"{int(mask.sum())} of {len(mask)} samples have {why}: lower the threshold")
    kept = recording.isel(time=np.flatnonzero(mask))
    times = kept["time"].to_numpy()
    ids = contiguous_ids(kept["interval"].to_numpy(), times, float(recording.attrs["sampling_period"]))
    return kept.assign_coords(interval=("time", ids))


def uninformative_units(X: Any) -> dict[str, list[int]]:
    """Columns of ``X`` (n, d), in memory or streamed, that are ``constant`` or a ``duplicate`` of an earlier column."""
    first, is_constant = read(X, slice(1)), np.ones(X.shape[1], dtype=bool)
    contents = [hashlib.blake2b(digest_size=16) for _ in range(X.shape[1])]
    for _, values in read_blocks(X):
        is_constant &= (values == first).all(axis=0)
        for content, column in zip(contents, np.ascontiguousarray(values.T), strict=True):
            content.update(column)
    seen: set[bytes] = set()
    duplicate = []
    for column, content in enumerate(contents):
        if not is_constant[column] and content.digest() in seen:
            duplicate.append(column)
        seen.add(content.digest())
    return {"constant": np.flatnonzero(is_constant).tolist(), "duplicate": duplicate}

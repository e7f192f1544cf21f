"""Prepare: from a recording to activity that geometry can be read from, each step written into the result.

The steps, in this order, each only where asked for:

1. bins of ``bin_size`` seconds;
2. samples slower than ``min_speed`` are removed (what remains on either side: separate intervals);
3. constant units and exact duplicates are dropped, with a warning that names them;
4. Gaussian smoothing with standard deviation ``smoothing`` seconds, never across an interval border;
5. samples whose population activity is below its ``min_activity`` quantile are removed;
6. ``transform``: square root or log(1 + x), which evens out Poisson variance;
7. z-score of each unit;
8. principal components.

``attrs["preparation"]`` of the result is the JSON list of the steps taken, with their settings. For any
other selection, index the Dataset: a gap in time becomes an interval border.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
import xarray as xr

from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._settings import check_choice, check_names, check_number, check_positive, check_whole
from neuromanifold._typing import FloatArray, RandomState
from neuromanifold.data.binning import rebin
from neuromanifold.data.blocks import changed_in_place
from neuromanifold.data.inference import warn
from neuromanifold.data.recording import check
from neuromanifold.data.reduction import choose_n_components, mean_and_spread, principal_components
from neuromanifold.data.selection import keep_samples, population_activity, speed, uninformative_units
from neuromanifold.data.smoothing import smooth_activity

__all__ = ["TRANSFORMS", "DroppedUnitsWarning", "noted", "preparation", "prepare"]

TRANSFORMS = {"sqrt": np.sqrt, "log1p": np.log1p}


class DroppedUnitsWarning(UserWarning):
    """Units that carry nothing were left out; the message names them."""


def prepare(
    recording: xr.Dataset,
    bin_size: float | None = None,
    smoothing: float | None = None,
    transform: str | None = "auto",
    zscore: bool = False,
    n_components: int | str | None = None,
    *,
    min_speed: tuple[str | Sequence[str], float] | None = None,
    min_activity: float | None = None,
    random_state: RandomState = None,
) -> xr.Dataset:
    """Bin, select, smooth, transform, standardise and reduce a recording; see the module for the order.

    Parameters
    ----------
    recording : Dataset
        Keeping the contract of :mod:`neuromanifold.data.recording`.
    bin_size : float, optional
        Seconds, a multiple of the sampling period.
    smoothing : float, optional
        Standard deviation of the Gaussian, seconds.
    transform : {"auto", "sqrt", "log1p", None}
        "auto" is "sqrt" for counts and rates and None for continuous activity.
    zscore : bool
        Each unit to mean 0 and standard deviation 1.
    n_components : int, "auto" or None
        Principal components to keep; "auto" chooses by parallel analysis
        (:func:`~neuromanifold.data.reduction.choose_n_components`).
    min_speed : (variable or variables, speed), optional
        Keep samples at least this fast, in the variable's units per second.
    min_activity : float in [0, 1), optional
        Remove this fraction of samples, those with the least population activity.
    random_state : int, RandomState, Generator or None
        For ``n_components="auto"``.

    Returns
    -------
    Dataset
        A recording again; with components, ``unit`` names them PC1, PC2, ... and ``loadings`` (unit,
        source_unit), ``component_mean`` (source_unit) and ``variance_ratio`` (unit) say how they were made.

    Raises
    ------
    RecordingError, InputError
        If the recording or a setting cannot be used.
    NotEnoughDataError
        If fewer than two informative units or two samples remain.
    """
    _check_settings(bin_size, smoothing, transform, n_components, min_speed, min_activity)
    prepared = check(recording)
    if bin_size is not None:
        prepared = noted(rebin(prepared, bin_size), "bin", bin_size=float(bin_size))
    if min_speed is not None:
        prepared = _fast(prepared, *min_speed)
    prepared = _informative(prepared)
    if smoothing is not None:
        prepared = _smoothed(prepared, float(smoothing))
    if min_activity is not None:
        prepared = _active(prepared, float(min_activity))
    prepared = _transformed(prepared, transform)
    if zscore:
        prepared = _standardised(prepared)
    if n_components is not None:
        prepared = _reduced(prepared, n_components, random_state)
    return check(prepared)


def _check_settings(
    bin_size: Any, smoothing: Any, transform: Any, n_components: Any, min_speed: Any, min_activity: Any
) -> None:
    if bin_size is not None:
        check_positive("bin_size", bin_size, "number of seconds")
    if smoothing is not None:
        check_number("smoothing", smoothing, 0, what="a number of seconds")
    check_choice("transform", transform, ("auto", *TRANSFORMS, None))
    if isinstance(n_components, str):
        check_choice("n_components", n_components, ("auto",))
    elif n_components is not None:
        check_whole("n_components", n_components, 1)
    if min_activity is not None and not (isinstance(min_activity, Real) and 0 <= float(min_activity) < 1):
        raise InputError(f"min_activity is {min_activity!r}; it must be the fraction of samples to remove, in [0, 1)")
    if min_speed is not None:
        if not isinstance(min_speed, tuple | list) or len(min_speed) != 2:
            raise InputError(
                f'min_speed must be a pair of variable(s) and speed, such as ("x", 3.0); got {min_speed!r}'
            )
        check_names("min_speed's variable", min_speed[0])
        check_number("min_speed's speed", min_speed[1], 0)


def preparation(recording: xr.Dataset) -> list[dict[str, Any]]:
    """The steps that made a recording, oldest first; empty for one as recorded."""
    return list(json.loads(recording.attrs.get("preparation", "[]")))


def noted(recording: xr.Dataset, step: str, **settings: Any) -> xr.Dataset:
    """The recording with one more step written into its preparation."""
    steps = [*preparation(recording), {"step": step, **settings}]
    return recording.assign_attrs(preparation=json.dumps(steps))


def _with_activity(recording: xr.Dataset, values: Any, kind: str, units: str) -> xr.Dataset:
    activity = recording["activity"].copy(data=values).assign_attrs(kind=kind, units=units)
    return recording.assign(activity=activity)


def _fast(recording: xr.Dataset, variable: str | Sequence[str], least: float) -> xr.Dataset:
    mask = speed(recording, variable) >= least
    names = [variable] if isinstance(variable, str) else list(variable)
    kept = keep_samples(recording, mask, f"a speed of {', '.join(names)} of at least {least}")
    return noted(kept, "min_speed", variables=names, speed=float(least), kept=float(mask.mean()))


def _informative(recording: xr.Dataset) -> xr.Dataset:
    dropped = uninformative_units(recording["activity"].data)
    names = {why: [str(recording["unit"].to_numpy()[c]) for c in columns] for why, columns in dropped.items()}
    columns = [c for found in dropped.values() for c in found]
    left = recording.sizes["unit"] - len(columns)
    if left < 2:
        raise NotEnoughDataError(
            f"{left} of {recording.sizes['unit']} units vary, {len(dropped['constant'])} are constant, "
            f"{len(dropped['duplicate'])} duplicates; a manifold needs at least 2"
        )
    if recording.sizes["time"] <= left:
        warn(
            f"{recording.sizes['time']} samples are not more than {left} units: expect noise, not geometry, but in the "
            "components that units share (n_components='auto')",
            UserWarning,
        )
    if not columns:
        return recording
    said = "; ".join(f"{why}: {', '.join(units)}" for why, units in names.items() if units)
    warn(f"dropped units that carry nothing ({said})", DroppedUnitsWarning)
    return noted(recording.drop_isel(unit=columns), "drop_units", **names)


def _smoothed(recording: xr.Dataset, seconds: float) -> xr.Dataset:
    activity, groups = recording["activity"], recording["interval"].to_numpy()
    sigma = seconds / float(recording.attrs["sampling_period"])
    kind = "rate" if activity.attrs["kind"] == "counts" else activity.attrs["kind"]
    smoothed = smooth_activity(activity.data, groups, sigma)
    return noted(_with_activity(recording, smoothed, kind, activity.attrs["units"]), "smooth", seconds=seconds)


def _active(recording: xr.Dataset, fraction: float) -> xr.Dataset:
    activity = population_activity(recording)
    mask = activity >= np.quantile(activity, fraction)
    kept = keep_samples(recording, mask, f"population activity above its {fraction} quantile")
    return noted(kept, "min_activity", fraction=fraction, kept=float(mask.mean()))


def _transformed(recording: xr.Dataset, transform: str | None) -> xr.Dataset:
    activity = recording["activity"]
    if transform == "auto":
        transform = None if activity.attrs["kind"] == "continuous" else "sqrt"
    if transform is None:
        return recording
    values = activity.data
    # Counts and rates are known not to be.
    if activity.attrs["kind"] == "continuous" and bool((values < 0).any()):
        raise InputError(f"transform {transform!r} needs activity that is nowhere negative: use transform=None")
    units = f"{transform}({activity.attrs['units']})"
    changed = _with_activity(
        recording, changed_in_place(values, partial(_take, function=TRANSFORMS[transform])), "continuous", units
    )
    return noted(changed, "transform", function=transform)


def _standardised(recording: xr.Dataset) -> xr.Dataset:
    values = recording["activity"].data
    mean, spread = mean_and_spread(values)
    # A unit may have become constant where inactive samples were removed; it stays, at zero.
    scale = np.where(spread > 0, spread, 1.0)
    values = changed_in_place(values, partial(_standardise, mean=mean, scale=scale))
    changed = _with_activity(recording, values, "continuous", "standard deviations")
    changed = changed.assign(zscore_mean=("unit", mean), zscore_scale=("unit", scale))
    return noted(changed, "zscore")


def _take(values: FloatArray, function: np.ufunc) -> None:
    function(values, out=values)


def _standardise(values: FloatArray, mean: FloatArray, scale: FloatArray) -> None:
    values -= mean
    values /= scale


def _reduced(recording: xr.Dataset, n_components: int | str, random_state: RandomState) -> xr.Dataset:
    values = recording["activity"].data.astype(np.float64)
    chosen = n_components
    if isinstance(n_components, str):
        chosen = choose_n_components(values, recording["interval"].to_numpy(), random_state=random_state)
    found = principal_components(values, int(chosen))
    units = recording["activity"].attrs["units"]
    source = recording.drop_vars("activity").rename({"unit": "source_unit"})
    names = [f"PC{i + 1}" for i in range(int(chosen))]
    reduced = source.assign(
        activity=(("time", "unit"), found.scores, {"kind": "continuous", "units": units}),
        loadings=(("unit", "source_unit"), found.loadings),
        component_mean=("source_unit", found.mean),
        variance_ratio=("unit", found.variance_ratio),
    )
    how = "parallel analysis" if chosen is not n_components else "given"
    return noted(reduced.assign_coords(unit=names), "components", n_components=int(chosen), chosen_by=how)

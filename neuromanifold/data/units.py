"""Unit quality: how much a unit fires, how clean it is, and how much of the session it is there.

* rate: spikes per second (Hz);
* ISI violations: the share of inter-spike intervals shorter than the refractory period, 2 ms, in which a neuron cannot
  fire twice. It needs spike times, so the readers of spike times leave it as the coordinate ``isi_violations``;
* presence: the share of stretches of 60 s of the recording in which the unit fires at all.

Further labels of units (brain area, the curator's verdict) are coordinates along ``unit`` as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._settings import check_mapping, check_number
from neuromanifold._typing import BoolArray, FloatArray
from neuromanifold.data.prepare import noted
from neuromanifold.data.recording import check

__all__ = ["isi_violations", "select_units", "unit_quality"]

REFRACTORY_PERIOD = 0.002
PRESENCE_STRETCH = 60.0


def isi_violations(trains: Sequence[npt.NDArray[Any]], refractory_period: float = REFRACTORY_PERIOD) -> FloatArray:
    """Share (d,) of inter-spike intervals of each train (seconds) that are shorter than the refractory period."""
    shares = [np.mean(np.diff(np.sort(train)) < refractory_period) if len(train) > 1 else 0.0 for train in trains]
    return np.array(shares, dtype=np.float64)


def unit_quality(recording: xr.Dataset) -> xr.Dataset:
    """Rate (Hz), presence and, where spike times were read, ISI violations of each unit.

    Raises
    ------
    InputError
        If the activity is neither counts nor rates.
    """
    checked = check(recording)
    activity, period = checked["activity"], float(checked.attrs["sampling_period"])
    if activity.attrs["kind"] not in ("counts", "rate"):
        raise InputError(f"activity is {activity.attrs['kind']}: only counts and rates have a firing rate")
    values = activity.to_numpy()
    rate = values.mean(axis=0, dtype=np.float64) / (period if activity.attrs["kind"] == "counts" else 1.0)
    found = xr.Dataset(
        {
            "rate": ("unit", rate, {"units": "Hz", "long_name": "firing rate"}),
            "presence": (
                "unit",
                _presence(values, period),
                {"units": "1", "long_name": "stretches of 60 s with a spike"},
            ),
        },
        coords={"unit": checked["unit"].to_numpy()},
    )
    if "isi_violations" in checked.coords:
        attrs = {"units": "1", "long_name": "inter-spike intervals below 2 ms"}
        found["isi_violations"] = ("unit", checked["isi_violations"].to_numpy(), attrs)
    return found


def _presence(values: npt.NDArray[Any], period: float) -> FloatArray:
    """Share (d,) of whole stretches in which each column of ``values`` (n, d) is not zero all along."""
    length = min(max(round(PRESENCE_STRETCH / period), 1), len(values))
    starts = np.arange(0, len(values) - length + 1, length)
    return np.add.reduceat(values[: starts[-1] + length] != 0, starts, axis=0).astype(bool).mean(axis=0)


def select_units(
    recording: xr.Dataset,
    labels: Mapping[str, Any] | None = None,
    *,
    min_rate: float | None = None,
    max_isi_violations: float | None = None,
    min_presence: float | None = None,
) -> xr.Dataset:
    """The units that are worth looking at; the step is written into ``attrs["preparation"]``.

    Parameters
    ----------
    recording : Dataset
        Keeping the contract of :mod:`neuromanifold.data.recording`.
    labels : mapping of name to value or list of values, optional
        Coordinates along ``unit`` and what they may be: ``{"location": "adn", "group": ["good", "mua"]}``.
    min_rate : float, optional
        Hz.
    max_isi_violations : float, optional
        Share of inter-spike intervals below 2 ms; the recording must have been read from spike times.
    min_presence : float, optional
        Share of stretches of 60 s with at least one spike.

    Raises
    ------
    InputError
        If a label is unknown or has none of the values, a measure is not known of this recording, or its bound is no
        number from 0 (shares: to 1).
    NotEnoughDataError
        If fewer than two units remain; the message says what each condition leaves.
    """
    checked = check(recording)
    labels = {} if labels is None else labels
    _check(labels, min_rate=min_rate, max_isi_violations=max_isi_violations, min_presence=min_presence)
    bounds = {"rate": min_rate, "isi_violations": max_isi_violations, "presence": min_presence}
    masks = {name: _has_label(checked, name, allowed) for name, allowed in labels.items()}
    if any(bound is not None for bound in bounds.values()):
        masks |= _within(unit_quality(checked), bounds)
    kept = np.logical_and.reduce([np.ones(checked.sizes["unit"], dtype=bool), *masks.values()])
    if kept.sum() < 2:
        left = ", ".join(f"{name}: {int(mask.sum())}" for name, mask in masks.items())
        raise NotEnoughDataError(
            f"{int(kept.sum())} of {len(kept)} units meet all conditions ({left}); a manifold needs at least 2"
        )
    stated: dict[str, Any] = {name: _listed(allowed) for name, allowed in labels.items()}
    stated |= {name: bound for name, bound in bounds.items() if bound is not None}
    return noted(checked.isel(unit=np.flatnonzero(kept)), "select_units", kept=int(kept.sum()), of=len(kept), **stated)


def _check(labels: Mapping[str, Any], **bounds: float | None) -> None:
    check_mapping("labels", labels, 'labels of units and what they may be, {"location": "adn"}')
    for name, bound in bounds.items():
        if bound is not None:
            check_number(name, bound, 0, math.inf if name == "min_rate" else 1)


def _has_label(recording: xr.Dataset, name: str, allowed: Any) -> BoolArray:
    known = [str(c) for c, values in recording.coords.items() if values.dims == ("unit",)]
    if name not in known:
        raise InputError(f"labels: units have no label {name!r}; they have {', '.join(known)}")
    values = recording[name].to_numpy()
    mask = np.array([value in _listed(allowed) for value in values.tolist()])
    if not mask.any():
        there = ", ".join(map(str, np.unique(values)[:10]))
        raise InputError(f"no unit has {name} {', '.join(map(repr, _listed(allowed)))}; there are {there}")
    return mask


def _listed(allowed: Any) -> list[Any]:
    return list(np.ravel(np.asarray(allowed, dtype=object)))


def _within(quality: xr.Dataset, bounds: Mapping[str, float | None]) -> dict[str, BoolArray]:
    masks = {}
    for name, bound in bounds.items():
        if bound is None:
            continue
        if name not in quality:
            raise InputError(f"{name} are not known: the recording was not read from spike times")
        values = quality[name].to_numpy()
        masks[name] = values <= bound if name == "isi_violations" else values >= bound
    return masks

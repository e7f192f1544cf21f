"""Joined recordings: sessions of one animal, whose units are registered, as one recording.

Sessions follow each other in time with a gap between them, so that they are separate intervals: nothing is smoothed,
shifted or split across. The coordinate ``session`` says which session a sample is of.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from neuromanifold._errors import RecordingError
from neuromanifold._settings import check_mapping
from neuromanifold.data.intervals import GAP, run_starts
from neuromanifold.data.recording import check, task_variables

__all__ = ["SESSION", "join_sessions"]

SESSION = "session"


def join_sessions(recordings: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Recordings by the name of their session as one recording of the units and task variables that all share.

    Parameters
    ----------
    recordings : mapping of str to Dataset
        In order. Units are the same where they have the same name.

    Returns
    -------
    Dataset
        With ``session`` (time), names; intervals are those of the sessions, numbered anew.

    Raises
    ------
    RecordingError
        If there is none, fewer than two units are shared, or sampling periods, kinds or units of measurement differ.
    """
    check_mapping("recordings", recordings, "recordings by the name of their session")
    checked = {name: check(recording) for name, recording in recordings.items()}
    if not checked:
        raise RecordingError("no recording to join")
    first = next(iter(checked.values()))
    for name, recording in checked.items():
        _agree(first, recording, name)
    shared = [unit for unit in first["unit"].to_numpy() if all(unit in r["unit"].to_numpy() for r in checked.values())]
    if len(shared) < 2:
        raise RecordingError(
            f"the {len(checked)} sessions share {len(shared)} units: give units that are the same cell the same name "
            "(coordinate unit), or analyse the sessions one by one"
        )
    period = float(first.attrs["sampling_period"])
    variables = [v for v in task_variables(first) if all(v in task_variables(r) for r in checked.values())]
    parts, start, interval = [], 0.0, 0
    for name, recording in checked.items():
        part = recording[["activity", *variables]].sel(unit=shared)
        part = part.drop_vars([c for c in part.coords if c not in ("time", "unit", "interval")])
        times, runs = part["time"].to_numpy(), run_starts(part["interval"].to_numpy())
        numbers = np.repeat(np.arange(len(runs)), np.diff(np.append(runs, len(times)))) + interval
        part = part.assign_coords(
            time=("time", times - times[0] + start, part["time"].attrs),
            interval=("time", numbers),
            session=("time", np.full(len(times), name)),
        )
        start, interval = float(part["time"][-1]) + 2 * GAP * period, interval + len(runs)
        parts.append(part)
    joined = xr.concat(parts, "time", data_vars="minimal", combine_attrs="override", join="exact")
    return check(joined.assign_attrs(first.attrs))


def _agree(first: xr.Dataset, other: xr.Dataset, name: str) -> None:
    periods = [float(r.attrs["sampling_period"]) for r in (first, other)]
    if abs(periods[1] / periods[0] - 1) > 0.02:
        raise RecordingError(
            f"session {name!r} is sampled every {periods[1]:.6g} s, the first every {periods[0]:.6g} s: bin both alike"
        )
    for variable in set(first.data_vars) & set(other.data_vars):
        for key in ("kind", "units", "period"):
            mine, theirs = (r[variable].attrs.get(key) for r in (first, other))
            if mine != theirs:
                raise RecordingError(
                    f"{key} of {variable!r} is {theirs!r} in session {name!r} but {mine!r} in the first: make them "
                    "alike (numbers of one unit, radians or degrees; or texts), or drop it from one"
                )

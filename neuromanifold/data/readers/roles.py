"""Roles: what the entries of a file are to a recording, guessed from name, shape and type, and shown before
chosen.

A matrix is activity, unless few columns and a name such as ``xy_cm`` or ``angles_rad`` make it a task
variable. A list of vectors, or a pair of vectors such as ``spike_times`` and ``unit_ids``, is spike times.
Vectors are task variables except those named like time, trial or session; scalars named like a bin width or
a rate give the sampling period.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from neuromanifold._errors import InputError
from neuromanifold.data.inference import units_of_name
from neuromanifold.data.readers.entries import Entry

__all__ = ["Listing", "find_activity", "listing", "named_entry", "role_of", "split_by_unit", "with_spike_pairs"]

_NAMED = {
    "time": r"(time|times|t|time_?stamps?)(_(s|ms|us))?",
    "sampling period": r"(sampling_period|sample_period|frame_period|bin|bin_?size|bin_?width|dt)(_(s|ms))?",
    "sampling rate": r"(\w+_)?(sampling_rate|sample_rate|frame_?rate|rate|fs|fps)(_hz)?",
    "interval": r"(interval|trial|session|segment|epoch|run)(_?(id|ids|number|num|index|idx))?s?",
    "spike times": r"(spikes?_?(times?|t|s|ms|samples?)?|spikes_times)(_(s|ms))?",
    "unit ids": r"(spike_?)?(units?|clusters?|neurons?|cells?)(_?(id|ids|index|idx))?|unit_?ids?",
}
_PATTERNS = {role: re.compile(rf"^{pattern}$", re.IGNORECASE) for role, pattern in _NAMED.items()}
_BEHAVIOUR = re.compile(
    r"(^|_)(x|y|z|xy|xyz|pos|positions?|location|coord\w*|angles?|heading|head_dir\w*|direction|phases?|speed|velocity|"
    r"behaviou?r|labels?)(_|$)",
    re.IGNORECASE,
)
_MAX_BEHAVIOUR_COLUMNS = 6


@dataclass(frozen=True)
class Listing:
    """What a file holds: rows of name, shape, dtype and role, and the call that loads it."""

    source: str
    rows: tuple[dict[str, str], ...]
    call: str

    def __str__(self) -> str:
        header = {key: key for key in ("name", "shape", "dtype", "role")}
        table = [header, *self.rows]
        widths = {key: max(len(row[key]) for row in table) for key in header}
        lines = ["  ".join(row[key].ljust(widths[key]) for key in header).rstrip() for row in table]
        return "\n".join([f"{self.source} holds:", *(f"  {line}" for line in lines), f"Load it with: {self.call}"])


def role_of(entry: Entry) -> str:
    """The role an entry would play: activity, spike times, time, interval, task variable, ... or other."""
    last = entry.name.rsplit(".", 1)[-1]
    if entry.role is not None:
        return entry.role
    if entry.ragged:
        return "spike times"
    if entry.dtype in ("V",):
        return "unreadable"
    if entry.is_scalar:
        scalar = [role for role in ("sampling period", "sampling rate") if _PATTERNS[role].match(last)]
        return scalar[0] if scalar and entry.is_numeric else "note"
    if entry.length:
        return _role_of_vector(entry, last)
    if len(entry.shape) < 2 or not entry.is_numeric or min(entry.shape) < 1:
        return "other"
    few = entry.shape[-1] <= _MAX_BEHAVIOUR_COLUMNS and len(entry.shape) == 2
    if few and last != "activity" and (units_of_name(last.rstrip("*_")) or _BEHAVIOUR.search(last.rstrip("*"))):
        return "task variable"
    return "activity"


def _role_of_vector(entry: Entry, name: str) -> str:
    # Labels of units and trials may be texts, times may not.
    numbers_only = ("spike times", "time") if entry.is_numeric else ()
    roles = [role for role in (*numbers_only, "interval", "unit ids") if _PATTERNS[role].match(name)]
    return roles[0] if roles else "task variable"


def with_spike_pairs(entries: Sequence[Entry]) -> list[Entry]:
    """Entries with a vector of spike times and one of unit ids of the same length made into spike trains."""
    by_role: dict[str, list[Entry]] = {}
    for entry in entries:
        by_role.setdefault(role_of(entry), []).append(entry)
    times = by_role.get("spike times") or by_role.get("time", [])
    for ids in by_role.get("unit ids", []):
        for stamps in times:
            if not stamps.ragged and stamps.length == ids.length and _repeats(ids):
                names = [str(i) for i in np.unique(ids.read())]
                pair = Entry(
                    stamps.name, (len(names),), stamps.dtype, partial(_trains, stamps, ids), ragged=True,
                    attrs={"units": names, **stamps.attrs},
                )  # fmt: skip
                return [pair, *(e for e in entries if e is not stamps and e is not ids)]
    return list(entries)


def _repeats(ids: Entry) -> bool:
    values = np.ravel(ids.read())
    return len(np.unique(values)) < len(values)


def _trains(stamps: Entry, ids: Entry) -> list[npt.NDArray[Any]]:
    return split_by_unit(np.ravel(stamps.read()), np.ravel(ids.read()))


def split_by_unit(times: npt.NDArray[Any], ids: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """Spike times (s,) of each unit, in the order of ``numpy.unique(ids)``, ids (s,)."""
    order = np.argsort(ids, kind="stable")
    starts = np.unique(ids[order], return_index=True)[1]
    return np.split(times[order], starts[1:])


def listing(source: str, entries: Sequence[Entry]) -> Listing:
    """The listing of a file's entries."""
    rows = tuple(
        {
            "name": entry.name,
            "shape": f"{entry.shape[0]} lists" if entry.ragged else str(tuple(entry.shape)),
            "dtype": str(np.dtype(entry.dtype)) if entry.dtype != "V" else "objects",
            "role": role_of(entry),
        }
        for entry in entries
    )
    candidates = _candidates(entries)
    if not candidates:
        return Listing(source, rows, f"nm.load({source!r}, activity=...)")
    chosen = candidates[0]
    extra = ", bin_size=0.05" if role_of(chosen) == "spike times" else ""
    return Listing(source, rows, f"nm.load({source!r}, activity={chosen.name!r}{extra})")


def _candidates(entries: Sequence[Entry]) -> list[Entry]:
    """Entries that could be the activity; one called ``activity`` is it."""
    found = [entry for entry in entries if role_of(entry) in ("activity", "spike times")]
    named = [entry for entry in found if entry.name == "activity"]
    return named or found


def find_activity(source: str, entries: Sequence[Entry], name: str | None) -> Entry:
    """The entry that is the activity: the one named (or alone under that name), or the only candidate.

    Raises
    ------
    InputError
        With the listing, where the choice is not clear.
    """
    if name is not None:
        return named_entry(source, entries, name, "activity")
    candidates = _candidates(entries)
    if len(candidates) == 1:
        return candidates[0]
    names = ", ".join(repr(entry.name) for entry in candidates)
    why = (
        f"which of {names} is the activity?"
        if candidates
        else "nothing looks like activity (a matrix, samples by units, or spike times): name it, activity=..."
    )
    raise InputError(f"{why}\n{listing(source, entries)}")


def named_entry(source: str, entries: Sequence[Entry], name: str, what: str) -> Entry:
    """The entry called ``name``, or the only candidate below it (``ADn`` for ``ADn.C.tsd.t``).

    Raises
    ------
    InputError
        With the listing, if there is none or the name is not enough.
    """
    exact = [entry for entry in entries if entry.name == name]
    below = [e for e in _candidates(entries) if e.name.startswith(f"{name}.") or e.name == f"{name}*"]
    found = exact or below
    if len(found) == 1:
        return found[0]
    raise InputError(f"no {what} {name!r} in it\n{listing(source, entries)}")

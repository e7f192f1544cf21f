"""Task variables of a source: which entries they are, and their columns at the samples of the activity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from neuromanifold._typing import FloatArray
from neuromanifold.data.alignment import aligned
from neuromanifold.data.inference import units_of_name, warn
from neuromanifold.data.readers.choice import Choice, Contents
from neuromanifold.data.readers.clock import behaviour_clock, find_clock
from neuromanifold.data.readers.entries import Entry

__all__ = ["aligned_variables", "sampled_variables"]


def sampled_variables(
    contents: Contents, activity: Entry, choice: Choice, n: int, times: FloatArray | None
) -> dict[str, xr.DataArray]:
    """Variables sampled with an activity of n samples, and those with a clock of their own at its ``times`` (n,)."""
    columns: dict[str, xr.DataArray] = {}
    for entry in _chosen(contents, activity, choice, n, times):
        clock = None if times is None else entry.clock
        if clock is not None and times is not None:
            columns.update(_aligned(entry, clock(), times, choice))
        elif n in entry.shape:
            columns.update(_columns(entry, np.asarray(entry.read()), n, choice))
        else:
            raise contents.error(f"{entry.name!r} has shape {entry.shape} but the activity has {n} samples")
    return columns


def aligned_variables(
    contents: Contents, activity: Entry, choice: Choice, centres: FloatArray
) -> dict[str, xr.DataArray]:
    """Variables that something gives a clock, at the centres of bins."""
    found: dict[str, xr.DataArray] = {}
    for entry in _chosen_with_clock(contents, activity, choice):
        found.update(_aligned(entry, behaviour_clock(contents, entry, choice), centres, choice))
    return found


def _named(contents: Contents, choice: Choice) -> list[Entry] | None:
    if choice.variables is None:
        return None
    names = [choice.variables] if isinstance(choice.variables, str) else list(choice.variables)
    return [contents.named(name, "task variable") for name in names]


def _chosen(contents: Contents, activity: Entry, choice: Choice, n: int, times: FloatArray | None) -> list[Entry]:
    named = _named(contents, choice)
    if named is not None:
        return named
    found = [entry for entry in contents.of_role("task variable") if entry is not activity]
    found = [e for e in found if n in e.shape if e.clock is None or times is None] + [
        e for e in found if e.clock is not None and times is not None
    ]
    return [entry for entry in found if not entry.dims or not activity.dims or entry.dims[0] == activity.dims[0]]


def _chosen_with_clock(contents: Contents, activity: Entry, choice: Choice) -> list[Entry]:
    named = _named(contents, choice)
    if named is not None:
        return named
    found = [e for e in contents.of_role("task variable") if e.is_numeric and e is not activity]
    timed = [e for e in found if find_clock(contents, e, choice) is not None]
    left = [e.name for e in found if e not in timed]
    if left:
        warn(f"left out, since nothing says when they were sampled: {', '.join(left)}")
    return timed


def _aligned(entry: Entry, clock: FloatArray, centres: FloatArray, choice: Choice) -> dict[str, xr.DataArray]:
    columns = _columns(entry, np.asarray(entry.read()), len(clock), choice)
    return {name: aligned(name, column, clock, centres) for name, column in columns.items()}


def _columns(entry: Entry, values: npt.NDArray[Any], n: int, choice: Choice) -> dict[str, xr.DataArray]:
    """The columns of a task variable, ``name`` or ``name_0``, ``name_1``, ..., and what is stated of them."""
    matrix = values.reshape(n, -1) if len(values) == n else values.reshape(-1, n).T
    stated = {key: entry.attrs[key] for key in ("kind", "units", "period") if key in entry.attrs}
    if isinstance(choice.variables, Mapping):
        stated.update(choice.variables[entry.name] or {})
    units = units_of_name(entry.name)
    stem = entry.name.removesuffix("*")
    names = [stem] if matrix.shape[1] == 1 else [f"{stem}_{i}" for i in range(matrix.shape[1])]
    names = list(entry.attrs.get("columns", names))
    attrs = {**({"units": units} if units else {}), **stated}
    return {
        name: xr.DataArray(column, dims=("time",), attrs=attrs) for name, column in zip(names, matrix.T, strict=True)
    }

"""Objects in memory: those of pynapple and Neo, and mappings of names to them and to arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scipy import sparse

from neuromanifold._errors import InputError
from neuromanifold.data.readers.entries import Entry, array_entry
from neuromanifold.data.readers.neo_objects import read_neo
from neuromanifold.data.readers.pynapple_objects import pynapple_entry

__all__ = ["is_object", "read_object"]


def is_object(source: Any) -> bool:
    """Whether this is an object, or a mapping of such, rather than a path."""
    return isinstance(source, Mapping) or _library(source) in ("pynapple", "neo")


def read_object(source: Any) -> list[Entry]:
    """Entries of an object of pynapple or Neo (``activity``), or of a mapping by its names.

    Raises
    ------
    InputError
        If something in it is of no known kind.
    """
    # A TsGroup is a mapping too, of units to their spikes: one thing, not several.
    if isinstance(source, Mapping) and not hasattr(source, "time_support"):
        # By name, not by items(): the files that pynapple opens make their objects only when one is asked for.
        return [entry for name in source for entry in _entries(str(name), source[name])]
    return _entries("activity", source)


def _entries(name: str, value: Any) -> list[Entry]:
    library = _library(value)
    if library == "neo":
        return read_neo(value)
    if library == "pynapple":
        return [pynapple_entry(name, value)]
    if sparse.issparse(value):
        raise InputError(f"{name!r} is a sparse matrix: give a dense array, .toarray()")
    if library in ("numpy", "builtins"):
        try:
            entry = array_entry(name, value)
        except ValueError as error:
            raise InputError(f"{name!r} is ragged: give an array whose rows are of one length ({error})") from error
        if entry.dtype[1] in "iufbUS":
            return [entry]
    kind = f" of {value.dtype}" if library == "numpy" else ""
    raise InputError(
        f"{name!r} is a {type(value).__name__}{kind}: give arrays of numbers or texts, or objects of pynapple or Neo"
    )


def _library(value: Any) -> str:
    return type(value).__module__.split(".")[0]

"""What an analysis asks of a recording by name, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from neuromanifold._errors import InputError
from neuromanifold.data.recording import task_variables

__all__ = ["require_along_time", "require_variables"]


def require_variables(recording: xr.Dataset, names: Sequence[str]) -> None:
    """See that task variables are there.

    Raises
    ------
    InputError
        Naming those that are not, and those that are.
    """
    missing = [name for name in names if name not in task_variables(recording)]
    if missing:
        raise InputError(
            f"no task variable {', '.join(map(repr, missing))}; the recording has "
            f"{', '.join(task_variables(recording)) or 'none'}"
        )


def require_along_time(recording: xr.Dataset, name: str, setting: str) -> None:
    """See that a variable or coordinate, which a setting names, has a value for each sample.

    Raises
    ------
    InputError
        With the names that do.
    """
    along = [str(key) for key, variable in recording.variables.items() if variable.dims == ("time",)]
    if name not in along:
        raise InputError(f"{setting} {name!r} is nothing along time; the recording has {', '.join(along)}")

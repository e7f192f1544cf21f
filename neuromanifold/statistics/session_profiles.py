"""Session profiles: the curvature profiles of many sessions at the same points of one template.

Estimates are kept in memory, the draws of each session in a scratch file that goes with the object: a thousand sessions
need the memory of one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from neuromanifold._errors import InputError
from neuromanifold._typing import FloatArray, IntArray
from neuromanifold.bands import NOT_NEGATIVE

__all__ = ["POOLED", "SessionProfiles", "collect"]

POOLED = NOT_NEGATIVE


@dataclass(frozen=True)
class SessionProfiles:
    """Profiles of sessions, in the order of ``names``.

    Attributes
    ----------
    names, animals, groups : list of str
        Of each session.
    first : Dataset
        The first session's profile: its points stand for those of all.
    values : dict of str to array (n_sessions, n_points)
        By quantity: |H|, and |H| without units.
    deviations : dict of str to array (n_sessions, n_draws, n_points)
        A session's draws about their mean; ``n_draws`` is 0 where there was no bootstrap.
    """

    names: list[str]
    animals: list[str]
    groups: list[str]
    first: xr.Dataset
    values: dict[str, FloatArray]
    deviations: dict[str, FloatArray]

    @property
    def animal_codes(self) -> IntArray:
        """Number (n_sessions,) of each session's animal, in the order of their names."""
        return np.unique(np.asarray(self.animals), return_inverse=True)[1]

    @property
    def group_codes(self) -> IntArray:
        """The same of groups."""
        return np.unique(np.asarray(self.groups), return_inverse=True)[1]

    @property
    def group_names(self) -> list[str]:
        return sorted(set(self.groups))

    @property
    def points(self) -> dict[str, xr.DataArray]:
        """The angles of the template's points."""
        return {str(name): self.first[name] for name in self.first.coords if str(name).startswith("angle_")}


def collect(sessions: Iterable[tuple[str, str, str, xr.Dataset]], n_sessions: int) -> SessionProfiles:
    """Session profiles from name, animal, group and profile of each; one profile at a time is in memory.

    Raises
    ------
    InputError
        If there is none, or they differ in their points or in the number of draws.
    """
    names: list[str] = []
    animals: list[str] = []
    groups: list[str] = []
    first: xr.Dataset | None = None
    for number, (name, animal, group, profile) in enumerate(sessions):
        if first is None:
            first = profile
            shape = (n_sessions, profile.sizes.get("draw", 0), profile.sizes["point"])
            values = {quantity: np.empty((n_sessions, shape[2])) for quantity in POOLED}
            deviations = {quantity: _scratch(shape) for quantity in POOLED}
        if profile.sizes.get("draw", 0) != shape[1] or not np.array_equal(_angles(profile), _angles(first)):
            raise InputError(
                f"the profile of {name!r} has other points, or another number of draws, than that of {names[0]!r}: "
                "make all with the same template, n_points and n_bootstrap"
            )
        for quantity in POOLED:
            values[quantity][number] = profile[quantity].to_numpy()
            if shape[1]:
                draws = profile[f"{quantity}_draws"].transpose("draw", "point").to_numpy()
                deviations[quantity][number] = draws - draws.mean(axis=0)
        names.append(name)
        animals.append(animal)
        groups.append(group)
    if first is None:
        raise InputError("no session to pool")
    return SessionProfiles(names, animals, groups, first, values, deviations)


def _scratch(shape: tuple[int, int, int]) -> FloatArray:
    """An array in a file without a name, which the system takes back with the array."""
    if 0 in shape:
        return np.zeros(shape)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.float64, "w+", shape=shape)


def _angles(profile: xr.Dataset) -> FloatArray:
    return np.stack([profile[name].to_numpy() for name in ("angle_0", "angle_1") if name in profile.coords])

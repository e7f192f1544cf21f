"""Task variables whose zero differs from group to group, with the offsets taken out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

__all__ = ["less_offset", "without_offsets"]


def less_offset(name: str) -> str:
    """Name of a variable whose offsets were taken out."""
    return f"{name}_less_offset"


def without_offsets(recording: xr.Dataset, names: Sequence[str], groups: str, offsets: xr.DataArray) -> xr.Dataset:
    """The recording with ``NAME_less_offset`` beside each circular variable: ``variable - offset``, modulo its period.

    Parameters
    ----------
    recording : Dataset
    names : sequence of str
        Circular task variables, one for each angle of the offsets.
    groups : str
        Coordinate or variable along time: the group of each sample.
    offsets : DataArray (group, angle)
        Radians (:attr:`neuromanifold.TopologicalVAE.offsets_`); NaN is unknown, and so is then the result.
    """
    number = {group: i for i, group in enumerate(offsets["group"].to_numpy().tolist())}
    of_sample = offsets.to_numpy()[[number[group] for group in recording[groups].to_numpy().tolist()]]
    found = recording
    for angle, name in enumerate(names):
        variable = recording[name]
        period = float(variable.attrs["period"])
        turned = np.mod(variable.to_numpy() - of_sample[:, angle] * period / (2 * np.pi), period)
        meaning = {"long_name": f"{variable.attrs.get('long_name', name)} less the offset of its {groups}"}
        found = found.assign({less_offset(name): ("time", turned, dict(variable.attrs) | meaning)})
    return found

"""Points of a surface as an image: a flat list of template points folded into rows and columns of angles."""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuromanifold._errors import InputError
from neuromanifold._typing import FloatArray

__all__ = ["close", "folded", "goes_round", "nodes"]


def nodes(dataset: xr.Dataset) -> tuple[FloatArray, FloatArray]:
    """The distinct values of ``angle_0`` and ``angle_1``.

    Raises
    ------
    InputError
        If the points are not the product of one list of angles with another.
    """
    first, second = (np.unique(dataset[f"angle_{i}"].to_numpy().round(9)) for i in range(2))
    if first.size * second.size != dataset.sizes["point"] or min(first.size, second.size) < 2:
        raise InputError(
            f"{dataset.sizes['point']} points are not a grid of {first.size} by {second.size} angles: "
            "make the profile on the template's own grid"
        )
    return first, second


def folded(dataset: xr.Dataset, name: str) -> FloatArray:
    """A variable along ``point`` as an array (angle_0, angle_1, ...)."""
    first, second = nodes(dataset)
    order = np.lexsort([dataset["angle_1"].to_numpy().round(9), dataset["angle_0"].to_numpy().round(9)])
    values = dataset[name].transpose("point", ...).to_numpy()[order]
    return values.reshape(first.size, second.size, *values.shape[1:])


def goes_round(angles: FloatArray) -> bool:
    """Whether increasing angles go once round: from the last to the first is a step like the others."""
    return bool(2 * np.pi - (angles[-1] - angles[0]) < 1.5 * np.diff(angles).max())


def close(values: FloatArray, dataset: xr.Dataset) -> FloatArray:
    """Repeat the first row or column behind the last along each angle that goes round once."""
    for axis, angles in enumerate(nodes(dataset)):
        if goes_round(angles):
            values = np.concatenate([values, values.take([0], axis=axis)], axis=axis)
    return values

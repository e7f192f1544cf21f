"""Which labels share a zero: the groups of samples that each have an offset of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._typing import ArrayLike, FloatArray, IntArray
from neuromanifold.manifolds import Manifold
from neuromanifold.models.turns import can_turn

__all__ = ["OffsetGroups", "offsets_table"]


@dataclass(frozen=True)
class OffsetGroups:
    """Names (n_groups,) of the groups, and the number of each sample's group (n,)."""

    names: npt.NDArray[Any]
    numbers: IntArray

    @classmethod
    def of(
        cls, offsets: ArrayLike | str | None, groups: ArrayLike | None, n_samples: int, template: Manifold
    ) -> OffsetGroups | None:
        """Groups by the setting ``offsets`` of a model: None, "intervals" (``groups``) or a name for each sample.

        Raises
        ------
        InputError
            If there are no intervals, the names are not one a sample, or the template's angles have no constants.
        """
        if offsets is None:
            return None
        if not can_turn(template):
            raise InputError(
                f"offsets are constants of periodic angles, on circles and tori; the template is {template.name!r}"
            )
        named = groups if isinstance(offsets, str) else offsets
        if isinstance(offsets, str) and offsets != "intervals":
            raise InputError(f'offsets must be None, "intervals" or a group for each row of X; got {offsets!r}')
        if named is None or np.shape(named) != (n_samples,):
            given = "no groups were given to fit" if named is None else f"got shape {np.shape(named)}"
            raise InputError(f"offsets need a group for each of {n_samples} rows of X; {given}")
        names, numbers = np.unique(np.asarray(named), return_inverse=True)
        return cls(names, numbers)

    def without(self, labels: FloatArray, offsets: Tensor) -> FloatArray:
        """Labels (n, k) with the offsets (n_groups, k) of their groups taken back."""
        return labels - offsets.numpy()[self.numbers]


def offsets_table(names: ArrayLike | None, offsets: Tensor | None) -> xr.DataArray | None:
    """Offsets (n_groups, k) as a labelled array; None where there are none."""
    if offsets is None or names is None:
        return None
    return xr.DataArray(
        offsets.numpy(),
        dims=("group", "angle"),
        coords={"group": np.asarray(names), "angle": np.arange(offsets.shape[1])},
        name="offset",
        attrs={
            "units": "radian",
            "long_name": "offset of the labels",
            "convention": "label = coordinate + offset; the mean over labels is zero",
        },
    )

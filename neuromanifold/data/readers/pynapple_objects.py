"""pynapple's objects: TsGroup, Ts, Tsd, TsdFrame, TsdTensor and IntervalSet, and mappings of names to them.

pynapple itself is never imported: whoever holds such an object has done so. (Viejo et al. 2023, eLife 12:RP85786.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from neuromanifold._errors import InputError
from neuromanifold.data.readers.entries import Entry, array_entry, epochs_entry, ragged_entry

__all__ = ["pynapple_entry"]


def pynapple_entry(name: str, value: Any) -> Entry:
    """Entry of an object of pynapple.

    Raises
    ------
    InputError
        If it is none of the kinds above.
    """
    kind = type(value).__name__
    if kind == "IntervalSet":
        return epochs_entry(name, value.values, _labels(value))
    if kind == "TsGroup":
        trains = [value[i].t for i in value.index]
        names, labels = [str(i) for i in value.index], _labels(value)
        return ragged_entry(name, trains, {"units": names}, support=value.time_support.values, labels=labels)
    if kind == "Ts":
        return ragged_entry(name, [value.t], support=value.time_support.values)
    if kind not in ("Tsd", "TsdFrame", "TsdTensor"):
        raise InputError(f"{name!r} is a {kind}; pynapple's TsGroup, Ts, Tsd, TsdFrame and IntervalSet can be read")
    known = {"clock": lambda: np.asarray(value.t), "support": value.time_support.values}
    if kind == "Tsd":
        return array_entry(name, value.values, role="task variable", **known)
    attrs = {"columns": [str(column) for column in value.columns]} if kind == "TsdFrame" else {}
    return array_entry(name, value.values, attrs, labels=_labels(value) if attrs else {}, **known)


def _labels(value: Any) -> dict[str, npt.NDArray[Any]]:
    """What is known of each unit, column or epoch; rates are measured again on what is read."""
    metadata: Mapping[str, Any] = getattr(value, "metadata", {})
    columns = {str(name): np.asarray(metadata[name]) for name in metadata if name != "rate"}
    # Columns of lists, such as the intervals in which a unit was observed, are no labels.
    return {
        name: column.astype(str) if column.dtype == object else column
        for name, column in columns.items()
        if all(np.isscalar(value) for value in column)
    }

"""Entry: one named thing in a file, with its shape and type known and its values read only when asked for.

A reader turns a file into a list of entries and knows nothing of recordings; what the entries mean is
decided in :mod:`~neuromanifold.data.readers.roles`, and a recording is built in
:mod:`~neuromanifold.data.readers.assemble`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from neuromanifold._arrays import unmasked
from neuromanifold._typing import FloatArray

__all__ = [
    "Entry",
    "array_entry",
    "epochs_entry",
    "flatten",
    "ragged_entry",
]


@dataclass(frozen=True)
class Entry:
    """A named array, or (``ragged``) a list of vectors of different lengths, such as spike times of units.

    A format that knows more than names and shapes says so: the ``role`` (None: guessed), the ``clock`` (times of
    its samples, seconds), the ``support`` (q, 2) within which it was observed (seconds), and ``labels`` by name:
    a value for each unit (the brain area), or for each epoch (the condition).
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Any]
    ragged: bool = False
    dims: tuple[str, ...] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict)
    role: str | None = None
    clock: Callable[[], FloatArray] | None = None
    support: FloatArray | None = None
    labels: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers or booleans."""
        return self.ragged or np.dtype(self.dtype).kind in "iufb"

    @property
    def is_scalar(self) -> bool:
        """Whether it holds one value."""
        return not self.ragged and int(np.prod(self.shape)) == 1

    @property
    def length(self) -> int:
        """Number of values of a vector, (n,), (n, 1) or (1, n); 0 for anything else."""
        if self.ragged or not self.shape or len(self.shape) > 2 or self.is_scalar:
            return 0
        return max(self.shape) if len(self.shape) == 1 or min(self.shape) == 1 else 0


def array_entry(name: str, values: Any, attrs: Mapping[str, Any] | None = None, **known: Any) -> Entry:
    """Entry of an array that is in memory already; ``known`` are further fields of it."""
    array = np.asarray(unmasked(values))
    return Entry(name, array.shape, array.dtype.str, lambda: array, attrs=attrs or {}, **known)


def ragged_entry(name: str, vectors: Sequence[Any], attrs: Mapping[str, Any] | None = None, **known: Any) -> Entry:
    """Entry of vectors of different lengths, one per unit; ``attrs["units"]`` may name the units."""
    trains = [np.asarray(vector).ravel() for vector in vectors]
    kinds = {train.dtype for train in trains if train.size}
    dtype = np.result_type(*kinds).str if kinds else np.dtype(float).str
    return Entry(name, (len(trains),), dtype, lambda: trains, ragged=True, attrs=attrs or {}, **known)


def epochs_entry(name: str, spans: Any, labels: Mapping[str, Any] | None = None) -> Entry:
    """Entry of epochs (q, 2), start and stop in seconds, with a value of each label for each epoch."""
    return array_entry(name, np.reshape(spans, (-1, 2)), role="epochs", labels=labels or {})


def flatten(name: str, value: Any) -> Iterator[Entry]:
    """Entries of a nested value (dicts, lists, arrays of arrays), named by their path with dots.

    A list of dicts becomes one list per key they share; a list of vectors of numbers becomes a ragged
    entry. Other objects (texts in lists, opaque types) have no place in a recording and are passed over.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flatten(f"{name}.{key}", inner)
        return
    items = _items(value)
    if items is None:
        array = np.asarray(value)
        if array.dtype.kind in "iufbU" and array.size:
            yield array_entry(name, array)
    elif items and all(isinstance(item, Mapping) for item in items):
        shared = [key for key in items[0] if all(key in item for item in items)]
        for key in shared:
            yield from flatten(f"{name}.{key}", [item[key] for item in items])
    elif items and all(_is_vector(item) for item in items) and any(np.size(item) > 1 for item in items):
        yield ragged_entry(name, items)
    elif items and all(isinstance(item, np.ndarray) and item.ndim == 2 for item in items):
        yield from _trials(name, items)


def _trials(name: str, matrices: Sequence[npt.NDArray[Any]]) -> Iterator[Entry]:
    """Matrices of a trial each, whose units agree, as one matrix (samples, units) and the trial of each sample."""
    same = [len({matrix.shape[axis] for matrix in matrices}) == 1 for axis in (0, 1)]
    if not any(same) or any(matrix.dtype.kind not in "iufb" for matrix in matrices):
        return
    # Trials of one length leave it open which axis is time; the recording's reader says what it takes.
    parts = [matrix.T for matrix in matrices] if same[0] and not same[1] else list(matrices)
    yield array_entry(name, np.concatenate(parts))
    yield array_entry(f"{name}.trial", np.repeat(np.arange(len(parts)), [len(part) for part in parts]), role="interval")


def _items(value: Any) -> list[Any] | None:
    """The elements of a list or an array of objects; None for anything else."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, np.ndarray) and value.dtype == object:
        return list(value.ravel())
    return None


def _is_vector(value: Any) -> bool:
    if not isinstance(value, (np.ndarray, int, float)):
        return False
    array = np.asarray(value)
    # An empty cell of MATLAB is a 0 x 0 matrix: a unit without spikes.
    return array.dtype.kind in "iufb" and (array.size == 0 or array.size == max(array.shape, default=1))

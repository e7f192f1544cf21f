"""Blocks of time: how activity that need not fit in memory is read, changed and summed.

Activity (n, d) is a NumPy array, or a *streamed* one: a dask array, whose chunks along time are its blocks and which
holds nothing until it is read. Every step of a recording's way goes through here, and none asks which of the two it
has: what is summed over time is summed over blocks, and what is changed is changed as each block is read, with as many
samples on either side as the change looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from neuromanifold._errors import InputError
from neuromanifold._typing import IntArray

__all__ = [
    "BLOCK_BYTES",
    "Change",
    "by_blocks",
    "changed_in_place",
    "has_dask",
    "in_blocks",
    "is_streamed",
    "n_block_samples",
    "read",
    "read_blocks",
    "require_streaming",
]

# Of one block in float64. A step holds a few copies of a block, and dask as many blocks as it has threads.
BLOCK_BYTES = 2**23
Change: TypeAlias = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]


def is_streamed(values: Any) -> bool:
    """Whether an array, or the array of an xarray object, is read in blocks."""
    graph = getattr(values, "__dask_graph__", None)
    return graph is not None and graph() is not None


def n_block_samples(n_units: int) -> int:
    """Samples of one block."""
    return max(BLOCK_BYTES // (8 * max(n_units, 1)), 1)


def in_blocks(values: Any) -> Any:
    """A streamed array (n, d) in blocks of time alone, none of which is too large; a NumPy array is left as it is."""
    if not is_streamed(values):
        return values
    n_rows = n_block_samples(values.shape[1])
    small_enough = max(values.chunks[0], default=0) <= 2 * n_rows
    return values if small_enough and len(values.chunks[1]) == 1 else values.rechunk({0: n_rows, 1: -1})


def read(values: Any, rows: Any = slice(None)) -> npt.NDArray[Any]:
    """Rows of an array (a slice, or their numbers in order), in memory; of a streamed one a block at a time."""
    if not is_streamed(values):
        return np.asarray(values[rows])
    wanted = np.arange(len(values))[rows]
    # Into their place: blocks that are joined afterwards are there twice.
    found = np.empty((len(wanted), values.shape[1]), values.dtype)
    for where, block in read_blocks(values, wanted):
        found[where] = block
    return found


def read_blocks(values: Any, rows: IntArray | None = None) -> Iterator[tuple[slice, npt.NDArray[Any]]]:
    """Where each block is and its values, in order of time and one at a time.

    ``rows`` (m,), in order: only these, and no block without any; where a block is, is then said within them.
    """
    if not is_streamed(values):
        values = values if rows is None else values[rows]
        step = n_block_samples(values.shape[1])
        for start in range(0, len(values), step):
            where = slice(start, min(start + step, len(values)))
            yield where, values[where]
        return
    stops = np.cumsum(values.chunks[0])
    ends = stops if rows is None else np.searchsorted(rows, stops)
    start, first = 0, 0
    # As pieces of one graph that is put in order once, not once a block.
    for piece, stop, end in zip(values.to_delayed().ravel(), stops, ends, strict=True):
        if end > start:
            block = np.asarray(piece.compute())
            yield slice(start, int(end)), block if rows is None else block[rows[start:end] - first]
        start, first = int(end), int(stop)


def by_blocks(
    values: Any,
    n_rows: int,
    source_of: Callable[[slice], slice],
    change_for: Callable[[slice, slice], Change],
    dtype: npt.DTypeLike = np.float64,
) -> Any:
    """A changed array (n_rows, ...), at once from a NumPy array and as it is read from a streamed one.

    Parameters
    ----------
    values : array (n, d)
    n_rows : int
        Of the result.
    source_of : callable
        Rows of ``values`` that are looked at for some rows of the result.
    change_for : callable
        For rows of the result and those of ``values``, what makes the ones of the others. It is sent to workers: it
        should hold what it needs and nothing else.
    dtype : dtype
        Of the result.
    """
    if not is_streamed(values):
        rows = slice(0, n_rows)
        source = source_of(rows)
        return change_for(rows, source)(values[source])
    import dask
    import dask.array

    n_blocks = max(len(values.chunks[0]), 1)
    step = -(-n_rows // n_blocks)
    changed = []
    for start in range(0, n_rows, step):
        rows = slice(start, min(start + step, n_rows))
        source = source_of(rows)
        made = dask.delayed(change_for(rows, source), pure=False)(values[source])
        shape = (rows.stop - rows.start, values.shape[1])
        changed.append(dask.array.from_delayed(made, shape, dtype))
    return dask.array.concatenate(changed)


def changed_in_place(values: Any, change: Callable[[npt.NDArray[np.float64]], None]) -> Any:
    """A copy of an array (n, d) in float64 that was changed, each sample on its own, without a further one."""
    change_rows = partial(_changed, change=change)
    return by_blocks(values, len(values), lambda rows: rows, lambda rows, source: change_rows)


def _changed(values: npt.NDArray[Any], change: Callable[[npt.NDArray[np.float64]], None]) -> npt.NDArray[np.float64]:
    found = values.astype(np.float64)
    change(found)
    return found


def has_dask() -> bool:
    """Whether arrays can be streamed here."""
    return find_spec("dask") is not None and find_spec("dask.array") is not None


def require_streaming() -> None:
    """Refuse to read in blocks where dask is not installed.

    Raises
    ------
    InputError
    """
    if not has_dask():
        raise InputError("reading in blocks needs dask: pip install 'neuromanifold[dask]'")

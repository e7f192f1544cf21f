"""Samples: the activity (n, d) that a model is fitted to, a tensor or read in blocks of time.

A fit sums over samples or looks at some of them, never at all at once; so it takes either, by the few functions here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from neuromanifold._typing import IntArray
from neuromanifold.data.blocks import in_blocks, is_streamed, read_blocks

__all__ = ["Samples", "StreamedSamples", "chosen", "joined", "like", "loaded", "mean", "pieces", "samples_of"]


class StreamedSamples:
    """Activity (n, d) that is read in blocks of time, as tensors in the dtype and on the device of another.

    Parameters
    ----------
    array : dask array (n_all, d)
    like : Tensor
    rows : array (n,), optional
        Those of the array that are meant, in order; else all.
    centre : Tensor (d,), optional
        What is taken from each.
    """

    def __init__(self, array: Any, like: Tensor, rows: IntArray | None = None, centre: Tensor | None = None) -> None:
        self.like = like.new_zeros(0, array.shape[1])
        self._array = array
        self._rows = rows
        self._centre = centre

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), self._array.shape[1]

    def __len__(self) -> int:
        return len(self._array if self._rows is None else self._rows)

    def __getitem__(self, rows: slice | Tensor) -> StreamedSamples:
        """Some rows, by a slice, a mask (n,) or their numbers in order; still unread."""
        every = np.arange(len(self._array)) if self._rows is None else self._rows
        chosen = every[rows if isinstance(rows, slice) else rows.cpu().numpy()]
        return StreamedSamples(self._array, self.like, chosen, self._centre)

    def __sub__(self, centre: Tensor) -> StreamedSamples:
        return StreamedSamples(
            self._array, self.like, self._rows, centre if self._centre is None else self._centre + centre
        )

    def whole(self) -> Tensor:
        """All of it, in memory."""
        found = self.like.new_empty(self.shape)
        for where, x in self.blocks():
            found[where] = x
        return found

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """Where each block is, and its activity."""
        for where, values in read_blocks(self._array, self._rows):
            x = torch.as_tensor(np.require(values, requirements="W")).to(self.like)
            yield where, x if self._centre is None else x - self._centre


Samples: TypeAlias = Tensor | StreamedSamples


def samples_of(activity: Any, like: Tensor) -> Samples:
    """An array (n, d), in memory or streamed, as samples in the dtype and on the device of a tensor."""
    if is_streamed(activity):
        return StreamedSamples(in_blocks(getattr(activity, "data", activity)), like)
    # A tensor cannot share the memory of an array that must not be written to, such as a read-only memory map.
    return torch.as_tensor(np.require(activity, requirements="W")).to(like)


def pieces(samples: Samples, n_rows: int) -> Iterator[tuple[slice, Tensor]]:
    """Rows and activity, at most so many rows at a time."""
    blocks = [(slice(0, len(samples)), samples)] if isinstance(samples, Tensor) else samples.blocks()
    for rows, values in blocks:
        start = rows.start
        for piece in values.split(n_rows):
            yield slice(start, start + len(piece)), piece
            start += len(piece)


def joined(parts: Iterable[Tensor], n_rows: int) -> Tensor:
    """Results (n_rows, ...) of samples, put together from those of their pieces, one after another.

    Each goes into its place at once: small results of many pieces, kept until they are joined, would hold on to the
    room of the large ones between them.
    """
    parts = iter(parts)
    first = next(parts)
    found = first.new_empty(n_rows, *first.shape[1:])
    found[: len(first)] = first
    start = len(first)
    for part in parts:
        found[start : start + len(part)] = part
        start += len(part)
    return found


def loaded(samples: Samples) -> Tensor:
    """Samples of which few are left, in memory."""
    return samples if isinstance(samples, Tensor) else samples.whole()


def like(samples: Samples) -> Tensor:
    """A tensor in the dtype and on the device of the samples."""
    return samples if isinstance(samples, Tensor) else samples.like


def chosen(samples: Samples, mask: Tensor) -> Samples:
    """The samples where a mask (n,) is true; without a copy where it is everywhere."""
    return samples if bool(mask.all()) else samples[mask]


def mean(samples: Samples) -> Tensor:
    """Mean (d,) over samples."""
    if isinstance(samples, Tensor):
        return samples.mean(0)
    total = like(samples).new_zeros(samples.shape[1])
    for _, x in samples.blocks():
        total += x.sum(0)
    return total / len(samples)

"""Representation: the activity of some units in n samples, an array (n, d); two of them share their samples."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr

from neuromanifold._arrays import real_numbers, scale_fault
from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._typing import ArrayLike, FloatArray, IntArray
from neuromanifold.data.intervals import interval_numbers

__all__ = ["Pair", "centred", "paired", "representation"]

MIN_SAMPLES = 4  # of which the unbiased HSIC takes the mean over quadruples


class Pair(NamedTuple):
    """Two representations X (n, d), Y (n, d') of the same samples, and the interval (n,) of each sample."""

    X: FloatArray
    Y: FloatArray
    groups: IntArray


def paired(A: Any, B: Any, groups: ArrayLike | None = None) -> Pair:
    """Two representations, checked, with the intervals that are given or that a recording brings.

    Raises
    ------
    InputError
        If one of them cannot be used, or they are not of the same samples.
    """
    X, Y = representation(A, "A"), representation(B, "B")
    if len(X) != len(Y):
        raise InputError(
            f"A has {len(X)} samples and B {len(Y)}: representations are compared on the same samples, row by row; "
            "select those that both have"
        )
    brought = [given for given in (A, B) if isinstance(given, (xr.Dataset, xr.DataArray))]
    times = [given["time"].to_numpy() for given in brought if "time" in given.coords]
    if len(times) == 2 and not np.array_equal(times[0], times[1]):
        raise InputError("A and B are of different times: select the times that both have (xarray.align)")
    if groups is None:
        groups = next((given["interval"].to_numpy() for given in brought if "interval" in given.coords), None)
    return Pair(X, Y, interval_numbers(groups, len(X)))


def representation(values: Any, name: str) -> FloatArray:
    """Activity (n, d) as float64: of an array, a torch tensor (axes behind the first are units) or a recording.

    Raises
    ------
    InputError
        If it is not numbers, not finite, has too few samples, or is the same in all of them; ``name`` says which.
    """
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().double().flatten(1) if values.ndim > 1 else values.detach().cpu()
    if isinstance(values, xr.Dataset):
        if "activity" not in values:
            raise InputError(f"{name} is a Dataset without 'activity': give a recording, or the array itself")
        values = values["activity"]
    if isinstance(values, xr.DataArray) and "time" in values.dims:
        values = values.transpose("time", ...)
    array = real_numbers(values, name)
    if array.ndim != 2:
        raise InputError(
            f"{name} has shape {array.shape}: a representation must be numbers (samples, units); a single unit is "
            "values.reshape(-1, 1)"
        )
    return _usable(array, name)


def _usable(array: FloatArray, name: str) -> FloatArray:
    n, d = array.shape
    if n < MIN_SAMPLES or d < 1:
        raise NotEnoughDataError(
            f"{name} has {n} samples of {d} units: at least {MIN_SAMPLES} samples and 1 unit are needed"
        )
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise InputError(
            f"{name} holds NaN or infinite values in {len(bad)} of {n} samples (the first: {bad[:5].tolist()}): "
            "leave these samples out of both representations"
        )
    if not np.ptp(array, axis=0).any():
        raise InputError(f"{name} is constant, the same in all {n} samples, and represents nothing: give what varies")
    wrong = scale_fault(array)
    if wrong is not None:
        raise InputError(f"{name} {wrong}")
    return array


def centred(X: FloatArray) -> FloatArray:
    """The representation (n, min(d, n)) with mean 0 and unit Frobenius norm, rotated into no more units than samples.

    Rotations and scales are what CKA and Procrustes do not see.
    """
    X = X - X.mean(axis=0)
    X = X / np.abs(X).max()
    if X.shape[1] > len(X):
        X = np.linalg.qr(X.T)[1].T
    return X / np.linalg.norm(X)

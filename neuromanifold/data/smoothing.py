"""Gaussian smoothing in time, each interval by itself, with the kernel renormalised where it is cut off.

``x̃_t = Σ_s w_ts x_s / Σ_s w_ts``, ``w_ts = exp(-(t-s)² / 2σ²)`` over the samples ``s`` of the interval of
``t`` within 4σ: a constant stays constant up to the border, and nothing leaks across it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from numbers import Real
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.ndimage import gaussian_filter1d

from neuromanifold._errors import InputError
from neuromanifold._settings import check_number
from neuromanifold._typing import FloatArray, IntArray
from neuromanifold.data.blocks import Change, by_blocks
from neuromanifold.data.intervals import interval_slices

__all__ = ["Smoothing", "check_smoothing", "resolved_smoothings", "smooth", "smooth_activity", "smooth_known"]

# Seconds, None for none, or what suits the kind of activity.
Smoothing: TypeAlias = float | Literal["auto"] | None

_TRUNCATE = 4.0


def resolved_smoothings(
    smoothing: Smoothing | Sequence[float | None], recording: xr.Dataset, default: Sequence[float]
) -> list[float | None]:
    """Widths in seconds: the given ones; of "auto" the default for counts and rates, none for continuous activity.

    Raises
    ------
    InputError
        If a width is no number of seconds from 0.
    """
    widths = check_smoothing("smoothing", smoothing)
    if widths is None:
        return list(default) if recording["activity"].attrs["kind"] in ("counts", "rate") else [None]
    return widths


def check_smoothing(name: str, smoothing: Smoothing | Sequence[float | None]) -> list[float | None] | None:
    """The widths that a setting of that name states in seconds; None where it is "auto".

    Raises
    ------
    InputError
        If a width is no number of seconds from 0.
    """
    if isinstance(smoothing, str) and smoothing == "auto":
        return None
    widths = [smoothing] if smoothing is None or isinstance(smoothing, Real | str) else smoothing
    if not isinstance(widths, Iterable) or isinstance(widths, Mapping):
        raise InputError(f'{name} must be seconds, None, "auto" or a sequence of these; got {smoothing!r}')
    checked: list[float | None] = list(widths)  # type: ignore[arg-type]  # checked below
    for width in checked:
        if width is not None:
            check_number(name, width, 0, what="a number of seconds")
    return checked


def smooth(X: npt.NDArray[Any], groups: npt.NDArray[Any], sigma: float) -> FloatArray:
    """Smooth ``X`` (n, ...) along time with a Gaussian of ``sigma`` samples, never across a border of
    ``groups``.

    Raises
    ------
    InputError
        If ``sigma`` is negative or not finite.
    """
    if not 0 <= sigma < np.inf:
        raise InputError(f"the width of the smoothing kernel is {sigma} samples; it must be finite and at least 0")
    smoothed = np.array(X, dtype=np.float64)
    if sigma * _TRUNCATE < 0.5:
        return smoothed  # the kernel is its middle sample alone; the square of a tiny width would be zero
    for rows in interval_slices(groups):
        part, weight = smoothed[rows], np.ones(rows.stop - rows.start)
        _filter(part, sigma)
        _filter(weight, sigma)
        part /= weight.reshape(-1, *(1,) * (part.ndim - 1))
    return smoothed


def smooth_activity(values: Any, groups: IntArray, sigma: float) -> Any:
    """Smooth activity (n, d), in memory or streamed, as :func:`smooth` does."""
    reach, n = int(_TRUNCATE * sigma + 1) if 0 <= sigma < np.inf else 0, len(groups)

    def source_of(rows: slice) -> slice:
        return slice(max(rows.start - reach, 0), min(rows.stop + reach, n))

    def change_for(rows: slice, source: slice) -> Change:
        inner = slice(rows.start - source.start, rows.stop - source.start)
        return partial(_smoothed_part, groups=groups[source], sigma=sigma, inner=inner)

    return by_blocks(values, n, source_of, change_for)


def _smoothed_part(values: npt.NDArray[Any], groups: IntArray, sigma: float, inner: slice) -> FloatArray:
    return smooth(values, groups, sigma)[inner]


def smooth_known(values: npt.NDArray[Any], groups: npt.NDArray[Any], sigma: float) -> npt.NDArray[Any]:
    """Smooth values (n,), real or complex, over those that are known; what is unknown stays NaN."""
    known = np.isfinite(values)
    weight = smooth(known.astype(np.float64), groups, sigma)
    filled = np.where(known, values, 0.0)
    total = smooth(filled.real, groups, sigma)
    if np.iscomplexobj(filled):
        total = total + 1j * smooth(filled.imag, groups, sigma)
    return np.where(known & (weight > 0), total / np.where(weight > 0, weight, 1.0), np.nan)


def _filter(values: FloatArray, sigma: float) -> None:
    """In place, line by line: a long recording has no room for another of its size."""
    gaussian_filter1d(values, sigma, axis=0, mode="constant", truncate=_TRUNCATE, output=values)

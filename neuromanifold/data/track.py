"""A linear track, run to and fro, as a loop: outbound on one half of a circle, inbound on the other.

Place cells have different fields in the two directions of running, so position x direction is what the population
encodes: with p the position as a share of the track from 0 to 1,

    angle = pi p  (outbound),   angle = 2 pi - pi p  (inbound),

which is continuous where the animal turns round.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuromanifold._arrays import real_numbers
from neuromanifold._errors import InputError
from neuromanifold._settings import check_number
from neuromanifold._typing import ArrayLike, FloatArray

__all__ = ["track_loop"]


def track_loop(
    position: ArrayLike,
    velocity: ArrayLike,
    *,
    ends: tuple[float, float] | None = None,
    min_speed: float = 0.0,
) -> xr.DataArray:
    """The angle of position x running direction on a linear track.

    Parameters
    ----------
    position : array (n,)
        Along the track, in any unit; NaN or masked where unknown.
    velocity : array (n,)
        Its sign is the direction: positive towards larger positions (outbound). A direction of +1 and -1 will do.
    ends : (float, float), optional
        Positions of the two ends of the track, in order; the extremes of ``position`` where they are left out.
        Positions beyond them are taken as at the end.
    min_speed : float
        Samples at this speed or less (in the unit of ``velocity``) have no direction: their angle is NaN.

    Returns
    -------
    DataArray (n,)
        Radians in [0, 2 pi), NaN where position or direction is unknown; a circular task variable of a recording, and
        labels of a circle (``TopologicalVAE("circle").fit(X, angle)``). Dims and coordinates of ``position`` are kept.

    Raises
    ------
    InputError
        If the arrays are not (n,) numbers, the ends are not in order, or ``min_speed`` is negative.
    """
    check_number("min_speed", min_speed, 0)
    p, v = _numbers("position", position), _numbers("velocity", velocity)
    if p.shape != v.shape:
        raise InputError(f"position and velocity must have one value a sample each; got shapes {p.shape} and {v.shape}")
    low, high = _extremes(p) if ends is None else _stated(ends)
    share = np.clip((p - low) / (high - low), 0.0, 1.0)
    angle = np.mod(np.where(v > 0, np.pi * share, 2 * np.pi - np.pi * share), 2 * np.pi)
    known = np.isfinite(p) & (np.abs(v) > min_speed)
    attrs = {"kind": "circular", "units": "radian", "period": 2 * np.pi, "long_name": "position x direction"}
    return _like(position, np.where(known, angle, np.nan)).assign_attrs(attrs)


def _numbers(name: str, values: ArrayLike) -> FloatArray:
    array = real_numbers(values, name)
    if array.ndim != 1 or np.isinf(array).any():
        raise InputError(f"{name} must be one number a sample, (n,), NaN where unknown; got shape {array.shape}")
    return array


def _extremes(position: FloatArray) -> tuple[float, float]:
    if not np.isfinite(position).any():
        raise InputError(f"position is NaN in all of its {len(position)} samples: give the two ends of the track")
    low, high = float(np.nanmin(position)), float(np.nanmax(position))
    if low == high:
        raise InputError(f"position is at one place, {low:.6g}, in every sample: give the two ends of the track")
    return low, high


def _stated(ends: tuple[float, float]) -> tuple[float, float]:
    found = real_numbers(ends, "ends")
    if found.shape != (2,) or not np.isfinite(found).all() or found[0] >= found[1]:
        raise InputError(f"ends must be the positions of the two ends of the track, the lower first; got {ends!r}")
    return float(found[0]), float(found[1])


def _like(position: ArrayLike, angle: np.ndarray) -> xr.DataArray:
    if isinstance(position, xr.DataArray):
        return xr.DataArray(angle, dims=position.dims, coords=position.coords)
    return xr.DataArray(angle, dims=("time",))

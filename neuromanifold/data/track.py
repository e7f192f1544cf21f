"""A linear track, run to and fro, as a loop: outbound on one half of a circle, inbound on the other.

Place cells have different fields in the two directions of running, so position x direction is what the population
encodes: with p the position as a share of the track from 0 to 1,

    angle = pi p  (outbound),   angle = 2 pi - pi p  (inbound),

which is continuous where the animal turns round.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuromanifold._errors import InputError
from neuromanifold._typing import ArrayLike

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
        Along the track, in any unit.
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
    p, v = _numbers("position", position), _numbers("velocity", velocity)
    if p.shape != v.shape:
        raise InputError(f"position and velocity must have one value a sample each; got {p.shape} and {v.shape}")
    if not 0 <= min_speed < np.inf:
        raise InputError(f"min_speed must be 0 or positive, got {min_speed!r}")
    low, high = (np.nanmin(p), np.nanmax(p)) if ends is None and np.isfinite(p).any() else (ends or (np.nan, np.nan))
    if not low < high:
        raise InputError(f"the track must have two ends, the lower first; got {low:.6g} and {high:.6g}")
    share = np.clip((p - low) / (high - low), 0.0, 1.0)
    angle = np.mod(np.where(v > 0, np.pi * share, 2 * np.pi - np.pi * share), 2 * np.pi)
    known = np.isfinite(p) & (np.abs(v) > min_speed)
    attrs = {"kind": "circular", "units": "radian", "period": 2 * np.pi, "long_name": "position x direction"}
    return _like(position, np.where(known, angle, np.nan)).assign_attrs(attrs)


def _numbers(name: str, values: ArrayLike) -> np.ndarray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must hold numbers, NaN where unknown ({error})") from error
    if array.ndim != 1 or np.isinf(array).any():
        raise InputError(f"{name} must be one number a sample, (n,), NaN where unknown; got shape {array.shape}")
    return array


def _like(position: ArrayLike, angle: np.ndarray) -> xr.DataArray:
    if isinstance(position, xr.DataArray):
        return xr.DataArray(angle, dims=position.dims, coords=position.coords)
    return xr.DataArray(angle, dims=("time",))

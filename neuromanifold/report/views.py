"""Views: the Datasets that figures draw, each holding exactly what one figure shows.

``tuning_view`` averages the activity in bins of an angle, ``latent_view`` pairs latent and task variable,
``manifold_view`` turns the fitted manifold and the data into the manifold's principal components.
"""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from neuromanifold._errors import InputError
from neuromanifold._typing import FloatArray

__all__ = ["latent_view", "manifold_view", "tuning_view"]


def tuning_view(activity: xr.DataArray, angle: xr.DataArray, n_bins: int = 36) -> xr.Dataset:
    r"""Mean activity of every unit in bins of an angle or of a linear variable.

    The preferred angle is that of :math:`\sum_b r_b e^{2\pi i\, \theta_b / \mathrm{period}}`, r the
    mean activity above its least (linear variables: the bin of the greatest mean).

    Parameters
    ----------
    activity : DataArray (time, unit)
        Not below zero: rows are shares of each unit's peak; otherwise shares of its range.
    angle : DataArray (time,)
        With attrs ``long_name``, ``units`` and, where circular, ``period``; NaN is unknown.
    n_bins : int
        Bins over one period, or over the variable's range.

    Returns
    -------
    Dataset
        ``mean_activity`` and ``relative_activity`` (unit, bin), ``preferred`` (unit), ``n_samples`` (bin).

    Raises
    ------
    InputError
        If no value of ``angle`` is known, or its length is not that of the activity.
    """
    values = activity.transpose("time", "unit").to_numpy().astype(np.float64)
    x, period = angle.to_numpy().astype(np.float64), angle.attrs.get("period")
    if x.shape != values.shape[:1] or not np.isfinite(x).any():
        raise InputError(f"{angle.name or 'angle'} {x.shape} must give a known value for samples {values.shape[:1]}")
    low, high = _window(x, period)
    width = (high - low) / n_bins
    known = np.isfinite(x)
    inside = np.mod(x[known] - low, high - low) if period is not None else x[known] - low
    index = np.minimum((inside / width).astype(np.int64), n_bins - 1)
    counts = np.bincount(index, minlength=n_bins)
    sums = np.stack([np.bincount(index, column, n_bins) for column in values[known].T])
    mean = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    bins = np.linspace(low + 0.5 * width, high - 0.5 * width, n_bins, dtype=np.float64)
    relative, name = _relative(mean, positive=bool(values.min() >= 0))
    attrs = {"long_name": angle.attrs.get("long_name", angle.name or "angle"), **angle.attrs}
    return xr.Dataset(
        {
            "mean_activity": (("unit", "bin"), mean, {"units": activity.attrs.get("units", "")}),
            "relative_activity": (("unit", "bin"), relative, {"long_name": name}),
            "preferred": ("unit", _preferred(mean, bins, period), {"units": attrs.get("units", "")}),
            "n_samples": ("bin", counts),
        },
        coords={"unit": activity["unit"].to_numpy(), "bin": ("bin", bins, attrs)},
    )


def _window(values: FloatArray, period: float | None) -> tuple[float, float]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if period is not None:
        start = -0.5 * float(period) if low < 0 else 0.0
        return start, start + float(period)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _relative(mean: FloatArray, positive: bool) -> tuple[FloatArray, str]:
    top = np.nanmax(mean, axis=1, keepdims=True)
    bottom = np.zeros_like(top) if positive else np.nanmin(mean, axis=1, keepdims=True)
    span = np.where(top > bottom, top - bottom, 1.0)
    return (mean - bottom) / span, "mean activity, share of unit's " + ("peak" if positive else "range")


def _preferred(mean: FloatArray, bins: FloatArray, period: float | None) -> FloatArray:
    above = np.nan_to_num(mean - np.nanmin(mean, axis=1, keepdims=True))
    if period is None:
        return bins[above.argmax(axis=1)]
    phase = np.angle(above @ np.exp(2j * math.pi * bins / period)) * period / (2 * math.pi)
    return bins[0] + np.mod(phase - bins[0], period)


def latent_view(
    latent: xr.DataArray, variable: xr.DataArray, angle: int = 0, period: float | None = 2 * math.pi
) -> xr.Dataset:
    """One latent angle (time[, angle]), radians, beside a task variable (time,), where both are known.

    Parameters
    ----------
    latent : DataArray (time[, angle])
    variable : DataArray (time,)
    angle : int
        Which latent angle.
    period : float or None
        Of that angle; None for one that does not go round, a colatitude.

    Raises
    ------
    InputError
        If the two have different lengths.
    """
    column = latent.isel({dim: angle for dim in latent.dims if dim != "time"})
    y, x = column.to_numpy().astype(np.float64), variable.to_numpy().astype(np.float64)
    if x.shape != y.shape:
        raise InputError(f"latent {y.shape} and {variable.name or 'variable'} {x.shape} must be of one length")
    known = np.isfinite(x) & np.isfinite(y)
    symbol = "latent angle" if column.ndim == latent.ndim else f"latent angle {'θφψ'[angle]}"
    turn = {} if period is None else {"period": period}
    return xr.Dataset(
        {
            "latent": ("sample", y[known], {"long_name": symbol, "units": "rad", **turn}),
            "variable": ("sample", x[known], {"long_name": variable.name or "variable", **variable.attrs}),
        }
    )


def manifold_view(activity: xr.DataArray, profile: xr.Dataset, max_points: int = 3000) -> xr.Dataset:
    """The fitted manifold and the activity in the manifold's own three leading principal components.

    Its own rather than the data's: noise in many units can outweigh the manifold's third direction.

    Parameters
    ----------
    activity : DataArray (time, unit)
        The activity the model was fitted to.
    profile : Dataset
        ``position`` (point, unit) in the same units and ``mean_curvature_norm`` (point).
    max_points : int
        Samples kept, evenly spaced.

    Raises
    ------
    InputError
        If activity and positions are not of the same units.
    """
    position = profile["position"].transpose("point", ...).to_numpy().astype(np.float64)
    data = activity.transpose("time", "unit").to_numpy().astype(np.float64)
    if data.shape[1] != position.shape[1]:
        raise InputError(f"activity has {data.shape[1]} units but the manifold lies in {position.shape[1]}")
    centre = position.mean(axis=0)
    _, singular, axes = np.linalg.svd(position - centre, full_matrices=False)
    basis = np.zeros((3, position.shape[1]))
    basis[: min(3, len(axes))] = axes[:3]
    share = np.zeros(3)
    share[: min(3, len(singular))] = (singular**2 / (singular**2).sum())[:3]
    kept = data[:: max(1, math.ceil(len(data) / max_points))]
    angles = {name: profile[name] for name in ("angle_0", "angle_1") if name in profile.coords}
    return xr.Dataset(
        {
            "position": (("point", "component"), (position - centre) @ basis.T),
            "data": (
                ("sample", "component"),
                (kept - centre) @ basis.T,
                {"units": activity.attrs.get("units", "")},
            ),
            "share": ("component", share),
            "mean_curvature_norm": profile["mean_curvature_norm"],
        },
        coords={name: ("point", angle.to_numpy()) for name, angle in angles.items()},
        attrs=dict(profile.attrs),
    )

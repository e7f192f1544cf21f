"""What a fitted manifold says about a task variable: decoding error, alignment, curvature along the variable."""

from __future__ import annotations

import math

import numpy as np
import torch
import xarray as xr
from scipy.spatial import cKDTree

from neuromanifold._errors import InputError
from neuromanifold._typing import FloatArray, IntArray
from neuromanifold.bootstrap import time_blocks
from neuromanifold.manifolds import Manifold
from neuromanifold.models import TopologicalVAE
from neuromanifold.models.base import FitSettings
from neuromanifold.models.generative import fit_generative

__all__ = ["angular_error", "best_rotation", "curvature_against", "held_out_points", "summary"]

N_FOLDS = 5
N_BINS = 36


def angular_error(a: FloatArray, b: FloatArray) -> FloatArray:
    """Absolute difference of angles, in [0, pi]; radians."""
    return np.abs(np.angle(np.exp(1j * (np.asarray(a) - np.asarray(b)))))


def best_rotation(angle: FloatArray, target: FloatArray) -> tuple[FloatArray, float]:
    """The rotation or reflection of ``angle`` (n,) closest to ``target`` (n,): aligned angles and their
    median error.

    Minimises the median absolute error over offsets of one degree, then of a twentieth, for both
    orientations. Samples of unknown target (NaN) are left out of the search.

    Raises
    ------
    InputError
        If no target is known.
    """
    known = np.isfinite(target)
    if not known.any():
        raise InputError("no target angle is known: give at least one finite value")
    best = (math.inf, 1.0, 0.0)
    for sign in (1.0, -1.0):
        coarse = _best_offset(sign * angle[known], target[known], np.deg2rad(np.arange(-180.0, 180.0)))
        fine = _best_offset(sign * angle[known], target[known], coarse[1] + np.deg2rad(np.arange(-1.0, 1.0, 0.05)))
        best = min(best, (fine[0], sign, fine[1]))
    _, sign, offset = best
    aligned = np.mod(sign * angle + offset, 2 * np.pi)
    return aligned, float(np.median(angular_error(aligned[known], target[known])))


def held_out_points(template: Manifold, activity: FloatArray, labels: FloatArray, groups: IntArray) -> FloatArray:
    """Points (n, m) decoded for each fifth of the recording's blocks from a fit to the other four; labels (n, k)."""
    x, u, g = torch.as_tensor(activity), torch.as_tensor(labels), torch.as_tensor(groups)
    fold = torch.as_tensor(time_blocks(len(activity), groups) % N_FOLDS)
    points = torch.full((len(activity), template.embedding_dim), float("nan"), dtype=torch.float64)
    for number in range(N_FOLDS):
        test = fold == number
        fit = fit_generative(template, x[~test], u[~test], g[~test], FitSettings(beta=1.0, n_init=1), seed=0)
        points[test] = fit.posterior(1.0, x).mean_points(x[test])
    return points.numpy()


def curvature_against(
    profile: xr.Dataset, points: FloatArray, template: Manifold, values: FloatArray, period: float | None
) -> xr.Dataset:
    """``|H|`` at each sample's place on the manifold, binned along a task variable.

    Parameters
    ----------
    profile : Dataset
        Of :func:`~neuromanifold.profile.curvature_profile`.
    points : array (n, m)
        Each sample's point of the template.
    values : array (n,)
        The variable; NaN is left out.
    period : float or None
        Of a circular variable, in its own units.

    Returns
    -------
    Dataset
        Dimension ``bin`` (centres): median |H| with quartiles ``_lower`` and ``_upper``, and ``occupancy``
        (samples).

    Raises
    ------
    InputError
        If no value is known.
    """
    known = np.isfinite(values)
    if not known.any():
        raise InputError("no value of the task variable is known: curvature cannot be binned along it")
    angles = np.stack([profile[f"angle_{i}"].to_numpy() for i in range(template.dim)], axis=1)
    tree = cKDTree(template.embed(torch.as_tensor(angles)).numpy())
    curvature = profile["mean_curvature_norm"].to_numpy()[tree.query(points[known])[1]]
    wrapped = np.mod(values[known], period) if period else values[known]
    low, high = (0.0, period) if period else (float(wrapped.min()), float(wrapped.max()))
    edges = np.linspace(low, high, N_BINS + 1)
    bins = np.clip(np.digitize(wrapped, edges) - 1, 0, N_BINS - 1)
    quartiles = np.full((3, N_BINS), np.nan)
    for number in np.unique(bins):
        quartiles[:, number] = np.nanquantile(curvature[bins == number], (0.25, 0.5, 0.75))
    units = profile["mean_curvature_norm"].attrs
    return xr.Dataset(
        {
            "mean_curvature_norm": ("bin", quartiles[1], units),
            "mean_curvature_norm_lower": ("bin", quartiles[0], units),
            "mean_curvature_norm_upper": ("bin", quartiles[2], units),
            "occupancy": ("bin", np.bincount(bins, minlength=N_BINS), {"units": "samples"}),
        },
        coords={"bin": (edges[1:] + edges[:-1]) / 2},
    )


def summary(model: TopologicalVAE, profile: xr.Dataset) -> xr.Dataset:
    """Numbers of a fit as scalars with units and meaning."""
    curve = model.template_.dim == 1
    dimensionless = profile["dimensionless_mean_curvature"].to_numpy()
    ratio = float(np.nanmax(dimensionless) / np.nanmin(dimensionless))
    length = "length of the manifold" if curve else "area of the manifold"
    rows = {
        "volume": (
            profile.attrs["volume"],
            "activity unit" if curve else "activity unit^2",
            length,
            "in activity space",
        ),
        "mean_curvature_norm": _mean(profile, "mean_curvature_norm"),
        "dimensionless_mean_curvature": _mean(profile, "dimensionless_mean_curvature"),
        "curvature_range": (ratio, "", "largest over smallest |H|", "1 on a round circle or sphere"),
        "log_likelihood": (
            model.log_likelihood_,
            "nats per sample",
            "log-likelihood",
            "marginal, of the samples fitted",
        ),
    }
    return scalars(rows)


def _mean(profile: xr.Dataset, name: str) -> tuple[float, str, str, str]:
    """Mean of a quantity over the manifold's area, where it is known."""
    area, values, attrs = profile["area"].to_numpy(), profile[name].to_numpy(), profile[name].attrs
    there = np.isfinite(area * values)
    mean = float((area * values)[there].sum() / area[there].sum())
    return mean, attrs["units"], f"{attrs['long_name']}, mean over the manifold", attrs["convention"]


def scalars(rows: dict[str, tuple[float, str, str, str]]) -> xr.Dataset:
    """Scalars from ``name: (value, units, long name, description)``."""
    return xr.Dataset(
        {
            name: ((), value, {"units": units, "long_name": long_name, "description": description})
            for name, (value, units, long_name, description) in rows.items()
        }
    )


def _best_offset(angle: FloatArray, target: FloatArray, offsets: FloatArray) -> tuple[float, float]:
    # A few thousand samples place a median to a fraction of a degree.
    step = -(-len(angle) // 5000)
    difference = (target - angle)[::step]
    errors = [float(np.median(angular_error(difference, offset))) for offset in offsets]
    best = int(np.argmin(errors))
    return errors[best], float(offsets[best])

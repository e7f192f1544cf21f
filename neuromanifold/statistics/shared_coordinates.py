"""Shared coordinates: the same latent of several sessions written in one of the template's equivalent systems.

A fit without labels fixes coordinates up to an isometry Q of the template. It is found from paired points: each
sample's point and where a task variable says it is; or, where units are registered, each point of one manifold and the
point of the other whose activity is nearest. The profile at z of the shared system is then the one found at ``Qᵀ z``.
"""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._typing import FloatArray
from neuromanifold.manifolds import Manifold
from neuromanifold.statistics.along import nearest_points
from neuromanifold.statistics.stamp import quantity, stamped

__all__ = ["align_to_profile", "align_to_variable", "moved"]

LEAST_UNITS = 3


def align_to_variable(template: Manifold, points: FloatArray, labels: FloatArray, name: str) -> xr.Dataset:
    """The isometry that brings points (n, m) of a fit to where labels (n, k), NaN where unknown, say they are.

    Returns
    -------
    Dataset
        ``isometry`` (row, column), applied as ``points @ isometry.T``, and ``median_distance`` of the aligned points
        from the labels on the template, radians.

    Raises
    ------
    InputError
        If no label is known.
    """
    known = np.isfinite(labels).all(axis=1)
    if not known.any():
        raise InputError(f"no value of {name} is known: coordinates cannot be aligned to it")
    source = torch.as_tensor(points[known])
    target = template.embed(torch.as_tensor(labels[known]))
    isometry = template.isometries().align(source, target)
    distance = template.distance(source @ isometry.T, target)
    return _alignment(isometry, float(distance.median()), f"aligned to {name}")


def align_to_profile(template: Manifold, profile: xr.Dataset, reference: xr.Dataset) -> xr.Dataset:
    """The isometry that brings a manifold to another of the same units: points of nearest activity together.

    Parameters
    ----------
    profile, reference : Dataset
        With ``position`` (point, unit) and the coordinate ``unit``; units of the same name are the same cell.

    Raises
    ------
    InputError
        If fewer than three units are shared.
    """
    shared = [unit for unit in profile["unit"].to_numpy() if unit in reference["unit"].to_numpy()]
    if len(shared) < LEAST_UNITS:
        raise InputError(f"{len(shared)} units are shared; aligning by activity needs {LEAST_UNITS} or more")
    ours, theirs = (_centred(one["position"].sel(unit=shared)) for one in (profile, reference))
    nearest = torch.cdist(ours, theirs).argmin(dim=1)
    source, target = (template.embed(_angles(one, template)) for one in (profile, reference))
    target = target[nearest]
    isometry = template.isometries().align(source, target)
    distance = template.distance(source @ isometry.T, target)
    return _alignment(isometry, float(distance.median()), f"aligned by the activity of {len(shared)} registered units")


def moved(profile: xr.Dataset, template: Manifold, isometry: FloatArray) -> xr.Dataset:
    """The profile in the shared coordinates: values at the nearest point of its own grid, half a step away at most."""
    targets = template.embed(_angles(profile, template)).numpy() @ isometry
    rows = nearest_points(profile, targets, template)
    values = profile.isel(point=rows)
    return values.assign_coords({name: profile[name] for name in profile.coords if str(name).startswith("angle_")})


def _alignment(isometry: Tensor, distance: float, how: str) -> xr.Dataset:
    found = {
        "isometry": (("row", "column"), isometry.numpy(), quantity("isometry", convention="points @ isometry.T")),
        "median_distance": ((), distance, quantity("median distance after alignment", "radian")),
    }
    return stamped(xr.Dataset(found), how=how)


def _angles(profile: xr.Dataset, template: Manifold) -> Tensor:
    return torch.as_tensor(np.stack([profile[f"angle_{i}"].to_numpy() for i in range(template.dim)], axis=1))


def _centred(position: xr.DataArray) -> Tensor:
    values = torch.as_tensor(position.transpose("point", "unit").to_numpy())
    return values - values.mean(dim=0)

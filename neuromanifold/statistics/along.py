"""Curvature along a task variable: |H| at each sample's place on the manifold, in bins of the variable.

Samples of one bin lie at different places of the manifold: the quartiles say how different |H| is among them. The band
says how far |H| itself is known: the ends of the profile's band at the samples of the bin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from scipy.spatial import cKDTree

from neuromanifold._errors import InputError
from neuromanifold._typing import ArrayLike, FloatArray, IntArray
from neuromanifold.manifolds import Manifold
from neuromanifold.models import TopologicalVAE
from neuromanifold.models.labels import exact_labels

__all__ = ["Bins", "bins_along", "curvature_against", "nearest_points", "sample_points"]

N_BINS = 36


@dataclass(frozen=True)
class Bins:
    """Equal bins of a variable: their centres, and the bin of each sample (n,), -1 where the variable is unknown."""

    centres: FloatArray
    index: IntArray

    @property
    def occupancy(self) -> IntArray:
        """Samples in each bin."""
        return np.bincount(self.index[self.index >= 0], minlength=len(self.centres))

    def means(self, values: FloatArray) -> FloatArray:
        """Mean of values (n,) in each bin; NaN where there are none."""
        known = self.index >= 0
        sums = np.bincount(self.index[known], values[known], len(self.centres))
        return np.divide(sums, self.occupancy, out=np.full(len(sums), np.nan), where=self.occupancy > 0)


def bins_along(values: FloatArray, period: float | None, n_bins: int = N_BINS) -> Bins:
    """Bins over one period of a circular variable, or over the range of any other.

    Raises
    ------
    InputError
        If no value is known.
    """
    known = np.isfinite(values)
    if not known.any():
        raise InputError(
            f"the task variable is NaN in all {len(values)} samples: to bin curvature along it, give one that is known"
        )
    wrapped = np.mod(values[known], period) if period else values[known]
    low, high = (0.0, period) if period else (float(wrapped.min()), float(wrapped.max()))
    edges = np.linspace(low, high, n_bins + 1)
    index = np.full(len(values), -1)
    index[known] = np.clip(np.digitize(wrapped, edges) - 1, 0, n_bins - 1)
    return Bins((edges[1:] + edges[:-1]) / 2, index)


def sample_points(model: TopologicalVAE, X: FloatArray, y: ArrayLike | None) -> FloatArray:
    """Each sample's point (n, m) of the template: where its label puts it, unless labels err, else decoded.

    A decoded point is blurred by noise, which would smear the sharp bends of a manifold whose coordinates are known.
    """
    labels = torch.as_tensor(exact_labels(y, len(X), model.template_, model.label_tolerance_))
    known = torch.isfinite(labels).all(dim=1).numpy()
    points = np.empty((len(X), model.template_.embedding_dim))
    points[known] = model.template_.embed(labels[known]).numpy()
    if not known.all():
        points[~known] = model.transform(X[~known])
    return points


def nearest_points(profile: xr.Dataset, points: FloatArray, template: Manifold) -> IntArray:
    """Index (n,) of the profile's point nearest to each point (n, m) of the template."""
    angles = np.stack([profile[f"angle_{i}"].to_numpy() for i in range(template.dim)], axis=1)
    return cKDTree(template.embed(torch.as_tensor(angles)).numpy()).query(points)[1]


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
        Dimension ``bin`` (centres): median |H| over the samples with quartiles ``_q25`` and ``_q75``; where the
        profile has a band, the medians ``_lower`` and ``_upper`` of its ends; ``occupancy`` (samples).

    Raises
    ------
    InputError
        If no value is known.
    """
    bins = bins_along(values, period)
    place = nearest_points(profile, points, template)
    name = "mean_curvature_norm"
    shares = {"": (name, 0.5), "_q25": (name, 0.25), "_q75": (name, 0.75)}
    shares |= {end: (name + end, 0.5) for end in ("_lower", "_upper") if name + end in profile}
    found = {
        name + suffix: ("bin", _quantiles(profile[source].to_numpy()[place], bins, share), profile[source].attrs)
        for suffix, (source, share) in shares.items()
    }
    attrs = {key: profile.attrs[key] for key in ("level",) if key in profile.attrs}
    against = xr.Dataset(found, coords={"bin": bins.centres}, attrs=attrs)
    return against.assign(occupancy=("bin", bins.occupancy, {"units": "samples"}))


def _quantiles(values: FloatArray, bins: Bins, share: float) -> FloatArray:
    """A quantile of values (n,) in each bin."""
    found = np.full(len(bins.centres), np.nan)
    for number in np.unique(bins.index[bins.index >= 0]):
        found[number] = np.nanquantile(values[bins.index == number], share)
    return found

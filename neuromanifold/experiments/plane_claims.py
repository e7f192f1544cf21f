"""Statements about log volume in the plane: round before training, along the boundary of the prediction after it.

Values are means over seeds, with the least and the largest as the interval. In wide random networks volume depends on
``|x|`` alone and is largest at the origin, which the boundary passes; so the rank correlation with the distance to the
boundary is told also at equal ``|x|`` (the partial one), and there is the bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import xarray as xr

from neuromanifold._typing import ArrayLike, FloatArray
from neuromanifold.experiments.boundary import partial_rank_correlation, radial_share, rank_correlation
from neuromanifold.experiments.findings import Statement

__all__ = ["boundary_statements", "symmetry_statements"]


def symmetry_statements(volume: xr.DataArray) -> Iterator[Statement]:
    """Share of the variance of untrained log volume (seed, layer, x, y) that ``|x|`` explains, for each layer."""
    for n_layer in volume["layer"].to_numpy():
        case = volume.sel(layer=n_layer)
        shares = [radial_share(one.to_numpy().ravel(), _radius(volume)) for one in case]
        what = f"width {volume.attrs['width']}, hidden layer {n_layer}: variance that |x| explains before training"
        yield _over_seeds(what, shares, ">= 0.9")


def boundary_statements(data: xr.Dataset) -> Iterator[Statement]:
    """Accuracy, and rank correlations with the distance to the trained boundary, for each width and hidden layer."""
    for width, n_layer in product(data["width"].to_numpy(), data["layer"].to_numpy()):
        case = data.sel(width=width, layer=n_layer)
        final = case.isel(epoch=-1)
        where = f"width {width}, hidden layer {n_layer}"
        yield _over_seeds(f"{where}: accuracy after training", final["accuracy"].to_numpy())
        for index, when in ((0, "before"), (-1, "after")):
            stage = case.isel(epoch=index)
            pairs = [_along_boundary(stage.sel(seed=s), final.sel(seed=s)) for s in case["seed"]]
            plain, given = np.array(pairs).T
            yield _over_seeds(f"{where}: rank correlation with the distance to the boundary, {when}", plain)
            yield _over_seeds(f"{where}: the same at equal |x|, {when}", given, "<= 0" if when == "after" else "")


def _over_seeds(what: str, values: ArrayLike, target: str = "") -> Statement:
    each = np.asarray(values, dtype=float)
    known = each[np.isfinite(each)]
    if known.size == 0:
        return Statement(what, np.nan)
    return Statement(what, float(known.mean()), float(known.min()), float(known.max()), target=target)


def _radius(fields: xr.Dataset | xr.DataArray) -> FloatArray:
    return np.hypot(fields["x"].to_numpy()[:, None], fields["y"].to_numpy()[None]).ravel()


def _along_boundary(one: xr.Dataset, trained: xr.Dataset) -> tuple[float, float]:
    """Rank correlation of volume with the distance to the trained boundary, plain and at equal distance from 0."""
    volume, away = (field.to_numpy().ravel() for field in (one["log_volume"], trained["boundary_distance"]))
    if np.isnan(away).any():
        return np.nan, np.nan
    return rank_correlation(volume, away), partial_rank_correlation(volume, away, _radius(one))

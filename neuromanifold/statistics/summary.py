"""The numbers of a fit as labelled scalars."""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuromanifold.bands import band
from neuromanifold.models import TopologicalVAE

__all__ = ["scalars", "summary"]


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
        **mean_with_interval(profile, "mean_curvature_norm"),
        **mean_with_interval(profile, "dimensionless_mean_curvature"),
        "curvature_range": (ratio, "", "largest over smallest |H|", "1 on a round circle or sphere"),
        "log_likelihood": (
            model.log_likelihood_,
            "nats per sample",
            "log-likelihood",
            "marginal, of the samples fitted",
        ),
    }
    return scalars(rows)


def mean_with_interval(profile: xr.Dataset, name: str) -> dict[str, tuple[float, str, str, str]]:
    """Mean of a quantity over the manifold's area, where it is known, and the ends of its interval: of the draws' means
    about their own.
    """
    values, attrs = profile[name].to_numpy(), profile[name].attrs
    area = np.nan_to_num(profile["area"].to_numpy())
    known = np.isfinite(values) & (area > 0)
    weights = area[known] / area[known].sum()
    mean, title = float(weights @ values[known]), f"{attrs['long_name']}, mean over the manifold"
    found = {name: (mean, attrs["units"], title, attrs["convention"])}
    if f"{name}_draws" in profile:
        draws = profile[f"{name}_draws"].transpose("draw", "point").to_numpy()[:, known] @ weights
        n_units, level = int(profile.attrs["n_resampled"]), float(profile.attrs["level"])
        ends = band(np.array([mean]), mean + draws[:, None] - draws.mean(), n_units, level, not_negative=True)
        for end in ("lower", "upper"):
            bound, meaning = ends[f"_{end}"]
            found[f"{name}_{end}"] = (bound.item(), attrs["units"], f"{title}, {meaning}", attrs["convention"])
    return found


def scalars(rows: dict[str, tuple[float, str, str, str]]) -> xr.Dataset:
    """Scalars from ``name: (value, units, long name, description)``."""
    return xr.Dataset(
        {
            name: ((), value, {"units": units, "long_name": long_name, "description": description})
            for name, (value, units, long_name, description) in rows.items()
        }
    )

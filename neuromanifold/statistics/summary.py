"""The numbers of a fit as labelled scalars."""

from __future__ import annotations

import numpy as np
import xarray as xr

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

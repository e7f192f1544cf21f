"""The latent coordinate against a task variable: what the fitted manifold is about."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import LogLocator

from neuromanifold.report.style import DENSITY_MAP, angle_axis, drawn, label, new_axes, plain

__all__ = ["latent_against"]

_FEWEST, _MOST = 24, 90  # cells along each axis: fewer for short recordings, so that a cell holds samples


@drawn
def latent_against(view: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Density of samples over task variable (horizontal) and latent angle (vertical).

    Parameters
    ----------
    view : Dataset
        ``latent`` (sample) and ``variable`` (sample), both with attrs ``long_name``, ``units`` and, where
        circular, ``period``; NaN is left out. See :func:`neuromanifold.report.views.latent_view`.
    ax : Axes, optional
        Where to draw; a new figure otherwise.
    """
    ax = new_axes() if ax is None else ax
    variable, latent = view["variable"], view["latent"]
    known = np.isfinite(variable.to_numpy()) & np.isfinite(latent.to_numpy())
    x, y = variable.to_numpy()[known], latent.to_numpy()[known]
    window = [_window(x, variable.attrs), _window(y, latent.attrs)]
    cells = int(np.clip(math.sqrt(x.size), _FEWEST, _MOST))
    *_, mesh = ax.hist2d(x, y, bins=cells, range=window, cmap=DENSITY_MAP, norm=LogNorm(vmin=0.3), rasterized=True)
    for axis, data in ((ax.xaxis, variable), (ax.yaxis, latent)):
        angle_axis(axis, data.attrs.get("units", ""), data.attrs.get("period"))
    name = variable.attrs.get("long_name", "task variable")
    ax.set_xlabel(label(name, variable.attrs.get("units")))
    shown = str(latent.attrs.get("long_name", "latent angle"))
    ax.set_ylabel(label(shown, latent.attrs.get("units", "rad")))
    ax.set_title(f"{plain(shown[:1].upper() + shown[1:], 20)} against {plain(name, 26)}")
    bar = ax.figure.colorbar(mesh, ax=ax, label="samples per cell", pad=0.02, format="%g")
    bar.ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    bar.ax.minorticks_off()
    bar.ax.set_ylim(bottom=1.0)
    return ax


def _window(values: np.ndarray, attrs: dict[str, Any]) -> tuple[float, float]:
    """One period, from zero or around it as the values are; without a period the range of the values."""
    period = attrs.get("period")
    if period is not None:
        start = -0.5 * float(period) if values.size and values.min() < 0 else 0.0
        return start, start + float(period)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)

"""Tuning overview: mean activity of every unit along an angle, sorted by preferred angle."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from neuromanifold.report.style import CURVATURE_MAP, angle_axis, drawn, label, new_axes, plain

__all__ = ["tuning"]

_MOST_NAMES = 24  # unit names that fit beside the map


@drawn
def tuning(view: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Heat map, one row a unit.

    Parameters
    ----------
    view : Dataset
        ``relative_activity`` (unit, bin), its attr ``long_name`` the legend of the colours;
        ``preferred`` (unit), the order of the rows; coordinate ``bin`` with attrs ``long_name``,
        ``units``, ``period``. See :func:`neuromanifold.report.views.tuning_view`.
    ax : Axes, optional
        Where to draw; a new figure otherwise.
    """
    ax = new_axes() if ax is None else ax
    ordered = view.sortby("preferred")
    values, bins = ordered["relative_activity"], ordered["bin"]
    n_units = ordered.sizes["unit"]
    width = float(bins[1] - bins[0])
    edges = np.append(bins.to_numpy() - 0.5 * width, bins.to_numpy()[-1] + 0.5 * width)
    mesh = ax.pcolormesh(edges, np.arange(n_units + 1) - 0.5, values.to_numpy(), cmap=CURVATURE_MAP, rasterized=True)
    ax.set_ylim(n_units - 0.5, -0.5)
    if n_units <= _MOST_NAMES:
        ax.set_yticks(range(n_units), [plain(name, 12) for name in ordered["unit"].to_numpy()])
        ax.tick_params(axis="y", labelsize=min(9.0, 150.0 / n_units), length=0)
    ax.set_ylabel("unit, by preferred angle" if n_units > _MOST_NAMES else "unit")
    angle_axis(ax.xaxis, bins.attrs.get("units", ""), bins.attrs.get("period"))
    name = bins.attrs.get("long_name", "angle")
    ax.set_xlabel(label(name, bins.attrs.get("units")))
    ax.set_title(f"{n_units} units along {plain(name, 26)}")
    ax.figure.colorbar(mesh, ax=ax, label=plain(values.attrs.get("long_name", "activity")), pad=0.02)
    return ax

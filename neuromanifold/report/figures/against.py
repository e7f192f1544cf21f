"""Curvature against a task variable: median, quartiles and number of the samples in each bin."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from neuromanifold.report.style import ACCENT, BAND, FAINT, angle_axis, drawn, label, new_axes, plain

__all__ = ["curvature_against"]


@drawn
def curvature_against(against: xr.Dataset, variable: str = "mean_curvature_norm", ax: Axes | None = None) -> Axes:
    """A scalar of the profile along the bins of a task variable, with the occupancy above.

    Parameters
    ----------
    against : Dataset
        One dimension, the task variable's bins, its coordinate with attrs ``units`` and, where circular,
        ``period``; ``variable`` with ``variable_lower`` and ``variable_upper`` (quartiles) and ``occupancy``.
        Empty bins are NaN.
    variable : str
        Which scalar.
    ax : Axes, optional
        Where to draw; a new figure otherwise.
    """
    ax = new_axes() if ax is None else ax
    (dim,) = against[variable].dims
    bins = against[dim]
    centre, values = bins.to_numpy(), against[variable].to_numpy()
    lower, upper = f"{variable}_lower", f"{variable}_upper"
    if lower in against and upper in against:
        low, high = (against[name].to_numpy() for name in (lower, upper))
        ax.fill_between(centre, low, high, color=BAND, linewidth=0, label="quartiles")
    ax.plot(centre, values, color=ACCENT, linewidth=1.8, marker="o", markersize=3, label="median")
    half = 0.5 * float(centre[1] - centre[0])
    ax.set_xlim(centre[0] - half, centre[-1] + half)
    known = against[lower].to_numpy() if lower in against else values
    if np.nanmin(known) >= 0:
        ax.set_ylim(bottom=0)
    ax.legend(loc="best", ncols=2)
    units = bins.attrs.get("units", "")
    angle_axis(ax.xaxis, units, bins.attrs.get("period"))
    name = bins.attrs.get("long_name", str(dim))
    ax.set_xlabel(label(name, units))
    attrs = against[variable].attrs
    ax.set_ylabel(label(attrs.get("long_name", "mean curvature |H|"), attrs.get("units")))
    top = _occupancy(against, centre, 2 * half, ax) if "occupancy" in against else ax
    top.set_title(f"Curvature against {plain(name, 30)}")
    return ax


def _occupancy(against: xr.Dataset, centre: np.ndarray, width: float, ax: Axes) -> Axes:
    strip = ax.inset_axes((0.0, 1.03, 1.0, 0.16), sharex=ax)
    occupancy = against["occupancy"]
    strip.bar(centre, occupancy.to_numpy(), width=width, color=FAINT, linewidth=0)
    strip.tick_params(axis="x", labelbottom=False, length=0)
    strip.set_yticks([0, float(occupancy.max())], ["0", f"{float(occupancy.max()):.3g}"], fontsize=8)
    strip.set_ylabel(occupancy.attrs.get("units", "samples"), fontsize=8, rotation=0, ha="right", va="center")
    return strip

"""Curvature against a task variable: median, band, quartiles and number of the samples in each bin."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from neuromanifold._typing import FloatArray
from neuromanifold.report.style import ACCENT, BAND, FAINT, HIGHLIGHT, angle_axis, drawn, label, new_axes, plain

__all__ = ["curvature_against"]

ALPHA = 0.05


@drawn
def curvature_against(against: xr.Dataset, variable: str = "mean_curvature_norm", ax: Axes | None = None) -> Axes:
    """A scalar of the profile along the bins of a task variable, with the occupancy above.

    Parameters
    ----------
    against : Dataset
        One dimension, the task variable's bins, its coordinate with attrs ``units`` and, where circular,
        ``period``; ``variable`` and, where known, the ends ``_lower`` and ``_upper`` of its band, its quartiles
        ``_q25`` and ``_q75`` over samples, ``p_bin`` (does it depart from its mean there?) and ``occupancy``. Empty
        bins are NaN.
    variable : str
        Which scalar.
    ax : Axes, optional
        Where to draw; a new figure otherwise.
    """
    ax = new_axes() if ax is None else ax
    (dim,) = against[variable].dims
    bins = against[dim]
    centre, values = bins.to_numpy(), against[variable].to_numpy()
    lowest = values
    for ends, draw in ((("lower", "upper"), _band), (("q25", "q75"), _quartiles)):
        names = [f"{variable}_{end}" for end in ends]
        if all(name in against for name in names):
            low, high = (against[name].to_numpy() for name in names)
            draw(ax, centre, low, high, against.attrs.get("level"))
            lowest = np.fmin(lowest, low)
    ax.plot(centre, values, color=ACCENT, linewidth=1.8, marker="o", markersize=3, label="median")
    if "p_bin" in against:
        apart = against["p_bin"].to_numpy() <= ALPHA
        ax.plot(centre[apart], values[apart], "o", color=HIGHLIGHT, markersize=5, label="not its mean (p ≤ 0.05)")
    half = 0.5 * float(centre[1] - centre[0])
    ax.set_xlim(centre[0] - half, centre[-1] + half)
    if np.nanmin(lowest) >= 0:
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


def _band(ax: Axes, centre: FloatArray, low: FloatArray, high: FloatArray, level: float | None) -> None:
    name = "band" if level is None else f"{100 * float(level):g} % band"
    ax.fill_between(centre, low, high, color=BAND, linewidth=0, label=name)


def _quartiles(ax: Axes, centre: FloatArray, low: FloatArray, high: FloatArray, level: float | None) -> None:
    for values, name in ((low, "quartiles of samples"), (high, None)):
        ax.plot(centre, values, color=FAINT, linewidth=1.0, linestyle=(0, (3, 2)), label=name)


def _occupancy(against: xr.Dataset, centre: np.ndarray, width: float, ax: Axes) -> Axes:
    strip = ax.inset_axes((0.0, 1.03, 1.0, 0.16), sharex=ax)
    occupancy = against["occupancy"]
    strip.bar(centre, occupancy.to_numpy(), width=width, color=FAINT, linewidth=0)
    strip.tick_params(axis="x", labelbottom=False, length=0)
    strip.set_yticks([0, float(occupancy.max())], ["0", f"{float(occupancy.max()):.3g}"], fontsize=8)
    strip.set_ylabel(occupancy.attrs.get("units", "samples"), fontsize=8, rotation=0, ha="right", va="center")
    return strip

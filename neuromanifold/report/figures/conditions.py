"""Curvature of a circle in two conditions, and where they differ."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from neuromanifold.report.style import ACCENT, BAND, DPI, HEIGHT, HIGHLIGHT, WIDTH, angle_axis, drawn, label, plain

__all__ = ["curvature_in_conditions"]


@drawn
def curvature_in_conditions(conditions: xr.Dataset) -> Figure:
    """|H| in two conditions over the angle, and below it their difference with its band.

    Parameters
    ----------
    conditions : Dataset
        Of :func:`neuromanifold.statistics.compare_conditions`, of a circle: ``mean_curvature_norm`` (condition, point),
        ``difference`` (point) with ``_lower`` and ``_upper``, ``p_value``; coordinate ``angle_0``, attr ``level``.
    """
    figure = Figure(figsize=(WIDTH, 1.2 * HEIGHT), dpi=DPI, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    closed = xr.concat([conditions, conditions.isel(point=[0])], "point", data_vars="minimal", coords="minimal")
    angle = np.append(conditions["angle_0"].to_numpy(), conditions["angle_0"].to_numpy()[0] + 2 * math.pi)
    norm = closed["mean_curvature_norm"]
    for name, colour, style in zip(norm["condition"].to_numpy(), (ACCENT, HIGHLIGHT), ("-", "--"), strict=True):
        above.plot(angle, norm.sel(condition=name), style, color=colour, linewidth=1.8, label=plain(name))
    above.set_ylim(bottom=0)
    above.set_ylabel(label(norm.attrs.get("long_name", "mean curvature |H|"), norm.attrs.get("units")))
    above.legend(loc="best", ncols=2)
    above.set_title(f"Curvature in two conditions (p = {float(conditions['p_value']):.2g})")
    low, high = (closed[f"difference_{end}"].to_numpy() for end in ("lower", "upper"))
    band = f"{100 * float(conditions.attrs['level']):g} % band"
    below.fill_between(angle, low, high, color=BAND, linewidth=0, label=band)
    below.plot(angle, closed["difference"], color=ACCENT, linewidth=1.8)
    below.axhline(0, color="black", linewidth=0.8)
    below.legend(loc="best")
    below.set_ylabel("difference")
    below.set_xlim(angle[0], angle[-1])
    angle_axis(below.xaxis, "rad")
    below.set_xlabel("latent angle θ (rad)")
    return figure

"""A field over the plane through three samples: their triangle (ternary plot), or the plane about it."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation

from neuromanifold._typing import FloatArray
from neuromanifold.report.style import CURVATURE_MAP, DENSITY_MAP, DPI, WIDTH, drawn, label

__all__ = ["hull"]

# The samples stand at the corners of an equilateral triangle, whatever their distances are.
_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])


@drawn
def hull(data: xr.Dataset, title: str) -> Figure:
    """Volume and entropy side by side, with the boundaries of the prediction in black.

    Parameters
    ----------
    data : Dataset
        Along ``node``: ``log_volume`` or else ``log_area``, ``entropy``, ``predicted``, and the coordinate ``weight``
        (node, corner), barycentric; ``corner_class`` (corner).
    title : str
        What the plane is of.
    """
    figure = Figure(figsize=(1.5 * WIDTH, 3.3), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    mesh = Triangulation(*(data["weight"].to_numpy() @ _CORNERS).T)
    volume = "log_volume" if "log_volume" in data else "log_area"
    for ax, name, colours in ((left, volume, CURVATURE_MAP), (right, "entropy", DENSITY_MAP)):
        values = data[name]
        shown = ax.tripcolor(mesh, values.to_numpy(), shading="gouraud", cmap=colours, rasterized=True)
        bar = figure.colorbar(shown, ax=ax, pad=0.02, shrink=0.8)
        bar.set_label(label(values.attrs.get("long_name", name), values.attrs.get("units")))
        _boundaries(ax, mesh, data["predicted"].to_numpy(), "k" if name == volume else "#D55E00")
        _corners(ax, data["corner_class"].to_numpy())
    figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    return figure


def _boundaries(ax: Axes, mesh: Triangulation, predicted: FloatArray, colour: str) -> None:
    classes = np.unique(predicted)
    # Between two classes one outline is enough; the last class is bounded by the others.
    for c in classes[:-1] if len(classes) == 2 else classes if len(classes) > 2 else []:
        ax.tricontour(mesh, (predicted == c).astype(float), levels=[0.5], colors=colour, linewidths=0.9)


def _corners(ax: Axes, classes: FloatArray) -> None:
    ax.plot(*np.vstack([_CORNERS, _CORNERS[:1]]).T, color="0.4", linewidth=0.6, linestyle=":")
    centre = _CORNERS.mean(0)
    for place, c in zip(_CORNERS, classes, strict=True):
        x, y = centre + 1.16 * (place - centre)
        ax.text(x, y, f"class {c}", ha="center", va="center", fontsize=8, bbox={"fc": "w", "ec": "none", "pad": 1})
        ax.plot(*place, "o", color="w", markeredgecolor="k", markersize=4, clip_on=False)
    ax.set_aspect("equal")
    ax.set_axis_off()

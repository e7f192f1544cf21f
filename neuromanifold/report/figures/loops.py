"""Which samples make the holes: closed paths round the loops, among the activity that they were found in."""

from __future__ import annotations

import numpy as np
import xarray as xr
from mpl_toolkits.mplot3d import Axes3D

from neuromanifold._typing import FloatArray
from neuromanifold.report.figures.cube import cube, dress, scatter
from neuromanifold.report.style import ACCENT, HIGHLIGHT, drawn, plain

__all__ = ["loops"]

_COLOURS = (HIGHLIGHT, ACCENT, "#009E73", "#CC79A7")


@drawn
def loops(paths: xr.Dataset, ax: Axes3D | None = None) -> Axes3D:
    """The activity in three leading components, and a path of its samples round each loop.

    Parameters
    ----------
    paths : Dataset
        ``Topology.loops_``: ``data`` (sample, component), ``position`` (step, component) in order along each closed
        path, and the number of its ``loop`` (step).
    ax : Axes3D, optional
        Where to draw; a new figure otherwise.
    """
    ax = cube() if ax is None else ax
    data, position, loop = _flat(paths["data"]), _flat(paths["position"]), paths["loop"].to_numpy()
    scatter(ax, data)
    for number in np.unique(loop):
        path = position[loop == number]
        closed = np.concatenate([path, path[:1]])
        colour = _COLOURS[int(number) % len(_COLOURS)]
        ax.plot(*closed.T, color=colour, linewidth=2, marker=".", markersize=5, label=f"loop {number + 1}")
    names = [f"{name} (distance)" for name in paths["component"].to_numpy()]
    dress(ax, np.concatenate([data, position]), [*names, "", ""])
    template = plain(paths.attrs.get("template", "undecided"))
    ax.figure.text(0.02, 0.94, f"Samples along the loops: {template}", fontsize=10, fontweight="bold")
    if loop.size:
        ax.figure.legend(loc="center right", fontsize=9)
    return ax


def _flat(points: xr.DataArray) -> FloatArray:
    """(n, 3), the third component 0 where there are two."""
    values = points.to_numpy()
    return np.pad(values, ((0, 0), (0, 3 - values.shape[1])))

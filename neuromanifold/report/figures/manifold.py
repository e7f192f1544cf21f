"""The fitted manifold in the three directions it spreads most, coloured by curvature, over faint data."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Line3DCollection

from neuromanifold.report.figures.cube import cube, dress, scatter
from neuromanifold.report.figures.grid import close, folded, goes_round
from neuromanifold.report.style import CURVATURE_MAP, drawn, label

__all__ = ["manifold"]


@drawn
def manifold(view: xr.Dataset, ax: Axes3D | None = None) -> Axes3D:
    """A curve or a surface in three principal components.

    Parameters
    ----------
    view : Dataset
        ``position`` (point, component), the fitted manifold in three components, with
        ``mean_curvature_norm`` (point) and coordinates ``angle_0`` (and ``angle_1``); ``data`` (sample,
        component), the activity in the same components; ``share`` (component), the part of the
        manifold's variance in each. See :func:`neuromanifold.report.views.manifold_view`.
    ax : Axes3D, optional
        Where to draw; a new figure otherwise.
    """
    own = ax is None
    ax = cube() if ax is None else ax
    curvature = view["mean_curvature_norm"]
    low, high = np.nanpercentile(curvature.to_numpy(), [1, 99])
    colours = ScalarMappable(Normalize(low, high if high > low else low + 1e-9), colormaps[CURVATURE_MAP])
    scatter(ax, view["data"].to_numpy())
    if "angle_1" in view.coords:
        _surface(ax, view, colours)
    else:
        _curve(ax, view, colours)
    names = [f"PC{i + 1} ({share:.0%})" for i, share in enumerate(view["share"].to_numpy())]
    dress(ax, np.concatenate([view["position"].to_numpy(), view["data"].to_numpy()]), names)
    name = label(curvature.attrs.get("long_name", "mean curvature |H|"), curvature.attrs.get("units"))
    title = "Fitted manifold over the data, by curvature"
    if own:
        ax.figure.colorbar(colours, cax=ax.figure.add_axes((0.81, 0.2, 0.03, 0.6)), label=name)
        ax.figure.text(0.02, 0.94, title, fontsize=10, fontweight="bold")
    else:
        ax.figure.colorbar(colours, ax=ax, label=name, shrink=0.7, pad=0.1, aspect=22)
        ax.set_title(title)
    return ax


def _curve(ax: Axes3D, view: xr.Dataset, colours: ScalarMappable) -> None:
    ordered = view.sortby("angle_0")
    points, values = ordered["position"].to_numpy(), ordered["mean_curvature_norm"].to_numpy()
    if goes_round(ordered["angle_0"].to_numpy()):
        points, values = np.concatenate([points, points[:1]]), np.append(values, values[0])
    lines = np.stack([points[:-1], points[1:]], axis=1)
    colour = colours.to_rgba(0.5 * (values[:-1] + values[1:]))
    ax.add_collection3d(Line3DCollection(lines, colors=colour, linewidths=3, capstyle="round"))


def _surface(ax: Axes3D, view: xr.Dataset, colours: ScalarMappable) -> None:
    positions = close(folded(view, "position"), view)
    values = close(folded(view, "mean_curvature_norm"), view)
    ax.plot_surface(
        *np.moveaxis(positions, -1, 0),
        facecolors=colours.to_rgba(values[:-1, :-1]),
        rstride=1,
        cstride=1,
        linewidth=0,
        antialiased=False,
        shade=False,
        rasterized=True,
    )

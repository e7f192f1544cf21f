"""A box of three components on equal scales: what is drawn in it keeps its shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d import Axes3D

from neuromanifold._typing import FloatArray
from neuromanifold.report.style import DPI, FAINT, HEIGHT, WIDTH

__all__ = ["cube", "dress", "scatter"]

_MOST_POINTS = 1500


def cube() -> Axes3D:
    """Axes of a figure of their own, with room for a colour bar or legend on the right."""
    # Automatic layouts do not know how far the labels of a 3-D box reach: the place is stated.
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI)
    return cast(Axes3D, figure.add_axes((-0.03, 0.06, 0.8, 0.88), projection="3d"))


def scatter(ax: Axes3D, points: FloatArray) -> None:
    """Faint points (n, 3), thinned to those that can be told apart."""
    x, y, z = points[:: max(1, len(points) // _MOST_POINTS)].T
    ax.scatter(x, y, z, s=3, color=FAINT, alpha=0.35, linewidths=0, depthshade=False, rasterized=True)


def dress(ax: Axes3D, corners: FloatArray, names: Sequence[str]) -> None:
    """Name the axes and give them one scale that shows the points (n, 3), stray ones left out."""
    low, high = np.percentile(corners, [0.5, 99.5], axis=0)
    middle, half = 0.5 * (low + high), 0.55 * float((high - low).max())
    for i, axis in enumerate((ax.xaxis, ax.yaxis, ax.zaxis)):
        axis.set_label_text(names[i])
        axis.set_major_locator(MaxNLocator(3))
        axis.pane.set_alpha(0.0)
        axis.set_tick_params(labelsize=8, pad=-1)
        # Equal scales on all axes: curvature is a length's inverse, so shape must not be stretched.
        getattr(ax, f"set_{'xyz'[i]}lim")(middle[i] - half, middle[i] + half)
    ax.set_box_aspect((1, 1, 1), zoom=0.95)
    ax.view_init(elev=28, azim=-55)

"""Persistence diagrams: each hole of a point cloud as a point, (scale where it opens, scale where it closes).

The height above the diagonal is the length of the bar; within the grey band it is one that shuffled units make too.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from neuromanifold.report.figures.barcodes import BAND, hole_name, last_finite, scale_label, threshold
from neuromanifold.report.style import ACCENT, DPI, FAINT, HEIGHT, HIGHLIGHT, WIDTH, drawn, plain
from neuromanifold.report.verdicts import headline

__all__ = ["diagram", "diagrams"]

# Of fields, in rising order of their primes.
_MARKERS = ("o", "^")


@drawn
def diagrams(bars: xr.Dataset, figure: Figure | SubFigure | None = None) -> list[Axes]:
    """A panel for each degree from 1 up, both fields in it.

    Parameters
    ----------
    bars : Dataset
        ``Topology.bars_``, as for :func:`~neuromanifold.report.figures.barcodes`.
    figure : Figure or SubFigure, optional
        Where to draw; a new figure otherwise.
    """
    degrees = [degree for degree in np.unique(bars["degree"].to_numpy()).tolist() if degree > 0]
    if figure is None:
        figure = Figure(figsize=(WIDTH * max(1.0, 0.75 * len(degrees)), HEIGHT), dpi=DPI, layout="constrained")
    axes = figure.subplots(1, len(degrees), squeeze=False)[0]
    for ax, degree in zip(axes, degrees, strict=True):
        diagram(bars, degree, ax)
    axes[0].legend(loc="lower right")
    figure.suptitle(plain(headline(str(bars.attrs.get("template", "undecided"))), 60), fontsize=10, fontweight="bold")
    return list(axes)


@drawn
def diagram(bars: xr.Dataset, degree: int, ax: Axes) -> Axes:
    """Birth and death of the bars of one degree over each field; endless ones lie on the upper edge."""
    end, limit = last_finite(bars), threshold(bars, degree)
    share = 100 * (1 - float(bars.attrs.get("alpha", 0.05)))
    across = np.array([0.0, end])
    if np.isfinite(limit):
        ax.fill_between(across, across, across + limit, color=BAND, linewidth=0, label=f"{share:g} % of shuffles")
    ax.plot(across, across, color=FAINT, linewidth=0.8)
    for prime, marker in zip(np.unique(bars["prime"].to_numpy()).tolist(), _MARKERS, strict=False):
        chosen = bars.isel(bar=np.flatnonzero((bars["degree"] == degree) & (bars["prime"] == prime)))
        death = np.minimum(chosen["death"].to_numpy(), end)
        colours = [HIGHLIGHT if counts else ACCENT for counts in chosen["significant"].to_numpy()]
        ax.scatter(
            chosen["birth"], death, s=22, marker=marker, facecolors="none", edgecolors=colours, label=f"Z{prime}"
        )
    ax.set(xlim=(0, end), ylim=(0, end), title=f"H{degree}: {hole_name(degree)}")
    ax.set(xlabel=f"opens ({scale_label(bars)})", ylabel="closes")
    return ax

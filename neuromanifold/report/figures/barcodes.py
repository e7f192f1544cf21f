"""Persistence barcodes: each hole of a point cloud, from the scale where it opens to where it closes.

A bar counts when it is longer than the longest bar that shuffled units make; that length is drawn as a
grey band from the birth of the bar it is compared with.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from neuromanifold.report.style import ACCENT, DPI, HEIGHT, HIGHLIGHT, WIDTH, drawn, plain
from neuromanifold.report.verdicts import headline

__all__ = ["BAND", "barcode", "barcodes", "hole_name", "last_finite", "scale_label", "threshold"]

_HOLES = {0: "components", 1: "loops", 2: "cavities"}
_MOST_BARS = 12  # per field and degree; the rest are shorter
BAND = "#C6C6C6"


@drawn
def barcodes(bars: xr.Dataset, figure: Figure | SubFigure | None = None) -> list[Axes]:
    """One panel for each degree, both fields in it.

    Parameters
    ----------
    bars : Dataset
        ``Topology.bars_``: along ``bar`` the ``degree``, ``prime``, ``birth``, ``death`` (inf where a
        bar never ends) and ``significant``; along degrees from 1 ``null_threshold``, the longest bar of
        shuffled units at level ``alpha`` (attr).
    figure : Figure or SubFigure, optional
        Where to draw; a new figure otherwise.
    """
    degrees = sorted({int(degree) for degree in bars["degree"].to_numpy()})
    if figure is None:
        height = max(HEIGHT, 0.9 + 1.25 * len(degrees))
        figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
    axes = figure.subplots(len(degrees), 1, sharex=True, squeeze=False)[:, 0]
    end = last_finite(bars)
    for ax, degree in zip(axes, degrees, strict=True):
        barcode(bars, degree, ax, end)
        ax.set_title("")
    axes[0].set_title(plain(headline(str(bars.attrs.get("template", "undecided"))), 60))
    for ax in axes[:-1]:
        ax.set_xlabel("")
    _legend(axes[-1], bars)
    return list(axes)


@drawn
def barcode(bars: xr.Dataset, degree: int, ax: Axes, end: float | None = None) -> Axes:
    """The longest bars of one degree over each field, longest on top; endless bars are cut at ``end``."""
    end = last_finite(bars) if end is None else end
    limit = threshold(bars, degree)
    row, ticks = 0, []
    for prime in sorted({int(p) for p in bars["prime"].to_numpy()}):
        birth, death, significant = _longest(bars, degree, prime)
        ticks.append((row + 0.5 * (len(birth) - 1), f"Z{prime}"))
        for b, d, strong in zip(birth, death, significant, strict=True):
            if np.isfinite(limit):
                ax.barh(row, limit, left=b, height=0.9, color=BAND, linewidth=0)
            ax.barh(row, min(d, end) - b, left=b, height=0.5, color=HIGHLIGHT if strong else ACCENT, linewidth=0)
            if not np.isfinite(d):
                ax.plot(end, row, marker=">", color=HIGHLIGHT if strong else ACCENT, markersize=4, clip_on=False)
            row += 1
        row += 1
    ax.set_ylim(row - 1.0, -1.0)
    ax.set_xlim(0.0, 1.03 * end)
    ax.set_yticks([at for at, _ in ticks], [name for _, name in ticks])
    ax.tick_params(axis="y", length=0)
    ax.set_ylabel(f"H{degree}: {hole_name(degree)}".rstrip(": "))
    ax.set_xlabel(f"scale ({scale_label(bars)})")
    ax.set_title(f"Bars of degree {degree}")
    return ax


def hole_name(degree: int) -> str:
    """What holes of a degree are called; empty beyond cavities."""
    return _HOLES.get(degree, "")


def scale_label(bars: xr.Dataset) -> str:
    """The unit of birth and death."""
    return plain(bars["birth"].attrs.get("units") or f"{bars.attrs.get('metric', '')} distance".strip())


def _longest(bars: xr.Dataset, degree: int, prime: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chosen = bars.isel(bar=np.flatnonzero((bars["degree"] == degree) & (bars["prime"] == prime)))
    birth, death = chosen["birth"].to_numpy(), chosen["death"].to_numpy()
    order = np.argsort(birth - death, kind="stable")[:_MOST_BARS]
    # An endless bar counts without shuffles: there is always one component.
    counts = chosen["significant"].to_numpy() | np.isinf(death)
    return birth[order], death[order], counts[order]


def threshold(bars: xr.Dataset, degree: int) -> float:
    """The length that a bar of a degree must exceed to count; infinite where none was computed."""
    limits = bars["null_threshold"]
    (dim,) = limits.dims
    degrees = limits[dim].to_numpy() if dim in limits.coords else np.arange(1, 1 + limits.size)
    found = limits.to_numpy()[degrees == degree]
    return float(found[0]) if found.size else np.inf


def last_finite(bars: xr.Dataset) -> float:
    """A little beyond the last birth or death."""
    ends = np.concatenate([bars["birth"].to_numpy(), bars["death"].to_numpy()])
    return 1.05 * float(ends[np.isfinite(ends)].max())


def _legend(ax: Axes, bars: xr.Dataset) -> None:
    share = 100 * (1 - float(bars.attrs.get("alpha", 0.05)))
    handles = [
        Line2D([], [], color=HIGHLIGHT, linewidth=4, label="counts"),
        Line2D([], [], color=ACCENT, linewidth=4, label="does not count"),
        Patch(color=BAND, label=f"length of {share:g} % of shuffles"),
    ]
    ax.figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8.5, handlelength=1.2)

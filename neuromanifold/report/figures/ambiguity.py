"""Log volume at clean and ambiguous images, and what such images look like."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neuromanifold.report.style import ACCENT, DPI, HIGHLIGHT, WIDTH, drawn, label, plain

__all__ = ["ambiguity"]

_SHOWN = 6


@drawn
def ambiguity(data: xr.Dataset) -> Figure:
    """Each image as a point, volume against entropy, after training; six images of each kind below.

    Parameters
    ----------
    data : Dataset
        ``log_volume`` and ``entropy`` (stage, kind, sample); ``image`` (kind, sample, pixel), square ones.
    """
    figure = Figure(figsize=(WIDTH, 4.6), dpi=DPI, layout="constrained")
    grid = figure.add_gridspec(3, _SHOWN, height_ratios=(4, 1, 1))
    ax = figure.add_subplot(grid[0, :])
    last = data.isel(stage=-1)
    for row, (kind, colour, marker) in enumerate(zip(data["kind"].to_numpy(), (ACCENT, HIGHLIGHT), "o^", strict=True)):
        one = last.sel(kind=kind)
        ax.plot(one["entropy"], one["log_volume"], marker, color=colour, markersize=4, label=plain(kind))
        ax.axhline(float(one["log_volume"].mean()), color=colour, linewidth=1, linestyle="--")
        for column in range(min(_SHOWN, data.sizes["sample"])):
            _show(figure.add_subplot(grid[1 + row, column]), one["image"].isel(sample=column).to_numpy())
    ax.set_xlabel(label(data["entropy"].attrs["long_name"]))
    ax.set_ylabel(label(data["log_volume"].attrs["long_name"]))
    ax.legend()
    ax.set_title("Clean and ambiguous digits of a VAE")
    return figure


def _show(ax: Axes, pixels: np.ndarray) -> None:
    side = math.isqrt(pixels.size)
    ax.imshow(pixels.reshape(side, side), cmap="gray_r", vmin=0, vmax=1)
    ax.set_axis_off()

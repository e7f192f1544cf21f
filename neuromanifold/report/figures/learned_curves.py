"""Learned curves in the plane over their samples, beside the true curve."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neuromanifold._typing import FloatArray
from neuromanifold.report.style import ACCENT, DPI, FAINT, HIGHLIGHT, drawn, plain

__all__ = ["learned_curves"]

_WIDTH, _MOST = 2.4, 4  # inches of a panel, panels in a row
_MARGIN = 0.12  # about samples and truth, of their extent


@drawn
def learned_curves(curves: xr.Dataset) -> Figure:
    """A panel for each model: samples, the curve it has learned, and the truth.

    Parameters
    ----------
    curves : Dataset
        ``learned`` (model, place, unit), ``samples`` (sample, unit) and ``truth`` (true_place, unit), of two units;
        ``error`` (model), the manifold error in activity units.
    """
    models = curves["model"].to_numpy()
    columns = min(_MOST, len(models))
    rows = math.ceil(len(models) / columns)
    low, high = _window(curves)
    height = _WIDTH * (high - low)[1] / (high - low)[0] + 0.45
    figure = Figure(figsize=(_WIDTH * columns, height * rows + 0.55), dpi=DPI, layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    axes[0].set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    for ax, model in zip(axes, models, strict=False):
        _panel(ax, curves.sel(model=model))
        ax.set_title(f"{plain(model)}: error {float(curves['error'].sel(model=model)):.3f}", fontweight="normal")
    for ax in axes[len(models) :]:
        ax.set_axis_off()
    figure.supxlabel("unit 1", fontsize=9)
    figure.supylabel("unit 2", fontsize=9)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=3, fontsize=8)
    return figure


def _window(curves: xr.Dataset) -> tuple[FloatArray, FloatArray]:
    both = np.concatenate([curves["samples"].to_numpy(), curves["truth"].to_numpy()])
    low, high = both.min(axis=0), both.max(axis=0)
    return low - _MARGIN * (high - low), high + _MARGIN * (high - low)


def _panel(ax: Axes, curve: xr.Dataset) -> None:
    ax.plot(*curve["truth"].to_numpy().T, color=FAINT, linewidth=3, label="truth", solid_capstyle="round")
    ax.plot(*curve["samples"].to_numpy().T, "o", color=ACCENT, markersize=2.5, label="samples")
    ax.plot(*curve["learned"].to_numpy().T, color=HIGHLIGHT, linewidth=1.4, label="learned")
    ax.set_aspect("equal")

"""Log volume along lines between samples, and below it what the network predicts there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neuromanifold.report.style import ACCENT, DPI, HIGHLIGHT, STAGES, WIDTH, drawn, plain

__all__ = ["line_profiles"]

_PANEL = 2.3  # inches: width of a panel where there are more than two


@drawn
def line_profiles(lines: xr.Dataset, across: str, variable: str = "log_volume") -> Figure:
    """One column for each kind of line, block or epoch: above, mean profiles over thin single ones; below, the mean
    entropy and the share of the lines on which the prediction changes.

    Every profile is shown less the mean of its ends.

    Parameters
    ----------
    lines : Dataset
        ``variable``, ``entropy`` and ``predicted`` along ``position`` (odd number), ``line`` and ``across``; where
        there are ``stage`` (before and after training) and ``seed``, stages are drawn over each other, seeds pooled.
    across : str
        The dimension that makes the columns.
    """
    cases = lines[across].to_numpy()
    size = (max(WIDTH, (_PANEL if len(cases) > 2 else WIDTH / 2) * len(cases)), 4.4)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    axes = figure.subplots(2, len(cases), sharex=True, sharey="row", squeeze=False, height_ratios=(2, 1))
    for column, case in zip(axes.T, cases, strict=True):
        one = lines.sel({across: case})
        for colour, name, stage in _stages(one):
            _volumes(column[0], stage[variable], colour, name)
        _predictions(column[1], stage)
        column[0].set_title(plain(f"{across} {case}" if np.issubdtype(cases.dtype, np.number) else case, 24))
        column[1].set_xlabel("position on the line")
    axes[0, 0].set_ylabel(f"{plain(lines[variable].attrs.get('long_name', variable))}\nless the mean of the ends")
    axes[1, 0].set_ylabel("prediction")
    axes[0, 0].legend(loc="best")
    axes[1, -1].legend(loc="upper right", fontsize=8, handlelength=1.2)
    return figure


def _stages(lines: xr.Dataset) -> Iterator[tuple[str, str, xr.Dataset]]:
    if "stage" not in lines.dims:
        yield ACCENT, "mean", lines
        return
    for colour, name in zip(STAGES[: lines.sizes["stage"]], lines["stage"].to_numpy(), strict=True):
        yield colour, str(name), lines.sel(stage=name)


def _volumes(ax: Axes, volume: xr.DataArray, colour: str, name: str) -> None:
    raised = volume - volume.isel(position=[0, -1]).mean("position")
    position = raised["position"].to_numpy()
    each = raised.transpose("position", ...).to_numpy().reshape(len(position), -1)
    ax.plot(position, each, color=colour, linewidth=0.5, alpha=0.35)
    ax.plot(position, each.mean(1), color=colour, linewidth=2.2, label=plain(name))
    ax.axhline(0, color="k", linewidth=0.5)


def _predictions(ax: Axes, lines: xr.Dataset) -> None:
    position = lines["position"].to_numpy()
    classes = lines["predicted"].transpose("position", ...).to_numpy().reshape(len(position), -1)
    changed = (classes[1:] != classes[:-1]).mean(1)
    halfway = 0.5 * (position[1:] + position[:-1])
    ax.bar(halfway, changed, width=position[1] - position[0], color="#D9D9D9", label="share of lines with a change")
    others = [dim for dim in lines["entropy"].dims if dim != "position"]
    ax.plot(
        position, lines["entropy"].mean(others).to_numpy(), color=HIGHLIGHT, linewidth=1.6, label="entropy (0 to 1)"
    )
    ax.set_ylim(0, 1)

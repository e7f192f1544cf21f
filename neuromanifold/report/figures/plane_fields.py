"""Fields over a plane of inputs during training: a row for each quantity, a column for each epoch."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neuromanifold.report.style import CURVATURE_MAP, DPI, SIGNED_MAP, drawn, label

__all__ = ["plane_fields"]

_PANEL = 1.75  # inches


@drawn
def plane_fields(fields: xr.Dataset, title: str) -> Figure:
    """Log volume and scalar curvature (epoch, x, y), with the line of probability ½ (orange).

    Colours span what each quantity has over all epochs, curvature between its 2nd and 98th percentile and even about
    zero.

    Parameters
    ----------
    fields : Dataset
        ``log_volume``, ``scalar_curvature`` and ``probability`` (epoch, x, y).
    title : str
        Which network.
    """
    epochs = fields["epoch"].to_numpy()
    figure = Figure(figsize=(_PANEL * len(epochs) + 0.9, 2 * _PANEL + 0.6), dpi=DPI, layout="constrained")
    axes = figure.subplots(2, len(epochs), sharex=True, sharey=True, squeeze=False)
    for row, name in zip(axes, ("log_volume", "scalar_curvature"), strict=True):
        values = fields[name]
        colours, low, high = _scale(values.to_numpy(), signed=name == "scalar_curvature")
        for ax, epoch in zip(row, epochs, strict=True):
            field = values.sel(epoch=epoch).transpose("y", "x")
            mesh = ax.pcolormesh(
                fields["x"], fields["y"], field, cmap=colours, vmin=low, vmax=high, shading="nearest", rasterized=True
            )
            _boundary(ax, fields.sel(epoch=epoch))
        bar = figure.colorbar(mesh, ax=row, pad=0.01, extend="both" if name == "scalar_curvature" else "neither")
        bar.set_label(label(values.attrs["long_name"]), fontsize=8)
    for ax, epoch in zip(axes[0], epochs, strict=True):
        ax.set_title(f"epoch {epoch}", fontweight="normal")
    axes[0, 0].set_ylabel(r"$x_2$")
    axes[1, 0].set_ylabel(r"$x_2$")
    for ax in axes[1]:
        ax.set_xlabel(r"$x_1$")
    figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    return figure


def _scale(values: np.ndarray, signed: bool) -> tuple[str, float, float]:
    if not signed:
        return CURVATURE_MAP, float(np.nanmin(values)), float(np.nanmax(values))
    reach = max(float(np.abs(np.nanpercentile(values, [2, 98])).max()), 1e-12)
    return SIGNED_MAP, -reach, reach


def _boundary(ax: Axes, fields: xr.Dataset) -> None:
    probability = fields["probability"].transpose("y", "x").to_numpy()
    if probability.min() < 0.5 < probability.max():
        ax.contour(fields["x"], fields["y"], probability, levels=[0.5], colors="#D55E00", linewidths=1.1)
    ax.set_aspect("equal")

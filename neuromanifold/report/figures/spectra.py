"""Eigenvalues of the metric at a few samples, before, during and after training."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from neuromanifold.report.style import STAGES, drawn, label, new_axes, plain

__all__ = ["spectra"]


@drawn
def spectra(data: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Eigenvalues against their rank, one curve a sample.

    Parameters
    ----------
    data : Dataset
        ``eigenvalue`` (stage, sample, rank); zeros (beyond the rank of the metric) are left out.
    ax : Axes, optional
        Where to draw; a new figure otherwise.
    """
    ax = new_axes() if ax is None else ax
    rank = data["rank"].to_numpy()
    for colour, stage in zip(STAGES[: data.sizes["stage"]], data["stage"].to_numpy(), strict=True):
        values = data["eigenvalue"].sel(stage=stage).transpose("rank", "sample").to_numpy()
        ax.plot(rank, np.where(values > 0, values, np.nan), color=colour, linewidth=1.2)
        ax.plot([], [], color=colour, label=plain(stage))
    ax.set_yscale("log")
    ax.set_xlabel("rank of the eigenvalue")
    attrs = data["eigenvalue"].attrs
    ax.set_ylabel(label(attrs.get("long_name", "eigenvalue"), attrs.get("units")))
    ax.legend()
    ax.set_title(f"Spectrum of the metric at {data.sizes['sample']} samples")
    return ax

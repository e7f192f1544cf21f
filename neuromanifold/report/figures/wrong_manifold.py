"""The wrong-manifold test: distance from the truth by the noise that was added, a line for each share of samples."""

from __future__ import annotations

import xarray as xr
from matplotlib.axes import Axes

from neuromanifold.report.style import STAGES, drawn, label, new_axes

__all__ = ["wrong_manifold"]

_MARKERS = "osD^v"


@drawn
def wrong_manifold(found: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Median over repeats, and every repeat as a point.

    Parameters
    ----------
    found : Dataset
        Of :func:`neuromanifold.diagnostics.wrong_manifold`.
    ax : Axes, optional
        Where to draw; a new figure otherwise.
    """
    ax = new_axes() if ax is None else ax
    error, noise = found["error"], found["noise"].to_numpy()
    shares = sorted(found["share"].to_numpy(), reverse=True)
    for place, share in enumerate(shares):
        one = error.sel(share=share)
        colour, marker = STAGES[-1 - place % len(STAGES)], _MARKERS[place % len(_MARKERS)]
        ax.plot(noise, one.transpose("noise", "repeat"), marker, color=colour, markersize=2)
        ax.plot(noise, one.median("repeat"), f"{marker}-", color=colour, label=f"{share:.0%} of the samples")
    ax.set_ylim(bottom=0)
    ax.set_xlabel("noise added (standard deviation of the samples)")
    ax.set_ylabel(label(error.attrs["long_name"], error.attrs["units"]))
    ax.set_title(f"Distance from {found.attrs['reference']}")
    ax.legend()
    return ax

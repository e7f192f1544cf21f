"""Two curvature profiles along one task variable, each with its band."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from neuromanifold.report.style import ACCENT, HIGHLIGHT, angle_axis, drawn, label, new_axes, plain

__all__ = ["curvature_beside"]


@drawn
def curvature_beside(
    beside: xr.Dataset, variable: str = "dimensionless_mean_curvature", ax: Axes | None = None
) -> Axes:
    """A scalar of two profiles over the angle that both share.

    Parameters
    ----------
    beside : Dataset
        Of :func:`neuromanifold.compare.curvature`: ``variable``, where known ``variable_lower`` and ``variable_upper``
        (representation, angle), ``variable_correlation`` and ``variable_p_value``; attr ``level``. The coordinate
        ``angle`` says by ``long_name`` what it is.
    variable : str
        Which scalar.
    ax : Axes, optional
        Where to draw; a new figure otherwise.
    """
    ax = new_axes() if ax is None else ax
    closed = xr.concat([beside, beside.isel(angle=[0])], dim="angle", data_vars="minimal", coords="minimal")
    angle = np.append(beside["angle"].to_numpy(), beside["angle"].to_numpy()[0] + 2 * np.pi)
    for name, colour, style in zip(closed["representation"].to_numpy(), (ACCENT, HIGHLIGHT), ("-", "--"), strict=True):
        one = closed.sel(representation=name)
        if f"{variable}_lower" in one:
            low, high = (one[f"{variable}_{side}"].to_numpy() for side in ("lower", "upper"))
            ax.fill_between(angle, low, high, color=colour, alpha=0.25, linewidth=0)
        ax.plot(angle, one[variable].to_numpy(), style, color=colour, linewidth=1.8, label=plain(name))
    ax.set_xlim(angle[0], angle[-1])
    if float(beside[variable].min()) >= 0:
        ax.set_ylim(bottom=0)
    ax.legend(loc="best", ncols=2)
    angle_axis(ax.xaxis, "rad")
    ax.set_xlabel(label(beside["angle"].attrs.get("long_name", "task variable"), "rad"))
    attrs = beside[variable].attrs
    ax.set_ylabel(label(attrs.get("long_name", variable), attrs.get("units")))
    ax.set_title(f"Side by side: correlation {float(beside[f'{variable}_correlation']):.2f}".replace("-", "−"))
    return ax

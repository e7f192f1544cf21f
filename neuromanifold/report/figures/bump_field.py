"""The volume or curvature of a shallow network over a square of its inputs, with the centres of its Gaussian bumps."""

from __future__ import annotations

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import CenteredNorm

from neuromanifold.report.style import CURVATURE_MAP, HIGHLIGHT, SIGNED_MAP, drawn, label, new_axes

__all__ = ["bump_field"]


@drawn
def bump_field(field: xr.Dataset, variable: str = "volume", ax: Axes | None = None) -> Axes:
    """Heat map of a network of two inputs; a cross where a bump of ``det g`` has its centre.

    Parameters
    ----------
    field : Dataset
        Of :func:`neuromanifold.featuremaps.bumps.field`: over (x_1, x_0), and where known ``center`` (bump, axis).
    variable : {"volume", "log_volume", "scalar_curvature"}
    ax : Axes, optional
        Where to draw; a new figure otherwise.
    """
    ax = new_axes() if ax is None else ax
    values = field[variable].transpose("x_1", "x_0")
    signed = float(values.min()) < 0 < float(values.max())
    # Curvature grows without bound far out, where units saturate: the most extreme twentieth share a colour.
    norm = CenteredNorm(halfrange=float(abs(values).quantile(0.95))) if signed else None
    colours = {"cmap": SIGNED_MAP, "norm": norm} if signed else {"cmap": CURVATURE_MAP}
    mesh = ax.pcolormesh(field["x_0"], field["x_1"], values, shading="nearest", rasterized=True, **colours)
    if "center" in field:
        ax.plot(*field["center"].to_numpy().T, "x", color=HIGHLIGHT, markeredgewidth=2, label="centre of a bump")
        ax.legend(loc="upper right", framealpha=0.8, frameon=True)
    ax.set_xlim(float(field["x_0"].min()), float(field["x_0"].max()))
    ax.set_ylim(float(field["x_1"].min()), float(field["x_1"].max()))
    ax.set_aspect("equal")
    ax.set_xlabel("input 1")
    ax.set_ylabel("input 2")
    name = values.attrs.get("long_name", variable)
    ax.figure.colorbar(mesh, ax=ax, label=label(name), pad=0.02, extend="both" if signed else "neither")
    ax.set_title(f"{name[:1].upper()}{name[1:]}")
    return ax

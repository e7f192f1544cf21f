"""Curvature over the template: a curve with its band, an equal-area map of the sphere, or a square."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import CenteredNorm
from matplotlib.patheffects import withStroke

from neuromanifold._typing import FloatArray
from neuromanifold.report.figures.grid import folded, goes_round, nodes
from neuromanifold.report.style import (
    ACCENT,
    BAND,
    CURVATURE_MAP,
    SIGNED_MAP,
    angle_axis,
    drawn,
    label,
    new_axes,
    plain,
)

__all__ = ["curvature_profile"]

_NAMES = {
    "mean_curvature_norm": "mean curvature |H|",
    "dimensionless_mean_curvature": "dimensionless curvature",
    "scalar_curvature": "scalar curvature S",
    "log_volume": "log volume element",
}


@drawn
def curvature_profile(profile: xr.Dataset, variable: str = "mean_curvature_norm", ax: Axes | None = None) -> Axes:
    """A scalar of the profile over the template.

    Parameters
    ----------
    profile : Dataset
        Along ``point``: ``variable``, where known ``variable_lower`` and ``variable_upper``,
        coordinates ``angle_0`` and, for surfaces, ``angle_1``, radians; attr ``template``.
    variable : str
        Which scalar.
    ax : Axes, optional
        Where to draw (for the sphere with projection "mollweide"); a new figure otherwise.
    """
    if "angle_1" not in profile.coords:
        return _curve(profile, variable, new_axes() if ax is None else ax)
    sphere = profile.attrs.get("template") == "sphere"
    ax = new_axes(height=3.1 if sphere else None, projection="mollweide" if sphere else None) if ax is None else ax
    mesh = _sphere(profile, variable, ax) if sphere else _square(profile, variable, ax)
    ax.set_title(_title(profile, variable), pad=18 if sphere else None)
    ax.figure.colorbar(
        mesh,
        ax=ax,
        label=_label(profile, variable),
        pad=0.08 if sphere else 0.02,
        shrink=0.9,
        location="bottom" if sphere else "right",
        aspect=30 if sphere else 20,
    )
    return ax


def _curve(profile: xr.Dataset, variable: str, ax: Axes) -> Axes:
    ordered = profile.sortby("angle_0")
    angle = ordered["angle_0"].to_numpy()
    if goes_round(angle):
        ordered = ordered.isel(point=[*range(angle.size), 0])
        angle = np.append(angle, angle[0] + 2 * math.pi)
    values = ordered[variable].to_numpy()
    lower, upper = f"{variable}_lower", f"{variable}_upper"
    if lower in ordered and upper in ordered:
        low, high = ordered[lower].to_numpy(), ordered[upper].to_numpy()
        ax.fill_between(angle, low, high, color=BAND, linewidth=0, label=_band_name(profile))
        ax.legend(loc="best")
    ax.plot(angle, values, color=ACCENT, linewidth=1.8)
    ax.set_xlim(angle[0], angle[-1])
    if values.min() >= 0:
        ax.set_ylim(bottom=0)
    angle_axis(ax.xaxis, "rad")
    ax.set_xlabel("latent angle θ (rad)")
    ax.set_ylabel(_label(profile, variable))
    ax.set_title(_title(profile, variable))
    return ax


def _sphere(profile: xr.Dataset, variable: str, ax: Axes) -> QuadMesh:
    colatitude, longitude = nodes(profile)
    latitude = 0.5 * math.pi - _edges(colatitude, 0.0, math.pi)
    # The map's middle is longitude 0; columns beyond π continue on its left side.
    values = folded(profile, variable)
    left = longitude >= math.pi - 1e-9
    order = np.concatenate([np.flatnonzero(left), np.flatnonzero(~left)])
    wrapped = np.where(left, longitude - 2 * math.pi, longitude)[order]
    mesh = ax.pcolormesh(
        _edges(wrapped, -math.pi, math.pi), latitude, values[:, order], **_colours(variable), rasterized=True
    )
    outline = [withStroke(linewidth=1.5, foreground="black")]
    ax.set_xticks(
        [-math.pi / 2, 0, math.pi / 2],
        ["φ = 3π/2", "0", "π/2"],
        color="white",
        fontsize=8.5,
        path_effects=outline,
    )
    ax.set_yticks([math.pi / 2, math.pi / 4, 0, -math.pi / 4, -math.pi / 2], ["θ = 0", "π/4", "π/2", "3π/4", "π"])
    ax.grid(color="white", linewidth=0.4, alpha=0.6)
    return mesh


def _square(profile: xr.Dataset, variable: str, ax: Axes) -> QuadMesh:
    first, second = nodes(profile)
    mesh = ax.pcolormesh(
        _even_edges(second),
        _even_edges(first),
        folded(profile, variable),
        **_colours(variable),
        rasterized=True,
    )
    for axis in (ax.xaxis, ax.yaxis):
        angle_axis(axis, "rad")
    ax.set_aspect("equal")
    ax.set_xlabel("latent angle φ (rad)")
    ax.set_ylabel("latent angle θ (rad)")
    return mesh


def _colours(variable: str) -> dict[str, Any]:
    if variable == "scalar_curvature":
        return {"cmap": SIGNED_MAP, "norm": CenteredNorm(0.0)}
    return {"cmap": CURVATURE_MAP}


def _edges(centres: FloatArray, low: float, high: float) -> FloatArray:
    return np.concatenate([[low], 0.5 * (centres[1:] + centres[:-1]), [high]])


def _even_edges(centres: FloatArray) -> FloatArray:
    first, last = centres[1] - centres[0], centres[-1] - centres[-2]
    return _edges(centres, centres[0] - 0.5 * first, centres[-1] + 0.5 * last)


def _label(profile: xr.Dataset, variable: str) -> str:
    attrs = profile[variable].attrs
    return label(_NAMES.get(variable, attrs.get("long_name", variable)), attrs.get("units"))


def _title(profile: xr.Dataset, variable: str) -> str:
    name = _NAMES.get(variable, variable)
    return f"{name[0].upper()}{name[1:]} over the {plain(profile.attrs.get('template', 'manifold'))}"


def _band_name(profile: xr.Dataset) -> str:
    level = profile.attrs.get("level")
    return "band" if level is None else f"{100 * float(level):g} % band"

"""A field over the latent plane, with metric ellipses and geodesics on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.patches import Ellipse, Patch
from matplotlib.patheffects import AbstractPathEffect, withStroke

from neuromanifold._errors import InputError
from neuromanifold._typing import FloatArray
from neuromanifold.report.style import ACCENT, CURVATURE_MAP, HIGHLIGHT, SIGNED_MAP, drawn, label, new_axes

__all__ = ["latent_map"]

_SIGNED = {"scalar_curvature"}
_OUTLINE: list[AbstractPathEffect] = [withStroke(linewidth=2.2, foreground="0.25")]  # seen on colours and on white
_SIZE = 0.05  # of the plane: the median semi-axis of the ellipses


@drawn
def latent_map(
    maps: xr.Dataset,
    name: str = "scaled_isometric",
    ellipses: xr.Dataset | None = None,
    paths: xr.Dataset | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A map of a learned surface where latents reach; white elsewhere.

    Colours span the values between their 2nd and 98th percentile; those of signed curvature are even about zero.

    Parameters
    ----------
    maps : Dataset
        Of :func:`neuromanifold.diagnostics.maps`, of a surface.
    name : str
        Which of its variables.
    ellipses : Dataset, optional
        Of :func:`neuromanifold.diagnostics.metric_ellipses`; they are drawn to one scale.
    paths : Dataset, optional
        Of :func:`neuromanifold.diagnostics.paths`: geodesics (orange) and straight lines (dashed).
    ax : Axes, optional
        Where to draw; a new figure otherwise.

    Raises
    ------
    InputError
        If the latents have other than two dimensions.
    """
    shape = tuple(np.atleast_1d(maps.attrs["shape"]))
    if len(shape) != 2:
        raise InputError(f"a latent map is of two latents; these maps have {len(shape)}")
    ax = new_axes() if ax is None else ax
    u, v, values = (maps[key].to_numpy().reshape(shape) for key in ("u_0", "u_1", name))
    field = np.where(maps["covered"].to_numpy().reshape(shape), values, np.nan)
    mesh = ax.pcolormesh(u, v, field, shading="nearest", rasterized=True, **_colours(field, name in _SIGNED))
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02, extend="both")
    bar.set_label(label(maps[name].attrs["long_name"], maps[name].attrs["units"]))
    if ellipses is not None:
        ax.add_collection(_ellipses(ellipses, _SIZE * float(max(np.ptp(u), np.ptp(v)))))
    if paths is not None:
        _draw_paths(ax, paths)
    ax.set_aspect("equal")
    ax.set_xlabel(label(maps["u_0"].attrs["long_name"]))
    ax.set_ylabel(label(maps["u_1"].attrs["long_name"]))
    return ax


def _colours(field: FloatArray, signed: bool) -> dict[str, Any]:
    low, high = np.nanpercentile(field, [2, 98])
    if signed:
        reach = max(abs(low), abs(high), 1e-12)
        return {"cmap": SIGNED_MAP, "vmin": -reach, "vmax": reach}
    return {"cmap": CURVATURE_MAP, "vmin": low, "vmax": max(high, low + 1e-12)}


def _ellipses(ellipses: xr.Dataset, size: float) -> PatchCollection:
    """Ellipses drawn to one scale, at which their median semi-axis has the given size."""
    axes = 2 * size * ellipses["semi_axis"].to_numpy() / float(ellipses["semi_axis"].median())
    long = ellipses["direction"].to_numpy()[:, :, 0]
    turns = np.degrees(np.arctan2(long[:, 1], long[:, 0]))
    places = ellipses["position"].to_numpy()
    patches: list[Patch] = [Ellipse(tuple(p), *a, angle=t) for p, a, t in zip(places, axes, turns, strict=True)]
    return PatchCollection(patches, facecolor="none", edgecolor="white", linewidth=1.1, path_effects=_OUTLINE)


def _draw_paths(ax: Axes, paths: xr.Dataset) -> None:
    dims = ("pair", "time", "coordinate")
    straight, geodesic = (paths[name].transpose(*dims).to_numpy() for name in ("straight", "geodesic"))
    lines = LineCollection(list(straight), colors="white", linewidths=1.1, linestyles="dashed")
    lines.set_path_effects(_OUTLINE)
    ax.add_collection(lines)
    ax.add_collection(LineCollection(list(geodesic), colors=HIGHLIGHT, linewidths=1.6))
    ends = geodesic[:, [0, -1]].reshape(-1, 2)
    ax.plot(*ends.T, "o", color="white", markeredgecolor=ACCENT, markersize=4)

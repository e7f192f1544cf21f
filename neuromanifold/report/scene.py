"""A scene: the fitted manifold over the data as plain numbers, for the page's own viewer to turn in three dimensions.

Positions lie in [-1, 1], all axes with one scale. Each point of the manifold has a place in a palette for every
colouring: mean curvature on viridis, each latent angle on a cyclic map (0 and 2π look alike), all even in lightness.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.colors import to_hex

from neuromanifold._typing import FloatArray
from neuromanifold.report.document import format_number
from neuromanifold.report.figures.grid import close, folded, goes_round
from neuromanifold.report.style import CURVATURE_MAP, CYCLIC_MAP, math_angle

__all__ = ["scene"]

MOST_SAMPLES = 1200
N_COLOURS = 48
DIGITS = 3
# Rows of the grid that go round a pole.
POLES = {"sphere": (0, -1), "projective": (0,)}


def scene(view: xr.Dataset) -> dict[str, Any]:
    """What the viewer draws, in values that JSON can hold.

    Parameters
    ----------
    view : Dataset
        Of :func:`neuromanifold.report.views.manifold_view`.

    Returns
    -------
    dict
        ``points`` (flat x, y, z of the manifold; a curve in order, a surface row by row), ``rows`` and ``columns`` (1
        row for a curve), ``caps`` (rows round a pole, which is between the points), ``samples`` (flat), ``axes`` (three
        labels), ``colourings``: ``name``, ``palette`` (colours), ``places`` (of each point in it), ``low`` and ``high``
        (labels of its ends).
    """
    surface = "angle_1" in view.coords
    positions = _ordered(view, "position", surface)
    every = max(1, -(-view.sizes["sample"] // MOST_SAMPLES))
    samples = view["data"][::every].transpose("sample", "component").to_numpy()
    corners = np.concatenate([positions.reshape(-1, 3), samples])
    low, high = np.percentile(corners, [0.5, 99.5], axis=0)
    middle, half = 0.5 * (low + high), 0.5 * float((high - low).max()) or 1.0
    shares = view["share"].to_numpy()
    return {
        "points": _flat((positions - middle) / half),
        "rows": positions.shape[0] if surface else 1,
        "columns": positions.shape[1] if surface else positions.shape[0],
        "caps": [row % positions.shape[0] for row in POLES.get(str(view.attrs.get("template")), ())],
        "samples": _flat((samples - middle) / half),
        "axes": [f"PC{i + 1} ({share:.0%})" for i, share in enumerate(shares)],
        "colourings": list(_colourings(view, surface)),
    }


def _ordered(view: xr.Dataset, name: str, surface: bool) -> FloatArray:
    """A variable along the curve, or over the grid of the surface, closed where it goes round."""
    if surface:
        return close(folded(view, name), view)
    ordered = view.sortby("angle_0")
    values = ordered[name].transpose("point", ...).to_numpy()
    return np.concatenate([values, values[:1]]) if goes_round(ordered["angle_0"].to_numpy()) else values


def _colourings(view: xr.Dataset, surface: bool) -> Iterator[dict[str, Any]]:
    norm = _ordered(view, "mean_curvature_norm", surface).ravel()
    low, high = np.nanpercentile(norm, [1, 99])
    attrs = view["mean_curvature_norm"].attrs
    units = f" ({attrs['units']})" if attrs.get("units") else ""
    share = (norm - low) / max(high - low, 1e-12)
    yield _colouring(f"mean curvature |H|{units}", CURVATURE_MAP, share, format_number(low), format_number(high))
    for i, symbol in enumerate("θφ"):
        name = f"angle_{i}"
        if name in view.coords:
            # A variable of the view, so that it is folded like the others.
            angle = _ordered(view.assign(shown=("point", view[name].to_numpy())), "shown", surface).ravel()
            goes = bool(goes_round(np.unique(view[name].to_numpy().round(9))))
            period = 2 * np.pi if goes else float(angle.max())
            yield _colouring(
                f"latent angle {symbol} (rad)",
                CYCLIC_MAP if goes else CURVATURE_MAP,
                angle / period,
                "0",
                math_angle(period) if goes else format_number(period),
            )


def _colouring(name: str, colours: str, share: FloatArray, low: str, high: str) -> dict[str, Any]:
    palette = [to_hex(colour) for colour in colormaps[colours](np.linspace(0, 1, N_COLOURS))]
    places = np.clip(np.nan_to_num(share) * (N_COLOURS - 1), 0, N_COLOURS - 1).round().astype(int).tolist()
    return {"name": name, "palette": palette, "places": places, "low": low, "high": high}


def _flat(positions: FloatArray) -> list[float]:
    return [round(value, DIGITS) for value in np.nan_to_num(positions).ravel().tolist()]

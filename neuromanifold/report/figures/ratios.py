"""Errors of an estimator over those of a reference, one row a cell of a benchmark."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from neuromanifold.report.style import ACCENT, HIGHLIGHT, drawn, new_axes, plain

__all__ = ["ratios"]

INCHES_PER_ROW = 0.22


@drawn
def ratios(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Ratio of each cell, on a logarithmic axis; below 1 the estimator is better than the reference.

    Parameters
    ----------
    table : DataFrame
        Of :func:`neuromanifold.benchmarks.curvature.run`: a row per cell, columns ``coordinates``, ``shape``,
        ``n_units``, ``noise_var`` (NaN where a row is a summary or the noise is its own) and ``ratio``.
    ax : Axes, optional
        Where to draw; a new figure otherwise.
    """
    names = [_name(row) for row in table.itertuples()]
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}
    ax = new_axes(1.2 + INCHES_PER_ROW * len(places)) if ax is None else ax
    marks = zip(table["coordinates"].unique(), (ACCENT, HIGHLIGHT), ("o", "D"), strict=False)
    for coordinates, colour, marker in marks:
        inside = (table["coordinates"] == coordinates).to_numpy()
        heights = [places[name] for name in np.asarray(names)[inside]]
        ax.plot(table["ratio"][inside], heights, marker, color=colour, label=f"coordinates {plain(coordinates)}")
    ax.axvline(1, color="black", linewidth=0.8)
    ax.set_xscale("log")
    ax.set_yticks(list(places.values()), list(places))
    ax.invert_yaxis()
    ax.set_xlabel("error of |H| / error of the reference")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return ax


def _name(row: object) -> str:
    shape, n_units, noise_var = (getattr(row, name) for name in ("shape", "n_units", "noise_var"))
    units = "" if pd.isna(n_units) else f", {int(n_units)} units"
    return f"{plain(shape)}{units}" + ("" if pd.isna(noise_var) else f", σ² = {noise_var:g}")

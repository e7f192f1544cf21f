"""A number of each session with its interval, animals apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from neuromanifold.report.style import ACCENT, FAINT, HEIGHT, HIGHLIGHT, drawn, new_axes, plain

__all__ = ["forest"]

NORM = "dimensionless_mean_curvature"
MOST_NAMES = 30
GAP = 0.8
INCHES = 0.16


@drawn
def forest(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Dimensionless |H| of the sessions that have one, from the top.

    Parameters
    ----------
    table : DataFrame
        By session: ``animal``, ``dimensionless_mean_curvature`` and, where known, its ``_lower`` and ``_upper``.
    ax : Axes, optional
        Where to draw; a new figure otherwise.
    """
    shown = table[table[NORM].notna()].sort_values("animal", kind="stable")
    codes = pd.factorize(shown["animal"])[0]
    place = np.arange(len(shown)) + GAP * codes
    if ax is None:
        ax = new_axes(height=max(HEIGHT, 1.2 + INCHES * min(len(shown), MOST_NAMES)))
    value = shown[NORM].to_numpy()
    low, high = (shown[f"{NORM}_{end}"].fillna(shown[NORM]).to_numpy() for end in ("lower", "upper"))
    ax.hlines(place, low, high, color=FAINT, linewidth=1.2)
    # Colours of neighbouring animals differ, and so do their marks, for who sees no colours.
    for parity, colour, mark in ((0, ACCENT, "o"), (1, HIGHLIGHT, "s")):
        rows = codes % 2 == parity
        ax.plot(value[rows], place[rows], mark, color=colour, markersize=3.5)
    ax.axvline(1.0, color="black", linewidth=0.8, linestyle=":")
    if len(shown) <= MOST_NAMES:
        ax.set_yticks(place, [plain(name, 24) for name in shown.index], fontsize=7.5)
    else:
        middles = [place[codes == code].mean() for code in np.unique(codes)]
        ax.set_yticks(middles[:MOST_NAMES], [plain(name, 24) for name in shown["animal"].unique()][:MOST_NAMES])
    ax.set_ylim(place[-1] + 0.8, -0.8)
    ax.set_xlabel("dimensionless |H|, mean over the manifold\n(dotted: a round circle or sphere)")
    ax.set_title("Curvature of each session")
    return ax

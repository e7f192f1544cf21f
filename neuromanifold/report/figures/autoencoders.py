"""Regularised autoencoders over the plain one: a panel for each measure, a row for each case."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from neuromanifold.report.style import DPI, drawn, plain

__all__ = ["autoencoders"]

_PANELS = {
    "error_ratio": "distance from the truth",
    "distortion_ratio": "distortion of latents",
    "held_out_ratio": "held-out reconstruction",
    "epoch_ratio": "seconds per epoch",
}
# Okabe & Ito (2008), each with a marker of its own.
_MARKS = (
    ("o", "#0072B2"),
    ("s", "#56B4E9"),
    ("D", "#D55E00"),
    ("^", "#E69F00"),
    ("v", "#009E73"),
    ("P", "#CC79A7"),
    ("X", "#000000"),
)
_ROW, _WIDTH = 0.5, 2.3  # inches


@drawn
def autoencoders(table: pd.DataFrame) -> Figure:
    """Ratios to the plain autoencoder on logarithmic axes; left of the line is better.

    Parameters
    ----------
    table : DataFrame
        Of :func:`neuromanifold.benchmarks.autoencoders.run`.
    """
    regularised = table[(table["method"] != "plain") & table["weight"].notna()]
    cases, methods = list(dict.fromkeys(regularised["case"])), list(dict.fromkeys(regularised["method"]))
    size = (_WIDTH * len(_PANELS) + 1.2, _ROW * len(cases) + 1.6)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    axes = figure.subplots(1, len(_PANELS), sharey=True)
    for ax, (column, name) in zip(axes, _PANELS.items(), strict=True):
        _panel(ax, regularised, column, cases, methods)
        ax.set_xlabel(f"{name}\nover the plain one's", fontsize=8)
    axes[0].set_yticks(range(len(cases)), [plain(case) for case in cases])
    axes[0].invert_yaxis()
    handles, labels = axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(methods), 5), fontsize=8)
    return figure


def _panel(ax: Axes, table: pd.DataFrame, column: str, cases: list[str], methods: list[str]) -> None:
    alone = list(dict.fromkeys(method.split(", ")[-1] for method in methods))
    for place, method in enumerate(methods):
        of_method = table[table["method"] == method]
        # Methods of a case one below the other, so that none hides another.
        shift = 0.7 * ((place + 0.5) / len(methods) - 0.5)
        heights = [cases.index(case) + shift for case in of_method["case"]]
        marker, colour = _MARKS[alone.index(method.split(", ")[-1]) % len(_MARKS)]
        # A combination has the mark of its last, hollow.
        face = "white" if "," in method else colour
        ax.plot(of_method[column], heights, marker, color=colour, mfc=face, markersize=5, label=plain(method))
    ax.axvline(1, color="black", linewidth=0.8)
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    # Within two decades a power of ten alone would leave one label or none.
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 100 * low else (1.0,), numticks=5))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(axis="y", linewidth=0.3)

"""A table of comparisons: how alike the representations of one list are to those of another."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from neuromanifold.report.style import CURVATURE_MAP, HEIGHT, WIDTH, drawn, label, new_axes, plain

__all__ = ["similarity"]

_MOST_NUMBERS = 8  # rows or columns up to which every cell has room for its number
_LEVEL = 0.05


@drawn
def similarity(table: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Heat map, light where alike; in each cell the value and its error, in brackets where it may be chance.

    Parameters
    ----------
    table : Dataset
        Of :func:`neuromanifold.compare.matrix`: ``value`` (a, b), where known ``standard_error`` and ``p_value``.
    ax : Axes, optional
        Where to draw; a new figure otherwise.
    """
    ax = new_axes(height=HEIGHT if max(table.sizes.values()) > 3 else 0.75 * HEIGHT) if ax is None else ax
    values = table["value"].transpose("a", "b")
    name = str(table.attrs.get("measure", "similarity"))
    distance = "distance" in name
    least = min(0.0, float(values.min()))
    most = max(float(values.max()), least + 1e-9) if distance else 1.0
    mesh = ax.pcolormesh(
        np.arange(values.sizes["b"] + 1) - 0.5,
        np.arange(values.sizes["a"] + 1) - 0.5,
        values.to_numpy(),
        cmap=f"{CURVATURE_MAP}_r" if distance else CURVATURE_MAP,
        vmin=least,
        vmax=most,
        rasterized=True,
    )
    ax.set_ylim(values.sizes["a"] - 0.5, -0.5)
    turned = 30.0 if max(len(str(name)) for name in values["b"].to_numpy()) > WIDTH * 12 / values.sizes["b"] else 0.0
    ax.set_xticks(range(values.sizes["b"]), [plain(name, 20) for name in values["b"].to_numpy()], rotation=turned)
    ax.set_yticks(range(values.sizes["a"]), [plain(name, 20) for name in values["a"].to_numpy()])
    ax.tick_params(length=0)
    numbered = max(values.shape) <= _MOST_NUMBERS
    ax.set_xlabel("representation" + (f" (in brackets: p > {_LEVEL:g})" if numbered and "p_value" in table else ""))
    ax.set_ylabel("representation")
    if numbered:
        _numbers(ax, table, 0.5 * (least + most), dark_is_high=distance)
    ax.figure.colorbar(mesh, ax=ax, label=label(name, values.attrs.get("units")), pad=0.02)
    ax.set_title(plain(name[:1].upper() + name[1:]))
    return ax


def _numbers(ax: Axes, table: xr.Dataset, middle: float, dark_is_high: bool) -> None:
    size = 9.0 if max(table.sizes.values()) <= 5 else 6.5
    for i in range(table.sizes["a"]):
        for j in range(table.sizes["b"]):
            cell = table.isel(a=i, b=j)
            value = float(cell["value"])
            text = f"{value:.2f}"
            if "standard_error" in cell:
                text += f"\n±{float(cell['standard_error']):.2f}"
            if "p_value" in cell and float(cell["p_value"]) > _LEVEL:
                text = f"({text})"
            dark = (value > middle) == dark_is_high
            ax.text(j, i, text.replace("-", "−"), ha="center", va="center", size=size, color="w" if dark else "k")

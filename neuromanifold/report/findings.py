"""The figures of an experiment on feature maps, from its Datasets by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import cast

import xarray as xr
from matplotlib.figure import Figure

from neuromanifold.report import figures

__all__ = ["finding_figures"]

Named = Iterator[tuple[str, Figure]]


def finding_figures(groups: Mapping[str, xr.Dataset]) -> dict[str, Figure]:
    """Figures by the name of their file.

    Parameters
    ----------
    groups : mapping of str to Dataset
        Of an experiment's findings; groups that have no figure are passed over.
    """
    return dict(one for name, draw in _DRAWN.items() if name in groups for one in draw(groups[name]))


def _fields(data: xr.Dataset) -> Named:
    """One network of each width, the first seed, every hidden layer."""
    for width, n_layer in product(data["width"].to_numpy(), data["layer"].to_numpy()):
        one = data.sel(width=width, layer=n_layer).isel(seed=0)
        yield (
            f"width_{width}_layer_{n_layer}",
            figures.plane_fields(one, f"Width {width}, hidden layer {n_layer}, seed {int(one['seed'])}"),
        )


def _lines(name: str, across: str) -> Callable[[xr.Dataset], Named]:
    def draw(data: xr.Dataset) -> Named:
        yield name, figures.line_profiles(data, across)
        if "relative" in data:
            yield f"{name}_beyond_norm", figures.line_profiles(data, across, "relative")

    return draw


def _hull(name: str, title: str) -> Callable[[xr.Dataset], Named]:
    return lambda data: iter([(name, figures.hull(data, title))])


_DRAWN: dict[str, Callable[[xr.Dataset], Named]] = {
    "plane": _fields,
    "lines": _lines("lines", "kind"),
    "lines_features": _lines("lines_features", "kind"),
    "lines_features_on_the_sphere": _lines("lines_features_on_the_sphere", "kind"),
    "lines_embedding_on_the_sphere": _lines("lines_embedding_on_the_sphere", "kind"),
    "blocks": _lines("blocks", "block"),
    "epochs": _lines("epochs", "epoch"),
    "triangle": _hull("triangle", "Between three classes"),
    "affine": _hull("affine_hull", "About three classes"),
    "control": _hull("same_class", "Within one class"),
    "wrong": _hull("wrongly_predicted", "About a wrongly predicted sample"),
    "spectrum": lambda data: iter([("spectrum", cast(Figure, figures.spectra(data).get_figure()))]),
    "ambiguous": lambda data: iter([("ambiguous", figures.ambiguity(data))]),
}

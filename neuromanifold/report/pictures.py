"""The figures of an analysis in the order they are read, each with its caption and its text for the blind."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, cast

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neuromanifold.report import figures
from neuromanifold.report.content import Picture
from neuromanifold.report.document import format_number
from neuromanifold.report.scene import scene
from neuromanifold.report.style import math_angle
from neuromanifold.report.views import latent_view, manifold_view, tuning_view

__all__ = ["AnalysisLike", "pictures"]


class AnalysisLike(Protocol):
    """What the report reads of an analysis; None where a step was not reached."""

    @property
    def recording(self) -> xr.Dataset: ...

    @property
    def prepared(self) -> xr.Dataset: ...

    @property
    def topology(self) -> Any: ...

    @property
    def latent(self) -> xr.DataArray | None: ...

    @property
    def profile(self) -> xr.Dataset | None: ...

    @property
    def against(self) -> xr.Dataset | None: ...

    @property
    def statistics(self) -> xr.Dataset | None: ...

    @property
    def details(self) -> Mapping[str, xr.Dataset]: ...


def pictures(analysis: AnalysisLike, variable: str | None = None) -> tuple[Picture, ...]:
    """All figures that the analysis has the parts for.

    Parameters
    ----------
    analysis : AnalysisLike
        ``profile`` and ``latent`` are None where the topology is undecided: then the barcodes and the
        tuning to ``variable`` are all there is.
    variable : str, optional
        Task variable of the recording; without it, or where it is categorical, tuning is shown along the
        latent angle.
    """
    parts: list[Callable[[AnalysisLike, str | None], Iterator[Picture]]] = [
        _manifold,
        _against,
        _conditions,
        _latent,
        _curvature,
        _barcodes,
        _loops,
        _tuning,
    ]
    if variable is not None and analysis.recording[variable].attrs.get("kind") == "categorical":
        variable = None  # labels have no place on an axis of numbers
    return tuple(picture for part in parts for picture in part(analysis, variable))


_MEANING = {
    "mean_curvature_norm": "Mean curvature |H| of the fitted manifold; a circle or sphere has 1/radius.",
    "scalar_curvature": "Scalar curvature S, twice the Gaussian: above zero on domes, below zero on saddles.",
}


def _curvature(analysis: AnalysisLike, variable: str | None) -> Iterator[Picture]:
    profile = analysis.profile
    if profile is None:
        return
    surface = "angle_1" in profile.coords
    kind = "Map over the latent angles" if surface else "Curve over the latent angle"
    for name in ("mean_curvature_norm", "scalar_curvature") if surface else ("mean_curvature_norm",):
        yield Picture(
            name,
            _figure(figures.curvature_profile(profile, name)),
            f"{_MEANING[name]} {_band(profile, name, surface)}",
            f"{kind}: {_extremes(profile, name)}.",
        )


def _band(profile: xr.Dataset, name: str, surface: bool) -> str:
    if f"{name}_lower" not in profile:
        return "No error band was computed."
    if not surface:
        return "The shaded band is its uncertainty."
    width = profile[f"{name}_upper"] - profile[f"{name}_lower"]
    return f"Its uncertainty is not drawn: the median width of the band is {format_number(width.median())}."


def _extremes(profile: xr.Dataset, name: str) -> str:
    values = profile[name].to_numpy()
    lowest, highest = int(np.nanargmin(values)), int(np.nanargmax(values))
    return (
        f"lowest {format_number(values[lowest])} at {_place(profile, lowest)}, "
        f"highest {format_number(values[highest])} at {_place(profile, highest)}"
    )


def _place(profile: xr.Dataset, point: int) -> str:
    step = math.pi / 12
    angles = [float(profile[name][point]) for name in ("angle_0", "angle_1") if name in profile.coords]
    return ", ".join(
        f"{symbol} = {math_angle(step * round(angle / step))}" for symbol, angle in zip("θφ", angles, strict=False)
    )


def _against(analysis: AnalysisLike, variable: str | None) -> Iterator[Picture]:
    against = analysis.against
    if against is None:
        return
    median = against["mean_curvature_norm"]
    (dim,) = median.dims
    name = against[dim].attrs.get("long_name", str(dim))
    low, high = (format_number(value) for value in (median.min(), median.max()))
    yield Picture(
        "curvature_against_variable",
        _figure(figures.curvature_against(against)),
        f"Mean curvature in bins of {name}: median and quartiles over the samples in each bin, and their number above. "
        + (
            "The shaded band is its uncertainty."
            if f"{median.name}_lower" in against
            else "No error band was computed."
        )
        + (" Marked bins depart from the mean over bins beyond noise." if "p_bin" in against else ""),
        f"Curve of curvature against {name}, between {low} and {high}, with quartiles and occupancy.",
    )


def _conditions(analysis: AnalysisLike, variable: str | None) -> Iterator[Picture]:
    conditions = analysis.details.get("conditions")
    if conditions is None or "angle_1" in conditions.coords:
        return
    first, second = conditions["condition"].to_numpy()
    yield Picture(
        "conditions",
        figures.curvature_in_conditions(conditions),
        f"Mean curvature in {first} and in {second}, each fitted at the same coordinates; below, {second} less {first} "
        f"with its band. p = {format_number(conditions['p_value'])} against blocks whose condition was shuffled.",
        f"Two curves over the latent angle, {first} and {second}, and their difference.",
    )


def _latent(analysis: AnalysisLike, variable: str | None) -> Iterator[Picture]:
    if analysis.latent is None or variable is None:
        return
    latent, task = xr.align(analysis.latent, analysis.recording[variable], join="inner")
    colatitude = str(analysis.topology.template_) in {"sphere", "projective"}
    for angle in range(latent.sizes.get("angle", 1)):
        view = latent_view(latent, task, angle, None if angle == 0 and colatitude else 2 * math.pi)
        name, shown = view["variable"].attrs["long_name"], view["latent"].attrs["long_name"]
        yield Picture(
            f"latent_{angle}_against_variable",
            _figure(figures.latent_against(view)),
            f"The {shown} decoded from the activity, against {name}, in {view.sizes['sample']} samples. "
            "Opposite edges are the same place wherever an axis is an angle.",
            f"Density of samples over {name} and {shown}: a narrow band means that one tells the other.",
        )


def _manifold(analysis: AnalysisLike, variable: str | None) -> Iterator[Picture]:
    if analysis.profile is None or "position" not in analysis.profile:
        return
    view = manifold_view(analysis.prepared["activity"], analysis.profile)
    kind = "surface" if "angle_1" in view.coords else "curve"
    units = view["data"].attrs.get("units") or "units of the activity"
    yield Picture(
        "manifold",
        _figure(figures.manifold(view)),
        f"The fitted manifold in its three main components ({units}; in brackets the share of its variance), "
        f"coloured by mean curvature, over {view.sizes['sample']} samples. All axes have the same scale.",
        f"A {kind} in three dimensions, coloured by curvature, among grey data points.",
        scene(view),
    )


def _barcodes(analysis: AnalysisLike, variable: str | None) -> Iterator[Picture]:
    bars = analysis.topology.bars_
    yield Picture(
        "barcodes",
        _figure(figures.barcodes(bars)[0]),
        "Persistence barcodes over two fields, Z2 and Z3. Points of the activity are joined at growing "
        "scale; a bar is a hole from where it opens to where it closes. It counts when it is longer than the "
        "bars of shuffled activity (grey, drawn from the birth of each bar).",
        f"Barcodes by degree. Bars longer than those of shuffles: {_counts(bars)}.",
    )
    yield Picture(
        "diagrams",
        _figure(figures.diagrams(bars)[0]),
        "The same bars as points: where a hole opens and where it closes. Those within the grey band above the "
        "diagonal are no longer than bars of shuffled activity.",
        "Persistence diagrams; the points above the band are the bars that count.",
    )


def _loops(analysis: AnalysisLike, variable: str | None) -> Iterator[Picture]:
    paths = analysis.topology.loops_
    n_loops = len(np.unique(paths["loop"]))
    if not n_loops:
        return
    yield Picture(
        "loops",
        _figure(figures.loops(paths)),
        "Which samples make the loops: a shortest closed path of samples round each, among the activity in which they "
        "were found, in its three main components. A loop that few samples carry is worth a look at those.",
        f"Closed paths round {n_loops} loop{'s' if n_loops > 1 else ''} among grey data points.",
    )


def _counts(bars: xr.Dataset) -> str:
    degree, prime, counted = (bars[name].to_numpy() for name in ("degree", "prime", "significant"))
    return ", ".join(
        f"{int(counted[(degree == q) & (prime == p)].sum())} of degree {q} over Z{p}"
        for p in np.unique(prime)
        for q in np.unique(degree)
    )


def _tuning(analysis: AnalysisLike, variable: str | None) -> Iterator[Picture]:
    if variable is not None:
        along = analysis.recording[variable]
    elif analysis.latent is not None:
        along = analysis.latent.isel({dim: 0 for dim in analysis.latent.dims if dim != "time"})
        along = along.assign_attrs(long_name="latent angle", units="rad", period=2 * math.pi)
    else:
        return
    along, activity = xr.align(along, analysis.recording["activity"], join="inner")
    view = tuning_view(activity, along)
    name, n_bins = view["bin"].attrs["long_name"], view.sizes["bin"]
    order = "angle" if view["bin"].attrs.get("period") else "value"
    yield Picture(
        "tuning",
        _figure(figures.tuning(view)),
        f"Mean activity of {view.sizes['unit']} units in {n_bins} bins of {name}, each unit scaled to "
        f"itself; rows in the order of the units' preferred {order}.",
        f"Heat map of tuning to {name}, one row a unit; a diagonal band: the units cover it evenly.",
    )


def _figure(ax: Axes) -> Figure:
    return cast(Figure, ax.get_figure())

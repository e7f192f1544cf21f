"""From the reports of a recording and of a network to one page that holds both, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

import xarray as xr
from matplotlib.figure import Figure

from neuromanifold.report import figures
from neuromanifold.report.content import Number, Picture, ReportContent
from neuromanifold.report.document import format_number

__all__ = ["side_by_side"]

QUANTITY = "dimensionless_mean_curvature"
Named = TypeVar("Named", Number, Picture)


def side_by_side(
    recording: ReportContent,
    network: ReportContent,
    measures: xr.Dataset,
    curvature: xr.Dataset | None,
    about: Mapping[str, Any],
) -> ReportContent:
    """One report of two: what compares them first, then each part of the recording beside that of the network.

    Parameters
    ----------
    recording, network : ReportContent
        Of the two analyses.
    measures : Dataset
        Along ``measure``: ``value``, ``lower``, ``upper``, ``p_value``, ``chance``; coordinates ``long_name`` and
        ``units``.
    curvature : Dataset or None
        Of :func:`neuromanifold.compare.curvature`; None where there are no two circles to compare.
    about : mapping
        What the network is: ``architecture``, ``n_units``, ``median_error_degrees``.
    """
    both = {"Recording": recording, "Network": network}
    return ReportContent(
        title=f"{recording.title}, beside a {about['architecture']} network",
        verdict=f"Recording: {_inside(recording.verdict)}. Network: {_inside(network.verdict)}",
        decided=recording.decided and network.decided,
        reasons=tuple(f"{name}: {reason}" for name, content in both.items() for reason in content.reasons),
        numbers=(*_measured(measures), *_correlated(curvature), *_error(about), *_numbers(both)),
        figures=(*_overlay(curvature), *_pictures(both)),
        caveats=(*_caveats(curvature), *_united(both)),
        methods=_methods(recording, network, about),
        settings={"recording": recording.settings, "network": network.settings, "network units": about},
        version=recording.version,
        seed=recording.seed,
    )


def _inside(verdict: str) -> str:
    return verdict[:1].lower() + verdict[1:]


def _measured(measures: xr.Dataset) -> Iterator[Number]:
    for name in measures["measure"].to_numpy():
        one = measures.sel(measure=name)
        units = str(one["units"].item())
        yield Number(
            name=f"{one['long_name'].item()} of recording and network",
            value=float(one["value"]),
            interval=(float(one["lower"]), float(one["upper"])),
            unit="" if units == "1" else units,
            meaning=f"p = {format_number(one['p_value'])} against shifts in time, which give "
            f"{format_number(one['chance'])} on average; {'0' if 'distance' in str(one['long_name'].item()) else '1'} "
            "where they are the same up to rotation and scale",
        )


def _correlated(curvature: xr.Dataset | None) -> Iterator[Number]:
    if curvature is not None:
        yield Number(
            name="correlation of the curvature profiles",
            value=float(curvature[f"{QUANTITY}_correlation"]),
            meaning=f"p = {format_number(curvature[f'{QUANTITY}_p_value'])} against rotations of one of them",
        )


def _error(about: Mapping[str, Any]) -> Iterator[Number]:
    yield Number(
        name="heading told by the network",
        value=float(about["median_error_degrees"]),
        unit="degree",
        meaning="median error of its output along the path: how well it has learned the task",
    )


def _numbers(both: Mapping[str, ReportContent]) -> Iterator[Number]:
    for owner, number in _paired({owner: content.numbers for owner, content in both.items()}):
        yield replace(number, name=f"{owner}: {number.name}")


def _pictures(both: Mapping[str, ReportContent]) -> Iterator[Picture]:
    for owner, picture in _paired({owner: content.figures for owner, content in both.items()}):
        name = picture.name if owner == "Recording" else f"network_{picture.name}"
        yield replace(picture, name=name, caption=f"{owner}. {picture.caption}", alt=f"{owner}. {picture.alt}")


def _paired(named: Mapping[str, tuple[Named, ...]]) -> Iterator[tuple[str, Named]]:
    """Owner and item: each item of the first owner, and then the one of the same name of the second."""
    names = dict.fromkeys(item.name for items in named.values() for item in items)
    return ((owner, item) for name in names for owner, items in named.items() for item in items if item.name == name)


def _overlay(curvature: xr.Dataset | None) -> Iterator[Picture]:
    if curvature is None:
        return
    for name in (QUANTITY, "log_volume"):
        correlation, p = (format_number(curvature[f"{name}_{key}"]) for key in ("correlation", "p_value"))
        what = "Mean curvature without units" if name == QUANTITY else "Volume element (how fast activity moves)"
        along = curvature["angle"].attrs.get("long_name", "the task variable")
        yield Picture(
            f"beside_{name}",
            cast(Figure, figures.curvature_beside(curvature, name).get_figure()),
            f"{what} of recording and network along {along}, with bands. Correlation {correlation}, p = {p} against "
            "rotations of one of them.",
            f"Two curves over {along}, of the recording and of the network; their correlation is {correlation}.",
        )


def _caveats(curvature: xr.Dataset | None) -> Iterator[str]:
    yield (
        "The network is one of many that solve the task: another seed, size or architecture bends elsewhere. What is "
        "alike over several seeds is a finding, what is alike in one is an example."
    )
    if curvature is None:
        yield "Curvature is not compared point by point: recording and network are not both circles of the variable."


def _united(both: Mapping[str, ReportContent]) -> Iterator[str]:
    """Caveats, once each where both have the same."""
    first, second = (content.caveats for content in both.values())
    yield from first
    yield from (f"Network: {caveat}" for caveat in second if caveat not in first)


def _methods(recording: ReportContent, network: ReportContent, about: Mapping[str, Any]) -> str:
    task = (
        f"A {about['architecture']} network of {about['n_units']} units was trained to tell the heading on stretches "
        "of the recording's own path, each turned by a random angle, and then followed the whole path once. Its units "
        "at the recording's own times were analysed like the recording. Representations are compared as prepared; "
        "errors are bootstraps over blocks of time, p-values are against shifts in time."
    )
    return f"Recording. {recording.methods}\n\n{task}\n\nNetwork. {network.methods}"

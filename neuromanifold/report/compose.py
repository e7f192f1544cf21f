"""From an analysis to what its report says: headline, table of numbers, what to keep in mind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import xarray as xr

from neuromanifold.report.content import Number, ReportContent
from neuromanifold.report.document import format_number
from neuromanifold.report.pictures import AnalysisLike, pictures
from neuromanifold.report.sentences import sentences
from neuromanifold.report.tables import swept, tables, votes
from neuromanifold.report.verdicts import headline

__all__ = ["compose", "numbers"]


def compose(
    analysis: AnalysisLike,
    *,
    title: str,
    variable: str | None = None,
    caveats: Sequence[str] = (),
    methods: str = "",
    references: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    version: str = "",
    seed: str = "",
) -> ReportContent:
    """Everything on the report's page.

    Parameters
    ----------
    analysis : AnalysisLike
        The parts named in :class:`~neuromanifold.report.pictures.AnalysisLike`.
    title : str
        Name of the recording.
    variable : str, optional
        Task variable of the recording to show the latent angle and the tuning against.
    caveats : sequence of str
        Added before those that follow from the analysis itself.
    methods, references, settings, version, seed
        As in :class:`~neuromanifold.report.content.ReportContent`.
    """
    template = str(analysis.topology.template_)
    return ReportContent(
        title=title,
        verdict=headline(template),
        decided=template != "undecided",
        reasons=tuple(analysis.topology.reasons_),
        findings=(*_decoded(analysis.statistics), *sentences(analysis.details)),
        numbers=tuple(numbers(analysis.statistics)) if analysis.statistics is not None else (),
        figures=pictures(analysis, variable),
        caveats=(*caveats, *_caveats(analysis, template)),
        tables=(votes(analysis.topology), *swept(analysis.topology), *tables(analysis.details)),
        methods=methods,
        references=tuple(references),
        settings=settings or {},
        version=version,
        seed=seed,
    )


def _decoded(statistics: xr.Dataset | None) -> Iterator[str]:
    """What the latent says of the task, where it was measured."""
    if statistics is None or "decoding_error" not in statistics:
        return
    error = statistics["decoding_error"]
    name = str(error.attrs.get("long_name", "")).removeprefix("decoding error of ")
    bounds = [statistics.get(f"decoding_error_{end}") for end in ("lower", "upper")]
    interval = (
        f" [{', '.join(format_number(bound) for bound in bounds if bound is not None)}]"
        if all(bound is not None for bound in bounds)
        else ""
    )
    yield (
        f"The activity tells {name} with an error of {format_number(error)}{interval} {error.attrs.get('units', '')} "
        f"({error.attrs.get('description', '')})."
    )


def numbers(statistics: xr.Dataset) -> Iterator[Number]:
    """A row for each scalar of a Dataset; ``name_lower`` and ``name_upper`` are the interval of ``name``.

    Attrs read: ``long_name``, ``units``, ``description``.
    """
    for key, scalar in statistics.data_vars.items():
        name = str(key)
        if scalar.ndim or name.endswith(("_lower", "_upper")):
            continue
        value = scalar.item()
        bounds = (f"{name}_lower", f"{name}_upper")
        known = all(bound in statistics for bound in bounds)
        yield Number(
            name=str(scalar.attrs.get("long_name", name.replace("_", " "))),
            value=value if isinstance(value, str) else float(value),
            interval=(float(statistics[bounds[0]]), float(statistics[bounds[1]])) if known else None,
            unit=str(scalar.attrs.get("units", "")),
            meaning=str(scalar.attrs.get("description", "")),
        )


def _caveats(analysis: AnalysisLike, template: str) -> Iterator[str]:
    if template == "undecided":
        yield ("No manifold was fitted: curvature of a template that the data do not show would mean nothing.")
    profile = analysis.profile
    if profile is None:
        return
    if "mean_curvature_norm_lower" not in profile:
        yield "Curvature is given without error bands; ask for a bootstrap to get them."
    units = analysis.prepared["activity"].attrs.get("units") or "the units of the activity"
    yield (
        f"Curvature is one over a length in activity space ({units}). It changes with smoothing, transform "
        "and number of units: compare recordings prepared alike, or use the dimensionless curvature."
    )
    if "mean_curvature_norm_lower" in profile and profile.attrs.get("gauge") != "task coordinates":
        yield (
            "No task variable gave the coordinates. In simulations bands made so, aimed at 90 %, held about 85 % of "
            "the profile, and the whole profile only about half of the time: take their edges as approximate."
        )
    if profile.attrs.get("gauge"):
        yield f"Angles are defined up to a reparametrisation; the one chosen here: {profile.attrs['gauge']}."

"""Summary: a result as plain values, for scripts, and the same values as lines, for people.

Each ``…_summary`` gives a mapping that JSON can hold once numpy's numbers are unwrapped; each ``…_lines``
reads only such a mapping, so that what a person reads and what a script gets cannot differ.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from neuromanifold.cli.console import number, plain

if TYPE_CHECKING:  # xarray takes a second to load, and help should not wait for it
    import pandas as pd
    import xarray as xr

__all__ = [
    "analysis_lines",
    "analysis_summary",
    "beside_lines",
    "beside_summary",
    "comparison_summary",
    "files_lines",
    "listing_lines",
    "listing_summary",
    "recording_line",
    "study_lines",
    "study_summary",
    "table_lines",
    "topology_lines",
    "topology_summary",
]

_HOLES = {0: "pieces", 1: "loops", 2: "cavities"}


def recording_line(recording: xr.Dataset) -> str:
    """What was read, in one line."""
    n, d = recording.sizes["time"], recording.sizes["unit"]
    period = float(recording.attrs["sampling_period"])
    return f"{d} units, {n} samples of {number(1000 * period)} ms ({number(round(n * period))} s)"


def topology_summary(topology: Any) -> dict[str, Any]:
    """Verdict, reasons, Betti numbers, p-values and second opinions of a fitted ``Topology``."""
    summary = {
        "template": str(topology.template_),
        "decided": str(topology.template_) != "undecided",
        "reasons": list(topology.reasons_),
        "support": dict(topology.support_),
        "betti": {f"Z{prime}": list(numbers) for prime, numbers in topology.betti_.items()},
        "p_values": {str(degree): list(values) for degree, values in topology.p_values_.items()},
        "universal_p": _universal(topology.bars_),
        "alternatives": dict(topology.alternatives_),
        "intrinsic_dimension": dict(topology.intrinsic_dimension_),
    }
    if hasattr(topology, "sweep_"):
        table = topology.sweep_.to_dataframe().reset_index()
        summary["sweep"] = {"vote": topology.sweep_.attrs["vote"], "settings": table.to_dict("records")}
    return summary


def _universal(bars: xr.Dataset) -> dict[str, float | None]:
    """Smallest p-value by the universal null of each degree over Z2; None where bars are too few."""
    over_z2 = bars["universal_p"].where(bars["prime"] == 2)
    smallest = {int(degree): float(over_z2.where(bars["degree"] == degree).min()) for degree in bars["degree_"]}
    return {str(degree): p if p == p else None for degree, p in smallest.items()}


def topology_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """The verdict with its reasons, and the numbers behind it."""
    yield f"Verdict: {summary['template']}"
    yield from (f"  {reason}" for reason in summary["reasons"])
    betti = "; ".join(f"{', '.join(map(str, b))} over {field}" for field, b in summary["betti"].items())
    yield f"  Betti numbers: {betti}"
    for degree, values in summary["p_values"].items():
        claimed = next(iter(summary["betti"].values()))[int(degree)]
        shown = ", ".join(f"{value:.2g}" for value in values[: claimed + 1])
        second = summary["universal_p"].get(degree)
        universal = "" if second is None else f"; the longest by the universal null: {second:.2g}"
        yield f"  {_HOLES[int(degree)]}: {claimed} longer than chance; p of the longest bars: {shown}{universal}"
    ranked = ", ".join(f"{name} {margin:.2f}" for name, margin in list(summary["alternatives"].items())[:3])
    yield f"  Nearest templates, by the factor that their holes stand clear of the shuffles (1: just): {ranked}"
    dimension = summary["intrinsic_dimension"]
    yield f"  Intrinsic dimension: {dimension['two_nn']:.1f} (two-NN), {dimension['local_pca']:.1f} (local PCA)"
    for row in summary.get("sweep", {}).get("settings", ()):
        smoothed = f"{row['smoothing']:g} s, {row['n_components']} components"
        yield f"  {smoothed}: {row['template']} ({row['support']:.0%} of landmark draws)"


def analysis_summary(analysis: Any) -> dict[str, Any]:
    """The topology's summary with the statistics and the range of the mean curvature."""
    summary = topology_summary(analysis.topology)
    statistics = analysis.statistics
    summary["statistics"] = {} if statistics is None else dict(_scalars(statistics))
    if "templates" in analysis.details:
        summary["template_vote"] = str(analysis.details["templates"].attrs["vote"])
    curvature = None if analysis.profile is None else analysis.profile["mean_curvature_norm"]
    if curvature is not None:
        summary["mean_curvature_norm"] = {
            "min": float(curvature.min()),
            "median": float(curvature.median()),
            "max": float(curvature.max()),
            "units": str(curvature.attrs.get("units", "")),
        }
    return summary


def _scalars(statistics: xr.Dataset) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, scalar in statistics.data_vars.items():
        if scalar.ndim == 0:
            kept = {key: scalar.attrs[key] for key in ("long_name", "units", "description") if key in scalar.attrs}
            yield str(name), {"value": scalar.item(), **kept}


def comparison_summary(comparison: Any) -> dict[str, Any]:
    """The network's own summary, how alike the two are, and how their curvatures correlate."""
    measures, beside = comparison.measures, comparison.curvature
    summary = analysis_summary(comparison.network)
    summary["measures"] = {
        str(name): {key: float(measures[key].sel(measure=name)) for key in ("value", "lower", "upper", "p_value")}
        for name in measures["measure"].to_numpy()
    }
    if beside is not None:
        summary |= beside_summary(beside)
    return summary


def beside_summary(beside: xr.Dataset) -> dict[str, Any]:
    """How two curvature profiles correlate."""
    return {"beside": dict(_scalars(beside))}


def beside_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """The correlations of two profiles, a line each."""
    for name, scalar in summary.get("beside", {}).items():
        yield f"  {scalar.get('long_name', name)}: {number(scalar['value'])}"


def study_summary(study: Any) -> dict[str, Any]:
    """Rows of all sessions, what failed, the pooled numbers and the differences of groups."""
    summary: dict[str, Any] = {
        "sessions": study.table.to_dict("index"),
        "failures": study.failures,
        "pooling": list(study.notes),
        "pooled": {},
        "differences": {},
    }
    if study.pooled is not None:
        summary["pooled"] = dict(_means(study.pooled, "group", "dimensionless_mean_curvature_mean"))
    if study.differences is not None:
        summary["differences"] = dict(_means(study.differences, "pair", "difference_mean"))
    return summary


def _means(dataset: xr.Dataset, dim: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for key in dataset[dim].to_numpy():
        one = dataset.sel({dim: key})
        found = {"value": one[name], "lower": one[f"{name}_lower"], "upper": one[f"{name}_upper"]}
        found |= {count: one[count] for count in ("n_sessions", "n_animals", "p_value_holm") if count in one}
        yield str(key), {name: value.item() for name, value in found.items()}


def study_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """A line for each session, then what they have in common."""
    width = max((len(plain(name)) for name in summary["sessions"]), default=0)
    for name, row in summary["sessions"].items():
        error = row["decoding_error"]
        decoded = "" if error != error else f", decoding error {number(error)} degree"
        why = row["reasons"] if row["verdict"] in ("failed", "undecided") else f"{row['n_samples']} samples{decoded}"
        yield f"  {plain(name):{width}}  {row['verdict']}: {why}"
    for name, one in summary["pooled"].items():
        yield f"Dimensionless |H|, {name}: {_range(one)} ({one['n_sessions']} sessions of {one['n_animals']} animals)"
    for name, one in summary["differences"].items():
        yield f"Difference, {name}: {_range(one)}, p = {number(one['p_value_holm'])} (Holm)"
    yield from (f"  {note}" for note in summary["pooling"])


def _range(one: Mapping[str, Any]) -> str:
    return f"{number(one['value'])} [{number(one['lower'])}, {number(one['upper'])}]"


def _comparison_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """What the network is, and what compares it with the recording."""
    yield f"Network: {summary['template']}"
    for name, measure in summary["measures"].items():
        value, low, high, p = (number(measure[key]) for key in ("value", "lower", "upper", "p_value"))
        yield f"  {name} of recording and network: {value} [{low}, {high}], p = {p}"
    yield from beside_lines(summary)


def analysis_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """Verdict, statistics, curvature, and where the files are."""
    yield from topology_lines(summary)
    if "template_vote" in summary:
        yield f"  A vote beside it: {summary['template_vote']}"
    statistics = summary["statistics"]
    if statistics:
        yield "Numbers:"
    for name, scalar in statistics.items():
        if not name.endswith(("_lower", "_upper")):
            yield f"  {scalar.get('long_name', name)}: {_with_interval(name, statistics)}"
    curvature = summary.get("mean_curvature_norm")
    if curvature is not None:
        low, middle, high = (number(curvature[key]) for key in ("min", "median", "max"))
        yield f"  |H| from {low} to {high}, median {middle}{_unit(curvature['units'])}"
    if "network" in summary:
        yield from _comparison_lines(summary["network"])
    yield from files_lines(summary["files"])


def _with_interval(name: str, statistics: Mapping[str, Any]) -> str:
    value = statistics[name]["value"]
    shown = value if isinstance(value, str) else number(value)
    bounds = [statistics.get(f"{name}_{side}") for side in ("lower", "upper")]
    if all(bounds):
        shown += f" [{', '.join(number(bound['value']) for bound in bounds if bound)}]"
    return shown + _unit(statistics[name].get("units", ""))


def _unit(units: str) -> str:
    """Units as they follow a number: nothing for 1, "per m" for "1 / m"."""
    return "" if units in ("", "1") else f" {units.replace('1 / ', 'per ', 1)}"


def files_lines(files: Mapping[str, str]) -> Iterator[str]:
    """Where things were written; nothing where nothing was."""
    if files:
        yield "Written:"
        yield from (f"  {path}" for path in files.values())


def listing_summary(listing: Any) -> dict[str, Any]:
    """What a file holds, and the commands that read it."""
    return {
        "file": listing.source,
        "holds": [dict(row) for row in listing.rows],
        "load": listing.call,
        "analyze": _command(listing),
    }


def listing_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """The table of what a file holds, one row a line, and the commands that read it."""
    header = {key: key for key in ("name", "shape", "dtype", "role")}
    table = [header, *({key: plain(row[key]) for key in header} for row in summary["holds"])]
    widths = {key: max(len(row[key]) for row in table) for key in header}
    yield f"{summary['file']} holds:"
    yield from ("  " + "  ".join(row[key].ljust(widths[key]) for key in header).rstrip() for row in table)
    yield f"Load it:    {summary['load']}"
    yield f"Analyse it: {summary['analyze']}"


def table_lines(table: pd.DataFrame) -> list[str]:
    """The table of a benchmark, one row a line; what was not measured is left empty."""
    lines: list[str] = table.to_string(float_format=number, na_rep="").splitlines()
    return lines


def _command(listing: Any) -> str:
    """The ``analyze`` command for a file: names are given where the file leaves a choice."""
    by_role: dict[str, dict[str, str]] = {}
    for row in listing.rows:
        by_role.setdefault(row["role"], {})[row["name"]] = row["shape"]
    matrices, spikes = by_role.get("activity", {}), by_role.get("spike times", {})
    candidates = [*matrices, *spikes]
    words = ["neuromanifold", "analyze", listing.source]
    if len(candidates) > 1 and "activity" not in candidates:
        words += ["--activity", candidates[0]]
    if spikes and not matrices:
        words += ["--bin-size", "0.05"]
    variables = by_role.get("task variable", {})
    if len(candidates) == 1 and matrices:
        length = _length(matrices[candidates[0]])
        variables = {name: shape for name, shape in variables.items() if _length(shape) == length}
    words += ["--variable", next(iter(variables))] if variables else []
    return shlex.join([*words, "--out", "results"])


def _length(shape: str) -> str:
    """The first number of a shape such as ``(1200, 24)``."""
    return shape.strip("()").split(",")[0]

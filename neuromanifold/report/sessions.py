"""From the table and the pooled profile of many sessions to one page over all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from neuromanifold.report import figures
from neuromanifold.report.content import Number, Picture, ReportContent, Table
from neuromanifold.report.document import format_number
from neuromanifold.report.sentences import ALPHA
from neuromanifold.report.verdicts import headline

__all__ = ["compose_sessions"]

NORM = "dimensionless_mean_curvature"
COLUMNS = {
    "animal": "animal",
    "group": "group",
    "verdict": "verdict",
    "template": "fitted",
    "n_samples": "samples",
    "n_units": "units",
    "decoding_error": "decoding error (degrees)",
    "held_out_variance": "variance explained",
    NORM: "dimensionless |H|",
    f"{NORM}_lower": "from",
    f"{NORM}_upper": "to",
    "reasons": "reasons",
}


def compose_sessions(
    table: pd.DataFrame,
    pooled: xr.Dataset | None,
    differences: xr.Dataset | None,
    notes: Sequence[str],
    *,
    title: str,
    settings: Mapping[str, Any],
    version: str = "",
    links: Mapping[str, str] | None = None,
) -> ReportContent:
    """Everything on the page over many sessions.

    Parameters
    ----------
    table : DataFrame
        A row for each session, by name: the columns of :attr:`neuromanifold.sessions.Study.table`.
    pooled, differences : Dataset or None
        Of :func:`neuromanifold.statistics.pooled_profile` and :func:`~neuromanifold.statistics.group_differences`.
    notes : sequence of str
        How coordinates are shared and what was left out.
    links : mapping, optional
        Name of a session -> where its own report is, from this page.
    title, settings, version
        As in :class:`~neuromanifold.report.content.ReportContent`.
    """
    verdicts = table["verdict"].value_counts()
    return ReportContent(
        title=title,
        verdict=_headline(verdicts),
        decided=str(verdicts.index[0]) not in ("undecided", "failed"),
        reasons=tuple(f"{verdict}: {count} of {len(table)} sessions" for verdict, count in verdicts.items()),
        findings=tuple(_findings(pooled, differences)),
        numbers=tuple(_numbers(table, pooled, differences)),
        figures=tuple(_pictures(table, pooled, differences)),
        caveats=(*_failures(table), *notes),
        tables=(_table(table, links or {}),),
        methods=_methods(table, pooled, differences),
        settings=settings,
        version=version,
        seed=str(settings.get("random_state", "")),
    )


def _headline(verdicts: pd.Series) -> str:
    most, count, n = str(verdicts.index[0]), int(verdicts.iloc[0]), int(verdicts.sum())
    if most == "failed":
        return f"{count} of {n} sessions could not be analysed"
    return f"{headline(most)}: {count} of {n} sessions"


def _findings(pooled: xr.Dataset | None, differences: xr.Dataset | None) -> Iterator[str]:
    if pooled is not None:
        everyone = pooled.isel(group=0)
        low, high = everyone[f"{NORM}_simultaneous_lower"], everyone[f"{NORM}_simultaneous_upper"]
        bends = float(low.max()) > float(high.min())
        yield (
            f"The pooled profile {'is not constant' if bends else 'could be constant'}: a constant "
            f"{'leaves' if bends else 'fits into'} its simultaneous band."
        )
    if differences is not None:
        yield from (_difference(differences.isel(pair=i)) for i in range(differences.sizes["pair"]))


def _difference(pair: xr.Dataset) -> str:
    p = float(pair["p_value_holm"])
    how = "inside animals" if bool(pair["paired"]) else "between animals"
    return (
        f"Curvature {'differs' if p <= ALPHA else 'is not shown to differ'} between {pair['first'].item()} and "
        f"{pair['second'].item()}, compared {how} (p = {format_number(p)}, Holm; {int(pair['n_sessions'])} sessions of "
        f"{int(pair['n_animals'])} animals)."
    )


def _numbers(table: pd.DataFrame, pooled: xr.Dataset | None, differences: xr.Dataset | None) -> Iterator[Number]:
    error = table["decoding_error"].dropna()
    if len(error):
        yield Number(
            "decoding error, median over sessions",
            float(error.median()),
            (float(error.min()), float(error.max())),
            "degree",
            f"in brackets the least and the largest of {len(error)} sessions",
        )
    if pooled is not None:
        for i, group in enumerate(pooled["group"].to_numpy()):
            one = pooled.isel(group=i)
            yield _mean(one, f"{NORM}_mean", f"dimensionless |H|, {group}", _who(one))
    if differences is not None:
        for i, name in enumerate(differences["pair"].to_numpy()):
            one = differences.isel(pair=i)
            yield _mean(one, "difference_mean", f"the same, {name}", _who(one))


def _mean(one: xr.Dataset, name: str, title: str, meaning: str) -> Number:
    interval = (float(one[f"{name}_lower"]), float(one[f"{name}_upper"]))
    return Number(title, float(one[name]), interval, "", f"mean over the template; {meaning}")


def _who(one: xr.Dataset) -> str:
    return f"{int(one['n_sessions'])} sessions of {int(one['n_animals'])} animals"


def _pictures(table: pd.DataFrame, pooled: xr.Dataset | None, differences: xr.Dataset | None) -> Iterator[Picture]:
    if pooled is not None:
        everyone = pooled.isel(group=0)
        yield Picture(
            "pooled_profile",
            _figure(figures.curvature_profile(everyone, NORM)),
            f"Dimensionless mean curvature, mean of {_who(everyone)}, with its band over animals, sessions and the "
            "noise of each session.",
            f"Pooled curvature over the latent angle, between {format_number(everyone[NORM].min())} and "
            f"{format_number(everyone[NORM].max())}.",
        )
    known = table[NORM].dropna()
    if len(known):
        yield Picture(
            "sessions",
            _figure(figures.forest(table)),
            f"Dimensionless mean curvature of {len(known)} sessions with the interval of each, animals apart.",
            f"A dot and an interval for each session, between {format_number(known.min())} and "
            f"{format_number(known.max())}.",
        )
    if pooled is not None and differences is not None and "angle_1" not in differences.coords:
        for i in range(differences.sizes["pair"]):
            yield _compared(pooled, differences.isel(pair=i))


def _compared(pooled: xr.Dataset, pair: xr.Dataset) -> Picture:
    first, second = str(pair["first"].item()), str(pair["second"].item())
    both = pooled[[NORM]].sel(group=[first, second]).rename({NORM: "mean_curvature_norm", "group": "condition"})
    shown = both.merge(pair[["difference", "difference_lower", "difference_upper", "p_value"]], compat="override")
    return Picture(
        f"difference_{_slug(first)}_{_slug(second)}",
        figures.curvature_in_conditions(shown.assign_attrs(pair.attrs)),
        f"Dimensionless mean curvature in {first} and in {second}; below, {second} less {first} with its band. "
        f"p = {format_number(pair['p_value'])} against exchanged groups.",
        f"Two curves over the latent angle, {first} and {second}, and their difference.",
    )


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() and c.isascii() else "_" for c in name)


def _failures(table: pd.DataFrame) -> Iterator[str]:
    for name, row in table[table["verdict"] == "failed"].iterrows():
        yield f"{name} failed: {row['reasons']}"


def _table(table: pd.DataFrame, links: Mapping[str, str]) -> Table:
    rows = [
        (str(name), *("" if pd.isna(row[column]) else _cell(row[column]) for column in COLUMNS))
        for name, row in table.iterrows()
    ]
    return Table("Sessions", ("session", *COLUMNS.values()), tuple(rows), links)


def _cell(value: Any) -> float | str:
    return value if isinstance(value, str) else float(value)


def _methods(table: pd.DataFrame, pooled: xr.Dataset | None, differences: xr.Dataset | None) -> str:
    text = "Each session was analysed alone, as its own report says."
    if pooled is not None:
        level, draws = float(pooled.attrs["level"]), pooled.attrs["n_bootstrap"]
        text += (
            f" {pooled.attrs.get('shared_coordinates', '')} Profiles of |H| without units were averaged over the "
            "sessions of an animal and over animals. Bands "
            f"({100 * level:g} %) are from {draws} draws of a hierarchical bootstrap over animals, sessions of animals "
            "and each session's own draws of its decoder, every level with the variance that the levels below leave it "
            "(Carpenter, Goldstein & Rasbash 2003)."
        )
    if differences is not None:
        text += (
            f" Groups were compared by {differences.attrs['n_permutations']} exchanges of sessions inside animals that "
            "have both groups, or of animals; p-values over pairs are Holm's."
        )
    return text


def _figure(ax: Any) -> Figure:
    return cast(Figure, ax.get_figure())

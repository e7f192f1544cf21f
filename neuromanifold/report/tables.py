"""Tables of the statistics of an analysis, folded away on the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import xarray as xr

from neuromanifold.report.content import Table

__all__ = ["swept", "tables", "votes"]

# Name in ``Analysis.details`` -> dimension of the rows and title.
TABLES = {
    "templates": ("template", "Which template: held-out log-likelihood"),
    "explained": ("predictor", "What explains curvature"),
    "controls": ("control", "Does curvature follow occupancy or rate?"),
    "variation": ("bin", "Where curvature departs from its mean"),
    "sensitivity": ("preparation", "How much the profile owes to the preparation"),
    "unit_shares": ("unit", "Which units bend the manifold"),
    "held_out_variance": ("unit", "How well the manifold explains each unit"),
}


def tables(details: Mapping[str, xr.Dataset]) -> Iterator[Table]:
    """One table for each of the statistics that are there: a row for each coordinate, a column for each variable."""
    for name, (dim, title) in TABLES.items():
        if name in details:
            yield _table(details[name], dim, title)


def votes(topology: Any) -> Table:
    """How the draws of landmarks voted, and how clear of the shuffles each template's holes stand.

    Reads ``support_`` and ``alternatives_`` of a fitted :class:`~neuromanifold.topology.Topology`; templates in the
    order of their margins.
    """
    support, margins = topology.support_, topology.alternatives_
    names = [*margins, *(name for name in support if name not in margins)]
    rows = ((name, support.get(name, 0.0), margins.get(name, "—")) for name in names)
    columns = ("template", "share of landmark draws", "margin (above 1: its holes agree with the bars)")
    return Table("Which template: votes and margins", columns, tuple(rows))


def swept(topology: Any) -> Iterator[Table]:
    """Verdicts over smoothing and components, where a sweep was made (``sweep_`` of ``find_template``)."""
    if not hasattr(topology, "sweep_"):
        return
    columns = ("smoothing (s)", "components", "template", "share of landmark draws", "loops")
    names = ("smoothing", "n_components", "template", "support", "loops")
    cells = topology.sweep_.to_dataframe().reset_index()
    rows = tuple(tuple(row) for row in cells[list(names)].to_numpy().tolist())
    yield Table("Which template: other settings", columns, rows)


def _table(dataset: xr.Dataset, dim: str, title: str) -> Table:
    columns = [variable for variable in dataset.data_vars.values() if variable.dims == (dim,)]
    heads = [_head(dataset[dim], dim), *(_head(variable, str(variable.name)) for variable in columns)]
    rows = zip(dataset[dim].to_numpy().tolist(), *(variable.to_numpy().tolist() for variable in columns), strict=True)
    return Table(title, tuple(heads), tuple(rows))


def _head(variable: xr.DataArray, name: str) -> str:
    long_name, units = variable.attrs.get("long_name", name.replace("_", " ")), variable.attrs.get("units", "")
    return f"{long_name} ({units})" if units else str(long_name)

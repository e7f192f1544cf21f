"""``Study``: what many sessions gave, alone and together, and the forms it is written in."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import xarray as xr

from neuromanifold import __version__
from neuromanifold.report import ReportContent, compose_sessions, write
from neuromanifold.sessions.session import REPORT, Session
from neuromanifold.storage import write_netcdf

__all__ = ["Study"]


@dataclass(frozen=True)
class Study:
    """What :func:`neuromanifold.analyze_many` found.

    Attributes
    ----------
    sessions : sequence of Session
        In the order of the recordings; ``session.error`` says why one failed, ``session.part(name)`` reads its results.
    pooled : Dataset or None
        Profiles of all sessions and of each group, with bands (:func:`neuromanifold.statistics.pooled_profile`); None
        where there is nothing to pool.
    differences : Dataset or None
        Of every two groups (:func:`neuromanifold.statistics.group_differences`).
    members : sequence of str
        Names of the sessions that were pooled.
    notes : sequence of str
        How coordinates are shared, and which sessions are left out, and why.
    settings : mapping
    """

    sessions: Sequence[Session]
    pooled: xr.Dataset | None
    differences: xr.Dataset | None
    members: Sequence[str]
    notes: Sequence[str]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """A row for each session: verdict, decoding error (degrees), means of |H| with intervals, reasons."""
        rows = [session.row() | {"pooled": session.name in self.members} for session in self.sessions]
        return pd.DataFrame(rows, columns=None if rows else ["session"]).set_index("session")

    @property
    def failures(self) -> dict[str, str]:
        """Name and reason of each session that failed."""
        return {session.name: session.error for session in self.sessions if session.error is not None}

    def content(self, title: str = "Sessions", folder: str | os.PathLike[str] = ".") -> ReportContent:
        """What a report in a folder says and shows; it leads to the sessions' own."""
        return compose_sessions(
            self.table,
            self.pooled,
            self.differences,
            self.notes,
            title=title,
            settings=self.settings,
            version=__version__,
            links=self._links(Path(folder).resolve()),
        )

    def _links(self, folder: Path) -> dict[str, str]:
        """Where the sessions' own reports are from a folder."""
        kept = {s.name: s.folder / REPORT for s in self.sessions if s.folder is not None and s.error is None}
        return {name: quote(os.path.relpath(path.resolve(), folder)) for name, path in kept.items()}

    def figures(self) -> dict[str, Any]:
        """The report's matplotlib figures by name."""
        return {picture.name: picture.figure for picture in self.content().figures}

    def to_html(self, path: str | os.PathLike[str], title: str = "Sessions") -> None:
        """Write one report over all sessions as one self-contained page."""
        write(path, self.content(title, Path(path).parent))

    def to_netcdf(self, path: str | os.PathLike[str]) -> None:
        """Write :meth:`parts` as the groups of one netCDF4 file, which ``xarray.open_datatree`` reads."""
        write_netcdf(path, self.parts())

    def parts(self) -> dict[str, xr.Dataset]:
        """Results by name: ``sessions`` (the table), ``pooled``, ``differences``; "/" holds settings and notes."""
        settings = {key: str(value) for key, value in self.settings.items()}
        root = xr.Dataset(attrs={"version": __version__, "notes": "; ".join(self.notes)} | settings)
        found = {"sessions": xr.Dataset.from_dataframe(self.table), "pooled": self.pooled}
        found["differences"] = self.differences
        return {"/": root} | {name: part for name, part in found.items() if part is not None}

"""A session that was analysed, or that failed: what is known of it, and its results in memory or in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from neuromanifold.storage import read_netcdf

__all__ = ["REPORT", "RESULT", "Session"]

RESULT, REPORT = "result.nc", "report.html"
SCALARS = ("decoding_error", "decoding_error_lower", "decoding_error_upper", "held_out_variance")
MEANS = ("mean_curvature_norm", "dimensionless_mean_curvature")


@dataclass(frozen=True)
class Session:
    """One session of :func:`neuromanifold.analyze_many`.

    Attributes
    ----------
    name, animal, group : str
    facts : dict
        Plain values: ``verdict``, ``template`` (fitted, or ""), ``reasons``, ``notes``, ``n_samples``, ``n_units``,
        ``gauge``, ``seconds``, the numbers of its row in the table; or ``error``, why it failed.
    folder : Path or None
        Where ``result.nc``, ``model.npz`` and ``report.html`` are; None where results are kept in memory.
    """

    name: str
    animal: str
    group: str
    facts: Mapping[str, Any]
    folder: Path | None = None
    kept: Mapping[str, xr.Dataset] = field(default_factory=dict, repr=False)

    @property
    def error(self) -> str | None:
        """Why the session failed; None where it did not."""
        return self.facts.get("error")

    def part(self, name: str) -> xr.Dataset:
        """A result by its name (:meth:`neuromanifold.analysis.Analysis.parts`); read from the folder where it is there.

        Raises
        ------
        FileFormatError, KeyError
            If there is no such result.
        """
        return self.kept[name] if self.folder is None else read_netcdf(self.folder / RESULT, name)

    def row(self) -> dict[str, Any]:
        """The session's row of the table."""
        reasons = self.error or "; ".join(self.facts.get("reasons", ()))
        numbers = {key: self.facts.get(key, np.nan) for key in numbers_of_a_row()}
        verdict = "failed" if self.error else self.facts["verdict"]
        fitted = {"template": self.facts.get("template", ""), "n_samples": self.facts.get("n_samples", 0)}
        fitted |= {"n_units": self.facts.get("n_units", 0)}
        named = {"session": self.name, "animal": self.animal, "group": self.group, "verdict": verdict}
        return named | fitted | numbers | {"reasons": reasons}


def numbers_of_a_row() -> list[str]:
    """Columns of numbers: decoding error (degrees), held-out variance, means of |H| with their intervals."""
    return [*SCALARS, *(f"{name}{end}" for name in MEANS for end in ("", "_lower", "_upper"))]


def numbers_of(statistics: xr.Dataset) -> dict[str, float]:
    """Those numbers that an analysis has."""
    return {name: float(statistics[name]) for name in numbers_of_a_row() if name in statistics}

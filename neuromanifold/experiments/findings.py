"""Findings: the Datasets of an experiment, and its statements as a table of numbers to hold against their targets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import xarray as xr

from neuromanifold import __version__

__all__ = ["Findings", "Options", "Statement", "table"]


@dataclass(frozen=True)
class Options:
    """What an experiment is run with.

    Parameters
    ----------
    data : Path, optional
        Images (:func:`neuromanifold.data.images.load`); by default scikit-learn's digits.
    weights : Path, optional
        Published weights of a small CIFAR ResNet, where the experiment examines one.
    network : str, optional
        Name of the network that an experiment on natural images trains instead.
    epochs : int, optional
        How long residual networks are trained, in place of what the recipe says.
    checkpoints : Path, optional
        Folder where trained networks are kept and found again.
    n_seeds : int, optional
        Networks, each with its own initial weights and samples.
    seed : int
        The first of them.
    full : bool
        The paper's full recipe instead of the reduced one.
    device : str
        Where networks of images are trained; volumes are computed on the CPU.
    """

    data: Path | None = None
    weights: Path | None = None
    network: str | None = None
    epochs: int | None = None
    checkpoints: Path | None = None
    n_seeds: int | None = None
    seed: int = 0
    full: bool = False
    device: str = "cpu"
    verbose: bool = False

    def seeds(self, default: int) -> range:
        """Seeds of the networks."""
        return range(self.seed, self.seed + (self.n_seeds or default))


class Statement(NamedTuple):
    """One number: its interval and p-value where it has them, and the bound it should keep (">= 0.8")."""

    what: str
    value: float
    lower: float = math.nan
    upper: float = math.nan
    p: float = math.nan
    target: str = ""

    @property
    def holds(self) -> str:
        """Whether the target is kept, "yes" or "no"; empty where there is none."""
        if not self.target:
            return ""
        sign, bound = self.target.split()
        kept = self.value >= float(bound) if sign == ">=" else self.value <= float(bound)
        return "yes" if kept else "no"


def table(statements: list[Statement]) -> pd.DataFrame:
    """Statements as a table, one a row, by what they say."""
    rows = [{**s._asdict(), "holds": s.holds} for s in statements]
    return pd.DataFrame(rows).set_index("what")


@dataclass(frozen=True)
class Findings:
    """What an experiment found.

    Attributes
    ----------
    name : str
    groups : mapping of str to Dataset
        Numbers behind the figures, by name.
    table : DataFrame
        Statements (index ``what``): ``value``, ``lower``, ``upper`` (95 % interval), ``p``, ``target``,
        ``holds``.
    settings : mapping
        Of the network and its training; they are in the attrs of every group.
    """

    name: str
    groups: Mapping[str, xr.Dataset]
    table: pd.DataFrame
    settings: Mapping[str, Any]

    def datasets(self) -> dict[str, xr.Dataset]:
        """All groups, the table among them, each with what made it."""
        stamp = {"experiment": self.name, "neuromanifold_version": __version__}
        # netCDF has no None.
        stamp |= {name: "none" if value is None else value for name, value in self.settings.items()}
        everything = {**self.groups, "statements": xr.Dataset.from_dataframe(self.table)}
        return {name: group.assign_attrs({**stamp, **group.attrs}) for name, group in everything.items()}

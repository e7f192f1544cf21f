"""``Analysis``: everything one run of the pipeline found, and the forms it is written in."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import xarray as xr

from neuromanifold import __version__
from neuromanifold._errors import InputError
from neuromanifold.data.prepare import preparation
from neuromanifold.data.recording import task_variables
from neuromanifold.export import table, write_nwb, write_tables
from neuromanifold.models import TopologicalVAE
from neuromanifold.report import ReportContent, compose, methods, references, write
from neuromanifold.storage import write_netcdf, write_zarr
from neuromanifold.topology import Topology

__all__ = ["Analysis"]


@dataclass
class Analysis:
    """What :func:`neuromanifold.analyze` found.

    Attributes
    ----------
    recording, prepared : Dataset
        As given (checked), and as the model saw it.
    topology : Topology
    model : TopologicalVAE or None
        None where no template was decided, or it has no holes to coordinate.
    latent : DataArray (time, angle) or None
        Intrinsic angles in radians at every time of the prepared recording.
    profile, against, statistics : Dataset or None
        Curvature over the template; binned along the task variable; scalars.
    details : dict of str to Dataset
        Results of :mod:`neuromanifold.statistics` by name: "variation", "explained", "controls", "unit_shares",
        "held_out_variance", where asked for "conditions", "offsets" and "sensitivity", and where the verdict is
        "undecided", "templates".
    variable : str or None
    settings : dict
    """

    recording: xr.Dataset
    prepared: xr.Dataset
    topology: Topology
    model: TopologicalVAE | None = None
    latent: xr.DataArray | None = None
    profile: xr.Dataset | None = None
    against: xr.Dataset | None = None
    statistics: xr.Dataset | None = None
    details: dict[str, xr.Dataset] = field(default_factory=dict)
    variable: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def content(self, title: str = "Recording") -> ReportContent:
        """What the report says and shows."""
        text = methods(self.settings, self._facts())
        return compose(
            self,
            title=title,
            variable=self.variable,
            methods=text,
            references=references(text),
            settings=self.settings | {"preparation": preparation(self.prepared)},
            version=__version__,
            seed=str(self.settings.get("random_state")),
        )

    def figures(self) -> dict[str, Any]:
        """The report's matplotlib figures by name."""
        return {picture.name: picture.figure for picture in self.content().figures}

    def to_html(self, path: str | os.PathLike[str], title: str = "Recording") -> None:
        """Write the report as one self-contained page."""
        write(path, self.content(title))

    def to_netcdf(self, path: str | os.PathLike[str]) -> None:
        """Write :meth:`parts` as the groups of one netCDF4 file, which ``xarray.open_datatree`` reads."""
        write_netcdf(path, self.parts())

    def to_zarr(self, path: str | os.PathLike[str]) -> None:
        """Write :meth:`parts` as the groups of one zarr store."""
        write_zarr(path, self.parts())

    def to_nwb(self, path: str | os.PathLike[str], source: str | os.PathLike[str]) -> None:
        """Write a copy of the session's NWB file ``source`` with :meth:`parts` as its module ``neuromanifold``."""
        write_nwb(path, source, self.parts())

    def to_csv(self, folder: str | os.PathLike[str]) -> None:
        """Write :meth:`parts` as csv tables into a folder; ``columns.csv`` there states their units."""
        write_tables(folder, self._tabled())

    def to_dataframe(self, part: str = "latent") -> pd.DataFrame:
        """One of :meth:`parts` as a table, with units in its attrs; the latent has the task variables beside it.

        Raises
        ------
        InputError
            If there is no such part; the message lists those there are.
        """
        parts = self._tabled()
        if part not in parts or part == "/":
            raise InputError(f"no part {part!r}; there are {', '.join(name for name in parts if name != '/')}")
        return table(parts[part])

    def _tabled(self) -> dict[str, xr.Dataset]:
        """The parts, with the task variables and intervals of each time beside the latent."""
        parts = self.parts()
        if "latent" in parts:
            beside = {name: self.prepared[name] for name in (*task_variables(self.prepared), "interval")}
            parts["latent"] = parts["latent"].assign(beside).reset_coords("interval")
        return parts

    def parts(self) -> dict[str, xr.Dataset]:
        """Results by name: profile, bars, against, statistics, latent, the details; "/" holds verdict and settings."""
        verdict = {"template": self.topology.template_, "reasons": "; ".join(self.topology.reasons_)}
        latent = None if self.latent is None else self.latent.to_dataset(name="latent")
        found = {
            "profile": self.profile,
            "bars": self.topology.bars_,
            "against": self.against,
            "statistics": self.statistics,
            "latent": latent,
        } | self.details
        settings = {key: str(value) for key, value in self.settings.items()}
        root = xr.Dataset(attrs={"version": __version__} | settings | verdict)
        return {"/": root} | {name: part for name, part in found.items() if part is not None}

    def _facts(self) -> dict[str, Any]:
        """What the methods say beside the settings."""
        steps = preparation(self.prepared)
        facts: dict[str, Any] = {
            "version": __version__,
            "n_units": self.prepared.sizes["unit"],
            "n_samples": self.prepared.sizes["time"],
            "sampling_period": float(self.prepared.attrs["sampling_period"]),
            "steps": steps,
            "null": self.topology.null_,
            "n_shuffles": self.topology.n_shuffles,
            "alpha": self.topology.alpha,
            "n_landmarks": self.topology.n_landmarks,
        }
        if self.model is not None:
            facts |= {"template": self.model.template_.name, "gauge": self.model.gauge_}
            facts |= {"n_harmonics": len(self.model.decoder_.harmonics)}
        if self.profile is not None:
            facts |= {"level": self.profile.attrs.get("level")}
        return facts

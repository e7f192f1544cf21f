"""Brain beside network: a recording and a network that solves its task, through the same pipeline.

recording ────────────────────────────▶ analyze ──┐
    └──▶ heading network ──▶ its units ──▶ analyze ──┴──▶ CKA, shape distance, RSA; curvature beside curvature
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import xarray as xr

from neuromanifold import compare
from neuromanifold._errors import InputError
from neuromanifold._random import spawn_seeds
from neuromanifold._typing import RandomState
from neuromanifold.analysis import Analysis
from neuromanifold.analysis_settings import check_settings
from neuromanifold.compare.curvature import TASK
from neuromanifold.experiments.heading_network import N_EPOCHS, Architecture, heading_network
from neuromanifold.pipeline import analyze
from neuromanifold.report import ReportContent, side_by_side, write
from neuromanifold.storage import write_netcdf

__all__ = ["NetworkComparison", "compare_network"]

MEASURES = {"cka": compare.cka, "procrustes": compare.procrustes, "rsa": compare.rsa}


@dataclass
class NetworkComparison:
    """What :func:`compare_network` found.

    Attributes
    ----------
    recording, network : Analysis
        Of the recording, and of the network's units along the same path.
    measures : Dataset
        Dimension ``measure`` (cka, procrustes, rsa) of the two prepared activities: ``value``, ``standard_error``,
        ``lower``, ``upper``, ``p_value``, ``chance``.
    curvature : Dataset or None
        Of :func:`neuromanifold.compare.curvature`; None where either is not a circle.
    """

    recording: Analysis
    network: Analysis
    measures: xr.Dataset
    curvature: xr.Dataset | None

    def content(self, title: str = "Recording") -> ReportContent:
        """What the report says and shows."""
        about = json.loads(self.network.recording.attrs["network"])
        return side_by_side(
            self.recording.content(title), self.network.content("Network"), self.measures, self.curvature, about
        )

    def figures(self) -> dict[str, Any]:
        """The report's matplotlib figures by name."""
        return {picture.name: picture.figure for picture in self.content().figures}

    def to_html(self, path: str | os.PathLike[str], title: str = "Recording") -> None:
        """Write recording and network as one self-contained page."""
        write(path, self.content(title))

    def to_netcdf(self, path: str | os.PathLike[str]) -> None:
        """Write :meth:`parts` as the groups of one netCDF4 file, which ``xarray.open_datatree`` reads."""
        write_netcdf(path, self.parts())

    def parts(self) -> dict[str, xr.Dataset]:
        """Results by name: the recording's as in its own analysis, the network's below ``network``, and both beside."""
        network = {f"network/{name}".rstrip("/"): part for name, part in self.network.parts().items()}
        beside = {"comparison/measures": self.measures}
        if self.curvature is not None:
            beside["comparison/curvature"] = self.curvature
        return self.recording.parts() | network | {"network/units": self.network.recording} | beside


def compare_network(
    analysis: Analysis,
    *,
    architecture: Architecture = "recurrent",
    n_units: int = 64,
    n_epochs: int = N_EPOCHS,
    device: str = "auto",
    n_jobs: int | None = None,
    verbose: bool = False,
    random_state: RandomState = None,
) -> NetworkComparison:
    """Train a network on the heading of an analysed recording, analyse its units alike, and compare the two.

    Parameters
    ----------
    analysis : Analysis
        Of :func:`neuromanifold.analyze`, made with a circular task variable; the network is analysed with its numbers
        of shuffles and refits.
    architecture : {"recurrent", "feedforward"}
        Integrates turns and sees a landmark now and then; or always sees it.
    n_units, n_epochs : int
        Units of a hidden layer; epochs of training (0: an untrained network, for control).
    device, n_jobs, verbose, random_state
        As in :func:`neuromanifold.analyze`.

    Raises
    ------
    InputError
        If the analysis has no task variable, or not a circular one, or a setting is out of range.
    """
    if not isinstance(analysis, Analysis):
        raise InputError(f"give what neuromanifold.analyze returned, got {type(analysis).__name__}")
    if analysis.variable is None:
        raise InputError("the analysis has no task variable: analyze(recording, variable=...) with a heading")
    check_settings({"device": device, "n_jobs": n_jobs, "random_state": random_state})
    seeds = spawn_seeds(random_state, 3)
    units = heading_network(
        analysis.recording,
        analysis.variable,
        architecture=architecture,
        n_units=n_units,
        n_epochs=n_epochs,
        verbose=verbose,
        random_state=seeds[0],
    )
    network = analyze(
        units,
        analysis.variable,
        n_shuffles=analysis.settings["n_shuffles"],
        n_bootstrap=analysis.settings["n_bootstrap"],
        # Minutes of fits that a comparison does not use.
        template_vote=False,
        device=device,
        n_jobs=n_jobs,
        verbose=verbose,
        random_state=seeds[1],
    )
    return NetworkComparison(analysis, network, _measures(analysis, network, seeds[2]), _curvature(analysis, network))


def _measures(recording: Analysis, network: Analysis, seed: int) -> xr.Dataset:
    """Each measure of the two prepared activities at the times that both have."""
    pair = xr.align(recording.prepared, network.prepared, join="inner", exclude={"unit"})
    found = [measure(*pair, random_state=seed) for measure in MEASURES.values()]
    names = [result.attrs["measure"] for result in found]
    units = [result["value"].attrs["units"] for result in found]
    coords = {"measure": list(MEASURES), "long_name": ("measure", names), "units": ("measure", units)}
    measures = xr.concat(found, dim="measure", combine_attrs="drop_conflicts").assign_coords(coords)
    return measures.assign_attrs(representations="prepared activity of the recording and of the network")


def _curvature(recording: Analysis, network: Analysis) -> xr.Dataset | None:
    """Curvature along the variable, where both were fitted as circles with it as their angle."""
    ours, theirs = recording.profile, network.profile
    if ours is None or theirs is None:
        return None
    if any(profile.attrs["template"] != "circle" or profile.attrs["gauge"] != TASK for profile in (ours, theirs)):
        return None
    beside = compare.curvature(ours, theirs, ("recording", "network"))
    attrs = recording.recording[recording.variable].attrs
    beside["angle"].attrs["long_name"] = str(attrs.get("long_name", recording.variable))
    return beside

"""The statistics that every analysis has: those that take seconds, by name, and their main numbers as scalars."""

from __future__ import annotations

import xarray as xr

from neuromanifold._random import spawn_seeds
from neuromanifold._typing import ArrayLike, RandomState
from neuromanifold.models import TopologicalVAE
from neuromanifold.statistics.controls import curvature_controls
from neuromanifold.statistics.explanation import explained_curvature
from neuromanifold.statistics.held_out_variance import held_out_variance
from neuromanifold.statistics.shares import unit_shares
from neuromanifold.statistics.summary import scalars
from neuromanifold.statistics.variation import curvature_variation

__all__ = ["main_numbers", "overview"]


def overview(
    model: TopologicalVAE,
    recording: xr.Dataset,
    variable: str | None = None,
    y: ArrayLike | None = None,
    rate: ArrayLike | None = None,
    *,
    random_state: RandomState = None,
) -> dict[str, xr.Dataset]:
    """Unit shares, held-out variance and controls; with a task variable also what varies along it and what explains it.

    Parameters
    ----------
    model : TopologicalVAE
        Fitted to the recording's activity.
    recording : Dataset
        The activity as the model saw it, and the task variables.
    variable : str, optional
        A circular or linear task variable.
    y, rate
        Labels of the fit, and the population's rate, as in the single statistics.
    random_state : int, Generator or None
    """
    seeds = spawn_seeds(random_state, 3)
    found = {
        "unit_shares": unit_shares(model.immersion_, recording["unit"].to_numpy()),
        "held_out_variance": held_out_variance(model, recording, y),
        "controls": curvature_controls(model, recording, rate, y, random_state=seeds[0]),
    }
    if variable is not None and recording[variable].attrs["kind"] != "categorical":
        found["variation"] = curvature_variation(model, recording, variable, y, random_state=seeds[1])
        found["explained"] = explained_curvature(model, recording, variable, y, random_state=seeds[2])
    return found


def main_numbers(details: dict[str, xr.Dataset]) -> xr.Dataset:
    """The scalars of :func:`overview` that a summary shows."""
    held_out = details["held_out_variance"]
    rows = {
        "held_out_variance": (
            held_out["r_squared_total"].item(),
            "",
            "variance explained by the manifold",
            f"of all units, in held-out blocks of time; coordinates: {held_out.attrs['coordinates']}",
        ),
        "effective_units": (
            details["unit_shares"]["effective_units"].item(),
            "units",
            "units that bend the manifold",
            "effective number: 1 over the sum of squared shares of |H|²",
        ),
    }
    if "variation" in details:
        variation = details["variation"]
        rows["curvature_varies_p"] = (
            variation["p_value"].item(),
            "",
            f"p: curvature varies along {variation.attrs['variable']}",
            "beyond noise of the fit and chance association; small where it does",
        )
    return scalars(rows)

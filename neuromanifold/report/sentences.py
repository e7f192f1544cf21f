"""Sentences: what the statistics of an analysis say, a sentence each, for a reader in a hurry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr

from neuromanifold.report.document import format_number

__all__ = ["sentences"]

ALPHA = 0.05


def sentences(details: Mapping[str, xr.Dataset]) -> Iterator[str]:
    """Sentences for those of the statistics that are there.

    Parameters
    ----------
    details : mapping of name to Dataset
        ``Analysis.details``.
    """
    if "variation" in details:
        yield _variation(details["variation"])
    if "controls" in details:
        yield from _controls(details["controls"])
    if "templates" in details:
        yield f"{details['templates'].attrs['vote']} This is a vote beside topology, not the verdict."


def _variation(variation: xr.Dataset) -> str:
    name, p = variation.attrs["variable"], format_number(variation["p_value"].item())
    share = f"{100 * variation['relative_variation'].item():.0f} % of its mean"
    if variation["p_value"].item() <= ALPHA:
        n_bins = int((variation["p_bin"] <= ALPHA).sum())
        where = f"; {n_bins} of {variation.sizes['bin']} bins depart from it singly" if n_bins else ""
        return f"Curvature varies along {name} beyond noise (p = {p}), by {share}{where}."
    if variation["p_noise"].item() <= ALPHA:
        return f"Curvature varies over the manifold, but {name} does not tell where (p = {p})."
    return f"Curvature is not shown to vary along {name} beyond noise (p = {p})."


def _controls(controls: xr.Dataset) -> Iterator[str]:
    p, correlation = controls["p_value"].to_numpy(), controls["partial_correlation"].to_numpy()
    names = controls["control"].to_numpy()
    for i in np.flatnonzero(p <= ALPHA):
        direction = "more" if correlation[i] > 0 else "less"
        meaning = {"occupancy": "was visited", "rate": "drives the population"}[str(names[i])]
        yield (
            f"Curvature is higher where a place {meaning} {direction} (partial correlation "
            f"{format_number(correlation[i])}, p = {format_number(p[i])})."
        )

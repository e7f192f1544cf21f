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
    if "conditions" in details:
        yield _conditions(details["conditions"])
    if "sensitivity" in details:
        yield _sensitivity(details["sensitivity"])
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


def _conditions(conditions: xr.Dataset) -> str:
    first, second = conditions["condition"].to_numpy()
    p = conditions["p_value"].item()
    apart = (conditions["difference_lower"] > 0) | (conditions["difference_upper"] < 0)
    return (
        f"Curvature {'differs' if p <= ALPHA else 'is not shown to differ'} between {first} and {second} "
        f"(p = {format_number(p)}); the band of the difference leaves zero out at {100 * float(apart.mean()):.0f} % of "
        "the points."
    )


def _sensitivity(sensitivity: xr.Dataset) -> str:
    agreement, most = sensitivity["agreement"], sensitivity["subset_rank_correlation"][-1]
    worst = agreement["preparation"].to_numpy()[agreement.to_numpy().argmin()]
    return (
        f"Prepared otherwise, the dimensionless profile has a rank correlation of {format_number(agreement.min())} or "
        f"more with itself (least: {worst}); on {most['n_units'].item()} of the units, {format_number(most.median())}."
    )


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

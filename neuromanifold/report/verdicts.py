"""The verdict of topology in one line."""

from __future__ import annotations

import xarray as xr

__all__ = ["headline", "verdict_line"]

_VERDICTS = {
    "undecided": "Cannot tell which manifold the activity lies on",
    "contractible": "The activity fills a region without loops or cavities",
    "circle": "The activity lies on a circle",
    "sphere": "The activity lies on a sphere",
    "torus": "The activity lies on a torus",
    "klein": "The activity lies on a Klein bottle",
    "projective": "The activity lies on a projective plane",
}


def headline(template: str) -> str:
    """The verdict as a sentence."""
    return _VERDICTS.get(template, f"The activity lies on the template {template}")


def verdict_line(bars: xr.Dataset) -> str:
    """The verdict with its reasons, what is in doubt first, from ``Topology.bars_``."""
    reasons = str(bars.attrs.get("reasons", ""))
    sentence = headline(str(bars.attrs.get("template", "undecided")))
    return f"{sentence}: {reasons}." if reasons else f"{sentence}."

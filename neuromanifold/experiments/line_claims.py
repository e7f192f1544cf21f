"""Statements about lines between samples: where log volume has its maximum, how high, and whether training did it.

``relative`` is the log volume less what the norm of the input alone explains: for random wide networks it depends on
``|x|`` only (§3 of the paper), and the middle of a line is nearer to the origin than its ends, so that for a sigmoid it
is larger there before anything is learned. The part explained is a quadratic in ``|x|²``, fitted to the untrained
network of each seed and taken from both of its stages.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from neuromanifold._typing import BoolArray, FloatArray
from neuromanifold.experiments import claim
from neuromanifold.experiments.findings import Statement

__all__ = ["gain_statement", "inside_statements", "line_statements", "with_relative"]

SHARE = 0.8


def with_relative(lines: xr.Dataset, variable: str = "log_volume") -> xr.Dataset:
    """Lines (seed, stage, kind, line, position) with ``relative`` beside their log volume."""
    lifted = lines[variable].copy()
    for seed in lines["seed"].to_numpy():
        start = lines.sel(seed=seed, stage="initial")
        fit = np.polyfit(start["square_norm"].to_numpy().ravel(), start[variable].to_numpy().ravel(), 2)
        lifted.loc[{"seed": seed}] -= np.polyval(fit, lines["square_norm"].sel(seed=seed))
    attrs = {"long_name": "log volume not explained by the norm", "units": "1"}
    return lines.assign(relative=lifted.assign_attrs(attrs))


def line_statements(
    lines: xr.Dataset, rng: np.random.Generator, variable: str, name: str, *, rises: bool = True
) -> Iterator[Statement]:
    """Where the maximum is, how high it is, and how near to a change of the prediction.

    Parameters
    ----------
    rises : bool
        Whether the claim is that training raises volumes at changes of the prediction, or lowers them.
    """
    yield from inside_statements(lines, rng, variable, name, rises=rises)
    yield from _height_statements(lines, rng, variable, name, ">= 0" if rises else "<= 0")
    yield from _place_statements(lines, rng, variable, name)


def inside_statements(
    lines: xr.Dataset, rng: np.random.Generator, variable: str, name: str, *, rises: bool = True
) -> Iterator[Statement]:
    """Shares of the lines whose maximum is at neither end."""
    targets = {("different", "trained"): f">= {SHARE}", ("different", "initial"): f"<= {SHARE}"}
    targets |= {("same", "trained"): f"<= {SHARE}"}
    for (kind, stage), bound in targets.items():
        target = bound if rises else ""
        share = claim.inside(_values(lines, variable, kind, stage)).astype(float)
        what = f"{name}: maximum inside the line, {kind} class{'es' if kind == 'different' else ''}, {stage}"
        yield Statement(what, float(share.mean()), *claim.bootstrap_interval(share, rng), target=target)


def gain_statement(lines: xr.Dataset, rng: np.random.Generator, variable: str, name: str) -> Statement:
    """How much higher training made log volume at changes of the prediction above the ends (nats)."""
    changed = _changes(lines)
    before, after = (claim.contrast(_values(lines, variable, "different", s), changed) for s in ("initial", "trained"))
    gain = after - before
    p = claim.sign_flip_p(gain[np.isfinite(gain)], rng)
    return _mean(f"{name}: height at changes of the prediction, trained less initial", gain, rng)._replace(p=p)


def _height_statements(
    lines: xr.Dataset, rng: np.random.Generator, variable: str, name: str, target: str
) -> Iterator[Statement]:
    """Heights of log volume at changes of the prediction above the ends (nats), and of the middle above them."""
    changed = _changes(lines)
    for stage in lines["stage"].to_numpy():
        values = claim.contrast(_values(lines, variable, "different", stage), changed)
        yield _mean(f"{name}: height at changes of the prediction, {stage}", values, rng)
    yield gain_statement(lines, rng, variable, name)._replace(target=target)
    halfway = {kind: claim.middle(_values(lines, variable, kind, "trained")) for kind in ("different", "same")}
    p = claim.label_p(halfway["different"], halfway["same"], rng)
    for kind, values in halfway.items():
        row = _mean(f"{name}: height halfway, {kind} class{'es' if kind == 'different' else ''}, trained", values, rng)
        yield row._replace(p=p) if kind == "different" else row


def _place_statements(lines: xr.Dataset, rng: np.random.Generator, variable: str, name: str) -> Iterator[Statement]:
    """Distance from the maximum to the nearest change of the prediction, against changes of other lines."""
    v = _values(lines, variable, "different", "trained")
    changed = _changes(lines)
    has_change = changed.any(-1)
    away = np.where(has_change, claim.distance(v, changed), np.nan)
    null, p = claim.reassignment_p(v[has_change], changed[has_change], rng)
    yield _mean(f"{name}: from the maximum to the nearest change of the prediction", away, rng)._replace(p=p)
    yield Statement(f"{name}: the same to changes of other lines", null)


def _changes(lines: xr.Dataset) -> BoolArray:
    """Where the trained network changes its prediction on lines between classes: (seed, line, position - 1)."""
    return claim.changes(_values(lines, "predicted", "different", "trained"))


def _values(lines: xr.Dataset, variable: str, kind: str, stage: str) -> FloatArray:
    """Values (seed, line, position)."""
    return lines[variable].sel(kind=kind, stage=stage).transpose("seed", "line", "position").to_numpy()


def _mean(what: str, values: FloatArray, rng: np.random.Generator) -> Statement:
    known = values[np.isfinite(values)]
    return Statement(what, float(known.mean()) if known.size else np.nan, *claim.bootstrap_interval(values, rng))

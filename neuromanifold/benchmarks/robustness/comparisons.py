"""Entry points that compare: a learned manifold with the true one, a representation with another."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import xarray as xr

import neuromanifold as nm
from neuromanifold.benchmarks.robustness.entries import (
    ACTIVITY,
    SETTINGS,
    SMALL_AUTOENCODER,
    SMALL_STATISTICS,
    EntryPoint,
    fitted,
    ring,
)
from neuromanifold.benchmarks.robustness.given import Given

__all__ = ["COMPARISONS"]


def _manifold_error(given: Given) -> Iterable[Any]:
    f, latents = fitted().immersion_, fitted().transform(ring())
    return [nm.diagnostics.manifold_error(f, latents, given.activity, **{"n_points": 100} | given.settings)["error"]]


def _neighborhoods(given: Given) -> Iterable[Any]:
    latents = fitted().transform(ring())
    return nm.diagnostics.neighborhoods(given.activity, latents, **given.settings).data_vars.values()


def _wrong_manifold(given: Given) -> Iterable[Any]:
    settings: dict[str, Any] = {"noise": (0.0,), "shares": (1.0,), "n_repeats": 1, "random_state": 0} | given.settings
    model = nm.GeometricAutoencoder(**SMALL_AUTOENCODER)
    return [nm.diagnostics.wrong_manifold(model, given.activity, ring(), **settings)["error"]]


def _procrustes(given: Given) -> Iterable[Any]:
    settings = {"n_bootstrap": 0, "n_shuffles": 9} | SMALL_STATISTICS | given.settings
    return [nm.compare.procrustes(given.activity, ring(), **settings)["value"]]


def _rsa(given: Given) -> Iterable[Any]:
    settings = {"n_bootstrap": 0, "n_shuffles": 9} | SMALL_STATISTICS | given.settings
    return [nm.compare.rsa(given.activity, ring(), **settings)["value"]]


def _matrix(given: Given) -> Iterable[Any]:
    settings = {"n_bootstrap": 0, "n_shuffles": 0} | SMALL_STATISTICS | given.settings
    return [nm.compare.matrix([given.activity], [ring()], **settings)["value"]]


@cache
def _profile() -> xr.Dataset:
    return nm.curvature_profile(fitted(), n_points=16)


def _curvature(given: Given) -> Iterable[Any]:
    return [nm.compare.curvature(_profile(), _profile(), **given.settings)["log_volume_correlation"]]


def _curvature_matrix(given: Given) -> Iterable[Any]:
    return [nm.compare.curvature_matrix({"a": _profile()}, **given.settings)["value"]]


@cache
def _line() -> nm.GeometricAutoencoder:
    return nm.GeometricAutoencoder(**SMALL_AUTOENCODER).fit(ring())


def _maps(given: Given) -> Iterable[Any]:
    latents = fitted().transform(given.activity)
    return [nm.diagnostics.maps(fitted().immersion_, latents, **{"n_points": 16} | given.settings)["isometric"]]


def _metric_ellipses(given: Given) -> Iterable[Any]:
    latents = fitted().transform(given.activity)
    return [nm.diagnostics.metric_ellipses(fitted().immersion_, latents, **given.settings)["semi_axis"]]


def _paths(given: Given) -> Iterable[Any]:
    latents = _line().transform(ring())
    found = nm.diagnostics.paths(_line().immersion_, latents[:1], latents[1:2], **{"n_times": 5} | given.settings)
    return [found["straight_length"]]


def _learned_curves(given: Given) -> Iterable[Any]:
    settings = {"n_points": 16} | given.settings
    return [nm.diagnostics.learned_curves({"line": _line()}, given.activity, ring(), **settings)["error"]]


COMPARISONS = (
    EntryPoint("diagnostics.manifold_error", ACTIVITY | SETTINGS, _manifold_error),
    EntryPoint("diagnostics.neighborhoods", ACTIVITY | SETTINGS, _neighborhoods),
    EntryPoint("diagnostics.wrong_manifold", ACTIVITY | SETTINGS, _wrong_manifold),
    EntryPoint("compare.procrustes", ACTIVITY | SETTINGS, _procrustes),
    EntryPoint("compare.rsa", ACTIVITY | SETTINGS, _rsa),
    EntryPoint("compare.matrix", ACTIVITY | SETTINGS, _matrix),
    EntryPoint("compare.curvature", SETTINGS, _curvature),
    EntryPoint("compare.curvature_matrix", SETTINGS, _curvature_matrix),
    EntryPoint("diagnostics.maps", ACTIVITY | SETTINGS, _maps),
    EntryPoint("diagnostics.metric_ellipses", SETTINGS, _metric_ellipses),
    EntryPoint("diagnostics.paths", SETTINGS, _paths),
    EntryPoint("diagnostics.learned_curves", ACTIVITY | SETTINGS, _learned_curves),
)

"""Entry points that compare: a learned manifold with the true one, a representation with another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import neuromanifold as nm
from neuromanifold.benchmarks.robustness.entries import (
    ACTIVITY,
    SETTINGS,
    SMALL_AUTOENCODER,
    EntryPoint,
    fitted,
    ring,
)
from neuromanifold.benchmarks.robustness.given import Given

__all__ = ["COMPARISONS"]


SMALL_STATISTICS: dict[str, Any] = {"random_state": 0}


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


COMPARISONS = (
    EntryPoint("diagnostics.manifold_error", ACTIVITY | SETTINGS, _manifold_error),
    EntryPoint("diagnostics.neighborhoods", ACTIVITY | SETTINGS, _neighborhoods),
    EntryPoint("diagnostics.wrong_manifold", ACTIVITY | SETTINGS, _wrong_manifold),
    EntryPoint("compare.procrustes", ACTIVITY | SETTINGS, _procrustes),
    EntryPoint("compare.rsa", ACTIVITY | SETTINGS, _rsa),
)

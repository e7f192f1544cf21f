"""Entry points that say what networks and kernels do to volumes, of closed form or estimated."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

import neuromanifold as nm
from neuromanifold.benchmarks.robustness.entries import ACTIVITY, SETTINGS, EntryPoint
from neuromanifold.benchmarks.robustness.given import Given

__all__ = ["MAPS"]

# Where faults of single values are.
FEW = slice(3, 8)
POINT = np.linspace(-1, 1, 5)
SMALL_MAP = nm.featuremaps.shallow(np.eye(6, 5), np.zeros(6))


def _estimated(given: Given) -> Iterable[Any]:
    settings: dict[str, Any] = {"n_probes": 2, "n_steps": 5, "random_state": 0} | given.settings
    return [nm.featuremaps.estimate_log_volume(SMALL_MAP, given.activity, **settings).value.numpy()]


def _infinitely_wide(kind: str, given: Given) -> Iterable[Any]:
    kernel = getattr(nm.featuremaps.infinite_width, kind)(**{"activation": "erf"} | given.settings)
    return [kernel.log_volume(given.activity).numpy()]


def _infinite_width(quantity: str, given: Given) -> Iterable[Any]:
    settings = {"activation": "erf"} | given.settings
    return [getattr(nm.featuremaps.infinite_width, quantity)(x=given.activity, **settings).numpy()]


def _bayesian(given: Given) -> Iterable[Any]:
    settings = {"activation": "erf", "n_units": 100, "precision": 1.0} | given.settings
    network = nm.featuremaps.bayesian.WideBayesianNetwork(X=POINT[None], Y=[1.0], **settings)
    many = isinstance(given.activity, np.ndarray) and given.activity.ndim == 2 and len(given.activity) > 10
    return [network.log_volume(given.activity[FEW] if many else given.activity).numpy()]


def _monomial(given: Given) -> Iterable[Any]:
    settings = {"degree": 2, "n_units": 100} | given.settings
    found = nm.featuremaps.bayesian.monomial_volume_ratio(
        x=given.activity, training_point=POINT, target=1.0, **settings
    )
    return [found.numpy()]


def _susceptibility(given: Given) -> Iterable[Any]:
    settings = {"degree": 2, "n_inputs": 5, "cosine": 0.5} | given.settings
    return [nm.featuremaps.bayesian.monomial_susceptibility(**settings).numpy()]


def _kernel(name: str, given: Given) -> Iterable[Any]:
    return [getattr(nm.featuremaps.kernels, name)(**given.settings).log_volume(given.activity).numpy()]


def _three_units(given: Given) -> Iterable[Any]:
    return [nm.featuremaps.bumps(nm.featuremaps.three_units(**given.settings))["amplitude"]]


def _plane(given: Given) -> Iterable[Any]:
    plane = nm.featuremaps.Plane.through(POINT, np.zeros(5))
    return [plane.affine_grid(**{"n_side": 3} | given.settings), plane.convex_grid(given.settings.get("n_side", 3))]


def _volume_change(given: Given) -> Iterable[Any]:
    model = nm.featuremaps.kernel_learning.AmariWuClassifier().fit(np.eye(4, 5), [0, 0, 1, 1])
    return [nm.featuremaps.kernel_learning.volume_change(model, given.activity)["change"]]


BOTH = ACTIVITY | SETTINGS
MAPS = (
    EntryPoint("featuremaps.estimate_log_volume", BOTH, _estimated),
    EntryPoint("featuremaps.infinite_width.NNGP", BOTH, partial(_infinitely_wide, "NNGP")),
    EntryPoint("featuremaps.infinite_width.NTK", BOTH, partial(_infinitely_wide, "NTK")),
    EntryPoint("featuremaps.infinite_width.metric", BOTH, partial(_infinite_width, "metric")),
    EntryPoint("featuremaps.infinite_width.eigenvalues", BOTH, partial(_infinite_width, "eigenvalues")),
    EntryPoint("featuremaps.infinite_width.scalar_curvature", BOTH, partial(_infinite_width, "scalar_curvature")),
    EntryPoint("featuremaps.bayesian.WideBayesianNetwork", BOTH, _bayesian),
    EntryPoint("featuremaps.bayesian.monomial_volume_ratio", BOTH, _monomial),
    EntryPoint("featuremaps.bayesian.monomial_susceptibility", SETTINGS, _susceptibility),
    EntryPoint("featuremaps.kernels.RBF", BOTH, partial(_kernel, "RBF")),
    EntryPoint("featuremaps.kernels.SmoothLaplace", BOTH, partial(_kernel, "SmoothLaplace")),
    EntryPoint("featuremaps.kernels.Polynomial", BOTH, partial(_kernel, "Polynomial")),
    EntryPoint("featuremaps.kernels.ArcCosine", BOTH, partial(_kernel, "ArcCosine")),
    EntryPoint("featuremaps.three_units", SETTINGS, _three_units),
    EntryPoint("featuremaps.Plane", SETTINGS, _plane),
    EntryPoint("kernel_learning.volume_change", ACTIVITY, _volume_change),
)

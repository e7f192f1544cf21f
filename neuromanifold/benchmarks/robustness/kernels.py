"""Entry points that learn a kernel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from neuromanifold.benchmarks.robustness.entries import (
    ACTIVITY,
    SETTINGS,
    EntryPoint,
)
from neuromanifold.benchmarks.robustness.given import Given
from neuromanifold.featuremaps import kernel_learning

__all__ = ["KERNELS"]


def _amari_wu(given: Given) -> Iterable[Any]:
    model = kernel_learning.AmariWuClassifier(**given.settings).fit(given.activity, _sides(given))
    return [model.decision_function(given.activity)]


def _sides(given: Given) -> Any:
    """Two classes, of the labels' own kind where these are not angles."""
    labels = np.ma.asanyarray(given.labels)
    return labels < np.pi if labels.dtype == np.float64 and labels.ndim == 1 and np.isfinite(labels).all() else labels


def _recursive_features(given: Given) -> Iterable[Any]:
    model = kernel_learning.RecursiveFeatureMachine(**{"n_iterations": 1} | given.settings)
    return [model.fit(given.activity, given.labels).predict(given.activity)]


def _self_supervised(given: Given) -> Iterable[Any]:
    model = kernel_learning.SelfSupervisedKernel(**{"n_components": 2, "random_state": 0} | given.settings)
    return [model.fit(given.activity).transform(given.activity)]


KERNELS = (
    EntryPoint("AmariWuClassifier", ACTIVITY | SETTINGS | {"labels"}, _amari_wu),
    EntryPoint("RecursiveFeatureMachine", ACTIVITY | SETTINGS | {"labels"}, _recursive_features),
    EntryPoint("SelfSupervisedKernel", ACTIVITY | SETTINGS, _self_supervised),
)

"""Every estimator of the package keeps scikit-learn's contract, by scikit-learn's own checks."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np
from cases import ESTIMATORS
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import validate_data

import neuromanifold
from neuromanifold.models import TopologicalVAE
from neuromanifold.topology import Topology

# scikit-learn sets n_components=1 where it finds the parameter.
ONE_COMPONENT = dict.fromkeys(
    (
        "check_dont_overwrite_parameters",
        "check_methods_sample_order_invariance",
        "check_methods_subset_invariance",
        "check_fit2d_predict1d",
    ),
    "one component traces no loop, so n_components=1 is refused",
)


class CountsOfAnything(TopologicalVAE):
    """The checks' activity is of any numbers: four times their magnitudes, rounded, are counts."""

    def _validated(self, X: Any, *, reset: bool) -> np.ndarray:
        return (4 * np.abs(validate_data(self, X, reset=reset, dtype=np.float64))).round()


COUNTS = [
    CountsOfAnything(likelihood=likelihood, n_init=1, max_epochs=1, device="cpu", random_state=0)
    for likelihood in ("poisson", "negative_binomial")
]


@parametrize_with_checks(
    [*ESTIMATORS, *COUNTS],
    expected_failed_checks=lambda estimator: ONE_COMPONENT if isinstance(estimator, Topology) else {},
)
def test_scikit_learn_contract(estimator: BaseEstimator, check: Callable[[BaseEstimator], None]) -> None:
    check(estimator)


def test_every_estimator_is_checked() -> None:
    names = [
        m.name for m in pkgutil.walk_packages(neuromanifold.__path__, "neuromanifold.") if "__main__" not in m.name
    ]
    found = {
        value
        for name in names
        for value in vars(importlib.import_module(name)).values()
        if inspect.isclass(value)
        and issubclass(value, BaseEstimator)
        and value.__module__.startswith("neuromanifold")
        and not inspect.isabstract(value)
    }
    assert found == {type(estimator) for estimator in ESTIMATORS}

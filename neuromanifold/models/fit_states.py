"""What is kept of unfinished fits: regressions and paths as plain values and tensors, and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from torch import Tensor

from neuromanifold.models.continuation import Path
from neuromanifold.models.expectation_maximisation import Fit
from neuromanifold.models.harmonic_regression import Prior, Regression
from neuromanifold.models.noise import Noise
from neuromanifold.progress import State

__all__ = ["fit_of", "fit_state", "path_of", "path_state", "prior_of", "scores_of"]


def fit_state(fit: Fit | None) -> State:
    """Of a fit, or of a start that could not be fitted."""
    if fit is None:
        return {}, {}
    regression, noise = fit.regression, fit.regression.noise
    values = {
        "prior": asdict(regression.prior),
        "rank": regression.rank,
        "log_evidence": regression.log_evidence,
        "log_likelihood": fit.log_likelihood,
        "n_steps": fit.n_steps,
    }
    return values, {"weight": regression.weight, "covariance": noise.covariance, "whitening": noise.whitening}


def fit_of(state: State, like: Tensor) -> Fit | None:
    """On the device of a tensor."""
    values, tensors = state
    if not values:
        return None
    weight, covariance, whitening = (tensors[name].to(like) for name in ("weight", "covariance", "whitening"))
    noise = Noise(covariance, whitening)
    regression = Regression(weight, noise, prior_of(values["prior"]), values["rank"], values["log_evidence"])
    return Fit(regression, values["log_likelihood"], values["n_steps"])


def path_state(path: Path) -> State:
    """Of a path from coarse to fine."""
    values, tensors = fit_state(path.fit)
    return {**values, "n_harmonics": path.n_harmonics, "held_out": path.held_out}, tensors


def path_of(state: State, like: Tensor) -> Path:
    """On the device of a tensor."""
    fit = fit_of(state, like)
    assert fit is not None
    return Path(fit, state[0]["n_harmonics"], scores_of(state[0]["held_out"]))


def prior_of(values: dict[str, Any]) -> Prior:
    """A prior from its fields, of which JSON makes lists of tuples."""
    return Prior(**(values | {"left_out": tuple(values["left_out"])}))


def scores_of(pairs: list[list[float]]) -> tuple[tuple[int, float], ...]:
    """Held-out scores by number of harmonics."""
    return tuple((int(size), float(score)) for size, score in pairs)

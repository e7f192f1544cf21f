"""The likelihoods of a topological VAE by name: how a generative half is fitted, and how it is read from a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor

from neuromanifold.manifolds import Manifold
from neuromanifold.models.base import FitSettings, Generative
from neuromanifold.models.counts.generative import CountGenerative, fit_counts
from neuromanifold.models.counts.law import CountLaw
from neuromanifold.models.generative import GaussianGenerative, fit_generative

__all__ = ["LIKELIHOODS", "Likelihood"]


@dataclass(frozen=True)
class Likelihood:
    """A likelihood of the activity.

    Attributes
    ----------
    fit : callable
        ``(template, activity, labels, groups, settings, seed) -> Generative``.
    restored : callable
        ``(common fields of Generative by name, arrays of a file, exposure) -> Generative``.
    of_counts : bool
        Whether the activity must be counts.
    """

    fit: Callable[[Manifold, Tensor, Tensor, Tensor, FitSettings, int], Generative]
    restored: Callable[[Mapping[str, Any], Mapping[str, Tensor], float], Generative]
    of_counts: bool


def _restored_gaussian(fields: Mapping[str, Any], arrays: Mapping[str, Tensor], exposure: float) -> Generative:
    return GaussianGenerative(**fields)


def _restored_counts(fields: Mapping[str, Any], arrays: Mapping[str, Tensor], exposure: float) -> Generative:
    return CountGenerative(**fields, exposure=exposure, law=CountLaw(arrays["dispersion"]))


LIKELIHOODS = {
    "gaussian": Likelihood(fit_generative, _restored_gaussian, of_counts=False),
    "poisson": Likelihood(partial(fit_counts, overdispersed=False), _restored_counts, of_counts=True),
    "negative_binomial": Likelihood(partial(fit_counts, overdispersed=True), _restored_counts, of_counts=True),
}

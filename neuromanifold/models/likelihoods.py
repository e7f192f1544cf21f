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
from neuromanifold.models.counts.updates import SeenCounts
from neuromanifold.models.generative import GaussianGenerative, fit_generative
from neuromanifold.models.samples import Samples
from neuromanifold.models.updates import Seen

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
    half : type
        Of what ``fit`` gives.
    """

    fit: Callable[[Manifold, Samples, Tensor, Tensor, FitSettings, int], Generative]
    restored: Callable[[Mapping[str, Any], Mapping[str, Tensor], float], Generative]
    of_counts: bool
    half: type[Generative]


def _restored_gaussian(fields: Mapping[str, Any], arrays: Mapping[str, Tensor], exposure: float) -> Generative:
    return GaussianGenerative(**fields, seen=Seen.restored(arrays))


def _restored_counts(fields: Mapping[str, Any], arrays: Mapping[str, Tensor], exposure: float) -> Generative:
    law, seen = CountLaw(arrays["dispersion"]), SeenCounts.restored(arrays)
    return CountGenerative(**fields, exposure=exposure, law=law, seen=seen)


LIKELIHOODS = {
    "gaussian": Likelihood(fit_generative, _restored_gaussian, False, GaussianGenerative),
    "poisson": Likelihood(partial(fit_counts, overdispersed=False), _restored_counts, True, CountGenerative),
    "negative_binomial": Likelihood(partial(fit_counts, overdispersed=True), _restored_counts, True, CountGenerative),
}

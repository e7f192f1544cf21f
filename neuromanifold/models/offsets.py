"""Offsets: labels whose zero differs from trial to trial (the heading of a fly against its own compass).

Each group of samples has a turn, ``y = z + turn``. A decoder fitted to the group with most labels decodes the others
from their activity alone, which gives their turns; one fitted to all groups with their turns taken back decodes
better, and so on until no turn changes. The mean turn over all labels is zero: it could not be told from a turn of the
manifold.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neuromanifold.models.expectation_maximisation import Basis, grid_posterior
from neuromanifold.models.grid_posterior import GridPosterior
from neuromanifold.models.harmonic_regression import Prior, Regression, fit_regression
from neuromanifold.models.labelled_samples import LabelledSamples
from neuromanifold.models.narrow_posterior import NarrowPosterior
from neuromanifold.models.sizes import largest_order
from neuromanifold.models.turns import best_turns, mean_turn, wrapped

__all__ = ["fit_turns"]

MAX_ROUNDS = 20
# Radians.
LEAST_CHANGE = 1e-4


def fit_turns(samples: LabelledSamples, basis: Basis, beta: float) -> Tensor:
    """The turn (n_groups, k) of each group's labels, radians; 0 of a group without labels."""
    turns = samples.labels.new_zeros(samples.n_groups, basis.template.dim)
    largest = int(samples.sizes.argmax())
    rows = samples.known & (samples.offset_groups == largest)
    for _ in range(MAX_ROUNDS):
        decoder = _smooth_fit(samples.turned(turns), rows, basis)
        law = grid_posterior(basis, decoder.weight, decoder.noise, beta)
        found = torch.stack([_turn(samples, number, basis, law) for number in range(samples.n_groups)])
        change, turns, rows = wrapped(found - turns).abs().max(), found, samples.known
        if float(change) < LEAST_CHANGE:
            break
    return wrapped(turns - mean_turn(turns, samples.sizes))


def _smooth_fit(samples: LabelledSamples, rows: Tensor, basis: Basis) -> Regression:
    """A decoder of some samples at their labels; decoding needs no choice of prior."""
    points, activity = basis.template.embed(samples.labels[rows]), samples.activity[rows]
    n_harmonics = len(basis.template.harmonics(largest_order(basis.template, len(points))))
    moments = basis.moments(points, activity).restricted(n_harmonics)
    return fit_regression(moments, basis.harmonics.eigenvalues, prior=Prior(len(moments.gram), "power", 4.0))


def _turn(samples: LabelledSamples, number: int, basis: Basis, law: GridPosterior | NarrowPosterior) -> Tensor:
    """The turn (k,) of a group's labels against what their activity says."""
    activity, labels = samples.group(number)
    if len(labels) == 0:
        return labels.new_zeros(basis.template.dim)
    return best_turns(basis.template, law.mean_points(activity).mT @ basis.template.embed(labels))

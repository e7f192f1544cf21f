"""The claim as a statistic: log volume is larger where the prediction changes than at the ends of a line.

A line has log volumes ``v (T,)`` at positions from 0 to 1 and the classes predicted there:

    inside    the maximum of v is at neither end
    contrast  mean of v over the changes of the prediction, less ½ (v at 0 + v at 1)
    middle    v halfway, less the same: for lines without a change as well
    distance  from the maximum of v to the nearest change

A change lies halfway between two positions, where v is the mean of theirs. Boundaries are those of the prediction, not
of the truth. Lines are the units of chance: their samples are disjoint, and the networks they belong to are a second
level that the intervals resample too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from neuromanifold._errors import InputError
from neuromanifold._typing import BoolArray, FloatArray

__all__ = [
    "bootstrap_interval",
    "changes",
    "contrast",
    "distance",
    "inside",
    "label_p",
    "middle",
    "reassignment_p",
    "sign_flip_p",
]

N_RESAMPLES = 2000


def changes(classes: npt.NDArray[Any]) -> BoolArray:
    """Whether the prediction changes between neighbouring positions: (..., T) -> (..., T - 1)."""
    return classes[..., 1:] != classes[..., :-1]


def inside(v: FloatArray) -> BoolArray:
    """Whether the maximum is at neither end: (..., T) -> (...)."""
    top = v.argmax(-1)
    return (top > 0) & (top < v.shape[-1] - 1)


def contrast(v: FloatArray, changed: BoolArray) -> FloatArray:
    """Mean at the changes less mean of the ends: (...), NaN where nothing changes."""
    between = 0.5 * (v[..., 1:] + v[..., :-1])
    n_changes = changed.sum(-1)
    at_changes = np.where(changed, between, 0.0).sum(-1) / np.where(n_changes, n_changes, np.nan)
    return at_changes - _ends(v)


def middle(v: FloatArray) -> FloatArray:
    """Value halfway (T odd) less mean of the ends: (...)."""
    if v.shape[-1] % 2 == 0:
        raise InputError(f"a line has a middle where its number of positions is odd; got {v.shape[-1]}")
    return v[..., v.shape[-1] // 2] - _ends(v)


def _ends(v: FloatArray) -> FloatArray:
    return 0.5 * (v[..., 0] + v[..., -1])


def distance(v: FloatArray, changed: BoolArray) -> FloatArray:
    """From the maximum to the nearest change, as a share of the line: (...), NaN where nothing changes."""
    position = np.linspace(0, 1, v.shape[-1])
    halfway = 0.5 * (position[1:] + position[:-1])
    away = np.abs(position[v.argmax(-1)][..., None] - halfway)
    nearest = np.where(changed, away, np.inf).min(-1)
    return np.where(np.isfinite(nearest), nearest, np.nan)


def sign_flip_p(differences: FloatArray, rng: np.random.Generator, n_resamples: int = N_RESAMPLES) -> float:
    """One-sided p of a positive mean of paired differences (n,), each of either sign under the null."""
    signs = rng.choice([-1.0, 1.0], size=(n_resamples, differences.size))
    return _p(signs @ differences.ravel(), float(differences.sum()))


def label_p(first: FloatArray, second: FloatArray, rng: np.random.Generator, n_resamples: int = N_RESAMPLES) -> float:
    """One-sided p of a larger mean of ``first`` than of ``second``, lines exchangeable under the null."""
    pooled = np.concatenate([first.ravel(), second.ravel()])
    shuffled = rng.permuted(np.broadcast_to(pooled, (n_resamples, pooled.size)), axis=1)
    # The sum of the first group grows with the difference of the means: the total is fixed.
    return _p(shuffled[:, : first.size].sum(1), float(first.sum()))


def reassignment_p(
    v: FloatArray, changed: BoolArray, rng: np.random.Generator, n_resamples: int = N_RESAMPLES
) -> tuple[float, float]:
    """Mean distance of maximum and change if each line (n, T) had the changes of another; and the p of the true one.

    Only where on a line the maximum lies relative to *its own* change can make this p small: maxima that all lie in the
    middle, as all changes do, cannot. NaN for fewer than two lines.
    """
    if len(v) < 2:
        return np.nan, np.nan
    null = np.array([distance(v, changed[rng.permutation(len(v))]).mean() for _ in range(n_resamples)])
    return float(null.mean()), _p(-null, -float(distance(v, changed).mean()))


def bootstrap_interval(
    values: FloatArray, rng: np.random.Generator, level: float = 0.95, n_resamples: int = N_RESAMPLES
) -> tuple[float, float]:
    """Interval of the mean of values (networks, lines): networks are drawn anew, then lines within each.

    NaN is left out; the interval is NaN where there is nothing else.
    """
    if np.isnan(values).all():
        return np.nan, np.nan
    n_networks, n_lines = values.shape
    networks = rng.integers(n_networks, size=(n_resamples, n_networks, 1))
    lines = rng.integers(n_lines, size=(n_resamples, n_networks, n_lines))
    drawn = values[networks, lines].reshape(n_resamples, -1)
    # Draws of nothing but NaN have no mean.
    n_known = np.isfinite(drawn).sum(1)
    means = np.nansum(drawn, axis=1)[n_known > 0] / n_known[n_known > 0]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _p(null: FloatArray, observed: float) -> float:
    """Share of the null at least as large; the observation counts as one of it. Rounding is no difference."""
    slack = 1e-9 * max(abs(observed), float(np.abs(null).max()), 1e-300)
    return float((1 + (null >= observed - slack).sum()) / (1 + null.size))

"""How long a bar would be if the units were independent.

Null: every unit's activity is shifted in time by its own random amount (inside each interval, circularly), which
keeps each unit's distribution and autocorrelation and destroys what they share; or, for samples without time order,
permuted. The shuffled activity goes through the identical pipeline and leaves its longest bar per degree.
``p = (1 + #{null longest >= length}) / (1 + n_shuffles)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from neuromanifold._random import spawn_seeds
from neuromanifold._typing import FloatArray, IntArray
from neuromanifold.topology.cloud import CloudSettings, landmark_cloud
from neuromanifold.topology.persistence import bar_lengths, persistence_diagrams

__all__ = ["NullKind", "Shuffler", "longest_bars", "null_longest_bars", "p_value", "threshold"]

NullKind = Literal["time-shift", "permutation"]
Shuffler = Callable[[FloatArray, IntArray, IntArray, np.random.Generator], FloatArray]


def time_shifted(
    activity: FloatArray, groups: IntArray, rows: IntArray, rng: np.random.Generator
) -> FloatArray:
    """Rows of the activity (n, d) after each unit was rolled inside each interval by its own random amount."""
    starts, lengths = _intervals(groups)
    interval = np.searchsorted(starts, rows, side="right") - 1
    start, length = starts[interval], lengths[interval]
    shifts = np.floor(rng.random((len(starts), activity.shape[1])) * lengths[:, None]).astype(np.int64)
    source = start[:, None] + (rows - start)[:, None] - shifts[interval]
    source = start[:, None] + np.mod(source - start[:, None], length[:, None])
    return activity[source, np.arange(activity.shape[1])]


def permuted(
    activity: FloatArray, groups: IntArray, rows: IntArray, rng: np.random.Generator
) -> FloatArray:
    """Rows of the activity (n, d) after each unit was permuted over all samples on its own."""
    del groups  # samples without time order are exchangeable over the whole set
    columns = [rng.permutation(column)[rows] for column in activity.T]
    return np.stack(columns, axis=1)


SHUFFLERS: dict[NullKind, Shuffler] = {"time-shift": time_shifted, "permutation": permuted}


def null_longest_bars(
    activity: FloatArray,
    groups: IntArray,
    settings: CloudSettings,
    *,
    kind: NullKind,
    max_degree: int,
    n_landmarks: int,
    n_shuffles: int,
    n_jobs: int | None,
    random_state: int,
    verbose: bool,
) -> FloatArray:
    """Longest bar of each degree 1..max_degree in each shuffle: (n_shuffles, max_degree).

    Z2 only: over another prime the bars of an unstructured cloud are the same up to rare torsion.
    """
    jobs = (
        delayed(_one_shuffle)(activity, groups, settings, kind, max_degree, n_landmarks, seed)
        for seed in spawn_seeds(random_state, n_shuffles)
    )
    results = Parallel(n_jobs=n_jobs, return_as="generator")(jobs)
    label = f"shuffles to degree {max_degree}"
    return np.array(list(tqdm(results, total=n_shuffles, desc=label, disable=not verbose, leave=False)))


def longest_bars(points: FloatArray, max_degree: int) -> FloatArray:
    """Length of the longest bar of each degree 1..max_degree (0 where there is none)."""
    diagrams = persistence_diagrams(points, max_degree)[1:]
    return np.array([bar_lengths(diagram)[0] if len(diagram) else 0.0 for diagram in diagrams])


def p_value(length: float, null: FloatArray) -> float:
    """``(1 + #{null >= length}) / (1 + n)``: never zero, valid for any number of shuffles."""
    return (1 + int(np.sum(null >= length))) / (1 + len(null))


def threshold(null: FloatArray, alpha: float) -> float:
    """The length that a bar must exceed to have ``p <= alpha``; infinite when n_shuffles is too small for alpha."""
    allowed = int(np.floor(alpha * (1 + len(null)))) - 1
    return float(np.sort(null)[::-1][allowed]) if allowed >= 0 else float("inf")


def _one_shuffle(
    activity: FloatArray,
    groups: IntArray,
    settings: CloudSettings,
    kind: NullKind,
    max_degree: int,
    n_landmarks: int,
    seed: int,
) -> FloatArray:
    rng = np.random.default_rng(seed)
    rows = draw_rows(len(activity), settings.n_samples, rng)
    shuffled = SHUFFLERS[kind](activity, groups, rows, rng)
    return longest_bars(landmark_cloud(shuffled, settings, n_landmarks, rng), max_degree)


def draw_rows(n_samples: int, n_drawn: int, rng: np.random.Generator) -> IntArray:
    """Sorted indices of ``n_drawn`` samples drawn without replacement (all of them when there are fewer)."""
    if n_samples <= n_drawn:
        return np.arange(n_samples)
    return np.sort(rng.choice(n_samples, n_drawn, replace=False))


def _intervals(groups: IntArray) -> tuple[IntArray, IntArray]:
    """Start and length of each run of equal group numbers."""
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    return starts, np.diff(np.r_[starts, len(groups)])

"""How long a bar would be if the units were independent.

Null: every unit's activity is shifted in time by its own random amount (inside each interval, circularly), which
keeps each unit's distribution and autocorrelation and destroys what they share; or, for samples without time order,
permuted. The shuffled activity goes through the identical pipeline and leaves its longest bar per degree.
``p = (1 + #{null longest >= length}) / (1 + n_shuffles)``.

Shuffles end early where no hole could become significant any more (Besag & Clifford 1991).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Literal, TypeAlias

import numpy as np

from neuromanifold._parallel import batches
from neuromanifold._random import spawn_seeds
from neuromanifold._typing import FloatArray, IntArray, RandomState
from neuromanifold.data.intervals import run_starts
from neuromanifold.progress import progress_of
from neuromanifold.topology.cloud import CloudSettings, landmark_distances
from neuromanifold.topology.linear_null import linear
from neuromanifold.topology.metrics import REACH
from neuromanifold.topology.persistence import bar_lengths, rips_diagrams

__all__ = [
    "SHUFFLERS",
    "NullKind",
    "NullSettings",
    "draw_rows",
    "intervals_of",
    "larger_null",
    "longest_bars",
    "null_longest_bars",
    "p_value",
    "permuted",
    "threshold",
    "time_shifted",
]

NullKind: TypeAlias = Literal["time-shift", "permutation", "linear"]
Shuffler: TypeAlias = Callable[[FloatArray, IntArray, IntArray, np.random.Generator], FloatArray]


@dataclass(frozen=True)
class NullSettings:
    """How units are made independent, how often, and how the work is spread (``n_jobs`` as in joblib)."""

    kind: NullKind
    n_shuffles: int
    n_jobs: int | None = None
    verbose: bool = False


def time_shifted(activity: FloatArray, groups: IntArray, rows: IntArray, rng: np.random.Generator) -> FloatArray:
    """Rows of the activity (n, d) after each unit was rolled inside each interval by its own random amount."""
    starts, lengths = intervals_of(groups)
    shifts = rng.integers(0, lengths[:, None], size=(len(starts), activity.shape[1]))
    interval = np.searchsorted(starts, rows, side="right") - 1
    start, length = starts[interval][:, None], lengths[interval][:, None]
    source = start + np.mod(rows[:, None] - start - shifts[interval], length)
    return activity[source, np.arange(activity.shape[1])]


def permuted(activity: FloatArray, groups: IntArray, rows: IntArray, rng: np.random.Generator) -> FloatArray:
    """Rows of the activity (n, d) after each unit was permuted over all samples on its own."""
    del groups  # samples without time order are exchangeable over the whole set
    columns = [rng.permutation(column)[rows] for column in activity.T]
    return np.stack(columns, axis=1)


SHUFFLERS: dict[NullKind, Shuffler] = {"time-shift": time_shifted, "permutation": permuted, "linear": linear}


def null_longest_bars(
    activity: FloatArray,
    groups: IntArray,
    cloud: CloudSettings,
    null: NullSettings,
    *,
    max_degree: int,
    n_landmarks: int,
    settled: Callable[[FloatArray], bool],
    random_state: RandomState,
) -> FloatArray:
    """Longest finite bar of each degree 0..max_degree in each shuffle: (at most n_shuffles, 1 + max_degree).

    Z2 only: over another prime the bars of an unstructured cloud are the same up to rare torsion. Ends early where
    ``settled`` says of the shuffles so far that more could not change anything. It is asked after every batch of them,
    whatever the number of workers, so that the numbers do not depend on it.
    """
    seeds = spawn_seeds(random_state, null.n_shuffles)
    stated = {"kind": null.kind, "max_degree": max_degree, "n_landmarks": n_landmarks, "seeds": seeds}
    progress = progress_of("shuffles", lambda: {**asdict(cloud), **stated}, activity, run_starts(groups))
    one = partial(_one_shuffle, activity, groups, cloud, null.kind, max_degree, n_landmarks)
    found = np.empty((0, 1 + max_degree))
    label = f"shuffles to degree {max_degree}"
    for longest in batches(one, seeds, progress, n_jobs=null.n_jobs, label=label, verbose=null.verbose):
        found = np.concatenate([found, longest])
        if settled(found):
            break
    return found


def larger_null(one: FloatArray, other: FloatArray) -> FloatArray:
    """Of two nulls (n, degrees), of one number of shuffles each, that against which every p-value is the larger one."""
    return np.maximum(np.sort(one, axis=0), np.sort(other, axis=0))


def longest_bars(distance: FloatArray, max_degree: int, reach: float = float("inf")) -> FloatArray:
    """Length of the longest finite bar of each degree 0..max_degree (0 where there is none), distances (l, l)."""
    lengths = (bar_lengths(diagram) for diagram in rips_diagrams(distance, max_degree, reach=reach))
    return np.array([found[0] if len(found) else 0.0 for found in lengths])


def p_value(length: float, null: FloatArray) -> float:
    """``(1 + #{null >= length}) / (1 + n)``: never zero, valid for any number of shuffles."""
    return (1 + int(np.sum(null >= length))) / (1 + len(null))


def threshold(null: FloatArray, alpha: float) -> float:
    """The length that a bar must exceed to have ``p <= alpha``; infinite when n_shuffles is too small for alpha."""
    # Compared as p_value computes it: floor(alpha (1 + n)) loses a shuffle to rounding, for one at alpha = 0.29.
    n_passing = int(np.sum(np.arange(1, 1 + len(null)) / (1 + len(null)) <= alpha))
    return float(np.sort(null)[::-1][n_passing - 1]) if n_passing else float("inf")


def draw_rows(n_samples: int, n_drawn: int, rng: np.random.Generator) -> IntArray:
    """Sorted indices of ``n_drawn`` samples drawn without replacement (all of them when there are fewer)."""
    if n_samples <= n_drawn:
        return np.arange(n_samples)
    return np.sort(rng.choice(n_samples, n_drawn, replace=False))


def intervals_of(groups: IntArray) -> tuple[IntArray, IntArray]:
    """Start and length of each run of equal group numbers."""
    starts = run_starts(groups)
    return starts, np.diff(np.r_[starts, len(groups)])


def _one_shuffle(
    activity: FloatArray,
    groups: IntArray,
    cloud: CloudSettings,
    kind: NullKind,
    max_degree: int,
    n_landmarks: int,
    seed: int,
) -> FloatArray:
    rng = np.random.default_rng(seed)
    rows = draw_rows(len(activity), cloud.n_samples, rng)
    shuffled = SHUFFLERS[kind](activity, groups, rows, rng)
    distance = landmark_distances(shuffled, cloud, n_landmarks, rng)
    return longest_bars(distance, max_degree, REACH[cloud.metric])

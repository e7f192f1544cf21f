"""Evidence: the bars of several landmark draws beside those of the shuffles, and how many outlast them.

A bar of degree q counts when ``p <= alpha`` against the shuffles' longest bars of that degree, one of degree 0 (a
separate piece) only where it also stands apart at the scale of the holes. A manifold shows its holes at the same
scales, and only the bars that exist there count: gaps between landmarks on a surface close before its cavity is born,
and once a loop of a Klein bottle is filled, what remains has a cavity over Z3, which the bottle has not. Each draw of
landmarks counts over Z2 and Z3: ``counts[field] = (b0, b1, ...)``, with the one endless piece in b0. What is said of
the draws together (p-values, the common counts) is a median or a mode.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
import xarray as xr

from neuromanifold._random import numpy_generator, spawn_seeds
from neuromanifold._typing import BoolArray, FloatArray, IntArray, RandomState
from neuromanifold.topology.cloud import CloudSettings, landmark_distances
from neuromanifold.topology.metrics import REACH
from neuromanifold.topology.persistence import PRIMES, Diagrams, bar_lengths, rips_diagrams
from neuromanifold.topology.significance import (
    NullKind,
    NullSettings,
    draw_rows,
    larger_null,
    null_longest_bars,
    p_value,
    threshold,
)
from neuromanifold.topology.universal_null import universal_p_values

__all__ = ["N_DRAWS", "Counts", "Evidence", "common_window", "gather", "resolved"]

N_DRAWS = 5
N_SHOWN = 6
# Betti numbers of degree 0 and up, one tuple a prime of PRIMES.
Counts: TypeAlias = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Evidence:
    """Bars of each landmark draw, and the longest of each shuffle.

    Attributes
    ----------
    draws : tuple of dict
        ``draws[i][prime][degree]``: bars (n_bars, 2).
    null_longest : array (n_shuffles, 1 + max_degree)
        Longest finite bar of each degree; fewer shuffles than were asked for where more could not change the verdict.
    alpha : float
        Level of each claimed bar.
    n_landmarks : int
    """

    draws: tuple[Diagrams, ...]
    null_longest: FloatArray
    alpha: float
    n_landmarks: int

    @property
    def max_degree(self) -> int:
        return self.null_longest.shape[1] - 1

    @cached_property
    def thresholds(self) -> FloatArray:
        """The length to exceed in each degree (1 + max_degree,)."""
        return np.array([threshold(null, self.alpha) for null in self.null_longest.T])

    @cached_property
    def seen(self) -> tuple[Diagrams, ...]:
        """The bars of each draw, from degree 1 up those at the scales where its significant holes are resolved."""
        return tuple(self._seen(draw) for draw in self.draws)

    @cached_property
    def votes(self) -> list[Counts]:
        """The counts of each draw."""
        return [tuple(self._counted(draw[prime]) for prime in PRIMES) for draw in self.seen]

    @property
    def common(self) -> Counts:
        """The counts of most draws."""
        return Counter(self.votes).most_common(1)[0][0]

    @cached_property
    def p_values(self) -> dict[int, dict[int, FloatArray]]:
        """``p_values[prime][degree]`` of the longest bars (median length over draws), longest first."""
        degrees = range(1 + self.max_degree)
        return {prime: {degree: self._median_p(prime, degree) for degree in degrees} for prime in PRIMES}

    def dataset(self, units: str) -> xr.Dataset:
        """The first draw's bars over both fields, with the shuffles' longest ones from degree 1 up."""
        degree, prime, birth, death = _table(self.draws[0])
        limits = {prime: self._limits(diagrams) for prime, diagrams in self.draws[0].items()}
        limit = np.array([limits[p][d] for p, d in zip(prime.tolist(), degree.tolist(), strict=True)])
        significant = np.isfinite(death) & (death - birth > limit)
        universal = np.concatenate(
            [
                universal_p_values(bars) if d > 0 else np.full(len(bars), np.nan)
                for by_degree in self.draws[0].values()
                for d, bars in enumerate(by_degree)
            ]
        )
        length = {"units": units}
        variables = {
            "degree": ("bar", degree),
            "prime": ("bar", prime),
            "birth": ("bar", birth, length),
            "death": ("bar", death, length),
            "significant": ("bar", significant),
            "universal_p": ("bar", universal, {"long_name": "p by the universal null, times the number of bars"}),
            "null_longest": (("shuffle", "degree_"), self.null_longest[:, 1:], length),
            "null_threshold": ("degree_", self.thresholds[1:], length),
        }
        attrs = {"alpha": self.alpha, "n_shuffles": len(self.null_longest), "n_landmarks": self.n_landmarks}
        return xr.Dataset(variables, coords={"degree_": np.arange(1, 1 + self.max_degree)}, attrs=attrs)

    def _seen(self, draw: Diagrams) -> Diagrams:
        window = resolved(self._significant(draw[PRIMES[0]]))
        if window is None:
            return draw
        return {
            prime: [pieces, *(bars[_meets(bars, window)] for bars in holes)] for prime, (pieces, *holes) in draw.items()
        }

    def _significant(self, diagrams: list[FloatArray]) -> list[FloatArray]:
        """Bars of degree 1 and up that outlast the shuffles."""
        return [d[d[:, 1] - d[:, 0] > t] for d, t in zip(diagrams[1:], self.thresholds[1:], strict=True)]

    def _counted(self, diagrams: list[FloatArray]) -> tuple[int, ...]:
        longer = [
            int(np.sum(bar_lengths(diagram) > limit))
            for diagram, limit in zip(diagrams, self._limits(diagrams), strict=True)
        ]
        return (1 + longer[0], *longer[1:])

    def _limits(self, diagrams: list[FloatArray]) -> FloatArray:
        """The length to exceed in each degree; a piece must also outlast half the life of the longest claimed hole.

        Stray points stand apart from any cloud for a while. They matter only where they keep the cloud in pieces at
        the scale at which its holes are seen.
        """
        limits = self.thresholds.copy()
        holes = np.concatenate(self._significant(diagrams))
        if len(holes):
            birth, death = holes[np.argmax(holes[:, 1] - holes[:, 0])]
            limits[0] = max(limits[0], (birth + death) / 2)
        return limits

    def _median_p(self, prime: int, degree: int) -> FloatArray:
        lengths = [bar_lengths(draw[prime][degree]) for draw in self.seen]
        # One more than any draw claims, so that "the next bar" always has a p-value.
        n_bars = max(N_SHOWN, 1 + max(int(np.sum(found > self.thresholds[degree])) for found in lengths))
        padded = np.stack([np.pad(found[:n_bars], (0, max(0, n_bars - len(found)))) for found in lengths])
        null = self.null_longest[:, degree]
        return np.array([p_value(length, null) for length in np.median(padded, axis=0)])


def gather(
    activity: FloatArray,
    groups: IntArray,
    cloud: CloudSettings,
    null: NullSettings,
    *,
    max_degree: int,
    n_landmarks: int,
    alpha: float,
    settled: Callable[[Evidence], bool],
    random_state: RandomState,
) -> Evidence:
    """Bars up to a degree of ``N_DRAWS`` landmark draws of the activity (n, d), and of its shuffles.

    Shuffles end early where the evidence is ``settled`` even if no further one outlasts any bar. Directions must
    outlast the linear null (:mod:`neuromanifold.topology.linear_null`) as well.
    """
    rng = numpy_generator(random_state)
    draws = tuple(
        _draw(activity, cloud, max_degree, n_landmarks, np.random.default_rng(seed))
        for seed in spawn_seeds(rng, N_DRAWS)
    )

    def at_most_favourable(found: FloatArray) -> Evidence:
        """The evidence if no further shuffle outlasts any bar."""
        rest = np.zeros((null.n_shuffles - len(found), 1 + max_degree))
        return Evidence(draws, np.concatenate([found, rest]), alpha, n_landmarks)

    def shuffles(kind: NullKind) -> FloatArray:
        return null_longest_bars(
            activity,
            groups,
            cloud,
            replace(null, kind=kind),
            max_degree=max_degree,
            n_landmarks=n_landmarks,
            settled=lambda found: settled(at_most_favourable(found)),
            random_state=rng,
        )

    longest = shuffles(null.kind)
    if cloud.directional and len(longest) == null.n_shuffles:
        further = shuffles("linear")
        # Fewer of these say that nothing can be found beside them.
        longest = larger_null(longest, further) if len(further) == len(longest) else further
    return Evidence(draws, longest, alpha, n_landmarks)


def resolved(by_degree: list[FloatArray]) -> tuple[float, float] | None:
    """The scales at which a manifold with these holes is resolved; None without any.

    That is their common window, unless a bar that ended before it is as long as one of those there: such a hole is no
    gap between landmarks, and the manifold is resolved where it is.
    """
    window = common_window(by_degree)
    if window is None:
        return None
    there = np.concatenate([bars[_meets(bars, window)] for bars in by_degree])
    shortest = np.ptp(there, axis=1).min()
    earlier = [bars[(bars[:, 1] <= window[0]) & (np.ptp(bars, axis=1) >= shortest)] for bars in by_degree]
    return common_window(earlier) or window


def common_window(by_degree: list[FloatArray]) -> tuple[float, float] | None:
    """The interval of scales where most bars (n, 2) of the highest degree that has any exist; None without any.

    Of several, the one where most bars of all degrees exist, and of those the longest.
    """
    bars = np.concatenate(by_degree)
    if len(bars) == 0:
        return None
    ends = np.unique(bars)
    highest = next(holes for holes in reversed(by_degree) if len(holes))
    alive = [((b[:, :1] <= ends[:-1]) & (ends[1:] <= b[:, 1:])).sum(0) for b in (highest, bars)]
    chosen = max(range(len(ends) - 1), key=lambda i: (alive[0][i], alive[1][i], ends[i + 1] - ends[i]))
    return float(ends[chosen]), float(ends[chosen + 1])


def _meets(bars: FloatArray, window: tuple[float, float]) -> BoolArray:
    """Whether bars (n, 2) exist somewhere in a window."""
    return (bars[:, 0] < window[1]) & (window[0] < bars[:, 1])


def _draw(
    activity: FloatArray, cloud: CloudSettings, max_degree: int, n_landmarks: int, rng: np.random.Generator
) -> Diagrams:
    rows = draw_rows(len(activity), cloud.n_samples, rng)
    distance = landmark_distances(activity[rows], cloud, n_landmarks, rng)
    return {prime: rips_diagrams(distance, max_degree, prime, REACH[cloud.metric]) for prime in PRIMES}


def _table(diagrams: Diagrams) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    """Degree, prime, birth and death of every bar."""
    rows = [
        (degree, prime, birth, death)
        for prime, by_degree in diagrams.items()
        for degree, diagram in enumerate(by_degree)
        for birth, death in diagram
    ]
    degree, prime, birth, death = np.array(rows).T
    return degree.astype(np.int64), prime.astype(np.int64), birth, death

"""The heading task: from turns of the head, and a landmark seen now and then, tell where the head points.

    x_t = (ω_t / σ, s_t cos θ_t, s_t sin θ_t)  ->  (cos θ_t, sin θ_t)

ω_t is the turn since the last sample and σ its standard deviation; s_t is 1 while a landmark is seen, 0 else: at
random times, and whenever the path begins (a new interval, or the first known heading after unknown ones). Turns
are those of a recording, so that a network is trained on the animal's own statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._typing import BoolArray, FloatArray, IntArray
from neuromanifold.data.intervals import run_starts

__all__ = ["HeadingTask", "Sequences"]

SHORTEST = 10  # samples of a training sequence


@dataclass(frozen=True)
class Sequences:
    """Inputs (n, t, 3) and targets (n, t, 2) to learn from."""

    inputs: Tensor
    targets: Tensor


class HeadingTask:
    """Inputs and targets of a path of headings.

    Parameters
    ----------
    heading : array (n,)
        Radians; NaN where unknown.
    groups : array (n,)
        Interval of each sample.
    seen : float
        Probability that a landmark is seen in a sample.

    Raises
    ------
    InputError
        If the heading never turns.
    NotEnoughDataError
        If it is nowhere known for ten samples on end.
    """

    def __init__(self, heading: FloatArray, groups: IntArray, seen: float) -> None:
        self.heading, self.seen = heading, seen
        self.known = np.isfinite(heading)
        self.start = np.zeros(len(heading), dtype=bool)
        self.start[run_starts(groups, np.diff(self.known, prepend=self.known[:1]))] = True
        turns = np.angle(np.exp(1j * np.diff(heading, prepend=heading[:1])))
        self.turn = np.where(self.known & ~self.start, turns, 0.0)
        self.scale = float(self.turn.std())
        if not self.scale > 0:
            raise InputError("the heading never turns (or is unknown): there is no path to integrate")

    def inputs(self, rng: np.random.Generator) -> Tensor:
        """Inputs (1, n, 3) of the whole path; all zero where the heading is unknown."""
        seen = self.known & (self.start | (rng.random(len(self.heading)) < self.seen))
        return self._inputs(self.turn, np.where(self.known, self.heading, 0.0), seen)[None]

    def sequences(self, n_sequences: int, length: int, rng: np.random.Generator) -> Sequences:
        """Stretches of the path drawn at random, each turned by a random angle; shorter where the path is."""
        run = np.cumsum(self.start) - 1
        length = min(length, int(np.bincount(run, self.known).max()))
        if length < SHORTEST:
            raise NotEnoughDataError(
                f"the heading is known for at most {length} samples on end; learning it takes {SHORTEST} or more"
            )
        last = np.arange(len(run) - length + 1)
        first = last[(run[last] == run[last + length - 1]) & self.known[last]]
        rows = rng.choice(first, n_sequences)[:, None] + np.arange(length)
        heading = self.heading[rows] + rng.uniform(0, 2 * np.pi, (n_sequences, 1))
        seen = rng.random(rows.shape) < self.seen
        seen[:, 0] = True
        return Sequences(self._inputs(self.turn[rows], heading, seen), _tensor(np.cos(heading), np.sin(heading)))

    def _inputs(self, turn: FloatArray, heading: FloatArray, seen: BoolArray) -> Tensor:
        return _tensor(turn / self.scale, np.where(seen, np.cos(heading), 0.0), np.where(seen, np.sin(heading), 0.0))


def _tensor(*columns: FloatArray) -> Tensor:
    return torch.as_tensor(np.stack(columns, axis=-1), dtype=torch.float32)

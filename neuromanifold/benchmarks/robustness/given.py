"""Given: what an entry point is given; sound in every part, until a fault spoils one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Fault", "Given", "sound"]

N_TIMES, N_UNITS, PERIOD = 80, 5, 0.05


@dataclass(frozen=True)
class Given:
    """A small recording in parts, a file, and settings beside them.

    ``activity`` (n, d), ``labels`` (n,) radians, ``groups`` (n,) intervals, ``time`` (n,) seconds and ``attrs`` of the
    activity make the recording; ``path`` is a file in ``folder``, where a fault may write; ``settings`` are passed on.
    """

    folder: Path
    activity: Any
    labels: Any
    groups: Any
    time: Any
    names: Any
    sampling_period: Any = PERIOD
    attrs: Mapping[str, Any] = field(default_factory=lambda: {"kind": "continuous", "units": "a.u."})
    path: Any = None
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """A way to spoil one part, ``touches``; ``says`` is what a refusal must mention (a regular expression).

    It meets every entry point that takes the part, or those it is ``only`` for.
    """

    name: str
    touches: str
    spoil: Callable[[Given], Given]
    says: str
    only: frozenset[str] | None = None


def sound(folder: Path) -> Given:
    """A bump of activity that goes round a ring of units, in two intervals."""
    rng = np.random.default_rng(0)
    angle = np.mod(np.cumsum(rng.normal(0.3, 0.1, N_TIMES)), 2 * np.pi)
    preferred = np.arange(N_UNITS) * 2 * np.pi / N_UNITS
    activity = np.exp(np.cos(angle[:, None] - preferred) - 1) + rng.normal(0, 0.05, (N_TIMES, N_UNITS))
    time = (np.arange(N_TIMES) + 0.5) * PERIOD
    return Given(folder, activity, angle, np.repeat([0, 1], N_TIMES // 2), time, [f"u{i}" for i in range(N_UNITS)])

"""What a computation costs: seconds, and the most memory that the process had meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

__all__ = ["Cost", "measured"]

T = TypeVar("T")

PROCESS = Path("/proc/self")
RESET_PEAK = "5"  # see proc(5), clear_refs


class Cost(Generic[T]):
    """A result, the wall-clock seconds it took, and the peak resident memory (GB); NaN off Linux."""

    def __init__(self, result: T, seconds: float, peak_gb: float) -> None:
        self.result = result
        self.seconds = seconds
        self.peak_gb = peak_gb


def measured(function: Callable[[], T]) -> Cost[T]:
    """Call a function and measure it. The peak is of the whole process: libraries and data are part of it."""
    can_measure = _reset_peak()
    start = time.perf_counter()
    result = function()
    seconds = time.perf_counter() - start
    return Cost(result, seconds, _peak_gb() if can_measure else float("nan"))


def _reset_peak() -> bool:
    try:
        (PROCESS / "clear_refs").write_text(RESET_PEAK)
    except OSError:
        return False
    return True


def _peak_gb() -> float:
    for line in (PROCESS / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e9
    return float("nan")

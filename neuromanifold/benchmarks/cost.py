"""What a computation costs: seconds, and the most memory that the process had meanwhile."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

if sys.platform == "darwin":
    import resource

__all__ = ["Cost", "measured"]

T = TypeVar("T")

PROCESS = Path("/proc/self")
RESET_PEAK = "5"  # see proc(5), clear_refs


@dataclass(frozen=True)
class Cost(Generic[T]):
    """A result, the wall-clock and CPU seconds it took, and the peak of resident memory (GB), NaN where unknown."""

    result: T
    seconds: float
    cpu_seconds: float
    peak_gb: float


def measured(function: Callable[[], T]) -> Cost[T]:
    """Call a function and measure it.

    The peak is of the whole process, libraries and data included: since the call where Linux allows it, else since the
    process began.
    """
    with contextlib.suppress(OSError):
        (PROCESS / "clear_refs").write_text(RESET_PEAK)
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    return Cost(result, time.perf_counter() - wall, time.process_time() - cpu, _peak_gb())


def _peak_gb() -> float:
    if (PROCESS / "status").exists():
        for line in (PROCESS / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e9
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e9  # bytes
    return float("nan")

"""What many analyses will cost, told before the first is started."""

from __future__ import annotations

from dataclasses import dataclass

from joblib import effective_n_jobs

__all__ = ["Cost"]

# Single fly trials of 734 x 18 took 7 to 22 s of one core, most of it shuffles of the topology. What each number of the
# activity adds is an estimate, for recordings of up to some ten million numbers.
SECONDS = 15.0
SECONDS_PER_NUMBER = 1.0e-5
GIGABYTES = 0.6
BYTES_PER_NUMBER = 100.0


@dataclass(frozen=True)
class Cost:
    """Of ``n_sessions`` (None: not known) like one of ``n_samples`` and ``n_units``, by ``n_jobs`` workers."""

    n_sessions: int | None
    n_samples: int
    n_units: int
    n_jobs: int | None

    @property
    def seconds(self) -> float:
        """Of one session."""
        return SECONDS + SECONDS_PER_NUMBER * self.n_samples * self.n_units

    @property
    def gigabytes(self) -> float:
        """Of all workers at once; it does not grow with the number of sessions."""
        one = GIGABYTES + BYTES_PER_NUMBER * self.n_samples * self.n_units / 1e9
        return one * effective_n_jobs(self.n_jobs)

    def __str__(self) -> str:
        workers = effective_n_jobs(self.n_jobs)
        many = "sessions" if self.n_sessions is None else f"{self.n_sessions} sessions"
        total = "" if self.n_sessions is None else f", {_duration(self.seconds * self.n_sessions / workers)} for all"
        return (
            f"{many} like the first ({self.n_samples} samples of {self.n_units} units): about "
            f"{_duration(self.seconds)} each{total}, and {self.gigabytes:.1f} GB on {workers} workers"
        )


def _duration(seconds: float) -> str:
    for size, name in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"

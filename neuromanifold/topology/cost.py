"""What persistent homology of many clouds will cost, told before it is computed.

A Rips filtration of n points has ``C(n, q + 2)`` simplices of dimension q + 1, the highest that degree q needs. Ripser
walks over 1 to 5 · 10⁸ of them a second on one core where holes are looked for within the metric's reach, most where
there are many components, and keeps up to a byte for each (measured on shuffles of 3 to 50 components).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

from joblib import effective_n_jobs

from neuromanifold._errors import InputError

__all__ = ["MOST_SIMPLICES", "Cost", "check_cost"]

SIMPLICES_PER_SECOND = 2e8
BYTES_PER_SIMPLEX = 1.0
# Of one cloud: some 20 s and 4 GB.
MOST_SIMPLICES = 4_000_000_000


@dataclass(frozen=True)
class Cost:
    """Of ``n_clouds`` clouds of ``n_landmarks`` points each, up to a degree, by ``n_jobs`` workers (as in joblib)."""

    n_landmarks: int
    degree: int
    n_clouds: int
    n_jobs: int | None

    @property
    def n_simplices(self) -> int:
        """Of the highest dimension, in one cloud."""
        return comb(self.n_landmarks, self.degree + 2)

    @property
    def seconds(self) -> float:
        return self.n_simplices * self.n_clouds / SIMPLICES_PER_SECOND / effective_n_jobs(self.n_jobs)

    @property
    def gigabytes(self) -> float:
        """Of all workers at once."""
        return self.n_simplices * BYTES_PER_SIMPLEX * effective_n_jobs(self.n_jobs) / 1e9

    def __str__(self) -> str:
        return (
            f"holes to degree {self.degree} of up to {self.n_clouds} clouds of {self.n_landmarks} landmarks: "
            f"{self.n_simplices / 1e6:.0f} million simplices each, about {self.seconds:.0f} s and "
            f"{self.gigabytes:.1f} GB on {effective_n_jobs(self.n_jobs)} workers"
        )


def check_cost(name: str, n_landmarks: int, degree: int) -> None:
    """Refuse clouds beyond ``MOST_SIMPLICES``, with the largest number of landmarks that is within.

    Raises
    ------
    InputError
        Naming the setting.
    """
    n_simplices = comb(n_landmarks, degree + 2)
    if n_simplices <= MOST_SIMPLICES:
        return
    most = n_landmarks
    while comb(most, degree + 2) > MOST_SIMPLICES:
        most -= 1
    raise InputError(
        f"{name}={n_landmarks} makes {n_simplices / 1e9:.1f} billion simplices of dimension {degree + 1}, and "
        f"{MOST_SIMPLICES / 1e9:.0f} billion is the most (about 20 s and 4 GB a cloud): use {name} <= {most}"
    )

r"""The hierarchical bootstrap: a mean over sessions of animals, and how far other animals would have moved it.

The profile of session s of animal i (in cell c: the animal, or the animal in one condition) is

.. math:: q_s = \mu_c + a_i + b_s + e_s,

animals, sessions of a cell, and the session's own noise, of which it brings draws. The estimate is a weighted sum
``sum_s w_s q_s``. To draw all levels as they were observed would count the noise of a session three times, in itself,
in its sessions' spread and in that of the animals. So each level is drawn with the variance that is its own: what was
observed less what the levels below it explain, over all points of the profile at once, and residuals are blown up by
``sqrt(n / (n - 1))`` (the reflated residual bootstrap of Carpenter, Goldstein & Rasbash 2003). The variance of the
estimate is then at least that of the animals' means, on which Student's law with (animals - 1) degrees of freedom
stands. A level of a single member has no spread that could be known: with one animal, the result is of that animal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neuromanifold._errors import InputError
from neuromanifold._typing import FloatArray, IntArray

__all__ = ["Contrast", "Levels", "contrast"]


@dataclass(frozen=True)
class Levels:
    """Where each session (n_sessions,) stands: its animal and its cell, numbers from 0."""

    animal: IntArray
    cell: IntArray


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of profiles.

    Attributes
    ----------
    estimate : array (n_points,)
    draws : array (n_bootstrap, n_points)
        Of the estimate.
    n_units : int
        Members of the highest level that has more than one: animals, or else sessions; 1 where there is neither.
    variances : dict of str to float
        Of one "animal", one "session" and the "noise" of one session, means over the points.
    """

    estimate: FloatArray
    draws: FloatArray
    n_units: int
    variances: dict[str, float]


def contrast(
    values: FloatArray,
    deviations: Callable[[int], FloatArray],
    weights: FloatArray,
    levels: Levels,
    n_bootstrap: int,
    rng: np.random.Generator,
) -> Contrast:
    """The sum over sessions ``weights @ values`` with draws of it.

    Parameters
    ----------
    values : array (n_sessions, n_points)
        Profiles at common points; NaN where unknown.
    deviations : callable
        Number of a session -> (n_draws, n_points), its own noise, of mean zero; none at all where n_draws is 0. Called
        twice for each session and not kept, so that memory does not grow with the sessions.
    weights : array (n_sessions,)
        Zero leaves a session out. An animal's sessions must have the same sum of absolute weights.
    levels : Levels
    n_bootstrap : int
    rng : Generator

    Raises
    ------
    InputError
        If no session has a weight.
    """
    used = np.flatnonzero(weights)
    if used.size == 0:
        raise InputError("no session has a weight: nothing can be pooled")
    q, w = values[used], weights[used]
    animals = np.unique(levels.animal[used], return_inverse=True)[1]
    cells = np.unique(levels.cell[used], return_inverse=True)[1]
    noise = np.array([_size(deviations(int(s))) for s in used])
    estimate = w @ q
    residuals, session = _sessions(q, cells, noise)
    n = int(animals.max()) + 1
    of_animal = n * np.stack([w[animals == i] @ q[animals == i] for i in range(n)]) - estimate
    below = np.array([n**2 * (w[animals == i] ** 2 @ (session + noise[animals == i])) for i in range(n)])
    animal = max(0.0, _size(of_animal) * n / (n - 1) - float(below.mean())) if n > 1 else 0.0

    draws = np.tile(estimate, (n_bootstrap, 1))
    if animal > 0:
        draws += rng.multinomial(n, np.full(n, 1 / n), n_bootstrap) @ _scaled(of_animal, animal) / n
    if session > 0:
        draws += _picked(w, len(residuals), n_bootstrap, rng) @ _scaled(residuals, session)
    for s, weight in zip(used, w, strict=True):
        own = deviations(int(s))
        if len(own):
            draws += weight * own[rng.integers(len(own), size=n_bootstrap)]
    n_units = n if n > 1 else len(used)
    return Contrast(estimate, draws, n_units, {"animal": animal, "session": session, "noise": float(noise.mean())})


def _sessions(values: FloatArray, cells: IntArray, noise: FloatArray) -> tuple[FloatArray, float]:
    """Residuals of sessions about their cell, and the variance of a session that is not its own noise."""
    means = np.stack([values[cells == c].mean(axis=0) for c in range(cells.max() + 1)])
    residuals = values - means[cells]
    freedom = len(values) - len(means)
    if freedom == 0:
        return residuals, 0.0
    return residuals, max(0.0, _size(residuals) * len(values) / freedom - float(noise.mean()))


def _size(rows: FloatArray) -> float:
    """Mean square over rows and points."""
    return float(np.nanmean(rows**2)) if rows.size else 0.0


def _scaled(rows: FloatArray, variance: float) -> FloatArray:
    """Rows whose mean square is a variance."""
    return rows * np.sqrt(variance / _size(rows))


def _picked(weights: FloatArray, n_rows: int, n_bootstrap: int, rng: np.random.Generator) -> FloatArray:
    """Sums of weights (n_bootstrap, n_rows) by the row that each session was given."""
    picks = rng.integers(n_rows, size=(n_bootstrap, len(weights)))
    sums = np.zeros((n_bootstrap, n_rows))
    np.add.at(sums, (np.arange(n_bootstrap)[:, None], picks), weights)
    return sums

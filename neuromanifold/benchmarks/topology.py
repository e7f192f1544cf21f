"""Verdicts of ``Topology`` on populations whose space is known: how often it is named, and how often another.

Two kinds of populations: tuned to a space with the units, tuning and counts from which its template should be named,
or from which it should be left undecided rather than taken for another; and units that share nothing, where any
template with a hole is a false alarm. :class:`~neuromanifold.topology.Topology` has its default settings; the activity
is the square root of the counts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from neuromanifold.benchmarks.cost import measured
from neuromanifold.benchmarks.rows import CachedRows, Key
from neuromanifold.benchmarks.tuned_populations import UNRELATED, independent, tuned
from neuromanifold.topology import Topology

__all__ = ["run"]

N_SAMPLES = 3000
CALIBRATION = 10  # populations of unrelated units for each one of tuned units
UNDECIDED, NONE = "undecided", "contractible"


class Population(NamedTuple):
    """Units tuned to a space; ``template`` is what should be named, None where nothing should."""

    space: str
    n_units: int
    concentration: float
    peak: float
    template: str | None


POPULATIONS = (
    Population("circle", 30, 2.0, 5.0, "circle"),
    Population("sphere", 100, 2.0, 10.0, "sphere"),
    Population("torus", 100, 1.5, 10.0, "torus"),
    Population("projective", 100, 3.0, 10.0, "projective"),
    Population("klein", 200, 4.0, 25.0, "klein"),
    # Too broadly tuned: nearly a sphere.
    Population("klein", 200, 1.0, 25.0, None),
    Population("3-torus", 150, 1.5, 10.0, None),
    Population("circle", 6, 2.0, 5.0, None),
)
UNITS, PEAK = 30, 6.0


def run(n_seeds: int = 2, *, n_jobs: int | None = -1, fresh: bool = False, verbose: bool = True) -> pd.DataFrame:
    """Shares of verdicts for each population.

    Parameters
    ----------
    n_seeds : int
        Populations of each space, seeds 0, 1, …; ten times as many of unrelated units. What is claimed of the package
        is of 20.
    n_jobs : int, optional
        Populations at once, as in joblib.
    fresh : bool
        Compute again what was kept.
    verbose : bool
        Print the table.

    Returns
    -------
    pandas.DataFrame
        A row per population: the share ``right`` (the template that should be named, or none where none should be),
        ``undecided``, and ``wrong`` (another template with a hole), how many, and median seconds of a verdict.
    """
    keys: list[Key] = [{**p._asdict(), "seed": seed} for p in POPULATIONS for seed in range(n_seeds)]
    keys += [
        Population(kind, UNITS, 0.0, PEAK, NONE)._asdict() | {"seed": seed}
        for kind in UNRELATED
        for seed in range(CALIBRATION * n_seeds)
    ]
    rows = CachedRows("topology", fresh=fresh).rows(keys, figures, n_jobs=n_jobs)
    table = _summary(pd.DataFrame(rows))
    if verbose:
        print(table.to_string(float_format="{:.3g}".format, na_rep=""))
    return table


def figures(key: Key) -> dict[str, float | str]:
    """Verdict on one population, and its seconds."""
    space, seed = str(key["space"]), int(key["seed"] or 0)
    n_units, peak = int(key["n_units"] or 0), float(key["peak"] or 0)
    rng = np.random.default_rng(seed)
    if space in UNRELATED:
        counts = independent(UNRELATED[space], N_SAMPLES, n_units, peak, rng)
    else:
        counts = tuned(space, N_SAMPLES, n_units, float(key["concentration"] or 0), peak, rng)
    cost = measured(lambda: Topology(random_state=seed).fit(np.sqrt(counts)))
    return {"verdict": cost.result.template_, "seconds": cost.seconds}


def _summary(rows: pd.DataFrame) -> pd.DataFrame:
    rows["undecided"] = rows["verdict"] == UNDECIDED
    # Where no template should be named, "contractible" is no claim either.
    named = rows["template"].fillna(NONE)
    rows["right"] = (rows["verdict"] == named) | (rows["template"].isna() & rows["undecided"])
    rows["wrong"] = ~(rows["right"] | rows["undecided"] | (rows["verdict"] == NONE))
    populations = rows.groupby([*Population._fields], sort=False, dropna=False)
    table = populations[["right", "undecided", "wrong"]].mean()
    table["n"] = populations.size()
    table["seconds"] = populations["seconds"].median()
    return table.reset_index()

"""Error of the mean curvature on manifolds that are known in closed form, beside an oracle's.

The error is that of Acosta et al. (2023), eq. 7, ``∫ (|H| - |H*|)² dvol / ∫ (|H|² + |H*|²) dvol``, of a
:class:`~neuromanifold.models.TopologicalVAE` with its default settings: once with the true coordinates as labels, where
profiles are compared at equal coordinates, and once without, where they are compared at matched points of the manifold
(:mod:`~neuromanifold.benchmarks.matching`). The oracle is told the coordinates in both.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from neuromanifold.benchmarks.cost import measured
from neuromanifold.benchmarks.manifolds import MANIFOLDS, Sample
from neuromanifold.benchmarks.matching import matched_error, profile_error, turns
from neuromanifold.benchmarks.oracle import oracle
from neuromanifold.benchmarks.rows import CachedRows, Key
from neuromanifold.models import TopologicalVAE

__all__ = ["run"]

TABLE = ("circle wiggles", "circle bump", "sphere", "torus")
CELLS: list[tuple[str, int, float | None]] = [
    (shape, n_units, var) for shape in TABLE for n_units in (10, 100) for var in (0.001, 0.01, 0.1)
]
# Beyond the published table, at the middle of its noise.
CELLS += [(shape, 20, 0.01) for shape in ("trefoil knot", "tuned circle", "ellipsoid", "Clifford torus")]
CELLS += [("tuned circle", 10, 0.01), ("tuned circle", 100, 0.01), ("place cells", 20, None)]
COORDINATES = ("given", "not given")
N_TIMED = 2  # seeds, the first ones
CELL = ["coordinates", "shape", "n_units", "noise_var"]


def run(
    n_seeds: int = 2,
    *,
    coordinates: Sequence[str] = COORDINATES,
    n_jobs: int | None = -1,
    fresh: bool = False,
    verbose: bool = True,
) -> pd.DataFrame:
    """Mean errors over seeds of every cell, and their ratio to the oracle's.

    Parameters
    ----------
    n_seeds : int
        Samples of each cell, seeds 0, 1, …; what is claimed of the package is of 20.
    coordinates : sequence of {"given", "not given"}
        Whether the fit is told the true coordinates.
    n_jobs : int, optional
        Fits at once, as in joblib; a fit uses the cores that are left to it.
    fresh : bool
        Compute again what was kept.
    verbose : bool
        Print the table.

    Returns
    -------
    pandas.DataFrame
        A row per cell: mean ``error`` and mean ``oracle`` (both of 0 to 1), the ``ratio`` of the means, of the first
        two seeds the median ``seconds`` of a fit and largest ``peak_gb`` of its process, on circles the share of fits
        that go round exactly ``once``, and ``n_seeds``. The last rows, shape "all of the table", have the geometric
        mean of its ratios.
    """
    keys = [
        {"coordinates": given, "shape": shape, "n_units": n_units, "noise_var": var, "seed": seed}
        for given in coordinates
        for seed in range(n_seeds)
        for shape, n_units, var in CELLS
    ]
    rows = CachedRows("curvature", fresh=fresh).rows(keys, figures, n_jobs=n_jobs)
    table = _summary(pd.DataFrame(rows))
    if verbose:
        print(table.to_string(float_format="{:.3g}".format, na_rep=""))
    return table


def figures(key: Key) -> dict[str, float]:
    """Error, oracle's error and cost of one fit."""
    seed = int(key["seed"] or 0)
    sample = MANIFOLDS[str(key["shape"])](int(key["n_units"] or 0), float(key["noise_var"] or 0), seed)
    labels = sample.angles if key["coordinates"] == "given" else None
    timed = seed < N_TIMED
    # The error is the decoder's: where it is not timed, one epoch of the encoder is enough.
    model = sample.estimator(seed) if timed else sample.estimator(seed).set_params(max_epochs=1)
    cost = measured(lambda: model.fit(sample.activity, labels))
    error = profile_error if labels is not None else matched_error
    oracles = oracle(sample.template, torch.as_tensor(sample.angles), torch.as_tensor(sample.activity))
    return {
        "error": error(model.immersion_, sample.truth),
        "oracle": profile_error(oracles, sample.truth),
        "seconds": cost.seconds if timed else float("nan"),
        "peak_gb": cost.peak_gb if timed else float("nan"),
        "once": _goes_round_once(model, sample),
    }


def _goes_round_once(model: TopologicalVAE, sample: Sample) -> float:
    return float(abs(turns(model.immersion_, sample.truth)) == 1) if sample.template.name == "circle" else float("nan")


def _summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds of each cell, in the order of the rows."""
    rows = rows.astype(dict.fromkeys(("seconds", "peak_gb", "once"), float))
    cells = rows.groupby(CELL, sort=False, dropna=False)
    table = cells[["error", "oracle"]].mean()
    table["ratio"] = table["error"] / table["oracle"]
    table["seconds"] = cells["seconds"].median()
    table["peak_gb"] = cells["peak_gb"].max()
    with warnings.catch_warnings():
        # Spheres and tori have no number of turns.
        warnings.simplefilter("ignore", RuntimeWarning)
        table["once"] = cells["once"].mean()
    table["n_seeds"] = cells.size()
    table = table.reset_index()
    return pd.concat([table, _overall(table)], ignore_index=True)


def _overall(table: pd.DataFrame) -> pd.DataFrame:
    """Geometric mean of the ratios in the published table's cells, with and without coordinates."""
    published = table[table["shape"].isin(TABLE)]
    ratios = published.groupby("coordinates", sort=False)["ratio"].agg(lambda ratio: np.exp(np.log(ratio).mean()))
    return ratios.reset_index().assign(shape="all of the table")

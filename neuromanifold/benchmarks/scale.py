"""What a fit of a long recording costs: seconds and memory by the number of samples, with and without labels.

A fit should take time in proportion to the samples: of ``t(n) ∝ n^a`` the table has the exponent a from each row to
the next, at most 1 where the parts that do not grow (the starts, the encoder) still count.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from neuromanifold.benchmarks.cost import measured
from neuromanifold.benchmarks.rows import CachedRows, Key
from neuromanifold.data import synthetic
from neuromanifold.models import TopologicalVAE

__all__ = ["run"]

N_SAMPLES = (25_000, 50_000, 100_000, 200_000)
N_UNITS = 300
NOISE_VAR = 0.01
GROWTH = ("cpu_seconds", "n_samples")


def run(
    n_samples: Sequence[int] = N_SAMPLES,
    *,
    n_units: int = N_UNITS,
    fresh: bool = False,
    verbose: bool = True,
) -> pd.DataFrame:
    """Cost of fits of the wiggly circle, default settings, one at a time.

    Parameters
    ----------
    n_samples : sequence of int
        Rising.
    n_units : int
    fresh : bool
        Measure again what was kept.
    verbose : bool
        Print the table.

    Returns
    -------
    pandas.DataFrame
        A row per number of samples, coordinates given and not: wall-clock ``seconds``, ``cpu_seconds``, the process's
        ``peak_gb`` of memory with the recording in it, and the ``exponent`` of the CPU time since the row before.
    """
    keys: list[Key] = [
        {"coordinates": coordinates, "n_units": n_units, "n_samples": n}
        for coordinates in ("given", "not given")
        for n in n_samples
    ]
    cached = CachedRows("scale", fresh=fresh)
    # A process of its own for each, so that none has the memory of another.
    table = pd.DataFrame(cached.rows(keys, figures, n_jobs=1))
    logs = table[["coordinates"]].assign(**{name: np.log(table[name].astype(float)) for name in GROWTH})
    grown = logs.groupby("coordinates", sort=False).diff()
    table["exponent"] = grown["cpu_seconds"] / grown["n_samples"]
    if verbose:
        print(table.to_string(float_format="{:.3g}".format, na_rep="", index=False))
    return table


def figures(key: Key) -> dict[str, float]:
    """Cost of one fit."""
    n_samples, n_units = int(key["n_samples"] or 0), int(key["n_units"] or 0)
    recording = synthetic.circle(
        n_times=n_samples, n_units=n_units, distortion="wiggles", noise_var=NOISE_VAR, random_state=0
    )
    activity, angle = recording["activity"].to_numpy(), recording["angle"].to_numpy()
    labels = angle if key["coordinates"] == "given" else None
    cost = measured(lambda: TopologicalVAE("circle", random_state=0).fit(activity, labels))
    return {"seconds": cost.seconds, "cpu_seconds": cost.cpu_seconds, "peak_gb": cost.peak_gb}

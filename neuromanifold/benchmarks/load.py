"""What the whole line takes at its largest: seconds and memory of each step for a long recording and for many units.

A million samples of 200 units are 1.6 GB in double precision; each step should have room for about two of them. Of more
units than samples the components that units share are kept, as ``prepare`` advises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from neuromanifold.benchmarks.cost import measured
from neuromanifold.benchmarks.rows import CachedRows, Key, Value
from neuromanifold.data import synthetic
from neuromanifold.data.prepare import prepare
from neuromanifold.models import TopologicalVAE
from neuromanifold.profile import curvature_profile
from neuromanifold.topology import Topology

__all__ = ["run"]

# Samples and units.
SIZES = ((1_000_000, 200), (2_000, 5_000))
SMOOTHING = 0.15
STEPS = ("prepare", "topology", "fit", "profile")
N_BOOTSTRAP = 20


def run(sizes: Sequence[tuple[int, int]] = SIZES, *, fresh: bool = False, verbose: bool = True) -> pd.DataFrame:
    """Cost of each step for spike counts of head-direction cells without labels, default settings, one after another.

    Parameters
    ----------
    sizes : sequence of (int, int)
        Samples and units of each recording.
    fresh : bool
        Measure again what was kept.
    verbose : bool
        Print the table.

    Returns
    -------
    pandas.DataFrame
        A row per recording and step: wall-clock ``seconds``, ``cpu_seconds`` and the process's ``peak_gb`` of memory,
        the counts and whatever earlier steps left in it.
    """
    keys: list[Key] = [{"n_samples": n, "n_units": d} for n, d in sizes]
    rows = CachedRows("load", fresh=fresh).rows(keys, figures, n_jobs=1)
    columns = ("seconds", "cpu_seconds", "peak_gb")
    table = pd.DataFrame(
        [
            {name: row[name] for name in ("n_samples", "n_units")}
            | {"step": step}
            | {column: row[f"{step}_{column}"] for column in columns}
            for row in rows
            for step in STEPS
        ]
    )
    if verbose:
        print(table.to_string(float_format="{:.3g}".format, index=False))
    return table


def figures(key: Key) -> dict[str, Value]:
    """Costs of the steps for one recording."""
    n_samples, n_units = int(key["n_samples"] or 0), int(key["n_units"] or 0)
    recording = synthetic.head_direction_cells(n_times=n_samples, n_units=n_units, random_state=0)
    found: dict[str, Value] = {}

    def step(name: str, function: Callable[[], Any]) -> Any:
        cost = measured(function)
        found.update(
            {
                f"{name}_seconds": cost.seconds,
                f"{name}_cpu_seconds": cost.cpu_seconds,
                f"{name}_peak_gb": cost.peak_gb,
            }
        )
        return cost.result

    kept = "auto" if n_units > n_samples else None
    prepared = step(
        "prepare",
        lambda: prepare(recording, smoothing=SMOOTHING, zscore=True, n_components=kept, random_state=0),
    )
    found["template"] = str(step("topology", lambda: Topology(random_state=0).fit(prepared)).template_)
    activity = prepared["activity"].to_numpy()
    model = step("fit", lambda: TopologicalVAE("circle", random_state=0).fit(activity))
    step("profile", lambda: curvature_profile(model, activity, n_bootstrap=N_BOOTSTRAP, random_state=0))
    return found

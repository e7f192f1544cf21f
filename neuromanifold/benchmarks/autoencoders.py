"""Regularised autoencoders beside the plain one: do they find the true manifold, and what do their latents distort?

Every method is fitted with each of its weights. The weight is chosen on validation samples alone, by the rule of
:func:`chosen`: of the weights whose reconstruction error there (median over seeds) is within a quarter of the least of
the method and of the plain autoencoder, the largest.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from neuromanifold.benchmarks.autoencoder_cases import REAL, SYNTHETIC, Case
from neuromanifold.benchmarks.autoencoder_figures import MEASURES, measures
from neuromanifold.benchmarks.cost import measured
from neuromanifold.benchmarks.regularizer_cost import regularizer_cost
from neuromanifold.benchmarks.rows import CachedRows, Key, Value
from neuromanifold.models import GeometricAutoencoder
from neuromanifold.models.regularizers import (
    Conformal,
    GraphCoordinates,
    Isometric,
    MinimumExtrinsicCurvature,
    MinimumIntrinsicCurvature,
    NeighborhoodReconstruction,
    Regularizer,
)

__all__ = ["METHODS", "PLAIN", "chosen", "run"]

PLAIN = "plain"
SETTINGS: dict[str, Any] = {"max_steps": 2000, "device": "cpu"}
# Name -> regularisers of a case at a weight; and the weights that are tried.
METHODS: dict[str, tuple[Callable[[Case, float], tuple[Regularizer, ...]], tuple[float, ...]]] = {
    PLAIN: (lambda case, weight: (), (0.0,)),
    "NRAE-L": (lambda case, weight: (_neighbors(case, weight, 1),), (0.3, 1.0)),
    "NRAE-Q": (lambda case, weight: (_neighbors(case, weight, 2),), (0.3, 1.0)),
    "MECAE": (lambda case, weight: (_straight(weight),), (0.003, 0.01)),
    "MICAE": (lambda case, weight: (MinimumIntrinsicCurvature(weight),), (0.003, 0.01)),
    "IRAE": (lambda case, weight: (Isometric(weight),), (0.1, 1.0)),
    "conformal": (lambda case, weight: (Conformal(weight),), (0.1, 1.0)),
    "GRAE": (lambda case, weight: (_graph(case, weight),), (1.0, 10.0)),
    "GRAE, NRAE-Q": (lambda case, weight: (_graph(case, 10.0), _neighbors(case, weight, 2)), (0.1, 1.0)),
    "GRAE, MECAE": (lambda case, weight: (_graph(case, 10.0), _straight(weight)), (0.0003, 0.001)),
    "GRAE, IRAE": (lambda case, weight: (_graph(case, 10.0), Isometric(weight)), (0.1, 1.0)),
}
# Curves are intrinsically flat, and conformal whatever they are.
COMPARED: dict[str, tuple[str, ...]] = {
    "noisy curve": (PLAIN, "NRAE-L", "NRAE-Q", "MECAE", "IRAE"),
    "sparse curve": (PLAIN, "NRAE-Q", "MECAE", "IRAE", "GRAE", "GRAE, NRAE-Q", "GRAE, MECAE", "GRAE, IRAE"),
    "sheet with a hole": (PLAIN, "IRAE", "conformal"),
    "noisy sheet": (PLAIN, "NRAE-L", "MECAE", "MICAE", "IRAE"),
    "swiss roll": (PLAIN, "IRAE", "GRAE", "GRAE, IRAE"),
    "turned digit": (PLAIN, "NRAE-L", "MECAE", "IRAE"),
    "shifted digit": (PLAIN, "NRAE-L", "MECAE", "IRAE"),
    "turntable": (PLAIN, "MECAE", "IRAE"),
    "head direction": (PLAIN, "NRAE-L", "MECAE", "IRAE"),
}
FEW = {"swiss roll", *REAL}  # what is claimed is of all seeds; these are of two
TOLERANCE = 1.25
COST = "cost, 100 units"


def _neighbors(case: Case, weight: float, order: Literal[1, 2]) -> Regularizer:
    return NeighborhoodReconstruction(weight, order=order, n_neighbors=case.n_neighbors)


def _straight(weight: float) -> Regularizer:
    # Of few samples curvature at latents alone is lowered by bending between them.
    return MinimumExtrinsicCurvature(weight, interpolation=0.0)


def _graph(case: Case, weight: float) -> Regularizer:
    return GraphCoordinates(weight, n_neighbors=case.n_neighbors)


def run(
    n_seeds: int = 5,
    *,
    data: str | os.PathLike[str] | None = None,
    n_jobs: int | None = -1,
    fresh: bool = False,
    verbose: bool = True,
) -> pd.DataFrame:
    """Medians over seeds of every method on every case, each at its chosen weight.

    Parameters
    ----------
    n_seeds : int
        Samples and networks of each cell, seeds 0, 1, …; of the roll and of real data at most two.
    data : path, optional
        Folder with ``mnist_npm10k``, ``coil20`` and ``hd_mouse28``; by default that of the environment variable
        NEUROMANIFOLD_SHARED_DATA. Their rows are left out where it is not there.
    n_jobs : int, optional
        Fits at once, as in joblib.
    fresh : bool
        Compute again what was kept.
    verbose : bool
        Print the table.

    Returns
    -------
    pandas.DataFrame
        A row per case and method: its ``weight``, the measures of
        :mod:`~neuromanifold.benchmarks.autoencoder_figures`, ``error_ratio``, ``distortion_ratio``, ``held_out_ratio``
        and ``epoch_ratio`` to the plain autoencoder's, and ``n_seeds``. Last, under case "cost, 100 units", the
        ``epoch_ratio`` of every regulariser at its defaults, timed in turn with the plain autoencoder.
    """
    folder = Path(data or os.environ.get("NEUROMANIFOLD_SHARED_DATA", ""))
    cases = [*SYNTHETIC, *(REAL if (folder / "mnist_npm10k").is_dir() else ())]
    keys: list[Key] = [key for case in cases for key in _keys(case, n_seeds)]
    kept = CachedRows("autoencoders", fresh=fresh)
    rows = kept.rows(keys, partial(figures, folder=folder), n_jobs=n_jobs)
    table = pd.concat([_summary(pd.DataFrame(rows)), _costs(kept)], ignore_index=True)
    if verbose:
        print(table.to_string(float_format="{:.3g}".format, na_rep="", index=False))
    return table


def _keys(case: str, n_seeds: int) -> list[Key]:
    tried = [(method, weight) for method in COMPARED[case] for weight in METHODS[method][1]]
    seeds = range(min(n_seeds, 2) if case in FEW else n_seeds)
    return [{"case": case, "method": m, "weight": w, "seed": seed} for seed in seeds for m, w in tried]


def figures(key: Key, folder: Path) -> dict[str, Value]:
    """Measures and cost of one fit."""
    name, method, seed = str(key["case"]), str(key["method"]), int(key["seed"] or 0)
    case = SYNTHETIC[name](seed) if name in SYNTHETIC else REAL[name](folder, seed)
    regularizers = METHODS[method][0](case, float(key["weight"] or 0))
    model = GeometricAutoencoder(case.n_components, regularizers, random_state=seed, **SETTINGS)
    cost = measured(lambda: model.fit(case.train))
    epoch = cost.cpu_seconds / len(model.history_.train)
    return {**measures(model, case), "epoch_seconds": epoch}


def chosen(rows: pd.DataFrame, plain: pd.DataFrame) -> float:
    """The largest weight of a method whose validation error is within a quarter of the least of it and the plain one's.

    Held-out reconstruction alone would choose no regularisation: a curve that winds through noise is near every sample.

    Parameters
    ----------
    rows, plain : DataFrame
        Of one method, and of the plain autoencoder on the same case; columns ``weight`` and ``validation``.
    """
    errors = rows.groupby("weight")["validation"].median().sort_index()
    least = min(errors.min(), plain["validation"].median())
    weights = errors.index.to_numpy(dtype=float)
    allowed = weights[errors.to_numpy() <= TOLERANCE * least]
    return float(allowed[-1] if len(allowed) else weights[errors.to_numpy().argmin()])


def _costs(kept: CachedRows) -> pd.DataFrame:
    """The cost of a step with every regulariser, over the plain one's."""
    key: Key = {"case": COST}
    ratios = kept.row(key, lambda: {str(name): float(ratio) for name, ratio in regularizer_cost()["ratio"].items()})
    found = [{"case": COST, "method": name, "epoch_ratio": ratio} for name, ratio in ratios.items() if name not in key]
    return pd.DataFrame(found)


def _summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Medians over seeds at the chosen weights, and their ratios to the plain autoencoder's."""
    numbers = [*MEASURES, "epoch_seconds"]
    rows = rows.astype(dict.fromkeys(numbers, float))
    found = []
    for case, of_case in rows.groupby("case", sort=False):
        plain = of_case[of_case["method"] == PLAIN]
        for method, of_method in of_case.groupby("method", sort=False):
            weight = chosen(of_method, plain)
            at_weight = of_method[of_method["weight"] == weight]
            medians = at_weight[numbers].median().to_dict()
            found.append({"case": case, "method": method, "weight": weight, **medians, "n_seeds": len(at_weight)})
    return _with_ratios(pd.DataFrame(found))


def _with_ratios(table: pd.DataFrame) -> pd.DataFrame:
    plain = table[table["method"] == PLAIN].set_index("case").loc[table["case"]]
    for name in ("error", "distortion", "held_out", "epoch"):
        column = "epoch_seconds" if name == "epoch" else name
        table[f"{name}_ratio"] = table[column].to_numpy() / plain[column].to_numpy()
    return table

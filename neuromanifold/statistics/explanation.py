"""Which variable explains curvature: |H| at the samples' places, regressed on task variables, speed and occupancy.

Circular variables enter with harmonics, linear ones with polynomials (:mod:`~neuromanifold.statistics.predictors`). Two
shares of variance are predicted for held-out blocks of time: that of a variable *alone*, and what is lost when it is
left out of the regression on all, its *unique* share. Its p-value is of what it adds: variable and |H| are both freed
of what the other variables tell, and one is rolled against the other in time, inside intervals (after Kennedy 1995; the
roll keeps the autocorrelation that a permutation would break). Occupancy is, as |H|, a function of the place, so there
|H| is turned over the template instead (:mod:`~neuromanifold.statistics.nulls`).

|H| at a sample is a function of its place on the manifold, so a variable that *is* the manifold's coordinate explains
nearly all of it whatever the shape; the question is which variables add to that, and which shares are lost to others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from neuromanifold._errors import InputError
from neuromanifold._random import numpy_generator
from neuromanifold._settings import check_names, check_whole
from neuromanifold._typing import ArrayLike, FloatArray, IntArray, RandomState
from neuromanifold.bootstrap import time_blocks
from neuromanifold.data.recording import task_variables
from neuromanifold.data.selection import speed
from neuromanifold.models import TopologicalVAE
from neuromanifold.profile import immersion_profile
from neuromanifold.statistics.along import nearest_points, sample_points
from neuromanifold.statistics.fitted_arrays import fitted_arrays
from neuromanifold.statistics.nulls import random_turns, shifted_rows
from neuromanifold.statistics.occupancy import cells_of
from neuromanifold.statistics.predictors import columns_of, polynomials_of
from neuromanifold.statistics.stamp import quantity, stamped
from neuromanifold.topology.significance import p_value

__all__ = ["explained_curvature", "explained_shares"]

# Variables known in less than this share of the samples are left out: all are compared on the same samples.
LEAST_KNOWN = 0.5
N_FOLDS = 5
# At most so many samples, evenly spaced: neighbours in time say the same.
N_SAMPLES = 5000


def explained_curvature(
    model: TopologicalVAE,
    recording: xr.Dataset,
    speed_of: str | None = None,
    y: ArrayLike | None = None,
    *,
    n_harmonics: int = 18,
    degree: int = 3,
    n_draws: int = 199,
    random_state: RandomState = None,
) -> xr.Dataset:
    """Share of the variance of |H| that each task variable, speed and occupancy explain.

    Parameters
    ----------
    model : TopologicalVAE
        Fitted to the recording's activity.
    recording : Dataset
        The activity as the model saw it, and the task variables.
    speed_of : str, optional
        Numeric task variable whose speed is a predictor of its own.
    y : array (n,) or (n, k), optional
        Labels of the fit, where it had any.
    n_harmonics, degree : int
        Of circular variables (18 are as fine as the 36 bins of a profile along one), and of the polynomials of linear
        ones.
    n_draws : int
        Draws of the null; the smallest p-value is ``1 / (1 + n_draws)``.
    random_state : int, Generator or None

    Returns
    -------
    Dataset
        Along ``predictor``: ``alone`` and ``unique`` (shares of variance in held-out blocks, below zero where a
        variable predicts worse than the mean), ``added`` (share of what the others leave, in sample) and its
        ``p_value``, ``n_columns``; the scalar ``together``, of all. Variables that are constant or too often unknown
        are named in attrs.

    Raises
    ------
    InputError
        If no predictor can be used, or a setting is out of range.
    """
    for name, number in {"n_harmonics": n_harmonics, "degree": degree, "n_draws": n_draws}.items():
        check_whole(name, number, 1)
    check_names("speed_of", speed_of)
    arrays = fitted_arrays(model, recording, y)
    rng = numpy_generator(random_state)
    points = sample_points(model, arrays.X, y)
    profile = immersion_profile(model.immersion_)
    norm = profile["mean_curvature_norm"].to_numpy()
    orders = {"circular": n_harmonics, "linear": degree, "categorical": 1}
    predictors = {
        name: columns_of(recording, name, orders[recording[name].attrs["kind"]]) for name in task_variables(recording)
    }
    if speed_of is not None:
        predictors[f"speed of {speed_of}"] = polynomials_of(speed(recording, speed_of), degree)
    cells = cells_of(model.template_, points)
    predictors["occupancy"] = polynomials_of(np.log(cells.density[cells.index]), degree)
    usable = {name: columns for name, columns in predictors.items() if _is_usable(columns)}
    turns = random_turns(model.template_, n_draws, rng).numpy()
    step = -(-len(points) // N_SAMPLES)
    # Every step-th row is enough, and keeps the queries few.
    turned = norm[np.stack([nearest_points(profile, points[::step] @ turn.T, model.template_) for turn in turns])]
    shares = explained_shares(
        norm[nearest_points(profile, points[::step], model.template_)],
        {name: columns[::step] for name, columns in usable.items()},
        arrays.groups[::step],
        turned={"occupancy": turned},
        n_draws=n_draws,
        random_state=rng,
    )
    left_out = ", ".join(name for name in predictors if name not in usable)
    settings = {"n_harmonics": n_harmonics, "degree": degree, "left_out": left_out}
    return stamped(shares, random_state, **settings)


def explained_shares(
    curvature: FloatArray,
    predictors: Mapping[str, FloatArray],
    groups: IntArray,
    *,
    turned: Mapping[str, FloatArray] | None = None,
    n_draws: int = 199,
    random_state: RandomState = None,
) -> xr.Dataset:
    """The regression of :func:`explained_curvature`, of any series (n,) on columns (n, q) by name.

    ``turned`` holds, for predictors that are functions of the place, |H| of each sample after ``n_draws`` turns of the
    template (n_draws, n).

    Raises
    ------
    InputError
        If there is no predictor, or fewer than 50 samples where all are known.
    """
    if not predictors:
        raise InputError("no task variable can explain curvature: all are constant or mostly unknown")
    known = np.isfinite(curvature) & np.isfinite(np.concatenate(list(predictors.values()), axis=1)).all(axis=1)
    rows = np.flatnonzero(known)
    if len(rows) < 50:
        raise InputError(f"{len(rows)} samples have a known value of every predictor; at least 50 are needed")
    outcome, columns, intervals = curvature[rows], {n: c[rows] for n, c in predictors.items()}, groups[rows]
    fold = time_blocks(len(rows), intervals) % N_FOLDS
    rng = numpy_generator(random_state)
    together = _predicted_share(outcome, _stacked(columns), fold)
    found = []
    for name in columns:
        others = _stacked(columns, without=name)
        added = _Added.of(columns[name], others)
        if turned is not None and name in turned:
            null = [added.share(added.residual(values)) for values in turned[name][:, rows]]
        else:
            rest = added.residual(outcome)
            null = [added.share(rest[shifted_rows(intervals, rng)]) for _ in range(n_draws)]
        share = added.share(added.residual(outcome))
        alone = _predicted_share(outcome, columns[name], fold)
        found.append((alone, together - _predicted_share(outcome, others, fold), share, p_value(share, np.array(null))))
    alone, unique, share, p = np.array(found).T
    dataset = xr.Dataset(
        {
            "alone": ("predictor", alone, quantity("share of the variance of |H| explained by it alone, held out")),
            "unique": ("predictor", unique, quantity("share lost without it, held out")),
            "added": ("predictor", share, quantity("share explained of what the others leave, in sample")),
            "p_value": ("predictor", p, quantity("p (adds nothing to the others)")),
            "n_columns": ("predictor", [c.shape[1] for c in columns.values()], quantity("columns of the regression")),
            "together": ((), together, quantity("share explained by all together, held out")),
        },
        coords={"predictor": list(columns)},
    )
    return stamped(dataset, random_state, n_draws=n_draws, n_folds=N_FOLDS, n_samples=len(rows))


def _is_usable(columns: FloatArray) -> bool:
    return columns.shape[1] > 0 and float(np.isfinite(columns).all(axis=1).mean()) >= LEAST_KNOWN


def _stacked(columns: Mapping[str, FloatArray], without: str | None = None) -> FloatArray:
    """All columns but those of one predictor, with the constant."""
    n = len(next(iter(columns.values())))
    return np.concatenate([np.ones((n, 1)), *(c for name, c in columns.items() if name != without)], axis=1)


def _predicted_share(outcome: FloatArray, columns: FloatArray, fold: IntArray) -> float:
    """``1 - Σ (y - ŷ)² / Σ (y - ȳ)²``, ŷ and ȳ from the other folds."""
    design = np.concatenate([np.ones((len(outcome), 1)), columns], axis=1)
    error = total = 0.0
    for number in np.unique(fold):
        train, test = fold != number, fold == number
        weight = np.linalg.lstsq(design[train], outcome[train], rcond=None)[0]
        error += float(np.square(outcome[test] - design[test] @ weight).sum())
        total += float(np.square(outcome[test] - outcome[train].mean()).sum())
    return 1 - error / total if total > 0 else 0.0


@dataclass(frozen=True)
class _Added:
    """What a predictor adds to others: an orthonormal basis (n, q) of its part that they do not tell."""

    basis: FloatArray
    others: FloatArray

    @classmethod
    def of(cls, columns: FloatArray, others: FloatArray) -> _Added:
        others = np.linalg.qr(others)[0]
        left, sizes, _ = np.linalg.svd(columns - others @ (others.T @ columns), full_matrices=False)
        least = 1e-9 * max(float(np.linalg.norm(columns)), 1e-300)
        return cls(left[:, sizes > least], others)

    def residual(self, outcome: FloatArray) -> FloatArray:
        """The outcome (n,) less what the others tell."""
        return outcome - self.others @ (self.others.T @ outcome)

    def share(self, residual: FloatArray) -> float:
        """Share of a residual's variance that lies along the basis."""
        size = float(np.square(residual).sum())
        return float(np.square(self.basis.T @ residual).sum()) / size if size > 0 else 0.0

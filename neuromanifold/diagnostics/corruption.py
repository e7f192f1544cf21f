"""The wrong-manifold test: what is learned from noisier or sparser samples, beside the truth.

An autoencoder with zero reconstruction error may have learned any manifold through its samples (Lee 2023, §1.1). Here
the estimator is fitted again to samples with noise added, or to a part of them, and the distance of each fit from the
truth is measured; where the truth is not known, from the fit to all samples as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import xarray as xr
from joblib import delayed
from sklearn.base import BaseEstimator, clone

from neuromanifold._arrays import matrix
from neuromanifold._errors import InputError
from neuromanifold._parallel import spread
from neuromanifold._random import numpy_generator, spawn_seeds
from neuromanifold._settings import check_jobs, check_number, check_positive, check_sequence, check_whole
from neuromanifold._typing import ArrayLike, FloatArray, RandomState
from neuromanifold.diagnostics.domain import domain, latents_of
from neuromanifold.diagnostics.error import manifold_error
from neuromanifold.statistics.stamp import quantity, stamped

__all__ = ["wrong_manifold"]

_N_TRUE = 4000


def wrong_manifold(
    estimator: BaseEstimator,
    X: ArrayLike,
    truth: ArrayLike | None = None,
    *,
    noise: Sequence[float] = (0.0, 0.05, 0.2),
    shares: Sequence[float] = (1.0, 0.5, 0.25),
    n_repeats: int = 3,
    n_jobs: int | None = None,
    random_state: RandomState = None,
) -> xr.Dataset:
    """Distance from the truth of fits to noisier and sparser samples.

    Parameters
    ----------
    estimator : GeometricAutoencoder or TopologicalVAE
        Cloned for every fit, with a ``random_state`` of its own.
    X : array (n, d)
    truth : array (N, d), optional
        Points of the true manifold; by default those of the estimator's own fit to X.
    noise : sequence of float
        Standard deviations of the noise that is added, in those of X (root mean square over units).
    shares : sequence of float
        Shares of the samples that are kept, of 0 to 1.
    n_repeats : int
        Fits of each, with other noise, samples and seeds.
    n_jobs : int, optional
        Fits at once, as in joblib; the numbers do not depend on it.
    random_state : int, Generator or None

    Returns
    -------
    Dataset
        ``error``, ``to_truth`` and ``from_truth`` (noise, share, repeat), as in
        :func:`neuromanifold.diagnostics.manifold_error`.

    Raises
    ------
    InputError
        If a noise is negative, a share is not in (0, 1], or no fit is asked for.
    """
    samples = matrix(X, "X")
    _check(noise, shares)
    check_whole("n_repeats", n_repeats, 1)
    check_jobs(n_jobs)
    seeds = spawn_seeds(random_state, 1 + len(noise) * len(shares) * n_repeats)
    true = _image(estimator, samples, seeds[0]) if truth is None else matrix(truth, "truth")
    cells = [(level, share) for level, share, _ in product(noise, shares, range(n_repeats))]
    jobs = (
        delayed(_errors)(estimator, samples, true, *cell, seed) for cell, seed in zip(cells, seeds[1:], strict=True)
    )
    found = list(spread(jobs, n_jobs))
    return _labelled(found, noise, shares, n_repeats, truth is not None, random_state)


def _check(noise: Sequence[float], shares: Sequence[float]) -> None:
    for name, values in {"noise": noise, "shares": shares}.items():
        check_sequence(name, values, "numbers, such as (0.0, 0.1)")
        if not len(values):
            raise InputError(f"{name} must be a sequence of one number or more; got {values!r}")
    for level in noise:
        check_number("each of noise", level, 0)
    for share in shares:
        check_positive("each of shares", share)
        check_number("each of shares", share, 0, 1)


def _fitted(estimator: BaseEstimator, X: FloatArray, seed: int) -> Any:
    return clone(estimator).set_params(random_state=seed % 2**32).fit(X)


def _image(estimator: BaseEstimator, X: FloatArray, seed: int) -> FloatArray:
    """Points of the manifold that the estimator learns from X as it is."""
    model = _fitted(estimator, X, seed)
    f = model.immersion_
    where = domain(f.template, latents_of(f, model.transform(X)), _N_TRUE)
    return np.asarray(f.on_points(where.grid.points).detach())[where.covered]


def _errors(
    estimator: BaseEstimator, X: FloatArray, true: FloatArray, noise: float, share: float, seed: int
) -> xr.Dataset:
    generator = numpy_generator(seed)
    rows = np.sort(generator.permutation(len(X))[: max(2, round(share * len(X)))])
    scale = noise * np.sqrt(X.var(axis=0).mean())
    corrupted = X[rows] + scale * generator.standard_normal((len(rows), X.shape[1]))
    model = _fitted(estimator, corrupted, seed)
    return manifold_error(model.immersion_, model.transform(corrupted), true)


def _labelled(
    found: list[xr.Dataset],
    noise: Sequence[float],
    shares: Sequence[float],
    n_repeats: int,
    known: bool,
    random_state: RandomState,
) -> xr.Dataset:
    size = (len(noise), len(shares), n_repeats)
    values = {
        str(name): (
            ("noise", "share", "repeat"),
            np.array([float(one[name]) for one in found]).reshape(size),
            found[0][name].attrs,
        )
        for name in found[0]
    }
    coords = {
        "noise": ("noise", list(noise), quantity("noise added", "standard deviation of the samples")),
        "share": ("share", list(shares), quantity("share of the samples")),
    }
    reference = "the truth" if known else "the fit to all samples as they are"
    return stamped(xr.Dataset(values, coords=coords), random_state, reference=reference)

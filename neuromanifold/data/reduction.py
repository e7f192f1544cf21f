"""Principal components, and how many of them a population has.

``X - mean = P L`` with components ``P`` (n, p) and orthonormal loadings ``L`` (p, d). The number is chosen
by parallel analysis (Horn 1965) of the correlations inside intervals: leading eigenvalues are counted while
each exceeds the 95th percentile of the eigenvalue of the same rank after every unit is rotated in time by
its own random shift, which keeps each unit's statistics and autocorrelation and destroys what units share.
Correlations, not covariances: one loud unit would otherwise set the threshold for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neuromanifold._blocks import ENOUGH, blocks, column_deviation, gram, stretches
from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._random import numpy_generator
from neuromanifold._typing import FloatArray, RandomState
from neuromanifold.data.blocks import read, read_blocks
from neuromanifold.data.intervals import interval_slices

__all__ = ["Components", "choose_n_components", "mean_and_spread", "principal_components", "shift_units"]


class Components(NamedTuple):
    """Scores (n, p), streamed where the data are, loadings (p, d) with orthonormal rows, mean (d,), fraction of
    variance (p,).
    """

    scores: Any
    loadings: FloatArray
    mean: FloatArray
    variance_ratio: FloatArray


def mean_and_spread(X: Any) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation (d,) of each unit of activity (n, d), in memory or streamed.

    Blocks are read once, and their means and sums of squares put together without cancellation (Chan, Golub & LeVeque
    1983).
    """
    mean, power, n = np.zeros(X.shape[1]), np.zeros(X.shape[1]), 0
    for _, values in read_blocks(X):
        centre = values.mean(axis=0, dtype=np.float64)
        n_before, n = n, n + len(values)
        step = centre - mean
        mean = mean + step * (len(values) / n)
        power += np.square(values - centre).sum(axis=0) + step**2 * (n_before * len(values) / n)
    return mean, np.sqrt(power / n)


def principal_components(X: Any, n_components: int) -> Components:
    """The first ``n_components`` principal components of data (n, d), in memory or streamed; each
    loading's largest entry is positive.

    Raises
    ------
    InputError
        If ``n_components`` is not between 1 and min(n, d).
    """
    if not 1 <= n_components <= min(X.shape):
        raise InputError(f"n_components is {n_components}; of {X.shape} data it must be 1 to {min(X.shape)}")
    mean, _ = mean_and_spread(X)
    if len(X) < X.shape[1]:
        # The covariance of so many units, images of pixels say, would be larger than the data.
        _, singular, loadings = np.linalg.svd(read(X) - mean, full_matrices=False)
        power = singular**2
    else:
        power, vectors = np.linalg.eigh(_scatter(X, mean))
        power, loadings = np.maximum(power[::-1], 0.0), vectors.T[::-1]
    if not power.sum() > 0:
        raise NotEnoughDataError(f"the {len(X)} samples are all the same: there are no components; select fewer away")
    loadings = loadings[:n_components]
    largest = np.abs(loadings).argmax(axis=1)
    loadings = loadings * np.sign(loadings[np.arange(n_components), largest])[:, None]
    return Components((X - mean) @ loadings.T, loadings, mean, power[:n_components] / power.sum())


def _scatter(X: Any, mean: FloatArray) -> FloatArray:
    """``Σ (x - mean)(x - mean)^T`` (d, d)."""
    total = np.zeros((X.shape[1], X.shape[1]))
    for _, values in read_blocks(X):
        centred = values - mean
        total += centred.T @ centred
    return total


def choose_n_components(
    X: Any,
    groups: npt.NDArray[Any] | None = None,
    n_shuffles: int = 20,
    random_state: RandomState = None,
) -> int:
    """How many principal components are shared by units: parallel analysis with time-shifted units, at
    least 1. Of more than 50,000 samples, in so many of them, in stretches spread over all.

    Parameters
    ----------
    X : array (n, d)
        In memory or streamed.
    groups : array (n,), optional
        Interval of each row; units are shifted inside intervals.
    n_shuffles : int
    random_state : int, RandomState, Generator or None

    Raises
    ------
    NotEnoughDataError
        If there are fewer than two samples or units.
    """
    if min(X.shape) < 2:
        raise NotEnoughDataError(f"components of {X.shape} data: at least 2 samples and 2 units are needed")
    if n_shuffles < 1:
        raise InputError(f"n_shuffles is {n_shuffles}; at least 1 is needed")
    generator = numpy_generator(random_state)
    groups = np.zeros(len(X), dtype=np.int64) if groups is None else np.asarray(groups)
    rows: Any = slice(None)
    if len(X) > ENOUGH:
        rows, stretch = stretches(len(X))
        groups = np.unique(groups[rows], return_inverse=True)[1] * len(rows) + stretch
    X = read(X, rows)
    units = _within_intervals(X, groups)
    null = np.stack([_null_spectrum(units, groups, generator) for _ in range(n_shuffles)])
    shared = _spectrum(_gram(units), len(units)) > np.quantile(null, 0.95, axis=0)
    return max(1, len(shared) if shared.all() else int(np.argmin(shared)))


def shift_units(X: npt.NDArray[Any], groups: npt.NDArray[Any], generator: np.random.Generator) -> npt.NDArray[Any]:
    """Every unit rotated in time by its own uniformly random shift, inside each interval."""
    return np.concatenate(list(_shifted_blocks(X, groups, generator)))


def _shifted_blocks(
    X: npt.NDArray[Any], groups: npt.NDArray[Any], generator: np.random.Generator
) -> Iterator[npt.NDArray[Any]]:
    """The rows of :func:`shift_units`, in blocks."""
    columns = np.arange(X.shape[1])
    for rows in interval_slices(groups):
        interval, length = X[rows], rows.stop - rows.start
        shifts = generator.integers(0, length, size=X.shape[1])
        for block in blocks(length):
            yield interval[(np.arange(block.start, block.stop)[:, None] - shifts) % length, columns]


def _within_intervals(X: npt.NDArray[Any], groups: npt.NDArray[Any]) -> FloatArray:
    """Units with mean 0 in every interval, where shifts act, and variance 1."""
    centred = X.astype(np.float64)
    for rows in interval_slices(groups):
        centred[rows] -= centred[rows].mean(axis=0)
    deviation = column_deviation(centred, centred.mean(axis=0))
    centred /= np.where(deviation > 0, deviation, 1.0)
    return centred


def _null_spectrum(X: FloatArray, groups: npt.NDArray[Any], generator: np.random.Generator) -> FloatArray:
    if X.shape[1] > X.shape[0]:
        return _spectrum(_gram(shift_units(X, groups, generator)), len(X))
    return _spectrum(gram(_shifted_blocks(X, groups, generator)), len(X))


def _gram(X: FloatArray) -> FloatArray:
    """The smaller of both."""
    return np.asarray(X.T @ X if X.shape[1] <= X.shape[0] else X @ X.T)


def _spectrum(products: FloatArray, n_samples: int) -> FloatArray:
    """Eigenvalues of the covariance of centred data from its Gram matrix, largest first, min(n, d) of them."""
    return np.asarray(np.linalg.eigvalsh(products / n_samples)[::-1], dtype=np.float64)

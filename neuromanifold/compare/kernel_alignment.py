r"""Centred kernel alignment (CKA) of two representations, linear and debiased.

    CKA = HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)),    K = X Xᵀ, L = Y Yᵀ,

HSIC the unbiased estimator of Song et al. (2012), a mean over quadruples of *different* samples, so that

    HSIC = (1/n₂) Σ k_ij l_ij - (2/n₃) Σ k_ij l_iq + (1/n₄) Σ k_ij l_qr,    i, j, q, r distinct, n₂ = n (n-1) …

1 for representations that are rotations of each other up to a scale; 0 on average for independent ones, whatever the
numbers of units and samples (the plain estimator tends to 1 where units outnumber samples), hence sometimes negative.
Without bias for independent samples; where neighbours in time are alike, a part of it comes back: see ``chance``.
Nothing n × n is kept: with linear kernels every sum is one of moments.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from neuromanifold._typing import ArrayLike, FloatArray, IntArray, RandomState
from neuromanifold.compare.representation import Pair, centred, paired
from neuromanifold.compare.resampling import NullKind, Resampling, compared, time_blocks
from neuromanifold.data.intervals import run_starts

__all__ = ["Alignment", "cka"]


def cka(
    A: Any,
    B: Any,
    groups: ArrayLike | None = None,
    *,
    n_bootstrap: int = 200,
    block_length: int | None = None,
    n_shuffles: int = 100,
    null: NullKind = "time-shift",
    level: float = 0.95,
    random_state: RandomState = None,
) -> xr.Dataset:
    """Debiased linear CKA of two representations of the same samples, with its error and a p-value.

    Parameters
    ----------
    A, B : arrays (n, d) and (n, d'), torch tensors, or recordings
        Rows are samples; numbers of units may differ, and may exceed n. Axes of a tensor behind the first are units.
    groups : array (n,), optional
        Interval (trial, session) of each sample, which no block or shift crosses; a recording brings its own.
    n_bootstrap : int
        Bootstrap replicates over blocks of consecutive samples (0: no error).
    block_length : int, optional
        Samples of a block: longer than the activity remembers. None: a 50th of all samples. 1: independent samples.
    n_shuffles, null : int, {"time-shift", "permutation"}
        Shuffles for the p-value (0: none); "permutation" only for samples without time order.
    level : float
        Coverage of the interval.
    random_state : int, Generator or None

    Returns
    -------
    Dataset
        Scalars ``value``, ``standard_error``, ``lower``, ``upper``, ``p_value`` and ``chance`` (the shuffles' mean);
        settings in attrs.

    Raises
    ------
    InputError
        For representations of different samples, constant, not finite or too short, and settings out of range.

    References
    ----------
    Kornblith et al. (2019); Nguyen, Raghu & Kornblith (2020), the unbiased form; Song et al. (2012) JMLR 13:1393.
    """
    resampling = Resampling(n_bootstrap, block_length, n_shuffles, null, level, random_state)
    pair = paired(A, B, groups)
    blocks = time_blocks(pair.groups, block_length)
    attrs: dict[str, str | int | float] = {
        "measure": "debiased linear CKA",
        "convention": "1: alike up to rotation and scale; 0: independent (unbiased HSIC, may be negative)",
    }
    return compared(Alignment(pair, blocks), pair.groups, resampling, blocks, alike="large", units="1", attrs=attrs)


class Alignment:
    """Debiased CKA of one pair, prepared for weights that are constant inside each block."""

    def __init__(self, pair: Pair, blocks: IntArray) -> None:
        self.X, self.Y = centred(pair.X), centred(pair.Y)
        self.starts, self.ones = run_starts(blocks), np.ones(len(blocks))
        self.sums = [block_sums(P, Q, self.starts) for P, Q in _combined(self.X, self.Y)]
        self.rows = row_sums(self.X, self.ones), row_sums(self.Y, self.ones)
        both, x, y = self._hsics(self.ones)
        self.size = np.sqrt(x * y)
        self.value = float(both / self.size)

    def weighted(self, weights: FloatArray) -> float:
        """The measure with a weight (n,) for each sample, constant inside each block; NaN where it has no sense."""
        both, x, y = self._hsics(weights)
        return float(both / np.sqrt(x * y)) if x * y > 0 else float("nan")

    def shuffled(self, order: IntArray) -> float:
        """The measure after the second representation's samples were put in another order (n,)."""
        whole = np.zeros(1, np.int64)
        sums = block_sums(self.X, self.Y[order], whole)
        return float(hsic(sums, self.rows[0], self.rows[1][order], self.ones, whole) / self.size)

    def _hsics(self, weights: FloatArray) -> tuple[float, float, float]:
        """HSIC of both, of the first with itself, and of the second with itself."""
        rows = _combined(row_sums(self.X, weights), row_sums(self.Y, weights))
        both, x, y = (hsic(sums, *pair, weights, self.starts) for sums, pair in zip(self.sums, rows, strict=True))
        return both, x, y


def _combined(x: FloatArray, y: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
    return [(x, y), (x, x), (y, y)]


def hsic(sums: FloatArray, k: FloatArray, l: FloatArray, weights: FloatArray, starts: IntArray) -> float:  # noqa: E741
    """Unbiased HSIC with weights (n,) from :func:`block_sums` and the :func:`row_sums` k, l of both kernels.

    Each mean over tuples of distinct samples is a weighted one; a sum over distinct indices is the sum over all less
    those where two coincide; the kernels' diagonals count as zero.
    """
    w, v = weights, weights[starts]
    pairs = v @ sums @ v
    triples = (w * k * l).sum() - v @ sums @ v**2
    quadruples = (w @ k) * (w @ l) - 4 * (w**2 * k * l).sum() + 2 * v**2 @ sums @ v**2
    n2, n3, n4 = _distinct(w)
    return float(pairs / n2 - 2 * triples / n3 + quadruples / n4) if n4 > 0 else float("nan")


def block_sums(X: FloatArray, Y: FloatArray, starts: IntArray) -> FloatArray:
    """``Σ_{i∈a, j∈b, i≠j} (x_i·x_j) (y_i·y_j)`` (B, B) for the blocks a, b that begin at ``starts`` (B,)."""
    n, stops = len(X), np.append(starts[1:], len(X))
    slices = [slice(a, b) for a, b in zip(starts, stops, strict=True)]
    n_moments = X.shape[1] * Y.shape[1]
    if (n + len(starts) ** 2) * n_moments < n**2 * (X.shape[1] + Y.shape[1]):
        # (x_i·x_j)(y_i·y_j) is the scalar product of the matrices x_i y_iᵀ and x_j y_jᵀ.
        moments = np.stack([(X[s].T @ Y[s]).ravel() for s in slices])
        sums = moments @ moments.T
    else:
        products = np.stack([((X[s] @ X.T) * (Y[s] @ Y.T)).sum(axis=0) for s in slices])
        sums = np.add.reduceat(products, starts, axis=1)
    own = (X**2).sum(axis=1) * (Y**2).sum(axis=1)
    return sums - np.diag(np.add.reduceat(own, starts))


def row_sums(X: FloatArray, weights: FloatArray) -> FloatArray:
    """``Σ_{j≠i} w_j x_i·x_j`` (n,)."""
    return X @ (weights @ X) - weights * (X**2).sum(axis=1)


def _distinct(weights: FloatArray) -> tuple[float, float, float]:
    """Sums of ``w_i w_j``, ``w_i w_j w_q`` and ``w_i w_j w_q w_r`` over distinct indices, by Newton's identities."""
    p1, p2, p3, p4 = (float((weights**power).sum()) for power in (1, 2, 3, 4))
    return (
        p1**2 - p2,
        p1**3 - 3 * p1 * p2 + 2 * p3,
        p1**4 - 6 * p1**2 * p2 + 3 * p2**2 + 8 * p1 * p3 - 6 * p4,
    )

r"""Shape distance of two representations: what is left when one is centred, scaled and rotated onto the other.

    X, Y centred, ‖X‖ = ‖Y‖ = 1 (Frobenius);   cos ρ = max_Q tr(Xᵀ Y Q) = ‖Xᵀ Y‖_*  (nuclear norm), Q orthogonal

The angular distance ρ (radians, 0 to π/2) and the Euclidean ``min_Q ‖X - Y Q‖ = 2 sin(ρ/2)`` are metrics: zero only
for rotations, symmetric, with the triangle inequality. A representation of fewer units is padded with silent ones.
Rotations also fit noise, so that distances come out too small, the more so the fewer samples there are for the
number of units: judge them by ``chance``, and compare them at one number of samples.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import xarray as xr

from neuromanifold._settings import check_choice
from neuromanifold._typing import ArrayLike, FloatArray, IntArray, RandomState
from neuromanifold.compare.representation import Pair, centred, paired
from neuromanifold.compare.resampling import NullKind, Resampling, compared, time_blocks

__all__ = ["Shape", "procrustes"]

Metric: TypeAlias = Literal["angular", "euclidean"]


def procrustes(
    A: Any,
    B: Any,
    groups: ArrayLike | None = None,
    *,
    metric: Metric = "angular",
    n_bootstrap: int = 200,
    block_length: int | None = None,
    n_shuffles: int = 100,
    null: NullKind = "time-shift",
    level: float = 0.95,
    random_state: RandomState = None,
) -> xr.Dataset:
    """Procrustes shape distance of two representations of the same samples, with its error and a p-value.

    Parameters
    ----------
    A, B, groups, n_bootstrap, block_length, n_shuffles, null, level, random_state
        As in :func:`~neuromanifold.compare.cka`.
    metric : {"angular", "euclidean"}
        ρ in radians, or ``2 sin(ρ/2)``, the distance on the unit sphere; scipy's disparity is ``sin² ρ``.

    Returns
    -------
    Dataset
        As that of :func:`~neuromanifold.compare.cka`; small p-values say that distances are smaller than by chance.

    Raises
    ------
    InputError
        As :func:`~neuromanifold.compare.cka`, and for an unknown metric.

    References
    ----------
    Williams, Kunz, Kornblith & Linderman (2021), Generalized shape metrics on neural representations.
    """
    check_choice("metric", metric, ("angular", "euclidean"))
    resampling = Resampling(n_bootstrap, block_length, n_shuffles, null, level, random_state)
    pair = paired(A, B, groups)
    blocks = time_blocks(pair.groups, block_length)
    attrs: dict[str, str | int | float] = {
        "measure": f"{metric} shape distance",
        "convention": "0: alike up to rotation and scale; both representations centred, of unit norm",
    }
    units = "radian" if metric == "angular" else "1"
    return compared(Shape(pair, metric), pair.groups, resampling, blocks, alike="small", units=units, attrs=attrs)


class Shape:
    """Shape distance of one pair."""

    def __init__(self, pair: Pair, metric: Metric) -> None:
        self.X, self.Y, self.metric = centred(pair.X), centred(pair.Y), metric
        self.value = self._distance(residual(self.X, self.Y))

    def weighted(self, weights: FloatArray) -> float:
        """The measure with a weight (n,) for each sample."""
        share = weights / weights.sum()
        x, y = share @ self.X, share @ self.Y
        cross = self.X.T @ (share[:, None] * self.Y) - np.outer(x, y)
        sizes = share @ (self.X**2).sum(axis=1) - x @ x, share @ (self.Y**2).sum(axis=1) - y @ y
        return self._from_cosine(cross / np.sqrt(sizes[0] * sizes[1])) if min(sizes) > 0 else float("nan")

    def shuffled(self, order: IntArray) -> float:
        """The measure after the second representation's samples were put in another order (n,)."""
        return self._from_cosine(self.X.T @ self.Y[order])

    def _from_cosine(self, cross: FloatArray) -> float:
        cosine = float(np.linalg.svd(cross, compute_uv=False).sum())
        return self._distance(np.sqrt(max(0.0, 2 - 2 * cosine)))

    def _distance(self, euclidean: float) -> float:
        return euclidean if self.metric == "euclidean" else float(2 * np.arcsin(min(1.0, euclidean / 2)))


def residual(X: FloatArray, Y: FloatArray) -> float:
    """``min_Q ‖X - Y Q‖`` of centred representations, from the aligned difference.

    The nuclear norm would give it too, but lose half of the digits where the distance is small.
    """
    d = max(X.shape[1], Y.shape[1])
    X, Y = (np.pad(Z, ((0, 0), (0, d - Z.shape[1]))) for Z in (X, Y))
    left, _, right = np.linalg.svd(Y.T @ X)
    return float(np.linalg.norm(X - Y @ (left @ right)))

"""Support vector machines that magnify their boundary: the kernel learning of Amari & Wu (1999).

A machine with kernel k finds support vectors; around them, and so around the boundary, the kernel is made larger,

    k̃(x, y) = h(x) h(y) k(x, y),    h(x) = Σ_{v∈SV} exp(-|x-v|²/2τ²)

and a machine with k̃ is fitted, again and again: after several rounds h is the product of theirs. With ``κ(x) = k(x,x)``
the metric becomes

    g̃ = h² g + κ ∂h ∂hᵀ + ½ h (∂h ∂κᵀ + ∂κ ∂hᵀ)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.svm import SVC
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from neuromanifold._arrays import validated, validated_with_targets, varying
from neuromanifold._errors import InputError
from neuromanifold._settings import check_positive, check_whole
from neuromanifold._typing import ArrayLike, FloatArray
from neuromanifold.featuremaps.kernel import Kernel
from neuromanifold.featuremaps.kernel_learning.learned import LearnedGeometry, base_kernel
from neuromanifold.featuremaps.kernels import AnyKernel

__all__ = ["AmariWuClassifier", "Conformal"]


class Conformal(Kernel):
    """``h(x) h(y) k(x, y)``, with h the product over rounds of sums of Gaussian bumps.

    Parameters
    ----------
    base : Kernel
        k.
    centers : list of Tensor (n_support, D)
        The support vectors of each round.
    bandwidth : float
        τ.
    """

    def __init__(self, base: Kernel, centers: list[Tensor], bandwidth: float) -> None:
        self.base, self.centers, self.bandwidth = base, centers, bandwidth

    def _log_bumps(self, x: Tensor) -> list[Tensor]:
        """``-|x-v|²/2τ²`` for each round: ``(n, n_support)``."""
        return [-((x[:, None] - v) ** 2).sum(-1) / (2 * self.bandwidth**2) for v in self.centers]

    def log_factor(self, x: Tensor) -> Tensor:
        """``log h``: ``(n,)``; as a logarithm it survives far from all support vectors."""
        logs = [torch.logsumexp(bumps, -1) for bumps in self._log_bumps(x)]
        return torch.stack(logs).sum(0) if logs else torch.zeros_like(x[:, 0])

    def log_factor_slope(self, x: Tensor) -> Tensor:
        """``∂ log h``: ``(n, D)``."""
        pulls = [torch.softmax(bumps, -1) @ v - x for bumps, v in zip(self._log_bumps(x), self.centers, strict=True)]
        return torch.stack(pulls).sum(0) / self.bandwidth**2 if pulls else torch.zeros_like(x)

    def gram(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.exp(self.log_factor(x)[:, None] + self.log_factor(y)) * self.base.gram(x, y)

    def diagonal(self, x: Tensor) -> Tensor:
        return torch.exp(2 * self.log_factor(x)) * self.base.diagonal(x)

    def field(self, x: Tensor) -> Tensor:
        slope, across = self.log_factor_slope(x), self.base.diagonal_slope(x)
        size = self.base.diagonal(x)[:, None, None]
        mixed = slope[:, :, None] * across[:, None, :]
        inner = self.base.field(x) + size * slope[:, :, None] * slope[:, None, :] + 0.5 * (mixed + mixed.mT)
        return torch.exp(2 * self.log_factor(x))[:, None, None] * inner


class AmariWuClassifier(LearnedGeometry, ClassifierMixin, BaseEstimator):
    """A support vector classifier whose kernel is magnified around its support vectors.

    Parameters
    ----------
    kernel : Kernel or callable, optional
        The base kernel; None is RBF with ``ℓ² = D Var(X)/2``.
    bandwidth : float, optional
        τ, a length; None is ``√(Var(X)/2)``, Amari & Wu's ``ℓ/√D`` for that RBF kernel.
    n_iterations : int
        Rounds of magnification; 0 is an ordinary support vector machine.
    C : float
        Inverse strength of the regularisation, as in :class:`sklearn.svm.SVC`.

    Attributes
    ----------
    base_kernel_, kernel_ : Kernel
        Before and after.
    svc_ : SVC
        The machine of the last round.
    support_vectors_ : ndarray (n_support, D)
        Its support vectors.
    bandwidth_ : float
    classes_ : ndarray
    n_features_in_ : int
    """

    def __init__(
        self,
        kernel: AnyKernel | None = None,
        *,
        bandwidth: float | None = None,
        n_iterations: int = 1,
        C: float = 1.0,
    ) -> None:
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.n_iterations = n_iterations
        self.C = C

    def fit(self, X: ArrayLike, y: ArrayLike) -> AmariWuClassifier:
        """Fit the machines, one a round.

        Raises
        ------
        InputError
            If a setting is out of its range, the points are all the same, or labels are not of two classes or more.
        """
        check_whole("n_iterations", self.n_iterations, 0)
        check_positive("C", self.C)
        if self.bandwidth is not None:
            check_positive("bandwidth", self.bandwidth, "length")
        data, labels = validated_with_targets(self, X, y)
        _check_classes(labels)
        varying(data, "X")
        self.bandwidth_ = self._bandwidth(data)
        self.base_kernel_ = base_kernel(self.kernel, data)
        points, centers = torch.tensor(data), []
        self.kernel_ = Conformal(self.base_kernel_, [], self.bandwidth_)
        self._fit_machine(points, labels)
        for _ in range(int(self.n_iterations)):
            centers.append(points[torch.tensor(self.svc_.support_, dtype=torch.int64)])
            self.kernel_ = Conformal(self.base_kernel_, list(centers), self.bandwidth_)
            self._fit_machine(points, labels)
        self.classes_ = self.svc_.classes_
        self._points = points
        self.support_vectors_ = data[self.svc_.support_]
        return self

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Signed, 0 at the boundary: ``(n,)`` for two classes (positive: the second), else ``(n, n_classes)``."""
        gram = self._against_training(X)
        return self.svc_.decision_function(gram)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Class of each point: ``(n,)``."""
        gram = self._against_training(X)
        return self.svc_.predict(gram)

    def _fit_machine(self, points: Tensor, y: np.ndarray) -> None:
        self.svc_ = SVC(kernel="precomputed", C=self.C).fit(self.kernel_.gram(points, points).numpy(), y)

    def _against_training(self, X: ArrayLike) -> FloatArray:
        check_is_fitted(self)
        X = validated(self, X, reset=False)
        return self.kernel_.gram(torch.tensor(X), self._points).numpy()

    def _bandwidth(self, X: FloatArray) -> float:
        if self.bandwidth is None:
            return math.sqrt(X.var() / 2)
        return float(self.bandwidth)


def _check_classes(labels: npt.NDArray[Any]) -> None:
    try:
        check_classification_targets(labels)
    except ValueError as error:
        raise InputError(f"y must be labels of classes: {error}") from error
    n_classes = len(np.unique(labels))
    if n_classes < 2:
        raise InputError(
            f"labels y must be of two classes or more; the number of classes is 1 (n_samples={len(labels)})"
        )

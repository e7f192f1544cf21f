"""Recursive feature machines: a linear change of coordinates learned from the gradients of a kernel machine.

    f(x) = Σ_i α_i k(M^½ x, M^½ x_i),    M ← (1/P) Σ_i ∇f(x_i) ∇f(x_i)ᵀ    (summed over outputs), from M = I

For ``k = κ(|x-y|²)`` this is ``κ((x-y)ᵀ M (x-y))`` with the constant metric ``-2κ'(0) M``: flat, whatever it learns.
For any base kernel ``g̃(x) = M^½ g(M^½ x) M^½``, with the same scalar curvature. Source: Radhakrishnan et al. 2022.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from neuromanifold._arrays import validated, validated_with_targets, varying
from neuromanifold._errors import InputError
from neuromanifold._settings import check_positive, check_whole
from neuromanifold._typing import ArrayLike, FloatArray
from neuromanifold.featuremaps.kernel import Kernel
from neuromanifold.featuremaps.kernel_learning.learned import LearnedGeometry, base_kernel
from neuromanifold.featuremaps.kernels import AnyKernel

__all__ = ["Linear", "RecursiveFeatureMachine"]

_MOST_SLOPES = 4_000_000  # numbers at a time


class Linear(Kernel):
    """``k(M^½ x, M^½ y)``.

    Parameters
    ----------
    base : Kernel
        k.
    root : Tensor (D, D)
        ``M^½``, symmetric.
    """

    def __init__(self, base: Kernel, root: Tensor) -> None:
        self.base, self.root = base, root

    def gram(self, x: Tensor, y: Tensor) -> Tensor:
        return self.base.gram(x @ self.root, y @ self.root)

    def slopes(self, x: Tensor, y: Tensor) -> Tensor:
        return self.base.slopes(x @ self.root, y @ self.root) @ self.root

    def diagonal(self, x: Tensor) -> Tensor:
        return self.base.diagonal(x @ self.root)

    def diagonal_slope(self, x: Tensor) -> Tensor:
        return self.base.diagonal_slope(x @ self.root) @ self.root

    def field(self, x: Tensor) -> Tensor:
        return self.root @ self.base.field(x @ self.root) @ self.root


class RecursiveFeatureMachine(LearnedGeometry, MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Kernel ridge regression that learns which directions of its input matter.

    Parameters
    ----------
    kernel : Kernel or callable, optional
        The base kernel; None is RBF with ``ℓ² = D Var(X)/2``.
    n_iterations : int
        Updates of M; 0 is ordinary kernel ridge regression.
    ridge : float
        Added to the diagonal of the kernel matrix.

    Attributes
    ----------
    base_kernel_, kernel_ : Kernel
        Before and after.
    M_ : ndarray (D, D)
        The learned matrix.
    dual_coef_ : ndarray (P,) or (P, p)
        α.
    n_features_in_ : int
    """

    def __init__(self, kernel: AnyKernel | None = None, *, n_iterations: int = 3, ridge: float = 1e-3) -> None:
        self.kernel = kernel
        self.n_iterations = n_iterations
        self.ridge = ridge

    def fit(self, X: ArrayLike, y: ArrayLike) -> RecursiveFeatureMachine:
        """Alternate between the regression and M.

        Raises
        ------
        InputError
            If ``ridge`` or ``n_iterations`` is out of its range, the points or their targets are all the same, or the
            kernel has no gradient at the points.
        """
        check_whole("n_iterations", self.n_iterations, 0)
        check_positive("ridge", self.ridge)
        data, values = validated_with_targets(self, X, y, multi_output=True, y_numeric=True)
        varying(data, "X")
        if not np.ptp(values, axis=0).any():
            raise InputError("labels y are the same in every row: no direction of X matters; give targets that vary")
        self.base_kernel_ = base_kernel(self.kernel, data)
        points, targets = torch.tensor(data), torch.tensor(values, dtype=torch.float64).reshape(len(data), -1)
        matrix = torch.eye(data.shape[1], dtype=torch.float64)
        self.kernel_, alpha = self._regress(matrix, points, targets)
        for _ in range(int(self.n_iterations)):
            matrix = _outer_product_of_gradients(self.kernel_, alpha, points)
            self.kernel_, alpha = self._regress(matrix, points, targets)
        self.M_ = matrix.numpy()
        self.dual_coef_ = alpha.reshape(values.shape).numpy()
        self._points = points
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """``f(x)``: ``(n,)`` or ``(n, p)``, as y was."""
        check_is_fitted(self)
        X = validated(self, X, reset=False)
        return self.kernel_.gram(torch.tensor(X), self._points).numpy() @ self.dual_coef_

    def _regress(self, matrix: Tensor, points: Tensor, targets: Tensor) -> tuple[Kernel, Tensor]:
        values, vectors = torch.linalg.eigh(matrix)
        kernel = Linear(self.base_kernel_, (vectors * values.clamp_min(0).sqrt()) @ vectors.mT)
        gram = kernel.gram(points, points)
        return kernel, torch.linalg.solve(gram + self.ridge * torch.eye(len(gram), dtype=gram.dtype), targets)


def _outer_product_of_gradients(kernel: Kernel, alpha: Tensor, points: Tensor) -> Tensor:
    """``(1/P) Σ ∇f ∇fᵀ``, some points at a time: the slopes of all together are P² D numbers."""
    matrix = torch.zeros(points.shape[-1], points.shape[-1], dtype=points.dtype)
    for some in points.split(max(1, _MOST_SLOPES // points.numel())):
        gradients = torch.einsum("nmd,mp->npd", kernel.slopes(some, points), alpha).flatten(0, 1)
        matrix += gradients.mT @ gradients
    if not bool(torch.isfinite(matrix).all()):
        raise InputError(
            "the gradient of this kernel is not finite at the training points (a cusp, or an arc cosine at y = x); use "
            "a smooth kernel, or one of featuremaps.kernels"
        )
    return matrix / len(points)

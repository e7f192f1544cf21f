"""The kernel that self-supervised learning of pairs arrives at (Simon et al. 2023).

n positive pairs ``(x_i, x'_i)``, a base kernel k, K̃ its 2n×2n matrix over (X, X'), and

    K_Γ = (1/2n) K̃^½ [[0, I], [I, 0]] K̃^½ = Σ λ_i u_i u_iᵀ,    λ_1 ≥ λ_2 ≥ …  (signed)
    k̃(x, y) = k_xᵀ B k_y,    B = K̃^{-½} (Σ_{i≤d} λ_i^{-1} u_i u_iᵀ) K̃^{-½},    k_x = k((X, X'), x)

so that pairs share their embedding ``λ_i^{-½} u_iᵀ K̃^{-½} k_x``, i ≤ d. Metric: ``∂k_xᵀ B ∂k_x``, of rank d at most.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from neuromanifold._arrays import matrix, validated, varying
from neuromanifold._errors import InputError
from neuromanifold._random import numpy_generator
from neuromanifold._settings import check_number, check_whole
from neuromanifold._typing import ArrayLike, FloatArray, RandomState
from neuromanifold.featuremaps.kernel import Kernel
from neuromanifold.featuremaps.kernel_learning.learned import LearnedGeometry, base_kernel
from neuromanifold.featuremaps.kernels import AnyKernel

__all__ = ["Projected", "SelfSupervisedKernel"]

Augmentation = Callable[[FloatArray, np.random.Generator], FloatArray]


class Projected(Kernel):
    """``(A k_x)·(A k_y)``, ``k_x`` the base kernel between x and landmarks.

    Parameters
    ----------
    base : Kernel
        k.
    landmarks : Tensor (m, D)
    projection : Tensor (d, m)
        A.
    """

    def __init__(self, base: Kernel, landmarks: Tensor, projection: Tensor) -> None:
        self.base, self.landmarks, self.projection = base, landmarks, projection

    def embed(self, x: Tensor) -> Tensor:
        """``A k_x``: ``(n, d)``."""
        return self.base.gram(x, self.landmarks) @ self.projection.mT

    def gram(self, x: Tensor, y: Tensor) -> Tensor:
        return self.embed(x) @ self.embed(y).mT

    def diagonal(self, x: Tensor) -> Tensor:
        return (self.embed(x) ** 2).sum(-1)

    def field(self, x: Tensor) -> Tensor:
        first = self.projection @ self.base.slopes(x, self.landmarks)
        return first.mT @ first


class SelfSupervisedKernel(LearnedGeometry, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Embedding, kernel and metric in which positive pairs coincide.

    Parameters
    ----------
    n_components : int
        d, dimensions of the embedding; at most the number of pairs.
    kernel : Kernel or callable, optional
        The base kernel; None is RBF with ``ℓ² = D Var(X)/2``.
    augment : float or callable
        How :meth:`fit` makes a partner of each point: a function ``(X, generator) -> X'``, or the standard deviation of
        Gaussian noise, in units of that of X. :meth:`fit_pairs` takes the pairs themselves.
    random_state : int, Generator or None

    Attributes
    ----------
    base_kernel_, kernel_ : Kernel
        Before and after.
    eigenvalues_ : ndarray (d,)
        λ.
    n_features_in_ : int
    """

    kernel_: Projected

    def __init__(
        self,
        n_components: int = 2,
        *,
        kernel: AnyKernel | None = None,
        augment: float | Augmentation = 0.1,
        random_state: RandomState = None,
    ) -> None:
        self.n_components = n_components
        self.kernel = kernel
        self.augment = augment
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> SelfSupervisedKernel:
        """Learn from points and partners made by ``augment``.

        Raises
        ------
        InputError
            If there are fewer pairs, or positive eigenvalues, than components, the points are all the same, or the
            augmentation is none.
        """
        data = validated(self, X, reset=True)
        generator = numpy_generator(self.random_state)
        if callable(self.augment):
            partners = matrix(self.augment(data, generator), "what augment gives")
        else:
            check_number("augment", self.augment, 0, what="a function or the standard deviation of noise")
            partners = data + self.augment * data.std() * generator.standard_normal(data.shape)
        return self._learn(data, partners)

    def fit_pairs(self, X: ArrayLike, partners: ArrayLike) -> SelfSupervisedKernel:
        """Learn from positive pairs, a row of X and a row of ``partners`` each."""
        data = validated(self, X, reset=True)
        return self._learn(data, matrix(partners, "partners"))

    def transform(self, X: ArrayLike) -> FloatArray:
        """Embedding: ``(n, d)``."""
        check_is_fitted(self)
        X = validated(self, X, reset=False)
        return self.kernel_.embed(torch.tensor(X)).numpy()

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components)

    def _learn(self, X: FloatArray, partners: FloatArray) -> SelfSupervisedKernel:
        if partners.shape != X.shape:
            raise InputError(f"every point must have one partner: {X.shape} points were given {partners.shape}")
        varying(X, "X")
        check_whole(f"n_components (at most the number of pairs, n_samples={len(X)})", self.n_components, 1, len(X))
        self.base_kernel_ = base_kernel(self.kernel, X)
        landmarks = torch.tensor(np.concatenate([X, partners]))
        root, inverse_root = _roots(self.base_kernel_.gram(landmarks, landmarks))
        swapped = root.roll(len(X), 0)  # [[0, I], [I, 0]] K̃^½
        values, vectors = torch.linalg.eigh(root @ swapped / len(landmarks))
        values, vectors = values.flip(0)[: self.n_components], vectors.flip(1)[:, : self.n_components]
        if not values[-1] > len(landmarks) * torch.finfo(values.dtype).eps * values[0]:
            raise InputError(
                f"only {int((values > 0).sum())} directions of the pairs have a positive eigenvalue, and "
                f"{self.n_components} components were asked for; take fewer components, or more and different pairs"
            )
        self.eigenvalues_ = values.numpy()
        # Signs of eigenvectors are arbitrary: the largest entry is positive.
        largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
        projection = (vectors * largest.sign() / values.sqrt()).mT @ inverse_root
        self.kernel_ = Projected(self.base_kernel_, landmarks, projection)
        return self


def _roots(gram: Tensor) -> tuple[Tensor, Tensor]:
    """``K^½`` and ``K^{-½}``, the pseudoinverse where K is singular."""
    values, vectors = torch.linalg.eigh(gram)
    kept = values > len(gram) * torch.finfo(values.dtype).eps * values[-1]
    root = torch.where(kept, values, 0.0).sqrt()
    return (vectors * root) @ vectors.mT, (vectors * torch.where(kept, 1 / root, 0.0)) @ vectors.mT

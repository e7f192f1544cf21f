"""The first and second fundamental forms of an immersed manifold at n points, from its Jacobian and Hessian.

    J = Q R,  Q orthonormal (d, k)      so  g = Jᵀ J = Rᵀ R  and  P⊥ = I - Q Qᵀ
    II_ij = P⊥ ∂_i∂_j f                 in the coordinates u
    B_ab = W_ia W_jb II_ij, W = R⁻¹     in the orthonormal basis Q

Nothing is squared before it must be: volumes come from the diagonal of R, never from a determinant of g.
With a constant ambient metric ``A = L Lᵀ``, everything is done on ``Lᵀ f``. Where the rank of J is below
k there is no tangent space, and everything that needs one is NaN.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._linalg import check_spd, orthonormalize, singular_values, spd_factor
from neuromanifold.geometry.ambient import Ambient
from neuromanifold.geometry.derivatives import TaylorJet

__all__ = ["AmbientMetric", "FirstForm", "SecondForm", "ambient_factor", "ambient_products", "constant_factor"]

# None is the identity; a matrix A (d, d) is constant; a function takes x (n, d) to A (n, d, d), as an Ambient does.
AmbientMetric = Tensor | Ambient | Callable[[Tensor], Tensor] | None


def ambient_products(ambient: AmbientMetric, value: Tensor, vectors: Tensor) -> Tensor:
    """``Vᵀ A V (n, r, r)`` of vectors ``(n, d, r)`` at the points ``value (n, d)``."""
    if isinstance(ambient, Ambient):
        return ambient.gram(value, vectors)
    factor = ambient_factor(ambient, value)
    scaled = vectors if factor is None else factor.mT @ vectors
    return scaled.mT @ scaled


def ambient_factor(ambient: AmbientMetric, value: Tensor) -> Tensor | None:
    """L ``(d, d)`` or ``(n, d, d)``, ``A = L Lᵀ`` at the points ``value (n, d)``; None for the identity."""
    if ambient is None:
        return None
    matrix = check_spd(ambient) if isinstance(ambient, Tensor) else ambient(value)
    return spd_factor(matrix.to(value))


def constant_factor(ambient: AmbientMetric, value: Tensor) -> Tensor | None:
    """L for an ambient metric that must be constant."""
    ambient = ambient.constant() if isinstance(ambient, Ambient) and ambient.constant() is not None else ambient
    if ambient is not None and not isinstance(ambient, Tensor):
        raise InputError(
            "an ambient metric A(x) that varies has no second fundamental form of this kind; use the "
            "intrinsic curvature of its pullback (geometry.intrinsic), or pass a constant matrix A (d, d)"
        )
    return ambient_factor(ambient, value)


@dataclass(frozen=True)
class FirstForm:
    """The tangent spaces: ``J = Q R``.

    Attributes
    ----------
    basis : Tensor (n, d, k)
        Q, orthonormal columns.
    scale : Tensor (n, k, k)
        R, upper triangular; ``g = Rᵀ R`` where the rank is full.
    rank : Tensor (n,)
        Numerical rank of J (-1 where J is not finite).
    """

    basis: Tensor
    scale: Tensor
    rank: Tensor

    @classmethod
    def of(cls, jet: TaylorJet, factor: Tensor | None = None) -> FirstForm:
        """The tangent spaces of a map, ``Lᵀ f`` for a factor L of the ambient metric."""
        d, k = jet.first.shape[-2:]
        if d < k:
            raise InputError(
                f"a map of {k} coordinates into {d} dimensions is no immersion; its metric, rank and "
                "pseudo-volume exist, curvatures do not (restrict it to fewer directions)"
            )
        # A derivative rule may be finite where the map is not (log of a negative number).
        defined = torch.isfinite(jet.value).all(-1)[:, None, None]
        first = torch.where(defined, jet.first, torch.nan)
        first = first if factor is None else factor.mT @ first
        basis, scale = orthonormalize(first)
        values = singular_values(scale.detach())
        rank = (values > max(d, k) * jet.eps * values[:, :1]).sum(-1)
        _warn_if_coarse(values, rank, jet.eps)
        if first.requires_grad:
            # The factors of a singular matrix have no derivative: one such point would spoil all gradients.
            plain = torch.eye(d, k, dtype=first.dtype, device=first.device)
            basis, scale = orthonormalize(torch.where((rank == k)[:, None, None], first, plain))
        return cls(basis, scale, torch.where(values[:, 0].isnan(), -1, rank))

    @property
    def k(self) -> int:
        return self.scale.shape[-1]

    @property
    def regular(self) -> Tensor:
        """Where the rank is full: ``(n,)`` bool."""
        return self.rank == self.k

    @property
    def inverse_scale(self) -> Tensor:
        """``W = R⁻¹``, NaN where the rank is not full."""
        eye = torch.eye(self.k, dtype=self.scale.dtype, device=self.scale.device)
        safe = torch.where(self.regular[:, None, None], self.scale, eye)
        inverse = torch.linalg.solve_triangular(safe, eye.expand_as(safe), upper=True)
        return torch.where(self.regular[:, None, None], inverse, torch.nan)

    @property
    def inverse_metric(self) -> Tensor:
        """``g^{ij}``, NaN where the rank is not full."""
        inverse = self.inverse_scale
        return inverse @ inverse.mT

    @property
    def log_volume(self) -> Tensor:
        """``½ log det g = Σ log |R_ii|``, -inf where the rank is not full."""
        diagonal = self.scale.diagonal(dim1=-2, dim2=-1).abs()
        safe = torch.where(self.regular[:, None], diagonal, 1.0)
        singular = torch.where(self.rank < 0, torch.nan, -torch.inf)
        return torch.where(self.regular, safe.log().sum(-1), singular)

    def normal(self, vectors: Tensor) -> Tensor:
        """``P⊥ v`` of vectors ``(n, d, ...)``."""
        flat = vectors.flatten(2) if vectors.ndim > 2 else vectors[..., None]
        return (flat - self.basis @ (self.basis.mT @ flat)).reshape(vectors.shape)


@dataclass(frozen=True)
class SecondForm:
    """How the tangent spaces turn.

    Attributes
    ----------
    first : FirstForm
        The tangent spaces.
    normal : Tensor (n, d, k, k)
        ``II_ij``, in the coordinates u.
    """

    first: FirstForm
    normal: Tensor

    @classmethod
    def of(cls, jet: TaylorJet, factor: Tensor | None = None) -> SecondForm:
        """The second form of a map, ``Lᵀ f`` for a factor L of the ambient metric."""
        first = FirstForm.of(jet, factor)
        bend = jet.second if factor is None else (factor.mT @ jet.second.flatten(2)).reshape(jet.second.shape)
        normal = torch.where(first.regular[:, None, None, None], first.normal(bend), torch.nan)
        return cls(first, normal)

    @property
    def orthonormal(self) -> Tensor:
        """``B_ab = W_ia W_jb II_ij``, in the orthonormal basis Q: ``(n, d, k, k)``."""
        w = self.first.inverse_scale[:, None]
        return w.mT @ self.normal @ w

    @property
    def mean_curvature(self) -> Tensor:
        """``H = (1/k) g^{ij} II_ij``: ``(n, d)``."""
        k = self.first.k
        weights = self.first.inverse_metric.flatten(1)[..., None] / k
        return (self.normal.flatten(2) @ weights)[..., 0]

    @property
    def gram(self) -> Tensor:
        """``<B_ab, B_cd>``: ``(n, k, k, k, k)``, the inner products that all curvatures are made of."""
        return _gram(self.orthonormal)

    @property
    def riemann(self) -> Tensor:
        """``Riem_ijkl = <II_ik, II_jl> - <II_il, II_jk>`` in the coordinates u: ``(n, k, k, k, k)``."""
        gram = _gram(self.normal)
        return torch.einsum("nikjl->nijkl", gram) - torch.einsum("niljk->nijkl", gram)


def _gram(second: Tensor) -> Tensor:
    k = second.shape[-1]
    flat = second.flatten(2)
    return (flat.mT @ flat).reshape(-1, k, k, k, k)


def _warn_if_coarse(values: Tensor, rank: Tensor, eps: float) -> None:
    """Single precision loses ``eps · cond(J)²`` of a curvature."""
    if eps < 1e-10 or values.is_meta:
        return
    condition = values[:, 0] / values[:, -1]
    if bool((condition[rank == values.shape[-1]] ** 2 * eps > 1e-3).any()):
        warnings.warn(
            "derivatives were computed in single precision and the Jacobian is ill-conditioned: curvatures "
            "may be wrong by more than 1e-3; use dtype=torch.float64",
            RuntimeWarning,
            stacklevel=2,
        )

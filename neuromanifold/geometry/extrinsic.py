"""The geometry of an immersed manifold, from its Jacobian J and Hessian ∂²f.

    g = Jᵀ A J                         pullback metric
    II_ij = P⊥ ∂_i∂_j f                second fundamental form, P⊥ = I - J g⁻¹ Jᵀ
    H = (1/k) g^{ij} II_ij             mean curvature vector: the average, not the trace
    Riem_ijkl = <II_ik, II_jl> - <II_il, II_jk>,  Ric_jl = g^{ik} Riem_ijkl,  S = g^{jl} Ric_jl

A sphere of radius R has ``|H| = 1/R`` and, for k = 2, ``S = 2K = 2/R²``. For an
:class:`~neuromanifold.geometry.immersion.Immersion`, scalars are computed along the template's
orthonormal chart at each point, and its volume is relative to the template's own; tensors are in the
angles.

Every function takes a map f, points ``u (n, k)`` (or one, ``(k,)``, and then gives a result without the
leading axis), an ambient metric where it has a meaning (None: the identity; a constant matrix ``(d, d)``;
for first-order quantities also a function ``x (n, d) -> (n, d, d)``; or one of
:mod:`neuromanifold.geometry.ambient`) and the options of
:func:`~neuromanifold.geometry.derivatives.over_points`. Results are float64; where the rank of J is below
k, or a value is not finite, they are NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._linalg import singular_values
from neuromanifold._typing import Map
from neuromanifold.geometry.ambient import Ambient
from neuromanifold.geometry.derivatives import TaylorJet, as_points, over_points
from neuromanifold.geometry.forms import (
    AmbientMetric,
    FirstForm,
    SecondForm,
    ambient_factor,
    ambient_products,
    constant_factor,
)
from neuromanifold.geometry.immersion import Immersion

__all__ = [
    "at_points",
    "gaussian_curvature",
    "log_pseudo_volume",
    "log_volume",
    "mean_curvature",
    "mean_curvature_norm",
    "normal_projector",
    "pullback_metric",
    "rank",
    "ricci",
    "riemann",
    "scalar_curvature",
    "second_fundamental_form",
    "sectional_curvature",
]


def at_points(f: Map, u: Tensor, formula: Callable[[TaylorJet], Tensor], **options: Any) -> Tensor:
    """``formula`` at each point, without the leading axis for a single point ``(k,)``."""
    result = over_points(f, u, lambda jet: (formula(jet),), **options)[0]
    return result[0] if torch.as_tensor(u).ndim == 1 else result


def pullback_metric(f: Map, u: Tensor, *, ambient: AmbientMetric = None, **options: Any) -> Tensor:
    """Pullback metric ``g = Jᵀ A J`` in the coordinates u: ``(n, k, k)``. Lee 2023, eq. 3."""

    def formula(jet: TaylorJet) -> Tensor:
        return ambient_products(ambient, jet.value, jet.first)

    return at_points(f, u, formula, order=1, **options)


def rank(f: Map, u: Tensor, **options: Any) -> Tensor:
    """Numerical rank of the Jacobian: ``(n,)``, -1 where it is not finite."""
    return _pseudo_volume(f, u, None, **options)[..., 1].to(torch.int64)


def log_volume(f: Map, u: Tensor, *, ambient: AmbientMetric = None, **options: Any) -> Tensor:
    """Log volume element ``½ log det g``: ``(n,)``, from a QR factorisation of J; -inf where the rank is
    below k.

    For an Immersion, relative to the template's own volume element (no ``sin θ`` on a sphere).
    """

    def formula(jet: TaylorJet) -> Tensor:
        return FirstForm.of(jet, ambient_factor(ambient, jet.value)).log_volume

    return at_points(f, u, formula, order=1, **{"frame": True, **options})


def log_pseudo_volume(f: Map, u: Tensor, *, ambient: AmbientMetric = None, **options: Any) -> Tensor:
    """``½ Σ log λ`` over the nonzero eigenvalues λ of g: ``(n,)``; the volume where the rank is full, and
    defined for d < k.

    Zavatone-Veth et al. 2025, §2. Always read it with :func:`rank`.
    """
    return _pseudo_volume(f, u, ambient, **options)[..., 0]


def _pseudo_volume(f: Map, u: Tensor, ambient: AmbientMetric, **options: Any) -> Tensor:
    """Columns: log pseudo-volume, rank."""

    def formula(jet: TaylorJet) -> Tensor:
        factor = ambient_factor(ambient, jet.value)
        values = singular_values(jet.first if factor is None else factor.mT @ jet.first)
        threshold = max(jet.first.shape[-2:]) * jet.eps * values[:, :1]
        nonzero = values > threshold
        volume = torch.where(nonzero, values, 1.0).log().sum(-1)
        known = ~values[:, 0].isnan()
        return torch.stack(
            [torch.where(known, volume, torch.nan), torch.where(known, nonzero.sum(-1).to(volume), -1.0)], -1
        )

    return at_points(f, u, formula, order=1, **{"frame": True, **options})


def normal_projector(f: Map, u: Tensor, **options: Any) -> Tensor:
    """``P⊥ = I - J g⁻¹ Jᵀ``: ``(n, d, d)``."""

    def formula(jet: TaylorJet) -> Tensor:
        basis = FirstForm.of(jet).basis
        return torch.eye(basis.shape[-2], dtype=basis.dtype, device=basis.device) - basis @ basis.mT

    return at_points(f, u, formula, order=1, **{"frame": True, **options})


def second_fundamental_form(f: Map, u: Tensor, *, ambient: Tensor | Ambient | None = None, **options: Any) -> Tensor:
    """``II_ij = P⊥ ∂_i∂_j f`` in the coordinates u: ``(n, d, k, k)``."""

    def formula(jet: TaylorJet) -> Tensor:
        factor = constant_factor(ambient, jet.value)
        return _unfactored(SecondForm.of(jet, factor).normal, factor)

    return at_points(f, u, formula, **options)


def mean_curvature(f: Map, u: Tensor, *, ambient: Tensor | Ambient | None = None, **options: Any) -> Tensor:
    """Mean curvature vector ``H = (1/k) g^{ij} II_ij = (1/k) Δ_g f``, the average: ``(n, d)``. Acosta et
    al. 2023.

    Its norm is ``1/R`` on a circle and on a sphere of radius R (geomstats returns k times this).
    """

    def formula(jet: TaylorJet) -> Tensor:
        factor = constant_factor(ambient, jet.value)
        return _unfactored(_mean_curvature(jet, factor), factor)

    return at_points(f, u, formula, **{"frame": True, **options})


def mean_curvature_norm(f: Map, u: Tensor, *, ambient: Tensor | Ambient | None = None, **options: Any) -> Tensor:
    """``|H|``: ``(n,)``, in the ambient metric."""

    def formula(jet: TaylorJet) -> Tensor:
        return torch.linalg.vector_norm(_mean_curvature(jet, constant_factor(ambient, jet.value)), dim=-1)

    return at_points(f, u, formula, **{"frame": True, **options})


def _mean_curvature(jet: TaylorJet, factor: Tensor | None) -> Tensor:
    """``P⊥ (1/k) g^{ij} ∂_i∂_j f``: the trace first, so that only one vector is projected."""
    first = FirstForm.of(jet, factor)
    laplacian = (jet.second.flatten(2) @ first.inverse_metric.flatten(1)[..., None])[..., 0] / first.k
    return first.normal(laplacian if factor is None else laplacian @ factor)


def _unfactored(vectors: Tensor, factor: Tensor | None) -> Tensor:
    """From ``Lᵀ x`` back to ``x``."""
    if factor is None:
        return vectors
    flat = vectors.flatten(2) if vectors.ndim > 2 else vectors[..., None]
    return torch.linalg.solve_triangular(factor.mT, flat, upper=True).reshape(vectors.shape)


def riemann(f: Map, u: Tensor, *, ambient: Tensor | Ambient | None = None, **options: Any) -> Tensor:
    """Riemann tensor by Gauss, ``Riem_ijkl = <II_ik, II_jl> - <II_il, II_jk>``: ``(n, k, k, k, k)``.

    For surfaces ``K (g_ik g_jl - g_il g_jk)``.
    """
    return at_points(f, u, lambda jet: SecondForm.of(jet, constant_factor(ambient, jet.value)).riemann, **options)


def ricci(f: Map, u: Tensor, *, ambient: Tensor | Ambient | None = None, **options: Any) -> Tensor:
    """Ricci tensor ``Ric_jl = g^{ik} Riem_ijkl``: ``(n, k, k)``."""

    def formula(jet: TaylorJet) -> Tensor:
        form = SecondForm.of(jet, constant_factor(ambient, jet.value))
        return torch.einsum("nik,nijkl->njl", form.first.inverse_metric, form.riemann)

    return at_points(f, u, formula, **options)


def scalar_curvature(f: Map, u: Tensor, *, ambient: Tensor | Ambient | None = None, **options: Any) -> Tensor:
    """Ricci scalar ``S = g^{jl} Ric_jl = k²|H|² - |II|²``: ``(n,)``; twice the Gaussian curvature for k =
    2.
    """

    def formula(jet: TaylorJet) -> Tensor:
        return gauss_scalar(SecondForm.of(jet, constant_factor(ambient, jet.value)).gram)

    return at_points(f, u, formula, **{"frame": True, **options})


def gauss_scalar(gram: Tensor) -> Tensor:
    """``Σ_{a≠b} <B_aa, B_bb> - |B_ab|²`` from the products ``<B_ab, B_cd>``; the terms a = b cancel, and
    are left out.
    """
    k = gram.shape[-1]
    sectional = torch.einsum("naabb->nab", gram) - torch.einsum("nabab->nab", gram)
    off_diagonal = 1 - torch.eye(k, dtype=gram.dtype, device=gram.device)
    return (sectional * off_diagonal).sum((-2, -1))


def gaussian_curvature(f: Map, u: Tensor, *, ambient: Tensor | Ambient | None = None, **options: Any) -> Tensor:
    """Gaussian curvature ``K = S/2`` of a surface: ``(n,)``."""
    curvature = scalar_curvature(f, u, ambient=ambient, **options)
    k = f.template.dim if isinstance(f, Immersion) else as_points(u).shape[-1]
    if k != 2:
        raise InputError(f"the Gaussian curvature is that of a surface (k = 2); this manifold has k = {k}")
    return curvature / 2


def sectional_curvature(
    f: Map, u: Tensor, v: Tensor, w: Tensor, *, ambient: Tensor | Ambient | None = None, **options: Any
) -> Tensor:
    """Curvature of the plane of tangent vectors v, w ``(n, k)`` in the coordinates u: ``(n,)``.

    ``Riem(v, w, v, w) / (|v|² |w|² - <v, w>²)``; the Gaussian curvature for k = 2.
    """
    curvature = riemann(f, u, ambient=ambient, **options)
    metric = pullback_metric(f, u, ambient=ambient, **options)
    v, w = v.to(curvature), w.to(curvature)
    area = torch.einsum("...ij,...kl,...i,...j,...k,...l->...", metric, metric, v, v, w, w)
    area = area - torch.einsum("...ij,...i,...j->...", metric, v, w) ** 2
    return torch.einsum("...ijkl,...i,...j,...k,...l->...", curvature, v, w, v, w) / area

"""The geometry of a metric field ``g(u)``, with or without an immersion behind it.

    Γ^k_ij = ½ g^{kl} (∂_i g_jl + ∂_j g_il - ∂_l g_ij)
    Riem_ijkl = ½ (∂_j∂_k g_il + ∂_i∂_l g_jk - ∂_i∂_k g_jl - ∂_j∂_l g_ik)
                + g_mn (Γ^m_jk Γ^n_il - Γ^m_jl Γ^n_ik)
    Ric_jl = g^{ik} Riem_ijkl,   S = g^{jl} Ric_jl

Signs are those of :mod:`neuromanifold.geometry.extrinsic`: a sphere has positive S, and for surfaces
``Riem_ijkl = K (g_ik g_jl - g_il g_jk)``. For k ≥ 3, S = 0 does not mean flat; look at
:func:`riemann_norm_squared`.

A metric is a function of one point, ``(k,) -> (k, k)`` (a batched one works too); :func:`pullback` makes
it from an immersion. Points where it is singular or not finite give NaN.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from neuromanifold._linalg import spd_inverse
from neuromanifold._typing import Map
from neuromanifold.geometry.derivatives import TaylorJet, taylor
from neuromanifold.geometry.extrinsic import at_points
from neuromanifold.geometry.forms import AmbientMetric, ambient_products

__all__ = [
    "christoffel",
    "log_volume",
    "pullback",
    "ricci",
    "riemann",
    "riemann_norm_squared",
    "scalar_curvature",
]


def pullback(f: Map, *, ambient: AmbientMetric = None) -> Map:
    """The metric field ``u (k,) -> Jᵀ A J (k, k)`` of an immersion, also for an ambient metric that
    varies.
    """

    def metric(u: Tensor) -> Tensor:
        jet = taylor(f, u, order=1, create_graph=True)
        metrics = ambient_products(ambient, jet.value, jet.first)
        return metrics[0] if u.ndim == 1 else metrics

    return metric


def _at(metric: Map, u: Tensor, formula: Any, **options: Any) -> Tensor:
    return at_points(lambda v: metric(v).flatten(-2), u, formula, **options)


def _metric(jet: TaylorJet) -> tuple[Tensor, Tensor]:
    """``g_ij`` and ``g^{ij}``."""
    k = jet.first.shape[-1]
    g = jet.value.reshape(-1, k, k)
    return g, spd_inverse(g)


def _first_kind(jet: TaylorJet) -> Tensor:
    """``Γ_lij = ½ (∂_i g_jl + ∂_j g_il - ∂_l g_ij)``."""
    k = jet.first.shape[-1]
    slope = jet.first.reshape(-1, k, k, k)
    return 0.5 * (
        torch.einsum("njli->nlij", slope) + torch.einsum("nilj->nlij", slope) - torch.einsum("nijl->nlij", slope)
    )


def _riemann(jet: TaylorJet) -> Tensor:
    k = jet.first.shape[-1]
    bend = jet.second.reshape(-1, k, k, k, k)
    _, inverse = _metric(jet)
    gamma = _first_kind(jet)
    mixed = (
        torch.einsum("niljk->nijkl", bend)
        + torch.einsum("njkil->nijkl", bend)
        - torch.einsum("njlik->nijkl", bend)
        - torch.einsum("nikjl->nijkl", bend)
    )
    products = torch.einsum("nmjk,nmp,npil->nijkl", gamma, inverse, gamma)
    return 0.5 * mixed + products - products.transpose(-1, -2)


def christoffel(metric: Map, u: Tensor, **options: Any) -> Tensor:
    """Christoffel symbols ``Γ^k_ij``: ``(n, k, k, k)``, the upper index first."""

    def formula(jet: TaylorJet) -> Tensor:
        return torch.einsum("nkl,nlij->nkij", _metric(jet)[1], _first_kind(jet))

    return _at(metric, u, formula, order=1, **options)


def riemann(metric: Map, u: Tensor, **options: Any) -> Tensor:
    """Riemann tensor ``Riem_ijkl``, all indices down: ``(n, k, k, k, k)``."""
    return _at(metric, u, _riemann, **options)


def ricci(metric: Map, u: Tensor, **options: Any) -> Tensor:
    """Ricci tensor ``Ric_jl = g^{ik} Riem_ijkl``: ``(n, k, k)``."""
    return _at(metric, u, lambda jet: torch.einsum("nik,nijkl->njl", _metric(jet)[1], _riemann(jet)), **options)


def scalar_curvature(metric: Map, u: Tensor, **options: Any) -> Tensor:
    """Ricci scalar ``S = g^{jl} g^{ik} Riem_ijkl``: ``(n,)``; ``2/R²`` on a 2-sphere of radius R."""

    def formula(jet: TaylorJet) -> Tensor:
        inverse = _metric(jet)[1]
        return torch.einsum("njl,nik,nijkl->n", inverse, inverse, _riemann(jet))

    return _at(metric, u, formula, **options)


def riemann_norm_squared(metric: Map, u: Tensor, **options: Any) -> Tensor:
    """``|Riem|² = Riem_ijkl Riem^ijkl``: ``(n,)``; ``S²`` for k = 2, and zero only where the metric is
    flat.
    """

    def formula(jet: TaylorJet) -> Tensor:
        inverse, tensor = _metric(jet)[1], _riemann(jet)
        raised = torch.einsum("nijkl,nia,njb,nkc,nld->nabcd", tensor, inverse, inverse, inverse, inverse)
        return (raised * tensor).sum((-4, -3, -2, -1))

    return _at(metric, u, formula, **options)


def log_volume(metric: Map, u: Tensor, **options: Any) -> Tensor:
    """``½ log det g``: ``(n,)``, from a Cholesky factor; NaN where the metric is not positive definite."""

    def formula(jet: TaylorJet) -> Tensor:
        factor, info = torch.linalg.cholesky_ex(_metric(jet)[0])
        volume = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return torch.where(info == 0, volume, torch.nan)

    return _at(metric, u, formula, order=1, **options)

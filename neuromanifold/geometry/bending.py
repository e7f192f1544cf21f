"""How a manifold bends in its ambient space: the extrinsic curvature of Lee (2023), and principal curvatures.

    LEC = Tr(G⁻¹ C),  c_ij = Tr(∂_i T ∂_j T),  T = J (JᵀJ)⁻¹ Jᵀ,  G = Jᵀ A J

T is the Euclidean projection on the tangent space for every ambient metric A. Exactly, with the Euclidean II,
``c_ij = 2 (JᵀJ)^{kl} <II_ik, II_jl>``, so ``LEC = 2 G^{ij} (JᵀJ)^{kl} <II_ik, II_jl>``, and ``2 |II|²``
for A = I. A circle of radius R has ``LEC = 2/R²``, a 2-sphere ``4/R²``.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._linalg import spd_factor
from neuromanifold._settings import check_whole
from neuromanifold._typing import Map
from neuromanifold.geometry.derivatives import TaylorJet, as_points, jacobian, taylor
from neuromanifold.geometry.extrinsic import at_points, pullback_metric
from neuromanifold.geometry.forms import AmbientMetric, FirstForm, SecondForm, ambient_products
from neuromanifold.geometry.random_frames import random_signs

__all__ = ["extrinsic_curvature", "principal_curvatures"]


def extrinsic_curvature(
    f: Map,
    u: Tensor,
    *,
    ambient: AmbientMetric = None,
    method: Literal["exact", "definition", "hutchinson"] = "exact",
    n_probes: int = 16,
    generator: torch.Generator | None = None,
    **options: Any,
) -> Tensor:
    """Extrinsic curvature ``LEC = Tr(G⁻¹ C)`` of Lee 2023, eq. 10: ``(n,)``.

    Parameters
    ----------
    f, u, ambient, **options
        As in :mod:`neuromanifold.geometry.extrinsic`; ``ambient`` may vary with x.
    method : {"exact", "definition", "hutchinson"}
        The identity above; the projections differentiated as defined (a check, d² numbers a point); or,
        for large k, an unbiased estimate from mixed second derivatives in random directions.
    n_probes : int
        Pairs of random directions for "hutchinson".
    generator : torch.Generator, optional
        Source of those directions.

    Raises
    ------
    InputError
        For an unknown method.
    """
    if method == "exact":
        return at_points(f, u, lambda jet: _exact(jet, ambient), **{"frame": True, **options})
    if method == "definition":
        return _by_definition(f, u, ambient)
    if method == "hutchinson":
        check_whole("n_probes", n_probes, 1)
        return _hutchinson(f, u, ambient, n_probes, generator, **options)
    raise InputError(f"method must be 'exact', 'definition' or 'hutchinson'; got {method!r}")


def _ambient_on_tangent(first: FirstForm, value: Tensor, ambient: AmbientMetric) -> Tensor:
    """``Qᵀ A Q``: the ambient metric in the orthonormal basis of the tangent space."""
    if ambient is None:
        return torch.eye(first.k, dtype=value.dtype, device=value.device).expand_as(first.scale)
    return ambient_products(ambient, value, first.basis)


def _exact(jet: TaylorJet, ambient: AmbientMetric) -> Tensor:
    form = SecondForm.of(jet)
    weights = torch.linalg.inv(_ambient_on_tangent(form.first, jet.value, ambient))
    return 2 * torch.einsum("nab,nacbc->n", weights, form.gram)


def _by_definition(f: Map, u: Tensor, ambient: AmbientMetric) -> Tensor:
    def projector(v: Tensor) -> Tensor:
        first = jacobian(f, v, create_graph=True)[0]
        return (first @ torch.linalg.inv(first.mT @ first) @ first.mT).flatten()

    points = as_points(u)
    slopes = jacobian(projector, points)
    inverse = torch.linalg.inv(pullback_metric(f, points, ambient=ambient))
    curvature = torch.einsum("nij,nai,naj->n", inverse, slopes, slopes)
    return curvature[0] if torch.as_tensor(u).ndim == 1 else curvature


def _hutchinson(
    f: Map,
    u: Tensor,
    ambient: AmbientMetric,
    n_probes: int,
    generator: torch.Generator | None,
    **options: Any,
) -> Tensor:
    """``2 E |II(v, w)|²`` over independent v, w with covariances G⁻¹ and (JᵀJ)⁻¹."""
    points = as_points(u)
    options = {"frame": True, **options}
    jet = taylor(f, points, order=1, **options)
    first = FirstForm.of(jet)
    whitening = first.inverse_scale
    tilt = torch.linalg.inv(spd_factor(_ambient_on_tangent(first, jet.value, ambient)))
    total = torch.zeros_like(jet.value[:, 0])
    for _ in range(n_probes):
        v, w = random_signs((2, len(whitening), first.k, 1), whitening, generator)
        directions = torch.cat([whitening @ (tilt.mT @ v), whitening @ w], dim=-1)
        mixed = taylor(f, points, directions=directions, **options).second[..., 0, 1]
        total = total + (first.normal(mixed) ** 2).sum(-1)
    curvature = 2 * total / n_probes
    return curvature[0] if torch.as_tensor(u).ndim == 1 else curvature


def principal_curvatures(f: Map, u: Tensor, *, normal: Tensor | None = None, **options: Any) -> Tensor:
    """Principal curvatures ``(n, k)``: eigenvalues of ``<II, ν>`` in an orthonormal tangent basis, ascending.

    Parameters
    ----------
    f, u, **options
        As in :mod:`neuromanifold.geometry.extrinsic`.
    normal : Tensor (d,), optional
        Direction whose normal part, normalised, is ν. By default the unit normal with ``det(J, ν) > 0`` in
        codimension one (so -1/R twice on a sphere with angles (colatitude, longitude), whose ν points
        outwards), else the direction of the mean curvature vector (NaN where that vanishes).

    Returns
    -------
    Tensor (n, k)
        In codimension one their mean is ``<H, ν>``, and for surfaces their product is the Gaussian curvature.
    """

    def formula(jet: TaylorJet) -> Tensor:
        form = SecondForm.of(jet)
        shape = torch.einsum("nd,ndab->nab", _unit_normal(form, normal), form.orthonormal)
        finite = torch.isfinite(shape).all(-1).all(-1)[:, None]
        values = torch.linalg.eigvalsh(torch.where(finite[..., None], shape, torch.zeros_like(shape)))
        return torch.where(finite, values, torch.nan)

    return at_points(f, u, formula, **{"frame": True, **options})


def _unit_normal(form: SecondForm, normal: Tensor | None) -> Tensor:
    """The unit normal ν ``(n, d)`` that :func:`principal_curvatures` looks along."""
    basis = form.first.basis
    n, d, k = basis.shape
    if normal is not None:
        vectors = form.first.normal(normal.to(basis).expand(n, d))
    elif d == k + 1:
        vectors = _cross_product(basis) * form.first.scale.diagonal(dim1=-2, dim2=-1).sign().prod(-1)[:, None]
    else:
        vectors = form.mean_curvature
    return vectors / torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)


def _cross_product(basis: Tensor) -> Tensor:
    """The vector ν with ``det(Q, ν) = 1`` that is orthogonal to the k = d - 1 columns of Q: its cofactors."""
    d = basis.shape[-2]
    cofactors = [
        (-1) ** (i + d - 1) * torch.linalg.det(torch.cat([basis[:, :i], basis[:, i + 1 :]], dim=1)) for i in range(d)
    ]
    return torch.stack(cofactors, dim=-1)

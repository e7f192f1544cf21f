"""Inner products of the second fundamental form without a basis of the tangent space.

    <II_ij, II_kl> = <∂_i∂_j f, ∂_k∂_l f> - <∂_i∂_j f, ∂_a f> g^{ab} <∂_b f, ∂_k∂_l f>

One product of the derivatives with themselves gives all of it, so curvatures are functions of a few small matrices:
half the cost of an orthonormal basis with its gradient, for penalties in a training. It squares the condition of the
Jacobian, so results that are shown come from :mod:`~neuromanifold.geometry.forms` instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold.geometry.ambient import Ambient
from neuromanifold.geometry.derivatives import TaylorJet
from neuromanifold.geometry.forms import ambient_products

__all__ = ["NormalProducts", "inverse_metric"]

# Least ratio of the eigenvalues of g at which the map is taken to be an immersion.
SINGULAR = 1e-10


@dataclass(frozen=True)
class NormalProducts:
    """At n points; NaN where the map is no immersion.

    Attributes
    ----------
    inverse : Tensor (n, k, k)
        ``g^{ij}``.
    products : Tensor (n, k, k, k, k)
        ``<II_ij, II_kl>``.
    """

    inverse: Tensor
    products: Tensor

    @classmethod
    def of(cls, jet: TaylorJet, ambient: Tensor | Ambient | None = None) -> NormalProducts:
        """Of a map, in an ambient metric that is the same everywhere."""
        k = jet.first.shape[-1]
        gram = ambient_products(ambient, jet.value, torch.cat([jet.first, jet.second.flatten(2)], dim=2))
        metric, mixed, bends = gram[:, :k, :k], gram[:, :k, k:], gram[:, k:, k:]
        inverse = inverse_metric(metric)
        products = bends - mixed.mT @ inverse @ mixed
        return cls(inverse, products.unflatten(2, (k, k)).unflatten(1, (k, k)))

    def extrinsic_curvature(self, inverse_ambient: Tensor | None = None) -> Tensor:
        """``LEC = 2 G^{ij} g^{kl} <II_ik, II_jl>``: ``(n,)``, with ``G^{ij}`` that of an ambient metric (default g)."""
        outer = self.inverse if inverse_ambient is None else inverse_ambient
        return 2 * torch.einsum("nij,nkl,nikjl->n", outer, self.inverse, self.products)

    def riemann_norm_squared(self) -> Tensor:
        """``Riem_ijkl Riem^ijkl``: ``(n,)``."""
        down = torch.einsum("nikjl->nijkl", self.products) - torch.einsum("niljk->nijkl", self.products)
        up = down
        for _ in range(4):
            # The first index is raised and becomes the last.
            up = torch.einsum("nijkl,nia->njkla", up, self.inverse)
        return (up * down).sum((-4, -3, -2, -1))


def inverse_metric(metric: Tensor) -> Tensor:
    """Inverses of metrics ``(n, k, k)``, NaN (and no gradient) where one is singular."""
    with torch.no_grad():
        values = torch.linalg.eigvalsh(torch.nan_to_num(metric, posinf=0.0, neginf=0.0))
        regular = (values[:, 0] > SINGULAR * values[:, -1]) & torch.isfinite(metric).flatten(1).all(1)
    eye = torch.eye(metric.shape[-1], dtype=metric.dtype, device=metric.device)
    inverse = torch.linalg.inv(torch.where(regular[:, None, None], metric, eye))
    return torch.where(regular[:, None, None], inverse, torch.nan)

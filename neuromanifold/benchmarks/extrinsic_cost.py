"""What the extrinsic curvature costs: exactly, through ``2 |II|²``, and by the published estimator.

    LEC ≈ v^T G⁻¹ (∂(T w))ᵀ ∂(T w) v,   v ~ N(0, I_k),  w ~ N(0, I_d),   T = J (JᵀJ)⁻¹ Jᵀ

is unbiased, with one probe a point as its authors use it (Lee & Park 2023): the Jacobian, and two derivatives of its
projection along a direction.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import jacfwd, jvp, vmap

from neuromanifold._typing import Map

__all__ = ["published_estimate"]


def published_estimate(f: Map, u: Tensor, generator: torch.Generator) -> Tensor:
    """One probe of the extrinsic curvature at each point u (n, k): (n,)."""

    def probe(point: Tensor, v: Tensor, w: Tensor) -> Tensor:
        def projected(point: Tensor) -> Tensor:
            jacobian = jacfwd(f)(point)
            return jacobian @ torch.linalg.solve(jacobian.mT @ jacobian, jacobian.mT @ w)

        jacobian = jacfwd(f)(point)
        across = torch.linalg.solve(jacobian.mT @ jacobian, v)
        return jvp(projected, (point,), (across,))[1] @ jvp(projected, (point,), (v,))[1]

    with torch.no_grad():
        n, k = u.shape
        v = torch.randn(n, k, generator=generator, dtype=u.dtype)
        w = torch.randn(n, f(u[0]).shape[-1], generator=generator, dtype=u.dtype)
        return vmap(probe)(u, v, w)

"""The log volume of a map too large for its Jacobian: stochastic Lanczos quadrature.

With A the smaller of ``JᵀJ`` and ``JJᵀ``, q×q, and random signs z (``E zzᵀ = I``):

    log volume = ½ tr log A = ½ E[zᵀ log(A) z] = ½ q E[∫ log λ dμ_z(λ)]

The Gauss quadrature of the measure ``μ_z`` with k nodes comes from k steps of Golub and Kahan's
bidiagonalisation of J started at z: the nodes are the squared singular values of the bidiagonal B, the
weights the squared first entries of its right singular vectors. B is built from products with J and Jᵀ alone, never
with A, so that small singular values keep the precision of the products.

Ubaru, Chen, Saad 2017 (quadrature); Golub, Kahan 1965 (bidiagonalisation).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from neuromanifold._random import torch_generator
from neuromanifold._settings import check_flag, check_whole
from neuromanifold._typing import RandomState
from neuromanifold.featuremaps.base import NOISE, FeatureMap, as_inputs
from neuromanifold.geometry.reverse import pullback

__all__ = ["LogVolumeEstimate", "estimate_log_volume"]

Product = Callable[[Tensor], Tensor]
_PRECISION = {torch.finfo(dtype).eps: dtype for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16)}
# Probes that share a backward pass: already so few are most of the gain, and each holds the activations once more.
_N_COPIES = 4


@dataclass(frozen=True)
class LogVolumeEstimate:
    """Log volumes at b points, from random probes; float64.

    Attributes
    ----------
    value : Tensor (b,)
        Estimate of ``½ Σ log λ`` over the nonzero eigenvalues of g.
    standard_error : Tensor (b,)
        Of its mean over the probes.
    truncation : Tensor (b,)
        By how much the last quarter of the steps changed it: an indication of the quadrature's own error, which
        the standard error does not hold. The quadrature is too large, if anything.
    rank : Tensor (b,)
        Estimated rank of g, a real number.
    """

    value: Tensor
    standard_error: Tensor
    truncation: Tensor
    rank: Tensor


def estimate_log_volume(
    phi: FeatureMap,
    x: Any,
    *,
    n_probes: int = 16,
    n_steps: int = 100,
    normalize: bool | None = None,
    random_state: RandomState = None,
    verbose: bool = False,
) -> LogVolumeEstimate:
    """Estimate log volumes from ``n_probes · n_steps`` products with J and as many with Jᵀ, without J.

    Parameters
    ----------
    phi : FeatureMap
    x : Tensor (b, *shape)
        Points.
    n_probes : int
        Random vectors; the standard error falls with their square root.
    n_steps : int
        Lanczos steps; ill-conditioned maps need more. From ``min(n, D)`` on the quadrature is exact.
    normalize : bool, optional
        The 1/n; by default as the map has it.
    random_state : RandomState
    verbose : bool
        Show the progress.

    Raises
    ------
    InputError
        If there are fewer than two probes or steps.
    """
    check_whole("n_probes", n_probes, 2)
    check_whole("n_steps", n_steps, 2)
    if normalize is not None:
        check_flag("normalize", normalize)
    x, single = as_inputs(x)
    generator = torch_generator(random_state, x.device)
    bar = tqdm(total=len(x) * n_steps, desc="Lanczos", disable=not verbose, leave=False)
    with bar:
        rows = [_estimate(phi, point[None], n_probes, n_steps, normalize, generator, bar) for point in x]
    columns = [torch.stack(column) for column in zip(*rows, strict=True)]
    return LogVolumeEstimate(*(column[0] if single else column for column in columns))


def _estimate(
    phi: FeatureMap,
    x: Tensor,
    n_probes: int,
    n_steps: int,
    normalize: bool | None,
    generator: torch.Generator,
    bar: tqdm,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Value, standard error, truncation and rank at one point ``(1, *shape)``."""
    push, pull, (n, n_inputs) = _products(phi, x)
    q = min(n, n_inputs)
    signs = torch.randint(0, 2, (n_probes, q), generator=generator, device=x.device, dtype=torch.float64) * 2 - 1
    apply, transpose = (push, pull) if q == n_inputs else (pull, push)
    bidiagonal = _bidiagonalize(apply, transpose, signs / math.sqrt(q), min(n_steps, q), bar)
    per_probe, rank = _quadrature(bidiagonal, q, phi.eps)
    shorter, _ = _quadrature(bidiagonal[:, : max(1, 3 * n_steps // 4), : max(1, 3 * n_steps // 4)], q, phi.eps)
    value, size = per_probe.mean(), math.sqrt(n_probes)
    truncation = (shorter.mean() - value).abs()
    if phi.normalize if normalize is None else normalize:
        value = value - 0.5 * rank * math.log(n)
    return value, per_probe.std() / size, truncation, rank


def _products(phi: FeatureMap, x: Tensor) -> tuple[Product, Product, tuple[int, int]]:
    """``v (p, D) -> J v (p, n)``, ``w (p, n) -> Jᵀ w (p, D)``, in float64, and (n, D)."""
    x = x.to(_PRECISION[phi.eps])
    value, pullback_of = pullback(lambda u: phi.outputs(u.reshape(-1, *x.shape[1:])), x.flatten(1), _N_COPIES)

    def push(v: Tensor) -> Tensor:
        return phi.derivatives(x, v.reshape(-1, *x.shape[1:]))[0].mT

    def pull(w: Tensor) -> Tensor:
        return pullback_of(w[:, None].to(value))[:, 0].to(torch.float64)

    return push, pull, (value.shape[-1], x.numel())


def _bidiagonalize(apply: Product, transpose: Product, v: Tensor, n_steps: int, bar: tqdm) -> Tensor:
    """Upper bidiagonal ``B (p, k, k)`` with ``J V = U B``, V starting at the unit vectors ``v (p, q)``."""
    b = v.new_zeros(len(v), n_steps, n_steps)
    right, left = [v], list[Tensor]()
    for step in range(n_steps):
        u, b[:, step, step] = _orthonormal(apply(right[-1]), left)
        left.append(u)
        if step + 1 < n_steps:
            v, b[:, step, step + 1] = _orthonormal(transpose(u), right)
            right.append(v)
        bar.update()
    return b


def _orthonormal(vectors: Tensor, basis: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Unit parts ``(p, q)`` of vectors orthogonal to the basis so far, and their lengths; zero where none is left."""
    before = torch.linalg.vector_norm(vectors, dim=-1)
    for _ in range(2 if basis else 0):
        # Twice is enough (Kahan): once leaves errors the size of what cancelled.
        known = torch.stack(basis, 1)
        vectors = vectors - torch.einsum("pkq,pk->pq", known, torch.einsum("pkq,pq->pk", known, vectors))
    length = torch.linalg.vector_norm(vectors, dim=-1)
    length = torch.where(length > 1e-12 * before, length, 0.0)
    return torch.where(length > 0, 1.0, 0.0)[:, None] * vectors / length.clamp(min=1e-300)[:, None], length


def _quadrature(bidiagonal: Tensor, q: int, eps: float) -> tuple[Tensor, Tensor]:
    """``q Σ_j w_j log σ_j`` over the nonzero nodes, of each probe ``(p,)``, and the mean rank ``q Σ_j w_j``."""
    _, nodes, right = torch.linalg.svd(bidiagonal)
    weights = right[..., 0] ** 2
    nonzero = nodes > NOISE * eps * nodes.amax()
    logs = torch.where(nonzero, nodes, 1.0).log()
    return q * (weights * logs).sum(-1), q * (weights * nonzero).sum(-1).mean()

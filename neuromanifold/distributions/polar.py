r"""The polar angle of a von Mises–Fisher draw: the law of :math:`\varphi = \angle(\mu, x) \in [0, \pi]`.

With x on :math:`S^{m-1}` and concentration :math:`\kappa` its density is, up to a constant,

.. math:: e^{h(\varphi)}, \qquad h(\varphi) = \kappa \cos\varphi + (m - 2) \log \sin\varphi ,

one peak at :math:`\varphi^*`. Everything is written in the versine :math:`w = 1 - \cos\varphi`,
computed as :math:`2 \sin^2(\varphi/2)`, which keeps its digits where :math:`\cos\varphi` rounds to one.
Integrals are Gauss–Legendre sums over the window around the peak outside which the density is
negligible beside its height. No derivative is taken through a clamp: the derivative of a draw is an
integral of its own (:func:`sensitivity`).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["PolarAngle", "draw_angle", "peak", "quadrature", "sensitivity", "versine"]


@functools.lru_cache(maxsize=32)
def _precision(dtype: torch.dtype) -> tuple[float, int]:
    """Log of peak height over window edge, and number of nodes, that exhaust the resolution of ``dtype``."""
    return (40.0, 40) if dtype == torch.float64 else (24.0, 20)


def versine(angle: Tensor) -> Tensor:
    """``1 - cos(angle)`` without cancellation at small angles; works in place on its one temporary."""
    return (0.5 * angle).sin_().square_().mul_(2.0)


@functools.lru_cache(maxsize=32)
def quadrature(m: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Gauss–Legendre nodes and weights on [0, 1], enough of them for the precision of ``dtype``."""
    # In high dimension the bounds of `peak` are loose where kappa is near 2 m: the window holds more widths.
    nodes, weights = np.polynomial.legendre.leggauss(_precision(dtype)[1] * (1 if m <= 8 else 2))
    return (
        torch.as_tensor(0.5 * (nodes + 1.0), dtype=dtype, device=device),
        torch.as_tensor(0.5 * weights, dtype=dtype, device=device),
    )


def peak(kappa: Tensor, m: int) -> tuple[Tensor, Tensor, Tensor]:
    r"""Peak :math:`\varphi^*` of the density and how far left and right of it the density matters.

    :math:`\cos\varphi^* = 2\kappa / (m - 2 + \sqrt{(m-2)^2 + 4\kappa^2})`. Left of the peak h is at
    least as curved as at the peak. Right of it two bounds hold: that of a gamma law in w (Laurent &
    Massart 2000), good where :math:`\kappa` is large, and, good where it is small,
    :math:`-h'' = (m-2)/\sin^2\varphi + \kappa\cos\varphi \ge (m-2) - \kappa^2/4(m-2)`.
    """
    alpha = 0.5 * (m - 2)
    drop = _precision(kappa.dtype)[0]
    root = torch.hypot(kappa, torch.full_like(kappa, alpha))
    if m == 2:
        top = torch.zeros_like(kappa)
    else:
        top = 2.0 * torch.asin(torch.sqrt(0.5 * (alpha + alpha**2 / (root + kappa)) / (alpha + root)))
    left = torch.sqrt(2.0 * drop / (alpha + root))
    gamma_edge = (alpha + drop + math.sqrt(2.0 * alpha * drop)) / kappa
    right = 2.0 * torch.asin(torch.sqrt((0.5 * gamma_edge).clamp(max=1.0))) - top
    if m == 2:
        return top, left, right
    curvature = 2.0 * alpha - kappa.square() / (8.0 * alpha)
    curved = torch.sqrt(2.0 * drop / curvature.clamp(min=0.0))
    return top, left, torch.minimum(right, curved)


def draw_angle(kappa: Tensor, m: int, generator: torch.Generator | None = None) -> Tensor:
    r"""One exact draw of :math:`\varphi` per entry of ``kappa`` (any shape), without a graph.

    On :math:`S^2` by the inverse CDF, :math:`w = -\log(1 - u (1 - e^{-2\kappa}))/\kappa`, u uniform.
    Otherwise by rejection from a conformal image of the uniform law (Best & Fisher 1979 on the circle;
    Ulrich 1984; Wood 1994).
    """
    flat = kappa.detach().reshape(-1)
    angle = _draw_on_sphere(flat, generator) if m == 3 else _draw_by_rejection(flat, m, generator)
    return angle.reshape(kappa.shape)


def _draw_on_sphere(kappa: Tensor, generator: torch.Generator | None) -> Tensor:
    tiny = 1e-30  # the formula is already at its uniform limit there, and 0/0 at zero
    uniform = _open_uniform(kappa.shape, kappa, generator)
    kappa = kappa.clamp(min=tiny)
    w = (-torch.log1p(uniform * torch.expm1(-2.0 * kappa)) / kappa).clamp(tiny, 2.0)
    return 2.0 * torch.atan2(w.sqrt(), (2.0 - w).sqrt())


def _draw_by_rejection(kappa: Tensor, m: int, generator: torch.Generator | None) -> Tensor:
    r"""Rejection from a conformal image of the uniform law.

    Proposals are :math:`\tan(\varphi/2) = c \tan(\vartheta/2)`, :math:`\vartheta` the polar angle of a
    uniform point. Their density is :math:`\propto \sin^{m-2}\varphi\, (s + w)^{-a}` with
    :math:`a = m - 1` and :math:`c^2 = s/(s+2)`, so a draw is accepted with probability
    :math:`(q/a)^a e^{a-q}`, :math:`q = \kappa (s + w)`. The best s solves
    :math:`2 \kappa s = a + \sqrt{a^2 + 4\kappa^2} - 2\kappa`. Each further round makes four times as
    many tries for what is left, which keeps the rounds few: on a GPU each costs a synchronisation.
    """
    a = float(m - 1)
    kappa_s = 0.5 * (a + a**2 / (torch.hypot(2.0 * kappa, torch.full_like(kappa, a)) + 2.0 * kappa))
    stretch = torch.sqrt(kappa_s / (kappa_s + 2.0 * kappa))
    half_tangent = torch.empty_like(kappa)
    pending = torch.arange(kappa.numel(), device=kappa.device)
    tries = 1
    while pending.numel() > 0:
        shape = (tries, pending.numel())
        proposal = stretch[pending] * _uniform_half_tangent(shape, m, kappa, generator)
        w = 2.0 / (1.0 + proposal.square().reciprocal())
        q = kappa_s[pending] + kappa[pending] * w
        accepted = torch.log(_open_uniform(shape, kappa, generator)) <= a * (1.0 + torch.log(q / a)) - q
        first = accepted.to(torch.uint8).argmax(dim=0, keepdim=True)
        done = accepted.any(dim=0)
        half_tangent[pending[done]] = proposal.gather(0, first).squeeze(0)[done]
        pending = pending[~done]
        tries = min(4 * tries, 64)
    return 2.0 * torch.atan(half_tangent)


def _uniform_half_tangent(shape: tuple[int, ...], m: int, like: Tensor, generator: torch.Generator | None) -> Tensor:
    """``tan(angle / 2)`` of the polar angle of a uniform point of S^{m-1}."""
    if m == 2:
        return torch.tan(0.5 * math.pi * _open_uniform(shape, like, generator))
    normal = torch.randn(*shape, m, dtype=like.dtype, device=like.device, generator=generator)
    radius = torch.linalg.vector_norm(normal, dim=-1)
    return torch.linalg.vector_norm(normal[..., 1:], dim=-1) / (radius + normal[..., 0])


def _open_uniform(shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Uniform draws from the open interval: no logarithm of zero, no angle of exactly zero."""
    uniform = torch.rand(shape, dtype=like.dtype, device=like.device, generator=generator)
    return uniform.clamp_(min=0.25 * torch.finfo(like.dtype).eps)


def sensitivity(angle: Tensor, kappa: Tensor, deficit: Tensor, m: int) -> Tensor:
    r""":math:`d\varphi/d\kappa = -\partial_\kappa F(\varphi)/p(\varphi)`: the shift of a fixed quantile.

    Implicit reparametrisation (Figurnov et al. 2018), F the CDF and B = E[w] the ``deficit``. As
    :math:`\partial_\kappa \log p = B - w`, either tail gives it,

    .. math:: \frac{d\varphi}{d\kappa} = -\int_0^\varphi (B - w_\psi) \frac{p(\psi)}{p(\varphi)} d\psi
              = -\int_\varphi^\pi (w_\psi - B) \frac{p(\psi)}{p(\varphi)} d\psi ,

    and the integrand keeps one sign on the tail that does not hold the mean: nothing cancels in any dtype.
    """
    nodes, weights = quadrature(m, angle.dtype, angle.device)
    top, left, right = peak(kappa, m)
    w = versine(angle)
    below = w < deficit
    reach = torch.where(
        below,
        torch.minimum(angle, angle - torch.minimum(angle, top) + left),
        -torch.minimum(math.pi - angle, right),
    )
    psi = angle.unsqueeze(-1) - reach.unsqueeze(-1) * nodes
    w_psi = versine(psi)
    log_ratio = (w.unsqueeze(-1) - w_psi).mul_(kappa.unsqueeze(-1))
    if m > 2:
        log_ratio.add_(psi.sin_().div_(torch.sin(angle).unsqueeze(-1)).abs_().log_(), alpha=m - 2)
    integrand = w_psi.neg_().add_(deficit.unsqueeze(-1)).mul_(log_ratio.exp_())
    return -reach * (integrand @ weights)


class PolarAngle(torch.autograd.Function):
    """Draw of the polar angle whose derivative with respect to the concentration is exact."""

    @staticmethod
    def forward(ctx: Any, kappa: Tensor, deficit: Tensor, m: int, generator: torch.Generator | None) -> Tensor:
        """Draw; ``deficit`` is 1 - A(kappa), of the same shape."""
        angle = draw_angle(kappa, m, generator)
        ctx.save_for_backward(angle, kappa, deficit)
        ctx.m = m
        return angle

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        """Multiply by :func:`sensitivity`."""
        angle, kappa, deficit = ctx.saved_tensors
        return grad * sensitivity(angle, kappa, deficit, ctx.m), None, None, None

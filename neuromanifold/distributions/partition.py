r"""The partition function of the von Mises–Fisher law: the mean of its exponential over the sphere S^{m-1}.

.. math::
    Z(\kappa) &= \frac{1}{|S^{m-1}|} \int e^{\kappa \langle\mu, x\rangle} dx
               = \Gamma(m/2)\, (2/\kappa)^{m/2-1} I_{m/2-1}(\kappa), \\
    (\log Z)' &= A = E \langle\mu, x\rangle, \qquad
    A' = \mathrm{Var}\langle\mu, x\rangle = 1 - A^2 - (m - 1) A/\kappa .

The last formula cancels by a factor of :math:`\kappa`, and Bessel functions lose 1 - A in single
precision. So A, 1 - A and A' are each computed as sums of positive terms: a power series up to
:math:`\kappa = 2`, and above it means under the polar density
(:mod:`neuromanifold.distributions.polar`).
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from neuromanifold.distributions.polar import peak, quadrature, versine

__all__ = ["Partition", "log_sphere_area", "partition"]

_SERIES_END = 2.0  # largest kappa of the power series: its terms fall like 1/(j!)^2 from there on
_SERIES_LENGTH = 12


class Partition(NamedTuple):
    r"""Functions of the concentration, each differentiable once and shaped like it.

    Attributes
    ----------
    log_scaled : Tensor
        :math:`\log Z(\kappa) - \kappa`.
    resultant : Tensor
        Mean resultant length :math:`A = E\langle\mu, x\rangle`.
    deficit : Tensor
        1 - A, to full relative precision where A rounds to one.
    divergence : Tensor
        :math:`KL(\mathrm{vMF} \| \mathrm{uniform}) = \kappa A - \log Z`, nats.
    """

    log_scaled: Tensor
    resultant: Tensor
    deficit: Tensor
    divergence: Tensor


def log_sphere_area(m: int) -> float:
    r""":math:`\log |S^{m-1}| = \log 2 + (m/2) \log\pi - \log\Gamma(m/2)`."""
    return math.log(2.0) + 0.5 * m * math.log(math.pi) - math.lgamma(0.5 * m)


def partition(kappa: Tensor, m: int) -> Partition:
    """The partition function and its companions at every entry of ``kappa`` >= 0, on the sphere in R^m."""
    return Partition(*_PartitionFunction.apply(kappa, m))


class _PartitionFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kappa: Tensor, m: int) -> tuple[Tensor, ...]:
        low, high = (
            _by_series(kappa.clamp(max=_SERIES_END), m),
            _by_quadrature(kappa.clamp(min=_SERIES_END), m),
        )
        small = kappa < _SERIES_END
        log_scaled, resultant, deficit, divergence, variance = (
            torch.where(small, a, b) for a, b in zip(low, high, strict=True)
        )
        ctx.save_for_backward(kappa, deficit, variance)
        return log_scaled, resultant, deficit, divergence

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        kappa, deficit, variance = ctx.saved_tensors
        d_log_scaled, d_resultant, d_deficit, d_divergence = grads
        return (d_resultant - d_deficit + kappa * d_divergence) * variance - d_log_scaled * deficit, None


def _by_series(kappa: Tensor, m: int) -> tuple[Tensor, ...]:
    r"""From :math:`Z_m = \sum_j (\kappa^2/4)^j / (j!\,(m/2)_j)` and :math:`Z_m' = (\kappa/m) Z_{m+2}`."""
    base = (0.25 * kappa.square()).unsqueeze(-1)
    powers = base.expand(*kappa.shape, _SERIES_LENGTH).cumprod(dim=-1)
    excess, second, fourth = (powers @ _series_coefficients(m, kappa.dtype, kappa.device)).unbind(-1)
    second, fourth = 1.0 + second, 1.0 + fourth  # excess is Z_m - 1, these are Z_{m+2} and Z_{m+4}
    log_z = torch.log1p(excess)
    resultant = kappa / m * second / (1.0 + excess)
    square = (second / m + kappa.square() * fourth / (m * (m + 2))) / (1.0 + excess)
    return log_z - kappa, resultant, 1.0 - resultant, kappa * resultant - log_z, square - resultant.square()


@functools.lru_cache(maxsize=64)
def _series_coefficients(m: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    columns = [
        [math.exp(math.lgamma(h) - math.lgamma(h + j) - math.lgamma(j + 1)) for j in range(1, _SERIES_LENGTH + 1)]
        for h in (0.5 * m, 0.5 * m + 1.0, 0.5 * m + 2.0)
    ]
    return torch.tensor(columns, dtype=torch.float64).T.to(device=device, dtype=dtype)


def _by_quadrature(kappa: Tensor, m: int) -> tuple[Tensor, ...]:
    """Means of w and of (w - E w)^2 under the polar density, w = 1 - cos(angle)."""
    nodes, weights = quadrature(m, kappa.dtype, kappa.device)
    top, left, right = peak(kappa, m)
    start = (top - left).clamp(min=0.0)
    width = (top + right).clamp(max=math.pi) - start
    angle = start.unsqueeze(-1) + width.unsqueeze(-1) * nodes
    w, w_top = versine(angle), versine(top)
    log_height, log_ratio = -kappa * w_top, (w_top.unsqueeze(-1) - w).mul_(kappa.unsqueeze(-1))
    if m > 2:
        log_height = log_height + (m - 2) * torch.log(torch.sin(top))
        log_ratio.add_(angle.sin_().div_(torch.sin(top).unsqueeze(-1)).abs_().log_(), alpha=m - 2)
    density = log_ratio.exp_()
    total = density @ weights
    deficit = (density * w) @ weights / total
    variance = w.sub_(deficit.unsqueeze(-1)).square_().mul_(density) @ weights / total
    log_share = math.lgamma(0.5 * m) - math.lgamma(0.5 * (m - 1)) - 0.5 * math.log(math.pi)
    log_scaled = log_share + log_height + torch.log(width * total)
    return log_scaled, 1.0 - deficit, deficit, -kappa * deficit - log_scaled, variance

"""Kernels and the metric that each gives its inputs, ``g_ab(x) = ∂_{x_a} ∂_{y_b} k(x, y)|_{y=x}``.

============================  ==========================================  =====================================
kernel                        k(x, y)                                     metric, ``t = |x|²``
============================  ==========================================  =====================================
:class:`RBF`                  ``exp(-|x-y|²/2ℓ²)``                        ``δ/ℓ²``, flat
:class:`SmoothLaplace`        ``exp((ε - √(|x-y|² + ε²))/ℓ)``             ``δ/εℓ``, flat; infinite at ε = 0
:class:`DotProduct`           ``κ(x·y)``                                  ``κ'(t) δ + κ''(t) x xᵀ``
:class:`Polynomial`           ``(c + x·y)^q``                             the same
:class:`ArcCosine`            ``2 E[relu^r(w·x) relu^r(w·y)]``            r = 1: δ, flat; r = 2: ``4(tδ + 2x xᵀ)``
============================  ==========================================  =====================================

:class:`~neuromanifold.featuremaps.infinite_width.NNGP` and ``NTK`` are kernels too, and so are those that the
estimators of :mod:`~neuromanifold.featuremaps.kernel_learning` learn. Any smooth function ``k(x, y)`` of two points is
differentiated, and what comes out is checked against differences of the kernel itself.

Sources: Burges 1999; Cho & Saul 2009, 2011; Zavatone-Veth et al. 2025, appendix H.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from neuromanifold._errors import NotSmoothError
from neuromanifold._settings import check_number, check_positive, check_whole
from neuromanifold.featuremaps.differentiated import Differentiated
from neuromanifold.featuremaps.infinite_width import NNGP
from neuromanifold.featuremaps.kernel import Kernel
from neuromanifold.featuremaps.second_moments import pair_slope
from neuromanifold.geometry import taylor

__all__ = [
    "RBF",
    "ArcCosine",
    "DotProduct",
    "Kernel",
    "Polynomial",
    "SmoothLaplace",
    "Stationary",
    "as_kernel",
    "log_volume",
    "metric",
    "scalar_curvature",
]

AnyKernel = Kernel | Callable[[Any, Any], Any]


class Stationary(Kernel):
    """A kernel ``κ(|x-y|²)``, whose metric is ``-2κ'(0) δ``: constant, so flat."""

    @abstractmethod
    def profile(self, square: Tensor) -> Tensor:
        """κ, of squared distances of any shape."""

    @abstractmethod
    def slope(self, square: Tensor) -> Tensor:
        """κ'."""

    def gram(self, x: Tensor, y: Tensor) -> Tensor:
        # Differences, not |x|² + |y|² - 2x·y, which has no digits left for near points.
        return self.profile(((x[:, None] - y[None]) ** 2).sum(-1))

    def diagonal(self, x: Tensor) -> Tensor:
        return self.profile(torch.zeros_like(x[:, 0]))

    def slopes(self, x: Tensor, y: Tensor) -> Tensor:
        away = x[:, None] - y[None]
        return 2 * self.slope((away**2).sum(-1))[..., None] * away

    def diagonal_slope(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)

    def field(self, x: Tensor) -> Tensor:
        return -2 * self.slope(torch.zeros_like(x[:, 0]))[:, None, None] * torch.eye(x.shape[-1], dtype=x.dtype)


class RBF(Stationary):
    """``exp(-|x-y|²/2ℓ²)``.

    Parameters
    ----------
    length_scale : float
        ℓ > 0.
    """

    def __init__(self, length_scale: float = 1.0) -> None:
        check_positive("length_scale", length_scale)
        self.length_scale = float(length_scale)

    def profile(self, square: Tensor) -> Tensor:
        return torch.exp(-0.5 * square / self.length_scale**2)

    def slope(self, square: Tensor) -> Tensor:
        return -0.5 / self.length_scale**2 * self.profile(square)


class SmoothLaplace(Stationary):
    """``exp((ε - √(|x-y|² + ε²))/ℓ)``, the Laplace kernel with its cusp rounded off.

    Parameters
    ----------
    length_scale : float
        ℓ > 0.
    smoothing : float
        ε > 0, a length.

    Raises
    ------
    NotSmoothError
        If ε is 0: the metric of the Laplace kernel is infinite.
    """

    def __init__(self, length_scale: float = 1.0, smoothing: float = 0.1) -> None:
        if smoothing == 0:
            raise NotSmoothError(
                "the Laplace kernel has a cusp at y = x, so its metric is infinite; smooth it (smoothing > 0)"
            )
        check_positive("length_scale", length_scale)
        check_positive("smoothing", smoothing)
        self.length_scale, self.smoothing = float(length_scale), float(smoothing)

    def _radius(self, square: Tensor) -> Tensor:
        return torch.sqrt(square + self.smoothing**2)

    def profile(self, square: Tensor) -> Tensor:
        return torch.exp((self.smoothing - self._radius(square)) / self.length_scale)

    def slope(self, square: Tensor) -> Tensor:
        return -self.profile(square) / (2 * self.length_scale * self._radius(square))


class DotProduct(Kernel):
    """``κ(x·y)``.

    Parameters
    ----------
    profile : callable
        κ, elementwise on torch tensors, smooth.
    """

    def __init__(self, profile: Callable[[Tensor], Tensor]) -> None:
        self.profile = profile

    def gram(self, x: Tensor, y: Tensor) -> Tensor:
        return self.profile(x @ y.mT)

    def diagonal(self, x: Tensor) -> Tensor:
        return self.profile((x**2).sum(-1))

    def profile_slopes(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """κ' and κ'' at ``t (n,)``."""
        jet = taylor(self.profile, t[:, None], create_graph=True)
        return jet.first[:, 0, 0], jet.second[:, 0, 0, 0]

    def field(self, x: Tensor) -> Tensor:
        first, second = (f[:, None, None] for f in self.profile_slopes((x**2).sum(-1)))
        return first * torch.eye(x.shape[-1], dtype=x.dtype) + second * x[:, :, None] * x[:, None, :]


class Polynomial(DotProduct):
    """``(c + x·y)^q``.

    Parameters
    ----------
    degree : int
        q ≥ 1.
    shift : float
        c ≥ 0.
    """

    def __init__(self, degree: int = 2, shift: float = 1.0) -> None:
        check_whole("degree", degree, 1)
        # Below 0 the kernel is not positive.
        check_number("shift", shift, 0)
        self.degree, self.shift = int(degree), float(shift)
        super().__init__(lambda product: (self.shift + product) ** self.degree)

    def profile_slopes(self, t: Tensor) -> tuple[Tensor, Tensor]:
        q, base = self.degree, self.shift + t
        second = q * (q - 1) * base ** (q - 2) if q > 1 else torch.zeros_like(t)
        return q * base ** (q - 1), second


class ArcCosine(Kernel):
    """``2 E[max(w·x, 0)^r max(w·y, 0)^r]``, ``w ~ N(0, I)``. Cho & Saul 2009.

    Its metric is in closed form: differentiating an arc cosine at ``y = x``, clamped or not, gives a wrong one or NaN.

    Parameters
    ----------
    order : int
        r ≥ 1. For r = 0 the metric is infinite.
    """

    def __init__(self, order: int = 1) -> None:
        if order == 0:
            raise NotSmoothError(
                "the arc-cosine kernel of order 0 (step units) grows like |x-y| from y = x, so its metric is infinite; "
                "take order 1 (ReLU) or more"
            )
        check_whole("order", order, 1)
        self.order = int(order)
        self._layer = NNGP(f"relu({order})")

    def gram(self, x: Tensor, y: Tensor) -> Tensor:
        return 2 * self._layer.gram(x, y)

    def diagonal(self, x: Tensor) -> Tensor:
        return 2 * self._layer.diagonal(x)

    def diagonal_slope(self, x: Tensor) -> Tensor:
        return 2 * self._layer.diagonal_slope(x)

    def slopes(self, x: Tensor, y: Tensor) -> Tensor:
        # ∂k/∂x = a x + b y with b = ∂k/∂(x·y), and x·∂k/∂x = r k, since k is homogeneous in x.
        p, q, c = (x**2).sum(-1)[:, None], (y**2).sum(-1)[None, :], x @ y.mT
        b = 2 * pair_slope(self._layer.activation, p, q, c)
        a = torch.where(p > 0, (self.order * self.gram(x, y) - b * c) / p, 0.0)
        return a[..., None] * x[:, None] + b[..., None] * y[None]

    def field(self, x: Tensor) -> Tensor:
        return 2 * self._layer.field(x)

    def scalar_curvature(self, x: Any) -> Tensor:
        return self._layer.scalar_curvature(x) / 2


def as_kernel(kernel: AnyKernel) -> Kernel:
    """A kernel, or a function ``k(x, y)`` of two points as one."""
    return kernel if isinstance(kernel, Kernel) else Differentiated(kernel)


def metric(kernel: AnyKernel, x: Any) -> Tensor:
    """Metric ``g_ab(x) = ∂_{x_a} ∂_{y_b} k(x, y)|_{y=x}`` of a kernel: ``(n, D, D)``, float64.

    Parameters
    ----------
    kernel : Kernel or callable
        One of this module, or a smooth function of two points ``(D,)``, ``(D,)`` to a number (or of ``(n, D)``,
        ``(m, D)`` to ``(n, m)``), of torch tensors.
    x : array (n, D) or (D,)
        Points; one gives a result without the leading axis.

    Raises
    ------
    NotSmoothError
        If the derivative of the function does not agree with its own differences: a cusp (Laplace), where the metric is
        infinite, or a square root, arc cosine or clamp that hides the derivative at ``y = x``.
    """
    return as_kernel(kernel).metric(x)


def log_volume(kernel: AnyKernel, x: Any) -> Tensor:
    """``½ log det g``: ``(n,)``; over the nonzero eigenvalues where g is singular. See :func:`metric`."""
    return as_kernel(kernel).log_volume(x)


def scalar_curvature(kernel: AnyKernel, x: Any) -> Tensor:
    """Scalar curvature of g: ``(n,)``; NaN where g is singular. See :func:`metric`."""
    return as_kernel(kernel).scalar_curvature(x)

"""Kernels given as functions: differentiated at ``y = x``, and checked there.

Automatic differentiation is silent where a kernel is written with a square root, an arc cosine or a clamp that has no
derivative, or another one, at ``y = x``. The feature map's own displacement,

    |Φ(x+h) - Φ(x)|² = k(x+h, x+h) - 2 k(x, x+h) + k(x, x) ≈ hᵀ g h,

says what the metric must be: as h shrinks, the right one agrees with it ever better.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import jacfwd, jacrev, vmap

from neuromanifold._errors import InputError, NotSmoothError
from neuromanifold.featuremaps.kernel import Kernel
from neuromanifold.featuremaps.points import as_points

__all__ = ["Differentiated"]

_SHORT, _MOST_STEPS = 1e-4, 40  # the relative squared displacement of a step, and halvings to get there


class Differentiated(Kernel):
    """A function ``k(x, y)`` as a kernel.

    Parameters
    ----------
    function : callable
        Two points ``(D,)``, ``(D,)`` to a number, or ``(n, D)``, ``(m, D)`` to ``(n, m)``; of torch tensors, smooth.
    """

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        if not callable(function):
            raise InputError(f"a kernel is a Kernel or a function k(x, y) of two points; got {type(function).__name__}")
        self.function = function

    def gram(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.stack([_over(lambda b, a=a: self._value(a, b), y) for a in x])

    def field(self, x: Tensor) -> Tensor:
        return _over(jacfwd(jacrev(self._value, argnums=1), argnums=0), x, x)

    def metric(self, x: Any) -> Tensor:
        points, single = as_points(x)
        metric = self.field(points)
        self._check(points, metric)
        return metric[0] if single else metric

    def scalar_curvature(self, x: Any) -> Tensor:
        self.metric(x)
        return super().scalar_curvature(x)

    def _value(self, a: Tensor, b: Tensor) -> Tensor:
        """``k(a, b)``, a number."""
        try:
            value = self.function(a, b)
            value = value if getattr(value, "ndim", 0) == 0 else self.function(a[None], b[None])
        except (IndexError, RuntimeError, TypeError, ValueError):
            value = self.function(a[None], b[None])
        if not isinstance(value, Tensor) or value.numel() != 1:
            raise InputError(
                "a kernel is a function of two points (D,), (D,) to a number, made of torch operations; this one gave "
                f"{type(value).__name__} of shape {tuple(getattr(value, 'shape', ()))}"
            )
        return value.reshape(())

    def _check(self, x: Tensor, metric: Tensor) -> None:
        for point, g in zip(x, metric, strict=True):
            for axis, direction in enumerate(torch.eye(len(point), dtype=x.dtype)):
                size, step = self._short_step(point, direction)
                claimed = float(g[axis, axis])
                moved = [self._displacement(point, h * direction) / h**2 for h in (step, step / 4)]
                error, nearer = (abs(claimed - m) for m in moved)
                if not nearer <= max(0.5 * error, 0.02 * abs(moved[1]), 1e-9 * size):
                    raise NotSmoothError(
                        f"differentiating this kernel at y = x gives g = {claimed:.4g} along an axis, but its own "
                        f"differences give {moved[1]:.4g}: it has a cusp there (as Laplace, whose metric is infinite), "
                        "or is written with a square root, arc cosine or clamp that hides its derivative. Use a closed "
                        "form: featuremaps.kernels has RBF, SmoothLaplace, DotProduct, Polynomial, ArcCosine"
                    )

    def _short_step(self, point: Tensor, direction: Tensor) -> tuple[float, float]:
        """The size of the kernel, and a step along ``direction`` that is short beside it."""
        size = max(float(self._value(p, p).abs()) * scale for p, scale in ((point, 1.0), (point + direction, 1e-3)))
        step = 1.0
        for _ in range(_MOST_STEPS):
            if self._displacement(point, step * direction) <= _SHORT * size:
                break
            step *= 0.5
        return size, step

    def _displacement(self, point: Tensor, h: Tensor) -> float:
        """``|Φ(x+h) - Φ(x)|²``."""
        other = point + h
        return float(self._value(other, other) - 2 * self._value(point, other) + self._value(point, point))


def _over(function: Callable[..., Tensor], *rows: Tensor) -> Tensor:
    """``function`` of each row; one by one where vmap cannot follow it (branches on values)."""
    try:
        return vmap(function)(*rows)
    except RuntimeError:
        return torch.stack([function(*row) for row in zip(*rows, strict=True)])

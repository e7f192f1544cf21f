"""Functions of one variable with their first two derivatives, by the name torch gives them.

This is what a Taylor expansion needs to pass an activation:
``φ(x + Σ t_i x_i + ½ Σ t_i t_j x_ij) = φ + Σ t_i φ' x_i + ½ Σ t_i t_j (φ' x_ij + φ'' x_i x_j) + ...``
Functions that are not twice continuously differentiable are listed too, with the reason they are refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["NOT_SMOOTH", "SMOOTH", "Derivatives"]

Derivatives = tuple[Tensor, Tensor, Tensor]


def _softplus(x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Derivatives:
    slope = torch.sigmoid(beta * x) if beta != 1 else torch.sigmoid(x)
    return functional.softplus(x, beta, threshold), slope, beta * slope * (1 - slope)


def _tanh(x: Tensor) -> Derivatives:
    y = torch.tanh(x)
    slope = 1 - y * y
    return y, slope, -2 * y * slope


def _sigmoid(x: Tensor) -> Derivatives:
    y = torch.sigmoid(x)
    slope = y * (1 - y)
    return y, slope, slope * (1 - 2 * y)


def _silu(x: Tensor, inplace: bool = False) -> Derivatives:
    y = torch.sigmoid(x)
    slope = y * (1 - y)
    return x * y, y + x * slope, slope * (2 + x * (1 - 2 * y))


def _mish(x: Tensor, inplace: bool = False) -> Derivatives:
    soft, slope, bend = _softplus(x)
    y, y1, y2 = _tanh(soft)
    first = y1 * slope
    return x * y, y + x * first, 2 * first + x * (y2 * slope * slope + y1 * bend)


def _log_sigmoid(x: Tensor) -> Derivatives:
    slope = torch.sigmoid(-x)
    return functional.logsigmoid(x), slope, -slope * (1 - slope)


def _gelu(x: Tensor, approximate: str = "none") -> Derivatives:
    if approximate == "none":
        cdf = 0.5 * (1 + torch.erf(x * math.sqrt(0.5)))
        pdf = torch.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        return x * cdf, cdf + x * pdf, pdf * (2 - x * x)
    scale, cubic = math.sqrt(2 / math.pi), 0.044715
    y, slope, bend = _tanh(scale * (x + cubic * x**3))
    inner, inner2 = scale * (1 + 3 * cubic * x * x), 6 * scale * cubic * x
    first = slope * inner
    return (
        0.5 * x * (1 + y),
        0.5 * (1 + y) + 0.5 * x * first,
        first + 0.5 * x * (bend * inner**2 + slope * inner2),
    )


def _erf(x: Tensor) -> Derivatives:
    slope = (2 / math.sqrt(math.pi)) * torch.exp(-x * x)
    return torch.erf(x), slope, -2 * x * slope


def _sin(x: Tensor) -> Derivatives:
    y = torch.sin(x)
    return y, torch.cos(x), -y


def _cos(x: Tensor) -> Derivatives:
    y = torch.cos(x)
    return y, -torch.sin(x), -y


def _tan(x: Tensor) -> Derivatives:
    y = torch.tan(x)
    slope = 1 + y * y
    return y, slope, 2 * y * slope


def _exp(x: Tensor) -> Derivatives:
    y = torch.exp(x)
    return y, y, y


def _expm1(x: Tensor) -> Derivatives:
    slope = torch.exp(x)
    return torch.expm1(x), slope, slope


def _log(x: Tensor) -> Derivatives:
    slope = 1 / x
    return torch.log(x), slope, -slope * slope


def _log1p(x: Tensor) -> Derivatives:
    slope = 1 / (1 + x)
    return torch.log1p(x), slope, -slope * slope


def _sqrt(x: Tensor) -> Derivatives:
    y = torch.sqrt(x)
    slope = 0.5 / y
    return y, slope, -0.5 * slope / x


def _rsqrt(x: Tensor) -> Derivatives:
    y = torch.rsqrt(x)
    slope = -0.5 * y / x
    return y, slope, -1.5 * slope / x


def _reciprocal(x: Tensor) -> Derivatives:
    y = 1 / x
    square = y * y
    return y, -square, 2 * square * y


def _square(x: Tensor) -> Derivatives:
    return x * x, 2 * x, torch.full_like(x, 2.0)


def _sinh(x: Tensor) -> Derivatives:
    y = torch.sinh(x)
    return y, torch.cosh(x), y


def _cosh(x: Tensor) -> Derivatives:
    y = torch.cosh(x)
    return y, torch.sinh(x), y


def _atan(x: Tensor) -> Derivatives:
    slope = 1 / (1 + x * x)
    return torch.atan(x), slope, -2 * x * slope * slope


def _power(x: Tensor, exponent: float) -> Derivatives:
    # Whole powers 0, 1, 2 have a vanishing derivative that x^(p-2) would turn into 0 · inf at x = 0.
    first, second = exponent, exponent * (exponent - 1)
    zero = torch.zeros_like(x)
    return (
        x**exponent,
        first * x ** (exponent - 1) if first else zero,
        second * x ** (exponent - 2) if second else zero,
    )


SMOOTH: dict[str, Callable[..., Derivatives]] = {
    "softplus": _softplus,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "silu": _silu,
    "gelu": _gelu,
    "mish": _mish,
    "log_sigmoid": _log_sigmoid,
    "erf": _erf,
    "sin": _sin,
    "cos": _cos,
    "tan": _tan,
    "exp": _exp,
    "expm1": _expm1,
    "log": _log,
    "log1p": _log1p,
    "sqrt": _sqrt,
    "rsqrt": _rsqrt,
    "reciprocal": _reciprocal,
    "square": _square,
    "sinh": _sinh,
    "cosh": _cosh,
    "atan": _atan,
    "arctan": _atan,
    "pow": _power,
}

# Name of the function, as torch calls it -> name of the modules that are made of it.
NOT_SMOOTH: dict[str, tuple[str, ...]] = {
    "relu": ("ReLU",),
    "relu6": ("ReLU6",),
    "leaky_relu": ("LeakyReLU",),
    "rrelu": ("RReLU",),
    "prelu": ("PReLU",),
    "elu": ("ELU",),
    "celu": ("CELU",),
    "selu": ("SELU",),
    "hardtanh": ("Hardtanh",),
    "hardswish": ("Hardswish",),
    "hardsigmoid": ("Hardsigmoid",),
    "hardshrink": ("Hardshrink",),
    "softshrink": ("Softshrink",),
    "softsign": ("Softsign",),
    "threshold": ("Threshold",),
    "abs": (),
    "clamp": (),
    "clip": (),
    "clamp_min": (),
    "clamp_max": (),
    "maximum": (),
    "minimum": (),
    "fmod": (),
    "sign": (),
    "round": (),
    "floor": (),
    "ceil": (),
    "max_pool1d": ("MaxPool1d", "AdaptiveMaxPool1d"),
    "max_pool2d": ("MaxPool2d", "AdaptiveMaxPool2d"),
    "max_pool3d": ("MaxPool3d", "AdaptiveMaxPool3d"),
}

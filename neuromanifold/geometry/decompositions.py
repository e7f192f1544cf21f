"""Torch functions written out in simpler ones, where torch's nested forward mode is wrong or missing.

torch 2.13 silently gives a wrong second derivative, by nested forward mode, of ``layer_norm``,
``instance_norm``, ``det``, ``slogdet``, ``logdet`` and ``solve`` (its formulas reuse saved results that
do not carry the outer tangent), and refuses ``silu``, ``mish``, ``glu`` and ``cdist``. Inside the context
:class:`Decomposed` they are made of functions whose derivatives are right (each is tested against central
differences).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

__all__ = ["COMPOSITES", "Decomposed"]


class Decomposed(TorchFunctionMode):
    """Context in which the functions of this module are written out."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        rule = _RULES.get(getattr(func, "__name__", "").removeprefix("linalg_"))
        result = NotImplemented if rule is None else rule(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {})) if result is NotImplemented else result


def _silu(x: Tensor, inplace: bool = False) -> Tensor:
    return x * torch.sigmoid(x)


def _mish(x: Tensor, inplace: bool = False) -> Tensor:
    return x * torch.tanh(functional.softplus(x))


def _glu(x: Tensor, dim: int = -1) -> Tensor:
    a, b = x.chunk(2, dim)
    return a * torch.sigmoid(b)


def _layer_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    y = _standardized(x, tuple(range(-len(normalized_shape), 0)), eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def _instance_norm(
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    shape = (-1,) + (1,) * (x.ndim - 2)
    if use_input_stats or running_mean is None or running_var is None:
        y = _standardized(x, tuple(range(2, x.ndim)), eps)
    else:
        y = (x - running_mean.reshape(shape)) * torch.rsqrt(running_var.reshape(shape) + eps)
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def _standardized(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    centred = x - x.mean(dims, keepdim=True)
    return centred * torch.rsqrt((centred * centred).mean(dims, keepdim=True) + eps)


def _vector_norm(x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    if ord != 2 or dim is None or dtype is not None:
        return NotImplemented
    return (x * x).sum(dim, keepdim=keepdim).sqrt()


def _norm(x: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    return _vector_norm(x, 2, dim, keepdim, dtype) if p in (None, "fro", 2) and isinstance(dim, int) else NotImplemented


def _cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: Any = None) -> Any:
    if p != 2:
        return NotImplemented
    return ((x1[..., :, None, :] - x2[..., None, :, :]) ** 2).sum(-1).sqrt()


def _pivots(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Sign of ``det Q`` and diagonal of R of ``A = Q R``."""
    q, r = torch.linalg.qr(matrix)
    return torch.det(q.detach()).sign(), r.diagonal(dim1=-2, dim2=-1)


def _det(matrix: Tensor) -> Tensor:
    sign, pivots = _pivots(matrix)
    return sign * pivots.prod(-1)


def _slogdet(matrix: Tensor) -> tuple[Tensor, Tensor]:
    sign, pivots = _pivots(matrix)
    return sign * pivots.sign().prod(-1), pivots.abs().log().sum(-1)


def _logdet(matrix: Tensor) -> Tensor:
    return _det(matrix).log()


def _solve(matrix: Tensor, right: Tensor, *, left: bool = True) -> Tensor:
    if not left:
        return right @ torch.linalg.inv(matrix)
    is_vector = right.ndim == 1 or (right.ndim == matrix.ndim - 1 and right.shape == matrix.shape[:-1])
    solution = torch.linalg.inv(matrix) @ (right[..., None] if is_vector else right)
    return solution[..., 0] if is_vector else solution


# Functions that jets go through by what they are made of.
COMPOSITES: dict[str, Callable[..., Any]] = {
    "glu": _glu,
    "layer_norm": _layer_norm,
    "instance_norm": _instance_norm,
    "linalg_vector_norm": _vector_norm,
    "norm": _norm,
    "cdist": _cdist,
}

_RULES: dict[str, Callable[..., Any]] = {
    "silu": _silu,
    "mish": _mish,
    "glu": _glu,
    "layer_norm": _layer_norm,
    "instance_norm": _instance_norm,
    "cdist": _cdist,
    "det": _det,
    "slogdet": _slogdet,
    "logdet": _logdet,
    "solve": _solve,
}

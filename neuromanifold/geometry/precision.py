"""Precision: the dtype a map is evaluated in, whatever its parameters are stored in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

__all__ = ["in_dtype", "own_device", "own_dtype"]


def in_dtype(function: Callable[..., Any], dtype: torch.dtype) -> Callable[..., Any]:
    """``function`` evaluated in ``dtype``: a module's parameters are cast, differentiably; any other map
    is itself.
    """
    if not isinstance(function, nn.Module):
        return function
    state = {**dict(function.named_parameters()), **dict(function.named_buffers())}
    cast = {name: t.to(dtype) for name, t in state.items() if t.is_floating_point() and t.dtype != dtype}
    if not cast:
        return function
    return lambda x: functional_call(function, cast, (x,))


def own_dtype(function: Any, default: torch.dtype) -> torch.dtype:
    """The dtype of a module's first floating-point parameter, else ``default``."""
    if isinstance(function, nn.Module):
        for parameter in function.parameters():
            if parameter.is_floating_point():
                return parameter.dtype
    return default


def own_device(function: Any) -> torch.device:
    """The device of a module's first parameter, else the CPU."""
    parameters = function.parameters() if isinstance(function, nn.Module) else iter(())
    return next((parameter.device for parameter in parameters), torch.device("cpu"))

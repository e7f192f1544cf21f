"""Propagation: the way of a jet through a module and its parts.

A jet is first passed to the map as if it were a tensor. Where some code refuses it (it changes tensors in
place, is compiled, or wants a real tensor), that part alone is differentiated by nested forward mode: the
children of a container are tried one by one, and only a part without children, or a container whose own
code refuses, falls back.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from neuromanifold._errors import NotSmoothError
from neuromanifold.geometry.jets import Jet
from neuromanifold.geometry.nested import nested_streams
from neuromanifold.geometry.precision import in_dtype
from neuromanifold.geometry.reverse import reverse_streams

__all__ = ["propagate"]


def propagate(function: Callable[..., Any], streams: Tensor, k: int, order: int) -> Tensor:
    """Streams ``(S, *out)`` of ``function`` (tensor -> tensor) from the streams ``(S, *in)`` of its
    argument.
    """
    if _is_plain_sequence(function):
        for module in function:  # type: ignore[attr-defined]
            streams = propagate(module, streams, k, order)
        return streams
    attempts = [in_dtype(function, streams.dtype)]
    if isinstance(function, nn.Module) and any(True for _ in function.children()):
        attempts.append(in_dtype(_with_carriers(function), streams.dtype))
    for attempt in attempts:
        try:
            return _streams_of(attempt(Jet(streams, k, order)), streams)
        except NotSmoothError:
            raise
        except Exception:
            # Whatever refused the jet. Code that is itself at fault fails again below, in the open.
            continue
    return _without_jets(attempts[0], streams, k, order)


def _without_jets(function: Callable[..., Any], streams: Tensor, k: int, order: int) -> Tensor:
    """By nested forward mode or, where that cannot follow either, by reverse mode."""
    try:
        return nested_streams(function, [streams], k, order)
    except Exception as error:
        try:
            return reverse_streams(function, streams, k, order)
        except Exception:
            raise error from None


def _streams_of(out: Any, streams: Tensor) -> Tensor:
    """Streams of a result, which does not depend on the argument if it is a tensor."""
    if isinstance(out, Jet):
        return out._streams
    return torch.cat([out[None], out.new_zeros(len(streams) - 1, *out.shape)])


def _is_plain_sequence(function: Any) -> bool:
    if not isinstance(function, nn.Sequential) or type(function).forward is not nn.Sequential.forward:
        return False
    return not (function._forward_hooks or function._forward_pre_hooks)


class _Carrier(nn.Module):
    """A child module that carries jets through itself by :func:`propagate`."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(x, Jet) or args or kwargs:
            return self.module(x, *args, **kwargs)
        return Jet(propagate(self.module, x._streams, x._k, x._order), x._k, x._order)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("module"), name)


def _with_carriers(module: nn.Module) -> nn.Module:
    """A shallow copy of a container whose children carry jets; the container itself is left alone."""
    twin = copy.copy(module)
    children = {
        name: _with_carriers(child) if isinstance(child, (nn.ModuleList, nn.ModuleDict)) else _Carrier(child)
        for name, child in module.named_children()
    }
    twin.__dict__["_modules"] = {**module._modules, **children}
    return twin

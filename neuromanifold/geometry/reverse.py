"""First and second derivatives by reverse mode alone: the last resort, for code that only plain autograd
can follow.

A derivative along v is a gradient of a gradient: with ``g(w) = Jᵀ w``, ``J v = ∂(g · v)/∂w``. Functions
that fill tensors they have made, or with their own backward rule, can be differentiated so and in no
other way.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

from neuromanifold.geometry.nested import pairs

__all__ = ["pullback", "reverse_jacobian", "reverse_streams"]


def reverse_streams(function: Callable[[Tensor], Tensor], streams: Tensor, k: int, order: int) -> Tensor:
    """Streams ``(S, *out)`` of ``function`` from the streams ``(S, *in)`` of its argument."""
    keep = torch.is_grad_enabled()
    with torch.enable_grad():
        x = streams[0] if streams[0].requires_grad else streams[0].detach().requires_grad_()
        value = function(x)
        along = _pushforward(value, x)
        firsts = [along(v) for v in streams[1 : k + 1]]
        out = [value, *firsts]
        if order == 2:
            turning = [_pushforward(first, x) for first in firsts]
            out += [
                turning[j](streams[i + 1]) + along(x_ij)
                for (i, j), x_ij in zip(pairs(k), streams[k + 1 :], strict=True)
            ]
        result = torch.stack(out)
    return result if keep else result.detach()


def reverse_jacobian(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Values ``(n, d)`` and Jacobians ``(n, d, k)`` of a function of batches, one backward pass an output.

    The cheaper way for maps of many coordinates into few. No graph is kept.
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value = function(x)
        columns = [column.sum() for column in value.unbind(1)]
    rows = [torch.autograd.grad(c, x, retain_graph=True, materialize_grads=True)[0] for c in columns]
    return value.detach(), torch.stack(rows, dim=1)


def pullback(
    function: Callable[[Tensor], Tensor], x: Tensor, n_copies: int
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Values ``(n, d)`` of a function of batches at points ``(n, k)``, and its pullback ``w -> Jᵀ w`` there.

    The pullback takes c covectors at each point, ``(c, n, d)``, to ``(c, n, k)``. The function is evaluated at
    ``n_copies`` copies of the points, and a backward pass takes as many covectors as there are copies: true batches,
    where torch's batched gradients (``is_grads_batched``) go through a convolution row by row, at twice the time.
    Values and covectors carry no graph.
    """
    with torch.enable_grad():
        copies = x.detach().repeat(n_copies, 1).requires_grad_()
        value = function(copies)
    shape = (n_copies, len(x), value.shape[-1])

    def pull(w: Tensor) -> Tensor:
        if not value.requires_grad:
            return x.new_zeros(len(w), *x.shape)
        parts = []
        for part in w.split(n_copies):
            covectors = pad(part.flatten(1), (0, 0, 0, n_copies - len(part))).reshape(value.shape)
            (pulled,) = torch.autograd.grad(value, copies, covectors, retain_graph=True, materialize_grads=True)
            parts.append(pulled.unflatten(0, shape[:2])[: len(part)])
        return torch.cat(parts)

    return value.detach()[: len(x)], pull


def _pushforward(y: Tensor, x: Tensor) -> Callable[[Tensor], Tensor]:
    """``v -> J v`` for the Jacobian J of y with respect to x."""
    if not y.requires_grad:
        return lambda v: torch.zeros_like(y)
    w = torch.zeros_like(y).requires_grad_()
    (pulled,) = torch.autograd.grad(y, x, w, create_graph=True, materialize_grads=True)
    if not pulled.requires_grad:
        return lambda v: torch.zeros_like(y)
    return lambda v: torch.autograd.grad(pulled, w, v, create_graph=True, materialize_grads=True)[0]

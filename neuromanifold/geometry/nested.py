"""First and second derivatives by nested forward mode: slower than jets, for code they cannot go through.

Along a curve ``x(t) = x + Σ t_i x_i + ½ Σ t_i t_j x_ij`` the derivatives of ``y = h(x(t))`` are
``y_i = ∂h x_i`` and ``y_ij = ∂²h(x_i, x_j) + ∂h x_ij``. The second is the derivative of the function
``(x, x_j) -> ∂h x_j`` along ``(x_i, x_ij)``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.func import jvp
from torch.nn.attention import SDPBackend, sdpa_kernel

from neuromanifold.geometry.decompositions import Decomposed

__all__ = ["n_streams", "nested_streams", "pairs"]


def pairs(k: int) -> list[tuple[int, int]]:
    """Index pairs i ≤ j of the second derivatives in k directions, in the order of the streams of a jet."""
    return [(i, j) for i in range(k) for j in range(i, k)]


def n_streams(k: int, order: int) -> int:
    """Streams of a jet in k directions: value, first and (order 2) second derivatives."""
    return 1 + k + (k * (k + 1) // 2 if order == 2 else 0)


def nested_streams(function: Callable[..., Tensor], inputs: Sequence[Tensor], k: int, order: int) -> Tensor:
    """Streams ``(S, *out)`` of ``function(*tensors)`` from the streams ``(S, *in)`` of each of its
    arguments.
    """
    values = tuple(x[0] for x in inputs)
    firsts = tuple(x[1 : k + 1] for x in inputs)
    # Fused attention has no forward derivative; the plain one does. Functions without a batching rule are
    # slow, and torch says so at each; nothing follows from it for the user.
    with Decomposed(), sdpa_kernel([SDPBackend.MATH]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="There is a performance drop")
        if k == 0:
            return function(*values)[None]
        if order == 1:
            value, first = torch.vmap(lambda *v: _slope(function, values, v))(*firsts)
            return torch.cat([value[:1], first])
        return _second_order(function, values, firsts, tuple(x[k + 1 :] for x in inputs))


def _slope(
    function: Callable[..., Tensor], point: tuple[Tensor, ...], direction: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor]:
    value, first = jvp(function, point, direction)[:2]
    return value, first


def _second_order(
    function: Callable[..., Tensor],
    values: tuple[Tensor, ...],
    firsts: tuple[Tensor, ...],
    seconds: tuple[Tensor, ...],
) -> Tensor:
    """All streams, from one derivative of a derivative for each pair i ≤ j, together."""
    n, k = len(values), len(firsts[0])
    rows, columns = ([pair[side] for pair in pairs(k)] for side in (0, 1))

    def slope(*state: Tensor) -> tuple[Tensor, Tensor]:
        return _slope(function, state[:n], state[n:])

    def along(*directions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x_i, x_j, x_ij = directions[:n], directions[n : 2 * n], directions[2 * n :]
        (value, first), (_, second) = jvp(slope, values + x_j, x_i + x_ij)[:2]
        return value, first, second

    pairwise = (*(x[rows] for x in firsts), *(x[columns] for x in firsts), *seconds)
    value, first, second = torch.vmap(along)(*pairwise)
    # The pairs (0, j) come first, and have the derivative along j.
    return torch.cat([value[:1], first[:k], second])

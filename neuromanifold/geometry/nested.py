"""First and second derivatives by nested forward mode: slower than jets, and right for whatever torch can
differentiate.

Along a curve ``x(t) = x + Σ t_i x_i + ½ Σ t_i t_j x_ij`` the derivatives of ``y = h(x(t))`` are
``y_i = ∂h x_i`` and ``y_ij = ∂²h(x_i, x_j) + ∂h x_ij``: the derivative, along ``(x_i, x_ij)``, of ``(x,
x_j) -> ∂h x_j``.
"""

from __future__ import annotations

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
    # Fused attention has no forward derivative; the plain one does.
    with Decomposed(), sdpa_kernel([SDPBackend.MATH]):
        if k == 0:
            return function(*values)[None]
        if order == 1:
            value, first = torch.vmap(lambda *v: _slope(function, values, v))(*firsts)
            return torch.cat([value[:1], first])
        seconds = tuple(_symmetric(x[k + 1 :], k) for x in inputs)
        value, first, second = _second_derivatives(function, values, firsts, seconds)
    return torch.stack([value, *first, *(second[i, j] for i, j in pairs(k))])


def _symmetric(streams: Tensor, k: int) -> Tensor:
    """``(k, k, *shape)`` from the k(k+1)/2 streams of its upper triangle."""
    place = {pair: index for index, pair in enumerate(pairs(k))}
    rows = [[streams[place[min(i, j), max(i, j)]] for j in range(k)] for i in range(k)]
    return torch.stack([torch.stack(row) for row in rows])


def _slope(
    function: Callable[..., Tensor], point: tuple[Tensor, ...], direction: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor]:
    value, first = jvp(function, point, direction)[:2]
    return value, first


def _second_derivatives(
    function: Callable[..., Tensor],
    values: tuple[Tensor, ...],
    firsts: tuple[Tensor, ...],
    seconds: tuple[Tensor, ...],
) -> tuple[Tensor, Tensor, Tensor]:
    n = len(values)

    def slope(*state: Tensor) -> tuple[Tensor, Tensor]:
        return _slope(function, state[:n], state[n:])

    def along(*directions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x_i, x_j, x_ij = directions[:n], directions[n : 2 * n], directions[2 * n :]
        (value, first), (_, second) = jvp(slope, values + x_j, x_i + x_ij)[:2]
        return value, first, second

    inner = torch.vmap(along, in_dims=(None,) * n + (0,) * (2 * n))
    value, first, second = torch.vmap(inner, in_dims=(0,) * n + (None,) * n + (0,) * n)(
        *firsts, *firsts, *seconds
    )
    return value[0, 0], first[0], second

"""How many points to differentiate at a time: what fits the cache, and no more than memory allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from neuromanifold.geometry.maps import Stages

__all__ = ["N_COPIES", "fitting", "numbers_per_point", "points_per_chunk"]

# Streams of the widest layer that stay in a core's share of the cache. Smaller chunks waste time in overhead
# (each reads all weights again), larger ones in memory traffic.
_CACHE_BYTES = 4 << 20
_SMALLEST_CHUNK = 16
# Tensors of the size of a layer's streams that are alive at once while an activation is differentiated.
N_COPIES = 6


class _Sizes(TorchDispatchMode):
    """Records how many numbers each operation makes."""

    def __init__(self) -> None:
        super().__init__()
        self.numels: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(tensor, Tensor):
                self.numels.append(tensor.numel())
        return out


def points_per_chunk(stages: Stages, u: Tensor, n_streams: int, memory: int, on_points: bool) -> int:
    """Points per chunk, from the most numbers that one point becomes on its way through the map."""
    x = u[:1].to(stages.dtype)
    if stages.chart is not None and not on_points:
        x = stages.chart.embed(x)
    width = max([1, *numbers_per_point(stages.evaluate, x)])
    return fitting(n_streams * width * (torch.finfo(stages.dtype).bits // 8), memory, u.device)


def fitting(bytes_per_point: int, memory: int, device: torch.device) -> int:
    """Points whose widest layer, ``bytes_per_point`` each, fits the cache and the memory."""
    allowed = memory // (N_COPIES * bytes_per_point)
    if device.type != "cpu":
        return max(allowed, 1)
    return max(min(allowed, max(_CACHE_BYTES // bytes_per_point, _SMALLEST_CHUNK)), 1)


def numbers_per_point(function: Callable[[Tensor], Tensor], x: Tensor) -> list[int]:
    """Numbers that each operation of a function of batches makes for one point ``x (1, ...)``.

    They are what two more points add, so that weights do not count.
    """
    one, three = _sizes(function, x), _sizes(function, x.expand(3, *x.shape[1:]))
    return [(b - a + 1) // 2 for a, b in zip(one, three, strict=False)]


def _sizes(function: Callable[[Tensor], Tensor], x: Tensor) -> list[int]:
    with torch.no_grad(), _Sizes() as sizes:
        function(x)
    return sizes.numels

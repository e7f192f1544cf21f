"""How many points to differentiate at a time: what fits the processor's cache, and no more than the
memory allows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from neuromanifold.geometry.maps import Stages
from neuromanifold.geometry.precision import own_dtype

__all__ = ["points_per_chunk"]

# Streams of one layer that stay in a second-level cache; smaller chunks waste time in overhead, larger
# ones in memory.
_CACHE_BYTES = 1 << 20
_SMALLEST_CHUNK = 16
# Tensors of the size of a layer's streams that are alive at once while an activation is differentiated.
_N_COPIES = 6


class _Widest(TorchDispatchMode):
    """Records the largest tensor that any operation makes."""

    numel = 1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(tensor, Tensor):
                self.numel = max(self.numel, tensor.numel())
        return out


def points_per_chunk(stages: Stages, u: Tensor, n_streams: int, memory: int, on_points: bool) -> int:
    """Points per chunk, from the widest tensor that one point makes on its way through the map."""
    width = _widest(stages, u, on_points)
    bytes_per_point = n_streams * width * torch.finfo(stages.dtype).bits // 8
    allowed = memory // (_N_COPIES * bytes_per_point)
    if u.device.type != "cpu":
        return max(allowed, 1)
    return max(min(allowed, max(_CACHE_BYTES // bytes_per_point, _SMALLEST_CHUNK)), 1)


def _widest(stages: Stages, u: Tensor, on_points: bool) -> int:
    x = u[:1].to(stages.dtype)
    if stages.chart is not None and not on_points:
        x = stages.chart.embed(x)
    with torch.no_grad(), _Widest() as widest:
        for function in stages.functions:
            x = x.to(own_dtype(function, stages.dtype))
            x = function(x[0])[None] if stages.pointwise else function(x)
    return max(widest.numel, x.numel())

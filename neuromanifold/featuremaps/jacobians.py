"""The whole Jacobian of a layer, ``J (n, D)`` at each point, in bounded memory.

Its rows are pullbacks (reverse mode), its columns directional derivatives (forward mode); whichever are fewer
are computed, a chunk at a time, in the network's own precision, and collected in float64. A chunk takes

    chunk · (N_COPIES · numbers of the widest operation + activations) · (bytes of a number)

where activations are the numbers of all operations in reverse mode, 0 in forward mode; so the chunk follows from a
memory budget. On a CPU it is also kept small enough for the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from tqdm import tqdm

from neuromanifold import geometry
from neuromanifold._errors import InputError
from neuromanifold.geometry.chunks import N_COPIES, fitting, numbers_per_point
from neuromanifold.geometry.reverse import pullback

__all__ = ["Plan", "full_jacobian", "plan"]

# The Jacobian itself, and the copies that a singular value decomposition works on.
_N_JACOBIANS = 4


@dataclass(frozen=True)
class Plan:
    """How the Jacobians of a layer are computed.

    Attributes
    ----------
    mode : {"reverse", "forward"}
        By rows or by columns: whichever are fewer.
    n_outputs, n_inputs : int
        n and D.
    chunk : int
        Rows or columns at a time, over all points.
    peak : int
        Predicted bytes for one point, beside the network's parameters: activations, chunk, Jacobian and
        its singular values.
    """

    mode: Literal["reverse", "forward"]
    n_outputs: int
    n_inputs: int
    chunk: int
    peak: int


def plan(h: Callable[[Tensor], Tensor], x: Tensor, memory: int) -> Plan:
    """The plan for a function of batches ``h: (b, D) -> (b, n)`` at points ``x (b, D)``, in the precision of x.

    Parameters
    ----------
    memory : int
        Bytes that a chunk may take, and bytes that one Jacobian may take.

    Raises
    ------
    InputError
        If one Jacobian takes more.
    """
    with torch.no_grad():
        n_outputs, n_inputs = h(x[:1]).shape[-1], x.shape[-1]
    jacobian_bytes = 8 * n_outputs * n_inputs
    if jacobian_bytes > memory:
        raise InputError(
            f"a Jacobian of {n_outputs} outputs by {n_inputs} inputs takes {jacobian_bytes / 1e6:,.0f} MB, more than "
            f"memory = {memory / 1e6:,.0f} MB; allow more, pool the layer's output, restrict the map to a plane, or "
            "estimate its volume (featuremaps.estimate_log_volume), which needs no Jacobian"
        )
    n_bytes = torch.finfo(x.dtype).bits // 8
    numbers = [n_bytes * number for number in numbers_per_point(h, x[:1])]
    width = max([n_bytes, *numbers])
    reverse = n_outputs <= n_inputs
    each = N_COPIES * width + (sum(numbers) if reverse else 0)
    allowed = min(fitting(width, memory, x.device), max(memory // each, 1))
    chunk = min(allowed, len(x) * min(n_outputs, n_inputs))
    peak = chunk * each + _N_JACOBIANS * jacobian_bytes
    return Plan("reverse" if reverse else "forward", n_outputs, n_inputs, chunk, peak)


def full_jacobian(h: Callable[[Tensor], Tensor], x: Tensor, how: Plan, *, verbose: bool = False) -> Tensor:
    """Jacobians ``(b, n, D)``, float64, of ``h: (b, D) -> (b, n)`` at points ``x (b, D)``, without a graph."""
    out = torch.empty(len(x), how.n_outputs, how.n_inputs, dtype=torch.float64, device=x.device)
    n_points = -(-len(x) // -(-len(x) // how.chunk))  # groups of points that are about equally large
    size = how.chunk // n_points
    fill, total = (_rows, how.n_outputs) if how.mode == "reverse" else (_columns, how.n_inputs)
    n_steps = -(-len(x) // n_points) * -(-total // size)
    with tqdm(total=n_steps, desc="Jacobian", disable=not verbose or n_steps == 1, leave=False) as bar:
        for points, place in zip(x.split(n_points), out.split(n_points), strict=True):
            for _ in fill(h, points, place, size):
                bar.update()
    return out


def _rows(h: Callable[[Tensor], Tensor], x: Tensor, out: Tensor, size: int) -> Iterator[None]:
    """Fill ``out (b, n, D)`` by pullbacks of the outputs' covectors."""
    value, pull = pullback(h, x, min(size, out.shape[1]))
    covectors = torch.eye(value.shape[-1], dtype=value.dtype, device=x.device)
    for rows in torch.arange(len(covectors), device=x.device).split(size):
        out[:, rows] = pull(covectors[rows, None].expand(-1, len(x), -1)).transpose(0, 1).to(out)
        yield


def _columns(h: Callable[[Tensor], Tensor], x: Tensor, out: Tensor, size: int) -> Iterator[None]:
    """Fill ``out (b, n, D)`` by derivatives along the inputs' coordinates."""
    directions = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    for columns in torch.arange(len(directions), device=x.device).split(size):
        along = directions[:, columns].expand(len(x), -1, -1)
        out[..., columns] = geometry.jacobian(h, x, directions=along, dtype=x.dtype)
        yield

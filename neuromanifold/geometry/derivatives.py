"""The 2-jet of a map at many points: value, Jacobian ``∂_i f`` and Hessian ``∂_i∂_j f``.

This is the only place that differentiates. Value and derivatives are carried through the map together
(:mod:`neuromanifold.geometry.jets`), a few points at a time: as many as keep the streams of the widest
layer in the processor's cache, and never more than the memory budget allows. No graph is kept unless
``create_graph`` asks.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from neuromanifold._errors import NotSmoothError
from neuromanifold._typing import Map
from neuromanifold.geometry.chunks import points_per_chunk
from neuromanifold.geometry.maps import Stages, stages_of
from neuromanifold.geometry.nested import n_streams, pairs
from neuromanifold.geometry.propagation import propagate
from neuromanifold.geometry.reverse import reverse_jacobian

__all__ = ["MEMORY_BYTES", "TaylorJet", "as_points", "hessian", "jacobian", "over_points", "taylor"]

MEMORY_BYTES = 1 << 28
# A backward pass costs about as much as this many streams.
_FEW = 4


@dataclass(frozen=True)
class TaylorJet:
    """Derivatives of a map at n points along k directions of its domain, float64.

    Attributes
    ----------
    value : Tensor (n, d)
    first : Tensor (n, d, k)
    second : Tensor (n, d, k, k)
        Empty, ``(n, d, 0, 0)``, where only first derivatives were asked for.
    eps : float
        Rounding unit of the precision they were computed in.
    """

    value: Tensor
    first: Tensor
    second: Tensor
    eps: float


Formula = Callable[[TaylorJet], tuple[Tensor, ...]]


def over_points(
    f: Map,
    u: Tensor,
    formula: Formula,
    *,
    order: int = 2,
    frame: bool = False,
    on_points: bool = False,
    directions: Tensor | None = None,
    create_graph: bool = False,
    memory: int = MEMORY_BYTES,
    dtype: torch.dtype | None = torch.float64,
) -> tuple[Tensor, ...]:
    """Apply ``formula`` to the derivatives of ``f`` at every point, a chunk of points at a time.

    Parameters
    ----------
    f : Immersion, nn.Module or callable
        A module takes batches ``(n, k) -> (n, d)``; any other callable one point ``(k,) -> (d,)`` or a batch.
    u : Tensor (n, k) or (k,)
        Points of the domain.
    formula : callable
        From the :class:`TaylorJet` of a chunk to tensors with a leading axis of points.
    order : {1, 2}
        Highest derivative.
    frame : bool
        For an :class:`Immersion`, differentiate along the template's orthonormal chart at each point
        instead of its angles. Other maps have one chart, and it changes nothing.
    on_points : bool
        For an :class:`Immersion` with ``frame``: ``u`` are points ``(n, m)`` of the template's embedding.
    directions : Tensor (n, k, r), optional
        Differentiate along r directions at each point, given in the chart, instead of along its k
        coordinates.
    create_graph : bool
        Keep the graph, so that results can be differentiated w.r.t. parameters and points; all points at
        once.
    memory : int
        Bytes that the derivatives inside the map may take.
    dtype : torch.dtype or None
        Precision the map is evaluated in; None is the map's own. Formulas are float64 always.

    Returns
    -------
    tuple of Tensor
        What ``formula`` returned, for all points.

    Raises
    ------
    InputError
        If the map cannot be evaluated at these points.
    NotSmoothError
        If second derivatives are asked of a map that has none (ReLU).
    """
    u = as_points(u)
    stages = stages_of(f, u, order, frame, dtype)
    k = stages.n_coordinates if directions is None else directions.shape[-1]
    size = len(u) if create_graph else points_per_chunk(stages, u, n_streams(k, order), memory, on_points)
    pieces = u.split(size)
    along = [None] * len(pieces) if directions is None else directions.split(size)
    backwards = order == 1 and directions is None and not create_graph and _has_few_outputs(stages, u)
    jet_of = _jet_by_reverse_mode if backwards else _jet
    keep: AbstractContextManager[Any] = nullcontext() if create_graph else torch.no_grad()
    with keep:
        chunks = [formula(jet_of(stages, *piece, order, on_points)) for piece in zip(pieces, along, strict=True)]
    return chunks[0] if len(chunks) == 1 else tuple(torch.cat(parts) for parts in zip(*chunks, strict=True))


def as_points(u: Any) -> Tensor:
    """Points ``(n, k)`` of one point ``(k,)`` or many, as a floating-point tensor."""
    points = u if isinstance(u, Tensor) else torch.as_tensor(u)
    points = points if points.is_floating_point() else points.to(torch.float64)
    return points[None] if points.ndim == 1 else points


def taylor(f: Map, u: Tensor, **options: Any) -> TaylorJet:
    """Value and derivatives of a map at many points; the options are those of :func:`over_points`."""
    seen: list[float] = []

    def formula(jet: TaylorJet) -> tuple[Tensor, ...]:
        seen.append(jet.eps)
        return jet.value, jet.first, jet.second

    value, first, second = over_points(f, u, formula, **options)
    return TaylorJet(value, first, second, seen[0])


def jacobian(f: Map, u: Tensor, **options: Any) -> Tensor:
    """Jacobians ``∂_i f``: ``(n, d, k)``; the options are those of :func:`over_points`."""
    return over_points(f, u, lambda jet: (jet.first,), order=1, **options)[0]


def hessian(f: Map, u: Tensor, **options: Any) -> Tensor:
    """Hessians ``∂_i∂_j f``: ``(n, d, k, k)``; the options are those of :func:`over_points`."""
    return over_points(f, u, lambda jet: (jet.second,), order=2, **options)[0]


def _jet(stages: Stages, u: Tensor, directions: Tensor | None, order: int, on_points: bool) -> TaylorJet:
    """Derivatives at the points of one chunk."""
    streams = stages.start(u.to(stages.dtype), order, on_points, directions)
    k = stages.n_coordinates if directions is None else directions.shape[-1]
    for function in stages.functions:
        streams = _carry(stages, partial(propagate, function, k=k, order=order), streams)
    return _unstack(streams.to(torch.float64), k, order, torch.finfo(stages.dtype).eps)


def _has_few_outputs(stages: Stages, u: Tensor) -> bool:
    """Whether a backward pass for each output is cheaper than a stream for each coordinate."""
    if stages.chart is not None or stages.n_coordinates <= _FEW:
        return False
    with torch.no_grad():
        return stages.n_coordinates > _FEW * stages.evaluate(u[:1].to(stages.dtype)).shape[-1]


def _jet_by_reverse_mode(
    stages: Stages, u: Tensor, directions: Tensor | None, order: int, on_points: bool
) -> TaylorJet:
    """Value and Jacobian at the points of one chunk, by reverse mode."""
    value, first = (t.to(torch.float64) for t in reverse_jacobian(stages.evaluate, u.to(stages.dtype)))
    return TaylorJet(value, first, first.new_zeros(*value.shape, 0, 0), torch.finfo(stages.dtype).eps)


def _carry(stages: Stages, function: Callable[[Tensor], Tensor], streams: Tensor) -> Tensor:
    """``function`` of the streams ``(S, n, ...)``; a point at a time if derivatives cannot be mapped over
    points.
    """
    try:
        return stages.over_points(function, streams, 1)
    except NotSmoothError:
        raise
    except Exception:
        if stages.takes != "points":
            raise
        return replace(stages, takes="points one by one").over_points(function, streams, 1)


def _unstack(streams: Tensor, k: int, order: int, eps: float) -> TaylorJet:
    """Streams ``(S, n, d)`` as value, Jacobian and (symmetric) Hessian."""
    value, first = streams[0], streams[1 : k + 1].permute(1, 2, 0)
    if order == 1:
        return TaylorJet(value, first, first.new_zeros(*value.shape, 0, 0), eps)
    place = {pair: index + k + 1 for index, pair in enumerate(pairs(k))}
    square = [place[min(i, j), max(i, j)] for i in range(k) for j in range(k)]
    second = streams[square].permute(1, 2, 0)
    return TaylorJet(value, first, second.reshape(*value.shape, k, k), eps)

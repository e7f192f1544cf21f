"""A map as the engine sees it: where derivatives start, and the functions they go through.

An :class:`~neuromanifold.geometry.immersion.Immersion` starts either at angles u with directions e_i, or
(``frame``) at template points z with the 2-jet of the template's orthonormal chart there. Any other map
starts at u.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from neuromanifold._errors import InputError, NotSmoothError
from neuromanifold._typing import Map
from neuromanifold.geometry.immersion import Immersion
from neuromanifold.geometry.nested import pairs
from neuromanifold.geometry.precision import in_dtype, own_dtype
from neuromanifold.geometry.smooth import NOT_SMOOTH
from neuromanifold.manifolds import Manifold

__all__ = ["Stages", "stages_of"]


Takes = Literal["batches", "points", "points one by one"]


@dataclass(frozen=True)
class Stages:
    """What is needed to carry derivatives through a map.

    Attributes
    ----------
    functions : tuple of callables
        Applied in turn.
    takes : {"batches", "points", "points one by one"}
        Whether they take a batch ``(n, k)`` or a point ``(k,)``, and then whether vmap can follow them.
    n_coordinates : int
        k, the dimension of the chart that derivatives are taken in.
    dtype : torch.dtype
        Precision the functions are evaluated in.
    chart : Manifold or None
        The template whose orthonormal chart the streams start along.
    """

    functions: tuple[Callable[..., Any], ...]
    takes: Takes
    n_coordinates: int
    dtype: torch.dtype
    chart: Manifold | None = None

    def over_points(self, function: Callable[[Tensor], Tensor], x: Tensor, dim: int) -> Tensor:
        """``function`` of all points, which lie along the axis ``dim`` of x."""
        if self.takes == "batches":
            return function(x)
        if self.takes == "points":
            return torch.vmap(function, in_dims=dim, out_dims=dim)(x)
        return torch.stack([function(point) for point in x.unbind(dim)], dim)

    def evaluate(self, x: Tensor) -> Tensor:
        """The map itself, at points ``(n, k or m)``."""
        for function in self.functions:
            x = self.over_points(in_dtype(function, self.dtype), x, 0)
        return x

    def start(self, u: Tensor, order: int, on_points: bool, directions: Tensor | None) -> Tensor:
        """The first streams ``(S, n, k or m)``: points, directions and, for order 2, their second
        derivatives.
        """
        x, first, second = self._chart(u, on_points)
        if directions is not None:
            v = directions.to(x)
            if self.chart is None:
                # The identity chart of many coordinates (pixels) is never multiplied out.
                r = v.shape[-1]
                first, second = v, second[..., :1, :1].expand(*v.shape[:2], r, r)
            else:
                first, second = first @ v, torch.einsum("nmij,nia,njb->nmab", second, v, v)
        streams = [x, *first.unbind(-1)]
        if order == 2:
            streams += [second[..., i, j] for i, j in pairs(first.shape[-1])]
        return torch.stack(streams)

    def _chart(self, u: Tensor, on_points: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Points, and first and second derivatives of the chart there."""
        if self.chart is not None:
            z = u if on_points else self.chart.embed(u)
            return z, *self.chart.frame(z)
        k = self.n_coordinates
        eye = torch.eye(k, dtype=u.dtype, device=u.device).expand(len(u), k, k)
        return u, eye, u.new_zeros(1, 1, 1, 1).expand(len(u), k, k, k)


def stages_of(f: Map, u: Tensor, order: int, frame: bool, dtype: torch.dtype | None) -> Stages:
    """The stages of a map at points like ``u (n, k)``.

    Raises
    ------
    InputError
        If there are no points, or the map cannot be evaluated at one.
    NotSmoothError
        If second derivatives are asked of a module that has none.
    """
    if u.ndim != 2 or len(u) == 0:
        raise InputError(f"points are an array (n, k) with n > 0, or one point (k,); got shape {tuple(u.shape)}")
    if isinstance(f, Immersion):
        _check_module(f.decoder, order)
        dtype = dtype or own_dtype(f.decoder, u.dtype)
        if frame:
            return Stages((f.decoder,), "batches", f.template.dim, dtype, f.template)
        return Stages((f.template.embed, f.decoder), "batches", f.template.dim, dtype)
    _check_module(f, order)
    if isinstance(f, nn.Module):
        return Stages((f,), "batches", u.shape[-1], dtype or own_dtype(f, u.dtype))
    dtype = _accepted_dtype(f, u, dtype or u.dtype)
    return Stages((f,), _takes(f, u.to(dtype)), u.shape[-1], dtype)


def _check_module(f: Any, order: int) -> None:
    """Refuse modules whose derivatives are wrong or do not exist."""
    for module in f.modules() if isinstance(f, nn.Module) else ():
        kind = type(module).__name__
        if order == 2 and any(kind in kinds for kinds in NOT_SMOOTH.values()):
            raise NotSmoothError(
                f"the map contains {kind}, which is not twice continuously differentiable, so its "
                "curvature does not exist; use a smooth activation (Softplus, Tanh, SiLU, GELU)"
            )
        random = isinstance(module, (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm))
        if random and module.training:
            raise InputError(f"the map contains {kind} in training mode, so it is no fixed map; call .eval() on it")


def _takes(f: Map, u: Tensor) -> Takes:
    """What a callable takes: one point ``(k,) -> (d,)``, or else a batch ``(n, k) -> (n, d)``."""
    with torch.no_grad():
        value = _attempt(f, u[0])
        if value is not None and getattr(value, "ndim", None) == 1:
            return "points" if _attempt(torch.vmap(f), u[:1]) is not None else "points one by one"
        batch = f(u[:1])
    if getattr(batch, "ndim", None) != 2 or len(batch) != 1:
        raise InputError(
            "a map takes one point (k,) to (d,), or a batch (n, k) to (n, d); this one took "
            f"{tuple(u[:1].shape)} to {tuple(getattr(batch, 'shape', ()))}"
        )
    return "batches"


def _attempt(f: Map, u: Tensor) -> Any:
    """``f(u)``, or None where f refuses such an argument."""
    try:
        return f(u)
    except (IndexError, RuntimeError, ValueError, TypeError):
        return None


def _accepted_dtype(f: Map, u: Tensor, dtype: torch.dtype) -> torch.dtype:
    """``dtype``, or float32 (with a warning) for a function that is tied to it, as one around a float32
    network is.
    """
    if dtype == torch.float32 or _runs(f, u.to(dtype)) or not _runs(f, u.to(torch.float32)):
        return dtype
    warnings.warn(
        "the map accepts float32 only, so its derivatives are computed in float32 (about 1e-3 accurate); "
        "pass the module itself, or move it to float64, for full accuracy",
        RuntimeWarning,
        stacklevel=5,
    )
    return torch.float32


def _runs(f: Map, u: Tensor) -> bool:
    """Whether ``f`` can be evaluated at a point or at a batch."""
    with torch.no_grad():
        return any(_attempt(f, points) is not None for points in (u[0], u[:1]))

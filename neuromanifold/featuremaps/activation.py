"""An activation φ of one variable, with what is known about it in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

__all__ = ["Activation", "Function", "Pair"]

Function = Callable[[Tensor], Tensor]
Pair = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Activation:
    """An activation with what is known about it in closed form.

    Attributes
    ----------
    name : str
    function, slope, bend : callable
        φ, φ' and φ'', elementwise; accurate to rounding relative to themselves, also in the tails. None: to be
        differentiated.
    n_weak : float
        How many weak derivatives φ has: inf where it is smooth, r for ReLU to the power r; None: not known.
    moments : tuple of callables, or None
        ``E[φ²], E[φ'²], E[φ''²]`` as functions of s.
    pair, pair_slope : callable or None
        ``E[φφ]``, ``E[φ'φ']`` as functions of (p, q, c).
    """

    name: str
    function: Function
    slope: Function | None = None
    bend: Function | None = None
    n_weak: float | None = math.inf
    moments: tuple[Function, Function, Function] | None = None
    pair: Pair | None = None
    pair_slope: Pair | None = None

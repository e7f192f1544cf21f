"""Expectations over Gaussian variables, numerically.

:func:`mean` integrates functions of one variable over ``u ~ N(0, 1)`` by Gauss–Legendre panels that are halved until
they agree with their halves: smooth activations reach rounding at once, and kinks are found wherever they are.
:func:`moments` gives ``E[h(√s u)]`` with its derivatives in the variance s, which by Gaussian integration by parts
need two derivatives of a smooth h, or none at all (He_k are Hermite polynomials):

    d/ds E[h] = ½ E[h''] = E[h He_2(u)]/2s,     d²/ds² E[h] = E[h'' He_2(u)]/4s = E[h He_4(u)]/4s²

:func:`pair` is ``E[φ(z) φ(z')]`` by the trapezoidal rule, which converges exponentially for functions analytic in a
strip.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold.geometry import taylor

__all__ = ["derivatives", "mean", "moments", "pair"]

Function = Callable[[Tensor], Tensor]

_REACH = 13.0  # beyond it the normal density is below the square of rounding
_ORDER, _PANELS, _MOST_HALVINGS = 16, 16, 50
_TOLERANCE = 2e-15
_EDGE = 9.0  # of the trapezoidal rule
_AT_ONCE = 64  # variances that share their panels

_NODES, _WEIGHTS = (torch.as_tensor(a) for a in np.polynomial.legendre.leggauss(_ORDER))


def mean(integrands: Callable[[Tensor], Tensor]) -> Tensor:
    """``E[f(u)]`` over ``u ~ N(0, 1)``.

    Parameters
    ----------
    integrands : callable
        Values ``(..., n_nodes)`` of any number of functions at nodes ``u (n_nodes,)``.

    Returns
    -------
    Tensor
        ``(...)``; relative error about 1e-14 of ``E|f|``.
    """
    edges = torch.linspace(-_REACH, _REACH, _PANELS + 1, dtype=torch.float64)
    low, high = edges[:-1], edges[1:]
    coarse = _panels(integrands, low, high)
    scale = coarse.abs().sum(-1, keepdim=True)
    total = torch.zeros_like(coarse[..., 0])
    for _ in range(_MOST_HALVINGS):
        middle = 0.5 * (low + high)
        left, right = _panels(integrands, low, middle), _panels(integrands, middle, high)
        wrong = (left + right - coarse).abs() > _TOLERANCE * scale
        again = wrong.flatten(0, -2).any(0) if wrong.ndim > 1 else wrong
        total = total + (left + right)[..., ~again].sum(-1)
        low, high = torch.cat([low[again], middle[again]]), torch.cat([middle[again], high[again]])
        coarse = torch.cat([left[..., again], right[..., again]], -1)
        if low.numel() == 0:
            break
    return total + coarse.sum(-1)


def _panels(integrands: Callable[[Tensor], Tensor], low: Tensor, high: Tensor) -> Tensor:
    """Integrals over each panel: ``(..., n_panels)``."""
    half = 0.5 * (high - low)
    nodes = half[:, None] * _NODES + 0.5 * (low + high)[:, None]
    density = torch.exp(-0.5 * nodes**2) / math.sqrt(2 * math.pi)
    values = integrands(nodes.flatten())
    return (values.unflatten(-1, nodes.shape) * (density * _WEIGHTS * half[:, None])).sum(-1)


def moments(h: Function, s: Tensor, *, smooth: bool) -> Tensor:
    """``E[h(z)]``, ``z ~ N(0, s)``, with its first two derivatives in s.

    Parameters
    ----------
    h : callable
        Elementwise.
    s : Tensor (n,)
        Variances, from 0.
    smooth : bool
        Whether h is twice differentiable with derivatives that torch knows. Otherwise nothing is differentiated, and
        the derivatives at s = 0 are NaN.

    Returns
    -------
    Tensor (3, n)
        The second derivative at s = 0 is always NaN.
    """
    return torch.cat([_moments(h, piece, smooth) for piece in s.split(_AT_ONCE)], -1)


def _moments(h: Function, s: Tensor, smooth: bool) -> Tensor:
    root = s.sqrt()[:, None]

    def smooth_integrands(u: Tensor) -> Tensor:
        jet = taylor(h, (root * u).reshape(-1, 1))
        value, bend = jet.value.reshape(len(s), -1), jet.second.reshape(len(s), -1)
        return torch.stack([_finite(value), 0.5 * bend, 0.25 * bend * (u**2 - 1)])

    def integrands(u: Tensor) -> Tensor:
        value = _finite(h(root * u))
        return torch.stack([value, 0.5 * value * (u**2 - 1), 0.25 * value * (u**4 - 6 * u**2 + 3)])

    result = mean(smooth_integrands if smooth else integrands)
    powers = torch.tensor([0, 0, 1] if smooth else [0, 1, 2])[:, None]
    return torch.where(powers * (s == 0) > 0, torch.nan, result / s**powers)


def _finite(values: Tensor) -> Tensor:
    if not bool(torch.isfinite(values).all()):
        raise InputError(
            "the activation is not finite at some preactivations that a Gaussian takes; give it finite values "
            "everywhere, or make weight_std and bias_std smaller"
        )
    return values


def derivatives(f: Function, z: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """An elementwise function and its derivative of order 1 or 2, by differentiation."""
    jet = taylor(f, z.reshape(-1, 1), order=order)
    return jet.value.reshape(z.shape), (jet.first if order == 1 else jet.second).reshape(z.shape)


def pair(f: Function, p: Tensor, q: Tensor, c: Tensor) -> Tensor:
    """``E[f(z) f(z')]`` of Gaussian pairs of variances p, q and covariance c, all ``(n,)``.

    The step is halved until results agree to 1e-12 or for as long as it is affordable: functions with kinks reach
    about 1e-5, with jumps 1e-3.
    """
    n_nodes, result = 65, torch.full_like(c, torch.inf)
    while n_nodes <= 1025:
        before, result = result, _trapezoid(f, p, q, c, n_nodes)
        if bool(((result - before).abs() <= 1e-12 * (1 + result.abs())).all()):
            break
        n_nodes = 2 * n_nodes - 1
    return result


def _trapezoid(f: Function, p: Tensor, q: Tensor, c: Tensor, n_nodes: int) -> Tensor:
    u = torch.linspace(-_EDGE, _EDGE, n_nodes, dtype=torch.float64)
    weights = torch.exp(-0.5 * u**2)
    weights = weights / weights.sum()
    safe = torch.where(p > 0, p, 1.0)
    rest = torch.sqrt(torch.clamp_min(q - c * c / safe, 0.0))
    size = max(1, 4_000_000 // n_nodes**2)
    sums = []
    for root, slope, spread in zip(p.sqrt().split(size), (c / safe.sqrt()).split(size), rest.split(size), strict=True):
        inner = f(slope[:, None, None] * u[:, None] + spread[:, None, None] * u) @ weights
        sums.append((_finite(f(root[:, None] * u)) * _finite(inner)) @ weights)
    return torch.cat(sums)

"""Descent: minimisation of many small functions at once, by limited-memory BFGS in a given metric.

Each of p functions of N variables has its own step and its own end, so one hard problem does not hold up
the rest more than its own evaluations. Between steps the inverse Hessian is that of the metric, corrected
by the last few steps.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["minimize"]

_MEMORY = 12
_SUFFICIENT = 1e-4
_N_HALVINGS = 20
# A decrease below this is lost in the rounding of the value.
_ROUNDING = 1e-14
# Converged: the expected decrease that is left is below this part of the value.
_ACCEPTED = 1e-10

# x (p', N) and the indices (p',) of the problems -> values (p',), gradients (p', N)
Objective = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def minimize(
    objective: Objective,
    x: Tensor,
    precondition: Callable[[Tensor], Tensor],
    *,
    tolerance: float,
    max_steps: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Minimise p functions from ``x (p, N)``.

    ``precondition`` multiplies gradients ``(p, N)`` by the inverse of a positive definite approximation
    of the Hessians. A problem stops where ``gᵀ P⁻¹ g ≤ tolerance² · value``, or no step decreases its
    value any more.

    Returns
    -------
    x : Tensor (p, N)
    value : Tensor (p,)
    converged : Tensor (p,)
    """
    value, gradient = objective(x, torch.arange(len(x), device=x.device))
    history: list[tuple[Tensor, Tensor]] = []
    stalled = torch.zeros_like(value, dtype=torch.bool)
    for _ in range(max_steps):
        size = (gradient * precondition(gradient)).sum(-1)
        active = (size > tolerance**2 * value.abs()) & ~stalled
        if not bool(active.any()):
            break
        direction = -_two_loops(gradient, history, precondition)
        slope = (direction * gradient).sum(-1)
        uphill = slope >= 0
        direction = torch.where(uphill[:, None], -precondition(gradient), direction)
        slope = torch.where(uphill, -size, slope)
        before, old, height = x, gradient, value
        x, value, gradient = _backtrack(objective, (x, value, gradient), direction, slope, active)
        history = [*history, (x - before, gradient - old)][-_MEMORY:]
        stalled |= active & (height - value <= _ROUNDING * value.abs())
    size = (gradient * precondition(gradient)).sum(-1)
    return x, value, size <= _ACCEPTED * value.abs()


def _two_loops(
    gradient: Tensor, history: list[tuple[Tensor, Tensor]], precondition: Callable[[Tensor], Tensor]
) -> Tensor:
    """The L-BFGS inverse Hessian times the gradient; pairs without positive curvature are passed over."""
    q, used = gradient, []
    for step, change in reversed(history):
        product = (step * change).sum(-1)
        weight = torch.where(product > 1e-14 * change.norm(dim=-1) * step.norm(dim=-1), 1 / product, 0.0)
        alpha = weight * (step * q).sum(-1)
        q = q - alpha[:, None] * change
        used.append((step, change, weight, alpha))
    q = precondition(q)
    for step, change, weight, alpha in reversed(used):
        beta = weight * (change * q).sum(-1)
        q = q + (alpha - beta)[:, None] * step
    return q


def _backtrack(
    objective: Objective,
    state: tuple[Tensor, Tensor, Tensor],
    direction: Tensor,
    slope: Tensor,
    active: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Point, value and gradient after the longest of the steps 1, ½, ¼, ... that decreases each active
    problem enough (Armijo, up to rounding); the others stay.
    """
    x, value, gradient = (t.clone() for t in state)
    pending, scale = active.nonzero()[:, 0], 1.0
    for _ in range(_N_HALVINGS):
        if len(pending) == 0:
            break
        trial = x[pending] + scale * direction[pending]
        reached, slopes = objective(trial, pending)
        allowed = value[pending] + _SUFFICIENT * scale * slope[pending] + _ROUNDING * value[pending].abs()
        good = reached <= allowed
        x[pending[good]], value[pending[good]] = trial[good], reached[good]
        gradient[pending[good]] = slopes[good]
        pending, scale = pending[~good], scale / 2
    return x, value, gradient

"""L-BFGS over many problems at once: against the BFGS matrix written out, and on quadratics."""

from __future__ import annotations

import torch
from numeric import close, normal, spd
from torch import Tensor

from neuromanifold.geometry.descent import _two_loops, minimize


def test_two_loops_are_the_bfgs_matrix() -> None:
    """``H ← (I - ρ s yᵀ) H (I - ρ y sᵀ) + ρ s sᵀ``, ρ = 1/sᵀy, from the preconditioner on."""
    start, metric, eye = spd(5), spd(5, seed=1), torch.eye(5, dtype=torch.float64)
    steps = normal(3, 2, 5, seed=2)
    history = [(s, s @ metric) for s in steps]
    gradient = normal(2, 5, seed=3)
    found = _two_loops(gradient, history, lambda q: q @ start)
    for row in range(2):
        inverse = start
        for s, y in ((s[row], y[row]) for s, y in history):
            left = eye - torch.outer(s, y) / (s @ y)
            inverse = left @ inverse @ left.mT + torch.outer(s, s) / (s @ y)
        close(found[row], inverse @ gradient[row])


def test_minima_of_stretched_quadratics() -> None:
    """Eight dimensions of condition 1000: a method that learns the matrix needs tens of steps, steepest descent
    thousands.
    """
    scale, centre = torch.logspace(0, 3, 8, dtype=torch.float64), normal(20, 8)

    def objective(x: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        away = x - centre[which]
        return 1 + 0.5 * (scale * away**2).sum(-1), scale * away

    x, value, converged = minimize(objective, torch.zeros_like(centre), lambda q: q, tolerance=1e-6, max_steps=60)
    close(x, centre, 1e-5)
    close(value, torch.ones(20, dtype=torch.float64), 1e-10)
    assert converged.all()

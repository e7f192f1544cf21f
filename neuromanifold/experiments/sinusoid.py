"""``y > 0.6 sin(7x - 1)`` on 400 points of the square, two hidden layers of n sigmoid units (Zavatone-Veth et al. 2025,
I.1).
"""

from __future__ import annotations

import torch
from torch import Tensor

from neuromanifold.experiments.findings import Findings, Options
from neuromanifold.experiments.plane_tasks import PlaneTask, run_task
from neuromanifold.training import TrainingSettings

__all__ = ["TASK", "run"]

N_POINTS = 400


def about_the_sinusoid(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Points uniform on [-1, 1]², and whether they lie above the sinusoid."""
    x = 2 * torch.rand(N_POINTS, 2, generator=generator, dtype=torch.float64) - 1
    return x, (x[:, 1] > 0.6 * torch.sin(7 * x[:, 0] - 1)).long()


TASK = PlaneTask(
    "sinusoid",
    about_the_sinusoid,
    hidden=lambda width: (width, width),
    widths=(8, 40),
    settings=TrainingSettings(10_000, N_POINTS, 0.05, patience=None, optimizer="sgd", momentum=0.9),
    epochs=(0, 500, 2000, 5000, 10_000),
)


def run(options: Options) -> Findings:
    """Train the networks and describe both hidden layers."""
    return run_task(TASK, options)

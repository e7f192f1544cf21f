"""XOR: four points, one hidden layer of n sigmoid units (Zavatone-Veth et al. 2025, I.1)."""

from __future__ import annotations

import torch
from torch import Tensor

from neuromanifold.experiments.findings import Findings, Options
from neuromanifold.experiments.plane_tasks import PlaneTask, run_task
from neuromanifold.training import TrainingSettings

__all__ = ["TASK", "run"]

POINTS = ((-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0))


def four_points(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The points (±1, ±1), and whether their signs differ."""
    x = torch.tensor(POINTS, dtype=torch.float64)
    return x, (x.prod(1) < 0).long()


TASK = PlaneTask(
    "xor",
    four_points,
    hidden=lambda width: (width,),
    widths=(2, 10, 100, 500),
    settings=TrainingSettings(2000, 4, 0.02, patience=None, optimizer="sgd", momentum=0.9),
    epochs=(0, 200, 500, 1000, 2000),
)


def run(options: Options) -> Findings:
    """Train the networks and describe their hidden layer."""
    return run_task(TASK, options)

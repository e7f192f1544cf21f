"""Digits and one hidden layer of 2,000 sigmoid units (Zavatone-Veth et al. 2025, I.2).

Adam at rate 0.001 with weight decay 1e-4 (the paper's value is lost in the text), cross-entropy, 75 % of the images
learned from. The full recipe is the paper's: batches of 1,000 for 200 epochs. The reduced one takes 1,125 steps of
batches of 100. Volumes are those of the hidden layer over all of input space, in float64.
"""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import numpy as np
from torch import nn

from neuromanifold.experiments.ambiguous import ambiguity_statements, ambiguous_digits
from neuromanifold.experiments.checkpoints import Recipe, classification, stages
from neuromanifold.experiments.findings import Findings, Options, Statement, table
from neuromanifold.experiments.image_task import (
    ImageTask,
    accuracy,
    lines_of_seeds,
    load_task,
    planes_between,
    spectra,
)
from neuromanifold.experiments.line_claims import inside_statements, line_statements, with_relative
from neuromanifold.experiments.slices import Examined
from neuromanifold.featuremaps import layer
from neuromanifold.networks import MLP
from neuromanifold.training import TrainingSettings

__all__ = ["run"]

WIDTH = 2000
REDUCED_STEPS = 1125
FULL = TrainingSettings(200, 1000, 1e-3, patience=None, weight_decay=1e-4)
N_LINES = 20
STAGES = ("initial", "trained")


def run(
    options: Options, *, width: int = WIDTH, n_lines: int = N_LINES, settings: TrainingSettings | None = None
) -> Findings:
    """Train the networks, and measure volumes along lines, over hulls and at ambiguous digits."""
    task = load_task(options)
    settings = settings or (FULL if options.full else _reduced(len(task.y_train)))
    flat = replace(task, x_train=task.x_train.flatten(1), x_test=task.x_test.flatten(1))
    seeds = options.seeds(2)
    networks = {seed: _networks(flat, seed, width, settings, options) for seed in seeds}
    x = flat.x_test.double()
    examined = {seed: dict(zip(STAGES, map(_examined, networks[seed].values()), strict=True)) for seed in seeds}
    lines = lines_of_seeds(examined, x, flat.y_test, n_lines, options.verbose)
    first = examined[seeds[0]]
    groups = {
        "lines": with_relative(lines),
        **planes_between(first["trained"], x, flat.y_test, options.seed, n_side=13, n_affine=25),
        "spectrum": spectra(first, x),
        "ambiguous": ambiguous_digits(first, flat, options),
    }
    right = [accuracy(examined[s]["trained"].scores, x, flat.y_test) for s in seeds]
    rng = np.random.default_rng(options.seed)
    statements = [
        Statement("accuracy on held-out images", float(np.mean(right)), min(right), max(right)),
        *line_statements(groups["lines"], rng, "log_volume", "log volume"),
        *inside_statements(groups["lines"], rng, "relative", "log volume not explained by |x|"),
        *ambiguity_statements(groups["ambiguous"], rng),
    ]
    return Findings("mnist", groups, table(statements), {"data": task.source, "width": width, **asdict(settings)})


def _reduced(n_images: int) -> TrainingSettings:
    """So many epochs that the number of steps is that of 7,500 images."""
    batch = 100
    epochs = math.ceil(REDUCED_STEPS / math.ceil(n_images / batch))
    return TrainingSettings(epochs, batch, 1e-3, patience=None, weight_decay=1e-4)


def _networks(
    task: ImageTask, seed: int, width: int, settings: TrainingSettings, options: Options
) -> dict[int, nn.Module]:
    x, y = task.x_train, task.y_train
    widths = [x.shape[1], width, len(task.classes)]
    recipe = Recipe(
        lambda generator: MLP(widths[0], widths[2], (width,), generator, "sigmoid", "uniform"),
        settings,
        (0, settings.max_epochs),
        {"widths": widths, "activation": "sigmoid", "initial": "uniform", "loss": "cross-entropy"},
    )
    return stages(recipe, classification, (x, y), seed, options.checkpoints, options.device, options.verbose)


def _examined(module: nn.Module) -> Examined:
    wide = module.double()
    return Examined(layer(wide, "layers.1"), wide)

"""Residual networks on CIFAR-10: volumes of their last features along lines between images, by block and over epochs.

Either the published weights of a small CIFAR ResNet (He et al. 2015), beside one of the same depth with random weights,
or a network trained here (Zavatone-Veth et al. 2025, I.3): images shifted by up to four pixels and flipped, SGD at rate
0.01 in batches of 1,024 for 200 epochs (weight decay 5e-4; the paper's value is lost in the text). The reduced recipe
is one of a quarter of the channels and few epochs. The features are fewer than the pixels, so volumes are
pseudo-volumes (§2); of ReLU networks they are constant on pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from neuromanifold._errors import InputError
from neuromanifold.data.images import Flip, PaddedCrop, augment
from neuromanifold.experiments.checkpoints import Data, stages
from neuromanifold.experiments.findings import Findings, Options, Statement, table
from neuromanifold.experiments.image_task import (
    ImageTask,
    accuracy,
    lines_of_seeds,
    load_task,
    planes_between,
    spectra,
)
from neuromanifold.experiments.line_claims import gain_statement, line_statements
from neuromanifold.experiments.residual import Residual
from neuromanifold.experiments.slices import Examined
from neuromanifold.featuremaps import layer
from neuromanifold.networks import BLOCKS, Pixels, SmallResNet, load_small_resnet
from neuromanifold.storage import existing_file
from neuromanifold.training import TrainingSettings

__all__ = ["NETWORKS", "run"]

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the published networks
NETWORKS = {f"resnet{depth}{end}": (depth, name) for end, name in (("", "gelu"), ("-relu", "relu")) for depth in BLOCKS}
VIEW = (PaddedCrop(4), Flip())
FULL = TrainingSettings(200, 1024, 0.01, patience=None, optimizer="sgd", weight_decay=5e-4)
REDUCED = TrainingSettings(12, 128, 2e-3, patience=None, weight_decay=5e-4, schedule="cosine")
N_LINES, N_BLOCK_LINES = 12, 6
POOLS = ("pool1", "pool2", "pool3")  # the fourth is that of the lines themselves


def run(options: Options, *, n_lines: int = N_LINES, width: int | None = None) -> Findings:
    """Measure volumes along lines and over hulls between held-out images.

    Raises
    ------
    InputError
        If there are no images, they are not those of a published network, or there is no network of that name.
    """
    # What no images can make right comes before they are read.
    residual = _residual(options, width)
    if options.weights is not None:
        existing_file(options.weights)
    if options.data is None:
        raise InputError("this experiment examines networks of natural images: give CIFAR-10, or its like, with --data")
    task = load_task(options)
    seeds = options.seeds(1)
    if options.weights is not None:
        settings: dict[str, Any] = {"weights": options.weights.name}
        networks = {seed: _published(options.weights, task, seed) for seed in seeds}
    else:
        settings = residual.described()
        networks = {seed: _trained(residual, task, seed, options) for seed in seeds}
    last = "pool4" if options.weights is None else "pool"
    lines = partial(_lines, networks, task, verbose=options.verbose)
    first = _examined(networks[seeds[0]], last)
    groups = {
        "lines": lines(last, n_lines),
        **planes_between(first["trained"], task.x_test, task.y_test, options.seed, n_side=9, n_affine=21),
        "spectrum": spectra(first, task.x_test),
    }
    rng = np.random.default_rng(options.seed)
    right = [accuracy(networks[s]["trained"], task.x_test, task.y_test) for s in seeds]
    statements = [
        Statement("accuracy on the images examined", float(np.mean(right)), min(right), max(right)),
        *line_statements(groups["lines"], rng, "log_volume", "log volume"),
    ]
    if options.weights is None:
        blocks = {name: lines(name, min(n_lines, N_BLOCK_LINES), kinds=("different",)) for name in POOLS}
        groups["blocks"] = xr.concat(blocks.values(), "block").assign_coords(block=list(blocks))
        statements += [gain_statement(one, rng, "log_volume", f"log volume, {name}") for name, one in blocks.items()]
    return Findings("cifar", groups, table(statements), {"data": task.source, **settings})


def _examined(networks: Mapping[str, nn.Module], name: str) -> dict[str, Examined]:
    """Each stage, in the features of that name."""
    return {stage: Examined(layer(one, f"network.{name}"), one) for stage, one in networks.items()}


def _lines(
    networks: Mapping[int, Mapping[str, nn.Module]], task: ImageTask, name: str, n_lines: int, **settings: Any
) -> xr.Dataset:
    """Lines of every seed, in the features of that name."""
    examined = {seed: _examined(stages, name) for seed, stages in networks.items()}
    return lines_of_seeds(examined, task.x_test, task.y_test, n_lines, **settings)


def _published(weights: Path, task: ImageTask, seed: int) -> dict[str, nn.Module]:
    """The network of the weights, after one of its depth that has learned nothing."""
    if task.shape != (3, 32, 32):
        raise InputError(f"published networks take images of shape (3, 32, 32); {task.source} has {task.shape}")
    trained = load_small_resnet(weights)
    depth = 6 * len(list(trained.layer1.children())) + 2
    initial = SmallResNet(depth, torch.Generator().manual_seed(seed))
    return {name: Pixels(one, MEAN, STD).eval() for name, one in (("initial", initial), ("trained", trained))}


def _residual(options: Options, width: int | None) -> Residual:
    name = options.network or "resnet18"
    if name not in NETWORKS:
        raise InputError(f"no network {name!r}; there are {', '.join(NETWORKS)}")
    depth, activation = NETWORKS[name]
    size, settings = (64, FULL) if options.full else (16, REDUCED)
    return Residual(depth, width or size, settings, activation).lasting(options.epochs)


def _trained(residual: Residual, task: ImageTask, seed: int, options: Options) -> dict[str, nn.Module]:
    """The network at each stage of its training."""

    def objective(module: nn.Module, data: Data, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
        x, y = data
        return lambda rows: cross_entropy(module(augment(x[rows], VIEW, generator)), y[rows], reduction="none")

    recipe = residual.recipe(task, len(task.classes), loss="cross-entropy", view=repr(VIEW))
    data = (task.x_train, task.y_train)
    kept = stages(recipe, objective, data, seed, options.checkpoints, options.device, options.verbose)
    return dict(zip(residual.stages, kept.values(), strict=True))

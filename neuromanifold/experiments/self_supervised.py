"""Self-supervised learning: residual networks that see two views of each image and no classes (Zavatone-Veth et al.
2025, I.4).

Volumes are those of the features below the projector. Classes are then predicted by a linear readout of the features of
each stage, logistic regression fitted to the images learned from; where it changes its prediction between two images is
where the claim is tested.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from neuromanifold.data.images import Blur, ColourJitter, ResizedCrop, Step, augment
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
from neuromanifold.experiments.line_claims import line_statements
from neuromanifold.experiments.residual import Residual
from neuromanifold.experiments.slices import Examined
from neuromanifold.featuremaps import layer
from neuromanifold.training import TrainingSettings

__all__ = ["DIGIT_VIEWS", "Method", "Metric", "run_method"]

Views = tuple[Sequence[Step], Sequence[Step]]
# Digits, in one channel, mean something else when flipped or inverted.
DIGIT_VIEWS: Views = ((ResizedCrop(0.5), ColourJitter(0.4, 0.4, 0.0, 0.0), Blur(0.5, (0.1, 1.0))),) * 2
FULL = Residual(34, 64, TrainingSettings(1000, 1024, 0.01, patience=None, optimizer="sgd", weight_decay=1e-4))
REDUCED_BATCH, LEAST_STEPS, MOST_STEPS, REDUCED_PIXELS = 128, 250, 1000, 200_000
N_LINES = 20


class Metric(NamedTuple):
    """A metric on the inputs: of which layer, flat or of the unit sphere, and whether training should raise its volume
    where the prediction changes.
    """

    layer: Literal["pool4", "fc"]
    codomain: Literal["flat", "sphere"]
    rises: bool


@dataclass(frozen=True)
class Method:
    """A way to learn from two views.

    Parameters
    ----------
    name : str
    views : mapping of int to pair of sequences of Step
        What each view of an image goes through, by its number of channels.
    loss : callable
        Embeddings of both views (b, d) -> loss of each image, or of the batch.
    n_embedding : int
        d, outputs of the projector.
    metrics : mapping of str to Metric
        By what they are called; the first is that of the features, flat.
    """

    name: str
    views: Mapping[int, Views]
    loss: Callable[[Tensor, Tensor], Tensor]
    n_embedding: int
    metrics: Mapping[str, Metric]


def run_method(
    method: Method, options: Options, *, n_lines: int = N_LINES, residual: Residual | None = None
) -> Findings:
    """Train the networks, and measure volumes along lines between held-out images in every metric."""
    task = load_task(options)
    residual = (residual or (FULL if options.full else _reduced(task))).lasting(options.epochs)
    seeds = options.seeds(2)
    networks = {seed: _networks(method, residual, task, seed, options) for seed in seeds}
    readouts = {seed: {stage: _readout(one, task) for stage, one in networks[seed].items()} for seed in seeds}

    def examined(metric: Metric) -> dict[int, dict[str, Examined]]:
        """Every seed at each stage in a metric, with the scores of its readout."""
        return {
            seed: {
                stage: Examined(layer(one, f"network.{metric.layer}", codomain=metric.codomain), readouts[seed][stage])
                for stage, one in networks[seed].items()
            }
            for seed in seeds
        }

    x, y = task.x_test, task.y_test
    lines = {
        name: lines_of_seeds(examined(metric), x, y, n_lines, options.verbose)
        for name, metric in method.metrics.items()
    }
    first = examined(next(iter(method.metrics.values())))[seeds[0]]
    groups = {
        **{f"lines_{name.replace(' ', '_')}": data for name, data in lines.items()},
        **planes_between(first["trained"], x, y, options.seed, n_side=9, n_affine=21),
        "spectrum": spectra(first, x),
    }
    rng = np.random.default_rng(options.seed)
    statements = [_right(stage, [accuracy(readouts[s][stage], x, y) for s in seeds]) for stage in residual.stages]
    for name, metric in method.metrics.items():
        statements += line_statements(lines[name], rng, "log_volume", f"log volume, {name}", rises=metric.rises)
    return Findings(method.name, groups, table(statements), {"data": task.source, **residual.described()})


def _right(stage: str, shares: list[float]) -> Statement:
    what = f"accuracy of the linear readout on held-out images, {stage}"
    return Statement(what, float(np.mean(shares)), min(shares), max(shares))


def _reduced(task: ImageTask) -> Residual:
    """So many epochs that training takes a minute or a few of a processor: fewer steps for larger images."""
    n_images, n_pixels = len(task.y_train), math.prod(task.shape[1:])
    steps = min(max(REDUCED_PIXELS // n_pixels, LEAST_STEPS), MOST_STEPS)
    epochs = max(2, steps * REDUCED_BATCH // n_images)
    return Residual(18, 16, TrainingSettings(epochs, REDUCED_BATCH, 1e-3, patience=None, weight_decay=1e-4))


def _networks(method: Method, residual: Residual, task: ImageTask, seed: int, options: Options) -> dict[str, nn.Module]:
    """The network at each stage of its training."""
    views = method.views[task.shape[0]]

    def objective(module: nn.Module, data: Data, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
        def loss(rows: Tensor) -> Tensor:
            seen = [augment(data[0][rows], steps, generator) for steps in views]
            return method.loss(*module(torch.cat(seen)).chunk(2)).expand(len(rows))

        return loss

    # Whole batches only: correlations over the few images that are left are noise.
    batch = min(residual.settings.batch_size, len(task.y_train))
    x = task.x_train[: len(task.y_train) // batch * batch]
    recipe = residual.recipe(task, method.n_embedding, loss=method.name, views=repr(views))
    kept = stages(recipe, objective, (x,), seed, options.checkpoints, options.device, options.verbose)
    return dict(zip(residual.stages, kept.values(), strict=True))


def _readout(network: nn.Module, task: ImageTask) -> Callable[[Tensor], Tensor]:
    """Scores of the classes from features standardised over the images learned from (logistic regression)."""
    phi = layer(network, "network.pool4")
    with torch.no_grad():
        features = torch.cat([phi(x) for x in task.x_train.split(500)])
    mean, std = features.mean(0), features.std(0) + torch.finfo(features.dtype).tiny
    fitted = LogisticRegression(C=1.0, max_iter=2000).fit(((features - mean) / std).numpy(), task.y_train.numpy())
    weight, bias = (torch.as_tensor(part).to(features) for part in (fitted.coef_, fitted.intercept_))
    return lambda x: ((phi(x) - mean) / std) @ weight.mT + bias

"""Published weights of a small CIFAR ResNet (He et al. 2015): volumes of its 64 features along lines between images.

The features are fewer than the pixels, so volumes are pseudo-volumes (Zavatone-Veth et al. 2025, §2, I.3); the
activation is ReLU, so they are constant on pieces. The untrained network is one of the same depth with random weights.
"""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr

from neuromanifold._errors import InputError
from neuromanifold.experiments.findings import Findings, Options, Statement, table
from neuromanifold.experiments.image_task import accuracy, lines_between, load_task, planes_between
from neuromanifold.experiments.line_claims import line_statements
from neuromanifold.experiments.slices import Examined
from neuromanifold.featuremaps import layer
from neuromanifold.networks import Pixels, SmallResNet, load_small_resnet

__all__ = ["run"]

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
N_LINES = 20


def run(options: Options, *, n_lines: int = N_LINES) -> Findings:
    """Measure volumes along lines and over hulls between held-out images.

    Raises
    ------
    InputError
        If there are no weights, or the images are not 32 × 32 in colour.
    """
    if options.weights is None or options.data is None:
        raise InputError("this experiment examines a published network: give its --weights, and CIFAR-10 with --data")
    task = load_task(options)
    if task.shape != (3, 32, 32):
        raise InputError(f"CIFAR networks take images of shape (3, 32, 32); those of {task.source} have {task.shape}")
    trained = load_small_resnet(options.weights)
    networks = {"initial": _examined(_untrained(trained, options.seed)), "trained": _examined(trained)}
    x, y = task.x_test, task.y_test
    lines = lines_between(networks, x, y, n_lines, options.seed, options.verbose).expand_dims(seed=[options.seed])
    hulls = planes_between(networks["trained"], x, y, options.seed, n_side=9, n_affine=21)
    groups: dict[str, xr.Dataset] = {"lines": lines, **hulls}
    rng = np.random.default_rng(options.seed)
    statements = [
        Statement("accuracy on the images examined", accuracy(networks["trained"].scores, x, y)),
        *line_statements(lines, rng, "log_volume", "log volume"),
    ]
    return Findings("cifar", groups, table(statements), {"data": task.source, "weights": options.weights.name})


def _untrained(trained: SmallResNet, seed: int) -> SmallResNet:
    depth = 6 * len(list(trained.layer1.children())) + 2
    return SmallResNet(depth, torch.Generator().manual_seed(seed)).eval()


def _examined(network: SmallResNet) -> Examined:
    module = Pixels(network, MEAN, STD).eval()
    return Examined(layer(module, "network.pool"), module)

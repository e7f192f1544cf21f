"""Where the log volume of a trained network is largest on a line between two images: near the change of prediction?

Lines have 21 positions; the ends are images of different predicted classes, or of the same. The statistics are those of
:mod:`~neuromanifold.experiments.claim`: from the maximum to the nearest change, beside the changes of other lines, and
the height of the changes above the ends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neuromanifold._typing import BoolArray, FloatArray, IntArray
from neuromanifold.experiments import claim
from neuromanifold.experiments.cifar import MEAN, STD
from neuromanifold.featuremaps import Plane, layer
from neuromanifold.networks import SmallResNet, load_small_resnet

__all__ = ["prediction_changes"]

N_POSITIONS, N_RESAMPLES = 21, 5000


def prediction_changes(weights: Path, images: Path, n_lines: int, seed: int) -> Mapping[str, float]:
    """Statistics of ``n_lines`` lines of either kind.

    Parameters
    ----------
    weights : Path
        Of a small CIFAR ResNet.
    images : Path
        npz with ``images`` (n, 32, 32, 3), uint8.
    """
    network, rng = load_small_resnet(weights), np.random.default_rng(seed)
    x = _standardised(np.load(images, allow_pickle=False)["images"][rng.permutation(4000)[: 12 * n_lines]])
    with torch.no_grad():
        predicted = network(x).argmax(1).numpy()
    different, same = _pairs(predicted, n_lines)
    volumes, classes = _along(network, x, different)
    controls, _ = _along(network, x, same)
    changed = claim.changes(classes)
    return {
        **_place(volumes, changed, rng),
        **_height(volumes, changed, rng),
        "inside_different": float(claim.inside(volumes).mean()),
        "inside_same": float(claim.inside(controls).mean()),
    }


def _standardised(images: np.ndarray) -> Tensor:
    x = torch.as_tensor(images).permute(0, 3, 1, 2).to(torch.float32) / 255
    return (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def _pairs(predicted: IntArray, n: int) -> tuple[IntArray, IntArray]:
    """Pairs ``(n, 2)`` of rows predicted differently, and of rows predicted alike; no row twice."""
    rows = np.arange(len(predicted) // 2 * 2).reshape(-1, 2)
    different = rows[predicted[rows[:, 0]] != predicted[rows[:, 1]]][:n]
    rest = np.setdiff1d(rows, different)
    by_class = [rest[predicted[rest] == c] for c in np.unique(predicted)]
    same = np.concatenate([r[: len(r) // 2 * 2].reshape(-1, 2) for r in by_class])
    # Evenly from the classes, which come one after the other.
    return different, same[np.linspace(0, len(same) - 1, n).astype(int)]


def _along(network: SmallResNet, x: Tensor, pairs: IntArray) -> tuple[FloatArray, IntArray]:
    """Log volumes of the 64 features, and predicted classes, along each line: ``(n, N_POSITIONS)``."""
    phi, position = layer(network, "pool"), torch.linspace(0, 1, N_POSITIONS)[:, None]
    points = [Plane.through(x[a], x[b]).points(position) for a, b in pairs]
    with torch.no_grad():
        classes = np.stack([network(p).argmax(1).numpy() for p in points])
    return np.stack([phi.log_volume(p).numpy() for p in points]), classes


def _place(v: FloatArray, changed: BoolArray, rng: np.random.Generator) -> dict[str, float]:
    away = claim.distance(v, changed)
    null, p = claim.reassignment_p(v, changed, rng, N_RESAMPLES)
    error = float(away.std(ddof=1) / math.sqrt(len(v)))
    return {"distance": float(away.mean()), "distance_error": error, "distance_null": null, "distance_p": p}


def _height(v: FloatArray, changed: BoolArray, rng: np.random.Generator) -> dict[str, float]:
    height = claim.contrast(v, changed)
    error = float(height.std(ddof=1) / math.sqrt(len(v)))
    return {
        "height": float(height.mean()),
        "height_error": error,
        "height_p": claim.sign_flip_p(height, rng, N_RESAMPLES),
    }

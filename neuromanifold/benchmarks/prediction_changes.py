"""Where the log volume of a trained network is largest on a line between two images: near the change of prediction?

Lines have 21 positions; the ends are images of different predicted classes, or of the same. A change of the prediction
lies halfway between two positions. Lines are the units of chance: every image is in one line.

    distance  from the maximum of the log volume to the nearest change, as a share of the line
    null      the same to the changes of other lines, in many permutations; p is one-sided
    height    log volume at the changes less the mean of the ends; p by flipping signs of lines
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neuromanifold._typing import BoolArray, FloatArray, IntArray
from neuromanifold.featuremaps import Plane, layer
from neuromanifold.networks import SmallResNet, load_small_resnet

__all__ = ["prediction_changes"]

N_POSITIONS, N_RESAMPLES = 21, 5000
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


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
    changed = classes[:, 1:] != classes[:, :-1]
    return {
        **_place(volumes, changed, rng),
        **_height(volumes, changed, rng),
        "inside_different": float(_inside(volumes).mean()),
        "inside_same": float(_inside(controls).mean()),
    }


def _standardised(images: np.ndarray) -> Tensor:
    x = torch.as_tensor(images).permute(0, 3, 1, 2).to(torch.float32) / 255
    return (x - torch.tensor(_MEAN)[:, None, None]) / torch.tensor(_STD)[:, None, None]


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


def _inside(v: FloatArray) -> BoolArray:
    top = v.argmax(1)
    return (top > 0) & (top < v.shape[1] - 1)


def _distance(v: FloatArray, changed: BoolArray) -> FloatArray:
    position = np.linspace(0, 1, v.shape[1])
    away = np.abs(position[v.argmax(1)][:, None] - 0.5 * (position[1:] + position[:-1]))
    return np.where(changed, away, np.inf).min(1)


def _place(v: FloatArray, changed: BoolArray, rng: np.random.Generator) -> dict[str, float]:
    distance = _distance(v, changed)
    null = np.array([_distance(v, changed[rng.permutation(len(v))]).mean() for _ in range(N_RESAMPLES)])
    return {
        "distance": float(distance.mean()),
        "distance_error": float(distance.std(ddof=1) / math.sqrt(len(v))),
        "distance_null": float(null.mean()),
        "distance_p": float((1 + (null <= distance.mean()).sum()) / (1 + N_RESAMPLES)),
    }


def _height(v: FloatArray, changed: BoolArray, rng: np.random.Generator) -> dict[str, float]:
    at_changes = (changed * 0.5 * (v[:, 1:] + v[:, :-1])).sum(1) / changed.sum(1)
    height = at_changes - 0.5 * (v[:, 0] + v[:, -1])
    null = rng.choice([-1.0, 1.0], size=(N_RESAMPLES, len(height))) @ height
    return {
        "height": float(height.mean()),
        "height_error": float(height.std(ddof=1) / math.sqrt(len(v))),
        "height_p": float((1 + (null >= height.sum()).sum()) / (1 + N_RESAMPLES)),
    }

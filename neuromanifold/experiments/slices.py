"""Slices of input space: lines between two samples and planes through three, with what a network does along them.

At each point: the log volume, the class predicted, and the entropy of the softmax in units of its largest value (for
ten classes: base 10).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor
from tqdm import tqdm

from neuromanifold._errors import NotEnoughDataError
from neuromanifold._typing import IntArray
from neuromanifold.featuremaps import FeatureMap, Plane

__all__ = ["Examined", "along_lines", "draw_pairs", "on_plane"]

N_POSITIONS = 11


@dataclass(frozen=True)
class Examined:
    """A network at one stage: the layer whose volume is measured, and the scores of the classes."""

    phi: FeatureMap
    scores: Callable[[Tensor], Tensor]


def draw_pairs(labels: IntArray, n_pairs: int, same: bool, rng: np.random.Generator) -> IntArray:
    """Rows of pairs of samples of the same or of different classes, each sample in one pair at most: (n_pairs, 2).

    Raises
    ------
    NotEnoughDataError
        If there are too few samples.
    """
    order = rng.permutation(len(labels))
    if same:
        of_class = [order[labels[order] == c] for c in np.unique(labels)]
        pairs = np.concatenate([rows[: len(rows) // 2 * 2].reshape(-1, 2) for rows in of_class])
        pairs = rng.permutation(pairs)
    else:
        pairs = order[: len(order) // 2 * 2].reshape(-1, 2)
        pairs = pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]]
    if len(pairs) < n_pairs:
        raise NotEnoughDataError(
            f"{len(labels)} samples make {len(pairs)} pairs of {'the same class' if same else 'two classes'}, and "
            f"{n_pairs} were asked for"
        )
    return pairs[:n_pairs]


def along_lines(
    network: Examined, ends: Tensor, n_positions: int = N_POSITIONS, label: str = "lines", verbose: bool = False
) -> xr.Dataset:
    """Profiles along the lines between pairs of inputs ``ends (n, 2, *shape)``: Dataset (line, position).

    ``log_volume`` is that of the whole input space; ``log_speed`` that of the line alone, ``log |dΦ/dt|``, t in [0, 1].
    """
    position = torch.linspace(0, 1, n_positions, dtype=ends.dtype)
    lines = [Plane.through(start, end) for start, end in ends]
    each = [_along(network, line, position[:, None]) for line in tqdm(lines, desc=label, disable=not verbose)]
    data = xr.concat(each, "line")
    return data.assign_coords(
        position=("position", position.numpy(), {"long_name": "position on the line", "units": "1"})
    )


def _along(network: Examined, line: Plane, position: Tensor) -> xr.Dataset:
    points = line.points(position)
    values = {
        "log_volume": network.phi.log_volume(points),
        "log_speed": network.phi.restrict(line).log_volume(position),
        "square_norm": points.flatten(1).square().sum(1),
        **_prediction(network, points),
    }
    return _labelled(values, "position")


def on_plane(network: Examined, plane: Plane, u: Tensor, *, full: bool) -> xr.Dataset:
    """Fields at coordinates ``u (n, 2)`` of a plane: Dataset (node).

    ``log_area`` is the log volume element of the plane alone, in its affine coordinates; with ``full``,
    ``log_volume`` is that of the whole input space.
    """
    points = plane.points(u)
    values = {"log_area": network.phi.restrict(plane).log_volume(u), **_prediction(network, points)}
    if full:
        values["log_volume"] = network.phi.log_volume(points)
    weights = plane.barycentric(u).numpy()
    corner = {"weight": (("node", "corner"), weights, {"long_name": "barycentric weight", "units": "1"})}
    return _labelled(values, "node").assign_coords(corner)


def _prediction(network: Examined, points: Tensor) -> dict[str, Tensor]:
    with torch.no_grad():
        scores = network.scores(points)
    log_p = scores.to(torch.float64).log_softmax(1)
    entropy = -(log_p.exp() * log_p).sum(1) / math.log(scores.shape[1])
    return {"predicted": scores.argmax(1), "entropy": entropy}


def _labelled(values: dict[str, Tensor], dim: str) -> xr.Dataset:
    return xr.Dataset({name: (dim, value.numpy(), _ATTRS[name]) for name, value in values.items()})


_ATTRS: dict[str, dict[str, Any]] = {
    "log_volume": {"long_name": "log volume element", "units": "1", "normalization": "none"},
    "log_speed": {"long_name": "log speed along the line", "units": "1"},
    "log_area": {"long_name": "log area element of the plane", "units": "1"},
    "square_norm": {"long_name": "squared norm of the input", "units": "1"},
    "predicted": {"long_name": "predicted class", "kind": "categorical"},
    "entropy": {"long_name": "entropy of the softmax", "units": "1", "description": "1 is the largest possible"},
}

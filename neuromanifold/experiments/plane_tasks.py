"""Two-class tasks in the plane: what training a perceptron does to the volume and curvature of its hidden layers.

Settings of Zavatone-Veth et al. 2025, I.1: sigmoid, SGD with momentum 0.9, cross-entropy, float64; quantities on a
40 × 40 grid over [-1.5, 1.5]². All training points are one batch and there is no weight decay (the paper's is not
stated for XOR and zero for the sinusoid); initial weights and biases are uniform in ±1/√n, as torch has them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from itertools import product
from typing import cast

import numpy as np
import scipy.special
import torch
import xarray as xr
from torch import Tensor, nn
from tqdm import tqdm

from neuromanifold._typing import FloatArray
from neuromanifold.experiments.boundary import distance_to_boundary
from neuromanifold.experiments.checkpoints import Recipe, classification, stages
from neuromanifold.experiments.findings import Findings, Options, table
from neuromanifold.experiments.plane_claims import boundary_statements, symmetry_statements
from neuromanifold.featuremaps import FeatureMap, layer
from neuromanifold.networks import MLP
from neuromanifold.training import TrainingSettings

__all__ = ["PlaneTask", "run_task"]

SPAN, N_GRID, N_FINE = 1.5, 40, 241
WIDE = 500


@dataclass(frozen=True)
class PlaneTask:
    """Points and classes of a task by seed, the networks that learn it, and how they do.

    ``hidden`` gives the widths of the hidden layers for each width n that is tried.
    """

    name: str
    draw: Callable[[torch.Generator], tuple[Tensor, Tensor]]
    hidden: Callable[[int], tuple[int, ...]]
    widths: tuple[int, ...]
    settings: TrainingSettings
    epochs: tuple[int, ...]


def run_task(task: PlaneTask, options: Options, n_seeds: int = 5) -> Findings:
    """Train every width and seed of a task, and say what became of the volume."""
    seeds = options.seeds(n_seeds)
    todo = list(product(task.widths, seeds))
    trained = [
        data
        for width, seed in tqdm(todo, desc=task.name, disable=not options.verbose)
        for data in _layers(task, width, seed, options)
    ]
    data = cast(xr.Dataset, xr.combine_by_coords(trained))
    statements = [*symmetry_statements(_wide(task, seeds)), *boundary_statements(data)]
    return Findings(task.name, {"plane": data}, table(statements), asdict(task.settings))


def _wide(task: PlaneTask, seeds: Iterable[int]) -> xr.DataArray:
    """Log volume of wide networks as they are before training: (seed, layer, x, y)."""
    axis, hidden = np.linspace(-SPAN, SPAN, N_GRID), task.hidden(WIDE)
    each = []
    for seed in seeds:
        module = _network(hidden, torch.Generator().manual_seed(seed))
        maps = [_hidden(module, n) for n in range(1, len(hidden) + 1)]
        each.append([phi.log_volume(_grid(axis)).reshape(N_GRID, N_GRID).numpy() for phi in maps])
    coords = {"x": axis, "y": axis, "layer": range(1, len(hidden) + 1)}
    return xr.DataArray(each, coords, ("seed", "layer", "x", "y"), attrs={"width": WIDE})


def _network(hidden: tuple[int, ...], generator: torch.Generator) -> MLP:
    return MLP(2, 2, hidden, generator, "sigmoid", "uniform").double()


def _hidden(module: nn.Module, n_layer: int) -> FeatureMap:
    """Hidden layer 1, 2, … as a feature map."""
    return layer(module, f"layers.{2 * n_layer - 1}")


def _layers(task: PlaneTask, width: int, seed: int, options: Options) -> list[xr.Dataset]:
    """Fields of every hidden layer of one network, over epochs."""
    x, y = task.draw(torch.Generator().manual_seed(seed))
    hidden = task.hidden(width)
    what = {"widths": [2, *hidden, 2], "activation": "sigmoid", "initial": "uniform", "loss": "cross-entropy"}
    recipe = Recipe(lambda generator: _network(hidden, generator), task.settings, task.epochs, what)
    networks = stages(recipe, classification, (x, y), seed, options.checkpoints)
    labels = {"width": [width], "seed": [seed]}
    return [
        xr.concat([_fields(networks[epoch], n, (x, y)).expand_dims(epoch=[epoch]) for epoch in task.epochs], "epoch")
        .expand_dims(layer=[n])
        .expand_dims(labels)
        for n in range(1, len(hidden) + 1)
    ]


def _fields(module: nn.Module, n_layer: int, data: tuple[Tensor, Tensor]) -> xr.Dataset:
    """Volume, curvature, prediction and distance to its boundary over the grid."""
    axis, fine = np.linspace(-SPAN, SPAN, N_GRID), np.linspace(-SPAN, SPAN, N_FINE)
    points = _grid(axis)
    phi = _hidden(module, n_layer)
    margin = _margin(module, _grid(fine)).reshape(N_FINE, N_FINE)
    fields = {
        "log_volume": phi.log_volume(points, normalize=True).numpy(),
        "scalar_curvature": _curvature(phi, points),
        "probability": scipy.special.expit(_margin(module, points)),
        "boundary_distance": distance_to_boundary(margin, fine, points.numpy()),
    }
    shaped = {name: (("x", "y"), values.reshape(N_GRID, N_GRID), _ATTRS[name]) for name, values in fields.items()}
    accuracy = ((_margin(module, data[0]) > 0) == data[1].numpy()).mean()
    return xr.Dataset({**shaped, "accuracy": ((), float(accuracy), {"units": "1"})}, coords={"x": axis, "y": axis})


def _curvature(phi: FeatureMap, points: Tensor) -> FloatArray:
    """Scalar curvature; zero for two units, which are coordinates of the plane itself."""
    if phi(points[:1]).shape[1] == 2:
        return np.zeros(len(points))
    with warnings.catch_warnings():
        # Saturated units leave the metric without full rank: NaN there is the answer, for a grid no news.
        warnings.simplefilter("ignore", RuntimeWarning)
        return phi.scalar_curvature(points, normalize=True).numpy()


_NORMALIZED = {"units": "1", "normalization": "metric divided by the number of units once"}
_ATTRS = {
    "log_volume": {"long_name": "log volume element", **_NORMALIZED},
    "scalar_curvature": {"long_name": "scalar curvature", **_NORMALIZED},
    "probability": {"long_name": "probability of class 1", "units": "1"},
    "boundary_distance": {"long_name": "distance to the boundary of the prediction", "units": "1"},
}


def _grid(axis: FloatArray) -> Tensor:
    nodes = torch.as_tensor(axis)
    return torch.cartesian_prod(nodes, nodes)


def _margin(module: nn.Module, points: Tensor) -> FloatArray:
    with torch.no_grad():
        scores = module(points)
    return (scores[:, 1] - scores[:, 0]).numpy()

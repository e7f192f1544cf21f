"""Images for an experiment: read, split into what is learned and what is examined, and the slices between samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from neuromanifold._typing import IntArray
from neuromanifold.data import images
from neuromanifold.experiments.findings import Options
from neuromanifold.experiments.slices import Examined, along_lines, draw_pairs, on_plane
from neuromanifold.featuremaps import Plane

__all__ = ["ImageTask", "accuracy", "lines_between", "lines_of_seeds", "load_task", "planes_between", "spectra"]

TRAIN_SHARE = 0.75
KINDS = ("different", "same")
N_SOUGHT = 500  # samples among which a wrongly predicted one is looked for


@dataclass(frozen=True)
class ImageTask:
    """Images (n, channel, row, column) and classes, to learn from and held out."""

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    classes: tuple[str, ...]
    source: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, rows and columns."""
        return tuple(self.x_train.shape[1:])


def load_task(options: Options, most: int | None = None) -> ImageTask:
    """Images of ``options.data``, split as the source says, else 75 to 25 at random; at most ``most`` to learn from."""
    loaded = images.load(options.data)
    x, y = images.to_tensors(loaded)
    part = loaded["part"].to_numpy()
    order = np.random.default_rng(options.seed).permutation(len(y))
    if set(part) == {"train", "test"}:
        train, test = order[part[order] == "train"], order[part[order] == "test"]
    else:
        train, test = np.split(order, [round(TRAIN_SHARE * len(y))])
    train = train[:most]
    return ImageTask(x[train], y[train], x[test], y[test], tuple(loaded.attrs["classes"]), str(loaded.attrs["source"]))


@torch.no_grad()
def accuracy(scores: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> float:
    """Share of images whose class has the highest score."""
    right = [(scores(rows).argmax(1) == truth).float() for rows, truth in zip(x.split(500), y.split(500), strict=True)]
    return float(torch.cat(right).mean())


def lines_between(
    stages: Mapping[str, Examined],
    x: Tensor,
    y: Tensor,
    n_lines: int,
    seed: int,
    verbose: bool = False,
    *,
    kinds: Sequence[str] = KINDS,
) -> xr.Dataset:
    """Profiles (stage, kind, line, position) along lines between samples of different and of the same class.

    Every stage sees the same lines.
    """
    rng = np.random.default_rng(seed)
    pairs = {kind: draw_pairs(y.numpy(), n_lines, kind == "same", rng) for kind in kinds}
    each = [
        xr.concat(
            [along_lines(network, x[rows], label=f"{stage}, {kind}", verbose=verbose) for kind, rows in pairs.items()],
            "kind",
        )
        for stage, network in stages.items()
    ]
    data = xr.concat(each, "stage").assign_coords(stage=list(stages), kind=list(kinds))
    ends = xr.DataArray([y[pairs[kind]].numpy() for kind in kinds], dims=("kind", "line", "end"))
    return data.assign(true_class=ends.assign_attrs(long_name="class of the ends", kind="categorical"))


def lines_of_seeds(
    networks: Mapping[int, Mapping[str, Examined]],
    x: Tensor,
    y: Tensor,
    n_lines: int,
    verbose: bool = False,
    *,
    kinds: Sequence[str] = KINDS,
) -> xr.Dataset:
    """Profiles (seed, stage, kind, line, position): each seed's networks along lines of its own."""
    each = [lines_between(stages, x, y, n_lines, seed, verbose, kinds=kinds) for seed, stages in networks.items()]
    return xr.concat(each, "seed").assign_coords(seed=list(networks))


def planes_between(
    network: Examined, x: Tensor, y: Tensor, seed: int, *, n_side: int, n_affine: int
) -> dict[str, xr.Dataset]:
    """Fields over the triangle between samples of three classes, the plane about it, and a triangle of one class.

    Where a sample is predicted wrongly, the triangle ``wrong`` lies between it and two that are not: one of its own
    class, one of the class predicted.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    shown = rng.permutation(np.unique(y))[:3]
    three = [order[y.numpy()[order] == c][0] for c in shown]
    one = order[y.numpy()[order] == shown[0]][:3]
    plane, control = Plane.through(*x[three]), Plane.through(*x[one])
    convex, affine = plane.convex_grid(n_side), plane.affine_grid(n_affine)
    found = {
        "triangle": on_plane(network, plane, convex.to(x), full=True),
        "affine": on_plane(network, plane, affine.to(x), full=False),
        "control": on_plane(network, control, convex.to(x), full=True),
    }
    corners = {"triangle": three, "affine": three, "control": one}
    about = _about_wrong(network, x, y, order)
    if about is not None:
        found["wrong"] = on_plane(network, Plane.through(*x[about]), convex.to(x), full=False)
        corners["wrong"] = about
    return {name: data.assign(corner_class=("corner", y[corners[name]].numpy())) for name, data in found.items()}


@torch.no_grad()
def _about_wrong(network: Examined, x: Tensor, y: Tensor, order: IntArray) -> IntArray | None:
    """Rows of a wrongly predicted sample, of a right one of its class, and of a right one of the class predicted."""
    few = order[:N_SOUGHT]
    predicted, truth = network.scores(x[few]).argmax(1).numpy(), y[few].numpy()
    right = predicted == truth
    for row in np.flatnonzero(~right):
        others = [few[right & (truth == c)] for c in (truth[row], predicted[row])]
        if all(len(rows) for rows in others):
            return np.array([few[row], others[0][0], others[1][0]])
    return None


def spectra(networks: Mapping[str, Examined], x: Tensor) -> xr.Dataset:
    """Eigenvalues of the metric at a few samples: (stage, sample, rank)."""
    values = np.stack([network.phi.spectrum(x[:3]).numpy() for network in networks.values()])
    return xr.Dataset(
        {"eigenvalue": (("stage", "sample", "rank"), values, {"long_name": "eigenvalue of the metric", "units": "1"})},
        coords={"stage": list(networks), "rank": np.arange(1, values.shape[-1] + 1)},
    )

"""What the feature maps of large networks cost, and whether they are right.

Exact log volumes of one image and log areas of 400 points of a plane, on residual networks, each in a process of its
own, whose peak of memory is reported; the exact log volume of a small network against its dense Jacobian; and, where
the published weights of ResNet-20 and images of CIFAR-10 are at hand, where log volume is largest between two images.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from torch.func import jacfwd

from neuromanifold.benchmarks.prediction_changes import prediction_changes
from neuromanifold.benchmarks.rows import CachedRows, Value
from neuromanifold.featuremaps import estimate_log_volume, layer
from neuromanifold.networks import SmallResNet

__all__ = ["run"]

# Depth, features, GB that the peak must stay below.
_VOLUMES = ((34, 512, 1.5), (152, 2048, 3.0))
_WEIGHTS, _IMAGES = "resnet_cifar10/resnet20-12fca82f.th", "cifar10_lossless4000/cifar10_lossless_4000.npz"


def run(
    *,
    n_lines: int = 30,
    data: str | Path | None = None,
    random_state: int = 0,
    fresh: bool = False,
    verbose: bool = True,
) -> pd.DataFrame:
    """Measure every row; those measured before are kept (:mod:`neuromanifold.benchmarks.rows`).

    Parameters
    ----------
    n_lines : int
        Lines between images of different, and as many of the same, predicted classes.
    data : path, optional
        Folder with ``resnet_cifar10`` and ``cifar10_lossless4000``; by default that of the environment variable
        NEUROMANIFOLD_SHARED_DATA. The rows of ResNet-20 are left out where it is not there.
    random_state : int
    fresh : bool
        Measure all again.
    verbose : bool
        Print the table.

    Returns
    -------
    pandas.DataFrame
        A row per figure: its ``value`` with a ``bound`` or, by chance, ``null`` and one-sided ``p``; the ``seconds``
        that it took, with their ``seconds_bound``; for volumes ``cpu_seconds``, with those of as many single backward
        passes as there are features as ``cpu_bound``; and ``peak_gb`` of memory, with ``peak_bound``.
    """
    rows = CachedRows("featuremaps", fresh=fresh)
    table: dict[str, Mapping[str, Value]] = {}
    for depth, n_features, bound in _VOLUMES:
        name = f"log volume of one image, ResNet-{depth}, {n_features} features"
        found = rows.row({"what": "volume", "depth": depth}, partial(_child, "volume", depth))
        table[name] = {**found, "peak_bound": bound, "cpu_bound": found["single_passes"]}
    found = rows.row({"what": "plane", "depth": 34}, partial(_child, "plane", 34))
    table["mean log area of 400 points of a plane, ResNet-34"] = {**found, "seconds_bound": 180.0}
    settings: dict[str, Value] = {"random_state": random_state}
    table["log volume against the dense Jacobian"] = rows.row(
        {"what": "dense", **settings}, partial(_dense, random_state)
    )
    table["its estimate by Lanczos, standard errors"] = rows.row(
        {"what": "lanczos", **settings}, partial(_lanczos, random_state)
    )
    folder = Path(data or os.environ.get("NEUROMANIFOLD_SHARED_DATA", ""))
    if (folder / _WEIGHTS).exists() and (folder / _IMAGES).exists():
        key: dict[str, Value] = {"what": "ResNet-20", "n_lines": n_lines, **settings}
        table |= _changes(rows.row(key, partial(_resnet20, folder, n_lines, random_state)))
    times = ["seconds", "seconds_bound", "cpu_seconds", "cpu_bound"]
    columns = ["value", "bound", "null", "p", *times, "peak_gb", "peak_bound"]
    frame = pd.DataFrame(table).T.reindex(columns=columns).astype(float).rename_axis("figure")
    if verbose:
        print(frame.to_string(float_format=lambda value: f"{value:.3g}", na_rep=""))
    return frame


def _child(what: str, depth: int) -> dict[str, float]:
    command = [sys.executable, "-m", "neuromanifold.benchmarks.residual_volumes", what, str(depth)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _small(seed: int) -> tuple[SmallResNet, torch.Tensor]:
    """A network in float64 that a dense Jacobian is cheap for, and two small images."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, 3, 16, 16, generator=generator, dtype=torch.float64)
    return SmallResNet(8, generator).double(), x


def _dense(seed: int) -> dict[str, float]:
    """Relative difference of the log volume (by reverse mode) from the Jacobian that torch gives by forward mode."""
    network, x = _small(seed)
    phi = layer(network, "pool")
    start = time.perf_counter()
    value = phi.log_volume(x)
    seconds = time.perf_counter() - start
    network.eval()
    features = torch.nn.Sequential(*[network.get_submodule(name) for name in ("conv1", "bn1")], torch.nn.ReLU())
    rest = torch.nn.Sequential(network.layer1, network.layer2, network.layer3, network.pool)
    dense = jacfwd(lambda u: rest(features(u[None]))[0])
    values = torch.stack([torch.linalg.svdvals(dense(image).flatten(1).detach()) for image in x])
    # Features that are dead at an image have no volume.
    truth = torch.where(values > 1e-10 * values[:, :1], values, 1.0).log().sum(-1)
    return {"value": float(((value - truth) / truth).abs().max()), "bound": 1e-6, "seconds": seconds}


def _lanczos(seed: int) -> dict[str, float]:
    network, x = _small(seed)
    phi = layer(network, "pool")
    start = time.perf_counter()
    found = estimate_log_volume(phi, x, n_steps=64, random_state=seed)
    seconds = time.perf_counter() - start
    z = (found.value - phi.log_volume(x)) / found.standard_error
    return {"value": float(z.abs().max()), "bound": 4.0, "seconds": seconds}


def _resnet20(folder: Path, n_lines: int, seed: int) -> dict[str, float]:
    start = time.perf_counter()
    found = prediction_changes(folder / _WEIGHTS, folder / _IMAGES, n_lines, seed)
    return {**found, "seconds": time.perf_counter() - start}


def _changes(found: Mapping[str, Value]) -> dict[str, Mapping[str, Value]]:
    """Rows of the table from the statistics of lines."""
    return {
        "ResNet-20: from the maximum to the change of prediction": {
            "value": found["distance"], "null": found["distance_null"], "p": found["distance_p"],
            "seconds": found["seconds"],
        },
        "ResNet-20: height at the change above the ends, nats": {
            "value": found["height"], "null": 0.0, "p": found["height_p"],
        },
        "ResNet-20: share of lines with the maximum inside": {"value": found["inside_different"]},
        "ResNet-20: the same, ends of one predicted class": {"value": found["inside_same"]},
    }  # fmt: skip

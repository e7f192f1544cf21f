"""One measurement on a residual network, in a process of its own, so that the peak of memory is its own.

``python -m neuromanifold.benchmarks.residual_volumes volume|plane DEPTH`` prints it as JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from neuromanifold.benchmarks.cost import measured
from neuromanifold.featuremaps import FeatureMap, Plane, layer
from neuromanifold.networks import ResNet

__all__ = ["plane", "volume"]

_N_SINGLE = 5
_N_SIDE = 20  # 400 points of a plane


def volume(depth: int) -> dict[str, float]:
    """Exact log volume of one image, and CPU seconds of as many single backward passes as there are features."""
    network, (x, *_) = _network(depth)
    phi = layer(network, "pool4")
    found = _timed(lambda: phi.log_volume(x[None]))
    return {**found, "single_passes": network.n_features * _single(phi, x)}


def plane(depth: int) -> dict[str, float]:
    """Log areas of 400 points of the plane through three images."""
    network, images = _network(depth)
    through = Plane.through(*images)
    u = through.affine_grid(_N_SIDE)
    return _timed(lambda: layer(network, "pool4").restrict(through).log_volume(u))


def _timed(measure: Callable[[], Tensor]) -> dict[str, float]:
    """The mean of what is measured, wall-clock and CPU seconds, and the peak of memory."""
    cost = measured(measure)
    seconds = {"seconds": cost.seconds, "cpu_seconds": cost.cpu_seconds}
    return {"value": float(cost.result.mean()), **seconds, "peak_gb": cost.peak_gb}


def _network(depth: int) -> tuple[ResNet, Tensor]:
    """A network at its initial weights, and three inputs."""
    generator = torch.Generator().manual_seed(0)
    network = ResNet(depth, generator)
    return network, torch.randn(3, 3, 32, 32, generator=generator)


def _single(phi: FeatureMap, x: Tensor) -> float:
    """CPU seconds of one backward pass from one feature to the image: the median of a few."""
    with torch.enable_grad():
        u = x[None].clone().requires_grad_()
        h = phi(u)
    seconds = []
    for i in range(_N_SINGLE):
        start = time.process_time()
        torch.autograd.grad(h[0, i], u, retain_graph=True)
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


if __name__ == "__main__":
    print(json.dumps({"volume": volume, "plane": plane}[sys.argv[1]](int(sys.argv[2]))))

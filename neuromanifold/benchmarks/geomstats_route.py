"""The mean curvature of a torus decoder by geomstats, timed; run as a module, with its PyTorch backend
chosen.

``GEOMSTATS_BACKEND=pytorch python -m neuromanifold.benchmarks.geomstats_route POINTS WIDTH DEPTH UNITS``
prints the seconds a point. geomstats returns the trace, k times our average.
"""

from __future__ import annotations

import itertools
import sys
import time
from typing import Any

import torch
from torch import Tensor, nn

from neuromanifold import _geomstats
from neuromanifold.manifolds import Torus

__all__ = ["main", "torus_decoder"]


def torus_decoder(width: int, depth: int, n_units: int) -> nn.Sequential:
    """A softplus network from the torus's embedding to ``n_units``, in float64, always the same."""
    generator = torch.Generator().manual_seed(0)
    sizes = [4, *[width] * depth, n_units]
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes):
        linear = nn.Linear(n_in, n_out, dtype=torch.float64)
        with torch.no_grad():
            for parameter in linear.parameters():
                parameter.uniform_(-(n_in**-0.5), n_in**-0.5, generator=generator)
        layers += [linear, nn.Softplus()]
    return nn.Sequential(*layers[:-1])


def _immersed_torus(decoder: nn.Module, n_units: int) -> Any:
    space = _geomstats.geometry("euclidean").Euclidean(n_units)

    class ImmersedTorus(_geomstats.geometry("base").ImmersedSet):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(dim=2)

        def _define_embedding_space(self) -> Any:
            return space

        def immersion(self, point: Tensor) -> Tensor:
            return decoder(Torus(2).embed(point))

    return ImmersedTorus()


def main(arguments: list[str]) -> None:
    """Time the points and print the seconds a point."""
    n_points, width, depth, n_units = map(int, arguments)
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    torus = _immersed_torus(torus_decoder(width, depth, n_units), n_units)
    u = Torus(2).angles(Torus(2).sample(n_points + 1, torch.Generator().manual_seed(0)))
    torus.metric.mean_curvature_vector(u[-1])
    start = time.perf_counter()
    for point in u[:-1]:
        torus.metric.mean_curvature_vector(point)
    print((time.perf_counter() - start) / n_points)


if __name__ == "__main__":
    main(sys.argv[1:])

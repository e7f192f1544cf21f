"""What curvature costs: |H| and LEC of a torus decoder by each route, as multiples of one forward pass.

The decoder is ``torus -> 8 × 400 softplus -> 100 units``, in float64, on one thread. Six streams (value,
two first and three second derivatives) put the floor at six passes. The naive route is torch's nested
autodiff of the map at each point; geomstats is timed on a few points, in a process of its own (its
PyTorch backend is chosen by the environment), and scaled up. LEC, the extrinsic curvature of Lee (2023), is
timed beside its published estimator, whose one probe scatters; its difference is that of the means.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable

import pandas as pd
import torch
from torch import Tensor, nn
from torch.func import jacfwd, vmap

from neuromanifold.benchmarks.extrinsic_cost import published_estimate
from neuromanifold.benchmarks.geomstats_route import torus_decoder
from neuromanifold.geometry import Immersion, extrinsic_curvature, mean_curvature_norm
from neuromanifold.manifolds import Torus

__all__ = ["run"]

# Points at which the definition of LEC (d² numbers a point) is compared.
N_DEFINITION = 20


def run(
    n_points: int = 2000,
    *,
    width: int = 400,
    depth: int = 8,
    n_units: int = 100,
    n_repeats: int = 3,
    n_geomstats: int = 3,
    verbose: bool = True,
) -> pd.DataFrame:
    """Time every route to |H| at points of the torus.

    Parameters
    ----------
    n_points : int
        Points.
    width, depth, n_units : int
        Hidden width, hidden layers and outputs of the decoder.
    n_repeats : int
        Each route is timed so many times, and the best counts.
    n_geomstats : int
        Points that geomstats is timed on; 0 leaves it out.
    verbose : bool
        Print the table.

    Returns
    -------
    pandas.DataFrame
        A row per route: ``seconds`` and ``forward_passes`` for all points, the ``target`` in passes where
        there is one, and the largest relative ``difference`` from the first route to the same quantity.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows = _time_routes(n_points, torus_decoder(width, depth, n_units), n_repeats)
    finally:
        torch.set_num_threads(threads)
    if n_geomstats > 0:
        seconds = n_points * _geomstats_seconds(n_geomstats, width, depth, n_units)
        rows["geomstats (scaled up)"] = (seconds, math.nan, math.nan)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["seconds", "target", "difference"])
    table.insert(1, "forward_passes", table["seconds"] / rows["one forward pass"][0])
    table = table.rename_axis("route")
    if verbose:
        print(table.to_string(float_format=lambda value: f"{value:.3g}", na_rep=""))
    return table


def _time_routes(n_points: int, decoder: nn.Module, n_repeats: int) -> dict[str, tuple[float, float, float]]:
    """Seconds, target in forward passes, and relative difference from the first route, of each route."""
    f = Immersion("torus", decoder)
    u = Torus(2).angles(Torus(2).sample(n_points, torch.Generator().manual_seed(0)))
    closed = Immersion("torus", lambda z: decoder(_tensor(z)))
    routes: dict[str, tuple[Callable[[], Tensor], float]] = {
        "module, jets": (lambda: mean_curvature_norm(f, u), 10.0),
        "any function, jets": (lambda: mean_curvature_norm(lambda v: f(v), u), 30.0),
        "closed function, nested forward mode": (lambda: mean_curvature_norm(closed, u), 30.0),
        "naive nested autodiff": (lambda: _naive(f, u), math.nan),
    }

    probes = torch.Generator().manual_seed(1)

    def forward() -> Tensor:
        with torch.no_grad():
            return f(u)

    unit, reference = _best(forward, 2 * n_repeats)[0], mean_curvature_norm(f, u)
    rows = {"one forward pass": (unit, math.nan, math.nan)}
    for name, (route, target) in routes.items():
        seconds, norm = _best(route, n_repeats)
        rows[name] = (seconds, target, float(((norm - reference) / reference).abs().max()))
        # The clock may have changed by now: the fastest of all forward passes is the unit.
        unit = min(unit, _best(forward, n_repeats)[0])
    exact, seconds = extrinsic_curvature(f, u), _best(lambda: extrinsic_curvature(f, u), n_repeats)[0]
    few = u[:N_DEFINITION]
    defined = extrinsic_curvature(f, few, method="definition")
    rows["LEC, jets"] = (seconds, 12.0, float((exact[: len(few)] / defined - 1).abs().max()))
    seconds, estimate = _best(lambda: published_estimate(f, u, probes), n_repeats)
    rows["LEC, published estimator, one probe"] = (seconds, math.nan, float(estimate.mean() / exact.mean() - 1))
    unit = min(unit, _best(forward, n_repeats)[0])
    rows["one forward pass"] = (unit, math.nan, math.nan)
    return rows


def _tensor(z: Tensor) -> Tensor:
    """Make a function that jets cannot go through, as a compiled one."""
    if not isinstance(z, Tensor):
        raise TypeError("this function is closed to anything but tensors")
    return z


def _best(route: Callable[[], Tensor], n_repeats: int) -> tuple[float, Tensor]:
    best = math.inf
    for _ in range(n_repeats):
        start = time.perf_counter()
        result = route()
        best = min(best, time.perf_counter() - start)
    return best, result


def _naive(f: Immersion, u: Tensor) -> Tensor:
    """``|H|`` by nested autodiff of the whole map and the textbook formulas."""
    with torch.no_grad():
        first, second = vmap(jacfwd(f))(u), vmap(jacfwd(jacfwd(f)))(u)
        inverse = torch.linalg.inv(first.mT @ first)
        laplacian = torch.einsum("nij,ndij->nd", inverse, second)
        normal = laplacian - (first @ (inverse @ (first.mT @ laplacian[..., None])))[..., 0]
        return torch.linalg.vector_norm(normal, dim=-1) / u.shape[-1]


def _geomstats_seconds(n_points: int, width: int, depth: int, n_units: int) -> float:
    """Seconds a point that geomstats takes for the mean curvature vector."""
    sizes = [str(number) for number in (n_points, width, depth, n_units)]
    done = subprocess.run(
        [sys.executable, "-m", "neuromanifold.benchmarks.geomstats_route", *sizes],
        env={**os.environ, "GEOMSTATS_BACKEND": "pytorch"},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])

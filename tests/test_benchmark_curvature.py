"""The benchmark of curvature: manifolds are what they say, matching undoes reparametrisations, cells add up."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from neuromanifold.benchmarks import curvature
from neuromanifold.benchmarks.cost import measured
from neuromanifold.benchmarks.manifolds import MANIFOLDS
from neuromanifold.benchmarks.matching import matched_error, nearest_points, profile_error, turns
from neuromanifold.benchmarks.oracle import oracle
from neuromanifold.benchmarks.rows import CachedRows
from neuromanifold.geometry import Immersion, local_geometry
from neuromanifold.manifolds import resolve
from neuromanifold.report.figures import ratios

TREFOIL = MANIFOLDS["trefoil knot"](5, 0.0, 0).truth


def shifted(z: Tensor) -> Tensor:
    """The circle turned about itself with uneven speed, and mirrored."""
    angle = -torch.atan2(z[..., 1], z[..., 0])
    uneven = angle + 0.4 * torch.sin(angle) + 1
    return torch.stack([uneven.cos(), uneven.sin()], dim=-1)


@pytest.mark.parametrize("name", MANIFOLDS)
def test_activity_lies_on_the_manifold_that_is_said_to_be_true(name: str) -> None:
    sample = MANIFOLDS[name](12, 1e-6, 3)
    clean = sample.truth(torch.as_tensor(sample.angles)).numpy()
    assert sample.activity.shape == clean.shape == (len(sample.angles), 12)
    limit = 0.1 if sample.likelihood == "poisson" else 1e-3
    # Counts vary about the truth: their mean over thousands of bins does not.
    assert np.abs((sample.activity - clean).mean(0)).max() < limit


def test_the_flat_torus_has_the_curvature_of_its_circles() -> None:
    truth = MANIFOLDS["Clifford torus"](6, 0.0, 0).truth
    found = local_geometry(truth, truth.template.grid(10).points, on_points=True).mean_curvature_norm
    torch.testing.assert_close(found, torch.full_like(found, math.hypot(1, 1 / 0.6) / 2), rtol=1e-12, atol=0)


def test_matching_finds_the_same_points_in_other_coordinates() -> None:
    other = Immersion("circle", lambda z: TREFOIL.on_points(shifted(z)))
    assert matched_error(other, TREFOIL) < 1e-12
    assert profile_error(other, TREFOIL) > 1e-3
    positions = TREFOIL.on_points(resolve("circle").grid(50).points)
    torch.testing.assert_close(other.on_points(nearest_points(other, positions)), positions, rtol=0, atol=1e-9)


def test_turns_count_how_often_a_circle_is_covered() -> None:
    assert abs(turns(Immersion("circle", lambda z: TREFOIL.on_points(shifted(z))), TREFOIL)) == 1
    assert turns(TREFOIL, TREFOIL) == 1


def test_the_oracle_is_exact_without_noise() -> None:
    sample = MANIFOLDS["ellipsoid"](6, 0.0, 1)
    fitted = oracle(sample.template, torch.as_tensor(sample.angles), torch.as_tensor(sample.activity))
    assert profile_error(fitted, sample.truth) < 1e-15


def test_rows_of_many_keys_are_computed_once(tmp_path) -> None:
    keys = [{"seed": seed} for seed in range(3)]
    rows = CachedRows("many", tmp_path).rows(keys, lambda key: {"double": 2 * key["seed"]})
    assert [row["double"] for row in rows] == [0, 2, 4]

    def fails(key):
        raise AssertionError("computed again")

    assert CachedRows("many", tmp_path).rows(keys, fails) == rows


def test_cells_are_means_over_seeds_with_a_geometric_mean_of_the_table(monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(curvature, "CELLS", [("circle bump", 10, 0.01), ("sphere", 10, 0.01), ("ellipsoid", 20, 0.01)])
    errors = {"circle bump": 2.0, "sphere": 0.5, "ellipsoid": 7.0}

    def figures(key):
        shape, seed = key["shape"], key["seed"]
        cost = {"seconds": 1.0, "peak_gb": float("nan"), "once": 1.0}
        return {"error": errors[shape] + seed, "oracle": 1.0 + seed, **cost}

    monkeypatch.setattr(curvature, "figures", figures)
    table = curvature.run(1, coordinates=["given"], n_jobs=1, verbose=False)
    assert list(table["ratio"][:3]) == [2.0, 0.5, 7.0]
    assert table["shape"].iloc[-1] == "all of the table"
    assert table["ratio"].iloc[-1] == pytest.approx(1.0)
    assert ratios(table).get_xscale() == "log"
    assert curvature.run(2, coordinates=["given"], n_jobs=1, verbose=False)["ratio"][0] == pytest.approx(5 / 3)


def test_a_fit_is_scored_beside_the_oracle() -> None:
    key = {"coordinates": "given", "shape": "circle wiggles", "n_units": 10, "noise_var": 0.01, "seed": 0}
    found = curvature.figures(key)
    assert found["error"] < found["oracle"] < 0.01
    assert found["once"] == 1


def test_cost_is_of_the_call() -> None:
    cost = measured(lambda: np.ones(30_000_000).sum())
    assert cost.result == 30_000_000
    assert pd.isna(cost.peak_gb) or cost.peak_gb > 0.24

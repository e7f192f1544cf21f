"""The benchmark of the geometry runs, and its routes agree."""

from __future__ import annotations

import pytest
import torch

from neuromanifold.benchmarks import geometry
from neuromanifold.benchmarks.extrinsic_cost import published_estimate
from neuromanifold.benchmarks.regularizer_cost import regularizer_cost
from neuromanifold.manifolds import Sphere
from neuromanifold.models.regularizers import REGULARIZERS


def test_routes_agree(capsys: pytest.CaptureFixture[str]) -> None:
    table = geometry.run(30, width=8, depth=2, n_units=5, n_repeats=1, n_geomstats=0)
    scattered = "LEC, published estimator, one probe"
    assert (table["difference"].drop(scattered).dropna() < 1e-9).all()
    assert (table["seconds"] > 0).all()
    assert "naive nested autodiff" in capsys.readouterr().out


@pytest.mark.slow
def test_geomstats_is_timed() -> None:
    table = geometry.run(30, width=8, depth=2, n_units=5, n_repeats=1, n_geomstats=1, verbose=False)
    assert table.loc["geomstats (scaled up)", "seconds"] > 0


def test_every_regulariser_is_timed() -> None:
    table = regularizer_cost(60, 4, n_steps=3, n_repeats=1)
    kinds = {name.split(",")[0] for name in table.index} - {"plain"}
    assert kinds == {kind.__name__ for kind in REGULARIZERS}
    assert table.loc["plain", "ratio"] == 1


def test_published_estimator_is_unbiased() -> None:
    """The unit sphere's LEC is 4; 20 000 probes, printed in standard errors."""
    u = torch.tensor([[1.0, 0.5]], dtype=torch.float64).repeat(20000, 1)
    draws = published_estimate(Sphere(2).embed, u, torch.Generator().manual_seed(0))
    score = float((draws.mean() - 4) / (draws.std() / len(draws) ** 0.5))
    print(f"published estimator: z = {score:.2f}")
    assert abs(score) < 4

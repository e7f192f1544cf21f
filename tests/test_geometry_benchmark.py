"""The benchmark of the geometry runs, and its routes agree."""

from __future__ import annotations

import pytest

from neuromanifold.benchmarks import geometry
from neuromanifold.benchmarks.regularizer_cost import regularizer_cost
from neuromanifold.models.regularizers import REGULARIZERS


def test_routes_agree(capsys: pytest.CaptureFixture[str]) -> None:
    table = geometry.run(30, width=8, depth=2, n_units=5, n_repeats=1, n_geomstats=0)
    assert (table["difference"].dropna() < 1e-9).all()
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

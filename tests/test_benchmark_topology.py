"""The populations that verdicts are measured on: identified points tell alike, unrelated units share nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from neuromanifold.benchmarks import topology
from neuromanifold.benchmarks.rows import CachedRows
from neuromanifold.benchmarks.tuned_populations import SPACES, UNRELATED, independent, tuned


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# The same point, told otherwise.
SAME = {
    "circle": lambda z: z + 2 * np.pi,
    "torus": lambda z: z - 2 * np.pi,
    "3-torus": lambda z: z + 2 * np.pi,
    "projective": lambda z: -z,
    "klein": lambda z: np.stack([z[:, 0] + np.pi, -z[:, 1]], axis=1),
}


@pytest.mark.parametrize("space", SAME)
def test_identified_points_are_told_alike(space: str) -> None:
    points, tuning = SPACES[space]
    z, mu = points(20, rng()), points(7, rng(1))
    np.testing.assert_allclose(tuning(SAME[space](z), mu, 3.0), tuning(z, mu, 3.0), rtol=1e-10)
    np.testing.assert_allclose(tuning(z, SAME[space](mu), 3.0), tuning(z, mu, 3.0), rtol=1e-10)


@pytest.mark.parametrize("space", SPACES)
def test_a_unit_fires_most_at_its_preferred_point(space: str) -> None:
    points, tuning = SPACES[space]
    mu = points(9, rng())
    np.testing.assert_array_equal(tuning(np.concatenate([mu, points(200, rng(1))]), mu, 6.0).argmax(0), np.arange(9))
    counts = tuned(space, 50, 9, 6.0, 10.0, rng())
    assert counts.shape == (50, 9)
    assert np.all(counts == np.round(counts))


@pytest.mark.parametrize("kind", UNRELATED)
def test_unrelated_units_are_not_correlated(kind: str) -> None:
    counts = independent(UNRELATED[kind], 20000, 5, 6.0, rng())
    correlation = np.corrcoef(counts.T)[np.triu_indices(5, 1)]
    assert np.abs(correlation).max() < (0.15 if UNRELATED[kind] else 0.03)
    along = np.array([np.corrcoef(unit[1:], unit[:-1])[0, 1] for unit in counts.T])
    assert np.all(along > 0.3 if UNRELATED[kind] else np.abs(along) < 0.03)


def test_shares_of_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts = iter(["circle", "torus", "undecided", "contractible"])
    found = pd.DataFrame(
        [
            {"space": "circle", "n_units": 30, "concentration": 2.0, "peak": 5.0, "template": t, "seconds": 1.0}
            for t in ("circle", "circle", None, None)
        ]
    ).assign(verdict=list(verdicts))
    table = topology._summary(found)
    assert table["right"].tolist() == [0.5, 1.0]
    assert table["wrong"].tolist() == [0.5, 0.0]
    assert table["undecided"].tolist() == [0.0, 0.5]


def test_a_table_has_a_row_for_each_population(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(topology, "figures", lambda key: {"verdict": key["template"] or "undecided", "seconds": 1.0})
    monkeypatch.setattr(topology, "CachedRows", lambda name, fresh: CachedRows(name, tmp_path, fresh=fresh))
    table = topology.run(1, n_jobs=1, verbose=False)
    assert len(table) == len(topology.POPULATIONS) + len(UNRELATED)
    assert table["right"].eq(1).all()
    assert table.loc[table["space"].isin(UNRELATED), "n"].eq(topology.CALIBRATION).all()

"""The benchmarks of feature maps run: on small networks, few lines and few random networks."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from neuromanifold.benchmarks import featuremap_theory, featuremaps, prediction_changes
from neuromanifold.experiments import claim


@pytest.mark.slow
def test_every_figure_keeps_its_bound(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = featuremap_theory.run(2, n_networks=500, verbose=False)
    assert (table["measured"] <= table["bound"])[table["bound"].notna()].all()
    assert table["right"].notna().sum() == 2
    # The second time nothing is computed.
    assert featuremap_theory.run(2, n_networks=500, verbose=False).equals(table)


@pytest.mark.slow
def test_small_network_against_its_dense_jacobian() -> None:
    assert featuremaps._dense(1)["value"] < 1e-6


@pytest.mark.slow
def test_child_reports_its_own_peak() -> None:
    command = [sys.executable, "-m", "neuromanifold.benchmarks.residual_volumes", "volume", "18"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert found["seconds"] > 0
    assert 0.2 < found["peak_gb"] < 1.5
    assert np.isfinite(found["value"])


def test_statistics_of_lines_find_a_peak_at_the_change() -> None:
    """Peaks at the changes, against peaks that do not know them."""
    rng = np.random.default_rng(0)
    n, positions = 30, np.arange(21)
    at = rng.integers(3, 17, n)
    changed = np.zeros((n, 20), dtype=bool)
    changed[np.arange(n), at] = True
    peaked = np.exp(-0.5 * (positions - at[:, None] - 0.5) ** 2)
    place = prediction_changes._place(peaked, changed, rng)
    assert place["distance"] == pytest.approx(0.025)
    assert place["distance_p"] < 1e-3
    assert prediction_changes._place(rng.permutation(peaked), changed, rng)["distance_p"] > 0.01
    assert prediction_changes._height(peaked, changed, rng)["height_p"] < 1e-3
    assert prediction_changes._height(-peaked, changed, rng)["height_p"] > 0.99
    assert claim.inside(peaked).all()

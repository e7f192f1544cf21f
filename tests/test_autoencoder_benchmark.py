"""The benchmark of autoencoders: its cases are what they say, its measures right on maps that are known."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

import neuromanifold as nm
from neuromanifold.benchmarks import autoencoders
from neuromanifold.benchmarks.autoencoder_cases import REAL, SYNTHETIC, Case
from neuromanifold.benchmarks.autoencoder_figures import MEASURES, measures
from neuromanifold.report import figures


@pytest.mark.parametrize("name", SYNTHETIC)
def test_test_samples_lie_on_the_truth_and_flat_coordinates_have_its_distances(name):
    case = SYNTHETIC[name](0)
    nearest = np.linalg.norm(case.test[:, None] - case.truth[None, :], axis=2).min(axis=1)
    assert nearest.max() < 0.08
    # No chord is longer than its geodesic, and near points' are nearly as long.
    chords = np.linalg.norm(case.test[:, None] - case.test, axis=2)
    along = np.linalg.norm(case.flat[:, None] - case.flat, axis=2)
    assert (chords <= along * (1 + 1e-3) + 1e-9).all()
    near = (along > 0) & (along < 0.1 * along.max())
    assert (chords[near] / along[near]).mean() > 0.95
    assert not np.isin(case.validation, case.train).any()


@pytest.mark.parametrize("name", REAL)
def test_real_cases_keep_their_samples_apart(name, shared_data):
    case = REAL[name](shared_data("coil20").parent, 1)
    parts = [case.train, case.validation, case.test]
    assert len({part.shape[1] for part in parts}) == 1
    assert min(len(part) for part in parts) >= 15
    rows = [{row.tobytes() for row in part} for part in parts]
    assert not rows[0] & rows[1] | rows[1] & rows[2] | rows[0] & rows[2]


def table_of(weights, errors, plain=1.0):
    rows = pd.DataFrame({"weight": np.repeat(weights, 3), "validation": np.repeat(errors, 3)})
    return autoencoders.chosen(rows, pd.DataFrame({"validation": [plain] * 3}))


def test_the_weight_is_the_largest_that_costs_little_on_validation_samples():
    assert table_of([1, 2, 3], [0.9, 1.0, 1.3]) == 2
    assert table_of([1, 2, 3], [0.9, 1.0, 1.1]) == 3
    assert table_of([1, 2, 3], [2.0, 2.1, 3.0]) == 1  # all cost much: the least
    assert table_of([1, 2, 3], [2.0, 2.1, 3.0], plain=1.9) == 2


def test_measures_of_a_fit_to_a_line():
    """A line is learned with hardly an error, and its latents are in order."""
    t = np.linspace(-1, 1, 60)[:, None]
    line = t * np.array([0.6, 0.8])
    case = Case(line[::2], line[1::2], line[1::2], 1, 5, line, t[1::2])
    model = nm.GeometricAutoencoder(1, hidden=(16,), max_steps=400, device="cpu", random_state=0).fit(case.train)
    found = measures(model, case)
    assert set(found) == set(MEASURES)
    assert found["error"] < 0.05
    assert found["held_out"] == pytest.approx(found["validation"])
    assert found["held_out"] < 0.05
    assert found["geodesics"] < 0.05
    assert found["trust"] > 0.99


def test_the_table_compares_with_the_plain_autoencoder_and_is_drawn(monkeypatch, tmp_path):
    """On one case, with few steps: every method at its chosen weight, and the plain one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(autoencoders, "SYNTHETIC", {"noisy curve": SYNTHETIC["noisy curve"]})
    monkeypatch.setattr(autoencoders, "SETTINGS", {"max_steps": 5, "hidden": (8,), "device": "cpu"})
    monkeypatch.setattr(autoencoders, "regularizer_cost", lambda: pd.DataFrame({"ratio": {"plain": 1.0, "any": 2.5}}))
    table = autoencoders.run(n_seeds=1, data=tmp_path, n_jobs=1, verbose=False)
    cost = table[table["case"] == autoencoders.COST].set_index("method")["epoch_ratio"]
    assert cost.to_dict() == {"plain": 1.0, "any": 2.5}
    table = table[table["case"] != autoencoders.COST]
    assert list(table["method"]) == list(autoencoders.COMPARED["noisy curve"])
    assert table.loc[0, ["error_ratio", "distortion_ratio", "held_out_ratio", "epoch_ratio"]].to_list() == [1, 1, 1, 1]
    np.testing.assert_allclose(table["error_ratio"], table["error"] / table["error"][0])
    figures.autoencoders(table).savefig(io.BytesIO(), format="png")

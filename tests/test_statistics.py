"""Statistics of curvature against task variables: calibration, power, and the numbers by a second route."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from scipy.stats import kstest

import neuromanifold as nm
from neuromanifold._errors import InputError
from neuromanifold.benchmarks import statistics as benchmark
from neuromanifold.geometry import Immersion
from neuromanifold.manifolds import resolve
from neuromanifold.profile import curvature_error, immersion_profile
from neuromanifold.statistics import held_out_points
from neuromanifold.statistics.block_refits import BlockRefits
from neuromanifold.statistics.nulls import random_turns, shifted_rows

TURN = 2 * np.pi


def ring(amplitude: float, noise_var: float, seed: int, n_times: int = 600):
    """A circle with wiggles of an amplitude, its model, and its labels."""
    rec, y = benchmark.ring(amplitude, seed, n_times, noise_var)
    return rec, benchmark.fitted(rec, y, seed), y


@cache
def wiggles() -> tuple[xr.Dataset, nm.TopologicalVAE, np.ndarray]:
    return ring(0.3, 0.01, 0)


def test_a_shift_rolls_every_interval_by_itself() -> None:
    groups = np.repeat([3, 5, 3], [10, 1, 7])
    rng = np.random.default_rng(0)
    series = np.arange(18)
    for _ in range(20):
        rolled = series[shifted_rows(groups, rng)]
        for piece in (slice(0, 10), slice(10, 11), slice(11, 18)):
            by = int(rolled[piece.start] - series[piece.start])
            np.testing.assert_array_equal(rolled[piece], np.roll(series[piece], -by))


@pytest.mark.parametrize("name", ["circle", "sphere", "torus"])
def test_turns_of_a_template_are_isometries_and_uniform(name: str) -> None:
    template = resolve(name)
    turns = random_turns(template, 4000, 0)
    points = template.sample(5, torch.Generator().manual_seed(0))
    moved = points @ turns.mT
    assert float((template.project(moved) - moved).abs().max()) < 1e-10
    # The images of a point are spread as the template is: their mean is zero, as is that of uniform points.
    assert float(moved.mean(0).abs().max()) < 0.06


def test_refits_on_all_blocks_are_the_fit() -> None:
    rec, model, y = wiggles()
    refits = BlockRefits(model, rec["activity"], y)
    everything = refits.decoder(np.ones(len(refits.n_samples), int))
    np.testing.assert_allclose(everything.weight, model.decoder_.weight, atol=1e-8)
    assert refits.n_samples.sum() == 600
    norm = refits.mean_curvature_norms([np.ones(len(refits.n_samples), int)])[0]
    np.testing.assert_allclose(norm, immersion_profile(model.immersion_)["mean_curvature_norm"], rtol=1e-6)
    with pytest.raises(InputError, match="expecting 6 features"):
        BlockRefits(model, rec["activity"][:, :3], y)


def test_wiggles_vary_where_they_are_bent() -> None:
    rec, model, y = wiggles()
    found = nm.statistics.curvature_variation(model, rec, "angle", y, n_draws=199, random_state=0)
    assert found["p_value"].item() == pytest.approx(1 / 200)
    truth = immersion_profile(nm.synthetic.immersion_of(rec), 3600)["mean_curvature_norm"].to_numpy()
    norm = truth.reshape(36, 100).mean(axis=1)
    departures = norm - norm.mean()
    strong = np.abs(departures) > 0.3 * norm.std()
    assert (np.sign(found["departure"])[strong] == np.sign(departures)[strong]).mean() > 0.95
    assert (found["p_bin"][strong] <= 0.05).mean() > 0.5
    assert found["relative_variation"].item() == pytest.approx(norm.std() / norm.mean(), rel=0.1)
    assert curvature_error(found["mean_curvature_norm"], norm, np.ones(36)) < 0.01
    assert found.attrs["seed"] == "0"
    assert found["bin"].attrs["units"] == "radian"


def test_the_same_seed_gives_the_same_numbers() -> None:
    rec, model, y = wiggles()
    first, second = (
        nm.statistics.curvature_variation(model, rec, "angle", y, n_draws=19, random_state=3) for _ in range(2)
    )
    xr.testing.assert_identical(first, second)


def test_a_variable_that_knows_nothing_does_not_explain_true_wiggles() -> None:
    """The angle of wiggles varies curvature; a variable of its own clock does not, whatever the fit's noise."""
    rec, model, y = wiggles()
    other = rec.assign(other=("time", np.random.default_rng(1).normal(size=600), {"kind": "linear", "units": "m"}))
    found = nm.statistics.curvature_variation(model, other, "other", y, n_draws=99, random_state=0)
    assert found["p_shift"].item() > 0.05
    assert found["p_value"].item() >= found["p_shift"].item()


def test_a_round_circle_is_not_called_varying() -> None:
    """A shift of the angle alone would call it so: the noise of the fit is a function of the angle."""
    p, shift = [], []
    for seed in range(6):
        rec, model, y = ring(0.0, 0.02, seed, n_times=400)
        found = nm.statistics.curvature_variation(model, rec, "angle", y, n_draws=99, random_state=seed)
        p.append(found["p_value"].item())
        shift.append(found["p_shift"].item())
    assert np.sum(np.array(p) <= 0.05) <= 2  # P(3 or more of 6 at level 0.05) = 0.002
    assert max(shift) <= 0.05


def test_the_noise_bias_is_taken_out() -> None:
    rec, model, y = ring(0.0, 0.1, 0, n_times=400)
    found = nm.statistics.curvature_variation(model, rec, "angle", y, n_draws=9, random_state=0)
    plain = immersion_profile(model.immersion_)["mean_curvature_norm"].mean().item()
    corrected = found["mean_curvature_norm"].mean().item()
    assert abs(corrected - 1) < max(abs(plain - 1), 0.02)


def test_crowded_fields_bend_the_manifold_more() -> None:
    rec, y = benchmark.place_fields(0.7, 0)
    model = benchmark.fitted(rec, y, 0)
    found = nm.statistics.curvature_variation(model, rec, "angle", y, n_draws=99, random_state=0)
    assert found["p_value"].item() <= 0.02


def test_the_benchmark_keeps_its_rows(tmp_path, monkeypatch) -> None:
    calls: list[int] = []

    def p(seed: int) -> float:
        calls.append(seed)
        return 0.01 if seed % 2 else 0.5

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(benchmark, "CASES", (benchmark.Case("a claim", "some data", True, p),))
    table = benchmark.run(10, n_jobs=1, verbose=False)
    assert table.loc[0].to_dict() == {
        "case": "a claim: some data", "true": True, "called": 0.5, "standard_error": pytest.approx(0.025**0.5),
        "n_seeds": 10,
    }  # fmt: skip
    pd.testing.assert_frame_equal(benchmark.run(10, n_jobs=1, verbose=False), table)
    assert calls == list(range(10))


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in benchmark.CASES if not case.true], ids=str)
def test_what_is_not_there_is_called_by_chance_only(case: benchmark.Case) -> None:
    p = np.array([case.p(seed) for seed in range(200)])
    print(f"{case}: called at 0.05 in {(p <= 0.05).mean():.3f} of 200; KS p = {kstest(p, 'uniform').pvalue:.2g}")
    assert (p <= 0.05).mean() <= 0.09  # P(19 or more of 200 at level 0.05) = 0.006


def test_shares_of_units_in_closed_form() -> None:
    """An ellipse in the plane of two of three units: H is along its normal."""
    immersion = Immersion(resolve("circle"), lambda z: torch.stack([2 * z[:, 0], z[:, 1], 0 * z[:, 0]], dim=1))
    found = nm.statistics.unit_shares(immersion, ["a", "b", "c"])
    np.testing.assert_allclose(found["share_profile"].sum("unit"), 1)
    assert found["share"].sum().item() == pytest.approx(1)
    theta = found["angle_0"].to_numpy()
    normal = np.stack([np.cos(theta), 2 * np.sin(theta)], axis=1)
    np.testing.assert_allclose(found["share_profile"][:, :2], normal**2 / (normal**2).sum(1, keepdims=True), atol=1e-9)
    round_one = nm.statistics.unit_shares(Immersion(resolve("circle"), lambda z: 3 * z))
    np.testing.assert_allclose(round_one["share"], 0.5)
    assert round_one["effective_units"].item() == pytest.approx(2)
    with pytest.raises(InputError, match="3 units"):
        nm.statistics.unit_shares(immersion, ["a"])
    flat = Immersion(resolve("contractible"), lambda z: torch.cat([z, z[:, :1]], dim=1))
    with pytest.raises(InputError, match="flat"):
        nm.statistics.unit_shares(flat)


def test_shares_turn_with_the_units() -> None:
    _, model, _ = wiggles()
    plain = nm.statistics.unit_shares(model.immersion_)
    order = [3, 1, 0, 5, 4, 2]
    turned = nm.statistics.unit_shares(Immersion(model.template_, lambda z: 7 * model.decoder_(z)[:, order]))
    np.testing.assert_allclose(turned["share"], plain["share"][order], atol=1e-9)


def test_the_overview_has_its_parts_and_its_numbers() -> None:
    rec, model, y = wiggles()
    found = nm.statistics.overview(model, rec, "angle", y, random_state=0)
    assert set(found) == {"unit_shares", "held_out_variance", "controls", "variation", "explained"}
    assert all(part.attrs["version"] == nm.__version__ for part in found.values())
    numbers = nm.statistics.main_numbers(found)
    assert set(numbers) == {"held_out_variance", "effective_units", "curvature_varies_p"}
    assert set(nm.statistics.overview(model, rec, None, y, random_state=0)) == set(found) - {"variation", "explained"}
    with pytest.raises(InputError, match="n_draws"):
        nm.statistics.curvature_variation(model, rec, "angle", y, n_draws=0)


@pytest.mark.parametrize("rest", [0.0, -0.3])
def test_a_unit_that_is_silent_where_a_fit_is_made_does_not_end_it(rest: float) -> None:
    """A cell that fires in one fold alone, as of place cells over minutes; its variance in the fit is zero."""
    rng = np.random.default_rng(0)
    y = rng.uniform(0, TURN, 600)
    rare = np.full(600, rest)
    rare[121:131] = 2.0
    X = np.c_[rare, np.cos(y[:, None] - np.arange(6)) + 0.1 * rng.normal(size=(600, 6))]
    points = held_out_points(resolve("circle"), X, y[:, None], np.zeros(600, int))
    errors = np.abs(np.angle(np.exp(1j * (np.arctan2(points[:, 1], points[:, 0]) - y))))
    assert np.median(errors) < 0.1
    # The samples in which it fires are decoded from the others.
    assert np.median(errors[121:131]) < 0.2
    labels = np.where((np.arange(600) < 110) | (np.arange(600) > 140), y, np.nan)
    model = nm.TopologicalVAE("circle", label_tolerance=0, max_epochs=1, random_state=0).fit(X, labels)
    assert torch.isfinite(model.noise_.whitening).all()

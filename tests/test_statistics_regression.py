"""Explained curvature, controls and held-out variance, against numpy and scikit-learn."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
import xarray as xr
from scipy.stats import kstest, rankdata
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict

import neuromanifold as nm
from neuromanifold._errors import InputError
from neuromanifold.bootstrap import time_blocks
from neuromanifold.manifolds import resolve
from neuromanifold.profile import immersion_profile
from neuromanifold.statistics.nulls import random_turns
from neuromanifold.statistics.occupancy import cells_of
from neuromanifold.statistics.predictors import columns_of, harmonics_of, polynomials_of

N = 400
GROUPS = np.zeros(N, np.int64)


def autocorrelated(rng: np.random.Generator, n_columns: int = 1) -> np.ndarray:
    """Columns (N, n_columns) of slow noise: neighbours of 10 samples are much alike."""
    noise = rng.normal(size=(N + 40, n_columns))
    kernel = np.exp(-0.5 * (np.arange(-20, 21) / 5) ** 2)
    return np.stack([np.convolve(column, kernel, "valid") for column in noise.T], axis=1)[:N]


@cache
def wiggles() -> tuple[xr.Dataset, nm.TopologicalVAE, np.ndarray]:
    rec = nm.synthetic.circle(600, 6, "wiggles", 0.3, 0.01, random_state=0)
    for i, values in enumerate(np.random.default_rng(1).normal(size=(8, 600))):
        rec[f"noise {i}"] = ("time", values, {"kind": "linear", "units": "m"})
    y = rec["angle"].to_numpy()
    model = nm.TopologicalVAE(max_epochs=1, device="cpu", random_state=0).fit(rec["activity"].to_numpy(), y)
    return rec, model, y


def test_shares_are_those_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    angle, line = np.cumsum(rng.normal(0, 0.3, N)), rng.uniform(-1, 1, N)
    columns = {"angle": harmonics_of(angle, 2), "line": polynomials_of(line, 1)}
    outcome = 1 + np.cos(2 * angle) + 0.5 * line + 0.3 * rng.normal(size=N)
    found = nm.statistics.explained_shares(outcome, columns, GROUPS, n_draws=19, random_state=0)
    fold = PredefinedSplit(time_blocks(N, GROUPS) % 5)
    centre = np.zeros(N)
    for train, test in fold.split():
        centre[test] = outcome[train].mean()

    def share(*names: str) -> float:
        design = np.concatenate([columns[name] for name in names], axis=1)
        predicted = np.zeros(N)
        for train, test in fold.split():
            full = np.column_stack([np.ones(N), design])
            predicted[test] = full[test] @ np.linalg.lstsq(full[train], outcome[train], rcond=None)[0]
        return 1 - np.square(outcome - predicted).sum() / np.square(outcome - centre).sum()

    assert found["together"].item() == pytest.approx(share("angle", "line"))
    assert found["alone"].sel(predictor="angle").item() == pytest.approx(share("angle"))
    expected = share("angle", "line") - share("angle")
    assert found["unique"].sel(predictor="line").item() == pytest.approx(expected)
    assert (found["p_value"] == 1 / 20).all()
    assert found["n_columns"].to_numpy().tolist() == [4, 1]


def test_one_harmonic_is_the_circular_linear_correlation() -> None:
    """Mardia (1976): R² from the three correlations of the outcome, the cosine and the sine."""
    rng = np.random.default_rng(0)
    angle = rng.vonmises(0, 0.5, N)
    outcome = np.cos(angle - 1) + rng.normal(size=N)
    xc, xs, cs = (
        np.corrcoef(a, b)[0, 1]
        for a, b in ((outcome, np.cos(angle)), (outcome, np.sin(angle)), (np.cos(angle), np.sin(angle)))
    )
    expected = (xc**2 + xs**2 - 2 * xc * xs * cs) / (1 - cs**2)
    found = nm.statistics.explained_shares(outcome, {"angle": harmonics_of(angle, 1)}, GROUPS, n_draws=3)
    assert found["added"].item() == pytest.approx(expected)


def test_what_is_added_is_the_partial_r_squared() -> None:
    """Ratio of residual sums of squares of two least-squares fits, with and without a predictor."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(N, 2)), rng.normal(size=(N, 3))
    second[:, 0] += first[:, 0]
    outcome = first @ [1, 2] + second @ [0.5, 0, 0] + rng.normal(size=N)
    found = nm.statistics.explained_shares(outcome, {"a": first, "b": second}, GROUPS, n_draws=3)
    left = [
        outcome - LinearRegression().fit(design, outcome).predict(design)
        for design in (first, np.concatenate([first, second], axis=1))
    ]
    expected = 1 - np.square(left[1]).sum() / np.square(left[0]).sum()
    assert found["added"].sel(predictor="b").item() == pytest.approx(expected)


def test_two_copies_of_a_variable_share_all_that_they_explain() -> None:
    rng = np.random.default_rng(0)
    line = autocorrelated(rng)
    found = nm.statistics.explained_shares(line[:, 0], {"a": line, "b": 3 * line}, GROUPS, n_draws=9, random_state=0)
    np.testing.assert_allclose(found["alone"], 1)
    np.testing.assert_allclose(found["unique"], 0, atol=1e-9)


def test_slow_series_that_know_nothing_of_each_other_are_told_so() -> None:
    """A permutation of single samples would call most of these significant."""
    p = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        columns = {"a": autocorrelated(rng, 2), "b": autocorrelated(rng)}
        found = nm.statistics.explained_shares(
            autocorrelated(rng)[:, 0], columns, GROUPS, n_draws=39, random_state=seed
        )
        p.append(found["p_value"].to_numpy())
    p = np.array(p)
    # P(more than 16 of 150 at level 0.05) = 0.001
    assert ((p <= 0.05).sum(axis=0) <= 16).all()
    # Of what a residual adds, up to the steps of 1/40.
    spread = p - np.random.default_rng(0).uniform(0, 1 / 40, p.shape)
    assert min(kstest(column, "uniform").pvalue for column in spread.T) > 1e-3


def test_columns_of_every_kind() -> None:
    turn = {"kind": "circular", "units": "deg", "period": 360.0}
    rec = nm.as_recording(
        np.random.default_rng(0).normal(size=(6, 3)),
        {
            "heading": xr.DataArray([0.0, 90, 180, 270, np.nan, 45], dims="time", attrs=turn),
            "place": xr.DataArray([0.0, 1, 2, 3, 4, 4], dims="time", attrs={"kind": "linear", "units": "m"}),
            "side": xr.DataArray(list("lrlrcl"), dims="time", attrs={"kind": "categorical", "units": ""}),
        },
        sampling_period=1.0,
        kind="continuous",
        units="a.u.",
    )
    heading = columns_of(rec, "heading", 1)
    np.testing.assert_allclose(heading[:4], [[1, 0], [0, 1], [-1, 0], [0, -1]], atol=1e-12)
    assert np.isnan(heading[4]).all()
    np.testing.assert_allclose(columns_of(rec, "place", 2)[:, 0], [-1, -0.5, 0, 0.5, 1, 1])
    np.testing.assert_allclose(columns_of(rec, "place", 2)[2, 1], -0.5)
    np.testing.assert_array_equal(columns_of(rec, "side", 1), [[1, 0], [0, 1], [1, 0], [0, 1], [0, 0], [1, 0]])
    assert polynomials_of(np.ones(5), 3).shape == (5, 0)


def test_the_angle_of_wiggles_explains_them_and_another_variable_does_not() -> None:
    rec, model, y = wiggles()
    found = nm.statistics.explained_curvature(model, rec, "angle", y, n_draws=39, random_state=0)
    noise = [f"noise {i}" for i in range(8)]
    assert found["predictor"].to_numpy().tolist() == ["angle", *noise, "speed of angle", "occupancy"]
    assert found["alone"].sel(predictor="angle").item() > 0.98
    assert found["p_value"].sel(predictor="angle").item() == 1 / 40
    assert found["alone"].sel(predictor=noise).max().item() < 0.05
    assert (found["p_value"].sel(predictor=noise) <= 0.05).sum() <= 2  # P(3 or more of 8) = 0.006
    # Parseval: so many harmonics explain their share of the energy of |H|.
    energy = np.square(np.abs(np.fft.rfft(immersion_profile(model.immersion_)["mean_curvature_norm"])))[1:]
    few = nm.statistics.explained_curvature(model, rec, None, y, n_harmonics=8, n_draws=3, random_state=0)
    assert few["alone"].sel(predictor="angle").item() == pytest.approx(energy[:8].sum() / energy.sum(), abs=0.08)
    constant = rec[["activity"]].assign(one=("time", np.ones(600), {"kind": "linear", "units": "m"}))
    assert nm.statistics.explained_curvature(model, constant, n_draws=3).attrs["left_out"] == "one"
    with pytest.raises(InputError, match="no task variable"):
        nm.statistics.explained_shares(np.ones(100), {}, np.zeros(100, int))
    with pytest.raises(InputError, match="at least 50"):
        nm.statistics.explained_shares(np.ones(100), {"a": np.full((100, 1), np.nan)}, np.zeros(100, int))


def test_controls_are_correlations_of_residual_ranks() -> None:
    rec, model, y = wiggles()
    rate = np.abs(np.random.default_rng(0).normal(size=600)) + 2 + np.cos(3 * y)
    found = nm.statistics.curvature_controls(model, rec, rate, y, n_turns=99, random_state=0)
    seen = np.isfinite(found["rate"].to_numpy())
    ranks = {name: rankdata(found[name].to_numpy()[seen]) for name in ("mean_curvature_norm", "occupancy", "rate")}

    def residual(name: str, given: str) -> np.ndarray:
        design = np.column_stack([np.ones(seen.sum()), ranks[given]])
        return ranks[name] - design @ np.linalg.lstsq(design, ranks[name], rcond=None)[0]

    for control, other in (("occupancy", "rate"), ("rate", "occupancy")):
        expected = np.corrcoef(residual("mean_curvature_norm", other), residual(control, other))[0, 1]
        assert found["partial_correlation"].sel(control=control).item() == pytest.approx(expected)
    # |H| of wiggles is even in 3θ: it follows cos 3θ, and so the rate, but for its turning points.
    assert found["p_value"].sel(control="rate").item() <= 0.1
    controlled = found["mean_curvature_norm_controlled"].to_numpy()[seen]
    design = np.column_stack([np.log(found["occupancy"].to_numpy()[seen]), found["rate"].to_numpy()[seen]])
    centred = design - design.mean(0)
    np.testing.assert_allclose(centred.T @ (controlled - controlled.mean()), 0, atol=1e-8)
    assert controlled.mean() == pytest.approx(found["mean_curvature_norm"].to_numpy()[seen].mean())
    with pytest.raises(InputError, match="one finite number a sample"):
        nm.statistics.curvature_controls(model, rec, rate[:5], y)


def test_turned_profiles_are_called_by_chance_as_often_as_they_should() -> None:
    """Occupancy and |H| drawn apart, both smooth on the circle: share of p <= 0.05 over 200 pairs."""
    circle = resolve("circle")
    cells = cells_of(circle, circle.grid(72).points.numpy())
    turns = random_turns(circle, 39, 0)
    moved = np.stack([cells.moved(turn) for turn in turns])
    rng = np.random.default_rng(0)
    waves = harmonics_of(cells.grid.angles[:, 0].numpy(), 3)
    called = 0
    for _ in range(200):
        a, b = waves @ rng.normal(size=6), waves @ rng.normal(size=6)
        null = np.abs([np.corrcoef(a[index], b)[0, 1] for index in moved])
        called += (1 + (null >= abs(np.corrcoef(a, b)[0, 1])).sum()) / 40 <= 0.05
    assert called <= 20  # P(more than 20 of 200 at level 0.05) = 0.0006


def test_density_of_visits_is_one_where_all_places_are_visited_alike() -> None:
    for name in ("circle", "sphere", "torus"):
        template = resolve(name)
        points = template.sample(40000, torch.Generator().manual_seed(0)).numpy()
        cells = cells_of(template, points)
        assert cells.counts.sum() == 40000
        density, weight = cells.density, cells.grid.weights.numpy()
        assert (density * weight).sum() / weight.sum() == pytest.approx(1)
        assert np.average((density - 1) ** 2, weights=weight) < 0.1


def test_held_out_variance_is_that_of_a_linear_regression() -> None:
    """Many samples and few harmonics: the prior has no say, and cross-validated least squares agrees."""
    rec, model, y = wiggles()
    found = nm.statistics.held_out_variance(model, rec, y)
    fold = time_blocks(600, None) % 5
    design = harmonics_of(y, 6)
    X = rec["activity"].to_numpy()
    predicted = cross_val_predict(LinearRegression(), design, X, cv=PredefinedSplit(fold))
    np.testing.assert_allclose(found["r_squared"], r2_score(X, predicted, multioutput="raw_values"), atol=0.03)
    total = r2_score(X, predicted, multioutput="variance_weighted")
    assert found["r_squared_total"].item() == pytest.approx(total, abs=0.01)
    assert found.attrs["coordinates"] == "labels"


def test_held_out_variance_does_without_labels_that_are_too_few() -> None:
    """Two known labels of one fold predict nothing of the others: every unit is decoded from the others instead."""
    rec, model, y = wiggles()
    few = np.where(np.arange(600) < 2, y, np.nan)
    found = nm.statistics.held_out_variance(model, rec, few)
    assert found.attrs["coordinates"] == "decoded from the other units"
    unlabelled = nm.statistics.held_out_variance(model, rec)
    np.testing.assert_allclose(found["r_squared"], unlabelled["r_squared"], atol=1e-4)


def test_a_unit_does_not_predict_itself() -> None:
    """A unit of pure noise beside the others: decoded from the others, it is not explained."""
    rec, _, _ = wiggles()
    X = np.column_stack([rec["activity"], np.random.default_rng(0).normal(size=600)])
    noisy = nm.as_recording(X, sampling_period=1.0, kind="continuous", units="a.u.")
    fit = nm.TopologicalVAE(max_epochs=1, n_init=1, device="cpu", random_state=0).fit(X)
    found = nm.statistics.held_out_variance(fit, noisy)
    assert found["r_squared"][-1].item() < 0.05
    assert float(found["r_squared"][:-1].min()) > 0.5
    assert found.attrs["coordinates"] == "decoded from the other units"
    two = rec.isel(unit=[0, 1])
    pair = nm.TopologicalVAE(max_epochs=1, device="cpu", random_state=0).fit(two["activity"], rec["angle"])
    with pytest.raises(InputError, match="two units"):
        nm.statistics.held_out_variance(pair, two)
    with pytest.raises(InputError, match="not of counts"):
        nm.statistics.held_out_variance(nm.TopologicalVAE(likelihood="poisson"), two)

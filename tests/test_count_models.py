"""Topological VAEs of counts: place cells recovered with and without labels, exposure, dispersion, files, errors."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import neuromanifold as nm
from neuromanifold._errors import InputError
from neuromanifold.profile import curvature_error, curvature_profile, immersion_profile, replicates
from neuromanifold.statistics.alignment import best_rotation
from neuromanifold.statistics.block_refits import BlockRefits

FAST = {"max_epochs": 1, "device": "cpu", "random_state": 0}
BIN = 0.05


@cache
def place_cells() -> tuple[xr.Dataset, np.ndarray, np.ndarray]:
    """A recording of 30 cells, its counts (4000, 30), and the track's angle of each bin."""
    rec = nm.synthetic.place_cells(n_times=4000, n_units=30, bin_size=BIN, random_state=0)
    return rec, rec["activity"].to_numpy().astype(float), 2 * np.pi * rec["position"].to_numpy() / 200.0


@cache
def fitted(labelled: bool, likelihood: str = "poisson") -> nm.TopologicalVAE:
    _, x, y = place_cells()
    model = nm.TopologicalVAE(likelihood=likelihood, exposure=BIN, **FAST)
    return model.fit(x, y if labelled else None)


def tuning_error(model: nm.TopologicalVAE, rec: xr.Dataset, angles: torch.Tensor, at: torch.Tensor) -> float:
    """Root-mean-square error of the tuning curves, relative to their deviation: ``at`` are the model's own angles."""
    true = nm.synthetic.immersion_of(rec)(angles)
    return float((model.immersion_(at) - true).square().mean().sqrt() / true.std())


def test_labelled_fits_recover_place_cells() -> None:
    rec, x, y = place_cells()
    model, grid = fitted(True), torch.linspace(0, 2 * torch.pi, 100, dtype=torch.float64)[:, None]
    assert tuning_error(model, rec, grid, grid) < 0.12
    truth = immersion_profile(nm.synthetic.immersion_of(rec))
    found = immersion_profile(model.immersion_)["mean_curvature_norm"]
    assert curvature_error(found, truth["mean_curvature_norm"], truth["area"]) < 0.03
    gaussian = nm.TopologicalVAE(**FAST).fit(x, y)
    assert tuning_error(model, rec, grid, grid) < tuning_error(gaussian, rec, grid, grid)


def test_unlabelled_fits_recover_place_cells() -> None:
    rec, x, y = place_cells()
    model = fitted(False)
    assert np.degrees(best_rotation(model.angles(x)[:, 0], y)[1]) < 12
    true = torch.as_tensor(y)[:, None]
    # The learned angle at each true one: the nearest point of the learned curve to the true expected counts.
    curve = torch.linspace(0, 2 * torch.pi, 2001, dtype=torch.float64)[:-1, None]
    nearest = torch.cdist(nm.synthetic.immersion_of(rec)(true), model.immersion_(curve)).argmin(1)
    assert tuning_error(model, rec, true, curve[nearest]) < 0.15
    # Round exactly once.
    winding = np.diff(np.unwrap(curve[nearest][np.argsort(y), 0].numpy())).sum() / (2 * np.pi)
    assert abs(abs(winding) - 1) < 0.05
    speed = np.exp(immersion_profile(model.immersion_)["log_volume"].to_numpy())
    assert speed.std() / speed.mean() < 0.02


def test_some_labels_are_the_gauge() -> None:
    rec, x, y = place_cells()
    some = np.where(np.arange(len(y)) % 4 == 0, y, np.nan)
    model = nm.TopologicalVAE(likelihood="poisson", exposure=BIN, **FAST).fit(x, some)
    grid = torch.linspace(0, 2 * torch.pi, 100, dtype=torch.float64)[:, None]
    assert model.gauge_ == "task coordinates"
    assert tuning_error(model, rec, grid, grid) < 0.15


def test_exposure_scales_rates_and_nothing_else() -> None:
    _, x, y = place_cells()
    fine, coarse = (nm.TopologicalVAE(likelihood="poisson", exposure=e, **FAST).fit(x, y) for e in (BIN, 1.0))
    angles = torch.linspace(0, 6, 30, dtype=torch.float64)[:, None]
    torch.testing.assert_close(fine.immersion_(angles), coarse.immersion_(angles))
    assert fine.score(x) == pytest.approx(coarse.score(x))
    points = fine.template_.embed(angles)
    torch.testing.assert_close(fine.decoder_(points).exp(), coarse.decoder_(points).exp() / BIN)
    torch.testing.assert_close(fine.immersion_(angles), BIN * fine.decoder_(points).exp())
    profile = curvature_profile(fine, n_points=36)
    assert profile.attrs["activity_unit"] == "expected counts in a bin of 0.05 s"


def test_dispersions_come_back() -> None:
    rec, x, y = place_cells()
    rng = np.random.default_rng(0)
    mean = nm.synthetic.immersion_of(rec)(torch.as_tensor(y)[:, None]).numpy()
    alpha = np.linspace(0.3, 1.5, mean.shape[1])
    many = 10 * mean  # enough spikes to tell
    counts = rng.poisson(rng.gamma(1 / alpha, alpha * many)).astype(float)
    model = nm.TopologicalVAE(likelihood="negative_binomial", exposure=BIN, **FAST).fit(counts, y)
    np.testing.assert_allclose(model.dispersion_, alpha, rtol=0.35)
    assert np.corrcoef(model.dispersion_, alpha)[0, 1] > 0.95
    plain = nm.TopologicalVAE(likelihood="poisson", exposure=BIN, **FAST).fit(counts, y)
    assert model.score(counts) > plain.score(counts) + 5
    # Poisson counts have none, and the fit is the Poisson one.
    assert float(fitted(True, "negative_binomial").dispersion_.median()) < 0.05
    assert fitted(True, "negative_binomial").score(x) == pytest.approx(fitted(True).score(x), abs=0.05)
    assert not fitted(True).dispersion_.any()


@pytest.mark.parametrize("labelled", [True, False])
def test_same_seed_same_numbers(labelled: bool) -> None:
    _, x, y = place_cells()
    x, y = x[:800, ::2], y[:800] if labelled else None
    first, second = (nm.TopologicalVAE(likelihood="poisson", n_init=2, **FAST).fit(x, y) for _ in range(2))
    np.testing.assert_array_equal(first.transform(x), second.transform(x))
    assert first.elbo(x) == second.elbo(x)


def test_encoder_is_a_posterior_below_the_marginal_likelihood() -> None:
    _, x, y = place_cells()
    model = nm.TopologicalVAE(likelihood="poisson", exposure=BIN, device="cpu", random_state=0).fit(x, y)
    assert model.score(x) - 1.0 < model.elbo(x) < model.score(x)
    # The score is the mean marginal log-likelihood: Monte Carlo over the uniform law of positions.
    angles = torch.linspace(0, 2 * torch.pi, 4001, dtype=torch.float64)[:-1, None]
    mean = model.immersion_(angles)
    counts = torch.as_tensor(x[:5])
    density = torch.distributions.Poisson(mean[None]).log_prob(counts[:, None]).sum(2)
    expected = density.logsumexp(1) - np.log(len(angles))
    np.testing.assert_allclose(model.score_samples(x[:5]), expected, atol=1e-4)


@pytest.mark.parametrize("likelihood", ["poisson", "negative_binomial"])
def test_saved_models_come_back_whole(likelihood: str, tmp_path: Path) -> None:
    _, x, _ = place_cells()
    model = fitted(True, likelihood)
    model.save(tmp_path / "model.npz")
    again = nm.load_model(tmp_path / "model.npz")
    assert again.get_params() == model.get_params()
    np.testing.assert_array_equal(again.transform(x), model.transform(x))
    np.testing.assert_array_equal(again.dispersion_, model.dispersion_)
    assert again.score(x) == model.score(x) == model.log_likelihood_
    assert again.elbo(x) == model.elbo(x)


@pytest.mark.parametrize("labelled", [True, False])
def test_refits_share_the_gauge_and_the_geometry_of_expected_counts(labelled: bool) -> None:
    _, x, y = place_cells()
    model = fitted(labelled)
    y = y if labelled else None
    refits = BlockRefits(model, x, y)
    once = refits.decoder(np.ones(len(refits.n_samples)))
    torch.testing.assert_close(once.weight, model.decoder_.weight, atol=0.02, rtol=0)
    profile = immersion_profile(model.immersion_, 90)
    link = model.generative_.activity_jet
    copied = replicates(model.decoder_, [model.decoder_.weight] * 2, 90, link)
    for name, values in copied.items():
        np.testing.assert_allclose(values, np.tile(profile[name], (2, 1)), rtol=1e-8, atol=1e-9)
    banded = curvature_profile(model, x, y, n_bootstrap=10, n_points=90, random_state=0)
    low, high = banded["mean_curvature_norm_lower"], banded["mean_curvature_norm_upper"]
    assert bool((low < high).all())
    assert float(((low <= profile["mean_curvature_norm"]) & (profile["mean_curvature_norm"] <= high)).mean()) > 0.8


def with_entry(value: float) -> np.ndarray:
    x = place_cells()[1].copy()
    x[3, 1] = value
    return x


ERRORS: dict[str, tuple[dict[str, Any], float, str]] = {
    "negative": ({}, -1.0, r"whole numbers of at least 0; X\[3, 1\] is -1"),
    "fraction": ({}, 0.5, r"X\[3, 1\] is 0.5.*gaussian"),
    "huge": ({}, 1e7, "finer bins"),
    "no exposure": ({"exposure": 0.0}, 1.0, "exposure must be a positive"),
    "negative exposure": ({"exposure": -0.05}, 1.0, "exposure must be a positive"),
    "likelihood": ({"likelihood": "binomial"}, 1.0, "'gaussian', 'poisson', 'negative_binomial'; got 'binomial'"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_cannot_be_used_is_named(case: str) -> None:
    change, value, message = ERRORS[case]
    with pytest.raises(InputError, match=message):
        nm.TopologicalVAE(**({"likelihood": "poisson"} | FAST | change)).fit(with_entry(value), place_cells()[2])


def test_new_counts_are_checked_too() -> None:
    with pytest.raises(InputError, match="whole numbers"):
        fitted(True).transform(with_entry(0.25))

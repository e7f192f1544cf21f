"""Templates, conditions and preparations compared: known answers, calibration, and the numbers by a second route."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, rankdata

import neuromanifold as nm
from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._random import spawn_seeds
from neuromanifold.benchmarks.statistics import fitted, trials
from neuromanifold.bootstrap import time_blocks
from neuromanifold.manifolds import resolve
from neuromanifold.models.base import FitSettings
from neuromanifold.models.generative import fit_generative
from neuromanifold.statistics.templates import N_INIT

TURN = 2 * np.pi
N_TRIALS, N_BINS = 24, 25  # of ``trials``
N = N_TRIALS * N_BINS


def on(name: str, n_times: int = 400, n_units: int = 8, noise: float = 0.1, seed: int = 0) -> xr.Dataset:
    """Uniform points of a template, embedded linearly at random, with noise."""
    template, rng = resolve(name), np.random.default_rng(seed)
    z = template.sample(n_times, torch.Generator().manual_seed(seed)).numpy()
    X = z @ rng.normal(size=(z.shape[1], n_units)) + noise * rng.normal(size=(n_times, n_units))
    return nm.as_recording(X, sampling_period=1.0, kind="continuous", units="a.u.")


def compared(rec: xr.Dataset, y: np.ndarray, condition="side", **settings) -> xr.Dataset:
    few = {"n_bootstrap": 19, "n_permutations": 19, "random_state": 0} | settings
    return nm.statistics.compare_conditions(fitted(rec, y, 0), rec, condition, y, **few)


# -- templates ----------------------------------------------------------------------------------------------


def test_held_out_likelihood_is_the_integral_over_the_template() -> None:
    rec = on("circle", 200, 4)
    found = nm.statistics.compare_templates(rec, ("contractible", "circle"), n_folds=2, max_samples=200, random_state=5)
    X = rec["activity"].to_numpy()
    blocks, seeds = time_blocks(len(X), None), spawn_seeds(5, 2)
    circle = resolve("circle")
    angles = torch.arange(2000, dtype=torch.float64)[:, None] * TURN / 2000
    scores = np.zeros(len(X))
    for fold in range(2):
        test = blocks % 2 == fold
        train = torch.as_tensor(X[~test])
        unknown = torch.full((len(train), 1), float("nan"), dtype=torch.float64)
        fit = fit_generative(
            circle, train, unknown, torch.zeros(len(train), dtype=torch.int64), FitSettings(1.0, N_INIT), seeds[fold]
        )
        law = multivariate_normal(np.zeros(4), fit.noise.covariance.numpy())
        means = fit.decoder(circle.embed(angles)).numpy()
        scores[test] = logsumexp(law.logpdf(X[test][:, None] - means), axis=1) - np.log(2000)
    assert found["mean"].sel(template="circle").item() == pytest.approx(scores.mean(), abs=2e-3)
    means = np.bincount(blocks, scores) / np.bincount(blocks)
    assert found["n_blocks"].item() == len(means) == 50  # of four samples each
    error = found["standard_error"].sel(template="circle").item()
    assert error == pytest.approx(means.std(ddof=1) / 50**0.5, rel=0.05)
    assert found.attrs["favoured"] == "circle"
    assert found.attrs["vote"].startswith("Held-out likelihood favours circle over contractible by ")
    assert found["difference"].max().item() == 0


def test_a_plane_is_not_called_a_circle() -> None:
    found = nm.statistics.compare_templates(
        on("contractible"), ("circle", "contractible"), n_folds=2, max_samples=400, random_state=0
    )
    assert found.attrs["favoured"] == "contractible"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["contractible", "circle", "sphere", "torus"])
def test_every_template_is_favoured_by_its_own_data(name: str) -> None:
    found = nm.statistics.compare_templates(on(name, 600), n_folds=2, max_samples=600, random_state=0)
    print(name, dict(zip(found["template"].to_numpy(), found["difference"].to_numpy().round(3), strict=True)))
    assert found.attrs["favoured"] == name


def test_templates_that_cannot_be_fitted_have_no_say() -> None:
    rec = on("circle", 300, 2, 0.02)
    found = nm.statistics.compare_templates(rec, ("circle", "sphere"), n_folds=2, max_samples=300, random_state=0)
    assert np.isnan(found["mean"].sel(template="sphere"))
    assert "sphere: " in found.attrs["failed"]
    assert found.attrs["vote"] == "Only the circle could be fitted without labels: held-out likelihood has no vote."
    with pytest.raises(InputError, match="no template could be fitted"):
        nm.statistics.compare_templates(rec, ("sphere", "klein"), n_folds=2, max_samples=300)
    for wrong in ({"templates": ["circle"]}, {"n_folds": 1}, {"max_samples": 10}):
        with pytest.raises(InputError, match=f"{next(iter(wrong))} must be"):
            nm.statistics.compare_templates(rec, **wrong)


# -- conditions ---------------------------------------------------------------------------------------------


def test_an_ellipse_is_bent_otherwise_than_a_circle() -> None:
    """Curvature in closed form: ab / (a² sin² + b² cos²)^(3/2) less 1."""
    rec, y = trials(1.5, 0)
    found = compared(rec, y, n_bootstrap=99)
    theta = found["angle_0"].to_numpy()
    truth = 1.5 / (1.5**2 * np.sin(theta) ** 2 + np.cos(theta) ** 2) ** 1.5 - 1
    assert np.abs(found["difference"] - truth).mean() < 0.1 * np.abs(truth).mean()
    held = (found["difference_lower"] <= truth) & (truth <= found["difference_upper"])
    assert held.mean() > 0.7
    assert found["p_value"].item() == 1 / 20
    assert found["condition"].to_numpy().tolist() == ["a", "b"]
    assert found["n_blocks"].to_numpy().tolist() == [N_TRIALS // 2, N_TRIALS // 2]
    np.testing.assert_allclose(found["mean_curvature_norm"].diff("condition")[0], found["difference"])


def test_the_order_of_conditions_is_a_sign() -> None:
    rec, y = trials(1.2, 0)
    one = compared(rec, y)
    other = compared(rec, y, np.where(rec["side"] == "a", "z", "b"))
    np.testing.assert_allclose(other["difference"], -one["difference"])
    assert other["statistic"].item() == pytest.approx(one["statistic"].item())
    xr.testing.assert_identical(one, compared(rec, y))


def test_labels_in_degrees_give_the_same_difference() -> None:
    rec, y = trials(1.2, 0)
    model, settings = fitted(rec, y, 0), {"n_bootstrap": 2, "n_permutations": 2, "random_state": 0}
    degrees = xr.DataArray(np.rad2deg(y), dims="time", attrs={"units": "deg"})
    both = [nm.statistics.compare_conditions(model, rec, "side", labels, **settings) for labels in (y, degrees)]
    np.testing.assert_allclose(both[0]["difference"], both[1]["difference"], atol=1e-9)


def test_conditions_that_do_not_differ_are_called_so_by_chance_only() -> None:
    p, held = [], []
    for seed in range(20):
        found = compared(*trials(1.0, seed))
        p.append(found["p_value"].item())
        held.append(((found["difference_lower"] <= 0) & (found["difference_upper"] >= 0)).mean().item())
    assert np.sum(np.array(p) <= 0.05) <= 4  # P(5 or more of 20 at level 0.05) = 0.003
    assert 0.75 < np.mean(held) <= 1


def test_conditions_within_a_trial_are_cut_into_stretches_of_time() -> None:
    rec, y = trials(1.0, 0)
    half = np.where(np.arange(N) % N_BINS < N_BINS // 2, "early", "late")
    blocks = compared(rec, y, half)["n_blocks"].to_numpy()
    assert blocks.min() >= N_TRIALS
    some = np.where(np.arange(N) < N_BINS, "", half)
    assert compared(rec, y, some)["n_blocks"].sum() < blocks.sum()


def test_wrong_conditions_are_named() -> None:
    rec, y = trials(1.0, 0)
    for wrong, why in (
        (np.arange(N) % 3, "two conditions are compared; got 3: 0, 1, 2"),
        (np.zeros(N), "got 1"),
        (np.zeros(7), "one value a sample"),
    ):
        with pytest.raises(InputError, match=why):
            compared(rec, y, wrong)
    with pytest.raises(NotEnoughDataError, match="condition rare has fewer than 5 blocks"):
        compared(rec, y, np.where(np.arange(N) < 30, "rare", "usual"))
    for wrong in ({"n_bootstrap": 0}, {"n_permutations": 0}, {"level": 1.0}):
        with pytest.raises(InputError, match=f"{next(iter(wrong))} must be"):
            compared(rec, y, **wrong)
    with pytest.raises(InputError, match="other"):
        compared(rec, y, "other")


# -- preparations -------------------------------------------------------------------------------------------


def _bent() -> xr.Dataset:
    return nm.synthetic.circle(400, 6, "wiggles", 0.3, 0.001, random_state=0)


def test_a_preparation_that_is_an_isometry_changes_nothing() -> None:
    """The noise-free circle lies in a plane: its two components, and all six, are rotations of it."""
    settings = {"plain": {}, "two": {"n_components": 2}, "z-score": {"zscore": True}}
    found = nm.statistics.sensitivity(_bent(), "angle", settings=settings, unit_shares=(1.0,), n_draws=1)
    plain = found["dimensionless_mean_curvature"].sel(preparation="plain")
    two = found["dimensionless_mean_curvature"].sel(preparation="two")
    assert nm.curvature_error(two, plain, np.ones(len(plain))) < 1e-3
    assert found["rank_correlation"].sel(preparation="plain", preparation_2="two").item() > 0.99
    other = found["rank_correlation"].sel(preparation="plain", preparation_2="z-score").item()
    ranks = rankdata(found["dimensionless_mean_curvature"], axis=1)
    assert other == pytest.approx(np.corrcoef(ranks[0], ranks[2])[0, 1])
    assert other < 0.99
    np.testing.assert_allclose(np.diag(found["rank_correlation"]), 1)
    # A subset of all units is all units.
    assert found["subset_rank_correlation"].item() == pytest.approx(1)
    assert found["n_units"].to_numpy().tolist() == [6]


def test_the_scale_of_activity_does_not_matter() -> None:
    rec = _bent()
    larger = rec.assign(activity=rec["activity"].copy(data=10 * rec["activity"].to_numpy()))
    one, other = (
        nm.statistics.sensitivity(r, "angle", settings={"plain": {}}, unit_shares=(0.5,), n_draws=2, random_state=0)
        for r in (rec, larger)
    )
    for name in ("dimensionless_mean_curvature", "subset_mean_curvature", "subset_rank_correlation"):
        np.testing.assert_allclose(other[name], one[name], rtol=1e-5)


def test_the_preparations_of_counts() -> None:
    rec = nm.synthetic.head_direction_cells(n_times=1500, n_units=10, random_state=0)
    found = nm.statistics.sensitivity(rec, "head_direction", unit_shares=(0.5,), n_draws=2, random_state=0)
    assert found.sizes["preparation"] == 7
    assert np.isfinite(found["dimensionless_mean_curvature"]).all()
    assert len(nm.statistics.preparations(_bent())) == 4


def test_wrong_coordinates_and_subsets_are_named() -> None:
    rec = _bent().assign(place=("time", np.arange(400.0), {"kind": "linear", "units": "m"}))
    for variable, template in (("place", "circle"), ("angle", "torus"), ("angle", "sphere")):
        with pytest.raises(InputError, match=f"the {template} needs"):
            nm.statistics.sensitivity(rec, variable, template)
    for wrong in ({"unit_shares": (0.1,)}, {"unit_shares": (1.5,)}, {"n_draws": 0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            nm.statistics.sensitivity(rec, "angle", **wrong)
    with pytest.raises(InputError, match="nowhere"):
        nm.statistics.sensitivity(rec, "nowhere")

"""Pooled profiles and differences of groups, on profiles made with known means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from neuromanifold._errors import InputError
from neuromanifold.statistics.group_differences import group_differences
from neuromanifold.statistics.pooling import ALL, mean_weights, pooled_profile
from neuromanifold.statistics.session_profiles import SessionProfiles, collect

N_POINTS, N_DRAWS = 24, 12
ANGLE = 2 * np.pi * np.arange(N_POINTS) / N_POINTS


def profile(norm: np.ndarray, rng: np.random.Generator, noise: float = 0.05, n_draws: int = N_DRAWS) -> xr.Dataset:
    attrs = {"units": "1 / SD", "long_name": "mean curvature |H|"}
    data = {}
    for name, scale in (("mean_curvature_norm", 1.0), ("dimensionless_mean_curvature", 2.0)):
        data[name] = ("point", scale * norm, attrs)
        if n_draws:
            draws = scale * (norm + noise * rng.normal(size=(n_draws, len(norm))))
            data[f"{name}_draws"] = (("draw", "point"), draws)
    angle = 2 * np.pi * np.arange(len(norm)) / len(norm)
    return xr.Dataset(
        data, coords={"angle_0": ("point", angle)}, attrs={"template": "circle", "gauge": "task", "n_resampled": 30}
    )


def study(rng, animals, groups, bend=0.0, animal=0.2, session=0.1, noise=0.05, **more) -> SessionProfiles:
    """Sessions about 1 + cos; those of the second group bend by ``bend`` more at angle 0."""
    of_animal = {name: animal * rng.normal() for name in sorted(set(animals))}
    second = sorted(set(groups))[-1]

    def one(a, g):
        mean = 1.5 + np.cos(ANGLE) + (bend * np.exp(np.cos(ANGLE) - 1) if g == second else 0.0)
        norm = mean + of_animal[a] + session * rng.normal() + noise * rng.normal(size=N_POINTS)
        return profile(norm, rng, noise, **more)

    rows = ((f"s{i}", a, g, one(a, g)) for i, (a, g) in enumerate(zip(animals, groups, strict=True)))
    return collect(rows, len(animals))


def test_the_pooled_profile_is_the_mean_of_the_animals_means():
    rng = np.random.default_rng(0)
    sessions = study(rng, ["a", "a", "a", "b"], ["x", "x", "y", "y"])
    found = pooled_profile(sessions, n_bootstrap=50, random_state=0)
    values = sessions.values["mean_curvature_norm"]
    expected = 0.5 * (values[:3].mean(axis=0) + values[3])
    np.testing.assert_allclose(found["mean_curvature_norm"].sel(group=ALL), expected)
    np.testing.assert_allclose(found["dimensionless_mean_curvature"].sel(group="x"), 2 * values[:2].mean(axis=0))
    assert list(found["n_sessions"].to_numpy()) == [4, 2, 2]
    assert list(found["n_animals"].to_numpy()) == [2, 1, 2]
    assert (found["mean_curvature_norm_simultaneous_upper"] >= found["mean_curvature_norm_upper"]).all()
    assert found.attrs["seed"] == "0"
    assert found["mean_curvature_norm"].attrs["units"] == "1 / SD"
    again = pooled_profile(sessions, n_bootstrap=50, random_state=0)
    xr.testing.assert_identical(found, again)


def test_pooled_bands_hold_the_mean_of_all_animals():
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(60):
        sessions = study(rng, [name for name in "abcde" for _ in range(3)], ["x"] * 15)
        found = pooled_profile(sessions, n_bootstrap=60, random_state=0).sel(group=ALL)
        low, high = (found[f"mean_curvature_norm_simultaneous_{end}"] for end in ("lower", "upper"))
        truth = 1.5 + np.cos(ANGLE)
        inside.append([((low <= truth) & (truth <= high)).all(), found["mean_curvature_norm_mean_lower"] <= 1.5])
    whole, mean = np.mean(inside, axis=0)
    print(f"whole simultaneous bands that hold the truth: {whole:.2f}")
    assert whole >= 0.8
    assert mean >= 0.85


def test_one_session_has_the_band_of_its_own_draws():
    rng = np.random.default_rng(2)
    sessions = study(rng, ["a"], ["x"], noise=0.1)
    found = pooled_profile(sessions, n_bootstrap=400, random_state=0).sel(group=ALL)
    reach = 0.5 * (found["mean_curvature_norm_upper"] - found["mean_curvature_norm_lower"])
    own = sessions.deviations["mean_curvature_norm"][0].std(axis=0)
    np.testing.assert_allclose(reach, 1.7 * own, rtol=0.2)


@pytest.mark.parametrize("paired", [True, False])
def test_a_bend_is_found_where_it_is(paired):
    rng = np.random.default_rng(3)
    animals = [name for name in "abcdefgh" for _ in range(4)]
    groups = ["x", "x", "y", "y"] * 8 if paired else ["x"] * 16 + ["y"] * 16
    sessions = study(rng, animals, groups, bend=0.8, animal=1.0 if paired else 0.05)
    found = group_differences(sessions, n_bootstrap=200, n_permutations=199, random_state=0).isel(pair=0)
    assert str(found["pair"].item()) == "y less x"
    assert bool(found["paired"]) is paired
    assert float(found["p_value"]) <= 0.05
    truth = 2 * 0.8 * np.exp(np.cos(ANGLE) - 1)
    covered = (found["difference_simultaneous_lower"] <= truth) & (truth <= found["difference_simultaneous_upper"])
    assert covered.all()
    assert int(found["difference_lower"].to_numpy().argmax()) in (0, 1, 2, 22, 23)


@pytest.mark.parametrize("paired", [True, False])
def test_groups_that_do_not_differ_are_called_so_at_their_level(paired):
    rng = np.random.default_rng(4)
    animals = [name for name in "abcdef" for _ in range(4)]
    groups = ["x", "x", "y", "y"] * 6 if paired else ["x"] * 12 + ["y"] * 12
    p = [
        float(
            group_differences(study(rng, animals, groups), n_bootstrap=2, n_permutations=49, random_state=i)["p_value"][
                0
            ]
        )
        for i in range(80)
    ]
    assert 0.2 < np.mean(np.array(p) <= 0.4) < 0.6
    assert np.mean(np.array(p) <= 0.1) < 0.2


def test_animals_without_both_conditions_are_left_out_of_a_paired_comparison():
    rng = np.random.default_rng(5)
    sessions = study(rng, ["a", "a", "b", "b", "c"], ["x", "y", "x", "y", "y"])
    found = group_differences(sessions, n_bootstrap=20, n_permutations=19, random_state=0).isel(pair=0)
    assert (int(found["n_animals"]), int(found["n_sessions"])) == (2, 4)
    three = study(rng, ["a", "a", "a", "b", "b", "b"], ["x", "y", "z"] * 2)
    pairs = group_differences(three, n_bootstrap=20, n_permutations=19, random_state=0)
    assert pairs.sizes["pair"] == 3
    assert (pairs["p_value_holm"] >= pairs["p_value"]).all()


def test_weights_give_each_animal_alike():
    weights = mean_weights(np.array([0, 0, 1, 2]), np.array([True, True, True, False]))
    np.testing.assert_allclose(weights, [0.25, 0.25, 0.5, 0.0])


def test_profiles_that_do_not_match_are_refused():
    rng = np.random.default_rng(6)
    rows = [("s0", "a", "x", profile(np.ones(24), rng)), ("s1", "a", "x", profile(np.ones(36), rng))]
    with pytest.raises(InputError, match="other points"):
        collect(rows, 2)
    with pytest.raises(InputError, match="no session"):
        collect([], 0)
    sessions = study(rng, ["a", "b"], ["x", "x"])
    with pytest.raises(InputError, match="only 'x'"):
        group_differences(sessions)
    with pytest.raises(InputError, match="level"):
        pooled_profile(sessions, level=1.5)


def test_without_draws_sessions_alone_make_the_band():
    rng = np.random.default_rng(7)
    sessions = study(rng, list("abcd"), ["x"] * 4, n_draws=0)
    found = pooled_profile(sessions, n_bootstrap=50, random_state=0)
    assert np.isfinite(found["mean_curvature_norm_upper"]).all()


def anonymous_megabytes() -> float:
    """Memory of this process that is not a file's."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("the system does not tell what memory a process has")
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("RssAnon"))
    return float(line.split()[1]) / 1024


def test_memory_does_not_grow_with_the_draws_of_the_sessions():
    rng = np.random.default_rng(8)
    one = profile(np.ones(360), rng, n_draws=40)
    before = anonymous_megabytes()
    sessions = collect(((f"s{i}", f"a{i % 50}", "x", one) for i in range(400)), 400)
    draws = sum(values.nbytes for values in sessions.deviations.values()) / 2**20
    pooled = pooled_profile(sessions, n_bootstrap=200, random_state=0)
    grown = anonymous_megabytes() - before
    print(f"400 sessions with {draws:.0f} MB of draws: {grown:.0f} MB more")
    assert draws > 80
    assert grown < 0.4 * draws
    assert np.isfinite(pooled["mean_curvature_norm_upper"]).all()

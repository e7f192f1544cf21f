from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.stats import circmean
from sklearn.decomposition import PCA

import neuromanifold as nm
from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold.data.binning import rebin
from neuromanifold.data.intervals import interval_slices
from neuromanifold.data.prepare import DroppedUnitsWarning, preparation, prepare
from neuromanifold.data.recording import as_recording, check
from neuromanifold.data.reduction import choose_n_components, principal_components, shift_units
from neuromanifold.data.selection import speed
from neuromanifold.data.smoothing import smooth
from neuromanifold.storage import write_netcdf

SHARED = Path(os.environ.get("NEUROMANIFOLD_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
GROUPS = np.repeat([0, 1, 2], [30, 7, 23])


def recording(n: int = 240, d: int = 5, seed: int = 0) -> xr.Dataset:
    """Counts with three task variables, in intervals of unequal length."""
    rng = np.random.default_rng(seed)
    variables = {
        "heading": xr.DataArray(rng.uniform(-180, 180, n), dims="time", attrs={"kind": "circular", "units": "deg"}),
        "x": xr.DataArray(rng.normal(size=n), dims="time", attrs={"kind": "linear", "units": "cm"}),
        "arm": xr.DataArray(rng.integers(0, 3, n), dims="time", attrs={"kind": "categorical", "units": "category"}),
    }
    interval = np.repeat([0, 1, 2], [n // 2, n // 4 + 3, n - n // 2 - n // 4 - 3])
    counts = rng.poisson(3, (n, d))
    return as_recording(counts, variables, sampling_period=0.05, interval=interval, kind="counts", units="spikes/bin")


# ---- smoothing ----


def dense_gaussian(n: int, sigma: float) -> np.ndarray:
    """The smoothing matrix by its definition: truncated at 4 σ, rows sum to one."""
    lag = np.abs(np.arange(n)[:, None] - np.arange(n))
    kernel = np.exp(-(lag**2) / (2 * sigma**2)) * (lag <= int(4 * sigma + 0.5))
    return kernel / kernel.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 5.0, 100.0])
def test_smoothing_is_the_normalised_gaussian_of_each_interval(sigma):
    X = np.random.default_rng(0).normal(size=(60, 3))
    expected = np.concatenate([dense_gaussian(s.stop - s.start, sigma) @ X[s] for s in interval_slices(GROUPS)])
    np.testing.assert_allclose(smooth(X, GROUPS, sigma), expected, atol=1e-12)


def test_nothing_leaks_across_a_border():
    X = np.zeros((60, 1))
    X[29] = 1
    assert (smooth(X, GROUPS, 3.0)[30:] == 0).all()
    np.testing.assert_allclose(smooth(np.ones((60, 2)), GROUPS, 8.0), 1, rtol=1e-14)


def test_smoothing_by_nothing_is_the_identity_and_less_is_refused():
    X = np.random.default_rng(0).normal(size=(60, 2))
    np.testing.assert_array_equal(smooth(X, GROUPS, 0.0), X)
    with pytest.raises(InputError, match=r"smoothing must be a number of seconds, at least 0; got -0\.05"):
        prepare(recording(), smoothing=-0.05)


# ---- bins ----


def test_wider_bins_sum_counts_inside_intervals():
    ds = recording()
    binned = rebin(ds, 0.2)
    for label in (0, 1, 2):
        values = ds["activity"].to_numpy()[ds["interval"].to_numpy() == label]
        whole = len(values) // 4 * 4
        expected = np.add.reduceat(values[:whole], np.arange(0, whole, 4), axis=0)
        np.testing.assert_array_equal(binned["activity"].to_numpy()[binned["interval"].to_numpy() == label], expected)
    assert binned.attrs["sampling_period"] == pytest.approx(0.2)
    check(binned)


def test_wider_bins_average_labels_by_their_kind():
    ds = recording()
    ds["heading"][:3], ds["x"][4:8] = np.nan, np.nan
    binned = rebin(ds, 0.2)
    rows = np.arange(4, 120).reshape(-1, 4)
    directions = circmean(ds["heading"].to_numpy()[rows], high=360, low=0, axis=1)
    turned = np.deg2rad(binned["heading"].to_numpy()[1:30] - directions)
    np.testing.assert_allclose(np.exp(1j * turned), 1, atol=1e-9)
    assert binned["heading"][0] == pytest.approx(float(ds["heading"][3]))
    assert np.isnan(binned["x"][1])
    np.testing.assert_allclose(binned["x"][2:30], ds["x"].to_numpy()[rows[1:]].mean(axis=1))
    np.testing.assert_array_equal(binned["arm"][1:30], ds["arm"].to_numpy()[rows[:, 2]])


def test_directions_average_across_the_wrap():
    heading = xr.DataArray([359.0, 1.0] * 10, dims="time", attrs={"kind": "circular", "units": "deg"})
    ds = as_recording(np.ones((20, 2)), {"heading": heading}, sampling_period=1.0, kind="rate", units="Hz")
    mean = rebin(ds, 2.0)["heading"].to_numpy()
    np.testing.assert_allclose(np.minimum(mean, 360 - mean), 0, atol=1e-9)
    np.testing.assert_array_equal(rebin(ds, 2.0)["activity"], 1.0)


@pytest.mark.parametrize("bin_size", [0.01, 0.07, -1.0, np.nan, 0.0])
def test_bins_that_do_not_fit_are_refused(bin_size):
    with pytest.raises(InputError, match=r"multiple of the sampling period|a positive number of seconds"):
        prepare(recording(), bin_size=bin_size)
    with pytest.raises(NotEnoughDataError, match="no interval is as long"):
        prepare(recording(), bin_size=50.0)


# ---- selection ----


def circling(n: int = 400, period: float = 0.05) -> xr.Dataset:
    """An animal that turns at 2 rad/s and moves at 3 cm/s, then stops."""
    t = (np.arange(n) + 0.5) * period
    moving = np.minimum(t, 15.0)
    attrs = {"kind": "linear", "units": "cm"}
    variables = {
        "heading": xr.DataArray(np.mod(2 * moving, 2 * np.pi), dims="time", attrs={"kind": "circular", "units": "rad"}),
        "x": xr.DataArray(3 * moving * 0.8, dims="time", attrs=attrs),
        "y": xr.DataArray(-3 * moving * 0.6, dims="time", attrs=attrs),
        "speed": xr.DataArray(np.where(t < 15, -3.0, 0.0), dims="time", attrs={"kind": "linear", "units": "cm/s"}),
    }
    counts = np.random.default_rng(0).poisson(2, (n, 3))
    return as_recording(counts, variables, sampling_period=period, kind="counts", units="spikes/bin")


@pytest.mark.parametrize(("variable", "expected"), [("heading", 2.0), (("x", "y"), 3.0), ("speed", 3.0)])
def test_speed_is_that_of_the_path(variable, expected):
    ds = circling()
    found, t = speed(ds, variable), ds["time"].to_numpy()
    np.testing.assert_allclose(found[(t > 1.2) & (t < 13.5)], expected, rtol=1e-6)
    np.testing.assert_allclose(found[t > 16.5], 0, atol=1e-6)


def test_slow_samples_go_and_leave_a_border():
    ds = circling()
    ds["speed"][100:120] = 0.0
    kept = prepare(ds, min_speed=("speed", 1.0), transform=None)
    assert kept.sizes["time"] == 280
    assert [s.stop - s.start for s in interval_slices(kept["interval"].to_numpy())] == [100, 180]
    assert preparation(kept)[0]["step"] == "min_speed"


def test_selection_never_smooths_across_what_it_removed():
    ds = circling()
    ds["speed"][100:120] = 0.0
    counts = ds["activity"].to_numpy()
    kept = prepare(ds, min_speed=("speed", 1.0), smoothing=0.2, transform=None)["activity"].to_numpy()
    parts = [dense_gaussian(100, 4.0) @ counts[:100], dense_gaussian(180, 4.0) @ counts[120:300]]
    np.testing.assert_allclose(kept, np.concatenate(parts), atol=1e-12)


def test_quiet_samples_go():
    ds = recording(n=1000)
    kept = prepare(ds, min_activity=0.3, transform=None)
    population = ds["activity"].to_numpy().mean(axis=1)
    assert kept.sizes["time"] == (population >= np.quantile(population, 0.3)).sum()
    assert kept["activity"].to_numpy().mean(axis=1).min() >= np.quantile(population, 0.3)
    check(kept)


def test_impossible_selections_are_refused():
    with pytest.raises(InputError, match=r"'arm'.*heading, x"):
        prepare(recording(), min_speed=("arm", 1.0))
    with pytest.raises(NotEnoughDataError, match="lower the threshold"):
        prepare(circling(), min_speed=("speed", 99.0))
    with pytest.raises(InputError, match="fraction of samples"):
        prepare(recording(), min_activity=1.0)


def test_units_that_carry_nothing_are_dropped_by_name():
    ds = recording(d=6)
    ds["activity"][:, 1], ds["activity"][:, 3] = 0, 5
    ds["activity"][:, 4] = ds["activity"][:, 0]
    ds = ds.assign_coords(unit=list("abcdef"))
    with pytest.warns(DroppedUnitsWarning, match=r"constant: b, d; duplicate: e"):
        kept = prepare(ds)
    assert list(kept["unit"].to_numpy()) == ["a", "c", "f"]
    assert preparation(kept)[0] == {"step": "drop_units", "constant": ["b", "d"], "duplicate": ["e"]}


@pytest.mark.parametrize("d", [1, 3])
def test_one_informative_unit_is_no_population(d):
    ds = recording(d=d)
    ds["activity"][:, 1:] = 0
    with pytest.raises(NotEnoughDataError, match="at least 2"):
        prepare(ds)


def test_fewer_samples_than_units_is_said():
    values = np.random.default_rng(0).normal(size=(5, 8))
    ds = as_recording(values, sampling_period=1.0, kind="continuous", units="a.u.")
    with pytest.warns(UserWarning, match="5 samples are not more than 8 units"):
        prepare(ds)


# ---- transform, z-score, components ----


def test_transform_follows_the_kind():
    ds = recording()
    np.testing.assert_array_equal(prepare(ds)["activity"], np.sqrt(ds["activity"]))
    np.testing.assert_array_equal(prepare(ds, transform="log1p")["activity"], np.log1p(ds["activity"]))
    np.testing.assert_array_equal(prepare(ds, transform=None)["activity"], ds["activity"])
    continuous = as_recording(-ds["activity"].to_numpy(), sampling_period=0.05, kind="continuous", units="a.u.")
    np.testing.assert_array_equal(prepare(continuous)["activity"], continuous["activity"])
    with pytest.raises(InputError, match="nowhere negative"):
        prepare(continuous, transform="sqrt")
    with pytest.raises(InputError, match="transform must be one of 'auto', 'sqrt', 'log1p', None; got 'log'"):
        prepare(ds, transform="log")


def test_zscore_has_mean_zero_and_deviation_one():
    z = prepare(recording(), zscore=True)["activity"].to_numpy()
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-12)


def test_components_are_those_of_scikit_learn_and_can_be_undone():
    ds = prepare(recording(), transform=None)
    X = ds["activity"].to_numpy().astype(float)
    reduced = prepare(ds, n_components=3, transform=None)
    reference = PCA(3).fit(X)
    np.testing.assert_allclose(np.abs(reduced["activity"]), np.abs(reference.transform(X)), atol=1e-9)
    np.testing.assert_allclose(reduced["variance_ratio"], reference.explained_variance_ratio_)
    assert list(reduced["unit"].to_numpy()) == ["PC1", "PC2", "PC3"]
    full = principal_components(X, 5)
    np.testing.assert_allclose(full.scores @ full.loadings + full.mean, X, atol=1e-9)
    assert (full.loadings[np.arange(5), np.abs(full.loadings).argmax(axis=1)] > 0).all()


@pytest.mark.parametrize("wrong", [0, 6, "all"])
def test_impossible_numbers_of_components_are_refused(wrong):
    with pytest.raises(InputError, match=r"n_components (is|must be)"):
        prepare(recording(), n_components=wrong)


@pytest.mark.parametrize(("n_shared", "d"), [(1, 8), (3, 12), (5, 40)])
def test_shared_components_are_counted(n_shared, d):
    rng = np.random.default_rng(n_shared)
    shared = smooth(rng.normal(size=(3000, n_shared)), np.zeros(3000), 3.0) * 4
    X = shared @ rng.normal(size=(n_shared, d)) + rng.normal(size=(3000, d)) * np.linspace(0.5, 2, d)
    assert choose_n_components(X, random_state=0) == n_shared


def test_independent_units_share_nothing():
    X = smooth(np.random.default_rng(3).poisson(1.0, (3000, 20)), np.zeros(3000), 5.0)
    assert choose_n_components(X, random_state=0) == 1


def test_components_are_of_what_units_share_inside_intervals():
    """Units whose level differs from trial to trial, and nothing else, have no component in common."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 100)
    X = np.outer(rng.normal(size=20)[groups] * 5, np.ones(8)) + rng.normal(size=(2000, 8))
    assert choose_n_components(X, groups, random_state=0) == 1


def test_shifts_rotate_units_inside_intervals():
    X = np.random.default_rng(0).normal(size=(60, 4))
    shifted = shift_units(X, GROUPS, np.random.default_rng(1))
    for rows in interval_slices(GROUPS):
        for unit in range(4):
            shift = int(np.flatnonzero(shifted[rows, unit] == X[rows, unit][0])[0])
            np.testing.assert_array_equal(np.roll(X[rows, unit], shift), shifted[rows, unit])


def test_too_little_for_components():
    with pytest.raises(NotEnoughDataError):
        choose_n_components(np.ones((1, 5)))
    with pytest.raises(InputError, match="n_shuffles"):
        choose_n_components(np.ones((10, 5)), n_shuffles=0)


# ---- the whole ----


def everything(ds: xr.Dataset) -> xr.Dataset:
    return prepare(
        ds, bin_size=0.1, smoothing=0.2, zscore=True, n_components="auto",
        min_speed=("heading", 0.0), min_activity=0.1, random_state=0,
    )  # fmt: skip


def test_the_result_says_how_it_was_made_and_keeps_the_contract(tmp_path):
    prepared = everything(recording(n=2000, d=12))
    steps = [step["step"] for step in preparation(prepared)]
    assert steps == ["bin", "min_speed", "smooth", "min_activity", "transform", "zscore", "components"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(prepared)
    write_netcdf(tmp_path / "p.nc", prepared)
    back = nm.load(tmp_path / "p.nc")
    assert preparation(back) == preparation(prepared)
    np.testing.assert_array_equal(back["activity"], prepared["activity"])
    assert preparation(recording()) == []


def test_the_same_seed_gives_the_same_numbers_and_the_input_is_left_alone():
    ds = recording(n=2000, d=12)
    before = ds.copy(deep=True)
    xr.testing.assert_identical(everything(ds), everything(ds))
    xr.testing.assert_identical(ds, before)


def test_the_order_of_units_does_not_matter():
    ds = recording(n=600, d=8)
    order = np.random.default_rng(0).permutation(8)
    one = prepare(ds, bin_size=0.1, smoothing=0.2, zscore=True)
    two = prepare(ds.isel(unit=order), bin_size=0.1, smoothing=0.2, zscore=True)
    np.testing.assert_array_equal(one["activity"].to_numpy()[:, order], two["activity"])


def test_head_direction_units_of_a_mouse_share_four_components():
    path = SHARED / "hd_mouse28" / "hd_mouse28_wake.npz"
    if not path.exists():
        pytest.skip("real recording hd_mouse28 is not here (NEUROMANIFOLD_SHARED_DATA)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = nm.load(path, activity="adn_counts")
    for smoothing in (0.1, 0.4):
        assert prepare(ds, smoothing=smoothing, n_components="auto", random_state=0).sizes["unit"] == 4

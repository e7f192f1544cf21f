"""Intervals are borders everywhere: what is done to trials together is what would be done to each alone."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import neuromanifold as nm
from neuromanifold._errors import InputError
from neuromanifold.bootstrap import resampling_units, time_blocks
from neuromanifold.compare.resampling import time_blocks as compared_blocks
from neuromanifold.data.condition_averages import condition_averages
from neuromanifold.data.joined import join_sessions
from neuromanifold.data.selection import speed
from neuromanifold.statistics.nulls import shifted_rows
from neuromanifold.topology.significance import permuted, time_shifted

LENGTHS = (60, 45, 75)


def trial(number: int) -> xr.Dataset:
    rng, n = np.random.default_rng(number), LENGTHS[number]
    angle = np.mod(np.cumsum(rng.normal(0.2, 0.3, n)), 2 * np.pi)
    heading = xr.DataArray(angle, dims="time", attrs={"kind": "circular", "units": "radian", "period": 2 * np.pi})
    # Far apart, so that whatever crosses a border is seen.
    activity = 100.0 * number + np.cos(angle[:, None] - np.arange(4)) + rng.normal(0, 0.1, (n, 4))
    return nm.as_recording(activity, {"heading": heading}, sampling_period=0.1, kind="continuous", units="F")


@pytest.fixture(scope="module")
def trials() -> list[xr.Dataset]:
    return [trial(number) for number in range(3)]


@pytest.fixture(scope="module")
def together(trials) -> xr.Dataset:
    return join_sessions({f"t{i}": one for i, one in enumerate(trials)})


def whole(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts)


def test_smoothing_and_binning_are_those_of_each_trial(trials, together):
    for settings in ({"smoothing": 0.3}, {"bin_size": 0.4}, {"bin_size": 0.2, "smoothing": 0.5}):
        found = nm.prepare(together, **settings)["activity"].to_numpy()
        np.testing.assert_allclose(found, whole([nm.prepare(t, **settings)["activity"].to_numpy() for t in trials]))


def test_speed_is_that_of_each_trial(trials, together):
    np.testing.assert_allclose(speed(together, "heading"), whole([speed(t, "heading") for t in trials]))


@pytest.mark.parametrize("seed", range(5))
def test_shuffles_stay_inside_their_trial(together, seed):
    X, groups = together["activity"].to_numpy(), together["interval"].to_numpy()
    rng = np.random.default_rng(seed)
    every = np.arange(len(X))
    for rows in (time_shifted(X, groups, every, rng), X[shifted_rows(groups, rng)]):
        for number in range(3):
            mine = groups == number
            np.testing.assert_allclose(np.sort(rows[mine], axis=0), np.sort(X[mine], axis=0))
    # Samples that may be exchanged have no borders: the null that says so is another.
    assert permuted(X, groups, every, rng).shape == X.shape


def test_blocks_and_folds_cross_no_border(together):
    groups = together["interval"].to_numpy()
    for blocks in (
        time_blocks(len(groups), groups, 7),
        resampling_units(len(groups), groups, 3.0),
        compared_blocks(groups, 20),
    ):
        assert all(len(np.unique(groups[blocks == block])) == 1 for block in np.unique(blocks))
        assert len(np.unique(blocks)) >= 3


# -- averages of conditions ---------------------------------------------------------------------------------


def conditioned() -> xr.Dataset:
    """Twelve trials of forty samples in two conditions; rates are known."""
    rng = np.random.default_rng(0)
    trial, step = np.repeat(np.arange(12), 40), np.tile(np.arange(40), 12)
    light = trial % 2 == 0
    angle = np.mod(step * 2 * np.pi / 40 + 0.01, 2 * np.pi)
    heading = xr.DataArray(angle, dims="time", attrs={"kind": "circular", "units": "radian", "period": 2 * np.pi})
    offset = rng.normal(0, 0.5, 12)[trial]
    rate = np.stack([np.where(light, 3.0, 1.0) + offset, np.cos(angle) + 2], axis=1)
    names = xr.DataArray(
        np.where(light, "light", "dark"), dims="time", attrs={"kind": "categorical", "units": "category"}
    )
    return nm.as_recording(
        rate,
        {"heading": heading, "condition": names},
        sampling_period=0.1,
        interval=trial,
        kind="continuous",
        units="F",
        time=0.1 * np.arange(480) + trial,
    )


def test_averages_are_over_trials_and_errors_too():
    recording = conditioned()
    found = condition_averages(recording, "condition", "heading", n_bins=8)
    assert found["mean_activity"].dims == ("condition", "bin", "unit")
    assert list(found["condition"].to_numpy()) == ["dark", "light"]
    assert (found["n_trials"] == 6).all()
    trial = recording["activity"][:, 0].groupby("interval").mean()
    for name, rows in (("light", trial[::2]), ("dark", trial[1::2])):
        np.testing.assert_allclose(found["mean_activity"].sel(condition=name)[:, 0], rows.mean())
        error = rows.std(ddof=1) / np.sqrt(6)
        np.testing.assert_allclose(found["standard_error"].sel(condition=name)[:, 0], error)
    np.testing.assert_allclose(found["standard_error"][..., 1], 0, atol=1e-12)
    assert found["bin"].attrs["units"] == "radian"


def test_time_in_the_trial_starts_anew_in_each():
    found = condition_averages(conditioned(), "condition", n_bins=4)
    assert float(found["bin"].max()) < 4
    assert found["bin"].attrs["units"] == "s"
    np.testing.assert_allclose(found["mean_activity"].sel(condition="dark")[0, 1], 2 + 2 / np.pi, atol=0.1)


def test_unknown_conditions_are_left_out_and_wrong_names_told():
    recording = conditioned()
    names = recording["condition"].to_numpy().astype(object)
    names[:40] = ""
    found = condition_averages(
        recording.assign(condition=("time", names, {"kind": "categorical", "units": "category"})),
        "condition",
        "heading",
        n_bins=8,
    )
    assert int(found["n_trials"].sel(condition="light")[0]) == 5
    for words in (("nope",), ("condition", "nope"), ("condition", "condition")):
        with pytest.raises(InputError):
            condition_averages(recording, *words)
    with pytest.raises(InputError, match="n_bins"):
        condition_averages(recording, "condition", n_bins=0)

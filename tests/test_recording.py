from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuromanifold as nm
from neuromanifold._errors import InputError, RecordingError
from neuromanifold.data.inference import InferenceWarning, variable_meaning
from neuromanifold.data.intervals import interval_slices
from neuromanifold.data.readers.netcdf import open_netcdf
from neuromanifold.data.recording import as_recording, check, task_variables, to_arrays
from neuromanifold.storage import write_netcdf


def recording(n: int = 60, d: int = 4) -> xr.Dataset:
    """A recording that states everything."""
    rng = np.random.default_rng(0)
    return xr.Dataset(
        {
            "activity": (("time", "unit"), rng.poisson(2, (n, d)), {"kind": "counts", "units": "spikes/bin"}),
            "heading": (
                "time",
                rng.uniform(0, 360, n),
                {"kind": "circular", "units": "deg", "period": 360.0},
            ),
            "x": ("time", rng.normal(size=n), {"kind": "linear", "units": "cm"}),
            "choice": (
                "time",
                rng.choice(["left", "right"], n),
                {"kind": "categorical", "units": "category"},
            ),
        },
        coords={
            "time": ("time", (np.arange(n) + 0.5) * 0.1),
            "unit": [f"u{i}" for i in range(d)],
            "interval": ("time", np.repeat([3, 7], n // 2)),
        },
        attrs={"sampling_period": 0.1},
    )


def test_a_recording_that_states_everything_passes_unchanged_and_silently():
    ds = recording()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xr.testing.assert_identical(check(ds)["activity"], check(check(ds))["activity"])
    assert list(np.unique(check(ds)["interval"])) == [3, 7]
    assert task_variables(ds) == ["heading", "x", "choice"]


def spoiled(**changes):
    """A recording with variables or coordinates replaced, dims kept."""
    ds = recording()
    for name, values in changes.items():
        ds[name] = (ds[name].dims, values, ds[name].attrs)
    return ds


def activity_with(value, row=5, column=2):
    values = recording()["activity"].to_numpy().astype(float)
    values[row, column] = value
    return values


def at(index, value, values):
    """A copy with one value replaced."""
    changed = values.copy()
    changed[index] = value
    return changed


def with_attr(name, ds=None, **attrs):
    ds = recording() if ds is None else ds
    ds[name].attrs.update(attrs)
    return ds


TIMES, COUNTS = recording()["time"].to_numpy(), recording()["activity"].to_numpy()
PERIOD_OFF = "0.2 s but the time stamps are 0.1"
FAULTS = {
    "not a Dataset": (lambda: np.zeros((3, 2)), "xarray.Dataset, not ndarray"),
    "no activity": (lambda: recording().drop_vars("activity"), "no variable 'activity'.*heading"),
    "wrong dims": (lambda: recording().rename(unit="cell"), "dims .*must be"),
    "one sample": (lambda: recording().isel(time=[0]), "1 samples"),
    "no samples": (lambda: recording().isel(time=[]), "0 samples"),
    "no units": (lambda: recording().isel(unit=[]), "no units"),
    "object dtype": (lambda: spoiled(activity=COUNTS.astype(object)), "dtype object"),
    "complex": (lambda: spoiled(activity=COUNTS * 1j), "dtype complex"),
    "NaN": (lambda: spoiled(activity=activity_with(np.nan)), "1 NaN or infinite.*sample 5, unit u2"),
    "inf": (lambda: spoiled(activity=activity_with(np.inf)), "NaN or infinite"),
    "negative counts": (lambda: spoiled(activity=activity_with(-1)), "1 negative values"),
    "half counts": (lambda: spoiled(activity=activity_with(0.5)), "whole"),
    "negative rate": (
        lambda: with_attr("activity", ds=spoiled(activity=activity_with(-1)), kind="rate"),
        "'rate' but 1 negative",
    ),
    "unknown kind": (lambda: with_attr("activity", kind="spikes"), "'spikes'; allowed are counts"),
    "duplicate times": (lambda: spoiled(time=at(4, TIMES[3], TIMES)), "1 duplicate"),
    "unsorted times": (lambda: spoiled(time=TIMES[::-1]), "59 backward"),
    "NaN time": (lambda: spoiled(time=at(4, np.nan, TIMES)), "1 values that are not finite"),
    "sampling period off": (lambda: recording().assign_attrs(sampling_period=0.2), PERIOD_OFF),
    "negative sampling period": (lambda: recording().assign_attrs(sampling_period=-1), "positive number"),
    "repeated units": (lambda: spoiled(unit=["a", "a", "b", "c"]), "repeated: a"),
    "infinite label": (lambda: spoiled(x=np.full(60, np.inf)), "'x' has infinite"),
    "text as linear": (lambda: spoiled(x=np.full(60, "a")), "'x' is linear but"),
    "unknown variable kind": (lambda: with_attr("x", kind="angle"), "'angle'; allowed are circular"),
    "zero period": (lambda: with_attr("heading", period=0), "period 0"),
    "degrees as radians": (lambda: with_attr("heading", units="rad", period=6.2832), "degrees given as"),
    "NaN interval": (lambda: spoiled(interval=at(3, np.nan, np.ones(60))), "unknown in 1 samples"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_one_error_that_names_it(fault):
    make, message = FAULTS[fault]
    with pytest.raises(RecordingError, match=message):
        check(make())


def test_several_faults_are_named_together():
    ds = spoiled(activity=activity_with(np.nan), x=np.full(60, np.inf))
    with pytest.raises(RecordingError, match=r"(?s)NaN or infinite.*'x' has infinite"):
        check(ds)


@pytest.mark.parametrize(
    ("name", "values", "kind", "units"),
    [
        ("head_direction_rad", [0.1, 6.2], "circular", "rad"),
        ("head_rad", [-3.0, 3.0], "circular", "rad"),
        ("heading", [0.1, 6.2], "circular", "rad"),
        ("heading", [0.0, 359.0], "circular", "deg"),
        ("dir", [-178.0, 180.0], "circular", "deg"),
        ("angle_deg", [0.0, 3.0], "circular", "deg"),
        ("heading_unwrapped_rad", [-0.1, 28.0], "linear", "rad"),
        ("angles_rad_2", [0.1, 6.2], "circular", "rad"),
        ("velocity_cm_s", [0.0, 3.0], "linear", "cm/s"),
        ("x_cm", [0.0, 3.0], "linear", "cm"),
        ("position", [0.5, 3.0], "linear", "unknown"),
        ("reward", [True, False], "categorical", "category"),
        ("object", [1, 2], "categorical", "category"),
        ("side", ["l", "r"], "categorical", "category"),
    ],
)
def test_kind_and_units_are_inferred_from_name_and_range_and_said(name, values, kind, units):
    array = np.resize(np.array(values), 20)
    with pytest.warns(InferenceWarning, match=f"{name}: {kind}, {units}") as caught:
        ds = as_recording(np.arange(40.0).reshape(20, 2), {name: array}, sampling_period=1.0)
    assert (ds[name].attrs["kind"], ds[name].attrs["units"]) == (kind, units)
    assert ("period" in ds[name].attrs) == (kind == "circular")
    assert all(warning.filename == __file__ for warning in caught), "a warning shows the user's line, not ours"


def test_stated_units_win_over_the_name():
    assert variable_meaning("heading_rad", np.array([0.0, 300.0]), units="deg").period == 360


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.arange(8) % 3, "counts"),
        (np.arange(8) % 3 == 1, "counts"),
        (np.arange(8) / 3, "continuous"),
        (-np.arange(8), "continuous"),
    ],
)
def test_kind_of_activity_is_inferred(values, kind):
    with pytest.warns(InferenceWarning, match=f"activity: {kind}"):
        assert as_recording(values.reshape(4, 2), sampling_period=1.0)["activity"].attrs["kind"] == kind


def test_sampling_period_is_the_median_step_and_gaps_start_intervals():
    times = np.concatenate([np.arange(20), np.arange(30, 50), np.arange(60, 75)]) * 0.02
    with pytest.warns(InferenceWarning, match="2 gaps in time: 3 intervals"):
        ds = as_recording(np.ones((55, 2)), time=times, kind="continuous", units="a.u.")
    assert ds.attrs["sampling_period"] == pytest.approx(0.02)
    assert [s.stop - s.start for s in interval_slices(ds["interval"].to_numpy())] == [20, 20, 15]


def test_removed_samples_leave_borders():
    keep = np.r_[0:10, 14:30, 45:60]
    with pytest.warns(InferenceWarning, match="renumbered: 3 contiguous runs"):
        ds = check(recording().isel(time=keep))
    assert [s.stop - s.start for s in interval_slices(ds["interval"].to_numpy())] == [10, 16, 15]
    assert ds.attrs["sampling_period"] == 0.1


def test_times_that_restart_in_every_trial_are_laid_one_after_another():
    times, trial = np.tile(np.arange(10) * 0.5, 3), np.repeat(["a", "b", "a"], 10)
    with pytest.warns(InferenceWarning, match="restarts"):
        ds = as_recording(np.ones((30, 2)), time=times, interval=trial, kind="continuous", units="a.u.")
    assert (np.diff(ds["time"]) > 0).all()
    assert ds.attrs["sampling_period"] == 0.5
    assert [s.stop - s.start for s in interval_slices(ds["interval"].to_numpy())] == [10, 10, 10]
    assert len(np.unique(ds["interval"])) == 3


def test_dates_become_seconds():
    times = np.datetime64("2024-05-01T10:00:00") + np.arange(10) * np.timedelta64(250, "ms")
    with pytest.warns(InferenceWarning, match="seconds from the first"):
        ds = as_recording(np.ones((10, 2)), time=times, kind="continuous", units="a.u.")
    np.testing.assert_allclose(ds["time"], np.arange(10) * 0.25)


def test_to_arrays_gives_radians_codes_and_groups():
    ds = recording()
    ds["heading"][3] = np.nan
    arrays = to_arrays(ds, "heading")
    np.testing.assert_allclose(arrays.y, np.deg2rad(ds["heading"].to_numpy()))
    assert np.isnan(arrays.y[3])
    assert arrays.X.dtype == np.float64
    assert set(arrays.groups) == {3, 7}
    codes = to_arrays(ds, "choice").y
    np.testing.assert_array_equal(codes, (ds["choice"].to_numpy() == "right").astype(float))
    assert to_arrays(ds, ["heading", "x"]).y.shape == (60, 2)
    assert to_arrays(ds).y is None


def test_negative_angles_are_the_same_angles():
    ds = recording()
    wrapped = spoiled(heading=(ds["heading"].to_numpy() + 180) % 360 - 180)
    np.testing.assert_allclose(to_arrays(ds, "heading").y, to_arrays(wrapped, "heading").y)


def test_an_unknown_variable_is_named_with_those_there_are():
    with pytest.raises(InputError, match=r"'speed'.*heading, x, choice"):
        to_arrays(recording(), "speed")


def test_labels_of_another_length_are_refused():
    with pytest.raises(RecordingError, match=r"'y' has shape \(9,\) but activity has 10 samples"):
        as_recording(np.ones((10, 2)), {"y": np.zeros(9)})


def test_a_dataset_takes_no_second_statement():
    with pytest.raises(InputError, match="states its own sampling_period, kind"):
        as_recording(recording(), sampling_period=0.1, kind="counts")


@pytest.mark.parametrize("make", [pd.DataFrame, lambda x: xr.DataArray(x, dims=("t", "cell")), np.asarray])
def test_tables_and_labelled_arrays_are_recordings_too(make):
    values = np.random.default_rng(0).normal(size=(20, 3))
    ds = as_recording(make(values), sampling_period=0.1, kind="continuous", units="a.u.")
    np.testing.assert_array_equal(to_arrays(ds).X, values)


def test_labelled_time_may_come_second():
    ds = recording()
    np.testing.assert_array_equal(to_arrays(ds.transpose("unit", "time")).X, to_arrays(ds).X)


def test_a_recording_survives_netcdf(tmp_path):
    ds = recording()
    write_netcdf(tmp_path / "r.nc", ds)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        back = check(open_netcdf(tmp_path / "r.nc"))
    for one, two in zip(to_arrays(ds, ["heading", "choice"]), to_arrays(back, ["heading", "choice"]), strict=True):
        np.testing.assert_array_equal(one, two)
    assert back["heading"].attrs == ds["heading"].attrs


def test_public_name():
    assert nm.as_recording is as_recording

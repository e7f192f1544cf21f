"""Unit quality against its definition, selection, and behaviour on a clock of its own."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import neuromanifold as nm
from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold.data.units import isi_violations, unit_quality

pytestmark = pytest.mark.filterwarnings("ignore::neuromanifold.data.inference.InferenceWarning")

RATES = np.array([0.2, 5.0, 20.0, 8.0])


@pytest.fixture
def recording(tmp_path) -> xr.Dataset:
    """Poisson units; the third breaks its refractory period, the fourth is silent in the second half."""
    rng = np.random.default_rng(0)
    trains = [np.sort(rng.uniform(0, 600, rng.poisson(600 * rate))) for rate in RATES]
    trains[1] = trains[1][np.diff(trains[1], prepend=-1) > 0.002]
    trains[2] = np.sort(np.concatenate([trains[2], trains[2] + 0.001]))
    trains[3] = trains[3][trains[3] < 290]
    ids = np.repeat(np.arange(4) * 100 + 5, [len(train) for train in trains])
    np.savez(tmp_path / "s.npz", spike_times=np.concatenate(trains), unit_ids=ids)
    rec = nm.load(tmp_path / "s.npz", bin_size=0.05)
    return rec.assign_coords(area=("unit", ["adn", "adn", "pos", "pos"]))


def test_quality_is_what_it_says(recording):
    found = unit_quality(recording)
    duration = recording.sizes["time"] * 0.05
    np.testing.assert_allclose(found["rate"], recording["activity"].sum("time") / duration)
    assert float(found["isi_violations"][1]) == 0
    # A doubled train: every spike has a partner 1 ms later, half of the intervals at least.
    assert float(found["isi_violations"][2]) > 0.5
    np.testing.assert_allclose(found["presence"], [1, 1, 1, 0.5], atol=0.1)


def test_isi_violations_of_a_poisson_train_are_those_of_its_law():
    train = np.cumsum(np.random.default_rng(1).exponential(1 / 50, 20_000))
    assert isi_violations([train])[0] == pytest.approx(1 - np.exp(-50 * 0.002), abs=0.005)
    assert isi_violations([np.zeros(0), np.ones(1)]).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("conditions", "kept"),
    [
        ({"labels": {"area": "adn"}}, ["5", "105"]),
        ({"labels": {"unit": ["5", "305"]}}, ["5", "305"]),
        ({"min_rate": 1.0}, ["105", "205", "305"]),
        ({"max_isi_violations": 0.1}, ["5", "105", "305"]),
        ({"min_presence": 0.9}, ["5", "105", "205"]),
        ({"min_presence": 0.9, "min_rate": 1.0}, ["105", "205"]),
    ],
)
def test_units_are_selected_and_the_step_is_written_down(recording, conditions, kept):
    selected = nm.select_units(recording, **conditions)
    assert selected["unit"].to_numpy().tolist() == kept
    step = nm.data.prepare.preparation(selected)[-1]
    assert (step["step"], step["kept"], step["of"]) == ("select_units", len(kept), 4)
    assert nm.prepare(selected).sizes["unit"] == len(kept)


def test_impossible_selections_say_what_there_is(recording):
    with pytest.raises(InputError, match=r"no label 'probe'; they have .*area"):
        nm.select_units(recording, {"probe": 1})
    with pytest.raises(InputError, match="no unit has area 'ca1'; there are adn, pos"):
        nm.select_units(recording, {"area": "ca1"})
    with pytest.raises(NotEnoughDataError, match=r"1 of 4 units meet all conditions \(area: 2, rate: 3\)"):
        nm.select_units(recording, {"area": "adn"}, min_rate=1.0)
    with pytest.raises(InputError, match="isi_violations are not known"):
        nm.select_units(recording.drop_vars("isi_violations"), max_isi_violations=0.1)
    with pytest.raises(InputError, match="only counts and rates"):
        nm.select_units(nm.prepare(recording, zscore=True), min_rate=1.0)


def test_a_variable_comes_to_the_bins_by_its_time_stamps(recording):
    clock = np.arange(100, 500, 0.01)
    degrees = np.mod(np.rad2deg(0.8 * clock), 360)
    rec = nm.align_variable(recording, "heading", degrees, clock, {"units": "deg"})
    times, found = rec["time"].to_numpy(), rec["heading"].to_numpy()
    np.testing.assert_array_equal(np.isnan(found), (times < 100) | (times > clock[-1]))
    error = np.angle(np.exp(1j * (np.deg2rad(found) - 0.8 * times)))
    assert np.nanmax(np.abs(error)) < 1e-4
    words = nm.align_variable(recording, "state", np.where(clock < 300, "run", "rest"), clock)["state"].to_numpy()
    assert set(words[(times > 101) & (times < 299)]) == {"run"}
    assert set(words[times < 99]) == {""}


def test_a_gap_in_the_time_stamps_stays_a_gap(recording):
    clock = np.concatenate([np.arange(0, 200, 0.02), np.arange(210, 600, 0.02)])
    rec = nm.align_variable(recording, "x", clock, clock, {"units": "cm"})
    lost = (rec["time"] > 200) & (rec["time"] < 210)
    assert np.isnan(rec["x"][lost]).all()
    np.testing.assert_allclose(rec["x"][~lost], rec["time"][~lost], atol=1e-9)


def test_unknown_values_stay_unknown_and_texts_may_be_objects(recording):
    clock = np.arange(0, 600, 0.02)
    masked = np.ma.masked_array(clock, (clock > 200) & (clock < 210))
    rec = nm.align_variable(recording, "x", masked, clock, {"units": "cm"})
    lost = (rec["time"] > 200.1) & (rec["time"] < 209.9)
    assert np.isnan(rec["x"][lost]).all()
    words = np.where(clock < 300, "run", "rest").astype(object)
    words[clock > 500] = None
    state = nm.align_variable(recording, "state", words, clock)["state"]
    assert set(state[state["time"] < 299].to_numpy()) == {"run"}
    assert set(state[state["time"] > 501].to_numpy()) <= {"", "rest"}


def test_variables_that_cannot_be_aligned_are_named(recording):
    with pytest.raises(InputError, match="times of 'x': time must increase"):
        nm.align_variable(recording, "x", np.arange(10.0), np.arange(10.0)[::-1])
    with pytest.raises(InputError, match=r"shape \(3,\) and its times \(4,\)"):
        nm.align_variable(recording, "x", np.zeros(3), np.zeros(4))
    with pytest.raises(InputError, match=r"no bin has a value\. Is it the same clock"):
        nm.align_variable(recording, "x", np.arange(10.0), np.arange(10) + 1e6)

"""NWB: what h5py reads against what pynwb wrote and pynapple reads, and files that break the schema."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest

import neuromanifold as nm
from neuromanifold._errors import FileFormatError, InputError
from neuromanifold.data.intervals import interval_slices
from neuromanifold.data.readers import inspect, load
from neuromanifold.data.readers.matlab import read_matlab
from neuromanifold.data.recording import to_arrays
from neuromanifold.storage import write_netcdf

pytestmark = pytest.mark.filterwarnings("ignore::neuromanifold.data.inference.InferenceWarning")

RNG = np.random.default_rng(0)
TRAINS = [np.sort(RNG.uniform(0, 60, 200 + 50 * i)) for i in range(5)]
AREAS = ["adn", "adn", "pos", "adn", "pos"]
CLOCK = np.arange(10, 50, 0.02)
HEADING = np.mod(0.9 * CLOCK, 2 * np.pi)
DFF = RNG.normal(size=(300, 4))


def text(group: h5py.Group, name: str, values: object) -> None:
    group.create_dataset(name, data=values, dtype=h5py.string_dtype())


def typed(parent: h5py.Group, name: str, kind: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["neurodata_type"] = kind
    return group


def series(parent: h5py.Group, name: str, kind: str, data: object, unit: str, **clock: object) -> h5py.Group:
    group = typed(parent, name, kind)
    group["data"] = data
    group["data"].attrs.update({"unit": unit, "conversion": clock.pop("conversion", 1.0)})
    if "rate" in clock:
        group["starting_time"] = clock["start"]
        group["starting_time"].attrs.update({"rate": clock["rate"], "unit": "seconds"})
    else:
        group["timestamps"] = clock["timestamps"]
    return group


def write_units(file: h5py.File, trains: list[np.ndarray], areas: list[str]) -> h5py.Group:
    units = typed(file, "units", "Units")
    units["id"] = np.arange(len(trains)) + 10
    units["spike_times"] = np.concatenate(trains)
    units["spike_times_index"] = np.cumsum([len(train) for train in trains])
    text(units, "location", areas)
    return units


def write_epochs(file: h5py.File) -> None:
    epochs = typed(file.require_group("intervals"), "epochs", "TimeIntervals")
    epochs["id"], epochs["start_time"], epochs["stop_time"] = np.arange(3), [0.0, 10.0, 50.0], [10.0, 50.0, 60.0]
    text(epochs, "tags", ["sleep", "wake", "sleep"])
    epochs["tags_index"] = [1, 2, 3]


@pytest.fixture
def session(tmp_path) -> Path:
    """A head-direction session as the Peyrache lab lays it out, with imaging beside, written by h5py alone."""
    path = tmp_path / "s.nwb"
    with h5py.File(path, "w") as file:
        file.attrs.update({"nwb_version": "2.7.0", "neurodata_type": "NWBFile"})
        text(file, "identifier", "A3707-200317")
        write_units(file, TRAINS, AREAS)
        write_epochs(file)
        behaviour = typed(file.create_group("processing"), "behavior", "ProcessingModule")
        compass = typed(behaviour, "CompassDirection", "CompassDirection")
        series(compass, "head-direction", "SpatialSeries", np.rad2deg(HEADING), "degrees", timestamps=CLOCK)
        position = typed(behaviour, "Position", "Position")
        place = series(position, "SpatialSeries", "SpatialSeries", np.stack([CLOCK, -CLOCK], 1), "meters",
                       timestamps=CLOCK, conversion=0.01)  # fmt: skip
        del place["timestamps"]
        place["timestamps"] = h5py.SoftLink("/processing/behavior/CompassDirection/head-direction/timestamps")
        acquisition = file.create_group("acquisition")
        series(acquisition, "lfp", "ElectricalSeries", RNG.normal(size=(500, 3)), "volts", start=0.0, rate=1000.0)
        series(acquisition, "features", "TimeSeries", RNG.normal(size=(500, 9)), "n/a", start=0.0, rate=10.0)
    return path


def test_a_session_is_listed_and_loaded(session):
    listing = str(inspect(session))
    roles = {"units": "spike times", "head-direction": "task variable", "epochs.wake": "epochs", "lfp": "other",
             "Position.SpatialSeries": "task variable", "features": "other"}  # fmt: skip
    for name, role in roles.items():
        assert any(line.split()[0] == name and line.endswith(role) for line in listing.splitlines()), name
    rec = load(session, bin_size=0.1, interval="epochs.wake")
    edges = np.linspace(10, 50, 401)
    np.testing.assert_array_equal(rec["activity"], np.stack([np.histogram(t, edges)[0] for t in TRAINS], 1))
    assert rec["unit"].to_numpy().tolist() == ["10", "11", "12", "13", "14"]
    assert rec["location"].to_numpy().tolist() == AREAS
    assert set(rec["tags"].to_numpy()) == {"wake"}
    assert rec.attrs["identifier"] == "A3707-200317"
    assert rec["head-direction"].attrs == {"kind": "circular", "units": "deg", "period": 360.0}
    error = to_arrays(rec, "head-direction").y - 0.9 * rec["time"].to_numpy()
    assert np.abs(np.angle(np.exp(1j * error))).max() < 1e-3 + 0.9 * 0.02
    np.testing.assert_allclose(rec["Position.SpatialSeries_0"][:-1], rec["time"][:-1] * 0.01)
    assert rec["Position.SpatialSeries_1"].attrs["units"] == "m"


def test_behaviour_is_unknown_where_it_was_not_sampled(session):
    rec = load(session, bin_size=0.1)
    times = rec["time"].to_numpy()
    np.testing.assert_array_equal(np.isnan(rec["head-direction"]), (times < 10) | (times > CLOCK[-1]))


def test_epochs_are_intervals_with_their_labels(session):
    rec = load(session, bin_size=0.1, interval="epochs")
    assert [rec["tags"].to_numpy()[s.start] for s in interval_slices(rec["interval"].to_numpy())] == [
        "sleep",
        "wake",
        "sleep",
    ]
    assert rec["tags"].attrs["kind"] == "categorical"
    with pytest.raises(InputError, match=r"(?s)no interval 'trials'.*epochs\.sleep"):
        load(session, bin_size=0.1, interval="trials")


def test_invalid_times_are_gaps(session, tmp_path):
    write_imaging(tmp_path / "i.nwb", ("DfOverF",))
    for path in (session, tmp_path / "i.nwb"):
        with h5py.File(path, "a") as file:
            invalid = typed(file.require_group("intervals"), "invalid_times", "TimeIntervals")
            invalid["start_time"], invalid["stop_time"] = [8.0, 8.5], [9.0, 9.4]
    spikes, imaging = load(session, bin_size=0.1), load(tmp_path / "i.nwb")
    for rec in (spikes, imaging):
        assert len(interval_slices(rec["interval"].to_numpy())) == 2
        assert not ((rec["time"] > 8.01) & (rec["time"] < 9.39)).any()
    assert int(spikes["activity"].sum()) == sum(((t < 8) | (t >= 9.4)).sum() for t in TRAINS)
    assert imaging.sizes["time"] == pytest.approx(300 - 1.4 * 30, abs=1)


def test_labels_that_share_a_name_are_told_apart_and_survive_a_file(session, tmp_path):
    with h5py.File(session, "a") as file:
        file["units"]["tags"] = np.arange(5)
        file["units"]["head-direction"] = np.arange(5) > 2
    rec = load(session, bin_size=0.1, interval="epochs")
    assert rec["unit_tags"].dims == rec["unit_head-direction"].dims == ("unit",)
    assert rec["tags"].dims == rec["head-direction"].dims == ("time",)
    write_netcdf(tmp_path / "r.nc", rec)
    again = load(tmp_path / "r.nc")
    assert again["location"].to_numpy().tolist() == AREAS
    assert nm.select_units(again, {"unit_head-direction": True}).sizes["unit"] == 2


def test_epochs_without_an_end_are_left_out_and_overlapping_ones_refused(session):
    with h5py.File(session, "a") as file:
        trials = typed(file["intervals"], "trials", "TimeIntervals")
        trials["start_time"], trials["stop_time"] = [30.0, 12.0, 20.0, 40.0], [35.0, 17.0, np.nan, 40.0]
        trials["side"] = [3, 1, 2, 4]
    with pytest.warns(UserWarning, match="2 of 4 epochs of 'trials' have no end or no length"):
        rec = load(session, bin_size=0.5, interval="trials")
    assert rec["side"].to_numpy()[[0, 10]].tolist() == [1, 3], "labels follow their epochs into order"
    with h5py.File(session, "a") as file:
        file["intervals/trials/stop_time"][1] = 31.0
    with pytest.raises(InputError, match="epochs overlap"):
        load(session, bin_size=0.5, interval="trials")


def test_units_are_seen_within_what_all_were_observed(session):
    with h5py.File(session, "a") as file:
        file["units"]["obs_intervals"] = np.array([[0, 20], [30, 60]] + [[0, 60]] * 4, dtype=float)
        file["units"]["obs_intervals_index"] = [2, 3, 4, 5, 6]
    rec = load(session, bin_size=0.5)
    assert len(interval_slices(rec["interval"].to_numpy())) == 2
    assert not ((rec["time"] > 20) & (rec["time"] < 30)).any()
    wake = load(session, bin_size=0.5, interval="epochs.wake")
    assert [float(wake["time"][s][0]) for s in interval_slices(wake["interval"].to_numpy())] == [10.25, 30.25]


def write_imaging(path: Path, kinds: tuple[str, ...]) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"] = "2.2.0"
        ophys = typed(file.create_group("processing"), "ophys", "ProcessingModule")
        table = typed(typed(ophys, "ImageSegmentation", "ImageSegmentation"), "PlaneSegmentation", "PlaneSegmentation")
        table["id"], table["accepted"] = np.arange(6), np.array([1, 1, 0, 1, 1, 0], dtype=np.uint8)
        for kind in kinds:
            found = series(typed(ophys, kind, kind), "RoiResponseSeries", "RoiResponseSeries", DFF, "n.a.", start=5.0,
                           rate=30.0)  # fmt: skip
            found["rois"] = np.array([0, 1, 3, 4])
            found["rois"].attrs["table"] = table.ref
        behaviour = typed(file["processing"], "behavior", "ProcessingModule")
        series(behaviour, "speed", "TimeSeries", np.arange(400.0), "cm/s", timestamps=4 + np.arange(400) / 20)
        state = np.repeat(np.array([0, 2, 2, 1], dtype=np.int8), 100)
        series(behaviour, "state", "TimeSeries", state, "n/a", timestamps=4 + np.arange(400) / 20)


def test_imaging_brings_its_clock_and_behaviour_comes_to_it(tmp_path):
    write_imaging(tmp_path / "i.nwb", ("DfOverF",))
    rec = load(tmp_path / "i.nwb")
    np.testing.assert_array_equal(rec["activity"], DFF)
    np.testing.assert_allclose(rec["time"], 5 + np.arange(300) / 30)
    assert rec["activity"].attrs["kind"] == "continuous"
    assert rec["unit"].to_numpy().tolist() == ["0", "1", "3", "4"]
    assert rec["accepted"].to_numpy().tolist() == [1, 1, 1, 1]
    np.testing.assert_allclose(rec["speed"], (rec["time"] - 4) * 20)
    assert set(np.unique(rec["state"])) == {0, 2}, "a state between two states is none of them"
    assert rec["state"].attrs["kind"] == "categorical"


def test_several_traces_of_the_same_cells_are_asked_about(tmp_path):
    write_imaging(tmp_path / "i.nwb", ("Fluorescence", "DfOverF"))
    with pytest.raises(InputError, match=r"which of 'DfOverF\.RoiResponseSeries', 'Fluorescence\.RoiResponseSeries'"):
        load(tmp_path / "i.nwb")
    assert load(tmp_path / "i.nwb", activity="DfOverF")["activity"].shape == DFF.shape


def plain_hdf5(file):
    del file.attrs["nwb_version"]


def ends_too_far(file):
    file["units"]["spike_times_index"][-1] = 10**6


def goes_back(file):
    file["units"]["spike_times_index"][2] = 0


def no_index(file):
    del file["units"]["spike_times_index"]


def leads_out(file):
    file["processing"]["more"] = h5py.ExternalLink("/etc/passwd", "/x")


def no_clock(file):
    del file["processing/behavior/CompassDirection/head-direction/timestamps"]


HOSTILE = {
    "not NWB": (plain_hdf5, "nwb_version is ''"),
    "index beyond the spikes": (ends_too_far, "spike_times_index does not divide"),
    "index that decreases": (goes_back, "spike_times_index does not divide"),
    "no index": (no_index, "without spike_times_index"),
    "external link": (leads_out, "links to another file"),
    "dangling link": (no_clock, "cannot read"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_files_that_break_the_schema_are_refused(case, session):
    change, message = HOSTILE[case]
    with h5py.File(session, "a") as file:
        change(file)
    with pytest.raises(FileFormatError, match=message):
        load(session, bin_size=0.1)


def test_files_that_are_cut_off_or_something_else_are_refused(session):
    whole = session.read_bytes()
    for content in (whole[: len(whole) // 2], b"PK\x03\x04" + whole, b""):
        session.write_bytes(content)
        with pytest.raises(FileFormatError, match=r"s\.nwb"):
            load(session, bin_size=0.1)
    with pytest.raises(FileFormatError, match="no such file"):
        load(session.with_name("missing.nwb"))


def test_spike_times_give_the_counts_they_were_made_from(tmp_path, shared_data):
    """Spikes laid at random inside the bins of the mouse's counts: the NWB file is the npz, to the bit."""
    path = shared_data("hd_mouse28") / "hd_mouse28_wake.npz"
    npz = nm.load(path, activity="adn_counts", variables=["head_direction_rad"])
    write_counts(tmp_path / "m.nwb", npz)
    nwb = nm.load(tmp_path / "m.nwb", bin_size=0.025, interval="epochs")
    np.testing.assert_array_equal(nwb["activity"], npz["activity"])
    np.testing.assert_allclose(nwb["time"], npz["time"], atol=1e-9)
    np.testing.assert_array_equal(nwb["head_direction_rad"], npz["head_direction_rad"])


def test_recorded_spike_times_are_the_same_in_every_file(tmp_path, shared_data):
    """The mouse's own spike times as MATLAB structs, in a NWB file and in a npz give the same bins, to the bit."""
    path = shared_data("hd_mouse28") / "spikes.Mouse28-140313.mat"
    entry = next(e for e in read_matlab(path) if e.name == "ADn.C.tsd.t")
    trains = [np.ravel(train) for train in entry.read()]
    with h5py.File(tmp_path / "m.nwb", "w") as file:
        file.attrs["nwb_version"] = "2.7.0"
        write_units(file, trains, ["adn"] * len(trains))
    ids = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
    np.savez(tmp_path / "m.npz", spike_times=np.concatenate(trains), unit_ids=ids)
    mat = load(path, activity="ADn", bin_size=0.025)
    assert int(mat["activity"].sum()) == sum(map(len, trains))
    for name in ("m.nwb", "m.npz"):
        found = load(tmp_path / name, bin_size=0.025)
        np.testing.assert_array_equal(found["activity"], mat["activity"])
        np.testing.assert_array_equal(found["time"], mat["time"])


def write_counts(path: Path, recording) -> None:
    counts, times = recording["activity"].to_numpy(), recording["time"].to_numpy()
    rng, bin_size = np.random.default_rng(0), 0.025
    trains = [np.sort(np.repeat(times, unit) + rng.uniform(-0.49, 0.49, unit.sum()) * bin_size) for unit in counts.T]
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"] = "2.7.0"
        write_units(file, trains, ["adn"] * len(trains))
        epochs = typed(file.create_group("intervals"), "epochs", "TimeIntervals")
        epochs["start_time"], epochs["stop_time"] = [0.0], [len(times) * bin_size]
        behaviour = typed(file.create_group("processing"), "behavior", "ProcessingModule")
        heading = recording["head_direction_rad"].to_numpy()
        clock = (np.arange(len(times)) + 0.5) * bin_size
        series(behaviour, "head_direction_rad", "SpatialSeries", heading, "radians", timestamps=clock)


@pytest.mark.slow
def test_the_whole_analysis_is_that_of_the_npz(tmp_path, shared_data):
    path = shared_data("hd_mouse28") / "hd_mouse28_wake.npz"
    npz = nm.load(path, activity="adn_counts", variables=["head_direction_rad"])
    write_counts(tmp_path / "m.nwb", npz)
    nwb = nm.load(tmp_path / "m.nwb", bin_size=0.025, interval="epochs")
    settings = {"variable": "head_direction_rad", "n_shuffles": 19, "n_bootstrap": 10, "random_state": 0}
    first, second = nm.analyze(npz, **settings), nm.analyze(nwb, **settings)
    assert first.topology.template_ == second.topology.template_ == "circle"
    for name in ("mean_curvature_norm", "log_volume"):
        np.testing.assert_allclose(second.profile[name], first.profile[name], rtol=1e-6)
    np.testing.assert_allclose(second.latent, first.latent, atol=1e-6)


# ---- against the libraries of the format ----


def pynwb_session(path: Path) -> None:
    pynwb = pytest.importorskip("pynwb", reason="the oracle of this test: pip install neuromanifold[nwb]")
    file = pynwb.NWBFile("a session", "id1", datetime(2020, 1, 1, tzinfo=UTC))
    device = file.create_device("probe")
    groups = {area: file.create_electrode_group(f"shank_{area}", "s", area, device) for area in set(AREAS)}
    file.add_unit_column("quality", "the curator's")
    for train, area in zip(TRAINS, AREAS, strict=True):
        file.add_unit(spike_times=train, electrode_group=groups[area], quality="good", obs_intervals=[[0.0, 60.0]])
    file.add_epoch(10.0, 50.0, ["wake", "box"])
    file.add_trial_column("side", "left or right")
    for start, side in ((12.0, "left"), (20.0, "right"), (30.0, "left")):
        file.add_trial(start, start + 5, side=side)
    module = file.create_processing_module("behavior", "b")
    heading = pynwb.behavior.SpatialSeries(
        name="ry", data=HEADING, description="the head", timestamps=CLOCK, unit="radians"
    )
    module.add(pynwb.behavior.CompassDirection(spatial_series=heading))
    place = pynwb.behavior.SpatialSeries(
        name="xy", data=np.stack([CLOCK, -CLOCK], 1), description="nose", timestamps=heading, unit="cm", conversion=2.0
    )
    module.add(pynwb.behavior.Position(spatial_series=place))
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(file)


def test_what_pynwb_writes_is_read(tmp_path):
    path = tmp_path / "p.nwb"
    pynwb_session(path)
    rec = load(path, bin_size=0.25, interval="trials")
    spans = [(12.0, 17.0), (20.0, 25.0), (30.0, 35.0)]
    counts = [np.stack([np.histogram(t, np.linspace(a, b, 21))[0] for t in TRAINS], 1) for a, b in spans]
    np.testing.assert_array_equal(rec["activity"], np.concatenate(counts))
    assert rec["side"].to_numpy()[[0, 20, 40]].tolist() == ["left", "right", "left"]
    assert rec["location"].to_numpy().tolist() == AREAS
    assert rec["electrode_group"].to_numpy().tolist() == [f"shank_{area}" for area in AREAS]
    assert rec["quality"].to_numpy().tolist() == ["good"] * 5
    assert rec["ry"].attrs["units"] == "rad"
    np.testing.assert_allclose(rec["xy_1"], -2 * rec["time"])
    assert nm.load(path, bin_size=0.25, interval="epochs.box").sizes["time"] == 160


def test_counts_are_those_of_pynapple(tmp_path):
    path = tmp_path / "p.nwb"
    pynwb_session(path)
    nap = pytest.importorskip("pynapple", reason="the oracle of this test: pip install neuromanifold[nwb]")
    data = nap.load_file(str(path))
    expected = data["units"].count(0.5, ep=data["epochs"])
    rec = load(path, bin_size=0.5, interval="epochs")
    np.testing.assert_array_equal(rec["activity"], expected.values)
    np.testing.assert_allclose(rec["time"], expected.times())
    turned = np.interp(rec["time"], data["ry"].times(), np.unwrap(data["ry"].values))
    known = np.isfinite(rec["ry"].to_numpy())
    np.testing.assert_array_equal(load(data, bin_size=0.5, interval="epochs")["activity"], expected.values)
    assert np.abs(np.angle(np.exp(1j * (turned - rec["ry"].to_numpy()))))[known].max() < 1e-6

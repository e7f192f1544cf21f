"""Folders and objects: Suite2p, Kilosort and Phy, zarr, pynapple and Neo, and what is refused of them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuromanifold as nm
from neuromanifold._errors import FileFormatError, InputError
from neuromanifold.data.intervals import interval_slices
from neuromanifold.data.readers import inspect, load, recordings_in
from neuromanifold.data.recording import to_arrays
from neuromanifold.storage import write_zarr

pytestmark = pytest.mark.filterwarnings("ignore::neuromanifold.data.inference.InferenceWarning")

RNG = np.random.default_rng(0)
TRACES = RNG.normal(size=(5, 400)).astype(np.float32)
TRAINS = [np.sort(RNG.uniform(1, 40, 100 + 30 * i)) for i in range(4)]


class Payload:
    """What a pickle must never get to do."""

    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


# ---- Suite2p ----


def write_plane(plane: Path, n: int = 5) -> None:
    plane.mkdir(parents=True)
    for name, scale in (("F", 3), ("Fneu", 1), ("spks", 2)):
        np.save(plane / f"{name}.npy", TRACES[:n] * scale)
    np.save(plane / "iscell.npy", np.stack([[1, 0, 1, 1, 1][:n], np.linspace(0.9, 0.1, n)], axis=1))
    for name in ("ops", "stat"):
        (plane / f"{name}.npy").write_bytes(b"\x93NUMPY" + pickle.dumps(Payload()))


@pytest.mark.parametrize("inside", ["plane0", "suite2p/plane0", ""])
def test_suite2p_gives_cells_and_asks_for_the_frame_rate(inside, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_plane(tmp_path / "s" / inside)
    with pytest.raises(InputError, match="which of 'F', 'Fneu', 'spks' is the activity"):
        load(tmp_path / "s")
    with pytest.raises(InputError, match=r"ops\.npy, a pickle.*sampling_period=1/fs"):
        load(tmp_path / "s", activity="spks")
    with pytest.warns(UserWarning, match=r"4 of 5 regions are cells by iscell\.npy"):
        rec = load(tmp_path / "s", activity="spks", sampling_period=1 / 30)
    np.testing.assert_array_equal(rec["activity"], 2 * TRACES[[0, 2, 3, 4]].T)
    assert rec["unit"].to_numpy().tolist() == ["0", "2", "3", "4"]
    np.testing.assert_allclose(rec["iscell_probability"], [0.9, 0.5, 0.3, 0.1])
    assert rec["activity"].attrs["kind"] == "continuous"
    assert not Path("executed").exists()
    assert load(tmp_path / "s", activity="F", time=np.arange(400) / 20.0).attrs["sampling_period"] == pytest.approx(
        0.05
    )


def test_suite2p_reads_the_frame_rate_that_matlab_was_told(tmp_path):
    from scipy.io import savemat

    write_plane(tmp_path / "plane0")
    savemat(tmp_path / "plane0" / "Fall.mat", {"ops": {"fs": 15.5, "nplanes": 1.0}})
    assert load(tmp_path, activity="F").attrs["sampling_period"] == pytest.approx(1 / 15.5)


def test_planes_are_named_and_their_combination_is_preferred(tmp_path):
    for i in range(2):
        write_plane(tmp_path / f"plane{i}")
    assert load(tmp_path, activity="plane1.F", sampling_period=0.1).sizes["unit"] == 4
    write_plane(tmp_path / "combined")
    assert load(tmp_path, activity="F", sampling_period=0.1).sizes["unit"] == 4


def other_shape(plane):
    np.save(plane / "F.npy", TRACES[:, :100])


def few_verdicts(plane):
    np.save(plane / "iscell.npy", np.ones((3, 2)))


def no_cells(plane):
    np.save(plane / "iscell.npy", np.zeros((5, 2)))


def cut_off(plane):
    (plane / "F.npy").write_bytes((plane / "F.npy").read_bytes()[:500])


def pickled(plane):
    np.save(plane / "F.npy", np.array([Payload()], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_shape, "same regions and frames"),
        (few_verdicts, r"must be \(5, 2\)"),
        (no_cells, "accepts none of the 5 regions"),
        (cut_off, "truncated"),
        (pickled, "pickled Python objects"),
    ],
)
def test_broken_suite2p_folders_are_refused(change, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_plane(tmp_path / "plane0")
    change(tmp_path / "plane0")
    with pytest.raises(FileFormatError, match=message):
        load(tmp_path, activity="F", sampling_period=0.1)
    assert not Path("executed").exists()


# ---- Kilosort and Phy ----


def write_phy(folder: Path, params: str = "dat_path = 'x.dat'\nsample_rate = 30000.  # Hz\n") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    ids = np.repeat([3, 11, 2, 20], [len(train) for train in TRAINS])
    times = np.concatenate(TRAINS)
    order = np.argsort(times, kind="stable")
    np.save(folder / "spike_times.npy", np.round(times[order] * 30000).astype(np.uint64)[:, None])
    np.save(folder / "spike_clusters.npy", ids[order].astype(np.int32))
    table = {"cluster_id": [2, 3, 11, 20], "group": ["noise", "good", "mua", "good"], "depth": [10.0, 20, 30, 40]}
    pd.DataFrame(table).to_csv(folder / "cluster_info.tsv", sep="\t", index=False)
    pd.DataFrame({"cluster_id": [2, 3, 11], "KSLabel": ["mua", "good", "mua"]}).to_csv(
        folder / "cluster_KSLabel.tsv", sep="\t", index=False
    )
    (folder / "params.py").write_text(params + "raise SystemExit('params.py was run')\n")


def test_phy_gives_the_spikes_of_each_cluster(tmp_path):
    write_phy(tmp_path / "ks")
    with pytest.warns(UserWarning, match="1 of 4 clusters are noise"):
        rec = load(tmp_path / "ks", bin_size=0.25)
    assert rec["unit"].to_numpy().tolist() == ["3", "11", "20"]
    assert rec["group"].to_numpy().tolist() == ["good", "mua", "good"]
    assert rec["KSLabel"].to_numpy().tolist() == ["good", "mua", ""]
    assert rec["depth"].to_numpy().tolist() == [20, 30, 40]
    np.testing.assert_array_equal(rec["activity"].sum("time"), [len(TRAINS[i]) for i in (0, 1, 3)])
    edges = np.append(rec["time"] - 0.125, rec["time"][-1] + 0.125)
    np.testing.assert_array_equal(rec["activity"][:, 1], np.histogram(np.round(TRAINS[1] * 30000) / 30000, edges)[0])
    assert nm.select_units(rec, {"group": "good"}).sizes["unit"] == 2


def test_phy_without_a_sampling_rate_asks_for_it(tmp_path):
    write_phy(tmp_path / "ks", params="sample_rate = get_rate()\n")
    assert "bin_size" in str(inspect(tmp_path / "ks"))
    with pytest.raises(InputError, match=r"no params\.py states sample_rate: give time_scale=1/30000"):
        load(tmp_path / "ks", bin_size=0.25)
    assert load(tmp_path / "ks", bin_size=0.25, time_scale=1 / 30000)["time"][-1] < 41


def test_broken_phy_folders_are_refused(tmp_path):
    write_phy(tmp_path / "ks")
    np.save(tmp_path / "ks" / "spike_clusters.npy", np.zeros(3, dtype=int))
    with pytest.raises(FileFormatError, match="must be as many numbers"):
        load(tmp_path / "ks", bin_size=0.25)
    write_phy(tmp_path / "ks")
    (tmp_path / "ks" / "cluster_group.tsv").write_text("cluster_id\tgroup\n1\tgood\n1\tmua\n")
    with pytest.raises(FileFormatError, match="one row a cluster"):
        load(tmp_path / "ks", bin_size=0.25)


# ---- other folders, .npy ----


def test_a_folder_that_is_none_of_these_says_what_is_in_it(tmp_path):
    with pytest.raises(FileFormatError, match=r"not a folder of Suite2p .* nor of Kilosort .* nor a zarr store"):
        load(tmp_path)
    np.save(tmp_path / "a.npy", TRACES.T)
    assert load(tmp_path, sampling_period=0.1)["activity"].shape == (400, 5), "one recording is no choice"
    np.save(tmp_path / "b.npy", TRACES)
    with pytest.raises(FileFormatError, match=r"recordings: load one of a\.npy, b\.npy"):
        load(tmp_path)


def test_recordings_below_a_folder_are_files_and_whole_folders(tmp_path):
    write_phy(tmp_path / "m1" / "ks")
    write_plane(tmp_path / "m2" / "suite2p" / "plane0")
    np.save(tmp_path / "m1" / "a.npy", TRACES)
    found = [str(path.relative_to(tmp_path)) for path in recordings_in(tmp_path)]
    assert found == ["m1/a.npy", "m1/ks", "m2"]


def test_a_single_array_is_activity(tmp_path):
    np.save(tmp_path / "traces.npy", TRACES.T)
    np.testing.assert_array_equal(load(tmp_path / "traces.npy", sampling_period=0.1)["activity"], TRACES.T)
    with pytest.raises(InputError, match="a int cannot be loaded"):
        load(3)


# ---- zarr ----


def dataset() -> xr.Dataset:
    heading = ("time", np.mod(np.arange(400) * 0.1, 2 * np.pi), {"units": "rad", "kind": "circular"})
    counts = RNG.poisson(2, (400, 5))
    return xr.Dataset({"counts": (("time", "cell"), counts), "heading": heading}, coords={"time": np.arange(400) * 0.1})


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_stores_are_datasets(version, tmp_path):
    least = "3" if version == 3 else "2.18"
    pytest.importorskip("zarr", minversion=least, reason="pip install neuromanifold[zarr]")
    ds = dataset()
    ds.to_zarr(tmp_path / "r.zarr", zarr_format=version, consolidated=version == 2)
    rec = load(tmp_path / "r.zarr")
    np.testing.assert_array_equal(rec["activity"], ds["counts"])
    np.testing.assert_allclose(to_arrays(rec, "heading").y, ds["heading"])
    assert "counts" in str(inspect(tmp_path / "r.zarr"))


def test_a_recording_with_labels_goes_through_zarr(tmp_path):
    pytest.importorskip("zarr", reason="pip install neuromanifold[zarr]")
    write_phy(tmp_path / "ks")
    rec = load(tmp_path / "ks", bin_size=0.25)
    write_zarr(tmp_path / "r.zarr", rec)
    again = load(tmp_path / "r.zarr")
    xr.testing.assert_equal(again["activity"], rec["activity"])
    assert nm.select_units(again, {"group": "good"}).sizes["unit"] == 2


def test_hostile_zarr_stores_are_refused(tmp_path):
    folder = tmp_path / "r.zarr"
    folder.mkdir()
    with pytest.raises(FileFormatError, match="not a zarr group"):
        load(folder)
    (folder / ".zgroup").write_text('{"zarr_format": 2}')
    (folder / "x").mkdir()
    meta = {"zarr_format": 2, "dtype": "|O", "shape": [1], "chunks": [1], "filters": [{"id": "pickle"}], "order": "C",
            "compressor": None, "fill_value": None}  # fmt: skip
    (folder / "x" / ".zarray").write_text(json.dumps(meta))
    with pytest.raises(FileFormatError, match="objects by the codec 'pickle'"):
        load(folder)
    (folder / "x" / ".zarray").write_text("{ broken")
    with pytest.raises(FileFormatError, match="cannot read"):
        load(folder)
    (folder / "x" / ".zarray").unlink()
    (folder / "x" / "0").symlink_to("/etc/passwd")
    with pytest.raises(FileFormatError, match="leads out of the store"):
        load(folder)


# ---- objects in memory ----


def test_pynapple_objects():
    nap = pytest.importorskip("pynapple", reason="pip install neuromanifold[nwb]")
    support = nap.IntervalSet([0, 20], [15, 40])
    group = nap.TsGroup({i: nap.Ts(train) for i, train in enumerate(TRAINS)}, time_support=support,
                        metadata={"location": ["adn", "adn", "pos", "pos"]})  # fmt: skip
    clock = np.arange(0, 45, 0.01)
    heading = nap.Tsd(clock, np.mod(clock, 2 * np.pi))
    trials = nap.IntervalSet([2, 8], [6, 12], metadata={"side": ["left", "right"]})
    source = {"units": group, "heading": heading, "trials": trials}
    rec = load(source, bin_size=0.5)
    np.testing.assert_array_equal(rec["activity"], group.count(0.5).values)
    assert len(interval_slices(rec["interval"].to_numpy())) == 2
    assert rec["location"].to_numpy().tolist() == ["adn", "adn", "pos", "pos"]
    np.testing.assert_allclose(np.exp(1j * rec["heading"]), np.exp(1j * rec["time"]), atol=1e-4)
    assert load(source, bin_size=0.5, interval="trials")["side"].to_numpy()[[0, -1]].tolist() == ["left", "right"]
    np.testing.assert_array_equal(load(group, bin_size=0.5)["activity"], rec["activity"])
    with pytest.raises(InputError, match=r"nm\.load bins spikes"):
        nm.as_recording(group)


def test_a_pynapple_frame_is_a_recording():
    nap = pytest.importorskip("pynapple", reason="pip install neuromanifold[nwb]")
    times = np.concatenate([np.arange(100), np.arange(100, 200) + 0.5]) * 0.1
    frame = nap.TsdFrame(times, TRACES[:, :200].T, columns=list("abcde"),
                         time_support=nap.IntervalSet([-1, 10.02], [9.95, 40]))  # fmt: skip
    for rec in (nm.as_recording(frame, {"x": np.arange(200.0)}), load(frame)):
        np.testing.assert_array_equal(rec["activity"], TRACES[:, :200].T)
        np.testing.assert_array_equal(rec["time"], frame.t)
        assert rec["unit"].to_numpy().tolist() == list("abcde")
        assert [s.stop for s in interval_slices(rec["interval"].to_numpy())] == [100, 200]


def neo_block(starts):
    neo, pq = pytest.importorskip("neo", reason="pip install neuromanifold[neo]"), pytest.importorskip("quantities")
    block = neo.Block()
    for start in starts:
        segment = neo.Segment()
        for i, train in enumerate(TRAINS):
            inside = (train[train < 10] + start) * 1000
            stop, began = (start + 10) * 1000, start * 1000
            spikes = neo.SpikeTrain(
                inside * pq.ms, t_start=began * pq.ms, t_stop=stop * pq.ms, name=f"u{i}", area="CA1"
            )
            segment.spiketrains.append(spikes)
        angle = neo.AnalogSignal(np.mod(np.arange(1000), 360.0)[:, None], units="deg", sampling_rate=100 * pq.Hz,
                                 t_start=start * pq.s, name="heading")  # fmt: skip
        segment.analogsignals.append(angle)
        segment.epochs.append(neo.Epoch([start + 1] * pq.s, [4] * pq.s, labels=["run"], name="laps"))
        block.segments.append(segment)
    return block


@pytest.mark.parametrize("starts", [(0.0, 0.0, 0.0), (0.0, 15.0, 30.0)])
def test_neo_segments_are_intervals(starts):
    rec = load(neo_block(starts), bin_size=0.5)
    slices = interval_slices(rec["interval"].to_numpy())
    expected = np.stack([np.histogram(train, np.linspace(0, 10, 21))[0] for train in TRAINS], 1)
    assert len(slices) == 3
    for rows in slices:
        np.testing.assert_array_equal(rec["activity"][rows], expected)
    assert rec["unit"].to_numpy().tolist() == ["u0", "u1", "u2", "u3"]
    assert rec["area"].to_numpy().tolist() == ["CA1"] * 4
    assert rec["heading"].attrs["units"] == "deg"
    assert float(rec["heading"][0]) == pytest.approx(25)
    laps = load(neo_block(starts), bin_size=0.5, interval="laps")
    assert laps.sizes["time"] == 3 * 8
    assert set(laps["laps_label"].to_numpy()) == {"run"}


def test_neo_signals_of_many_channels_are_activity():
    neo, pq = pytest.importorskip("neo", reason="pip install neuromanifold[neo]"), pytest.importorskip("quantities")
    block = neo.Block()
    for start in (0, 10):
        block.segments.append(neo.Segment())
        signal = neo.AnalogSignal(TRACES.T, units="uV", sampling_rate=100 * pq.Hz, t_start=start * pq.s, name="lfp")
        block.segments[-1].analogsignals.append(signal)
    rec = load(block)
    np.testing.assert_array_equal(rec["activity"], np.concatenate([TRACES.T, TRACES.T]))
    assert [s.stop for s in interval_slices(rec["interval"].to_numpy())] == [400, 800]
    assert rec.attrs["sampling_period"] == pytest.approx(0.01)


def test_neo_blocks_that_do_not_match_are_named():
    block = neo_block((0.0, 0.0))
    block.segments[1].spiketrains.pop()
    with pytest.raises(InputError, match="segments of the Block have 4, 3 spiketrains"):
        load(block, bin_size=0.5)
    with pytest.raises(InputError, match="a SpikeTrain of Neo cannot be read"):
        load(block.segments[0].spiketrains[0], bin_size=0.5)

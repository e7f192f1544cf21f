"""Public recordings, from a server on this machine: found, fetched once, checked, and read in their layouts."""

from __future__ import annotations

import hashlib
import json
import threading
import zipfile
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from test_nwb import series, text, typed, write_epochs, write_units

import neuromanifold as nm
from neuromanifold._errors import DownloadError, FileFormatError, InputError
from neuromanifold.data import fetching
from neuromanifold.data.gardner import read_gardner
from neuromanifold.data.intervals import interval_slices
from neuromanifold.data.registry import PUBLIC, PublicRecording

h5py = pytest.importorskip("h5py")
pytest.importorskip("pooch", reason="pip install neuromanifold[datasets]")
pytestmark = pytest.mark.filterwarnings("ignore::neuromanifold.data.inference.InferenceWarning")

RNG = np.random.default_rng(0)
TRAINS = [np.sort(RNG.uniform(0, 60, 300)) for _ in range(4)]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def translate_path(self, path):
        """Records of an archive end in a slash and are the file ``index.json`` there."""
        found = super().translate_path(path)
        return f"{found}/index.json" if path.split("?")[0].endswith("/") else found


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A folder that is served, its address, and an empty cache."""
    monkeypatch.setenv("NEUROMANIFOLD_DATA", str(tmp_path / "cache"))
    folder = tmp_path / "archive"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_session(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"] = "2.0.0"
        write_units(file, TRAINS, ["adn", "adn", "thalamus", "adn"])
        write_epochs(file)


def entry(address: str, **known) -> PublicRecording:
    stated = {"title": "t", "doi": "10.1/x", "licence": "CC0-1.0", "archive": "file", "file": "s.nwb",
              "choices": {"bin_size": 0.5, "interval": "epochs.wake"}, "labels": {"location": "adn"}}  # fmt: skip
    return PublicRecording(address=address, **{**stated, **known})


def test_a_file_with_a_digest_is_fetched_once_and_read(archive, monkeypatch):
    folder, address = archive
    write_session(folder / "s.nwb")
    found = entry(f"{address}/s.nwb", digest=f"sha256:{sha256(folder / 's.nwb')}", digest_source="the test")
    monkeypatch.setitem(PUBLIC, "session", found)
    rec = nm.datasets.load("session")
    assert rec.sizes == {"time": 80, "unit": 3}
    assert (rec.attrs["doi"], rec.attrs["licence"]) == ("10.1/x", "CC0-1.0")
    (folder / "s.nwb").unlink()
    assert nm.datasets.load("session", bin_size=1.0).sizes["time"] == 40
    path = nm.datasets.fetch("session", verbose=False)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DownloadError, match="has changed since it was fetched: delete it"):
        nm.datasets.fetch("session")


def test_what_is_not_what_was_published_is_refused(archive, monkeypatch):
    folder, address = archive
    write_session(folder / "s.nwb")
    found = entry(f"{address}/s.nwb", digest=f"sha256:{'0' * 64}", digest_source="the test")
    monkeypatch.setitem(PUBLIC, "session", found)
    with pytest.raises(DownloadError, match=r"what came for s\.nwb is not what the test published"):
        nm.datasets.fetch("session", verbose=False)
    assert not (fetching.cache_folder() / "s.nwb").exists()


def test_without_a_published_digest_the_first_one_is_told_and_kept(archive, monkeypatch):
    folder, address = archive
    write_session(folder / "s.nwb")
    monkeypatch.setitem(PUBLIC, "session", entry(f"{address}/s.nwb"))
    with pytest.warns(
        UserWarning, match=f"no published digest of s.nwb is known; its SHA-256 is {sha256(folder / 's.nwb')}"
    ):
        nm.datasets.fetch("session", verbose=False)
    kept = json.loads((fetching.cache_folder() / "checksums.json").read_text())["s.nwb"]
    assert (kept["sha256"], kept["published"]) == (sha256(folder / "s.nwb"), "None")


@pytest.mark.parametrize("honest", [True, False])
def test_dandi_is_asked_for_the_file_and_its_digest(archive, monkeypatch, honest):
    folder, address = archive
    version, asset = folder / "api/dandisets/000939/versions/1", folder / "api/assets/a1"
    (version / "assets").mkdir(parents=True)
    (asset / "download").mkdir(parents=True)
    write_session(asset / "download" / "index.json")
    digest = sha256(asset / "download" / "index.json") if honest else "0" * 64
    (version / "assets" / "index.json").write_text(
        json.dumps({"results": [{"path": "sub/other.nwb", "asset_id": "a0"}, {"path": "sub/s.nwb", "asset_id": "a1"}]})
    )
    (asset / "index.json").write_text(json.dumps({"digest": {"dandi:sha2-256": digest}}))
    found = entry(f"{address}/api/dandisets/000939/versions/1", archive="dandi", file="sub/s.nwb")
    monkeypatch.setitem(PUBLIC, "session", found)
    if honest:
        assert nm.datasets.load("session").sizes["unit"] == 3
    else:
        with pytest.raises(DownloadError, match="is not what DANDI published"):
            nm.datasets.load("session")
    monkeypatch.setitem(PUBLIC, "gone", entry(found.address, archive="dandi", file="sub/gone.nwb"))
    with pytest.raises(DownloadError, match=r"has no sub/gone\.nwb: look at doi\.org/10\.1/x"):
        nm.datasets.fetch("gone")


def write_mouse32(path: Path) -> None:
    """Units with an area, angles called rx, ry, rz, epochs by tag, sleep stages: the layout of Mouse32-140822.nwb."""
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"] = "2.5.0"
        write_units(file, TRAINS, ["adn", "adn", "thalamus", "adn"])
        write_epochs(file)
        sws = typed(file["intervals"], "sws", "TimeIntervals")
        sws["start_time"], sws["stop_time"] = [1.0], [9.0]
        compass = typed(typed(file.create_group("processing"), "behavior", "ProcessingModule"), "x", "CompassDirection")
        clock = np.arange(10, 50, 0.05)
        for name in ("rx", "ry", "rz"):
            series(compass, name, "SpatialSeries", np.mod(clock, 2 * np.pi), "radian", timestamps=clock)


def write_postsubiculum(path: Path) -> None:
    """Units said to be head-direction cells or not, epochs by arena: the layout of DANDI 000939."""
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"] = "2.5.0"
        units = write_units(file, TRAINS, ["PoS"] * 4)
        units["is_head_direction"] = np.array([1, 0, 1, 1], dtype=np.uint8)
        units["waveform_mean"] = np.zeros((4, 40, 64))
        epochs = typed(file.create_group("intervals"), "epochs", "TimeIntervals")
        epochs["start_time"], epochs["stop_time"], epochs["tags_index"] = [0.0, 10.0], [10.0, 50.0], [1, 2]
        text(epochs, "tags", ["home_cage", "wake_square"])
        behaviour = typed(file.create_group("processing"), "behavior", "ProcessingModule")
        compass, clock = typed(behaviour, "CompassDirection", "CompassDirection"), np.arange(10, 50, 0.01)
        series(compass, "head-direction", "SpatialSeries", np.mod(clock, 2 * np.pi), "radians", timestamps=clock)
        lfp = typed(typed(file["processing"], "ecephys", "ProcessingModule"), "LFP", "LFP")
        series(lfp, "LFP", "ElectricalSeries", np.zeros((50, 8), dtype=np.int16), "volts", start=0.0, rate=2000.0)


@pytest.mark.parametrize(
    ("name", "write", "variable"),
    [("peyrache_mouse32", write_mouse32, "ry"), ("duszkiewicz_A3707", write_postsubiculum, "head-direction")],
)
def test_layouts_of_the_registry_are_read_by_its_own_choices(archive, monkeypatch, name, write, variable):
    folder, address = archive
    write(folder / "s.nwb")
    local = {"address": f"{address}/s.nwb", "archive": "file", "digest": f"sha256:{sha256(folder / 's.nwb')}"}
    monkeypatch.setitem(PUBLIC, name, replace(PUBLIC[name], **local))
    rec = nm.datasets.load(name)
    assert rec.sizes == {"time": 1600, "unit": 3}
    assert list(rec.data_vars) == ["activity", variable, "tags"]
    assert rec[variable].attrs == {"kind": "circular", "units": "rad", "period": 2 * np.pi}
    known = np.isfinite(rec[variable].to_numpy())
    assert known.mean() > 0.99
    error = (rec[variable] - rec["time"]).to_numpy()[known]
    assert np.abs(np.angle(np.exp(1j * error))).max() < 1e-3


def write_gardner(path: Path, cells=None) -> None:
    """The layout of Gardner et al.: dicts of spike times, tracking in metres."""
    clock = np.arange(0, 60, 0.01)
    cells = {i * 3: train for i, train in enumerate(TRAINS)} if cells is None else cells
    np.savez(path, spikes_mod1={1: TRAINS[0]}, spikes_mod2=cells, t=clock, x=np.cos(clock), y=np.sin(clock),
             azimuth=np.mod(clock, 2 * np.pi))  # fmt: skip


def test_gardner_is_unpacked_from_figshare(archive, monkeypatch, tmp_path):
    folder, address = archive
    write_gardner(tmp_path / "rat.npz")
    with zipfile.ZipFile(folder / "data.zip", "w") as content:
        content.write(tmp_path / "rat.npz", "data/rat.npz")
    md5 = hashlib.md5((folder / "data.zip").read_bytes()).hexdigest()
    files = [{"name": "data.zip", "download_url": f"{address}/data.zip", "computed_md5": md5}]
    (folder / "record").write_text(json.dumps({"files": files}))
    choices = {"activity": "spikes_mod2", "bin_size": 0.1, "interval": ((0.0, 20.0), (30.0, 60.0))}
    found = entry(f"{address}/record", archive="figshare", file="data.zip", layout="gardner", member="data/rat.npz",
                  choices=choices, labels={})  # fmt: skip
    monkeypatch.setitem(PUBLIC, "grid", found)
    rec = nm.datasets.load("grid")
    assert rec["unit"].to_numpy().tolist() == ["0", "3", "6", "9"]
    assert [s.stop - s.start for s in interval_slices(rec["interval"].to_numpy())] == [200, 300]
    np.testing.assert_allclose(rec["x"][:-1], np.cos(rec["time"][:-1]), atol=1e-4)
    assert rec["x"].attrs["units"] == "m"
    assert rec["azimuth"].attrs["kind"] == "circular"
    assert int(rec["activity"].sum()) == sum(((t < 20) | (t >= 30)).sum() for t in TRAINS)


class Payload:
    """What a pickle must never get to do."""

    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


@pytest.mark.parametrize("hidden", ["plain", "in a dict", "in an array"])
def test_pickles_that_are_not_numbers_are_refused(hidden, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = {"plain": Payload(), "in a dict": {1: Payload()}, "in an array": {1: np.array([Payload()], dtype=object)}}
    write_gardner(tmp_path / "rat.npz", cells[hidden])
    with pytest.raises(FileFormatError, match="which is not a number: refused"):
        read_gardner(tmp_path / "rat.npz")
    assert not Path("executed").exists()


def test_other_layouts_are_named(tmp_path):
    np.savez(tmp_path / "a.npz", t=np.arange(3.0))
    with pytest.raises(FileFormatError, match="spikes_mod1"):
        read_gardner(tmp_path / "a.npz")
    write_gardner(tmp_path / "b.npz", np.array([{1: 2}, 3], dtype=object))
    with pytest.raises(FileFormatError, match="not a dict of spike times"):
        read_gardner(tmp_path / "b.npz")


def test_offline_the_way_round_is_told_and_works(archive, monkeypatch, tmp_path):
    write_session(tmp_path / "s.nwb")
    # Nothing listens at port 9 of this machine.
    found = entry("http://127.0.0.1:9/s.nwb", digest=f"sha256:{sha256(tmp_path / 's.nwb')}", digest_source="the test")
    monkeypatch.setitem(PUBLIC, "session", found)
    with pytest.raises(DownloadError, match=r"cannot fetch s\.nwb .*doi\.org/10\.1/x\) and put it at .*cache/s\.nwb"):
        nm.datasets.load("session")
    fetching.cache_folder().mkdir(exist_ok=True)
    (fetching.cache_folder() / "s.nwb").write_bytes(b"another file")
    with pytest.raises(DownloadError, match="is not what the test published"):
        nm.datasets.load("session")
    (fetching.cache_folder() / "s.nwb").write_bytes((tmp_path / "s.nwb").read_bytes())
    assert nm.datasets.load("session").sizes["unit"] == 3


def test_the_registry_states_what_it_must():
    table = nm.datasets.public()
    assert {"peyrache_mouse32", "duszkiewicz_A3707", "gardner_r1_module2"} <= set(table.index)
    for name, found in PUBLIC.items():
        assert found.doi.startswith("10."), name
        assert found.licence, name
        assert found.address.startswith("https://"), name
        if found.digest is not None:
            algorithm, _, digest = found.digest.partition(":")
            assert len(digest) == {"sha256": 64, "md5": 32}[algorithm], name
            assert found.digest_source, name
    with pytest.raises(InputError, match=r"no recording of the name 'mouse'; there are .*peyrache_mouse32"):
        nm.datasets.load("mouse")
    with pytest.raises(InputError, match="comes along as it is"):
        nm.datasets.load("head_direction", bin_size=0.1)

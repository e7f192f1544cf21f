from __future__ import annotations

import contextlib
import io
import os
import pickle
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import sparse
from scipy.io import loadmat, savemat

import neuromanifold as nm
from neuromanifold._errors import FileFormatError, InputError, NotEnoughDataError
from neuromanifold.data.alignment import align
from neuromanifold.data.intervals import interval_slices
from neuromanifold.data.readers import READERS, inspect, load
from neuromanifold.data.readers.matlab5 import matlab5_variables
from neuromanifold.data.readers.spikes import bin_spikes
from neuromanifold.data.recording import to_arrays
from neuromanifold.storage import write_netcdf

SHARED = Path(os.environ.get("NEUROMANIFOLD_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))

pytestmark = pytest.mark.filterwarnings("ignore::neuromanifold.data.inference.InferenceWarning")


def shared(name: str) -> Path:
    """A file of the shared real recordings, or skip."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"real recording {name} is not here (NEUROMANIFOLD_SHARED_DATA)")
    return path


# ---- one recording through every format ----

N, D = 40, 3
COUNTS = np.random.default_rng(0).poisson(2, (N, D))
HEADING = np.random.default_rng(1).uniform(0, 2 * np.pi, N)
TRIAL = np.repeat([1, 2], N // 2)
TIME = (np.arange(N) + 0.5) * 0.05


def write_npz(path):
    np.savez_compressed(path, counts=COUNTS, heading_rad=HEADING, trial=TRIAL, bin_s=0.05)


def write_mat5(path):
    savemat(path, {"counts": COUNTS, "heading_rad": HEADING, "trial": TRIAL, "rate_hz": 20.0})


def write_struct(path):
    """Everything one level down, and activity as MATLAB likes it: units by samples."""
    savemat(path, {"s": {"counts": COUNTS.T, "heading_rad": HEADING, "trial": TRIAL, "dt": 0.05}})


def write_mat73(path):
    """A MATLAB 7.3 file as MATLAB writes it: a user block, then HDF5 with axes reversed."""
    with h5py.File(path, "w", userblock_size=512) as file:
        named = {
            "counts": COUNTS,
            "heading_rad": HEADING[:, None],
            "trial": TRIAL[:, None],
            "dt": np.array([[0.05]]),
        }
        for name, values in named.items():
            file.create_dataset(name, data=values.T).attrs["MATLAB_class"] = np.bytes_("double")
        text = file.create_dataset("animal", data=np.array([[ord(c)] for c in "mouse"], dtype=np.uint16).T)
        text.attrs["MATLAB_class"] = np.bytes_("char")
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


def write_hdf5(path):
    with h5py.File(path, "w") as file:
        group = file.create_group("session")
        for name, values in {"counts": COUNTS, "heading_rad": HEADING, "trial": TRIAL, "dt": 0.05}.items():
            group[name] = values


def table() -> pd.DataFrame:
    units = {f"cell_{i}": COUNTS[:, i] for i in range(D)}
    return pd.DataFrame({"time": TIME, **units, "heading_rad": HEADING, "trial": TRIAL})


def write_csv(path):
    table().to_csv(path, index=False)


def write_tsv(path):
    table().to_csv(path, index=False, sep="\t")


def dataset() -> xr.Dataset:
    return xr.Dataset(
        {"counts": (("time", "cell"), COUNTS), "heading_rad": ("time", HEADING)},
        coords={"time": TIME, "trial": ("time", TRIAL), "cell": list("abc")},
    )


def write_nc(path):
    write_netcdf(path, dataset())


def write_nc3(path):
    dataset().drop_vars("cell").to_netcdf(path, engine="scipy", format="NETCDF3_64BIT")


def write_own(path):
    write_netcdf(path, nm.load(dataset()))


FORMATS = {
    ".npz": write_npz,
    "5.mat": write_mat5,
    "struct.mat": write_struct,
    "73.mat": write_mat73,
    ".h5": write_hdf5,
    ".csv": write_csv,
    ".tsv": write_tsv,
    ".nc": write_nc,
    "3.nc": write_nc3,
    "own.nc": write_own,
}


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_the_same_recording(suffix, tmp_path):
    path = tmp_path / f"r{suffix}"
    FORMATS[suffix](path)
    ds = load(path)
    heading = next(name for name in ds.data_vars if str(name).endswith("heading_rad"))
    arrays = to_arrays(ds, str(heading))
    np.testing.assert_array_equal(arrays.X, COUNTS)
    np.testing.assert_allclose(arrays.y, HEADING)
    np.testing.assert_array_equal(arrays.groups, TRIAL)
    assert ds.attrs["sampling_period"] == pytest.approx(0.05)
    assert ds["activity"].attrs["kind"] == "counts"
    assert ds[heading].attrs["kind"] == "circular"
    assert str(path) in str(inspect(path))


def test_every_reader_is_tried():
    suffixes = {Path(f"r{suffix}").suffix for suffix in FORMATS}
    assert {known for names, _ in READERS for known in names} - suffixes <= {".hdf5", ".nwb", ".npy"}, (
        "the last two have files of their own"
    )


def test_objects_in_memory_load_as_well():
    from_dataset = load(dataset())
    np.testing.assert_array_equal(from_dataset["activity"], COUNTS)
    assert list(from_dataset["unit"].to_numpy()) == ["a", "b", "c"]
    array = dataset()["counts"].assign_coords(heading_rad=("time", HEADING))
    from_array = load(array, variables={"heading_rad": {"units": "rad"}}, bin_size=0.1)
    assert from_array.sizes == {"time": N // 2, "unit": D}
    np.testing.assert_array_equal(np.unique(from_array["interval"]), [1, 2])
    laid_out = xr.Dataset({"activity": (("time", "unit"), COUNTS)}, attrs={"sampling_period": 0.05, "animal": "m"})
    assert load(laid_out, interval=TRIAL).attrs["animal"] == "m"
    assert load(laid_out, interval=TRIAL).attrs["sampling_period"] == 0.05


MATLAB_VALUES = {
    "matrix": np.arange(12.0).reshape(3, 4),
    "cube": np.arange(24, dtype=np.int16).reshape(2, 3, 4),
    "flags": np.array([[True, False]]),
    "text": "größe",
    "wave": np.array([[1 + 2j, 3j]]),
    "empty": np.zeros((0, 3)),
    "big": np.array([[2**63]], dtype=np.uint64),
    "sparse": sparse.random(20, 15, density=0.1, random_state=0, format="csc"),
    "session": {"rate": 20.0, "inner": {"x": np.arange(3.0)[None], "name": "a"}},
}


@pytest.mark.parametrize("compressed", [True, False])
def test_matlab_values_are_those_scipy_reads(compressed, tmp_path):
    savemat(tmp_path / "v.mat", MATLAB_VALUES, do_compression=compressed)
    found, expected = dict(matlab5_variables(tmp_path / "v.mat")), loadmat(tmp_path / "v.mat")
    for name in ("matrix", "cube", "flags", "wave", "empty", "big"):
        np.testing.assert_array_equal(found[name], expected[name])
        assert found[name].dtype == expected[name].dtype or name == "flags", "scipy gives logicals as uint8"
    np.testing.assert_array_equal(found["sparse"], expected["sparse"].toarray())
    assert found["text"] == expected["text"][0] == "größe"
    assert found["session"]["inner"]["name"] == "a"
    np.testing.assert_array_equal(found["session"]["inner"]["x"], np.arange(3.0)[None])


def test_a_sparse_matrix_of_matlab_73_is_filled_in(tmp_path):
    counts = sparse.csc_matrix(COUNTS * (COUNTS > 2))
    write_mat73(tmp_path / "r.mat")
    with h5py.File(tmp_path / "r.mat", "a") as file:
        del file["counts"]
        group = file.create_group("counts")
        group.attrs.update({"MATLAB_class": np.bytes_("double"), "MATLAB_sparse": np.uint64(N)})
        group["data"], group["ir"] = counts.data.astype(float), counts.indices.astype(np.uint64)
        group["jc"] = counts.indptr.astype(np.uint64)
    np.testing.assert_array_equal(load(tmp_path / "r.mat")["activity"], counts.toarray())
    with h5py.File(tmp_path / "r.mat", "a") as file:
        file["counts"]["ir"][0] = N + 5
    with pytest.raises(FileFormatError, match="cannot read"):
        load(tmp_path / "r.mat")


def test_cells_of_a_matrix_a_trial_are_one_recording(tmp_path):
    """Trials of different lengths, samples by units or MATLAB's other way round."""
    for name, turned in (("r.mat", False), ("t.mat", True)):
        cell = np.empty(2, dtype=object)
        cell[:] = [part.T if turned else part for part in (COUNTS[:12], COUNTS[12:])]
        savemat(tmp_path / name, {"counts": cell, "dt": 0.05})
        ds = load(tmp_path / name)
        np.testing.assert_array_equal(ds["activity"], COUNTS)
        assert [s.stop - s.start for s in interval_slices(ds["interval"].to_numpy())] == [12, N - 12]


def test_texts_of_a_file_become_attributes(tmp_path):
    np.savez(tmp_path / "r.npz", activity=COUNTS, animal="mouse28")
    assert load(tmp_path / "r.npz").attrs["animal"] == "mouse28"
    write_mat73(tmp_path / "r.mat")
    assert load(tmp_path / "r.mat").attrs["animal"] == "mouse"


def test_texts_of_variable_length_in_hdf5_are_texts(tmp_path):
    write_hdf5(tmp_path / "r.h5")
    with h5py.File(tmp_path / "r.h5", "a") as file:
        file.create_dataset("session/side", data=["left", "right"] * (N // 2), dtype=h5py.string_dtype())
    assert load(tmp_path / "r.h5")["session.side"].to_numpy()[:2].tolist() == ["left", "right"]


def test_wider_bins_on_the_way_in(tmp_path):
    write_npz(tmp_path / "r.npz")
    np.testing.assert_array_equal(load(tmp_path / "r.npz", bin_size=0.1)["activity"], COUNTS[::2] + COUNTS[1::2])


def test_a_headerless_table_is_activity(tmp_path):
    np.savetxt(tmp_path / "r.csv", COUNTS, delimiter=",", fmt="%d")
    np.testing.assert_array_equal(load(tmp_path / "r.csv", sampling_period=0.1)["activity"], COUNTS)


def test_columns_of_a_matrix_variable_get_numbers(tmp_path):
    np.savez(tmp_path / "r.npz", activity=COUNTS, xy_cm=np.ones((N, 2)), dt=0.1)
    ds = load(tmp_path / "r.npz")
    assert ds["xy_cm_1"].attrs == {"units": "cm", "kind": "linear"}


def test_variables_may_be_chosen_and_described(tmp_path):
    np.savez(tmp_path / "r.npz", activity=COUNTS, phase=HEADING * 10, speed=HEADING, dt=0.1)
    described = {"phase": {"kind": "circular", "units": "cm", "period": 20 * np.pi}}
    ds = load(tmp_path / "r.npz", variables=described)
    assert "speed" not in ds
    np.testing.assert_allclose(to_arrays(ds, "phase").y, HEADING)
    write_netcdf(tmp_path / "r.nc", load(tmp_path / "r.npz"))
    again = load(tmp_path / "r.nc", variables=described)
    np.testing.assert_allclose(to_arrays(again, "phase").y, HEADING)
    assert "speed" not in again


def test_epochs_keep_the_samples_inside_and_border_them(tmp_path):
    write_npz(tmp_path / "r.npz")
    ds = load(tmp_path / "r.npz", interval=np.array([[0.0, 0.5], [1.0, 1.5]]))
    assert [s.stop - s.start for s in interval_slices(ds["interval"].to_numpy())] == [10, 10]
    with pytest.raises(InputError, match=r"no sample lies.*0\.025 to"):
        load(tmp_path / "r.npz", interval=np.array([[50.0, 60.0]]))


# ---- what is not clear is asked for ----


def ambiguous(tmp_path) -> Path:
    path = tmp_path / "two.npz"
    np.savez(path, green=np.ones((N, D)), red=np.ones((N, D)), heading=HEADING, t1=1.0)
    return path


def test_ambiguity_lists_the_file_and_the_call(tmp_path):
    path = ambiguous(tmp_path)
    with pytest.raises(InputError, match="which of 'green', 'red'") as caught:
        load(path)
    listing = str(inspect(path))
    assert listing in str(caught.value)
    for row in inspect(path).rows:
        assert row["name"] in listing
    assert f"nm.load('{path}', activity='green')" in listing
    assert load(path, activity="red")["activity"].shape == (N, D)


CHOICES = {
    "unknown activity": ({"activity": "blue"}, "no activity 'blue'"),
    "vector as activity": ({"activity": "heading"}, "activity is a matrix"),
    "unknown variable": ({"activity": "red", "variables": ["speed"]}, "no task variable 'speed'"),
    "scalar as variable": (
        {"activity": "red", "variables": ["t1"]},
        r"'t1' has shape \(\) but the activity has 40",
    ),
    "unknown time": ({"activity": "red", "time": "clock"}, "no time 'clock'"),
    "unknown interval": ({"activity": "red", "interval": "lap"}, "no interval 'lap'"),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_wrong_choices_are_named_with_the_listing(choice, tmp_path):
    arguments, message = CHOICES[choice]
    with pytest.raises(InputError, match=f"(?s){message}.*green.*heading"):
        load(ambiguous(tmp_path), **arguments)


def test_two_sampling_periods_are_asked_about(tmp_path):
    np.savez(tmp_path / "r.npz", activity=COUNTS, bin_s=0.05, rate_hz=10.0)
    with pytest.raises(InputError, match="bin_s, rate_hz disagree"):
        load(tmp_path / "r.npz")
    assert load(tmp_path / "r.npz", sampling_period=0.05).attrs["sampling_period"] == 0.05


def test_nothing_that_could_be_activity(tmp_path):
    np.savez(tmp_path / "r.npz", heading=HEADING, animal="m")
    with pytest.raises(InputError, match=r"(?s)nothing looks like activity.*heading"):
        load(tmp_path / "r.npz")


# ---- spike times ----

TRAINS = [np.sort(np.random.default_rng(i).uniform(2, 30, 50 + 20 * i)) for i in range(4)]


def spikes_npz(path):
    ids = np.repeat(np.arange(4), [len(train) for train in TRAINS])
    np.savez(path, spike_times=np.concatenate(TRAINS), unit_ids=ids)


def spikes_csv(path):
    ids = np.repeat([f"u{i}" for i in range(4)], [len(train) for train in TRAINS])
    pd.DataFrame({"time": np.concatenate(TRAINS), "unit": ids}).to_csv(path, index=False)


def spikes_cell(path):
    cell = np.empty(4, dtype=object)
    cell[:] = TRAINS
    savemat(path, {"spikes": cell})


def spikes_struct_array(path):
    units = np.array([(train, f"u{i}") for i, train in enumerate(TRAINS)], dtype=[("t", object), ("name", object)])
    savemat(path, {"units": units})


def spikes_cell73(path):
    with h5py.File(path, "w", userblock_size=512) as file:
        parts = [file.create_dataset(f"#refs#/{i}", data=train[:, None].T) for i, train in enumerate(TRAINS)]
        for part in parts:
            part.attrs["MATLAB_class"] = np.bytes_("double")
        references = np.array([[part.ref] for part in parts], dtype=h5py.ref_dtype)
        file.create_dataset("spikes", data=references).attrs["MATLAB_class"] = np.bytes_("cell")


SPIKES = {
    ".npz": spikes_npz,
    ".csv": spikes_csv,
    "cell.mat": spikes_cell,
    "struct.mat": spikes_struct_array,
    "73.mat": spikes_cell73,
}


@pytest.mark.parametrize("suffix", SPIKES)
def test_spike_times_are_counted_in_bins(suffix, tmp_path):
    path = tmp_path / f"s{suffix}"
    SPIKES[suffix](path)
    with pytest.raises(InputError, match="say how wide bins are, bin_size="):
        load(path)
    ds = load(path, bin_size=0.25)
    edges = np.append(ds["time"].to_numpy() - 0.125, ds["time"].to_numpy()[-1] + 0.125)
    expected = np.stack([np.histogram(train, edges)[0] for train in TRAINS], axis=1)
    np.testing.assert_array_equal(ds["activity"], expected)
    assert int(ds["activity"].sum()) == sum(map(len, TRAINS))
    assert ds.attrs["sampling_period"] == 0.25


def test_units_keep_their_names_however_many(tmp_path):
    """Ten and more: the order of numbers is not that of their texts."""
    ids = np.repeat(np.arange(12), np.arange(3, 15))
    np.savez(tmp_path / "s.npz", spike_times=np.linspace(0, 9, len(ids)), unit_ids=ids)
    ds = load(tmp_path / "s.npz", bin_size=1.0)
    assert ds["unit"].to_numpy().tolist() == [str(i) for i in range(12)]
    np.testing.assert_array_equal(ds["activity"].sum("time"), np.arange(3, 15))


def test_epochs_of_spikes(tmp_path):
    spikes_npz(tmp_path / "s.npz")
    ds = load(tmp_path / "s.npz", bin_size=0.5, interval=np.array([[4.0, 6.0], [10.0, 13.2]]))
    assert [s.stop - s.start for s in interval_slices(ds["interval"].to_numpy())] == [4, 6]
    inside = sum(((train >= 4) & (train < 6)).sum() + ((train >= 10) & (train < 13)).sum() for train in TRAINS)
    assert int(ds["activity"].sum()) == inside


def test_milliseconds_are_named_or_given(tmp_path):
    ids = np.repeat(np.arange(4), [len(train) for train in TRAINS])
    np.savez(tmp_path / "ms.npz", spike_times_ms=np.concatenate(TRAINS) * 1e3, unit_ids=ids)
    spikes_npz(tmp_path / "s.npz")
    seconds = load(tmp_path / "s.npz", bin_size=0.25)
    np.testing.assert_array_equal(load(tmp_path / "ms.npz", bin_size=0.25)["activity"], seconds["activity"])
    np.savez(tmp_path / "raw.npz", spike_times=np.concatenate(TRAINS) * 1e6, unit_ids=ids)
    with pytest.raises(InputError, match="Give time_scale"):
        load(tmp_path / "raw.npz", bin_size=0.25)
    scaled = load(tmp_path / "raw.npz", bin_size=0.25, time_scale=1e-6)
    np.testing.assert_array_equal(scaled["activity"], seconds["activity"])


BAD_SPIKES = {
    "no spikes": ([np.zeros(0)], 0.1, None, NotEnoughDataError, "no spikes"),
    "NaN": ([np.array([1.0, np.nan])], 0.1, None, InputError, "finite"),
    "zero bin": ([np.array([1.0, 2.0])], 0.0, None, InputError, "bin_size is 0"),
    "one bin": ([np.array([1.0, 1.01])], 0.1, None, NotEnoughDataError, "no two bins"),
    "backward epoch": ([np.array([1.0, 2.0])], 0.1, [[3, 1]], InputError, "start < stop"),
    "overlapping epochs": ([np.array([1.0, 2.0])], 0.1, [[0, 2], [1, 3]], InputError, "overlap"),
}


@pytest.mark.parametrize("case", BAD_SPIKES)
def test_impossible_spikes_are_refused(case):
    trains, bin_size, epochs, error, message = BAD_SPIKES[case]
    with pytest.raises(error, match=message):
        bin_spikes(trains, bin_size, None if epochs is None else np.array(epochs))


def test_behaviour_is_brought_to_the_bins(tmp_path):
    clock = np.arange(0, 40, 0.02)
    heading = np.mod(0.7 * clock, 2 * np.pi)
    x = np.sin(clock)
    x[(clock > 10) & (clock < 12)] = np.nan
    cell = np.empty(4, dtype=object)
    cell[:] = TRAINS
    savemat(tmp_path / "s.mat", {"spikes": cell, "heading_rad": heading, "x_cm": x, "video_rate": 50.0})
    ds = load(tmp_path / "s.mat", bin_size=0.1)
    times = ds["time"].to_numpy()
    error = np.angle(np.exp(1j * (ds["heading_rad"].to_numpy() - 0.7 * times)))
    assert np.abs(error).max() < 1e-3, "interpolated across the wrap, not through it"
    lost = (times > 10.1) & (times < 11.9)
    assert np.isnan(ds["x_cm"].to_numpy()[lost]).all()
    np.testing.assert_allclose(
        ds["x_cm"].to_numpy()[~np.isnan(ds["x_cm"])], np.sin(times[~np.isnan(ds["x_cm"])]), atol=1e-3
    )


def test_behaviour_outside_its_own_time_is_unknown():
    centres = np.linspace(-1, 5, 61) + 0.01
    values = align(np.arange(30.0), np.arange(30) * 0.1, centres, None)
    inside = (centres >= 0) & (centres <= 2.9)
    np.testing.assert_array_equal(np.isfinite(values), inside)
    np.testing.assert_allclose(values[inside], centres[inside] * 10)


def test_behaviour_without_a_clock_is_left_out_and_said(tmp_path):
    np.savez(tmp_path / "s.npz", spike_times=TRAINS[0], unit_ids=np.arange(50) % 2, x_cm=np.arange(99.0))
    with pytest.warns(UserWarning, match="left out, since nothing says when.*x_cm"):
        assert "x_cm" not in load(tmp_path / "s.npz", bin_size=0.5)
    with pytest.raises(InputError, match="nothing says when 'x_cm' was sampled"):
        load(tmp_path / "s.npz", bin_size=0.5, variables=["x_cm"])


# ---- files that are broken or hostile ----


class Payload:
    """What a pickle must never get to do."""

    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def object_npz(path):
    np.savez(path, activity=np.array([Payload()], dtype=object))


def bomb(path):
    """An .npy of zeros that unpacks to a thousand times its size."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (300, 2**20)})
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("activity.npy", "w") as stream,
    ):
        stream.write(header.getvalue())
        for _ in range(300):
            stream.write(bytes(2**20))


def lying_header(path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("activity.npy", header.getvalue() + bytes(80))


def huge_hdf5(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("activity", shape=(10**7, 1000), dtype="f8", chunks=(1000, 1000), compression="gzip")


def external_link(path):
    with h5py.File(path, "w") as file:
        file["activity"] = h5py.ExternalLink("/etc/passwd", "/secret")


def nested_external_link(path):
    with h5py.File(path, "w") as file:
        file.create_group("a/b")["activity"] = h5py.ExternalLink("other.h5", "/secret")


def external_storage(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("activity", (10, 2), "u1", external=[("/etc/passwd", 0, 20)])


def virtual(path):
    layout = h5py.VirtualLayout(shape=(10, 2), dtype="f8")
    layout[...] = h5py.VirtualSource("other.h5", "x", shape=(10, 2))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("activity", layout)


def circular_groups(path):
    with h5py.File(path, "w") as file:
        group = file.create_group("a")
        group["b"] = group


def truncated(write):
    def cut(path):
        write(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return cut


def content(data):
    return lambda path: path.write_bytes(data)


BROKEN = {
    "missing": ("x.npz", lambda path: None, "no such file"),
    "missing of unknown kind": ("x.xyz", lambda path: None, "no such file"),
    "unknown kind": ("x.xyz", content(b"abc"), "suffix '.xyz'; files that can be read end in .nc"),
    "a folder": ("x.npz", Path.mkdir, "not a file"),
    **{f"empty {s}": (f"x{s}", content(b""), "empty") for names, _ in READERS for s in names},
    **{
        f"noise {s}": (f"x{s}", content(b"\x93\x00noise" * 99), "x\\.")
        for s in (".npz", ".npy", ".mat", ".h5", ".nwb", ".nc", ".csv")
    },
    **{
        f"half {s}": (f"x{s}", truncated(w), "cannot read|truncated|begin") for s, w in FORMATS.items() if "sv" not in s
    },
    "a pickle as npz": ("x.npz", content(pickle.dumps([1, 2])), "does not begin with"),
    "objects in npz": ("x.npz", object_npz, "pickled Python objects"),
    "zip bomb": ("x.npz", bomb, "claims 0.3 GiB"),
    "lying header": ("x.npz", lying_header, "claims shape"),
    "huge claim in HDF5": ("x.h5", huge_hdf5, "claims 74.5 GiB"),
    "external link": ("x.h5", external_link, "links to another file"),
    "external link in netCDF": ("x.nc", external_link, "links to another file"),
    "nested external link in mat": ("x.mat", nested_external_link, "links to another file"),
    "circular groups": ("x.h5", circular_groups, "has another name too"),
    "external storage": ("x.h5", external_storage, "in another file"),
    "virtual dataset": ("x.h5", virtual, "in another file"),
    "not UTF-8": ("x.csv", content("time,Größe\n1,2\n".encode("latin-1")), "not UTF-8"),
    "semicolons": ("x.csv", content(b"a;b\n1;2\n"), "semicolons"),
    "names only": ("x.csv", content(b"a,b\n"), "no rows"),
    "ragged table": ("x.csv", content(b"a,b\n1,2\n1,2,3\n1,2,3,4\n"), "cannot read"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_files_are_one_clear_error(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, make, message = BROKEN[case]
    make(tmp_path / name)
    with pytest.raises(FileFormatError, match=message):
        load(tmp_path / name, activity="activity" if "objects" in case else None)
    assert not Path("executed").exists()


@pytest.mark.parametrize("suffix", [".npz", "5.mat", "struct.mat", ".csv", "3.nc"])
def test_damaged_files_load_or_are_refused(suffix, tmp_path):
    """Bytes changed at random never crash a reader. (HDF5 is left out: damage can hang its own library.)"""
    path = tmp_path / f"r{suffix}"
    FORMATS[suffix](path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(100):
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), size=rng.integers(1, 20)):
            damaged[at] = rng.choice([0, 255, rng.integers(256)])
        path.write_bytes(damaged)
        with contextlib.suppress(FileFormatError, InputError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            to_arrays(load(path))


def test_hostile_names_are_only_names(tmp_path):
    names = {"<script>alert(1)</script>": COUNTS, "../../x": COUNTS}
    np.savez(tmp_path / "r.npz", **names)
    for name in names:
        assert load(tmp_path / "r.npz", activity=name)["activity"].shape == (N, D)
    assert list(tmp_path.iterdir()) == [tmp_path / "r.npz"]


# ---- real recordings ----


def test_mouse_head_direction():
    path = shared("hd_mouse28/hd_mouse28_wake.npz")
    with pytest.raises(InputError, match="which of 'adn_counts', 'pos_counts'"):
        load(path)
    ds = nm.load(path, activity="adn_counts")
    assert ds["activity"].shape == (49893, 17)
    assert ds["activity"].attrs == {"kind": "counts", "units": "spikes/bin", "name": "adn_counts"}
    assert ds.attrs["sampling_period"] == 0.025
    assert ds["head_direction_rad"].attrs == {"kind": "circular", "units": "rad", "period": 2 * np.pi}
    assert [ds[name].attrs["units"] for name in ("x_cm", "y_cm")] == ["cm", "cm"]


def test_mouse_spike_times():
    path = shared("hd_mouse28/spikes.Mouse28-140313.mat")
    ds = load(path, activity="ADn", bin_size=0.1)
    assert ds.sizes["unit"] == 17
    assert int(load(path, activity="Pos", bin_size=0.1)["activity"].sum()) > 10_000


def test_mouse_matlab_agrees_with_npz():
    mat = load(shared("hd_mouse28/boosted_tree.Mouse28-140313.mat"), activity="ADn", sampling_period=0.025)
    npz = load(shared("hd_mouse28/hd_mouse28_wake.npz"), activity="adn_counts")
    np.testing.assert_array_equal(mat["activity"], npz["activity"])
    np.testing.assert_allclose(to_arrays(mat, "Ang").y, to_arrays(npz, "head_direction_rad").y, atol=1e-4)


def test_calcium_on_a_track_keeps_trials():
    ds = load(shared("ca1_track/C6_M4_envB_session1.npz"))
    assert ds.sizes == {"time": 18272, "unit": 467}
    assert ds.attrs["sampling_period"] == 0.05
    assert list(np.unique(ds["interval"])) == [1, 2, 3, 4, 5]
    assert ds["velocity_cm_s"].attrs["units"] == "cm/s"


def test_fly_trials_need_a_choice():
    path = shared("fly_ring/trials/PEN1-EB_20160504_Fly4_1x_00001.npz")
    with pytest.raises(InputError, match="which of 'green', 'red'"):
        load(path)
    ds = load(path, activity="green")
    assert ds.attrs["condition"] == "1x"
    assert ds["heading_rad"].attrs["kind"] == "circular"
    assert ds["heading_unwrapped_rad"].attrs["kind"] == "linear"
    assert ds.attrs["sampling_period"] == pytest.approx(1 / 11.4, rel=0.01)


def test_grid_cell_with_behaviour_on_its_own_clock():
    ds = load(shared("grid_cells_krupic/r2405_191216c_cell1640.mat"), bin_size=0.1)
    assert ds["activity"].shape[1] == 1
    assert int(ds["activity"].sum()) == 1005
    assert float(ds["time"].max()) == pytest.approx(1800, abs=2)
    assert ds["dir"].attrs["units"] == "deg"
    assert np.isfinite(ds["xy_0"]).mean() > 0.5


@pytest.mark.parametrize(
    ("name", "shape", "variable"),
    [
        ("torus3_synthetic_dreimac/torus3_synthetic.npz", (2500, 18), "angles_rad_2"),
        ("coil20/coil20_objects1-10.npz", (720, 1024), "angle_deg"),
    ],
)
def test_other_shared_recordings(name, shape, variable):
    ds = load(shared(name))
    assert ds["activity"].shape == shape
    assert ds[variable].attrs["kind"] == "circular"


def test_own_files_are_silent(tmp_path):
    write_netcdf(tmp_path / "r.nc", load(dataset()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(tmp_path / "r.nc")

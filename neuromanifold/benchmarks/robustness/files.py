"""Files: a small sound one of every format, and what becomes of any file: missing, empty, cut, bent, misnamed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import xarray as xr
from scipy.io import savemat

from neuromanifold.benchmarks.robustness.given import Fault, Given
from neuromanifold.storage import write_netcdf

__all__ = ["ANY_FILES", "COUNTS", "DAMAGED", "LARGE", "MISSING", "N_TIMES", "SOUND", "Write", "content", "file_fault"]

Write = Callable[[Path], object]
N_TIMES, N_UNITS = 40, 3
COUNTS = np.random.default_rng(0).poisson(2, (N_TIMES, N_UNITS))
MISSING, EMPTY = "no such file", "empty"
DAMAGED = "cannot read|truncated|damaged|begin|signature|not a|not an|claims|no images|announced|incomplete"
LARGE = "claims|refused|truncated|damaged|bytes"


def file_fault(name: str, filename: str, write: Write, says: str, touches: str = "path") -> Fault:
    def spoil(given: Given) -> Given:
        path = given.folder / filename
        write(path)
        return replace(given, path=path)

    return Fault(f"{filename}: {name}", touches, spoil, says)


# ---- sound files, to be cut and bent ----


def npz(path: Path) -> None:
    """A recording as an npz file."""
    with path.open("wb") as stream:  # of a path, numpy would add a suffix
        np.savez_compressed(stream, activity=COUNTS, trial=np.repeat([1, 2], N_TIMES // 2), bin_s=0.05)


def npy(path: Path) -> None:
    """Activity alone."""
    np.save(path, COUNTS)


def mat(path: Path) -> None:
    """MATLAB 5."""
    savemat(path, {"activity": COUNTS, "dt": 0.05}, do_compression=True)


def hdf5(path: Path) -> None:
    """Plain HDF5."""
    with h5py.File(path, "w") as file:
        file["activity"], file["dt"] = COUNTS, 0.05


def netcdf(path: Path) -> None:
    """netCDF-4."""
    write_netcdf(path, xr.Dataset({"activity": (("time", "unit"), COUNTS)}, attrs={"sampling_period": 0.05}))


def netcdf3(path: Path) -> None:
    """netCDF-3."""
    dataset = xr.Dataset({"activity": (("time", "unit"), COUNTS)}, attrs={"sampling_period": 0.05})
    dataset.to_netcdf(path, engine="scipy", format="NETCDF3_64BIT")


def nwb(path: Path) -> None:
    """A NWB file of three units."""
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"] = "2.6.0"
        units = file.create_group("units")
        units.attrs["neurodata_type"] = "Units"
        units["id"], units["spike_times"] = np.arange(3), np.linspace(0, 9, 30)
        units["spike_times_index"] = np.array([10, 20, 30])


def csv(path: Path) -> None:
    """A table."""
    np.savetxt(path, COUNTS, delimiter=",", fmt="%d", header="cell_0,cell_1,cell_2", comments="")


SOUND: dict[str, Write] = {
    "x.npz": npz, "x.npy": npy, "x.mat": mat, "x.h5": hdf5, "x.nc": netcdf, "x3.nc": netcdf3, "x.nwb": nwb,
    "x.csv": csv,
}  # fmt: skip
BINARY = [name for name in SOUND if name != "x.csv"]


def content(data: bytes) -> Write:
    return lambda path: path.write_bytes(data)


def _cut(write: Write, share: float) -> Write:
    def cut(path: Path) -> None:
        write(path)
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])

    return cut


def _link(target: str) -> Write:
    return lambda path: path.symlink_to(target)


ANY_FILES = (
    *(file_fault("missing", name, lambda path: None, MISSING) for name in SOUND),
    *(file_fault("a folder", name, lambda path: path.mkdir(), "not a") for name in SOUND),
    *(file_fault("zero bytes", name, content(b""), EMPTY) for name in SOUND),
    *(file_fault("noise", name, content(b"\x93\x00noise\xff" * 99), f"{DAMAGED}|UTF-8") for name in SOUND),
    *(file_fault("half", name, _cut(SOUND[name], 0.5), DAMAGED) for name in BINARY),
    *(file_fault("a tenth", name, _cut(SOUND[name], 0.1), DAMAGED) for name in BINARY),
    *(file_fault("a link to itself", name, _link(name), f"{MISSING}|cannot read") for name in SOUND),
    *(file_fault("a link to a device", name, _link("/dev/zero"), "not a file") for name in SOUND),
    *(file_fault("a link to nothing", name, _link("/nowhere/at/all"), MISSING) for name in SOUND),
    *(file_fault("a pickle", name, content(b"\x80\x04K\x01."), f"{DAMAGED}|UTF-8") for name in SOUND),
    file_fault("of no kind", "x", npz, "suffix"),
    file_fault("of another kind", "x.exe", npz, "suffix"),
    file_fault("npz called csv", "y.csv", npz, "UTF-8|cannot read"),
    file_fault("csv called npz", "y.npz", csv, DAMAGED),
    file_fault("NUL in the name", "x\0.npz", lambda path: None, f"{MISSING}|null byte"),
    file_fault("a name longer than allowed", "x" * 300 + ".npz", lambda path: None, f"{MISSING}|cannot read"),
)

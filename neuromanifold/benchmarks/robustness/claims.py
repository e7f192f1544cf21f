"""Claims: files that say they hold far more than is in them, or unpack to far more; none may take the memory."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neuromanifold.benchmarks.robustness.files import DAMAGED, LARGE, N_TIMES, SOUND, Write, content, file_fault

__all__ = ["CLAIMS", "npy_header"]

HUGE = (10**9, 10)


def npy_header(shape: tuple[int, ...], descr: str = "<f8") -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
    return header.getvalue()


def _zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Write:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, data in members:
                archive.writestr(name, data)

    return write


@cache
def _zip_bomb() -> bytes:
    """An array of zeros that unpacks to a thousand times its size."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("activity.npy", "w") as stream:
        stream.write(npy_header((260, 2**20), "|u1"))
        for _ in range(260):
            stream.write(bytes(2**20))
    return packed.getvalue()


def _bomb(path: Path) -> None:
    path.write_bytes(_zip_bomb())


def _claimed(**arguments: Any) -> Write:
    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file.attrs["nwb_version"] = "2.6.0"
            file.create_dataset("activity", dtype="f8", **arguments)

    return write


def _element(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def _mat_claim(path: Path) -> None:
    flags, dims = _element(6, struct.pack("<II", 6, 0)), _element(5, struct.pack("<ii", 10**9, 10))
    matrix = flags + dims + _element(1, b"activity") + _element(9, bytes(80))
    path.write_bytes(b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + _element(14, matrix))


def _nc3_claim(path: Path) -> None:
    SOUND["x3.nc"](path)
    path.write_bytes(path.read_bytes().replace(struct.pack(">i", N_TIMES), struct.pack(">i", 10**9)))


@cache
def _packed_zeros() -> bytes:
    return zlib.compress(_element(14, bytes(2**28 + 2**20)))


def _mat_bomb(path: Path) -> None:
    """A compressed variable of zeros."""
    packed = _packed_zeros()
    path.write_bytes(b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + struct.pack("<II", 15, len(packed)) + packed)


def _zarr_claim(path: Path) -> None:
    """A store of 80 GB whose chunks are all missing, hence filled."""
    path.mkdir()
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    array = {
        "zarr_format": 2, "shape": list(HUGE), "chunks": [10**5, 10], "dtype": "<f8", "compressor": None,
        "fill_value": 0, "order": "C", "filters": None,
    }  # fmt: skip
    (path / "activity").mkdir()
    (path / "activity" / ".zarray").write_text(json.dumps(array))
    (path / "activity" / ".zattrs").write_text('{"_ARRAY_DIMENSIONS": ["time", "unit"]}')


def _idx(n_images: int, n_stored: int, packed: bool) -> Write:
    def write(path: Path) -> None:
        data = struct.pack(">HBBIII", 0, 8, 3, n_images, 28, 28) + bytes(n_stored)
        path.write_bytes(gzip.compress(data, compresslevel=5) if packed else data)
        labels = struct.pack(">HBBI", 0, 8, 1, n_images) + bytes(n_stored // 784)
        path.with_name(path.name.replace("images-idx3", "labels-idx1")).write_bytes(labels)

    return write


IMAGES = "x-images-idx3-ubyte"

CLAIMS = (
    file_fault("claims 80 GB", "x.npy", content(npy_header(HUGE) + bytes(80)), LARGE),
    file_fault("claims 80 GB", "x.npz", _zipped(("activity.npy", npy_header(HUGE) + bytes(80))), LARGE),
    file_fault("a negative shape", "x.npy", content(npy_header((-5, 10)) + bytes(80)), LARGE),
    file_fault("more than integers hold", "x.npy", content(npy_header((2**62, 2**62)) + bytes(80)), LARGE),
    file_fault("a zip bomb", "x.npz", _bomb, LARGE),
    file_fault("claims 80 GB", "x.h5", _claimed(shape=HUGE, chunks=(10**5, 10), compression="gzip"), LARGE),
    file_fault("claims 80 GB, nothing stored", "x.h5", _claimed(shape=HUGE, chunks=(10**5, 10)), LARGE),
    file_fault("claims 80 GB", "x.nc", _claimed(shape=HUGE, chunks=(10**5, 10)), LARGE),
    file_fault("claims 80 GB", "x.nwb", _claimed(shape=HUGE, chunks=(10**5, 10)), LARGE),
    file_fault("claims 80 GB", "x.mat", _mat_claim, LARGE),
    file_fault("claims 24 GB", "x3.nc", _nc3_claim, f"{DAMAGED}|{LARGE}"),
    file_fault("a zip bomb", "x.mat", _mat_bomb, LARGE),
    file_fault("claims 80 GB, nothing stored", "x.zarr", _zarr_claim, LARGE),
    file_fault("claims 3 TB", IMAGES, _idx(2**32 - 1, 784, False), LARGE, "image file"),
    file_fault("a gzip bomb", f"{IMAGES}.gz", _idx(345_000, 345_000 * 784, True), LARGE, "image file"),
    file_fault("a zip bomb", "images.npz", _bomb, LARGE, "image file"),
    file_fault("a zip bomb", "model.npz", _bomb, LARGE, "model file"),
    file_fault("claims 80 GB", "model.npz", _zipped(("__header__.npy", npy_header(HUGE))), LARGE, "model file"),
    file_fault("a zip bomb", "result.nc", _claimed(shape=HUGE, chunks=(10**5, 10)), LARGE, "result file"),
)

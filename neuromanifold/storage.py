"""Files that are whole or absent: atomic writes, checked reads, and the stamp that says what made a result.

A file is written beside its destination under a temporary name and moved into place by one ``os.replace``; a run
that is interrupted leaves the old file, or none, never half of a new one. What a killed run left under a temporary name
goes when that file is next written, a day later.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from neuromanifold._errors import FileFormatError, InputError
from neuromanifold._settings import check_name, check_path
from neuromanifold._untrusted import npz_members, readable, refuse_outside_links

__all__ = [
    "atomic_folder",
    "atomic_path",
    "existing_file",
    "made_folder",
    "netcdf_room",
    "read_arrays",
    "read_netcdf",
    "try_room",
    "write_arrays",
    "write_json",
    "write_netcdf",
    "write_text",
    "write_zarr",
]

ZIP_MAGIC = b"PK\x03\x04"
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
# Bytes that HDF5 writes about a variable or a group, generously.
HDF5_SPARE = 16_384


# The disk, or what this user may have of it, is full.
FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
PART = ".part"
# Seconds after which no run can still be writing a file.
STALE = 86_400


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path``; on a clean exit it replaces ``path``, else it is removed.

    Raises
    ------
    FileFormatError
        If the folder cannot be made or written to, or the disk is full.
    """
    target = _checked(path)
    with _writing(target):
        made_folder(target.parent)
        _sweep(target)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=PART, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    # mkstemp makes the file private; a result gets the permissions any new file of this user would have.
    temporary.chmod(0o666 & ~_mask())
    try:
        with _writing(target, only=FULL):
            yield temporary
            os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _writing(target: Path, only: set[int] | None = None) -> Iterator[None]:
    """Tell a fault of the system, or only those numbers of it, in words."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileFormatError) or (only is not None and error.errno not in only):
            raise
        remedy = "free some room, or choose another disk" if error.errno in FULL else "choose a folder you can write to"
        raise FileFormatError(f"cannot write {target}: {_reason(error)}; {remedy}") from error


def made_folder(path: str | os.PathLike[str]) -> Path:
    """The folder, made with those above it where it is not there.

    Raises
    ------
    FileFormatError
        If it cannot be made.
    """
    folder = _checked(path)
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _checked(path: str | os.PathLike[str]) -> Path:
    check_path("path", path)
    return Path(path)


def _reason(error: OSError) -> str:
    # HDF5's own errors have no text of the system, but half a page of theirs.
    return os.strerror(error.errno) if error.errno else str(error)


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sweep(target: Path) -> None:
    """Remove what runs that were killed long ago left of a file or folder."""
    with os.scandir(target.parent) as entries:
        left = [e for e in entries if e.name.startswith(f".{target.name}.") and e.name.endswith(PART)]
    for entry in left:
        if time.time() - entry.stat().st_mtime > STALE:
            shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write a mapping as indented JSON, atomically."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_netcdf(path: str | os.PathLike[str], content: xr.Dataset | Mapping[str, xr.Dataset]) -> None:
    """Write a Dataset, or several as groups ("/" is the root), as compressed netCDF4 (h5netcdf), atomically."""
    groups = {"/": content} if isinstance(content, xr.Dataset) else dict(content)
    encoding = {("/" + name).replace("//", "/"): _compression(dataset) for name, dataset in groups.items()}
    with atomic_path(path) as temporary:
        try_room(temporary, netcdf_room(groups.values()))
        xr.DataTree.from_dict(groups).to_netcdf(temporary, engine="h5netcdf", encoding=encoding)


def netcdf_room(datasets: Iterable[xr.Dataset]) -> int:
    """Bytes, and more, that Datasets take in a file of HDF5."""
    return sum(dataset.nbytes + HDF5_SPARE * (1 + len(dataset.variables)) for dataset in datasets)


def try_room(path: Path, n_bytes: int) -> None:
    """See that a file of that size can be written, and leave it empty.

    HDF5 ends the whole process by a segmentation fault where it closes a file that it could not extend.
    """
    block = bytes(min(n_bytes, 1 << 20))
    with path.open("wb") as stream:
        for start in range(0, n_bytes, len(block)):
            stream.write(block[: n_bytes - start])
        stream.flush()
        os.fsync(stream.fileno())
        stream.truncate(0)


def read_netcdf(path: str | os.PathLike[str], group: str) -> xr.Dataset:
    """A group of a file of :func:`write_netcdf`, in memory.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged or of another format, or has no such group.
    """
    check_name("group", group)
    target = existing_file(path, magic=HDF5_MAGIC)
    refuse_outside_links(target)
    try:
        with xr.open_dataset(target, group=group, engine="h5netcdf") as dataset:
            return dataset.load()
    except (OSError, ValueError, KeyError) as error:
        raise FileFormatError(
            f"{target} has no group {group!r} that can be read: it is damaged, or not of neuromanifold ({error})"
        ) from error


def write_zarr(path: str | os.PathLike[str], content: xr.Dataset | Mapping[str, xr.Dataset]) -> None:
    """Write a Dataset, or several as groups ("/" is the root), as a zarr store, atomically.

    Raises
    ------
    FileFormatError
        If the folder cannot be written to, or what is there is no zarr store.
    InputError
        If zarr is not installed.
    """
    try:
        import zarr  # noqa: F401
    except ImportError as error:
        raise InputError("writing .zarr needs zarr: pip install 'neuromanifold[zarr]'") from error
    groups = {"/": content} if isinstance(content, xr.Dataset) else dict(content)
    with atomic_folder(path) as temporary:
        # Format 3 has no settled form for texts yet; every zarr reads 2.
        xr.DataTree.from_dict(groups).to_zarr(temporary, consolidated=False, zarr_format=2)


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``; on a clean exit it takes its place, else it is removed.

    Raises
    ------
    FileFormatError
        If the folder above cannot be written to, or ``path`` is there and is no zarr store.
    """
    target = _checked(path)
    if target.exists() and not any((target / name).is_file() for name in ("zarr.json", ".zgroup")):
        raise FileFormatError(f"{target} is there already and is no zarr store: choose another name")
    with _writing(target):
        made_folder(target.parent)
        _sweep(target)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=PART, dir=target.parent))
    temporary.chmod(0o777 & ~_mask())
    old = temporary.with_suffix(".old")
    try:
        with _writing(target, only=FULL):
            yield temporary
            # A folder cannot replace one that is not empty: the old one steps aside first.
            if target.exists():
                os.replace(target, old)
            os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _compression(dataset: xr.Dataset) -> dict[str, dict[str, Any]]:
    return {
        str(name): {"zlib": True, "complevel": 4}
        for name, variable in dataset.variables.items()
        if variable.dtype.kind in "fiub" and variable.ndim > 0
    }


def existing_file(path: str | os.PathLike[str], magic: bytes | None = None) -> Path:
    """The path of a file that is there, readable, not empty and (if ``magic`` is given) begins with those bytes.

    Raises
    ------
    FileFormatError
        Naming the file and what is wrong with it.
    """
    target = _checked(path)
    try:
        if not target.exists():
            raise FileFormatError(f"no such file: {target}")
        if not target.is_file():
            what = "a folder" if target.is_dir() else "a device or a pipe"
            raise FileFormatError(f"{target} is {what}, not a file: give the path of a file")
        with target.open("rb") as stream:
            head = stream.read(max(len(magic or b""), 1))
    except FileFormatError:
        raise
    except OSError as error:
        raise FileFormatError(f"cannot read {target}: {error.strerror or error}") from error
    if not head:
        raise FileFormatError(f"{target} is empty (0 bytes)")
    if magic is not None and head != magic:
        raise FileFormatError(
            f"{target} does not begin with {magic!r} but with {head!r}: it is truncated or of another format"
        )
    return target


def write_arrays(
    path: str | os.PathLike[str], header: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Write a JSON header and named arrays as one npz file, atomically; nothing in it is pickled."""
    text = np.array(json.dumps(header, sort_keys=True, allow_nan=False))
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, values in {"__header__": text, **arrays}.items():
            # By hand: np.savez of numpy before 2.1 takes allow_pickle=False for an array to be written.
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(values), allow_pickle=False)


def read_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Read a file of :func:`write_arrays`: its header and its arrays.

    Raises
    ------
    FileFormatError
        If the file is missing, truncated, or not of this kind.
    """
    target = existing_file(path, magic=ZIP_MAGIC)
    with readable(target, "npz"), zipfile.ZipFile(target) as archive:
        npz_members(archive)
    try:
        # numpy leaves a file open that it has opened itself and cannot read.
        with target.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        header = json.loads(str(arrays.pop("__header__")))
    except (OSError, ValueError, KeyError, RecursionError) as error:
        raise FileFormatError(f"{target} is damaged or was not written by neuromanifold: {error}") from error
    if not isinstance(header, dict):
        raise FileFormatError(f"{target} is damaged or was not written by neuromanifold: its header is no mapping")
    return header, arrays

"""Files of strangers: what they may claim, and where they may lead, checked before anything is read from them.

Sizes are compared with what is stored, so that neither a header that lies nor a bomb takes the memory; links, storage
and virtual datasets of HDF5 stay inside the file; numpy's object arrays, which are pickles, are never loaded.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import h5py
import numpy as np

from neuromanifold._errors import FileFormatError, InputError

__all__ = [
    "Malformed",
    "Member",
    "guard_expansion",
    "is_hdf5",
    "npy_header",
    "npz_members",
    "readable",
    "refuse_outside_links",
]

# A compressed entry may unpack to this many bytes freely, and to more only while it grows less than this many
# times: spike counts, mostly zeros, compress by less than 100, a zip bomb by 1000.
_FREE_BYTES = 2**28
_MAX_EXPANSION = 200
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_USER_BLOCKS = (0, 512, 1024, 2048)
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class Malformed(ValueError):
    """What a reader finds wrong with a file; :func:`readable` adds which file it is."""


class Member(NamedTuple):
    """An array of an npz archive: its name, shape and type by its header."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@contextmanager
def readable(path: str | os.PathLike[str], format_name: str) -> Iterator[None]:
    """Turn whatever a parser raises on a broken file into one FileFormatError that names the file."""
    try:
        yield
    except Malformed as error:
        raise FileFormatError(f"{path}: {error}") from error
    except (FileFormatError, InputError):
        raise
    # Parsers of four libraries meet arbitrary bytes here and raise a dozen types of error.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"[:300]
        raise FileFormatError(
            f"cannot read {path} as {format_name}: it is truncated, damaged or of another format ({reason})"
        ) from error


def guard_expansion(what: str, declared: int, stored: int) -> None:
    """Refuse an entry that claims to unpack to far more than is stored: a bomb, or a header that lies.

    Raises
    ------
    Malformed
    """
    if declared > _FREE_BYTES and declared > _MAX_EXPANSION * max(stored, 1):
        raise Malformed(
            f"{what} claims {declared / 2**30:.1f} GiB from {stored} stored bytes: refused. If you trust it, "
            "unpack it yourself and save it uncompressed"
        )


def npy_header(stream: BinaryIO | Any, name: str) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape and type that the header of an array states, and the bytes that header and values then take.

    Raises
    ------
    Malformed
        If the format has a version that is not known.
    """
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise Malformed(f"{name!r} has .npy version {version}; known are 1.0 and 2.0")
    shape, _, dtype = _HEADERS[version](stream)
    return tuple(shape), dtype, stream.tell() + int(np.prod(shape, dtype=object)) * dtype.itemsize


def npz_members(archive: zipfile.ZipFile) -> list[Member]:
    """Arrays of an npz archive, each of the size that its header states; those of objects are for the caller to refuse.

    Raises
    ------
    Malformed
        If a size is not credible, or two arrays have one name.
    """
    infos = [info for info in archive.infolist() if info.filename.endswith(".npy")]
    members = [_member(archive, info) for info in infos]
    names = [member.name for member in members]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Malformed(f"it holds more than one array called {twice!r}: refused, as it is not clear which is meant")
    return members


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    name = info.filename.removesuffix(".npy")
    guard_expansion(repr(name), info.file_size, info.compress_size)
    with archive.open(info) as stream:
        shape, dtype, expected = npy_header(stream, name)
    if expected != info.file_size and not dtype.hasobject:
        raise Malformed(f"{name!r} claims shape {shape} of {dtype}, {expected} bytes, and holds {info.file_size}: cut?")
    return Member(name, shape, dtype)


def is_hdf5(path: Path) -> bool:
    """Whether the HDF5 signature is where the format puts it: at 0, or after a user block."""
    with path.open("rb") as stream:
        for offset in _USER_BLOCKS:
            stream.seek(offset)
            if stream.read(len(_SIGNATURE)) == _SIGNATURE:
                return True
    return False


def refuse_outside_links(path: Path) -> None:
    """Refuse a file whose links, storage or virtual datasets lead to other files, or whose sizes are not
    credible.

    Raises
    ------
    FileFormatError
    """
    with readable(path, "HDF5"), h5py.File(path, "r") as file:
        for where, link in _links(file["/"]):
            if isinstance(link, h5py.ExternalLink):
                raise Malformed(f"{where!r} links to another file ({link.filename}): refused")
            item = file[where] if isinstance(link, h5py.HardLink) else None
            if isinstance(item, h5py.Dataset):
                _refuse_dataset(where, item)


def _refuse_dataset(where: str, item: h5py.Dataset) -> None:
    if item.external or item.is_virtual:
        raise Malformed(f"{where!r} keeps its values in another file: refused")
    # A chunk is unpacked whole, however little of it the shape needs.
    claimed = max(item.size or 0, math.prod(item.chunks or (0,))) * item.dtype.itemsize
    guard_expansion(repr(where), claimed, item.id.get_storage_size())


def _links(group: h5py.Group, prefix: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """Path and link of everything below a group; a group under two names would make the walk endless."""
    seen = set() if seen is None else seen
    address = h5py.h5o.get_info(group.id).addr
    if address in seen:
        raise Malformed(f"{prefix or '/'!r} is a group that has another name too: refused")
    seen.add(address)
    for name in group:
        where, link = f"{prefix}/{name}", group.get(name, getlink=True)
        yield where, link
        if isinstance(link, h5py.HardLink) and group.get(name, getclass=True) is h5py.Group:
            yield from _links(group[name], where, seen)

"""Zarr stores (.zarr folders): opened by xarray, once their metadata are known to be harmless.

Zarr 2 lets an array name any codec, and one of them, ``pickle``, runs code when a chunk is read. So the metadata are
read as JSON first: arrays of objects, the pickle codec, and links that lead out of the folder are refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from neuromanifold._errors import FileFormatError, InputError
from neuromanifold._untrusted import Malformed, guard_expansion, readable
from neuromanifold.data.readers.streaming import Chunks, streamed

__all__ = ["is_zarr", "open_zarr"]

_METADATA = (".zarray", ".zgroup", ".zmetadata", "zarr.json")
_OBJECT_CODECS = ("pickle", "msgpack2", "json2")


def is_zarr(folder: Path) -> bool:
    """Whether a folder is a zarr group."""
    return any((folder / name).is_file() for name in (".zgroup", "zarr.json"))


def open_zarr(folder: Path, chunks: Chunks = "auto") -> xr.Dataset:
    """The Dataset of a zarr store; values are read when they are used, units of time are left as they are.

    Raises
    ------
    FileFormatError
        If it is no zarr group, damaged, holds pickled objects, or refers to files outside of it.
    InputError
        If zarr is not installed.
    """
    if not is_zarr(folder):
        raise FileFormatError(f"{folder} is not a zarr group: it has neither zarr.json nor .zgroup")
    with readable(folder, "zarr"):
        _refuse_outside_links(folder)
        for path in _metadata(folder):
            content = json.loads(path.read_text(encoding="utf-8"))
            _refuse_objects(path, content)
            _refuse_claims(path.parent, content)
        try:
            import zarr  # noqa: F401
        except ImportError as error:
            raise InputError("reading .zarr needs zarr: pip install 'neuromanifold[zarr]'") from error
        return streamed(xr.open_zarr(folder, chunks=None, decode_times=False, consolidated=False), chunks)


def _metadata(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.name in _METADATA and path.is_file():
            yield path


def _refuse_outside_links(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            raise Malformed(f"{path.relative_to(folder)} is a link that leads out of the store: refused")


def _refuse_claims(folder: Path, content: Any) -> None:
    """Refuse an array that claims far more than its chunks hold; one that is missing would be filled."""
    if not isinstance(content, dict) or "shape" not in content:
        return
    grid = content.get("chunk_grid", {}).get("configuration", {}).get("chunk_shape", ())
    sizes = (content["shape"], content.get("chunks", grid))
    declared = max(math.prod(int(n) for n in shape) for shape in sizes) * _item_bytes(content)
    stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    guard_expansion(repr(folder.name), declared, stored)


def _item_bytes(content: Any) -> int:
    """Bytes of a value, 8 of a type that numpy does not know."""
    try:
        return np.dtype(content.get("dtype", content.get("data_type"))).itemsize or 8
    except TypeError:
        return 8


def _refuse_objects(path: Path, content: Any) -> None:
    """Walk the metadata for codecs that unpickle."""
    if isinstance(content, list):
        for item in content:
            _refuse_objects(path, item)
    elif isinstance(content, dict):
        codec = str(content.get("id", content.get("name", "")))
        if codec.removeprefix("numcodecs.") in _OBJECT_CODECS:
            raise Malformed(f"{path.parent.name!r} holds objects by the codec {codec!r}, which are never loaded")
        for item in content.values():
            _refuse_objects(path, item)

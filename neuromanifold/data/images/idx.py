"""IDX files, the format of MNIST: ``00 00 08 n``, n sizes as big-endian 32-bit numbers, then bytes; gzipped or not."""

from __future__ import annotations

import gzip
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from neuromanifold._untrusted import Malformed, guard_expansion, readable
from neuromanifold.storage import existing_file

__all__ = ["is_idx", "read_idx"]

_GZIP = b"\x1f\x8b"
_BYTES = 0x08


def is_idx(path: Path) -> bool:
    """Whether the name is one that IDX files have, as ``train-images-idx3-ubyte.gz``."""
    return path.name.removesuffix(".gz").endswith("-ubyte")


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """The array of a file of unsigned bytes.

    Raises
    ------
    FileFormatError
        If it is missing, of another format, longer or shorter than its header says, or claims to unpack to far more
        than is stored.
    """
    existing_file(path)
    with readable(path, "IDX"), _opened(path) as stream:
        shape = _shape(stream)
        n_bytes = math.prod(shape)
        guard_expansion("its header", n_bytes, path.stat().st_size)
        content = stream.read(n_bytes)
        if len(content) < n_bytes or stream.read(1):
            held = "fewer" if len(content) < n_bytes else "more"
            raise Malformed(f"its header says {shape}, {n_bytes} bytes, and it holds {held}")
        return np.frombuffer(content, np.uint8).reshape(shape)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as plain:
        zipped = plain.read(2) == _GZIP
        plain.seek(0)
        if not zipped:
            yield plain
            return
        with gzip.open(plain) as unzipped:
            yield unzipped  # type: ignore[misc]  # GzipFile reads as a binary stream does


def _shape(stream: BinaryIO) -> tuple[int, ...]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise Malformed(f"it begins with {magic!r}, and an IDX file with two zero bytes: damaged?")
    kind, n_dims = magic[2], magic[3]
    if kind != _BYTES or n_dims not in (1, 3):
        raise Malformed(
            f"it holds type {kind:#04x} in {n_dims} dimensions; known are unsigned bytes (0x08), of labels in 1 or "
            "images in 3 dimensions"
        )
    sizes = stream.read(4 * n_dims)
    if len(sizes) < 4 * n_dims:
        raise Malformed("it ends inside its header")
    return struct.unpack(f">{n_dims}I", sizes)

"""CIFAR-10 in its binary version: records of a label and 3 × 32 × 32 bytes (channel, row, column).

The "python version" is pickles, which can run code when opened and are never read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from neuromanifold._errors import FileFormatError
from neuromanifold._untrusted import Malformed, readable
from neuromanifold.storage import existing_file

__all__ = ["CLASSES", "is_pickled", "pickles_error", "read_cifar"]

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_SHAPE = (3, 32, 32)
_RECORD = 1 + 3 * 32 * 32


def read_cifar(path: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Images (n, 32, 32, 3) and labels (n,) of one ``.bin`` file.

    Raises
    ------
    FileFormatError
        If it is missing, not a whole number of records, or has labels above 9 (CIFAR-100 has; its records
        are longer).
    """
    existing_file(path)
    with readable(path, "CIFAR-10 binary"):
        size = path.stat().st_size
        if size % _RECORD:
            raise Malformed(
                f"{size} bytes are not a whole number of CIFAR-10 records of {_RECORD}: it is truncated or of "
                "another format"
            )
        records = np.fromfile(path, np.uint8).reshape(-1, _RECORD)
        if records[:, 0].max() >= len(CLASSES):
            raise Malformed(f"a label is {records[:, 0].max()}, and CIFAR-10 has 0 to 9")
        return records[:, 1:].reshape(-1, *_SHAPE).transpose(0, 2, 3, 1), records[:, 0]


def is_pickled(path: Path) -> bool:
    """Whether the name is one that files of the python version have."""
    return path.name in {"test_batch", "batches.meta", *(f"data_batch_{i}" for i in range(1, 6))}


def pickles_error(path: Path) -> FileFormatError:
    """The error for the python version, with what to do instead."""
    return FileFormatError(
        f"{path} is the python version of CIFAR-10: its files are pickles, which can run code when opened and are "
        'never read. Take the "binary version" (cifar-10-binary.tar.gz, unpacked: cifar-10-batches-bin), or save '
        "images and labels in one .npz file"
    )

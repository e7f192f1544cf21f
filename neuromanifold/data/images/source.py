"""Where images are found: a file, a folder of files, or a folder as torchvision lays it out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr
from sklearn.datasets import load_digits

from neuromanifold._errors import FileFormatError
from neuromanifold.data.images.cifar import CLASSES, is_pickled, pickles_error, read_cifar
from neuromanifold.data.images.dataset import dataset
from neuromanifold.data.images.idx import is_idx, read_idx
from neuromanifold.data.readers.npz import read_npz

__all__ = ["load"]

# Where torchvision and the archives put the files of a data set below its root.
_SUBFOLDERS = ("", "raw", "MNIST/raw", "cifar-10-batches-bin", "cifar-10-batches-py")
_KNOWN = ".npz with images and labels, IDX (train-images-idx3-ubyte, .gz or not) and CIFAR-10's binary version (.bin)"
_TRIPLES = (("images", "labels", None), ("x_train", "y_train", "train"), ("x_test", "y_test", "test"))


class _Part(NamedTuple):
    images: npt.NDArray[Any]
    labels: npt.NDArray[Any]
    name: str
    classes: tuple[str, ...] = ()


def load(source: str | os.PathLike[str] | None = None) -> xr.Dataset:
    """Labelled images from a path.

    Parameters
    ----------
    source : path, optional
        A file or a folder: ``.npz`` with ``images`` and ``labels`` (or ``x_train``, ``y_train``, ``x_test``,
        ``y_test``), IDX files as MNIST has them, gzipped or not, CIFAR-10's binary version, or a folder that
        torchvision filled. By default scikit-learn's 1,797 digits of 8 × 8 pixels.

    Returns
    -------
    Dataset
        ``image`` (sample, row, column, channel) in [0, 1], ``label`` and ``part`` (sample); attrs ``source``
        and ``classes``.

    Raises
    ------
    FileFormatError
        If there is nothing to read, or a file is damaged or holds pickles (they are never read).
    """
    if source is None:
        digits = load_digits()
        return dataset(digits.images / 16.0, digits.target, "all", "scikit-learn's digits")
    path = Path(source)
    files = _files(path) if path.is_dir() else [path]
    parts = [part for file in files for part in _parts(file)]
    shapes = {part.images.shape[1:] for part in parts}
    if len(shapes) > 1:
        raise FileFormatError(f"{path} holds images of several shapes {sorted(shapes)}: name one file")
    return dataset(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.repeat([part.name for part in parts], [len(part.images) for part in parts]).tolist(),
        path.name,
        parts[0].classes,
    )


def _files(folder: Path) -> list[Path]:
    """Image files of the first of the known subfolders that has any."""
    for name in _SUBFOLDERS:
        here = sorted(p for p in (folder / name).glob("*") if p.is_file())
        found = [p for p in here if p.suffix in (".npz", ".bin") or (is_idx(p) and "images" in p.name)]
        if found:
            return found
        if any(is_pickled(p) for p in here):
            raise pickles_error(folder / name)
    raise FileFormatError(f"no images in {folder}; known are {_KNOWN}")


def _parts(path: Path) -> Iterator[_Part]:
    if path.suffix == ".npz":
        yield from _npz(path)
    elif path.suffix == ".bin":
        yield _Part(*read_cifar(path), _part_name(path), CLASSES)
    elif is_idx(path):
        yield _Part(read_idx(path), read_idx(_labels_beside(path)), _part_name(path))
    elif is_pickled(path):
        raise pickles_error(path)
    else:
        raise FileFormatError(f"{path} is not a kind of image file that is known: {_KNOWN}")


def _npz(path: Path) -> Iterator[_Part]:
    entries = {entry.name: entry for entry in read_npz(path)}
    found = [triple for triple in _TRIPLES if triple[0] in entries and triple[1] in entries]
    if not found:
        raise FileFormatError(f"{path} holds {', '.join(entries) or 'nothing'}; it should hold images and labels")
    for images, labels, name in found:
        yield _Part(entries[images].read(), entries[labels].read(), name or _part_name(path))


def _labels_beside(path: Path) -> Path:
    """The file of labels of a file of images: as it is named, gzipped or not."""
    name = path.name.replace("images-idx3", "labels-idx1").removesuffix(".gz")
    candidates = [path.with_name(name), path.with_name(f"{name}.gz")]
    for candidate in candidates:
        if candidate != path and candidate.exists():
            return candidate
    raise FileFormatError(f"{path} needs its labels beside it: {' or '.join(c.name for c in candidates)}")


def _part_name(path: Path) -> str:
    """The part that a file's name tells: MNIST calls its test images t10k."""
    name = path.name.lower()
    if "train" in name or "data_batch" in name:
        return "train"
    return "test" if "test" in name or "t10k" in name else "all"

"""The progress of long work in a file: stages that are finished are read from it, so that work can be killed and goes
on to the same numbers.

A file belongs to one piece of work, by a digest of its data, its settings and the versions that compute it; it is
written whole after every stage, holds no pickle, and goes when the work is done.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from neuromanifold import __version__
from neuromanifold._errors import FileFormatError, InputError
from neuromanifold._settings import check_path
from neuromanifold.storage import read_arrays, write_arrays

__all__ = ["InBlocks", "Progress", "Slot", "State", "checkpoints", "progress_of", "work_key"]

T = TypeVar("T")
State = tuple[Mapping[str, Any], Mapping[str, Tensor]]
KIND = "neuromanifold.progress"


@runtime_checkable
class InBlocks(Protocol):
    """Data that are read a block at a time."""

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""
        ...

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """Rows and values of each block."""
        ...


Data: TypeAlias = Tensor | npt.NDArray[Any] | InBlocks | None


class Progress:
    """Finished stages by name; without a path nothing is kept.

    Parameters
    ----------
    path : path or None
    key : str
        Of the work.
    stays : bool
        The file stays when the work is done, for the larger work that it is part of.

    Raises
    ------
    InputError
        If the file is of other work, or no such file.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, key: str = "", *, stays: bool = False) -> None:
        self._path = None if path is None else Path(path)
        self._key = key
        self._stays = stays
        self._stages: dict[str, State] = {}
        if self._path is not None and self._path.exists():
            self._stages = _read(self._path, key)

    def stage(self, name: str, compute: Callable[[], T], write: Callable[[T], State], read: Callable[[State], T]) -> T:
        """The result of a stage: read if it was finished, else computed and kept."""
        if self._path is None:
            return compute()
        if name not in self._stages:
            self.keep(name, *write(compute()))
        return read(self._stages[name])

    def slot(self, name: str) -> Slot | None:
        """The place of a stage that keeps its own states, such as a training."""
        return None if self._path is None else Slot(self, name)

    def found(self, name: str) -> State | None:
        """The state of a stage; None where there is none."""
        return self._stages.get(name)

    def keep(self, name: str, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Keep the state of a stage, and write the file."""
        if self._path is None:
            return
        # A copy: what is trained goes on changing.
        self._stages[name] = dict(values), {part: tensor.detach().cpu().clone() for part, tensor in tensors.items()}
        header = {stage: values for stage, (values, _) in self._stages.items()}
        arrays = {
            f"{stage}|{part}": tensor.numpy()
            for stage, (_, tensors) in self._stages.items()
            for part, tensor in tensors.items()
        }
        write_arrays(self._path, {"kind": KIND, "key": self._key, "stages": header}, arrays)

    def finish(self) -> None:
        """The work is done: the file goes."""
        if self._path is not None and not self._stays:
            self._path.unlink(missing_ok=True)


class Slot:
    """A stage's own place in a :class:`Progress`."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress, self._name = progress, name

    def read(self) -> State | None:
        """What was written last; None where nothing was."""
        return self._progress.found(self._name)

    def write(self, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Keep a state in place of the last."""
        self._progress.keep(self._name, values, tensors)


class _Folder:
    """The folder of :func:`checkpoints`, and the files in it that this run has to do with."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: set[Path] = set()

    def progress(self, what: str, key: str) -> Progress:
        path = self._path / f"{what}-{key[:20]}.npz"
        self._files.add(path)
        try:
            return Progress(path, key, stays=True)
        except (FileFormatError, InputError):
            # Files that are ours are whole: this one was damaged later, and is worth no more than none.
            path.unlink()
            return Progress(path, key, stays=True)

    def clear(self) -> None:
        for path in self._files:
            path.unlink(missing_ok=True)
        # Another run may have files here.
        with suppress(OSError):
            self._path.rmdir()


_FOLDER: ContextVar[_Folder | None] = ContextVar("folder of checkpoints", default=None)


@contextmanager
def checkpoints(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Keep what is finished of the long work inside: killed and run again, it goes on to the same numbers.

    Shuffles of :class:`~neuromanifold.Topology`, stages of :class:`~neuromanifold.TopologicalVAE` and draws of
    :func:`~neuromanifold.curvature_profile` are read from the folder where an earlier run with the same data, settings
    and versions has finished them. They go when the work ends; an error, Ctrl-C or a kill leaves them. Only work with
    an int as ``random_state`` is the same work again, and only what runs in this process is kept, not in joblib's
    workers (a shuffle comes back from its worker, and is kept).

    Parameters
    ----------
    folder : path
        Made at need. Several runs may share it.

    Examples
    --------
    >>> with nm.checkpoints("results/.progress"):  # doctest: +SKIP
    ...     analysis = nm.analyze(recording, random_state=0)
    """
    check_path("folder", folder)
    store = _Folder(Path(folder))
    token = _FOLDER.set(store)
    try:
        yield
    finally:
        _FOLDER.reset(token)
    store.clear()


def progress_of(what: str, settings: Callable[[], Mapping[str, Any]], *values: Data) -> Progress:
    """The progress of a piece of work in the folder of :func:`checkpoints`; without one, nothing is kept.

    Parameters
    ----------
    what : str
        Name of the kind of work, for the file's name.
    settings : callable
        Gives plain values; called only where something is kept.
    *values : Tensor, array or None
        Data of the work.
    """
    folder = _FOLDER.get()
    return Progress() if folder is None else folder.progress(what, work_key(settings(), *values))


def work_key(settings: Mapping[str, Any], *values: Data) -> str:
    """Digest of the settings (plain values) and the data of some work, and of the versions that compute it."""
    versions = {"neuromanifold": __version__, "torch": torch.__version__, "numpy": np.__version__}
    digest = hashlib.sha256(json.dumps({**settings, "versions": versions}, sort_keys=True).encode())
    for value in values:
        if isinstance(value, InBlocks):
            digest.update(f"{value.shape}".encode())
            for _, block in value.blocks():
                digest.update(block.cpu().numpy().data)
            continue
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        digest.update(f"{array.shape} {array.dtype}".encode())
        is_plain = array.dtype.kind in "fiubc"
        digest.update(np.ascontiguousarray(array).data if is_plain else repr(array.tolist()).encode())
    return digest.hexdigest()


def _read(path: Path, key: str) -> dict[str, State]:
    header, arrays = read_arrays(path)
    if header.get("kind") != KIND or header.get("key") != key:
        raise InputError(
            f"{path} is not the checkpoint of this fit, but of one with other data, settings or versions: delete it to "
            "begin anew, or give another path"
        )
    stages: dict[str, State] = {stage: (values, {}) for stage, values in header["stages"].items()}
    for name, values in arrays.items():
        stage, part = name.split("|", 1)
        stages[stage] = stages[stage][0], {**stages[stage][1], part: torch.as_tensor(values)}
    return stages

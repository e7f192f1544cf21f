"""The progress of a fit in a file: stages that are finished are read from it, so that a fit can be killed and goes on.

A file belongs to one fit, by a digest of its data, its settings and the versions that compute it; it is written whole
after every stage, holds no pickle, and goes when the fit is done.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from neuromanifold import __version__
from neuromanifold._errors import InputError
from neuromanifold.storage import read_arrays, write_arrays

__all__ = ["Progress", "Slot", "State", "fit_key"]

T = TypeVar("T")
State = tuple[Mapping[str, Any], Mapping[str, Tensor]]
KIND = "neuromanifold.progress"


class Progress:
    """Finished stages by name; without a path nothing is kept.

    Parameters
    ----------
    path : path or None
    key : str
        Of the fit.

    Raises
    ------
    InputError
        If the file is of another fit, or no such file.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, key: str = "") -> None:
        self._path = None if path is None else Path(path)
        self._key = key
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
        """The fit is done: the file goes."""
        if self._path is not None:
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


def fit_key(settings: Mapping[str, Any], *tensors: Tensor) -> str:
    """Digest of a fit's settings (plain values), of the values of tensors, and of the versions that compute it."""
    versions = {"neuromanifold": __version__, "torch": torch.__version__}
    digest = hashlib.sha256(json.dumps({**settings, "versions": versions}, sort_keys=True).encode())
    for tensor in tensors:
        digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
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

"""Sources: which sessions are analysed, and of which animal, group and file each is."""

from __future__ import annotations

import hashlib
import inspect
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neuromanifold._errors import FileFormatError, InputError
from neuromanifold._settings import check_mapping, check_path, check_sequence
from neuromanifold.data.blocks import is_streamed, read_blocks
from neuromanifold.data.joined import join_sessions
from neuromanifold.data.readers import READERS, load, recordings_in
from neuromanifold.data.readers.choice import Choice
from neuromanifold.data.recording import check
from neuromanifold.data.units import select_units
from neuromanifold.storage import existing_file

__all__ = ["Source", "find_sources", "joined", "sources"]

COLUMNS = ("file", "session", "animal", "group")


@dataclass(frozen=True)
class Source:
    """A session before it is analysed.

    Attributes
    ----------
    name, animal, group : str
        ``name`` is its own; sessions without a group are all of one.
    origin : Dataset, path or tuple of Source
        A recording, the file of one, or sessions that are joined to one.
    reading : mapping
        Keywords of :func:`neuromanifold.load` for files.
    units : mapping
        Labels of units and what they may be, as of :func:`neuromanifold.select_units`; empty: all units.
    """

    name: str
    animal: str
    group: str
    origin: xr.Dataset | Path | tuple[Source, ...]
    reading: Mapping[str, Any] = field(default_factory=dict)
    units: Mapping[str, Any] = field(default_factory=dict)

    def open(self) -> xr.Dataset:
        """The recording, checked."""
        if isinstance(self.origin, tuple):
            return join_sessions({source.name: source.open() for source in self.origin})
        recording = check(self.origin) if isinstance(self.origin, xr.Dataset) else load(self.origin, **self.reading)
        return select_units(recording, self.units) if self.units else recording

    def digest(self) -> str:
        """Changes when the data change: of a file its size and time, of a recording its numbers."""
        found = hashlib.sha256(repr([sorted(said.items(), key=str) for said in (self.reading, self.units)]).encode())
        if isinstance(self.origin, tuple):
            found.update("".join(source.digest() for source in self.origin).encode())
        elif isinstance(self.origin, Path):
            files = sorted(self.origin.rglob("*")) if self.origin.is_dir() else [existing_file(self.origin)]
            for path in files:
                state = path.stat()
                found.update(f"{path.resolve()} {state.st_size} {state.st_mtime_ns}".encode())
        else:
            for name in sorted(map(str, self.origin.variables)):
                values = self.origin[name]
                text = values.dtype.kind in "OUS"
                found.update(name.encode() + (repr(values.to_numpy().tolist()).encode() if text else b""))
                if is_streamed(values):
                    for _, block in read_blocks(values.data):
                        found.update(block.tobytes())
                elif not text:
                    found.update(values.to_numpy().tobytes())
        return found.hexdigest()

    @property
    def folder(self) -> str:
        """A name for its folder: what is not a letter, digit, ``.`` or ``-`` becomes ``_``, and a digest is added."""
        safe = re.sub(r"[^\w.-]+", "_", self.name, flags=re.ASCII).strip("._")[:60]
        return safe if safe == self.name else f"{safe}-{hashlib.sha256(self.name.encode()).hexdigest()[:8]}"


def sources(
    recordings: Iterable[xr.Dataset | str | os.PathLike[str]],
    names: Sequence[str] | None = None,
    animals: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    reading: Mapping[str, Any] | None = None,
    units: Mapping[str, Any] | None = None,
) -> Iterator[Source]:
    """Sources of recordings and files, one at a time.

    What is not given is taken from a recording's attrs ``session``, ``animal`` and ``group``; else a file is called by
    its name and a recording by its number, each is its own animal, and all are of one group.

    Raises
    ------
    InputError
        If two sessions have one name, a sequence has another length than the recordings, or a setting is right for no
        recording.
    """
    if isinstance(recordings, str | os.PathLike | xr.Dataset) or not isinstance(recordings, Iterable):
        raise InputError(f"recordings must be a list of recordings or paths; got a {type(recordings).__name__}")
    given = {"names": names, "animals": animals, "groups": groups}
    for key, values in given.items():
        if values is not None:
            check_sequence(key, values, "names, one for each recording")
            if isinstance(recordings, Sized):
                _check_length(key, values, len(recordings))
    check_mapping("units", units or {}, 'labels of units and what they may be, {"location": "adn"}')
    _check_reading(reading or {})
    return _sources(recordings, given, dict(reading or {}), dict(units or {}))


def _check_reading(reading: Any) -> None:
    check_mapping("reading", reading, 'settings of load, {"bin_size": 0.05}')
    allowed = [name for name in inspect.signature(load).parameters if name != "source"]
    unknown = [name for name in reading if name not in allowed]
    if unknown:
        raise InputError(f"reading: load has no setting {', '.join(unknown)}; there are {', '.join(allowed)}")
    Choice(**{name: value for name, value in reading.items() if name != "chunks"})


def _check_length(key: str, values: Sequence[str], n: int) -> None:
    if len(values) != n:
        raise InputError(f"{key} has {len(values)} entries for {n} recordings: give one for each")


def _sources(
    recordings: Iterable[xr.Dataset | str | os.PathLike[str]],
    given: Mapping[str, Sequence[str] | None],
    reading: dict[str, Any],
    units: dict[str, Any],
) -> Iterator[Source]:
    seen: set[str] = set()
    for number, origin in enumerate(recordings):
        if not isinstance(origin, xr.Dataset):
            check_path(f"recording {number + 1}, if it is no Dataset,", origin)
        name, animal, group = (_entry(key, values, number) for key, values in given.items())
        attrs = origin.attrs if isinstance(origin, xr.Dataset) else {}
        default = f"session {number + 1:04d}" if isinstance(origin, xr.Dataset) else Path(origin).stem
        name = str(name or attrs.get("session", default))
        if name in seen:
            raise InputError(f"two sessions are called {name!r}: give names, one for each recording")
        seen.add(name)
        yield Source(
            name,
            str(animal or attrs.get("animal", name)),
            str(group or attrs.get("group", "")),
            # Workers of a cluster may be at home in another folder.
            origin if isinstance(origin, xr.Dataset) else Path(origin).absolute(),
            reading,
            units,
        )
    if not seen:
        raise InputError("no recording was given")
    for key, values in given.items():
        if values is not None:
            _check_length(key, values, len(seen))


def _entry(key: str, values: Sequence[str] | None, number: int) -> str | None:
    if values is not None and number >= len(values):
        raise InputError(f"{key} has {len(values)} entries and there are more recordings: give one for each")
    return None if values is None else values[number]


def joined(separate: Iterable[Source]) -> Iterator[Source]:
    """The sessions of each animal in each group as one, in the order in which animals come."""
    by_animal: dict[tuple[str, str], list[Source]] = {}
    for source in separate:
        by_animal.setdefault((source.animal, source.group), []).append(source)
    for (animal, group), members in by_animal.items():
        yield Source(f"{animal} {group}".strip(), animal, group, tuple(members))


def find_sources(
    folder: str | os.PathLike[str],
    table: str | os.PathLike[str] | None = None,
    reading: Mapping[str, Any] | None = None,
    units: Mapping[str, Any] | None = None,
) -> list[Source]:
    """The sessions in a folder.

    Parameters
    ----------
    folder : path
        Its recordings, in the order of their names; those in a folder inside it are of the animal of that name, those
        in it itself are of one animal.
    table : path, optional
        A ``.csv`` that says so instead: ``file`` (from the folder), and where wanted ``session``, ``animal``,
        ``group``.
    reading, units : mapping, optional
        Keywords of :func:`neuromanifold.load`; labels of units, as of :func:`neuromanifold.select_units`.

    Raises
    ------
    FileFormatError
        If there is no such folder, no recording in it, or the table cannot be read.
    InputError
        If the table has no column ``file``, or two sessions one name.
    """
    check_path("folder", folder)
    root = Path(folder)
    if not root.is_dir():
        raise FileFormatError(f"no such folder: {root}; give the one that holds the recordings")
    if table is not None:
        check_path("table", table)
        return _from_table(root, existing_file(table), reading, units)
    known = tuple(suffix for suffixes, _ in READERS for suffix in suffixes)
    files = recordings_in(root)
    if not files:
        raise FileFormatError(f"no recording in {root}: files that can be read end in {', '.join(known)}")
    names = [str(path.relative_to(root).with_suffix("")) for path in files]
    if len(set(names)) < len(names):
        names = [str(path.relative_to(root)) for path in files]
    animals = [path.relative_to(root).parts[0] if path.parent != root else root.resolve().name for path in files]
    return list(sources(files, names, animals, reading=reading, units=units))


def _from_table(
    root: Path, table: Path, reading: Mapping[str, Any] | None, units: Mapping[str, Any] | None
) -> list[Source]:
    try:
        rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{table} cannot be read as a table with commas: {error}") from error
    if "file" not in rows.columns or rows.empty:
        raise InputError(f"{table} needs a column 'file' and a row; it has {', '.join(map(str, rows.columns))}")
    unknown = [str(column) for column in rows.columns if column not in COLUMNS]
    given = {column: np.asarray(rows[column]).tolist() for column in rows.columns if column in COLUMNS}
    if unknown and not set(given) - {"file"}:
        raise InputError(f"{table} says nothing of {', '.join(COLUMNS[1:])}: name its columns so (it has {unknown})")
    files = [root / name for name in given["file"]]
    return list(sources(files, given.get("session"), given.get("animal"), given.get("group"), reading, units))

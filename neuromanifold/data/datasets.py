"""Recordings by name: small simulated ones that come with the package, and public ones that are fetched.

The bundled ones live in ``datasets/`` beside the package, and in installed copies in ``neuromanifold/data/bundled``;
a recording is ``name.nc``, its card ``name.md``, and ``make.py`` made them all. The public ones are in
:data:`~neuromanifold.data.registry.PUBLIC`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neuromanifold._errors import FileFormatError, InputError
from neuromanifold._settings import check_name
from neuromanifold.data.fetching import fetch_file
from neuromanifold.data.gardner import read_gardner
from neuromanifold.data.readers import load as load_file
from neuromanifold.data.readers.assemble import assemble
from neuromanifold.data.readers.choice import Choice
from neuromanifold.data.readers.netcdf import open_netcdf
from neuromanifold.data.recording import check
from neuromanifold.data.registry import PUBLIC, PublicRecording
from neuromanifold.data.units import select_units

__all__ = ["card", "fetch", "load", "names", "public"]

_FOLDERS = (Path(__file__).parent / "bundled", Path(__file__).parents[2] / "datasets")


def names() -> list[str]:
    """Names of the bundled recordings."""
    return sorted(path.stem for path in _folder().glob("*.nc"))


def public() -> pd.DataFrame:
    """The public recordings: title, DOI, licence, file, and the digest with who published it."""
    columns = ("title", "doi", "licence", "file", "digest", "digest_source")
    rows = {name: [getattr(found, column) for column in columns] for name, found in PUBLIC.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(columns)).rename_axis("name")


def fetch(name: str, verbose: bool = True) -> Path:
    """The file of a public recording in the user's cache, downloaded and checked at first use.

    Raises
    ------
    InputError
        If there is none of that name, or pooch is not installed.
    DownloadError
        If it cannot be had, or is not what was published.
    """
    return fetch_file(_public(name), verbose)


def load(name: str, **choices: Any) -> xr.Dataset:
    """A recording by name; ``choices`` are those of :func:`neuromanifold.load`, for public ones.

    A public recording is fetched at first use, and cut to the epoch and units that its registry entry names; the
    attrs state DOI and licence.

    Raises
    ------
    InputError
        If there is none of that name; the message lists those there are.
    DownloadError
        If a public one cannot be had.
    """
    check_name("name", name)
    if name in names():
        if choices:
            raise InputError(f"{name!r} comes along as it is; {', '.join(choices)} cannot be chosen")
        return check(open_netcdf(_file(name, ".nc")))
    found = _public(name)
    recording = _read(found, fetch_file(found), {**found.choices, **choices})
    selected = select_units(recording, found.labels) if found.labels else recording
    return selected.assign_attrs(doi=found.doi, licence=found.licence)


def _read(found: PublicRecording, path: Path, choices: dict[str, Any]) -> xr.Dataset:
    if found.layout != "gardner":
        return load_file(path, **choices)
    interval = choices.pop("interval", None)
    given = interval if interval is None or isinstance(interval, str) else np.asarray(interval, dtype=np.float64)
    return assemble(str(path), read_gardner(path), Choice(interval=given, **choices))


def _public(name: str) -> PublicRecording:
    check_name("name", name)
    if name not in PUBLIC:
        raise InputError(f"no recording of the name {name!r}; there are {', '.join([*names(), *PUBLIC])}")
    return PUBLIC[name]


def card(name: str) -> str:
    """The card of a bundled recording (Markdown): what it is, how it was made, what should come out.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    return _file(name, ".md").read_text(encoding="utf-8")


def _folder() -> Path:
    for folder in _FOLDERS:
        if folder.is_dir():
            return folder
    raise FileFormatError(
        f"the bundled recordings are missing from {' and '.join(map(str, _FOLDERS))}: reinstall the package"
    )


def _file(name: str, suffix: str) -> Path:
    check_name("name", name)
    if name not in names():
        raise InputError(f"no bundled recording of the name {name!r}; there are {', '.join(names())}")
    return _folder() / f"{name}{suffix}"

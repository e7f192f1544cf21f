"""The recordings that come with the package: small, simulated, with a card each that says what they are.

They live in ``datasets/`` beside the package, and in installed copies in ``neuromanifold/data/bundled``; a
recording is ``name.nc``, its card ``name.md``, and ``make.py`` made them all.
"""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from neuromanifold._errors import FileFormatError, InputError
from neuromanifold.data.readers.netcdf import open_netcdf
from neuromanifold.data.recording import check

__all__ = ["card", "load", "names"]

_FOLDERS = (Path(__file__).parent / "bundled", Path(__file__).parents[2] / "datasets")


def names() -> list[str]:
    """Names of the bundled recordings."""
    return sorted(path.stem for path in _folder().glob("*.nc"))


def load(name: str) -> xr.Dataset:
    """A bundled recording by name.

    Raises
    ------
    InputError
        If there is none of that name; the message lists those there are.
    """
    return check(open_netcdf(_file(name, ".nc")))


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
    if name not in names():
        raise InputError(f"no bundled recording {name!r}; there are {', '.join(names())}")
    return _folder() / f"{name}{suffix}"

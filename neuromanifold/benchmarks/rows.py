"""Rows of a benchmark's table, each computed once: kept in one JSON file, so that a run can be stopped and goes on.

A row belongs to its key (the settings that make it) and to the version of the package that computed it; rows of
another version are left out, and ``fresh`` computes all again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from joblib import delayed
from tqdm.auto import tqdm

from neuromanifold import __version__
from neuromanifold._parallel import spread
from neuromanifold.storage import write_json

__all__ = ["FOLDER", "CachedRows", "Key", "Value"]

# Beside where the benchmark is run; not for version control.
FOLDER = Path(".benchmarks")
Value: TypeAlias = float | int | str | bool | None
Key: TypeAlias = Mapping[str, Value]


class CachedRows:
    """Rows by key, in ``folder / name.json``.

    Parameters
    ----------
    name : str
        Of the benchmark.
    folder : path
    fresh : bool
        Compute again what was computed before.
    """

    def __init__(self, name: str, folder: str | os.PathLike[str] = FOLDER, *, fresh: bool = False) -> None:
        self._path = Path(folder) / f"{name}.json"
        self._rows: dict[str, dict[str, Value]] = {} if fresh else _stored(self._path)

    def row(self, key: Key, compute: Callable[[], Key]) -> dict[str, Value]:
        """The key and its figures; computed, and on the disk before this returns, if they were not there yet."""
        if key not in self:
            self._keep(key, compute())
        return {**key, **self._rows[_name(key)]}

    def rows(
        self, keys: Sequence[Key], compute: Callable[[Key], Key], *, n_jobs: int | None = None
    ) -> list[dict[str, Value]]:
        """Rows of many keys, ``n_jobs`` at once (as in joblib), each on the disk as soon as it is there.

        A progress bar is shown where standard error is a terminal.
        """
        missing = [key for key in keys if key not in self]
        jobs = (delayed(_keyed)(compute, key) for key in missing)
        found = spread(jobs, n_jobs, return_as="generator_unordered")
        for key, figures in tqdm(found, total=len(missing), desc=self._path.stem, disable=None, leave=False):
            self._keep(key, figures)
        return [{**key, **self._rows[_name(key)]} for key in keys]

    def _keep(self, key: Key, figures: Key) -> None:
        # JSON has no NaN: what was not measured is null.
        self._rows[_name(key)] = {name: None if value != value else value for name, value in figures.items()}
        # Beside those that another run in this folder has written meanwhile.
        write_json(self._path, {"version": __version__, "rows": _stored(self._path) | self._rows})

    def __contains__(self, key: Key) -> bool:
        return _name(key) in self._rows


def _name(key: Key) -> str:
    return json.dumps(dict(key), sort_keys=True)


def _keyed(compute: Callable[[Key], Key], key: Key) -> tuple[Key, Key]:
    return key, compute(key)


def _stored(path: Path) -> dict[str, dict[str, Value]]:
    """Rows of this version of the package; none where the file is missing or not one of ours."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict) or content.get("version") != __version__:
        return {}
    rows = content.get("rows")
    return rows if isinstance(rows, dict) else {}

"""Rows of a benchmark's table, each computed once: kept in one JSON file, so that a run can be stopped and goes on.

A row belongs to its key (the settings that make it) and to the version of the package that computed it; rows of
another version are left out, and ``fresh`` computes all again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from neuromanifold import __version__
from neuromanifold.storage import write_json

__all__ = ["FOLDER", "CachedRows", "Value"]

# Beside where the benchmark is run; not for version control.
FOLDER = Path(".benchmarks")
Value = float | int | str | bool | None


class CachedRows:
    """Rows by key, in ``folder / name.json``.

    Parameters
    ----------
    name : str
        Of the benchmark.
    folder : path
    fresh : bool
        Forget what was computed before.
    """

    def __init__(self, name: str, folder: str | os.PathLike[str] = FOLDER, *, fresh: bool = False) -> None:
        self._path = Path(folder) / f"{name}.json"
        self._rows: dict[str, dict[str, Value]] = {} if fresh else _stored(self._path)

    def row(self, key: Mapping[str, Value], compute: Callable[[], Mapping[str, Value]]) -> dict[str, Value]:
        """The key and its figures; computed, and on the disk before this returns, if they were not there yet."""
        name = json.dumps(dict(key), sort_keys=True)
        if name not in self._rows:
            self._rows[name] = dict(compute())
            write_json(self._path, {"version": __version__, "rows": self._rows})
        return {**key, **self._rows[name]}

    def __contains__(self, key: Mapping[str, Value]) -> bool:
        return json.dumps(dict(key), sort_keys=True) in self._rows


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

"""One session through the whole line: analysed, written, and told apart from the others when it fails."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from neuromanifold import __version__
from neuromanifold._errors import FileFormatError, FolderInUseError
from neuromanifold._lock import locked
from neuromanifold.analysis import Analysis
from neuromanifold.data.recording import to_arrays
from neuromanifold.data.requirements import require_variables
from neuromanifold.pipeline import analyze
from neuromanifold.progress import checkpoints
from neuromanifold.sessions.session import REPORT, RESULT, Session, numbers_of
from neuromanifold.sessions.source import Source
from neuromanifold.statistics import align_to_variable
from neuromanifold.storage import existing_file, made_folder, write_json

__all__ = ["FACTS", "run", "session_key"]

FACTS = "session.json"
# Folder of what an unfinished session has finished, in its own.
PROGRESS = ".progress"


def run(
    source: Source,
    variable: str | list[str] | None,
    align_to: str | None,
    folder: Path | None,
    settings: Mapping[str, Any],
    seed: int,
) -> Session:
    """Analyse a session, or read what an earlier run with the same data and settings left in the folder.

    Whatever goes wrong inside is the session's ``error``; an earlier failure is tried again. What a run that was killed
    has finished of the session is not done again.
    """
    place = None if folder is None else made_folder(folder / source.folder)
    try:
        with nullcontext() if place is None else locked(place):
            return _run(source, variable, align_to, place, settings, seed)
    except FolderInUseError as error:
        facts = {"error": f"{type(error).__name__}: {error}"}
        return Session(source.name, source.animal, source.group, facts, place)


def _run(
    source: Source,
    variable: str | list[str] | None,
    align_to: str | None,
    place: Path | None,
    settings: Mapping[str, Any],
    seed: int,
) -> Session:
    try:
        key = session_key(source, variable, align_to, settings, seed)
        earlier = None if place is None else _earlier(source, place, key)
        if earlier is not None:
            return earlier
        with nullcontext() if place is None else checkpoints(place / PROGRESS):
            facts, parts = _analysed(source, variable, align_to, place, settings, seed)
    # One session must not take the others with it: the reason is its row.
    except Exception as error:
        key, facts, parts = "", {"error": f"{type(error).__name__}: {error}"}, {}
    if place is None:
        return Session(source.name, source.animal, source.group, facts, None, parts)
    who = {"name": source.name, "animal": source.animal, "group": source.group}
    # Last, so that a folder with this file is whole.
    write_json(place / FACTS, who | {"key": key, "facts": facts})
    return Session(source.name, source.animal, source.group, facts, place)


def session_key(
    source: Source, variable: str | list[str] | None, align_to: str | None, settings: Mapping[str, Any], seed: int
) -> str:
    """Changes with the data, the settings and the version that make a result."""
    stated = {name: str(value) for name, value in settings.items() if name not in ("n_jobs", "verbose")}
    made_by = {"version": __version__, "variable": variable, "align_to": align_to, "seed": seed, "settings": stated}
    return hashlib.sha256((json.dumps(made_by, sort_keys=True) + source.digest()).encode()).hexdigest()


def _earlier(source: Source, place: Path, key: str) -> Session | None:
    """The session that a run before left whole in a folder; None where it failed or was another."""
    try:
        known = json.loads(existing_file(place / FACTS).read_text(encoding="utf-8"))
        existing_file(place / RESULT)
    except (FileFormatError, ValueError):
        return None
    if known.get("key") != key or "error" in known.get("facts", {"error": ""}):
        return None
    return Session(source.name, source.animal, source.group, known["facts"], place)


def _analysed(
    source: Source,
    variable: str | list[str] | None,
    align_to: str | None,
    place: Path | None,
    settings: Mapping[str, Any],
    seed: int,
) -> tuple[dict[str, Any], dict[str, xr.Dataset]]:
    started = time.monotonic()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        recording = source.open()
        if align_to is not None:
            require_variables(recording, [align_to])
        analysis = analyze(recording, variable, random_state=seed, **settings)
        if align_to is not None and analysis.model is not None:
            analysis.details["alignment"] = _aligned(analysis, align_to)
        parts = analysis.parts()
        if place is not None:
            analysis.to_netcdf(place / RESULT)
            analysis.to_html(place / REPORT, source.name)
            if analysis.model is not None:
                analysis.model.save(place / "model.npz")
    facts = {
        "verdict": str(analysis.topology.template_),
        "template": "" if analysis.model is None else analysis.model.template_.name,
        "gauge": "" if analysis.model is None else analysis.model.gauge_,
        "reasons": list(analysis.topology.reasons_),
        "notes": sorted({str(warning.message) for warning in told}),
        "n_samples": analysis.prepared.sizes["time"],
        "n_units": analysis.prepared.sizes["unit"],
        "seconds": round(time.monotonic() - started, 2),
        **numbers_of(parts.get("statistics", xr.Dataset())),
    }
    return {key: value for key, value in facts.items() if not _unknown(value)}, parts


def _aligned(analysis: Analysis, align_to: str) -> xr.Dataset:
    assert analysis.model is not None
    arrays = to_arrays(analysis.prepared, [align_to])
    assert arrays.y is not None
    return align_to_variable(analysis.model.template_, analysis.model.transform(arrays.X), arrays.y, align_to)


def _unknown(value: Any) -> bool:
    return isinstance(value, float) and not np.isfinite(value)

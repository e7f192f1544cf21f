"""Entry points that are given a place: a folder of sessions, of checkpoints, a file to write."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import neuromanifold as nm
from neuromanifold.benchmarks.robustness.entries import SETTINGS, EntryPoint, path_of, sound_recording
from neuromanifold.benchmarks.robustness.given import Given

__all__ = ["FOLDERS"]


def _checkpoints(given: Given) -> Iterable[Any]:
    with nm.checkpoints(**{"folder": given.folder / "kept"} | given.settings):
        return ()


def _find_sources(given: Given) -> Iterable[Any]:
    path_of(given)
    return [len(nm.sessions.find_sources(**{"folder": given.folder} | given.settings))]


def _analyze_sources(given: Given) -> Iterable[Any]:
    sources = nm.sessions.sources([sound_recording()])
    settings = {"n_shuffles": 19, "out": given.folder, "random_state": 0} | given.settings
    return [len(nm.sessions.analyze_sources(sources, **settings).failures)]


def _write_netcdf(given: Given) -> Iterable[Any]:
    nm.storage.write_netcdf(**{"path": given.folder / "x.nc", "content": sound_recording()} | given.settings)
    return ()


def _read_netcdf(given: Given) -> Iterable[Any]:
    path = given.folder / "x.nc"
    nm.storage.write_netcdf(path, {"part": sound_recording()})
    settings: dict[str, Any] = {"path": path, "group": "part"} | given.settings
    return [nm.storage.read_netcdf(**settings)["activity"]]


FOLDERS = (
    EntryPoint("checkpoints", SETTINGS, _checkpoints),
    EntryPoint("sessions.find_sources", SETTINGS, _find_sources),
    EntryPoint("sessions.analyze_sources", SETTINGS, _analyze_sources),
    EntryPoint("storage.write_netcdf", SETTINGS, _write_netcdf),
    EntryPoint("storage.read_netcdf", SETTINGS, _read_netcdf),
)

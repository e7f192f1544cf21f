"""Entry points that look at recordings: their units, variables and templates, one or several together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

import neuromanifold as nm
from neuromanifold.benchmarks.robustness.entries import (
    RECORDING,
    SETTINGS,
    EntryPoint,
    recording_of,
    sound_recording,
)
from neuromanifold.benchmarks.robustness.given import Given, sound

__all__ = ["RECORDINGS"]


def _find_template(given: Given) -> Iterable[Any]:
    settings: dict[str, Any] = {"n_shuffles": 19, "smoothing": 0.1, "random_state": 0} | given.settings
    return list(nm.find_template(recording_of(given), **settings).p_values_.values())


def _select_units(given: Given) -> Iterable[Any]:
    return [nm.select_units(recording_of(given), **given.settings)["activity"]]


def _condition_averages(given: Given) -> Iterable[Any]:
    recording = recording_of(given)
    recording["lap"] = "time", np.arange(recording.sizes["time"]) % 2
    return [nm.condition_averages(recording, **{"condition": "lap"} | given.settings)["activity"]]


def _align_variable(given: Given) -> Iterable[Any]:
    aligned = nm.align_variable(sound_recording(), "speed_m_s", given.labels, given.time)
    return [aligned["activity"]]


def _track_loop(given: Given) -> Iterable[Any]:
    velocity = np.gradient(sound(given.folder).labels)
    return [nm.track_loop(given.labels, velocity, **{"min_speed": 0.01} | given.settings).fillna(0)]


def _join_sessions(given: Given) -> Iterable[Any]:
    joined = nm.join_sessions({"first": sound_recording(), "second": recording_of(given)})
    return joined["activity"], joined["time"]


def _analyze_many(given: Given) -> Iterable[Any]:
    study = nm.analyze_many([sound_recording()], **{"n_shuffles": 19, "random_state": 0} | given.settings)
    return [len(study.failures)]


RECORDINGS = (
    EntryPoint("find_template", RECORDING | SETTINGS, _find_template),
    EntryPoint("select_units", SETTINGS, _select_units),
    EntryPoint("condition_averages", SETTINGS, _condition_averages),
    EntryPoint("align_variable", frozenset({"labels", "time"}), _align_variable),
    EntryPoint("track_loop", SETTINGS | {"labels"}, _track_loop),
    EntryPoint("join_sessions", RECORDING, _join_sessions),
    EntryPoint("analyze_many", SETTINGS, _analyze_many),
)

"""Entry points that look at what was fitted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

import neuromanifold as nm
from neuromanifold.benchmarks.robustness.entries import (
    ACTIVITY,
    SETTINGS,
    EntryPoint,
    fitted,
    recording_of,
    sound_recording,
)
from neuromanifold.benchmarks.robustness.given import Given

__all__ = ["STATISTICS"]


SMALL_STATISTICS: dict[str, Any] = {"random_state": 0}


def _held_out_variance(given: Given) -> Iterable[Any]:
    return nm.statistics.held_out_variance(fitted(), recording_of(given), given.labels).data_vars.values()


def _curvature_variation(given: Given) -> Iterable[Any]:
    settings = {"variable": "angle_rad", "n_draws": 9} | SMALL_STATISTICS | given.settings
    found = nm.statistics.curvature_variation(fitted(), recording_of(given), y=given.labels, **settings)
    return [found["p_value"]]


def _compare_conditions(given: Given) -> Iterable[Any]:
    settings = {"n_bootstrap": 2, "n_permutations": 9} | SMALL_STATISTICS | given.settings
    settings = {"condition": np.arange(recording_of(given).sizes["time"]) // 8 % 2} | settings
    found = nm.statistics.compare_conditions(fitted(), recording_of(given), y=given.labels, **settings)
    return [found["p_value"]]


def _unit_shares(given: Given) -> Iterable[Any]:
    return [nm.statistics.unit_shares(fitted().immersion_, **given.settings)["share"]]


def _compare_templates(given: Given) -> Iterable[Any]:
    settings = {"templates": ("contractible", "circle")} | SMALL_STATISTICS | given.settings
    return nm.statistics.compare_templates(sound_recording(), **settings).data_vars.values()


STATISTICS = (
    EntryPoint("statistics.held_out_variance", ACTIVITY | {"labels"}, _held_out_variance),
    EntryPoint("statistics.curvature_variation", ACTIVITY | SETTINGS | {"labels"}, _curvature_variation),
    EntryPoint("statistics.compare_conditions", ACTIVITY | SETTINGS | {"labels"}, _compare_conditions),
    EntryPoint("statistics.compare_templates", SETTINGS, _compare_templates),
    EntryPoint("statistics.unit_shares", SETTINGS, _unit_shares),
)

"""Entry points that look at what was fitted."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

import neuromanifold as nm
from neuromanifold.benchmarks.robustness.entries import (
    ACTIVITY,
    SETTINGS,
    SMALL_STATISTICS,
    EntryPoint,
    fitted,
    recording_of,
    sound_recording,
)
from neuromanifold.benchmarks.robustness.given import Given, sound

__all__ = ["STATISTICS"]


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


def _explained_curvature(given: Given) -> Iterable[Any]:
    settings = {"n_draws": 9} | SMALL_STATISTICS | given.settings
    found = nm.statistics.explained_curvature(fitted(), recording_of(given), y=given.labels, **settings)
    return found.data_vars.values()


def _curvature_controls(given: Given) -> Iterable[Any]:
    settings = {"n_turns": 9} | SMALL_STATISTICS | given.settings
    found = nm.statistics.curvature_controls(fitted(), recording_of(given), y=given.labels, **settings)
    return [found["partial_correlation"], found["p_value"]]


def _seed_ensemble(given: Given) -> Iterable[Any]:
    return [nm.statistics.seed_ensemble([fitted(), fitted()], given.activity, **given.settings)["misalignment"]]


def _sensitivity(given: Given) -> Iterable[Any]:
    settings = {"variable": "angle_rad", "unit_shares": (0.6,), "n_draws": 1} | SMALL_STATISTICS | given.settings
    return [nm.statistics.sensitivity(sound_recording(), **settings)["agreement"]]


@cache
def _profiles() -> nm.statistics.SessionProfiles:
    profile = nm.curvature_profile(fitted(), n_points=16)
    return nm.statistics.collect(((f"s{i}", f"m{i}", "ab"[i % 2], profile) for i in range(4)), 4)


def _pooled_profile(given: Given) -> Iterable[Any]:
    settings = {"n_bootstrap": 9} | SMALL_STATISTICS | given.settings
    return [nm.statistics.pooled_profile(_profiles(), **settings)["mean_curvature_norm"]]


def _group_differences(given: Given) -> Iterable[Any]:
    settings = {"n_bootstrap": 9, "n_permutations": 9} | SMALL_STATISTICS | given.settings
    return [nm.statistics.group_differences(_profiles(), **settings)["mean_curvature_norm_p_value"]]


def _compare_network(given: Given) -> Iterable[Any]:
    settings = {"n_shuffles": 19, "n_bootstrap": 0}
    # By name: analyses are below benchmarks.
    analysis = importlib.import_module("neuromanifold.analysis").Analysis
    found = analysis(sound_recording(), sound_recording(), None, variable="angle_rad", settings=settings)
    return [nm.compare_network(found, **{"n_epochs": 0} | given.settings).measures["value"]]


def _curvature_error(given: Given) -> Iterable[Any]:
    truth = sound(given.folder).labels
    return [nm.curvature_error(given.labels, truth, np.ones(len(truth)))]


STATISTICS = (
    EntryPoint("statistics.held_out_variance", ACTIVITY | {"labels"}, _held_out_variance),
    EntryPoint("statistics.curvature_variation", ACTIVITY | SETTINGS | {"labels"}, _curvature_variation),
    EntryPoint("statistics.compare_conditions", ACTIVITY | SETTINGS | {"labels"}, _compare_conditions),
    EntryPoint("statistics.compare_templates", SETTINGS, _compare_templates),
    EntryPoint("statistics.unit_shares", SETTINGS, _unit_shares),
    EntryPoint("statistics.explained_curvature", ACTIVITY | SETTINGS | {"labels"}, _explained_curvature),
    EntryPoint("statistics.curvature_controls", ACTIVITY | SETTINGS | {"labels"}, _curvature_controls),
    EntryPoint("statistics.seed_ensemble", ACTIVITY | SETTINGS, _seed_ensemble),
    EntryPoint("statistics.sensitivity", SETTINGS, _sensitivity),
    EntryPoint("statistics.pooled_profile", SETTINGS, _pooled_profile),
    EntryPoint("statistics.group_differences", SETTINGS, _group_differences),
    EntryPoint("compare_network", SETTINGS, _compare_network),
    EntryPoint("curvature_error", frozenset({"labels"}), _curvature_error),
)

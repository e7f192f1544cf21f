"""Entry points that make recordings, or bring those that are known by name."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import neuromanifold as nm
from neuromanifold.benchmarks.robustness.entries import SETTINGS, EntryPoint
from neuromanifold.benchmarks.robustness.given import Given

__all__ = ["SYNTHETICS"]

MAKERS = tuple(name for name in nm.synthetic.__all__ if name != "immersion_of")


def _made(name: str, given: Given) -> Iterable[Any]:
    recording = getattr(nm.synthetic, name)(**{"n_times": 20, "random_state": 0} | given.settings)
    return [recording["activity"]]


def _placed_at_reward(given: Given) -> Iterable[Any]:
    settings = {"n_times": 20, "reward": 50.0, "random_state": 0} | given.settings
    return [nm.synthetic.place_cells(**settings)["activity"]]


def _named(given: Given) -> Iterable[Any]:
    return [nm.datasets.load(**{"name": "head_direction"} | given.settings)["activity"]]


def _card(given: Given) -> Iterable[Any]:
    return [len(nm.datasets.card(**given.settings))]


def _fetched(given: Given) -> Iterable[Any]:
    return [nm.datasets.fetch(**given.settings).stat().st_size]


SYNTHETICS = (
    *(EntryPoint(f"synthetic.{name}", SETTINGS, partial(_made, name)) for name in MAKERS if name != "place_cells"),
    EntryPoint("synthetic.place_cells", SETTINGS, _placed_at_reward),
    EntryPoint("datasets.load", SETTINGS, _named),
    EntryPoint("datasets.card", SETTINGS, _card),
    EntryPoint("datasets.fetch", SETTINGS, _fetched),
)

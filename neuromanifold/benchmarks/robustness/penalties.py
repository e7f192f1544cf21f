"""Entry points that hold autoencoders to a geometry: each regulariser, in the shortest of fits."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import neuromanifold as nm
from neuromanifold.benchmarks.robustness.entries import SETTINGS, SMALL_AUTOENCODER, EntryPoint, ring
from neuromanifold.benchmarks.robustness.given import Given

__all__ = ["PENALTIES"]


def _held(regularizer: type[Any], given: Given) -> Iterable[Any]:
    settings = SMALL_AUTOENCODER | {"n_components": 2, "regularizers": (regularizer(**given.settings),)}
    return [nm.GeometricAutoencoder(**settings).fit(ring()).transform(ring())]


PENALTIES = tuple(
    EntryPoint(f"regularizers.{one.__name__}", SETTINGS, partial(_held, one)) for one in nm.regularizers.REGULARIZERS
)

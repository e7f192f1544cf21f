"""What a geometric autoencoder can be set to, checked before any work."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from neuromanifold._errors import InputError, NotSmoothError
from neuromanifold.models.regularizers.holder import check_regularizers
from neuromanifold.networks import ACTIVATIONS

__all__ = ["check_autoencoder_settings"]

# Whose second derivatives jump or do not exist: a decoder of theirs has no curvature.
ROUGH = {"relu"}


def check_autoencoder_settings(settings: dict[str, Any]) -> None:
    """Raise InputError where a setting of :class:`GeometricAutoencoder` is out of range, naming it."""
    for name in ("n_components", "max_steps", "batch_size", "patience"):
        value = settings[name]
        if not (isinstance(value, Integral) and int(value) >= 1):
            raise InputError(f"{name} must be a whole number of at least 1, got {value!r}")
    for name in ("beta", "learning_rate"):
        value = settings[name]
        if not (isinstance(value, Real) and 0 < float(value) < np.inf):
            raise InputError(f"{name} must be a positive number, got {value!r}")
    share, hidden, activation = (settings[name] for name in ("validation_fraction", "hidden", "activation"))
    if not (isinstance(share, Real) and 0 <= float(share) < 1):
        raise InputError(f"validation_fraction must be at least 0 and below 1, got {share!r}")
    if not (isinstance(hidden, Sequence) and all(isinstance(width, Integral) for width in hidden)):
        raise InputError(f"hidden must be a sequence of widths of hidden layers, such as (128, 128); got {hidden!r}")
    if activation in ROUGH:
        raise NotSmoothError(
            f"a decoder of {activation!r} has no curvature, as it is not twice continuously differentiable; use one of "
            f"{', '.join(name for name in ACTIVATIONS if name not in ROUGH)}"
        )
    check_regularizers(settings["regularizers"], settings["n_components"])

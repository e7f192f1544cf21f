"""What a geometric autoencoder can be set to, checked before any work."""

from __future__ import annotations

from numbers import Real
from typing import Any

from neuromanifold._errors import InputError, NotSmoothError
from neuromanifold._settings import check_choice, check_positive, check_whole, check_widths
from neuromanifold.models.regularizers.holder import check_regularizers
from neuromanifold.networks import ACTIVATIONS

__all__ = ["check_autoencoder_settings"]

# Whose second derivatives jump or do not exist: a decoder of theirs has no curvature.
ROUGH = {"relu"}


def check_autoencoder_settings(settings: dict[str, Any]) -> None:
    """Raise InputError where a setting of :class:`GeometricAutoencoder` is out of range, naming it."""
    for name in ("n_components", "max_steps", "batch_size", "patience"):
        check_whole(name, settings[name], 1)
    for name in ("beta", "learning_rate"):
        check_positive(name, settings[name])
    share, activation = settings["validation_fraction"], settings["activation"]
    if not (isinstance(share, Real) and 0 <= float(share) < 1):
        raise InputError(f"validation_fraction must be at least 0 and below 1, got {share!r}")
    check_widths("hidden", settings["hidden"])
    if isinstance(activation, str) and activation in ROUGH:
        raise NotSmoothError(
            f"a decoder of {activation!r} has no curvature, as it is not twice continuously differentiable; use one of "
            f"{', '.join(name for name in ACTIVATIONS if name not in ROUGH)}"
        )
    check_choice("activation", activation, tuple(name for name in ACTIVATIONS if name not in ROUGH))
    check_regularizers(settings["regularizers"], settings["n_components"])

"""Regularisers and ambient metrics as JSON has them, by the name of their class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._parameters import Parameters
from neuromanifold.geometry.ambient import AMBIENTS
from neuromanifold.models.regularizers import REGULARIZERS, Regularizer

__all__ = ["read_regularizers", "written_regularizers"]

KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (*REGULARIZERS, *AMBIENTS)}


def written_regularizers(regularizers: Sequence[Regularizer]) -> list[dict[str, Any]]:
    """As plain values.

    Raises
    ------
    InputError
        If one is of a class that a file cannot name.
    """
    return [_written(regularizer) for regularizer in regularizers]


def read_regularizers(written: Sequence[Mapping[str, Any]]) -> tuple[Regularizer, ...]:
    """From the values of :func:`written_regularizers`."""
    return tuple(_read(values) for values in written)


def _written(holder: Parameters) -> dict[str, Any]:
    name = type(holder).__name__
    if KINDS.get(name) is not type(holder):
        raise InputError(
            f"a file cannot hold {name}, which is not one of the package's own: leave it out (set_params) before saving"
        )
    return {"name": name, "parameters": {key: _plain(value) for key, value in holder.get_params(deep=False).items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, Parameters):
        return _written(value)
    return value.tolist() if isinstance(value, (np.generic, np.ndarray, Tensor)) else value


def _read(written: Mapping[str, Any]) -> Any:
    params = {key: _read(value) if isinstance(value, dict) else value for key, value in written["parameters"].items()}
    return KINDS[written["name"]](**params)

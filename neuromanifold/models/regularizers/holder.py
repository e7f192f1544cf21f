"""Estimators that hold regularisers: those of the tuple are reached as ``regularizers__0__weight``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.base import clone

from neuromanifold._errors import InputError
from neuromanifold.models.regularizers.base import Regularizer

__all__ = ["RegularizedMixin", "check_regularizers"]

PREFIX = "regularizers__"


class RegularizedMixin:
    """Mixin of estimators with a parameter ``regularizers``, a tuple; it stands before ``BaseEstimator``."""

    regularizers: Sequence[Regularizer]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name and, if ``deep``, those of the regularisers by their place in the tuple."""
        params: dict[str, Any] = super().get_params(deep=deep)  # type: ignore[misc]
        # Whatever else was given is refused by ``fit``, not here.
        held = params["regularizers"] if deep and isinstance(params["regularizers"], (tuple, list)) else ()
        for index, regularizer in enumerate(held):
            if isinstance(regularizer, Regularizer):
                params |= {f"{PREFIX}{index}__{name}": value for name, value in regularizer.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Any:
        """Set parameters by the names of :meth:`get_params`; a regulariser is copied before it is changed."""
        super().set_params(**{name: value for name, value in params.items() if not name.startswith(PREFIX)})  # type: ignore[misc]
        inner = {name.removeprefix(PREFIX): value for name, value in params.items() if name.startswith(PREFIX)}
        if not inner:
            return self
        held = [clone(regularizer) for regularizer in self.regularizers]
        for key, value in inner.items():
            index, _, name = key.partition("__")
            if not (index.isdigit() and int(index) < len(held) and name):
                raise InputError(
                    f"{PREFIX}{key} is no parameter: there are {len(held)} regularizers, reached as {PREFIX}0__weight"
                )
            held[int(index)].set_params(**{name: value})
        self.regularizers = tuple(held)
        return self


def check_regularizers(regularizers: Any, dimension: int) -> None:
    """Raise InputError where it is no tuple of regularisers in range, for a latent space of that dimension."""
    if not isinstance(regularizers, (tuple, list)) or not all(isinstance(r, Regularizer) for r in regularizers):
        raise InputError(
            "regularizers must be a tuple of nm.regularizers, such as (nm.regularizers.Isometric(weight=0.1),); got "
            f"{regularizers!r}"
        )
    for regularizer in regularizers:
        regularizer.check(dimension)

"""Parameter holders: dataclasses whose fields scikit-learn can get, set and clone, nested ones by ``name__field``."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from neuromanifold._errors import InputError

__all__ = ["Parameters"]

P = TypeVar("P", bound="Parameters")


class Parameters:
    """Base of dataclasses that keep scikit-learn's contract of parameters, without being estimators."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Fields by name and, if ``deep``, those of the holders among them as ``name__field``."""
        own = {field.name: getattr(self, field.name) for field in fields(self) if field.init}  # type: ignore[arg-type]
        holders = {name: value for name, value in own.items() if deep and isinstance(value, Parameters)}
        return own | {
            f"{name}__{inner}": value
            for name, holder in holders.items()
            for inner, value in holder.get_params().items()
        }

    def set_params(self: P, **params: Any) -> P:
        """Set fields by the names of :meth:`get_params`.

        Raises
        ------
        InputError
            If there is no such field; the message lists those there are.
        """
        known = self.get_params(deep=False)
        for key, value in params.items():
            name, _, inner = key.partition("__")
            if name not in known or (inner and not isinstance(known[name], Parameters)):
                raise InputError(f"{type(self).__name__} has no parameter {key!r}; it has {', '.join(known)}")
            if inner:
                known[name].set_params(**{inner: value})
            else:
                setattr(self, name, value)
        return self

"""Choice and contents: what the caller of ``load`` said, and what the source holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuromanifold._errors import InputError
from neuromanifold._settings import check_names, check_positive
from neuromanifold.data.readers.entries import Entry
from neuromanifold.data.readers.roles import listing, named_entry, role_of

__all__ = ["Choice", "Contents"]


@dataclass(frozen=True)
class Choice:
    """What the caller of ``load`` chose; None is left to the file."""

    activity: str | None = None
    variables: Sequence[str] | Mapping[str, Mapping[str, Any]] | None = None
    bin_size: float | None = None
    time: Any = None
    interval: Any = None
    sampling_period: float | None = None
    time_scale: float | None = None

    def __post_init__(self) -> None:
        if self.activity is not None and not isinstance(self.activity, str):
            raise InputError(f"activity must be the name of an array in the file; got {self.activity!r}")
        check_names("variables", self.variables, mapping=True)
        for name in ("bin_size", "sampling_period", "time_scale"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name), "number of seconds")
        for name in ("time", "interval"):
            _check_values(name, getattr(self, name))


def _check_values(name: str, given: Any) -> None:
    """Time stamps and intervals are a name, or an array of a value or of two a row."""
    if given is None or isinstance(given, str):
        return
    dimensions = (1,) if name == "time" else (1, 2)
    if np.ndim(given) not in dimensions:
        raise InputError(f"{name} must be a name, or an array of a value for each sample; got {given!r}")


@dataclass(frozen=True)
class Contents:
    """The entries of a source, by role and by name."""

    source: str
    entries: list[Entry]

    def of_role(self, role: str) -> list[Entry]:
        """Entries that look like a role."""
        return [entry for entry in self.entries if role_of(entry) == role]

    def named(self, name: str, what: str) -> Entry:
        """The entry of that name, or an error with the listing."""
        return named_entry(self.source, self.entries, name, what)

    def error(self, why: str) -> InputError:
        """An error that ends in the listing."""
        return InputError(f"{why}\n{listing(self.source, self.entries)}")

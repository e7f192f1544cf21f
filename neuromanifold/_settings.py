"""Settings: what a caller states beside the data, checked before any work; each message names, allows and shows."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from neuromanifold._errors import InputError

__all__ = [
    "check_choice",
    "check_flag",
    "check_jobs",
    "check_level",
    "check_mapping",
    "check_name",
    "check_names",
    "check_number",
    "check_path",
    "check_positive",
    "check_sequence",
    "check_whole",
    "check_widths",
]


def check_whole(name: str, value: Any, least: int, most: int | None = None) -> None:
    """See that a setting is a whole number from ``least`` to ``most``.

    Raises
    ------
    InputError
    """
    if not isinstance(value, Integral) or int(value) < least or (most is not None and int(value) > most):
        limits = f"at least {least}" if most is None else f"from {least} to {most}"
        raise InputError(f"{name} must be a whole number, {limits}; got {value!r}")


def check_number(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf, *, what: str = "a number"
) -> None:
    """See that a setting is a number in ``[low, high]``, and finite.

    Raises
    ------
    InputError
    """
    if not isinstance(value, Real) or not math.isfinite(value) or not low <= float(value) <= high:
        least = "and finite" if low == -math.inf else f"at least {low:g}"
        limits = least if high == math.inf else f"from {low:g} to {high:g}"
        raise InputError(f"{name} must be {what}, {limits}; got {value!r}")


def check_positive(name: str, value: Any, what: str = "number") -> None:
    """See that a setting is a positive, finite number.

    Raises
    ------
    InputError
    """
    if not isinstance(value, Real) or not 0 < float(value) < math.inf:
        raise InputError(f"{name} must be a positive {what}, got {value!r}")


def check_level(value: Any, name: str = "level") -> None:
    """See that the coverage of a band, or the level of a test, is between 0 and 1, neither of them.

    Raises
    ------
    InputError
    """
    if not isinstance(value, Real) or not 0 < float(value) < 1:
        raise InputError(f"{name} must be a number between 0 and 1, neither of them; got {value!r}")


def check_flag(name: str, value: Any) -> None:
    """See that a setting is True or False.

    Raises
    ------
    InputError
    """
    # numpy's is no bool, and has another name before numpy 2.
    if type(value).__name__ not in ("bool", "bool_"):
        raise InputError(f"{name} must be True or False; got {value!r}")


def check_choice(name: str, value: Any, allowed: Collection[Any]) -> None:
    """See that a setting is one of those allowed.

    Raises
    ------
    InputError
    """
    # True equals 1, but is not meant by it; numpy's strings are strings.
    is_flag = isinstance(value, bool)
    alike = (one for one in allowed if isinstance(value, type(one)) and isinstance(one, bool) == is_flag)
    if not any(value == one for one in alike):
        raise InputError(f"{name} must be one of {', '.join(map(repr, allowed))}; got {value!r}")


def check_names(name: str, value: Any, *, mapping: bool = False) -> None:
    """See that a setting is a name, a sequence of names (where ``mapping``, a mapping of them too), or None.

    Raises
    ------
    InputError
    """
    names = [value] if isinstance(value, str) or value is None else value
    listed = isinstance(names, Iterable) and (mapping or not isinstance(names, Mapping))
    if not listed or not all(isinstance(one, str) or one is None for one in names):
        raise InputError(f"{name} must be a name or a sequence of names; got {value!r}")


def check_name(name: str, value: Any) -> None:
    """See that a setting is one name.

    Raises
    ------
    InputError
    """
    if not isinstance(value, str):
        raise InputError(f"{name} must be a name; got {value!r}")


def check_mapping(name: str, value: Any, what: str) -> None:
    """See that a setting is a mapping of names to values; ``what`` says of which, with an example.

    Raises
    ------
    InputError
    """
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InputError(f"{name} must be a mapping of {what}; got {value!r}")


def check_sequence(name: str, value: Any, what: str) -> None:
    """See that a setting is a sequence of several values; ``what`` says of which.

    Raises
    ------
    InputError
    """
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise InputError(f"{name} must be a sequence of {what}; got {value!r}")


def check_path(name: str, value: Any) -> None:
    """See that a setting is the path of a file or folder.

    Raises
    ------
    InputError
    """
    if not isinstance(value, str | os.PathLike):
        raise InputError(f"{name} must be a path; got {value!r}")


def check_widths(name: str, value: Any) -> None:
    """See that a setting is a sequence of widths of hidden layers.

    Raises
    ------
    InputError
    """
    if not isinstance(value, Sequence) or not all(isinstance(width, Integral) and int(width) > 0 for width in value):
        raise InputError(f"{name} must be a sequence of widths of hidden layers, such as (64, 64); got {value!r}")


def check_jobs(n_jobs: Any) -> None:
    """See that a number of parallel workers is one that joblib knows.

    Raises
    ------
    InputError
    """
    if n_jobs is not None and (not isinstance(n_jobs, Integral) or n_jobs == 0):
        raise InputError(f"n_jobs must be None, a number of workers, or -1 for one a core; got {n_jobs!r}")

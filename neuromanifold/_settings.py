"""Settings: what a caller states beside the data, checked before any work; each message names, allows and shows."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from numbers import Integral, Real
from typing import Any

from neuromanifold._errors import InputError

__all__ = ["check_choice", "check_jobs", "check_names", "check_number", "check_positive", "check_whole", "check_widths"]


def check_whole(name: str, value: Any, least: int, most: int | None = None) -> None:
    """See that a setting is a whole number from ``least`` to ``most``.

    Raises
    ------
    InputError
    """
    if not isinstance(value, Integral) or int(value) < least or (most is not None and int(value) > most):
        limits = f"at least {least}" if most is None else f"from {least} to {most}"
        raise InputError(f"{name} must be a whole number, {limits}; got {value!r}")


def check_number(name: str, value: Any, low: float, high: float = math.inf, *, what: str = "a number") -> None:
    """See that a setting is a number in ``[low, high]``, and finite.

    Raises
    ------
    InputError
    """
    if not isinstance(value, Real) or not math.isfinite(value) or not low <= float(value) <= high:
        limits = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
        raise InputError(f"{name} must be {what}, {limits}; got {value!r}")


def check_positive(name: str, value: Any, what: str = "number") -> None:
    """See that a setting is a positive, finite number.

    Raises
    ------
    InputError
    """
    if not isinstance(value, Real) or not 0 < float(value) < math.inf:
        raise InputError(f"{name} must be a positive {what}, got {value!r}")


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


def check_names(name: str, value: Any) -> None:
    """See that a setting is a name, a sequence or mapping of names, or None.

    Raises
    ------
    InputError
    """
    names = [value] if isinstance(value, str) or value is None else value
    if not isinstance(names, Iterable) or not all(isinstance(one, str) or one is None for one in names):
        raise InputError(f"{name} must be a name or a sequence of names; got {value!r}")


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

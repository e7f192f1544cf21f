"""Settings of ``analyze``: what each may be whatever the recording, seen to before any is read.

What depends on the recording (is there such a variable?) is seen to when it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from neuromanifold._errors import InputError
from neuromanifold._random import numpy_generator
from neuromanifold._settings import check_jobs, check_name, check_names, check_whole
from neuromanifold.data.smoothing import check_smoothing
from neuromanifold.manifolds import resolve
from neuromanifold.models.devices import resolve_device
from neuromanifold.topology.checks import check_shuffles

__all__ = ["CHECKS", "check_settings"]


def _anything(_: Any) -> None:
    """True or false."""


def _or_none(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "variable": partial(check_names, "variable"),
    "template": _or_none(resolve),
    "smoothing": partial(check_smoothing, "smoothing"),
    "topology_smoothing": partial(check_smoothing, "topology_smoothing"),
    "n_shuffles": check_shuffles,
    "n_bootstrap": lambda value: check_whole("n_bootstrap", value, 0),
    "template_vote": _anything,
    "condition": _or_none(partial(check_name, "condition")),
    "offsets": _or_none(partial(check_name, "offsets")),
    "sensitivity": _anything,
    "sweep": _anything,
    "device": resolve_device,
    "n_jobs": check_jobs,
    "verbose": _anything,
    "random_state": numpy_generator,
}


def check_settings(given: Mapping[str, Any]) -> None:
    """See that settings of :func:`neuromanifold.analyze` are right for some recording.

    Raises
    ------
    InputError
        If there is no such setting, it can never be right, or it needs a variable and there is none.
    """
    unknown = [name for name in given if name not in CHECKS]
    if unknown:
        raise InputError(f"analyze has no setting {', '.join(unknown)}; there are {', '.join(CHECKS)}")
    for name, value in given.items():
        CHECKS[name](value)
    variable = given.get("variable")
    for name in ("sensitivity", "offsets"):
        if given.get(name) and (variable is None or not len(variable)):
            raise InputError(f"{name} is about a variable: give the variable that is the coordinate")

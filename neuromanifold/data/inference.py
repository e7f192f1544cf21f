"""What a variable is, told from its name and its values: kind, units and period.

A recording states for every variable its ``kind`` and ``units``. Files rarely do, so what is missing is
inferred, and every inference is said aloud in one :class:`InferenceWarning`:

* a unit suffix of the name (``_rad``, ``_deg``, ``_cm``, ``_cm_s``, ``_hz`` ...) gives the units;
* an angle (by units, or by a name such as ``heading``) whose values fit in one period is circular; without
  units, values within 2π are radians and values within 360 are degrees;
* texts, booleans and integers with few distinct values are categorical; everything else is linear.
"""

from __future__ import annotations

import re
import sys
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neuromanifold.data.blocks import read

__all__ = [
    "PERIODS",
    "InferenceWarning",
    "Meaning",
    "activity_meaning",
    "fits_one_period",
    "standard_units",
    "units_of_name",
    "variable_meaning",
    "warn",
]

PERIODS = {"rad": 2 * np.pi, "deg": 360.0, "turn": 1.0}
_SUFFIXES = {
    "cm_per_s": "cm/s",
    "m_per_s": "m/s",
    "cm_s": "cm/s",
    "m_s": "m/s",
    "mm_s": "mm/s",
    "rad_s": "rad/s",
    "deg_s": "deg/s",
    "radians": "rad",
    "degrees": "deg",
    "rad": "rad",
    "deg": "deg",
    "turn": "turn",
    "mm": "mm",
    "cm": "cm",
    "m": "m",
    "px": "px",
    "hz": "Hz",
    "ms": "ms",
    "s": "s",
}
_SPELLED = {
    "radian": "rad", "radians": "rad", "degree": "deg", "degrees": "deg", "meter": "m", "meters": "m", "metre": "m",
    "metres": "m", "centimeter": "cm", "centimeters": "cm", "centimetres": "cm", "millimeters": "mm", "pixel": "px",
    "pixels": "px", "second": "s", "seconds": "s", "meters/second": "m/s", "cm/sec": "cm/s", "hertz": "Hz",
}  # fmt: skip
_UNSTATED = ("", "n/a", "na", "n.a.", "none", "unknown", "unspecified", "undefined", "arbitrary", "arbitrary units",
             "au", "a.u.", "arb. units", "dimensionless", "lumens")  # fmt: skip
_ANGLE_NAME = re.compile(
    r"(^|_|\.)(head_?dir\w*|hd|heading|direction|dir|angles?|ang|orientation|azimuth|theta|phi|phase)($|_|\.|\d)",
    re.IGNORECASE,
)
_COUNT_NAME = re.compile(r"count|spike", re.IGNORECASE)
_RATE_NAME = re.compile(r"rate|_hz$|firing", re.IGNORECASE)
_MAX_CATEGORIES = 20


class InferenceWarning(UserWarning):
    """Something a recording did not state was inferred; the message says what, why, and how to state it."""


@dataclass(frozen=True)
class Meaning:
    """Kind, units and period of a variable, and the reason they were inferred."""

    kind: str
    units: str
    period: float | None
    reason: str

    def attrs(self) -> dict[str, Any]:
        """The attrs that state this meaning on a variable."""
        stated: dict[str, Any] = {"kind": self.kind, "units": self.units}
        return stated if self.period is None else {**stated, "period": self.period}


def warn(message: str, category: type[Warning] = InferenceWarning) -> None:
    """Warn at the first caller outside this package, so that the line shown is the user's own."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == "neuromanifold":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def units_of_name(name: str) -> str | None:
    """Units that the end of a name states (``head_direction_rad`` -> ``rad``), else None."""
    stem = re.sub(r"_\d+$", "", name.lower())
    for suffix, units in _SUFFIXES.items():
        if stem.endswith(f"_{suffix}"):
            return units
    return None


def standard_units(stated: str) -> str | None:
    """Units as this package writes them (``radians`` -> ``rad``); None for words that say nothing."""
    word = stated.strip().lower()
    return None if word in _UNSTATED else _SPELLED.get(word, stated.strip())


def fits_one_period(values: npt.NDArray[Any], period: float) -> bool:
    """Whether all known values lie within [-P, P] and span no more than P (0.1 % slack)."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return True
    low, high = float(known.min()), float(known.max())
    slack = 1e-3 * period
    return low >= -period - slack and high <= period + slack and high - low <= period + slack


def variable_meaning(name: str, values: npt.NDArray[Any], units: str | None = None) -> Meaning:
    """Kind, units and period of a task variable, from ``units`` if stated, else from its name or range."""
    stated = units or units_of_name(name)
    if values.dtype.kind in "USOb":
        return Meaning("categorical", stated or "category", None, "its values are labels")
    if stated in PERIODS:
        return _angle(values, stated, "units" if units else "its name")
    if stated is not None:
        return Meaning("linear", stated, None, "its units" if units else "its name")
    if _ANGLE_NAME.search(name):
        return _angle_by_range(values)
    if values.dtype.kind in "iu" and len(np.unique(values)) <= _MAX_CATEGORIES:
        return Meaning("categorical", "category", None, "integers with few distinct values")
    return Meaning("linear", "unknown", None, "neither its name nor its range says otherwise")


def _angle(values: npt.NDArray[Any], units: str, source: str) -> Meaning:
    period = PERIODS[units]
    if fits_one_period(values, period):
        return Meaning("circular", units, period, f"{source} says {units} and its values fit in one period")
    return Meaning("linear", units, None, f"{source} says {units} but its values exceed one period: unwrapped")


def _angle_by_range(values: npt.NDArray[Any]) -> Meaning:
    for units in ("rad", "deg"):
        if fits_one_period(values, PERIODS[units]):
            return Meaning("circular", units, PERIODS[units], f"its name is an angle's, its range says {units}")
    return Meaning("linear", "unknown", None, "its name is an angle's but its values exceed 360")


def activity_meaning(name: str, values: Any, units: str | None = None) -> Meaning:
    """Kind and units of activity (n, d), from up to some 10,000 samples of it: counts are whole and non-negative, a
    rate is said to be one.
    """
    if (units or "").lower() == "hz" or _RATE_NAME.search(name):
        return Meaning("rate", "Hz", None, "its name or units say so")
    if values.dtype.kind in "iub" or (values.dtype.kind == "f" and _COUNT_NAME.search(name)):
        sample = read(values, slice(None, None, max(1, len(values) // 10_000))).astype(np.float64)
        if np.all(sample >= 0) and np.all(sample == np.floor(sample)):
            return Meaning("counts", units or "spikes/bin", None, "whole non-negative numbers")
    return Meaning("continuous", units or "a.u.", None, "not counts by name or type")

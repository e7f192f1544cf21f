"""What comes in as an array: the one place where a stranger's values become real numbers, checked.

A masked value is an unknown one, NaN. Numbers whose squares overflow or underflow are refused: every later step squares
them, and would give zero or infinity in silence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from neuromanifold._errors import InputError, NotNumbersError
from neuromanifold._typing import ArrayLike, FloatArray

__all__ = [
    "matrix",
    "numbers",
    "numbers_or_texts",
    "real_numbers",
    "scale_fault",
    "unmasked",
    "validated",
    "validated_with_targets",
    "varying",
]

LARGEST, SMALLEST = 1e100, 1e-100


def unmasked(values: Any) -> Any:
    """The values, those that are masked replaced by NaN; anything but a masked array as it is."""
    if not isinstance(values, np.ma.MaskedArray):
        return values
    return np.ma.filled(values.astype(np.float64), np.nan) if values.dtype.kind in "iufb" else np.ma.filled(values)


def numbers(values: Any, what: str) -> npt.NDArray[Any]:
    """An array of any shape, of booleans, whole or real numbers, in its own type; objects become float64.

    Raises
    ------
    NotNumbersError
        If they are not numbers, complex, ragged or sparse; ``what`` is their name in the message.
    """
    if sparse.issparse(values):
        raise NotNumbersError(f"{what} is a sparse matrix; give a dense array, its .toarray()")
    try:
        array = np.asarray(unmasked(values))
        array = array.astype(np.float64) if array.dtype.kind == "O" else array
    # Whatever an object of a stranger's raises when it is asked for its numbers.
    except Exception as error:
        raise NotNumbersError(
            f"{what} must be an array of numbers, all rows of one length; a {type(values).__name__} was given ({error})"
        ) from error
    if array.dtype.kind == "c":
        raise NotNumbersError(f"{what} is complex. Complex data not supported: give real numbers")
    if array.dtype.kind not in "iufb":
        raise NotNumbersError(f"{what} has dtype {array.dtype}; it must be numbers: convert it with .astype(float)")
    return array


def real_numbers(values: Any, what: str) -> FloatArray:
    """:func:`numbers` as float64; NaN is allowed."""
    return numbers(values, what).astype(np.float64, copy=False)


def numbers_or_texts(values: Any, what: str) -> npt.NDArray[Any]:
    """:func:`numbers`, or texts where any value is one; then an unknown one, None or NaN, is the empty text."""
    given = unmasked(values)
    found = np.asarray(given, dtype=None if hasattr(given, "dtype") else object)
    if found.dtype.kind not in "OU" or not any(isinstance(one, str) for one in found.flat):
        return numbers(values, what)
    texts = ["" if one is None or (isinstance(one, float) and np.isnan(one)) else str(one) for one in found.flat]
    return np.array(texts).reshape(found.shape)


def scale_fault(values: npt.NDArray[Any]) -> str | None:
    """What is wrong with the size of finite numbers (n, ...), None if nothing is."""
    if not values.size:
        return None
    largest = max(float(values.max()), -float(values.min()))
    if largest > LARGEST:
        return f"reaches {largest:.3g}, too large: squares of it overflow. Scale it to below {LARGEST:.0e}"
    spread = float((values.max(axis=0).astype(np.float64) - values.min(axis=0)).max())
    if 0 < spread < SMALLEST:
        return f"varies by {spread:.3g} at most, too small: squares of it underflow. Scale it to above {SMALLEST:.0e}"
    return None


def matrix(values: Any, what: str) -> FloatArray:
    """Finite numbers (n, d) as float64, neither n nor d zero.

    Raises
    ------
    InputError
        If they are not; ``what`` is their name in the message.
    """
    found = real_numbers(values, what)
    if found.ndim != 2 or not found.size:
        raise InputError(f"{what} must be an array (n samples, d units), not empty; got shape {found.shape}")
    bad = int((~np.isfinite(found)).sum())
    if bad:
        raise InputError(f"{what}: {bad} of {found.size} values are NaN or infinite; leave those rows out")
    wrong = scale_fault(found)
    if wrong is not None:
        raise InputError(f"{what} {wrong}")
    return found


def varying(values: Any, what: str) -> FloatArray:
    """:func:`matrix` of samples that are not all the same.

    Raises
    ------
    InputError
        If they are, or as :func:`matrix`.
    """
    found = matrix(values, what)
    if not np.ptp(found, axis=0).any():
        raise InputError(f"{what} is constant, the same in every sample (n_samples={len(found)}): give what varies")
    return found


def validated(estimator: BaseEstimator, X: ArrayLike, *, reset: bool) -> FloatArray:
    """X (n, d) as float64, checked as scikit-learn does, ``reset`` where the estimator is fitted to it.

    Raises
    ------
    InputError
        If it is not a matrix of real, finite numbers, or not of as many units as in the fit.
    """
    return _validated(estimator, X, reset=reset)


def validated_with_targets(
    estimator: BaseEstimator, X: ArrayLike, y: ArrayLike, **checks: bool
) -> tuple[FloatArray, npt.NDArray[Any]]:
    """X (n, d) as float64 and a target or more for each row, (n,) or (n, p), as the estimator is fitted to them.

    ``checks`` are those of scikit-learn's ``check_X_y``.

    Raises
    ------
    InputError
        As in :func:`validated`, or if targets do not fit X, are unknown, or are not numbers where ``y_numeric``.
    """
    mask = np.ma.getmaskarray(y) if isinstance(y, np.ma.MaskedArray) else np.zeros(0, dtype=bool)
    if mask.any():
        raise InputError(
            f"y is masked, unknown, in {mask.sum()} of {mask.size} values: leave those rows out of X and y"
        )
    if y is not None and checks.get("y_numeric"):
        numbers(y, "y")
    data, targets = _validated(estimator, X, y, **checks)
    wrong = scale_fault(targets) if targets.dtype.kind == "f" else None
    if wrong is not None:
        raise InputError(f"y {wrong}")
    return data, targets


def _validated(estimator: BaseEstimator, X: ArrayLike, *targets: Any, **checks: bool) -> Any:
    numbers(X, "X cannot be used: it")
    try:
        found = validate_data(estimator, unmasked(X), *targets, dtype=np.float64, **checks)
    except (ValueError, TypeError) as error:
        given, rows = "X", ""
        if targets:
            shapes = " and ".join(str(np.shape(np.asarray(values, dtype=object))) for values in (X, *targets))
            given, rows = f"X and y of shapes {shapes}", ", and y a value for each"
        raise InputError(
            f"{given} cannot be used: {_fault(error)}. X must be activity (n samples, d units){rows}, all finite: "
            "leave out or interpolate rows that are not"
        ) from error
    data = found[0] if targets else found
    wrong = scale_fault(data)
    if wrong is not None:
        raise InputError(f"X {wrong}")
    # A tensor cannot share the memory of an array that must not be written to, such as a read-only memory map.
    data = np.require(data, requirements="W")
    return (data, *found[1:]) if targets else data


def _fault(error: Exception) -> str:
    """scikit-learn's complaint, without its advice to take estimators that can do with missing values."""
    said = str(error)
    said = said.split("\n", 1)[0] if "NaN" in said or "infinity" in said else " ".join(said.split())
    return said.rstrip(".")

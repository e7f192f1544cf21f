"""Geometry beside geometry: the curvature profiles of two manifolds along the task variable that both were fitted with.

Two curves given in the same task coordinate are compared point by point: |H| without units (times Length / 2π) and
the log volume element less its mean, so that neither the units nor the number of neurons matter. Their correlation
over the circle stands against those after one profile was rotated: ``p`` is the share of rotations, none included,
that correlate at least as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import xarray as xr

from neuromanifold import __version__
from neuromanifold._errors import InputError
from neuromanifold._settings import check_names
from neuromanifold._typing import FloatArray

__all__ = ["curvature", "curvature_matrix"]

TASK = "task coordinates"
QUANTITIES = ("dimensionless_mean_curvature", "log_volume")
PARTS = ("", "_lower", "_upper")


def curvature(A: xr.Dataset, B: xr.Dataset, names: tuple[str, str] = ("A", "B")) -> xr.Dataset:
    """Two curvature profiles on one grid of the task variable, their bands, and how they correlate.

    Parameters
    ----------
    A, B : Dataset
        Of :func:`neuromanifold.curvature_profile`, of circles fitted with the same circular task variable, or of
        :func:`neuromanifold.profile.immersion_profile`, of known circles over it, on the same grid.
    names : (str, str)
        Of the two.

    Returns
    -------
    Dataset
        ``dimensionless_mean_curvature`` and ``log_volume`` (less its mean), with ``_lower`` and ``_upper`` where both
        have bands (representation, angle); scalars ``…_correlation`` and ``…_p_value`` of each.

    Raises
    ------
    InputError
        If a profile is not of a circle in task coordinates, the grids differ, or the names do not.
    """
    check_names("names", names)
    if isinstance(names, str) or len(set(names)) != 2 or len(names) != 2:
        raise InputError(f"names must be two different names, one for each profile; got {names!r}")
    return _beside(A, B, names)


def curvature_matrix(
    A: Mapping[str, xr.Dataset],
    B: Mapping[str, xr.Dataset] | None = None,
    quantity: Literal["dimensionless_mean_curvature", "log_volume"] = "dimensionless_mean_curvature",
) -> xr.Dataset:
    """Correlate every curvature profile of A with every one of B: the geometry beside a :func:`matrix`.

    Parameters
    ----------
    A, B : mapping of names to profiles
        As in :func:`curvature`. B None: those of A with each other.
    quantity : {"dimensionless_mean_curvature", "log_volume"}

    Returns
    -------
    Dataset
        ``value`` (the correlation) and ``p_value`` against rotations (a, b), with the names as coordinates.

    Raises
    ------
    InputError
        For an unknown quantity, empty mappings, and whatever :func:`curvature` refuses.
    """
    B = A if B is None else B
    if quantity not in QUANTITIES:
        raise InputError(f"quantity must be one of {', '.join(QUANTITIES)}, got {quantity!r}")
    if not (A and B):
        raise InputError("there is no profile to compare: give one name with its profile at least")
    found = [[_beside(one, other, (a, b)) for b, other in B.items()] for a, one in A.items()]
    cells = {"value": f"{quantity}_correlation", "p_value": f"{quantity}_p_value"}
    table = {name: [[float(pair[key]) for pair in row] for row in found] for name, key in cells.items()}
    measure = str(found[0][0][cells["value"]].attrs["long_name"])
    return xr.Dataset(
        {name: (("a", "b"), values, {"units": "1"}) for name, values in table.items()},
        coords={"a": list(A), "b": list(B)},
        attrs=found[0][0].attrs | {"measure": measure},
    )


def _beside(A: xr.Dataset, B: xr.Dataset, names: tuple[str, str]) -> xr.Dataset:
    for profile, name in zip((A, B), names, strict=True):
        _check(profile, name)
    angle = A["angle_0"].to_numpy()
    if not np.array_equal(angle, B["angle_0"].to_numpy()):
        raise InputError(
            f"the profiles have {A.sizes['point']} and {B.sizes['point']} points: make both with the same n_points"
        )
    found = xr.Dataset(
        coords={
            "representation": list(names),
            "angle": ("angle", angle, {"units": "radian", "period": 2 * np.pi}),
        },
        attrs={"version": __version__, "null": "rotations of one profile", "n_rotations": angle.size},
    )
    for quantity in QUANTITIES:
        curves = np.stack([A[quantity].to_numpy(), B[quantity].to_numpy()])
        offset = curves.mean(axis=1) if quantity == "log_volume" else np.zeros(2)
        for part in PARTS:
            if f"{quantity}{part}" in A and f"{quantity}{part}" in B:
                values = np.stack([profile[f"{quantity}{part}"].to_numpy() for profile in (A, B)]) - offset[:, None]
                found[f"{quantity}{part}"] = (("representation", "angle"), values, _attrs(A, quantity))
        correlation, p_value = _rotated(*curves)
        name = A[quantity].attrs.get("long_name", quantity)
        found[f"{quantity}_correlation"] = ((), correlation, {"long_name": f"correlation of {name}", "units": "1"})
        found[f"{quantity}_p_value"] = ((), p_value, {"long_name": f"p of the correlation of {name}", "units": "1"})
    levels = [profile.attrs.get("level") for profile in (A, B)]
    return found.assign_attrs(level=levels[0]) if levels[0] is not None and levels[0] == levels[1] else found


def _check(profile: xr.Dataset, name: str) -> None:
    # Without a gauge, the profile is of a map that was given, not fitted: its angle is what it is a map of.
    template, gauge = profile.attrs.get("template"), profile.attrs.get("gauge", TASK)
    if template != "circle" or gauge != TASK:
        raise InputError(
            f"{name} is the profile of a {template} in the gauge {gauge!r}: only circles fitted with the task variable "
            "as their angle can be compared point by point"
        )


def _attrs(profile: xr.Dataset, quantity: str) -> dict[str, str]:
    attrs = dict(profile[quantity].attrs)
    return (
        attrs | {"long_name": f"{attrs['long_name']}, less its mean", "units": ""}
        if quantity == "log_volume"
        else attrs
    )


def _rotated(a: FloatArray, b: FloatArray) -> tuple[float, float]:
    """Correlation of two periodic curves (n,), and the share of rotations of b that correlate at least as well."""
    x, y = a - a.mean(), b - b.mean()
    size = np.linalg.norm(x) * np.linalg.norm(y)
    if not size > 1e-12 * max(1.0, float(np.abs(a).max() * np.abs(b).max())):
        return float("nan"), float("nan")
    correlations = np.array([x @ np.roll(y, shift) for shift in range(len(y))]) / size
    return float(correlations[0]), float(np.mean(correlations >= correlations[0] - 1e-12))

"""Bands about a profile from draws of the manifold: pointwise and simultaneous.

With draws q_b of a quantity at every point and the estimate q there,

    pointwise      q ± t r,   r^2 = mean_b (q_b - q)^2,  t the quantile of Student's law with the degrees of
                   freedom of r, from the draws and the resampled units;
    simultaneous   q ± c r,   c the quantile over draws of ``max over points |q_b - q| / r``, r of the other draws.

The draws hold the noise of the estimate and its smoothing bias (:mod:`~neuromanifold.models.decoder_draws`), so a
pointwise band covers at its level on average over the points, not at every single one: where the manifold bends most
sharply it covers less, elsewhere more (Nychka 1988). Noise bends: ``|H|`` of a noisy decoder is larger on average, by
``mean_b |H_b| - |H(mean_b)|``, which is shown, and taken off in ``_corrected``.
"""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from scipy.stats import t as student

from neuromanifold._typing import FloatArray

__all__ = ["band", "with_bands"]

NORM = "mean_curvature_norm"
# Norms: their bands end at zero.
NOT_NEGATIVE = (NORM, "dimensionless_mean_curvature")
KINDS = {"": "pointwise", "_simultaneous": "simultaneous"}
METHOD = (
    "units of resampling (blocks of samples, or intervals) drawn with replacement, smoothing bias from the prior; "
    "estimate ± root-mean-square deviations of the draws"
)
SIGNED = "with the sign of the component along the estimate's own H"
CONTENT = (
    "noise of the activity as it is (unequal, correlated within units) and smoothing bias, at the coordinates of the "
    "labels or of the posterior; without labels only what moves the manifold, not points along it"
)


def with_bands(profile: xr.Dataset, draws: dict[str, FloatArray], level: float, n_units: int) -> xr.Dataset:
    """The profile with ``NAME_lower``, ``NAME_upper``, ``NAME_simultaneous_lower`` and ``_upper`` of each quantity.

    The draws of |H| and of |H| without units stay beside them as ``NAME_draws`` (draw, point), for statistics of
    several profiles (:mod:`neuromanifold.statistics.pooling`).

    Parameters
    ----------
    draws : dict of array (n_draws + 1, n_points)
        By quantity, of each draw and, in the last row, of the draws' mean decoder; NaN where singular.
    level : float
        Coverage, of a point on average and of the whole profile.
    n_units : int
        Blocks or intervals that were resampled.
    """
    n_draws = len(draws[NORM]) - 1
    for name, rows in draws.items():
        estimate, attrs = profile[name].to_numpy(), profile[name].attrs
        bounded = band(estimate, rows[:-1], n_units, level, not_negative=name in NOT_NEGATIVE)
        for suffix, (bounds, end) in bounded.items():
            profile[f"{name}{suffix}"] = ("point", bounds, attrs | {"long_name": f"{attrs['long_name']}, {end}"})
        if name in NOT_NEGATIVE:
            meaning = {"long_name": f"{attrs['long_name']}, draws of its band", "convention": SIGNED}
            profile[f"{name}_draws"] = (("draw", "point"), rows[:-1], attrs | meaning)
    about = {"level": level, "n_bootstrap": n_draws, "n_resampled": n_units}
    profile.attrs |= about | {"band_method": METHOD, "band_holds": CONTENT}
    return _without_noise_bias(profile, np.abs(draws[NORM]))


def band(
    estimate: FloatArray, draws: FloatArray, n_units: int, level: float, *, not_negative: bool = False
) -> dict[str, tuple[FloatArray, str]]:
    """Ends of both bands about an estimate (n_points,) from draws of it (n_draws, n_points), and what each is.

    Parameters
    ----------
    estimate, draws : arrays
        NaN where unknown.
    n_units : int
        What was resampled: Student's law has one degree of freedom less.
    level : float
        Coverage.
    not_negative : bool
        Bands of norms end at zero.

    Returns
    -------
    dict
        ``_lower``, ``_upper``, ``_simultaneous_lower`` and ``_simultaneous_upper``.
    """
    deviation = draws - estimate
    with np.errstate(invalid="ignore"):
        reach = np.nanmean(deviation**2, axis=0) ** 0.5
    factors = _pointwise(len(draws), n_units, level), _simultaneous(deviation, reach, n_units, level)
    found = {}
    for kind, factor in zip(KINDS, factors, strict=True):
        lower = estimate - factor * reach
        for end, bound in (
            ("lower", np.maximum(lower, 0) if not_negative else lower),
            ("upper", estimate + factor * reach),
        ):
            found[f"{kind}_{end}"] = bound, f"{end} end of the {KINDS[kind]} band"
    return found


def _without_noise_bias(profile: xr.Dataset, norms: FloatArray) -> xr.Dataset:
    bias = np.nanmean(norms[:-1], axis=0) - norms[-1]
    corrected = np.maximum(profile[NORM].to_numpy() - bias, 0)
    for kind, values, name in (
        ("noise_bias", bias, "noise bias of |H|"),
        ("corrected", corrected, "|H| less noise bias"),
    ):
        profile[f"{NORM}_{kind}"] = ("point", values, profile[NORM].attrs | {"long_name": name})
    return profile


def _pointwise(n_draws: int, n_units: int, level: float) -> float:
    """Quantile of Student's law: a variance about a known centre has as many degrees of freedom as draws, that of the
    units about their mean one less than units, and relative errors of both add up.
    """
    freedom = 1 / (1 / n_draws + 1 / max(n_units - 1, 1))
    return float(student.ppf((1 + level) / 2, freedom))


def _simultaneous(deviation: FloatArray, reach: FloatArray, n_units: int, level: float) -> float:
    """Quantile over draws of the largest deviation in units of the other draws' reach; widened for the finite number
    of units.
    """
    n = len(deviation)
    largest = np.sort(_of_the_others(np.abs(deviation), reach, n))
    # A new draw lies below the k-th of n with probability k / (n + 1).
    factor = float(largest[min(math.ceil((n + 1) * level), n) - 1])
    ratio = student.ppf((1 + level) / 2, max(n_units - 1, 1)) / student.ppf((1 + level) / 2, np.inf)
    return max(factor * float(ratio), _pointwise(n, n_units, level))


def _of_the_others(deviation: FloatArray, reach: FloatArray, n: int) -> FloatArray:
    """Largest deviation (n,) of each draw over the root mean square of the other draws': ``z sqrt((n - 1) / (n -
    z^2))`` for z the deviation over that of all.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(reach > 0, deviation / reach, 0.0)
        others = np.maximum((n - z**2) / max(n - 1, 1), 1e-3)
        return np.nanmax(z / np.sqrt(others), axis=1)

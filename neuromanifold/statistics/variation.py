"""Does curvature vary along a task variable, beyond noise, and where?

Two things could make |H| seem to vary along a variable v, and each is tested.

*Noise of the estimate.* The fitted |H| of a round circle is not constant, and a latent that follows v would carry its
bumps along v. A shift of v in time cannot tell: it also destroys what v knows of true bends; and refits to shifted
labels have no manifold left to be bent. So the estimate |H| in bins of v is held against the draws of its bands
(:mod:`~neuromanifold.bootstrap`): resampled blocks of time, the choice of prior, and smoothing bias. If the true |H| is
constant, departures of the estimate from its mean over bins are such deviations,

    t = (departure of |H|) / r,   t_b = (departure of |H_b| - |H|) / r,   r the root mean square of |H_b| - |H|,

and p compares the mean over bins of t² with that of t_b²; the largest |t_b| of each draw gives p-values of single bins
that hold for all bins together. (Refits without each block of time keep the choice of prior, which has followed the
noise: their spread was a third too small, and even rings were called uneven in a fifth of recordings.)

*The variable.* |H| at the samples may vary, but not with v. v is rolled in time inside each interval against it, which
keeps the autocorrelation of both; the statistic is the share of the variance of |H| between bins of v.

Curvature varies along v where both fail to explain it: the p-value is the larger of the two.

References
----------
Westfall & Young (1993), Resampling-based multiple testing (largest statistics).
"""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr

from neuromanifold._random import numpy_generator
from neuromanifold._settings import check_name, check_whole
from neuromanifold._typing import ArrayLike, FloatArray, IntArray, RandomState
from neuromanifold.bootstrap import bootstrap_decoders
from neuromanifold.models import TopologicalVAE
from neuromanifold.profile import immersion_profile, replicates
from neuromanifold.statistics.along import Bins, bins_along, nearest_points, sample_points
from neuromanifold.statistics.fitted_arrays import fitted_arrays
from neuromanifold.statistics.nulls import shifted_rows
from neuromanifold.statistics.stamp import quantity, stamped
from neuromanifold.topology.significance import p_value

__all__ = ["curvature_variation"]


def curvature_variation(
    model: TopologicalVAE,
    recording: xr.Dataset,
    variable: str,
    y: ArrayLike | None = None,
    *,
    n_draws: int = 199,
    random_state: RandomState = None,
) -> xr.Dataset:
    """Test whether |H| varies along a task variable, and where.

    Parameters
    ----------
    model : TopologicalVAE
        Fitted to the recording's activity.
    recording : Dataset
        The activity as the model saw it, and the variable.
    variable : str
        Task variable: circular ones in bins of their period, others of their range.
    y : array (n,) or (n, k), optional
        Labels of the fit, where it had any.
    n_draws : int
        Draws of the decoder, and shifts; the smallest p-value is ``1 / (1 + n_draws)``.
    random_state : int, Generator or None

    Returns
    -------
    Dataset
        Scalars ``p_value`` (the larger of ``p_noise`` and ``p_shift``), ``explained`` (share of the variance of |H| at
        the samples between bins) and ``relative_variation`` (standard deviation of |H| over bins, noise taken out, over
        its mean); along ``bin``: ``mean_curvature_norm`` with the noise bias taken out, its ``standard_error``,
        ``departure`` from the mean over bins and ``p_bin``, adjusted for all bins.

    Raises
    ------
    InputError
        If the variable is not in the recording, has no known value, or n_draws is less than 1.
    """
    check_name("variable", variable)
    check_whole("n_draws", n_draws, 1)
    arrays = fitted_arrays(model, recording, y, variable)
    assert arrays.y is not None
    circular = recording[variable].attrs["kind"] == "circular"
    bins = bins_along(arrays.y, 2 * np.pi if circular else None)
    rng = numpy_generator(random_state)
    profile = immersion_profile(model.immersion_)
    place = nearest_points(profile, sample_points(model, arrays.X, y), model.template_)
    norm = profile["mean_curvature_norm"].to_numpy()[place]
    explained, p_shift = _association(norm, bins, arrays.groups, n_draws, rng)
    draws = bootstrap_decoders(model, arrays.X, y, arrays.groups, n_draws, rng)
    centre = torch.stack(draws.weights).mean(0)
    weights = [draws.decoder.weight, centre, *draws.weights]
    norms = np.abs(replicates(draws.decoder, weights, None, model.generative_.activity_jet)["mean_curvature_norm"])
    visited = np.flatnonzero(bins.occupancy)
    found = _departures(_binned(norms, place, bins)[:, visited])
    return _labelled(found, bins, visited, explained, p_shift, recording, variable, random_state, n_draws)


def _binned(curvature: FloatArray, place: IntArray, bins: Bins) -> FloatArray:
    """Mean of |H| (..., n_points) over the samples of each bin, (..., n_bins): a fixed average of points."""
    known = bins.index >= 0
    weight = np.zeros((curvature.shape[-1], len(bins.centres)))
    np.add.at(weight, (place[known], bins.index[known]), 1.0)
    return np.nan_to_num(curvature) @ (weight / np.maximum(bins.occupancy, 1))


def _departures(norms: FloatArray) -> dict[str, FloatArray]:
    """Estimate, departures from its mean over bins, and their p-values, from |H| in bins of the fit, of the draws' mean
    decoder and of the draws (2 + n_draws, n_bins).
    """
    fit, centre, drawn = norms[0], norms[1], norms[2:]
    estimate = fit - (drawn.mean(axis=0) - centre)
    deviation = drawn - fit
    # Rounding of noise-free activity is no evidence of anything.
    reach = np.maximum(np.sqrt(np.square(deviation).mean(axis=0)), 1e-9 * np.abs(fit).mean())
    departure = estimate - estimate.mean()
    by_chance = deviation - deviation.mean(axis=1, keepdims=True)
    t, null = departure / reach, by_chance / reach
    largest = np.abs(null).max(axis=1)
    return {
        "estimate": estimate,
        "departure": departure,
        "standard_error": np.sqrt(np.square(by_chance).mean(axis=0)),
        "p_noise": np.array(p_value(float(np.square(t).mean()), np.square(null).mean(axis=1))),
        "p_bin": np.array([p_value(float(value), largest) for value in np.abs(t)]),
    }


def _association(
    curvature: FloatArray, bins: Bins, groups: IntArray, n_draws: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Share of the variance of |H| (n,) between bins, and its p-value by shifts of the variable in time."""
    values = np.where(np.isfinite(curvature), curvature, np.nanmean(curvature))
    found = _between(values, bins)
    null = [_between(values, Bins(bins.centres, bins.index[shifted_rows(groups, rng)])) for _ in range(n_draws)]
    return found, p_value(found, np.array(null))


def _between(values: FloatArray, bins: Bins) -> float:
    """Correlation ratio: variance of the bins' means over the variance of the samples."""
    known = values[bins.index >= 0]
    total = float(known.var())
    if total <= 1e-18 * float(np.square(known).mean()):
        return 0.0
    spread = bins.occupancy * np.square(np.nan_to_num(bins.means(values)) - known.mean())
    return float(spread.sum() / len(known) / total)


def _labelled(
    found: dict[str, FloatArray],
    bins: Bins,
    visited: IntArray,
    explained: float,
    p_shift: float,
    recording: xr.Dataset,
    variable: str,
    random_state: RandomState,
    n_draws: int,
) -> xr.Dataset:
    unit = "1 / activity unit"
    noise = np.square(found["standard_error"]).mean()
    relative = np.sqrt(max(float(np.square(found["departure"]).mean() - noise), 0.0)) / found["estimate"].mean()
    p_noise = float(found["p_noise"])
    dataset = xr.Dataset(
        {
            "p_value": ((), max(p_noise, p_shift), quantity("p (curvature varies along the variable)")),
            "p_noise": ((), p_noise, quantity("p (no more than noise of the estimate)")),
            "p_shift": ((), p_shift, quantity("p (the variable does not tell curvature)")),
            "explained": ((), explained, quantity("share of the variance of |H| at the samples between bins")),
            "relative_variation": ((), relative, quantity("standard deviation of |H| over bins, over its mean")),
            "mean_curvature_norm": (
                "bin",
                found["estimate"],
                quantity("mean curvature |H|, noise bias taken out", unit, "average convention: 1/R on a circle"),
            ),
            "standard_error": (
                "bin",
                found["standard_error"],
                quantity("root-mean-square error of the departure", unit),
            ),
            "departure": ("bin", found["departure"], quantity("|H| less its mean over bins", unit)),
            "p_bin": ("bin", found["p_bin"], quantity("p of the departure, adjusted for all bins")),
        },
        coords={"bin": ("bin", bins.centres[visited], _bin_attrs(recording[variable]))},
    )
    return stamped(dataset, random_state, variable=variable, n_draws=n_draws)


def _bin_attrs(variable: xr.DataArray) -> dict[str, str | float]:
    if variable.attrs["kind"] == "circular":
        return {"units": "radian", "period": 2 * np.pi, "long_name": str(variable.name)}
    return {"units": str(variable.attrs.get("units", "")), "long_name": str(variable.name)}

"""Does curvature vary along a task variable, beyond noise, and where?

Two things could make |H| seem to vary along a variable v, and each is tested.

*Noise of the estimate.* The fitted |H| of a round circle is not constant, and a latent that follows v would carry its
bumps along v. A shift of v in time cannot tell: it also destroys what v knows of true bends; and refits to shifted
labels have no manifold left to be bent. So the estimate is replicated: |H| in bins of v is refitted without each block
of time, and the jackknife's pseudo-values

    p_b = m_b |H| - (m_b - 1) |H|_(without b),   m_b = n / n_b

are nearly independent, and their mean is free of the noise bias of |H| to first order. If |H| is constant, their
deviations from its mean are noise about zero, as likely of the other sign; whole blocks are flipped at random. The
statistic is the mean over bins of t²; the largest |t| of each draw gives p-values of single bins that hold for all bins
together.

*The variable.* |H| at the samples may vary, but not with v. v is rolled in time inside each interval against it, which
keeps the autocorrelation of both; the statistic is the share of the variance of |H| between bins of v.

Curvature varies along v where both fail to explain it: the p-value is the larger of the two.

References
----------
Busing, Meijer, van der Leeden (1999), Delete-m jackknife for unequal m; Winkler et al. (2014), Permutation inference
for the general linear model (sign flips, largest statistics).
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuromanifold._errors import InputError
from neuromanifold._random import numpy_generator
from neuromanifold._typing import ArrayLike, FloatArray, IntArray, RandomState
from neuromanifold.data.recording import to_arrays
from neuromanifold.models import TopologicalVAE
from neuromanifold.profile import immersion_profile
from neuromanifold.statistics.along import Bins, bins_along, nearest_points, sample_points
from neuromanifold.statistics.block_refits import BlockRefits
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
    n_draws: int = 999,
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
        Sign flips, and shifts; the smallest p-value is ``1 / (1 + n_draws)``.
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
    if n_draws < 1:
        raise InputError(f"n_draws must be at least 1, got {n_draws}")
    arrays = to_arrays(recording, variable)
    assert arrays.y is not None
    circular = recording[variable].attrs["kind"] == "circular"
    bins = bins_along(arrays.y, 2 * np.pi if circular else None)
    rng = numpy_generator(random_state)
    place = nearest_points(immersion_profile(model.immersion_), sample_points(model, arrays.X, y), model.template_)
    refits = BlockRefits(model, arrays.X, y, arrays.groups)
    whole = refits.mean_curvature_norms([np.ones(len(refits.n_samples), int)])[0]
    without = refits.mean_curvature_norms(refits.without_each())
    shares = refits.n_samples / refits.n_samples.sum()
    visited = np.flatnonzero(bins.occupancy)
    pseudo = _pseudo_values(_binned(whole, place, bins)[visited], _binned(without, place, bins)[:, visited], shares)
    found = _departures(pseudo, shares, n_draws, rng)
    explained, p_shift = _association(whole[place], bins, arrays.groups, n_draws, rng)
    return _labelled(found, bins, visited, explained, p_shift, recording, variable, random_state, n_draws)


def _binned(curvature: FloatArray, place: IntArray, bins: Bins) -> FloatArray:
    """Mean of |H| (..., n_points) over the samples of each bin, (..., n_bins): a fixed average of points."""
    known = bins.index >= 0
    weight = np.zeros((curvature.shape[-1], len(bins.centres)))
    np.add.at(weight, (place[known], bins.index[known]), 1.0)
    return np.nan_to_num(curvature) @ (weight / np.maximum(bins.occupancy, 1))


def _pseudo_values(whole: FloatArray, without: FloatArray, shares: FloatArray) -> FloatArray:
    """Jackknife pseudo-values (n_blocks, n_bins); their mean weighted by ``shares`` is the corrected estimate."""
    return (whole - (1 - shares)[:, None] * without) / shares[:, None]


def _departures(
    pseudo: FloatArray, shares: FloatArray, n_draws: int, rng: np.random.Generator
) -> dict[str, FloatArray]:
    """Estimate, departures from its mean over bins, and their p-values by flips of whole blocks."""
    contributions = shares[:, None] * (pseudo - pseudo.mean(axis=1, keepdims=True))
    size = np.sqrt(np.square(contributions).sum(axis=0))
    # Rounding of noise-free activity is no evidence of anything.
    size = np.maximum(size, 1e-9 * np.abs(pseudo).mean())
    t = contributions.sum(axis=0) / size
    flipped = rng.choice([-1.0, 1.0], size=(n_draws, len(shares))) @ contributions / size
    largest = np.abs(flipped).max(axis=1)
    departure = contributions.sum(axis=0)
    spread = np.sqrt(np.square(contributions - shares[:, None] * departure).sum(axis=0))
    return {
        "estimate": shares @ pseudo,
        "departure": departure,
        "standard_error": spread,
        "p_noise": np.array(p_value(float(np.square(t).mean()), np.square(flipped).mean(axis=1))),
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
            "standard_error": ("bin", found["standard_error"], quantity("jackknife error of the departure", unit)),
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

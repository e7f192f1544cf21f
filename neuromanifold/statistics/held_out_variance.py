"""How much of each unit's activity the manifold explains, in blocks of time that the decoder has not seen.

    R²_i = 1 - Σ_t (x_ti - f_i(z_t))² / Σ_t (x_ti - m_i)²,   m_i the unit's mean in the other blocks

With labels z_t is where the task was. Without, z_t is decoded from all *other* units, so that no unit predicts itself.
"""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._typing import ArrayLike, FloatArray
from neuromanifold.models import HarmonicDecoder, TopologicalVAE
from neuromanifold.models.generative import posterior_on_grid
from neuromanifold.models.labels import exact_labels
from neuromanifold.models.likelihoods import LIKELIHOODS
from neuromanifold.models.noise import Noise
from neuromanifold.statistics.block_refits import BlockRefits
from neuromanifold.statistics.fitted_arrays import fitted_arrays
from neuromanifold.statistics.stamp import quantity, stamped

__all__ = ["held_out_variance"]

N_FOLDS = 5
# At most so many samples are predicted, evenly spaced.
N_SAMPLES = 5000


def held_out_variance(model: TopologicalVAE, recording: xr.Dataset, y: ArrayLike | None = None) -> xr.Dataset:
    """Share of each unit's variance that the manifold explains in held-out blocks of time.

    The decoder is refitted to the other four fifths of the blocks, at the coordinates of the fit.

    Parameters
    ----------
    model : TopologicalVAE
        Fitted to the recording's activity.
    recording : Dataset
        The activity as the model saw it.
    y : array (n,) or (n, k), optional
        Labels, where the fit had any: samples without one are left out. Labels that the fit found to err, or that are
        known in less than two fifths of the blocks, are not used.

    Returns
    -------
    Dataset
        ``r_squared`` (unit), below zero where the unit's mean predicts better, NaN of one that does not vary in the
        samples used, and the scalar ``r_squared_total``, of all units' variance together; ``attrs["coordinates"]``
        says what the prediction rests on.

    Raises
    ------
    InputError
        If there are fewer than three units and no labels, a unit is constant, or the model is one of counts.
    """
    if LIKELIHOODS[model.likelihood].of_counts:
        raise InputError(
            f"variance is explained about a manifold of activity, not of counts with likelihood={model.likelihood!r}: "
            'prepare the recording (square root, smoothing) and fit likelihood="gaussian"'
        )
    arrays = fitted_arrays(model, recording, y)
    activity = torch.as_tensor(arrays.X)
    given = exact_labels(y, len(activity), model.template_, model.label_tolerance_)
    labels = torch.as_tensor(given)
    refits = BlockRefits(model, arrays.X, y, arrays.groups)
    fold = torch.as_tensor(refits.blocks % N_FOLDS)
    used = torch.arange(len(activity)) % -(-len(activity) // N_SAMPLES) == 0
    known = used & torch.isfinite(labels).all(dim=1)
    # What is predicted for one fold rests on the labels of the others.
    labelled = len(fold[known].unique()) > 1
    used = known if labelled else used
    if not labelled and activity.shape[1] < 3:
        raise InputError("two units cannot be predicted from one another: record more, or give labels y")
    predicted, centre = torch.full_like(activity, float("nan")), torch.zeros_like(activity)
    for number in range(N_FOLDS):
        test = (fold == number) & used
        decoder = refits.decoder(np.arange(len(refits.n_samples)) % N_FOLDS != number)
        centre[test] = activity[(fold != number) & used].mean(0)
        if labelled:
            predicted[test] = decoder(model.template_.embed(labels[test]))
        else:
            predicted[test] = _from_others(decoder, model.noise_, activity[test])
    error = (activity - predicted)[used].square().sum(0).numpy()
    total = (activity - centre)[used].square().sum(0).numpy()
    dataset = xr.Dataset(
        {
            "r_squared": ("unit", _explained(error, total), quantity("share of the variance explained, held out")),
            "r_squared_total": (
                (),
                _explained(error.sum(), total.sum()),
                quantity("share of all units' variance, held out"),
            ),
        },
        coords={"unit": recording["unit"].to_numpy()},
    )
    how = "labels" if labelled else "decoded from the other units"
    return stamped(dataset, coordinates=how, n_folds=N_FOLDS)


def _explained(error: FloatArray, total: FloatArray) -> FloatArray:
    """One less the share that is not explained; NaN of a unit that does not vary in the samples that are predicted."""
    return 1 - np.divide(error, total, out=np.full(np.shape(total), np.nan), where=np.asarray(total) > 0)


def _from_others(decoder: HarmonicDecoder, noise: Noise, activity: Tensor) -> Tensor:
    """Each unit of activity (n, d) as the decoder has it at the point decoded from the other units."""
    n_units = activity.shape[1]
    columns = []
    for unit in range(n_units):
        others = torch.arange(n_units) != unit
        partial = HarmonicDecoder(decoder.template, decoder.order, decoder.weight[:, others])
        law = posterior_on_grid(partial, Noise.of(noise.covariance[others][:, others]), 1.0, activity)
        columns.append(decoder.harmonics(law.mean_points(activity[:, others])) @ decoder.weight[:, unit])
    return torch.stack(columns, dim=1)

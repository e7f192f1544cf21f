"""How well the coordinates of a fit agree with an angle of the task: alignment and decoding error."""

from __future__ import annotations

import math

import numpy as np
import torch

from neuromanifold._errors import InputError
from neuromanifold._typing import FloatArray, IntArray
from neuromanifold.bootstrap import time_blocks
from neuromanifold.manifolds import Manifold
from neuromanifold.models.base import FitSettings
from neuromanifold.models.generative import fit_generative

__all__ = ["angular_error", "best_rotation", "held_out_points", "median_interval"]

N_FOLDS = 5
N_MEDIANS = 400
# Spread of a silent unit, rounding errors, as a share of what it is elsewhere.
SILENT = 1e-6
LEVEL = 0.9  # of the interval of a decoding error, that of the bands


def angular_error(a: FloatArray, b: FloatArray) -> FloatArray:
    """Absolute difference of angles, in [0, pi]; radians."""
    return np.abs(np.angle(np.exp(1j * (np.asarray(a) - np.asarray(b)))))


def best_rotation(angle: FloatArray, target: FloatArray) -> tuple[FloatArray, float]:
    """The rotation or reflection of ``angle`` (n,) closest to ``target`` (n,): aligned angles and their
    median error.

    Minimises the median absolute error over offsets of one degree, then of a twentieth, for both
    orientations. Samples of unknown target (NaN) are left out of the search.

    Raises
    ------
    InputError
        If no target is known.
    """
    known = np.isfinite(target)
    if not known.any():
        raise InputError("no target angle is known: give at least one finite value")
    best = (math.inf, 1.0, 0.0)
    for sign in (1.0, -1.0):
        coarse = _best_offset(sign * angle[known], target[known], np.deg2rad(np.arange(-180.0, 180.0)))
        fine = _best_offset(sign * angle[known], target[known], coarse[1] + np.deg2rad(np.arange(-1.0, 1.0, 0.05)))
        best = min(best, (fine[0], sign, fine[1]))
    _, sign, offset = best
    aligned = np.mod(sign * angle + offset, 2 * np.pi)
    return aligned, float(np.median(angular_error(aligned[known], target[known])))


def held_out_points(template: Manifold, activity: FloatArray, labels: FloatArray, groups: IntArray) -> FloatArray:
    """Points (n, m) decoded for each fifth of the recording's blocks from a fit to the other four; labels (n, k).

    Units that are silent wherever such a fit knows the labels are left out of it: what they do later says nothing of
    where that is.
    """
    x, u, g = torch.as_tensor(activity), torch.as_tensor(labels), torch.as_tensor(groups)
    fold = torch.as_tensor(time_blocks(len(activity), groups) % N_FOLDS)
    points = torch.full((len(activity), template.embedding_dim), float("nan"), dtype=torch.float64)
    for number in range(N_FOLDS):
        test = fold == number
        told = x[~test & torch.isfinite(u).all(dim=1)].std(dim=0) > SILENT * x.std(dim=0)
        seen = x[:, told]
        fit = fit_generative(template, seen[~test], u[~test], g[~test], FitSettings(beta=1.0, n_init=1), seed=0)
        points[test] = fit.posterior(1.0, x).mean_points(seen[test])
    return points.numpy()


def median_interval(errors: FloatArray, groups: IntArray, level: float, seed: int) -> tuple[float, float]:
    """Percentiles of the median of errors (n,), NaN left out, over blocks of time drawn with replacement."""
    blocks = time_blocks(len(errors), groups)
    known = np.flatnonzero(np.isfinite(errors))
    members = np.split(known, np.flatnonzero(np.diff(blocks[known])) + 1)
    rng = np.random.default_rng(seed)
    medians = [
        np.median(errors[np.concatenate([members[block] for block in rng.integers(len(members), size=len(members))])])
        for _ in range(N_MEDIANS)
    ]
    low, high = np.quantile(medians, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _best_offset(angle: FloatArray, target: FloatArray, offsets: FloatArray) -> tuple[float, float]:
    # A few thousand samples place a median to a fraction of a degree.
    step = -(-len(angle) // 5000)
    difference = (target - angle)[::step]
    errors = [float(np.median(angular_error(difference, offset))) for offset in offsets]
    best = int(np.argmin(errors))
    return errors[best], float(offsets[best])

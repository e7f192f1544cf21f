"""Learned curves beside the true one: what each of several models makes of the same samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import xarray as xr

from neuromanifold._arrays import varying
from neuromanifold._errors import InputError
from neuromanifold._settings import check_whole
from neuromanifold._typing import ArrayLike, FloatArray
from neuromanifold.diagnostics.domain import latents_of
from neuromanifold.diagnostics.error import manifold_error
from neuromanifold.manifolds import Euclidean
from neuromanifold.statistics.stamp import quantity, stamped

__all__ = ["learned_curves"]


def learned_curves(models: Mapping[str, Any], X: ArrayLike, truth: ArrayLike, n_points: int = 600) -> xr.Dataset:
    """The curve that each model has learned, from its first latent to its last.

    Parameters
    ----------
    models : mapping of str to a fitted model
        With ``immersion_`` of one latent dimension and ``transform``.
    X : array (n, d)
        The samples.
    truth : array (N, d)
        Points of the true curve, evenly spread.
    n_points : int
        Points of each curve, at equal steps of its latent.

    Returns
    -------
    Dataset
        ``learned`` (model, place, unit), ``samples`` (sample, unit), ``truth`` (true_place, unit), and ``error``
        (model), the manifold error. :func:`neuromanifold.report.figures.learned_curves` draws those of two units.

    Raises
    ------
    InputError
        If there is no model, one is of more dimensions, or samples or truth are all the same.
    """
    check_whole("n_points", n_points, 4)
    samples, true = varying(X, "X"), varying(truth, "truth")
    if not models or any(model.immersion_.template.dim != 1 for model in models.values()):
        raise InputError("learned curves need one model or more, each of one latent dimension")
    curves = [_curve(model, samples, n_points) for model in models.values()]
    errors = [float(manifold_error(m.immersion_, m.transform(samples), true)["error"]) for m in models.values()]
    found = xr.Dataset(
        {
            "learned": (("model", "place", "unit"), np.stack(curves), quantity("learned curve", "activity unit")),
            "samples": (("sample", "unit"), samples, quantity("sample", "activity unit")),
            "truth": (("true_place", "unit"), true, quantity("true curve", "activity unit")),
            "error": ("model", errors, quantity("manifold error", "activity unit", "root mean square")),
        },
        coords={"model": list(models)},
    )
    return stamped(found)


def _curve(model: Any, X: FloatArray, n_points: int) -> FloatArray:
    f = model.immersion_
    latents = latents_of(f, model.transform(X))
    if isinstance(f.template, Euclidean):
        steps = torch.linspace(0, 1, n_points, dtype=torch.float64)[:, None]
        places = torch.lerp(latents.amin(0), latents.amax(0), steps)
    else:
        round_once = f.template.grid(n_points - 1).points
        places = torch.cat([round_once, round_once[:1]])
    return np.asarray(f.on_points(places).detach())

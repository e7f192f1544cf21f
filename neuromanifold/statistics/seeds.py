"""How much the curvature profile owes to the seed: fits of several seeds in the coordinates of the first.

Without labels the gauge fixes coordinates up to the template's isometries: the same ring may begin elsewhere, or run
backwards. With Q the isometry that takes the first fit's latents z nearest to a further fit's z', ``min_Q sum |Q z -
z'|^2``, that fit's decoder at ``Q z`` stands beside the first one's at z, and ``z' - Q z`` is what seeds differ by in
latents.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from neuromanifold._arrays import validated
from neuromanifold._errors import InputError
from neuromanifold._typing import ArrayLike
from neuromanifold.geometry import Immersion
from neuromanifold.models import TopologicalVAE
from neuromanifold.models.checks import check_data
from neuromanifold.profile import QUANTITIES, immersion_profile
from neuromanifold.statistics.stamp import quantity, stamped

__all__ = ["seed_ensemble"]


def seed_ensemble(models: Sequence[TopologicalVAE], X: ArrayLike, n_points: int | None = None) -> xr.Dataset:
    """Curvature profiles of fits of several seeds, at the same points of one template.

    Parameters
    ----------
    models : sequence of TopologicalVAE
        Fitted to the same activity from different seeds; the first gives the coordinates.
    X : array (n, d)
        The activity, whose latents align the coordinates.
    n_points : int, optional
        Points of the template's grid, as in :func:`neuromanifold.curvature_profile`.

    Returns
    -------
    Dataset
        The quantities of a profile (seed, point), ``area`` (seed, point) and ``position`` (seed, point, unit); by seed
        ``log_likelihood`` (nats a sample) and ``misalignment``, the median distance on the template (radians) of its
        latents from the first's, which says whether it found the same manifold.

    Raises
    ------
    InputError
        If there are fewer than two models, their templates differ, or X is not what a model could be fitted to.
    """
    if len(models) < 2:
        raise InputError(f"an ensemble must be of two models or more; got {len(models)}")
    for model in models:
        check_is_fitted(model)
    names = [model.template_.name for model in models]
    if len(set(names)) > 1:
        raise InputError(f"the models have templates {', '.join(names)}: fit all to the same")
    template = models[0].template_
    activity = validated(models[0], X, reset=False)
    check_data(activity, np.full((len(activity), template.dim), np.nan), template, None)
    latents = [torch.as_tensor(model.transform(X)) for model in models]
    turns = [template.isometries().align(latents[0], z) for z in latents]
    profiles = [immersion_profile(_turned(model, turn), n_points) for model, turn in zip(models, turns, strict=True)]
    away = [template.distance(latents[0] @ turn.mT, z).median() for turn, z in zip(turns, latents, strict=True)]
    found = xr.concat(
        [profile[[*QUANTITIES, "position"]].reset_coords("area") for profile in profiles],
        dim=xr.Variable("seed", [str(model.random_state) for model in models]),
        combine_attrs="drop_conflicts",
    )
    found["misalignment"] = ("seed", np.array(away), quantity("median distance of latents from the first's", "radian"))
    likelihoods = np.array([model.log_likelihood_ for model in models])
    found["log_likelihood"] = ("seed", likelihoods, quantity("log-likelihood of a sample", "nat"))
    return stamped(found, gauge=models[0].gauge_)


def _turned(model: TopologicalVAE, turn: Tensor) -> Immersion:
    """The model's immersion of ``Q z``, Q (m, m)."""
    return Immersion(model.template_, lambda z: model.immersion_.on_points(z @ turn.mT.to(z)))

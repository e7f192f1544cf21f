"""Does |H| merely follow how often a place was visited, or how much the population fires there?

In cells of the template: |H|, the log of the density of visits and the mean rate. Each control has its partial
correlation with |H| given the other, on ranks, and a p-value by turning the template: |H| is carried along by a random
isometry (a rotation of the circle or sphere, shifts of the torus), which keeps how smooth it is over the manifold (the
"spin test"; a shift in time would not do, for both are functions of the place, and any two smooth functions of a place
agree somewhat). What a linear regression of |H| on both leaves, with its mean put back, is the controlled profile.

References
----------
Alexander-Bloch et al. (2018), On testing for spatial correspondence between maps.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.stats import rankdata

from neuromanifold._arrays import real_numbers
from neuromanifold._errors import InputError
from neuromanifold._settings import check_whole
from neuromanifold._typing import ArrayLike, BoolArray, FloatArray, RandomState
from neuromanifold.geometry import local_geometry
from neuromanifold.models import TopologicalVAE
from neuromanifold.statistics.along import sample_points
from neuromanifold.statistics.fitted_arrays import fitted_arrays
from neuromanifold.statistics.nulls import random_turns
from neuromanifold.statistics.occupancy import Cells, cells_of
from neuromanifold.statistics.stamp import quantity, stamped
from neuromanifold.topology.significance import p_value

__all__ = ["curvature_controls"]

CONTROLS = ("occupancy", "rate")


def curvature_controls(
    model: TopologicalVAE,
    recording: xr.Dataset,
    rate: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    n_turns: int = 999,
    random_state: RandomState = None,
) -> xr.Dataset:
    """Partial correlations of |H| with occupancy and firing rate over the template, and |H| without both.

    Parameters
    ----------
    model : TopologicalVAE
        Fitted to the recording's activity.
    recording : Dataset
        The activity as the model saw it.
    rate : array (n,), optional
        Population rate of each sample; the mean over units of the recording's activity where it is left out (give that
        of the raw recording where each unit was standardised).
    y : array (n,) or (n, k), optional
        Labels of the fit, where it had any.
    n_turns : int
        Random isometries; the smallest p-value is ``1 / (1 + n_turns)``.
    random_state : int, Generator or None

    Returns
    -------
    Dataset
        Along ``cell`` (with ``angle_0`` ... in radians): ``mean_curvature_norm``, ``mean_curvature_norm_controlled``,
        ``occupancy`` (1 is an even spread), ``rate``; NaN where nobody went. Along ``control``: ``partial_correlation``
        and its ``p_value``.

    Raises
    ------
    InputError
        If rate is not one number a sample, or fewer than ten cells were visited.
    """
    check_whole("n_turns", n_turns, 1)
    X = fitted_arrays(model, recording, y).X
    total = X.mean(axis=1) if rate is None else real_numbers(rate, "rate")
    if total.shape != (len(X),) or not np.isfinite(total).all():
        raise InputError(f"rate must be one finite number a sample, ({len(X)},); got an array of shape {total.shape}")
    template = model.template_
    cells = cells_of(template, sample_points(model, X, y))
    geometry = local_geometry(model.immersion_, cells.grid.points, on_points=True)
    curvature = geometry.mean_curvature_norm.numpy()
    visited = (cells.counts > 0) & np.isfinite(curvature)
    curvature = np.where(np.isfinite(curvature), curvature, np.nanmedian(curvature))
    if visited.sum() < 10:
        raise InputError(f"{int(visited.sum())} cells of the {template.name} were visited; at least 10 are needed")
    rates = cells.means(total)
    controls = np.stack([np.log(np.where(visited, cells.density, 1.0)), np.where(visited, rates, 0.0)], axis=1)
    found = _partial_correlations(curvature, controls, visited)
    null = np.array(
        [
            _partial_correlations(curvature[cells.moved(turn)], controls, visited)
            for turn in random_turns(template, n_turns, random_state)
        ]
    )
    p = [p_value(abs(float(value)), np.abs(column)) for value, column in zip(found, null.T, strict=True)]
    return stamped(_labelled(cells, curvature, controls, rates, visited, found, p), random_state, n_turns=n_turns)


def _partial_correlations(curvature: FloatArray, controls: FloatArray, used: BoolArray) -> FloatArray:
    """Correlation of the ranks of |H| with those of each control, both freed of the other control's."""
    ranks = rankdata(np.column_stack([curvature, controls])[used], axis=0)
    precision = np.linalg.pinv(np.corrcoef(ranks, rowvar=False))
    return -precision[0, 1:] / np.sqrt(precision[0, 0] * np.diag(precision)[1:])


def _labelled(
    cells: Cells,
    curvature: FloatArray,
    controls: FloatArray,
    rates: FloatArray,
    visited: BoolArray,
    correlations: FloatArray,
    p: list[float],
) -> xr.Dataset:
    design = np.column_stack([np.ones(len(curvature)), controls])[visited]
    weight = np.linalg.lstsq(design, curvature[visited], rcond=None)[0]
    controlled = np.full(len(curvature), np.nan)
    controlled[visited] = curvature[visited] - design @ weight + curvature[visited].mean()
    units = "1 / activity unit"
    angles = cells.grid.angles.numpy()
    return xr.Dataset(
        {
            "mean_curvature_norm": ("cell", curvature, quantity("mean curvature |H|", units)),
            "mean_curvature_norm_controlled": (
                "cell",
                controlled,
                quantity("mean curvature |H| given occupancy and rate", units),
            ),
            "occupancy": ("cell", cells.density, quantity("visits per area, relative to an even spread")),
            "rate": ("cell", rates, quantity("mean rate of the population")),
            "partial_correlation": ("control", correlations, quantity("partial rank correlation with |H|")),
            "p_value": ("control", p, quantity("p (no more than turning the template gives)")),
        },
        coords={"control": list(CONTROLS)}
        | {f"angle_{i}": ("cell", angles[:, i], {"units": "radian"}) for i in range(angles.shape[1])},
    )

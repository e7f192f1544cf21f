"""The arrays of a recording that a model was fitted to, seen to be such before any statistic is made of them."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from neuromanifold._arrays import validated
from neuromanifold._typing import ArrayLike
from neuromanifold.data.recording import Arrays, to_arrays
from neuromanifold.models import TopologicalVAE
from neuromanifold.models.checks import check_data
from neuromanifold.models.labels import check_labels

__all__ = ["fitted_arrays"]


def fitted_arrays(
    model: TopologicalVAE, recording: xr.Dataset, y: ArrayLike | None, variable: str | Sequence[str] | None = None
) -> Arrays:
    """Activity, task variables and intervals of a recording, as of :func:`~neuromanifold.data.recording.to_arrays`.

    Raises
    ------
    InputError, NotEnoughDataError
        If its units are not those of the fit, one is constant, there are too few samples, or labels y do not fit it.
    """
    arrays = to_arrays(recording, variable)
    labels = check_labels(y, len(arrays.X), model.template_)
    check_data(validated(model, arrays.X, reset=False), labels, model.template_, arrays.groups)
    return arrays

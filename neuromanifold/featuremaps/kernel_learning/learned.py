"""What the estimators of this folder share: a base kernel, a learned kernel, and the geometry of both."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from torch import Tensor

from neuromanifold import __version__
from neuromanifold._typing import FloatArray
from neuromanifold.featuremaps.kernel import Kernel
from neuromanifold.featuremaps.kernels import RBF, AnyKernel, as_kernel
from neuromanifold.featuremaps.points import as_points_of

__all__ = ["LearnedGeometry", "base_kernel", "volume_change"]


class LearnedGeometry:
    """Geometry of an estimator with a ``base_kernel_`` and a learned ``kernel_``; results are those of
    :class:`~neuromanifold.featuremaps.kernel.Kernel`.
    """

    base_kernel_: Kernel
    kernel_: Kernel
    n_features_in_: int

    def metric(self, x: Any) -> Tensor:
        """Metric of the learned kernel: ``(n, D, D)``."""
        return self.kernel_.metric(self._checked(x))

    def log_volume(self, x: Any) -> Tensor:
        """Its log volume element (over the nonzero eigenvalues, where it is singular): ``(n,)``."""
        return self.kernel_.log_volume(self._checked(x))

    def _checked(self, x: Any) -> Tensor:
        points, single = as_points_of(x, self.n_features_in_)
        return points[0] if single else points


def base_kernel(kernel: AnyKernel | None, X: FloatArray) -> Kernel:
    """The kernel given; None is the RBF kernel of scikit-learn's ``gamma="scale"``, ``ℓ² = D Var(X)/2``."""
    if kernel is not None:
        return as_kernel(kernel)
    return RBF(float(np.sqrt(X.shape[1] * X.var() / 2)))


def volume_change(estimator: Any, x: Any) -> xr.Dataset:
    """Log volume elements before and after learning, at points such as those of a line across a decision boundary.

    Parameters
    ----------
    estimator : fitted estimator of this folder
    x : array (n, D)

    Returns
    -------
    Dataset
        Over ``point``: ``log_volume_before``, ``log_volume_after``, ``change``, the coordinates ``x`` (point, axis),
        and ``decision``, the decision function, for classifiers of two classes.
    """
    points = as_points_of(x, estimator.n_features_in_)[0]
    before = estimator.base_kernel_.log_volume(points).numpy()
    after = estimator.kernel_.log_volume(points).numpy()
    dataset = xr.Dataset(
        {
            "log_volume_before": ("point", before, {"long_name": "log volume of the base kernel"}),
            "log_volume_after": ("point", after, {"long_name": "log volume of the learned kernel"}),
            "change": ("point", after - before, {"long_name": "change of log volume"}),
        },
        coords={"x": (("point", "axis"), points.numpy())},
        attrs={"estimator": repr(estimator), "version": __version__},
    )
    if len(getattr(estimator, "classes_", ())) == 2:
        dataset["decision"] = ("point", estimator.decision_function(points.numpy()))
    return dataset

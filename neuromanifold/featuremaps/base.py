"""A feature map ``Φ: R^D -> R^n`` and the geometry that it gives its inputs.

    Φ = h, or n^{-1/2} h with ``normalize``   (the n outputs of a layer, all shapes flattened)
    g = J_Φᵀ J_Φ                              metric on the inputs, D×D
    log volume = ½ Σ_{i ≤ r} log λ_i          over the r nonzero eigenvalues of g; r = D: ½ log det g
    S                                         scalar curvature of the image, where g has full rank

The normalisation of Zavatone-Veth et al. 2025 (1/n, once) adds ``-(r/2) log n`` to a log volume of rank r
and multiplies S by n. Whether it is applied where a call does not say is the attribute
``normalize``: False for layers, True for shallow networks.

An implementation gives the outputs h, their derivatives and the curvature of their image; the rest follows here.
Inputs have a leading axis of points, ``(b, *shape)``, D numbers each; one flat input ``(D,)`` gives
results without that axis. Results are float64.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from neuromanifold import geometry
from neuromanifold._arrays import numbers
from neuromanifold._errors import InputError
from neuromanifold._linalg import singular_values
from neuromanifold.featuremaps.planes import Plane

__all__ = ["NOISE", "FeatureMap", "Restriction", "as_inputs", "gauss_curvature"]

# Rounding errors of a Jacobian's entries are independent, so the norm of their matrix is about eps σ_max whatever its
# size (below 2 eps σ_max in every network tried). A singular value is zero below this many eps σ_max, or below what
# the decomposition itself, in float64, can tell.
NOISE = 10
_EPS = torch.finfo(torch.float64).eps
# Points at a time, and bytes of their Jacobians: what stands between two steps of the progress bar.
_POINTS, _JACOBIAN_BYTES = 32, 1 << 26
# Second derivatives need D(D+1)/2 passes, and the products <II, II> D⁴ numbers a point.
MOST_CURVED_DIMENSIONS = 32


class FeatureMap(ABC):
    """A differentiable map of inputs ``(b, *shape)`` to outputs ``(b, n)``, with its geometry.

    Subclasses define :meth:`outputs`, :meth:`derivatives`, :meth:`image_curvature` and :attr:`eps`.
    """

    normalize: bool = False
    verbose: bool = False

    @property
    @abstractmethod
    def eps(self) -> float:
        """Rounding unit of the precision that :meth:`derivatives` are computed in; it sets what counts as zero."""

    @abstractmethod
    def outputs(self, x: Tensor) -> Tensor:
        """``h(x)``: ``(b, n)``, not normalised, differentiable, in the precision of x ``(b, *shape)``."""

    @abstractmethod
    def derivatives(self, x: Tensor, directions: Tensor | None = None) -> Tensor:
        """Derivatives of h along ``directions (k, *shape)``, by default along every coordinate:
        ``(b, n, k or D)``, float64, not normalised, without a graph.
        """

    @abstractmethod
    def image_curvature(self, x: Tensor) -> Tensor:
        """Scalar curvature of the image of h (not normalised) at regular points: ``(b,)``, NaN elsewhere."""

    def __call__(self, x: Any, *, normalize: bool | None = None) -> Tensor:
        """``Φ(x)``: ``(b, n)``, differentiable, in the precision of x."""
        x, single = as_inputs(x)
        out = self.outputs(x)
        out = out / math.sqrt(out.shape[-1]) if self._normalizes(normalize) else out
        return out[0] if single else out

    def jacobian(self, x: Any, *, normalize: bool | None = None) -> Tensor:
        """``J_Φ``: ``(b, n, D)``."""
        x, single = as_inputs(x)
        first = self.derivatives(x)
        first = first / math.sqrt(first.shape[-2]) if self._normalizes(normalize) else first
        return first[0] if single else first

    def metric(self, x: Any, *, normalize: bool | None = None) -> Tensor:
        """``g = J_Φᵀ J_Φ``: ``(b, D, D)``."""
        first = self.jacobian(x, normalize=normalize)
        return first.mT @ first

    def spectrum(self, x: Any, *, normalize: bool | None = None) -> Tensor:
        """The D eigenvalues of g, largest first: ``(b, D)``; zeros where n < D."""
        x, single = as_inputs(x)
        values = self._singular_values(x, normalize) ** 2
        values = torch.nn.functional.pad(values, (0, x[0].numel() - values.shape[-1]))
        return values[0] if single else values

    def rank(self, x: Any) -> Tensor:
        """Numerical rank of g: ``(b,)``, int64; -1 where the Jacobian is not finite."""
        return self._volume_and_rank(x, None)[1]

    def log_volume(self, x: Any, *, normalize: bool | None = None) -> Tensor:
        """``½ Σ log λ`` over the nonzero eigenvalues of g: ``(b,)``; ``½ log det g`` where the rank is full.

        Of a submersion (n < D, or any other rank below D) it is the pseudo-volume of Zavatone-Veth et
        al. 2025, §2: read it with :meth:`rank`.
        """
        return self._volume_and_rank(x, normalize)[0]

    def scalar_curvature(self, x: Any, *, normalize: bool | None = None) -> Tensor:
        """Scalar curvature S of g (that of the image): ``(b,)``; 2/R² on a 2-sphere of radius R.

        NaN, with a warning, at points where the rank of g is below D.

        Raises
        ------
        InputError
            If D is too large, or if g has full rank at none of the points: the image then has fewer
            dimensions than the input, and the curvature of a degenerate metric is not defined.
        NotSmoothError
            If the map is not twice continuously differentiable (ReLU).
        """
        x, single = as_inputs(x)
        n_features = self._check_dimensions(x)
        curvature = self.image_curvature(x) * (n_features if self._normalizes(normalize) else 1)
        self._check_regular(x)
        return curvature[0] if single else curvature

    def restrict(self, plane: Plane) -> Restriction:
        """The map on a line or plane of its inputs, as a feature map of the plane's k coordinates.

        Its metric is exact and takes k directional derivatives a point, whatever D is.
        """
        return Restriction(self, plane)

    def _normalizes(self, normalize: bool | None) -> bool:
        return self.normalize if normalize is None else normalize

    def _singular_values(self, x: Tensor, normalize: bool | None) -> Tensor:
        """Singular values of J_Φ ``(b, min(n, D))``; few Jacobians are held at a time."""
        n_features = self._n_features(x)
        size = max(1, min(_POINTS, _JACOBIAN_BYTES // (8 * n_features * x[0].numel())))
        pieces = tqdm(x.split(size), desc="points", disable=not self.verbose or len(x) <= size, leave=False)
        values = torch.cat([singular_values(self.derivatives(piece)) for piece in pieces])
        return values / math.sqrt(n_features) if self._normalizes(normalize) else values

    def _volume_and_rank(self, x: Any, normalize: bool | None) -> tuple[Tensor, Tensor]:
        x, single = as_inputs(x)
        values = self._singular_values(x, normalize)
        known = ~values[:, 0].isnan()
        zero = max(NOISE * self.eps, max(self._n_features(x), x[0].numel()) * _EPS)
        nonzero = values > zero * values[:, :1]
        volume = torch.where(known, torch.where(nonzero, values, 1.0).log().sum(-1), torch.nan)
        rank = torch.where(known, nonzero.sum(-1), -1)
        return (volume[0], rank[0]) if single else (volume, rank)

    def _n_features(self, x: Tensor) -> int:
        with torch.no_grad():
            return self.outputs(x[:1]).shape[-1]

    def _check_dimensions(self, x: Tensor) -> int:
        """n, where D inputs can have a scalar curvature."""
        n_inputs = x[0].numel()
        if n_inputs > MOST_CURVED_DIMENSIONS:
            raise InputError(
                f"the scalar curvature takes D(D+1)/2 second derivatives, and this map has D = {n_inputs} inputs (at "
                f"most {MOST_CURVED_DIMENSIONS}); restrict it to a line or plane first: phi.restrict(plane)"
            )
        n_features = self._n_features(x)
        if n_features < n_inputs:
            raise InputError(
                f"{n_inputs} inputs are mapped to {n_features} outputs, so the metric is degenerate and has no scalar "
                "curvature; restrict the map to fewer directions (phi.restrict), or look at log_volume and rank"
            )
        return n_features

    def _check_regular(self, x: Tensor) -> None:
        """Refuse points of which none has a metric of full rank; warn where some have not."""
        rank, n_inputs = self.rank(x), x[0].numel()
        n_singular = int((rank < n_inputs).sum())
        if n_singular == len(rank):
            raise InputError(
                f"the metric of {n_inputs} inputs has rank {int(rank.max())} at most, so it has no scalar curvature "
                "(the map loses a direction of its input); restrict it to fewer directions (phi.restrict)"
            )
        if n_singular:
            warnings.warn(
                f"the metric is rank-deficient at {n_singular} of {len(rank)} points; their scalar curvature is NaN",
                RuntimeWarning,
                stacklevel=3,
            )


class Restriction(FeatureMap):
    """A feature map on a plane: ``u (b, k) -> Φ(origin + Σ u_i direction_i)``.

    Parameters
    ----------
    base : FeatureMap
    plane : Plane
        In the inputs of ``base``.
    """

    def __init__(self, base: FeatureMap, plane: Plane) -> None:
        self.base, self.plane = base, plane
        self.normalize, self.verbose = base.normalize, base.verbose

    @property
    def eps(self) -> float:
        return self.base.eps

    def outputs(self, x: Tensor) -> Tensor:
        return self.base.outputs(self.plane.points(x))

    def derivatives(self, x: Tensor, directions: Tensor | None = None) -> Tensor:
        along = self.plane.directions if directions is None else self.plane.vectors(directions)
        return self.base.derivatives(self.plane.points(x), along)

    def image_curvature(self, x: Tensor) -> Tensor:
        return gauss_curvature(self, x)


def gauss_curvature(phi: FeatureMap, x: Tensor) -> Tensor:
    """Scalar curvature of the image of ``phi.outputs`` by Gauss, ``S = D²|H|² - |II|²``, in float64: ``(b,)``."""
    shape = x.shape[1:]

    def h(u: Tensor) -> Tensor:
        return phi.outputs(u.reshape(-1, *shape))

    return geometry.scalar_curvature(h, x.flatten(1).to(torch.float64))


def as_inputs(x: Any) -> tuple[Tensor, bool]:
    """Inputs ``(b, *shape)`` as a tensor, and whether it was one flat input ``(D,)``.

    Raises
    ------
    InputError
        If they are integers, complex, not finite, or none at all.
    """
    x = x if isinstance(x, Tensor) else torch.tensor(numbers(x, "the array of inputs"))
    if not x.is_floating_point():
        raise InputError(
            f"inputs are points of a continuous space, and these are {x.dtype}; convert them to floating point, "
            "scaled as the network was trained: (x / 255.0 - mean) / std for images"
        )
    if x.numel() == 0 or x.ndim == 0:
        raise InputError(f"inputs must be an array (b, *shape) of one or more points; got shape {tuple(x.shape)}")
    if not x.is_meta and not bool(torch.isfinite(x).all()):
        bad = int((~torch.isfinite(x)).sum())
        raise InputError(f"{bad} of {x.numel()} numbers of the inputs are not finite: leave those points out")
    return (x[None], True) if x.ndim == 1 else (x, False)

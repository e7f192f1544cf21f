"""Distortion: how far the pullback metric G is from the metric of the domain, from its eigenvalues λ_i.

    isometric         Σ (1 - λ_i)²                           zero iff lengths are kept (Lee 2023, eq. 14)
    scaled isometric  Σ (1 - λ_i/μ)²,  μ = E[Tr G]/k         zero iff all lengths are scaled alike (eq. 16)
    conformal         Σ (1 - λ_i/λ̄)²,  λ̄ = Tr G/k            zero iff angles are kept
    area              (1 - v/E[v])²,   v = √det G            zero iff areas are scaled alike

E is over points. The mean of the scaled-isometric distortion is ``k² E[Tr G²]/E[Tr G]² - k`` (the relaxed
distortion), and the conformal one at a point is ``k² Tr G²/(Tr G)² - k``. The metric of the domain is the
identity in the coordinates u; for an :class:`~neuromanifold.geometry.immersion.Immersion` it is the
template's own. Distortions are not invariant under reparametrisation: they are distances from a given
metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neuromanifold._typing import Map
from neuromanifold.geometry.extrinsic import pullback_metric
from neuromanifold.geometry.forms import AmbientMetric

__all__ = [
    "Distortion",
    "area_distortion",
    "conformal_distortion",
    "distortion",
    "isometric_distortion",
    "scaled_isometric_distortion",
]


@dataclass(frozen=True)
class Distortion:
    """Distortions at n points, ``(n,)`` each; :meth:`mean` is the global figure.

    Attributes
    ----------
    isometric, scaled_isometric, conformal, area : Tensor (n,)
        See the formulas of the module.
    weights : Tensor (n,)
        Weights of the points in expectations; their sum is one.
    """

    isometric: Tensor
    scaled_isometric: Tensor
    conformal: Tensor
    area: Tensor
    weights: Tensor

    def mean(self) -> dict[str, Tensor]:
        """Expectation of each distortion."""
        names = ("isometric", "scaled_isometric", "conformal", "area")
        return {name: (self.weights * getattr(self, name)).sum() for name in names}


def distortion(
    f: Map, u: Tensor, *, ambient: AmbientMetric = None, weights: Tensor | None = None, **options: Any
) -> Distortion:
    """All distortions of a map at many points.

    Parameters
    ----------
    f, u, ambient, **options
        As in :mod:`neuromanifold.geometry.extrinsic`; ``ambient`` may vary with x.
    weights : Tensor (n,), optional
        Weights of the points in expectations, such as a grid's area weights; equal by default.
    """
    metric = pullback_metric(f, u, ambient=ambient, **{"frame": True, **options})
    metric = metric[None] if metric.ndim == 2 else metric
    weights = torch.ones_like(metric[:, 0, 0]) if weights is None else weights.to(metric)
    weights = weights / weights.sum()
    return Distortion(
        isometric_distortion(metric),
        scaled_isometric_distortion(metric, weights),
        conformal_distortion(metric),
        area_distortion(metric, weights),
        weights,
    )


def _trace(metric: Tensor) -> Tensor:
    return metric.diagonal(dim1=-2, dim2=-1).sum(-1)


def _deviation(metric: Tensor, scale: Tensor) -> Tensor:
    """``|G/scale - I|² = Σ (1 - λ_i/scale)²``, without eigenvalues."""
    eye = torch.eye(metric.shape[-1], dtype=metric.dtype, device=metric.device)
    return ((metric / scale[..., None, None] - eye) ** 2).sum((-2, -1))


def _expectation(values: Tensor, weights: Tensor | None) -> Tensor:
    return values.mean() if weights is None else (weights * values).sum() / weights.sum()


def isometric_distortion(metric: Tensor) -> Tensor:
    """``Σ (1 - λ_i)²`` of metrics ``(n, k, k)``: ``(n,)``."""
    return _deviation(metric, torch.ones_like(metric[..., 0, 0]))


def scaled_isometric_distortion(metric: Tensor, weights: Tensor | None = None) -> Tensor:
    """``Σ (1 - λ_i/μ)²``, ``μ = E[Tr G]/k``, of metrics ``(n, k, k)``: ``(n,)``."""
    scale = _expectation(_trace(metric), weights) / metric.shape[-1]
    return _deviation(metric, scale.expand(metric.shape[:-2]))


def conformal_distortion(metric: Tensor) -> Tensor:
    """``Σ (1 - λ_i/λ̄)²``, ``λ̄ = Tr G/k``, of metrics ``(n, k, k)``: ``(n,)``."""
    return _deviation(metric, _trace(metric) / metric.shape[-1])


def area_distortion(metric: Tensor, weights: Tensor | None = None) -> Tensor:
    """``(1 - v/E[v])²``, ``v = √det G``, of metrics ``(n, k, k)``: ``(n,)``."""
    factor, _ = torch.linalg.cholesky_ex(metric)
    volume = factor.diagonal(dim1=-2, dim2=-1).prod(-1)
    return (1 - volume / _expectation(volume, weights)) ** 2

"""The geometry of maps: what an immersion does to lengths, volumes and directions. Conventions in
``docs/geometry.md``.
"""

from __future__ import annotations

from neuromanifold.geometry.derivatives import TaylorJet, hessian, jacobian, taylor
from neuromanifold.geometry.extrinsic import (
    gaussian_curvature,
    log_pseudo_volume,
    log_volume,
    mean_curvature,
    mean_curvature_norm,
    normal_projector,
    pullback_metric,
    rank,
    ricci,
    riemann,
    scalar_curvature,
    second_fundamental_form,
    sectional_curvature,
)
from neuromanifold.geometry.immersion import Immersion
from neuromanifold.geometry.local import LocalGeometry, local_geometry

__all__ = [
    "Immersion",
    "LocalGeometry",
    "TaylorJet",
    "gaussian_curvature",
    "hessian",
    "jacobian",
    "local_geometry",
    "log_pseudo_volume",
    "log_volume",
    "mean_curvature",
    "mean_curvature_norm",
    "normal_projector",
    "pullback_metric",
    "rank",
    "ricci",
    "riemann",
    "scalar_curvature",
    "second_fundamental_form",
    "sectional_curvature",
    "taylor",
]

"""The geometry of maps: what they do to lengths, angles and volumes, and how their images bend.

Formulas, conventions and checks are in ``docs/geometry.md``.
"""

from __future__ import annotations

from neuromanifold.geometry import ambient, intrinsic
from neuromanifold.geometry.bending import extrinsic_curvature, principal_curvatures
from neuromanifold.geometry.curves import energy, length
from neuromanifold.geometry.derivatives import TaylorJet, hessian, jacobian, taylor
from neuromanifold.geometry.distances import distance_matrix
from neuromanifold.geometry.distortions import (
    Distortion,
    area_distortion,
    conformal_distortion,
    distortion,
    isometric_distortion,
    scaled_isometric_distortion,
)
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
from neuromanifold.geometry.flatness import riemann_norm_squared
from neuromanifold.geometry.geodesics import Geodesic, exponential, geodesic, metric_geodesic
from neuromanifold.geometry.immersion import Immersion
from neuromanifold.geometry.integrals import Totals, dimensionless, gauss_bonnet_residual, totals, volume
from neuromanifold.geometry.local import LocalGeometry, local_geometry

__all__ = [
    "Distortion",
    "Geodesic",
    "Immersion",
    "LocalGeometry",
    "TaylorJet",
    "Totals",
    "ambient",
    "area_distortion",
    "conformal_distortion",
    "dimensionless",
    "distance_matrix",
    "distortion",
    "energy",
    "exponential",
    "extrinsic_curvature",
    "gauss_bonnet_residual",
    "gaussian_curvature",
    "geodesic",
    "hessian",
    "intrinsic",
    "isometric_distortion",
    "jacobian",
    "length",
    "local_geometry",
    "log_pseudo_volume",
    "log_volume",
    "mean_curvature",
    "mean_curvature_norm",
    "metric_geodesic",
    "normal_projector",
    "principal_curvatures",
    "pullback_metric",
    "rank",
    "ricci",
    "riemann",
    "riemann_norm_squared",
    "scalar_curvature",
    "scaled_isometric_distortion",
    "second_fundamental_form",
    "sectional_curvature",
    "taylor",
    "totals",
    "volume",
]

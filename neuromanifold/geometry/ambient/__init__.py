"""Ambient metrics A(x): what a small change of activity counts for, each a formula in a file of its own."""

from neuromanifold.geometry.ambient.base import Ambient
from neuromanifold.geometry.ambient.gaussian_noise import GaussianNoise
from neuromanifold.geometry.ambient.local_covariance import LocalCovariance
from neuromanifold.geometry.ambient.point_cloud import PointCloud
from neuromanifold.geometry.ambient.poisson_noise import PoissonNoise
from neuromanifold.geometry.ambient.units import Rescaled, rescaled

__all__ = [
    "AMBIENTS",
    "Ambient",
    "GaussianNoise",
    "LocalCovariance",
    "PointCloud",
    "PoissonNoise",
    "Rescaled",
    "rescaled",
]

AMBIENTS: tuple[type[Ambient], ...] = (GaussianNoise, LocalCovariance, PointCloud, PoissonNoise)

"""Feature maps: what a network, a kernel or a prior over networks does to the geometry of its inputs."""

from neuromanifold.featuremaps import bayesian, infinite_width, kernel_learning, kernels
from neuromanifold.featuremaps.base import FeatureMap
from neuromanifold.featuremaps.bumps import bumps, three_units
from neuromanifold.featuremaps.lanczos import LogVolumeEstimate, estimate_log_volume
from neuromanifold.featuremaps.network import layer
from neuromanifold.featuremaps.planes import Plane
from neuromanifold.featuremaps.shallow import Shallow, shallow

__all__ = [
    "FeatureMap",
    "LogVolumeEstimate",
    "Plane",
    "Shallow",
    "bayesian",
    "bumps",
    "estimate_log_volume",
    "infinite_width",
    "kernel_learning",
    "kernels",
    "layer",
    "shallow",
    "three_units",
]

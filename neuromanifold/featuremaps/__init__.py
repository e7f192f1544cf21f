"""Feature maps: what a network, a kernel or a prior over networks does to the geometry of its inputs."""

from neuromanifold.featuremaps.base import FeatureMap
from neuromanifold.featuremaps.lanczos import LogVolumeEstimate, estimate_log_volume
from neuromanifold.featuremaps.network import layer
from neuromanifold.featuremaps.planes import Plane

__all__ = ["FeatureMap", "LogVolumeEstimate", "Plane", "estimate_log_volume", "layer"]

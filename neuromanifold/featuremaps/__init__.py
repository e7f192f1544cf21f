"""Feature maps: what a network, a kernel or a prior over networks does to the geometry of its inputs."""

from neuromanifold.featuremaps.base import FeatureMap
from neuromanifold.featuremaps.network import layer
from neuromanifold.featuremaps.planes import Plane

__all__ = ["FeatureMap", "Plane", "layer"]

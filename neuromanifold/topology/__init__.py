"""Persistent homology of population activity: the template, its significance, and coordinates on it."""

from neuromanifold.topology.coordinates import CircularCoordinates, SphericalCoordinates, circular_coordinates
from neuromanifold.topology.estimator import Topology
from neuromanifold.topology.klein import KleinCoordinates, klein_coordinates
from neuromanifold.topology.persistence import persistence_diagrams
from neuromanifold.topology.projective import ProjectiveCoordinates, projective_coordinates
from neuromanifold.topology.search import find_template, settings_sweep
from neuromanifold.topology.start import start_coordinates

__all__ = [
    "CircularCoordinates",
    "KleinCoordinates",
    "ProjectiveCoordinates",
    "SphericalCoordinates",
    "Topology",
    "circular_coordinates",
    "find_template",
    "klein_coordinates",
    "persistence_diagrams",
    "projective_coordinates",
    "settings_sweep",
    "start_coordinates",
]

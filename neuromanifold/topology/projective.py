"""Coordinates on the projective plane: odd functions on its double cover, the sphere.

The persistent degree-one class over Z2 gives each edge of the landmark cloud a sign ``s_ij``: -1 where it leads to the
other sheet of the double cover. Odd functions on the cover, which change sign between its sheets, are numbers on the
landmarks that compare along an edge up to its sign; their Laplacian is ``L_ij = δ_ij Σ_k w_ik - s_ij w_ij``, with the
weights of :func:`~neuromanifold.topology.coordinates.edge_weights`. On a round sphere its lowest eigenspace holds the
three Cartesian coordinates: ``±(x, y, z)`` of a landmark are its entries in the three lowest eigenvectors, each of unit
mean square, set to length one. The partition of unity carries them to every other point, signs included. (The Z2
classifying map of Perea 2018, followed by a reduction to three dimensions, with eigenvectors for the reduction.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.spatial.distance import cdist

from neuromanifold._errors import InputError
from neuromanifold._typing import BoolArray, FloatArray
from neuromanifold.topology.coordinates import edge_weights
from neuromanifold.topology.partition import weights_at
from neuromanifold.topology.persistence import longest_cocycles

__all__ = ["ProjectiveCoordinates", "projective_coordinates"]


@dataclass(frozen=True)
class ProjectiveCoordinates:
    """A map to the projective plane, known on landmarks and extended to any point by a partition of unity.

    Attributes
    ----------
    landmarks : array (l, r)
    directions : array (l, 3)
        Unit vectors, each up to its sign.
    signs : array (l, l)
        -1 for edges that lead to the other sheet.
    joined : array (l, l)
        Whether two landmarks share an edge; each is joined to itself.
    radius : float
        Of the balls of the partition of unity.
    """

    landmarks: FloatArray
    directions: FloatArray
    signs: FloatArray
    joined: BoolArray
    radius: float

    def __call__(self, points: FloatArray) -> FloatArray:
        """Angles (n, 2), colatitude in [0, π/2] and longitude in [0, 2 pi), radians, of points (n, r)."""
        blocks = weights_at(points, self.landmarks, self.joined, self.radius)
        x, y, z = np.concatenate([(w * self.signs[nearest]) @ self.directions for nearest, w in blocks]).T
        upper = np.where(z < 0, -1.0, 1.0)
        return np.stack([np.arctan2(np.hypot(x, y), np.abs(z)), np.mod(np.arctan2(upper * y, upper * x), 2 * np.pi)], 1)


def projective_coordinates(landmarks: FloatArray) -> ProjectiveCoordinates:
    """Coordinates of a landmark cloud (l, r) with one persistent loop over Z2.

    Raises
    ------
    InputError
        If the cloud has no loop, or fewer than three landmarks.
    """
    classes = longest_cocycles(landmarks, 1, prime=2)
    if not classes:
        raise InputError(f"the cloud of {len(landmarks)} landmarks has no loop over Z2: use another template")
    (loop,) = classes
    distance = cdist(landmarks, landmarks)
    joined = distance <= (loop.birth + loop.death) / 2
    longest = float(distance[joined].max())
    signs = np.where(loop.odd(len(landmarks)), -1.0, 1.0)
    weight = edge_weights(distance, longest) * joined
    degree = np.diag(weight.sum(axis=1))
    lowest = eigh(degree - signs * weight, degree, subset_by_index=[0, 2])[1]
    scaled = lowest / np.sqrt(np.mean(lowest**2, axis=0))
    return ProjectiveCoordinates(landmarks, _unit(scaled), signs, joined, longest / 2)


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)

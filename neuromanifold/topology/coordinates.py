"""Coordinates on a template from persistent cohomology: where on the circle, torus or sphere each sample lies.

A long-lived degree-one class has an integer cocycle ``eta`` on the edges of the landmark cloud. Its harmonic
representative ``theta = eta + d tau`` (least squares over ``tau``) turns slowly along the loop, and ``tau mod 1`` is a
map to the circle (de Silva, Morozov & Vejdemo-Johansson 2011). A partition of unity over balls around the landmarks
carries it to every other point (Perea 2020). Two classes give a map to the torus, made as independent as the lattice
of integer combinations allows by Lagrange-Gauss reduction of their Dirichlet form (Scoccola et al. 2023).

The least squares are weighted: ``<theta, theta'> = sum_ij w_ij theta_ij theta'_ij``, ``w_ij = k_ij / (q_i q_j)``,
``k_ij = exp(-(d_ij / scale)^2)``, ``q_i = sum_j k_ij``. Dividing by the density of the landmarks makes the form that of
the manifold alone (Coifman & Lafon 2006), so that coordinates turn at an even pace also where noise is thick and
landmarks crowd: on thalamic head-direction cells the median error fell from about 21 to 14 degrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import lsqr
from scipy.spatial.distance import cdist

from neuromanifold._arrays import matrix
from neuromanifold._errors import InputError
from neuromanifold._settings import check_whole
from neuromanifold._typing import BoolArray, FloatArray, IntArray
from neuromanifold.topology.partition import weights_at
from neuromanifold.topology.persistence import Cocycle, longest_cocycles

__all__ = [
    "CircularCoordinates",
    "SphericalCoordinates",
    "circular_coordinates",
    "common_scale",
    "edge_weights",
    "harmonic_maps",
    "reduced_basis",
]


@dataclass(frozen=True)
class CircularCoordinates:
    """q maps to the circle, known on landmarks and extended to any point by a partition of unity.

    Attributes
    ----------
    landmarks : array (l, r)
    phase : array (q, l)
        ``tau`` in turns on each landmark.
    steps : array (q, l, l)
        ``theta`` in turns along each edge (antisymmetric), zero where there is no edge.
    joined : array (l, l)
        Whether two landmarks share an edge; each is joined to itself.
    radius : float
        Radius of the balls of the partition of unity: half the length of the longest edge, so that landmarks whose
        balls meet are joined.
    dirichlet : array (q, q)
        Gram matrix of the harmonic representatives, ``<theta_a, theta_b>``.
    """

    landmarks: FloatArray
    phase: FloatArray
    steps: FloatArray
    joined: BoolArray
    radius: float
    dirichlet: FloatArray

    def __call__(self, points: FloatArray) -> FloatArray:
        """Angles (n, q) in radians, in [0, 2 pi), of points (n, r)."""
        blocks = weights_at(points, self.landmarks, self.joined, self.radius)
        turns = np.concatenate([self._turns(nearest, weight) for nearest, weight in blocks])
        return np.mod(2 * np.pi * turns, 2 * np.pi)

    def _turns(self, nearest: IntArray, weight: FloatArray) -> FloatArray:
        """``tau_j + sum_l w_l theta_jl`` with j the nearest landmark (n,)."""
        return np.stack(
            [
                phase[nearest] + np.einsum("nl,nl->n", weight, steps[nearest])
                for phase, steps in zip(self.phase, self.steps, strict=True)
            ],
            axis=1,
        )


@dataclass(frozen=True)
class SphericalCoordinates:
    """Direction from the centre of the cloud in its three leading principal components.

    Sound where the sphere is star-shaped about its centre in those components; the fit that starts from it is what
    corrects the rest. Eigenvectors of the landmarks' Laplacian did no better: on simulated populations (100 units,
    even and uneven visits) 6 to 10 degrees from the truth where this has 5 to 10, on spheres bent like bananas both 15
    to 25.
    """

    centre: FloatArray

    @classmethod
    def fit(cls, points: FloatArray) -> SphericalCoordinates:
        """Centre of the landmarks (l, r), r >= 3, in their three leading components."""
        if points.shape[1] < 3:
            raise InputError(
                f"a sphere needs at least 3 principal components, got {points.shape[1]}; raise n_components"
            )
        # The mid-range is the centre even where the sphere is unevenly visited.
        return cls((points[:, :3].max(axis=0) + points[:, :3].min(axis=0)) / 2)

    def __call__(self, points: FloatArray) -> FloatArray:
        """Angles (n, 2), colatitude and longitude in radians, of points (n, r)."""
        x, y, z = (points[:, :3] - self.centre).T
        return np.stack([np.arctan2(np.hypot(x, y), z), np.mod(np.arctan2(y, x), 2 * np.pi)], axis=1)


def circular_coordinates(landmarks: FloatArray, n_circles: int) -> CircularCoordinates:
    """Circular coordinates of the ``n_circles`` longest loops of a landmark cloud (l, r).

    Raises
    ------
    InputError
        If the cloud has fewer loops, or their bars do not overlap, so that no one scale shows them all, or their
        cocycles do not lift to the integers.
    """
    landmarks = matrix(landmarks, "landmarks")
    check_whole("n_circles", n_circles, 1)
    classes = longest_cocycles(landmarks, n_circles)
    distance = cdist(landmarks, landmarks)
    joined = distance <= common_scale(classes, n_circles, len(landmarks))
    longest = float(distance[joined].max())
    phase, steps, dirichlet = harmonic_maps(classes, joined, edge_weights(distance, longest))
    return CircularCoordinates(landmarks, phase, steps, joined, longest / 2, dirichlet)


def harmonic_maps(
    classes: Sequence[Cocycle], joined: BoolArray, strength: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """``tau`` (q, l), ``theta`` (q, l, l) and their Dirichlet form (q, q), in the reduced basis of the lattice.

    Raises
    ------
    InputError
        If a cocycle does not lift to the integers.
    """
    edges = np.argwhere(np.triu(joined, k=1))
    weights = strength[edges[:, 0], edges[:, 1]]
    flows = np.stack([_on_edges(c, edges, joined) for c in classes])
    phase, harmonic = _harmonic(flows, edges, weights, len(joined))
    basis = reduced_basis((harmonic * weights) @ harmonic.T)
    phase, harmonic = basis @ phase, basis @ harmonic
    steps = np.zeros((len(classes), *joined.shape))
    steps[:, edges[:, 0], edges[:, 1]] = harmonic
    return phase, steps - steps.transpose(0, 2, 1), (harmonic * weights) @ harmonic.T


def edge_weights(distance: FloatArray, scale: float) -> FloatArray:
    """``w_ij = k_ij / (q_i q_j)`` (l, l) of landmarks at these distances (l, l): a Laplacian free of their density."""
    kernel = np.exp(-((distance / scale) ** 2))
    density = kernel.sum(axis=1)
    return kernel / np.outer(density, density)


def common_scale(classes: list[Cocycle], n_circles: int, n_landmarks: int) -> float:
    """Half-way between the last birth and the first death.

    There the harmonic map is at its most stable: short-cuts have not yet filled a loop, and there are enough edges
    to average over.
    """
    if len(classes) < n_circles:
        raise InputError(
            f"{n_circles} loops were asked for but the cloud of {n_landmarks} landmarks has only "
            f"{len(classes)}: use another template or smooth the activity more"
        )
    birth, death = max(c.birth for c in classes), min(c.death for c in classes)
    if birth >= death:
        raise InputError(
            f"the {n_circles} longest loops do not exist at one scale (born by {birth:.3g}, filled from {death:.3g}): "
            "smooth the activity more, or use more landmarks"
        )
    return (birth + death) / 2


def reduced_basis(gram: FloatArray) -> IntArray:
    """Unimodular integer matrix whose rows are a reduced basis of the lattice with this Gram matrix.

    Pairwise Lagrange-Gauss steps until none shortens a vector: exact for two vectors, and for more a basis in which
    no vector is shortened by an integer multiple of another.
    """
    basis = np.eye(len(gram), dtype=np.int64)
    improved = True
    while improved:
        improved = False
        for a in range(len(gram)):
            for b in range(len(gram)):
                current = basis @ gram @ basis.T
                multiple = round(current[a, b] / current[b, b]) if a != b else 0
                if multiple:
                    basis[a] -= multiple * basis[b]
                    improved = True
    return basis


def _on_edges(cocycle: Cocycle, edges: IntArray, joined: BoolArray) -> FloatArray:
    """Values of an integer cochain on oriented edges (a < b), zero where it is not listed.

    Raises
    ------
    InputError
        If the lift from the prime field is not a cocycle over the integers: its sum around some triangle of the
        complex is not zero, and the map to the circle would tear there.
    """
    matrix = np.zeros(joined.shape)
    matrix[cocycle.edges[:, 0], cocycle.edges[:, 1]] = cocycle.values
    matrix -= matrix.T
    for vertex, row in enumerate(matrix):
        near = np.flatnonzero(joined[vertex])
        around = row[near][:, None] + matrix[np.ix_(near, near)] - row[near][None, :]
        if np.any(around[joined[np.ix_(near, near)]]):
            raise InputError(
                "the longest loop does not lift to the integers, so it gives no map to the circle: "
                "use another landmark draw (random_state) or smooth the activity more"
            )
    return matrix[edges[:, 0], edges[:, 1]]


def _harmonic(flows: FloatArray, edges: IntArray, weights: FloatArray, n_points: int) -> tuple[FloatArray, FloatArray]:
    """``tau`` (q, l) and ``theta = eta + d tau`` (q, n_edges), weighted least-squares representatives of ``flows``."""
    index = np.arange(len(edges))
    ones = np.ones(len(edges))
    gradient = coo_matrix(
        (np.r_[-ones, ones], (np.r_[index, index], np.r_[edges[:, 0], edges[:, 1]])), shape=(len(edges), n_points)
    ).tocsr()
    root = np.sqrt(weights / weights.mean())
    phase = np.stack([lsqr(diags(root) @ gradient, -root * flow, atol=1e-10, btol=1e-10)[0] for flow in flows])
    return phase, flows + (gradient @ phase.T).T

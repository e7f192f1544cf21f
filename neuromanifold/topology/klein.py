"""Coordinates on the Klein bottle: those of the torus that covers it twice.

Of the Klein bottle's two angles, ``(θ, φ) ~ (θ + π, -φ)``, one changes sign round the other, so that no class of a loop
gives it. On the double cover that is a torus both are circular coordinates. Each of the three non-zero combinations of
the two classes over Z2 says which edges of the landmark cloud lead to the other sheet of a double cover; two of these
covers are Klein bottles again, with one loop over a larger field, and one is the torus, with two. There the deck
map, from a landmark to its copy on the other sheet, leaves ``dθ`` as it is and turns ``dφ`` round, which tells them
apart; being orthogonal in any metric that it keeps, they are the reduced basis of the lattice of harmonic classes. The
zero of φ is set so that the deck map turns φ into -φ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from neuromanifold._errors import InputError
from neuromanifold._typing import BoolArray, FloatArray
from neuromanifold.topology.coordinates import CircularCoordinates, common_scale, edge_weights, harmonic_maps
from neuromanifold.topology.persistence import Cocycle, living_cocycles, longest_cocycles

__all__ = ["KleinCoordinates", "klein_coordinates"]

# Share of a class that the deck map must keep (or turn round): 1 for a perfect cover.
KEPT = 0.5


@dataclass(frozen=True)
class KleinCoordinates:
    """A map to the Klein bottle: circular coordinates on the sheet of the torus on which the landmarks lie."""

    sheet: CircularCoordinates

    def __call__(self, points: FloatArray) -> FloatArray:
        """Angles (n, 2), θ in [0, π) and φ in [0, 2 pi), radians, of points (n, r)."""
        theta, phi = self.sheet(points).T
        beyond = theta >= np.pi
        return np.stack([np.where(beyond, theta - np.pi, theta), np.mod(np.where(beyond, -phi, phi), 2 * np.pi)], 1)


def klein_coordinates(landmarks: FloatArray) -> KleinCoordinates:
    """Coordinates of a landmark cloud (l, r) with two persistent loops over Z2.

    Raises
    ------
    InputError
        If the cloud has fewer loops, they do not exist at one scale, or no double cover is a torus.
    """
    n_landmarks = len(landmarks)
    loops = longest_cocycles(landmarks, 2, prime=2)
    distance = cdist(landmarks, landmarks)
    joined = distance <= common_scale(loops, 2, n_landmarks)
    longest = float(distance[joined].max())
    crossing, circles = _torus(distance, joined, loops)
    strength = np.tile(edge_weights(distance, longest), (2, 2))
    phase, steps, dirichlet = harmonic_maps(circles, _cover(joined, crossing), strength)
    phase, steps = _told_apart(phase, steps, strength)
    # A step from a landmark on the first sheet leads to the other sheet where its edge crosses.
    first = np.where(crossing, steps[:, :n_landmarks, n_landmarks:], steps[:, :n_landmarks, :n_landmarks]) * joined
    return KleinCoordinates(
        CircularCoordinates(landmarks, phase[:, :n_landmarks], first, joined, longest / 2, dirichlet)
    )


def _torus(distance: FloatArray, joined: BoolArray, loops: Sequence[Cocycle]) -> tuple[BoolArray, list[Cocycle]]:
    """Which edges (l, l) cross between sheets of the cover whose second loop is the oldest, and its two loops."""
    found = []
    for crossing in _covers(loops, len(distance)):
        # Landmarks without an edge are out of reach.
        apart = np.where(_cover(joined, crossing), np.tile(distance, (2, 2)), np.inf)
        circles = living_cocycles(apart, float(distance[joined].max()), 2)
        if len(circles) == 2:
            found.append((circles[1].birth, crossing, circles))
    if not found:
        raise InputError("no double cover of the landmarks is a torus: use another template or more landmarks")
    _, crossing, circles = min(found, key=lambda cover: cover[0])
    return crossing, circles


def _covers(loops: Sequence[Cocycle], n_landmarks: int) -> Iterator[BoolArray]:
    """Edges (l, l) that cross between sheets, for each non-zero combination of two classes over Z2."""
    one, other = (loop.odd(n_landmarks) for loop in loops)
    yield from (one, other, one ^ other)


def _cover(joined: BoolArray, crossing: BoolArray) -> BoolArray:
    """Whether landmarks of the double cover (2l, 2l) share an edge: first the one sheet, then the other."""
    same, other = joined & ~crossing, joined & crossing
    return np.block([[same, other], [other, same]])


def _told_apart(phase: FloatArray, steps: FloatArray, strength: FloatArray) -> tuple[FloatArray, FloatArray]:
    """θ first, then φ with its zero, from two circles in any order."""
    half = phase.shape[1] // 2
    deck = np.r_[np.arange(half, 2 * half), np.arange(half)]
    kept = np.sum(strength * steps * steps[:, deck][:, :, deck], axis=(1, 2)) / np.sum(strength * steps**2, axis=(1, 2))
    order = np.argsort(-kept)
    if kept[order[0]] < KEPT or kept[order[1]] > -KEPT:
        raise InputError(
            "the circles of the double cover are not those of a Klein bottle: use another template or more landmarks"
        )
    phase, steps = phase[order].copy(), steps[order]
    phase[1] -= np.angle(np.mean(np.exp(2j * np.pi * (phase[1] + phase[1][deck])))) / (4 * np.pi)
    return phase, steps

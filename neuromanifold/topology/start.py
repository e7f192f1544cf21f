"""Coordinates on a named template from activity: sphere and disc from leading components, all others from cohomology.

They serve on their own (``Topology.transform``) and start an unsupervised fit, which tries several reductions because
no one suits every population: standardised or not, all samples or the dense ones, as they are or averaged over their
neighbourhoods, twice. Where noise is a good part of a tube's radius, single samples show no loop, and a third average
would draw a surface together to a net.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeAlias

import numpy as np
from scipy.stats import rankdata
from sklearn.neighbors import NearestNeighbors

from neuromanifold._errors import InputError
from neuromanifold._random import spawn_seeds
from neuromanifold._typing import FloatArray, RandomState
from neuromanifold.topology.cloud import CloudSettings, Reduction, dense_part, farthest_points
from neuromanifold.topology.coordinates import SphericalCoordinates, circular_coordinates
from neuromanifold.topology.draws import clearest_draws
from neuromanifold.topology.klein import klein_coordinates
from neuromanifold.topology.projective import projective_coordinates
from neuromanifold.topology.significance import draw_rows

__all__ = ["COORDINATES", "clearest_coordinates", "start_coordinates", "template_coordinates"]

Coordinates: TypeAlias = Callable[[FloatArray], FloatArray]

# Templates with coordinates: how many loops a draw of landmarks shows, and the map that landmarks (l, r) give.
COORDINATES: dict[str, tuple[int, Callable[[FloatArray], Coordinates]]] = {
    "circle": (1, lambda landmarks: circular_coordinates(landmarks, 1)),
    "torus": (2, lambda landmarks: circular_coordinates(landmarks, 2)),
    "klein": (2, lambda landmarks: klein_coordinates(landmarks)),
    "projective": (1, lambda landmarks: projective_coordinates(landmarks)),
    "sphere": (0, SphericalCoordinates.fit),
}
# Those that a fit without labels may start from.
STARTS = ("circle", "torus", "sphere")
# Standardised or not, share of samples that are dense, share of samples in a neighbourhood that is averaged over.
VARIANTS = tuple(
    (standardise, quantile, neighborhood)
    for neighborhood in (0.0, 0.04, 0.02)
    for standardise, quantile in ((False, 1.0), (True, 0.8), (False, 0.8), (True, 1.0))
)
N_AVERAGES = 2
LEAST_NEIGHBORS = 5


def template_coordinates(
    template: str, points: FloatArray, settings: CloudSettings, n_landmarks: int, rng: np.random.Generator
) -> Coordinates:
    """Coordinates on a named template from reduced activity (n, r): a map from (n, r) to angles (n, k).

    Raises
    ------
    InputError
        If this draw of landmarks does not show the loops, or they do not lift to the integers.
    """
    n_loops, coordinates = COORDINATES[template]
    dense = _dense_draw(points, settings, rng)
    return coordinates(dense[farthest_points(dense, n_landmarks, rng)] if n_loops else dense)


def clearest_coordinates(
    template: str, points: FloatArray, settings: CloudSettings, n_landmarks: int, rng: np.random.Generator
) -> Coordinates:
    """Coordinates from the clearest draw of landmarks (:mod:`neuromanifold.topology.draws`) that gives any.

    Raises
    ------
    InputError
        The last draw's complaint if none gives coordinates.
    """
    n_loops, coordinates = COORDINATES[template]
    if n_loops == 0:
        return coordinates(_dense_draw(points, settings, rng))
    *others, last = clearest_draws(points, settings, n_landmarks, n_loops, rng)
    for rows in others:
        try:
            return coordinates(points[rows])
        except InputError:
            continue
    return coordinates(points[last])


def _dense_draw(points: FloatArray, settings: CloudSettings, rng: np.random.Generator) -> FloatArray:
    drawn = points[draw_rows(len(points), settings.n_samples, rng)]
    return drawn[dense_part(drawn, settings)]


def start_coordinates(
    template: str,
    activity: FloatArray,
    n_starts: int,
    *,
    n_components: int,
    n_landmarks: int = 300,
    random_state: RandomState = None,
) -> list[FloatArray]:
    """Several candidate coordinates, angles (n, k) each, of activity (n, d) on a template that is given; more than
    ``len(VARIANTS)`` repeat the reductions with other landmarks.

    Raises
    ------
    InputError
        If no start can be made: a template without coordinates of this kind, or a cloud without enough loops.
    """
    if template == "contractible":
        return [_window_coordinates(activity)]
    if template not in STARTS:
        raise InputError(
            f"there are no starting coordinates on {template!r} without labels (there are for "
            f"{', '.join(map(repr, STARTS))} and 'contractible'): give task coordinates y"
        )
    starts, failures = [], []

    @cache
    def reduced(standardise: bool, neighborhood: float) -> FloatArray:
        return averaged(Reduction.fit(activity, n_components, standardise)(activity), neighborhood)

    for index, seed in enumerate(spawn_seeds(random_state, n_starts)):
        standardise, quantile, neighborhood = VARIANTS[index % len(VARIANTS)]
        points = reduced(standardise, neighborhood)
        settings = CloudSettings(n_components, density_quantile=quantile)
        try:
            rng = np.random.default_rng(seed)
            starts.append(template_coordinates(template, points, settings, n_landmarks, rng)(points))
        except InputError as error:
            failures.append(str(error))
    if not starts:
        raise InputError(f"no start for {template!r} in {n_starts} tries; the last said: {failures[-1]}")
    return starts


def averaged(points: FloatArray, neighborhood: float) -> FloatArray:
    """Points (n, r), each the mean over the nearest share of them, twice; 0: as they are."""
    if neighborhood == 0:
        return points
    n_neighbors = min(len(points), max(LEAST_NEIGHBORS, round(neighborhood * len(points))))
    for _ in range(N_AVERAGES):
        neighbors = NearestNeighbors(n_neighbors=n_neighbors).fit(points).kneighbors(points, return_distance=False)
        points = points[neighbors].mean(axis=1)
    return points


def _window_coordinates(activity: FloatArray) -> FloatArray:
    """Ranks of the two leading components, spread over the window (-1, 1)^2."""
    points = Reduction.fit(activity, 2, standardise=False)(activity)
    return 2 * (rankdata(points, axis=0) - 0.5) / len(points) - 1

"""Persistent homology of a small point cloud: the Vietoris–Rips bars over a prime field.

A bar ``(birth, death)`` of degree q is a q-dimensional hole that appears when points closer than ``birth`` are
joined and is filled at ``death``; its length is ``death - birth`` in the cloud's own distance. Betti numbers over
Z2 and Z3 differ where there is torsion, so templates are told apart only by both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from ripser import ripser
from scipy.spatial.distance import cdist

from neuromanifold._arrays import matrix
from neuromanifold._settings import check_choice, check_whole
from neuromanifold._typing import BoolArray, FloatArray, IntArray

__all__ = [
    "PRIMES",
    "Cocycle",
    "Diagrams",
    "bar_lengths",
    "living_cocycles",
    "longest_cocycles",
    "persistence_diagrams",
    "rips_diagrams",
]

PRIMES = (2, 3)
# Bars (n_bars, 2) of each degree, by prime.
Diagrams: TypeAlias = dict[int, list[FloatArray]]


@dataclass(frozen=True)
class Cocycle:
    """A degree-one cohomology class: its bar and an integer representative on the edges of the cloud.

    Attributes
    ----------
    birth, death : float
        The bar, in the cloud's distance.
    edges : array (n_edges, 2)
        Vertex pairs on which the representative is not zero.
    values : array (n_edges,)
        Integer lift to (-prime/2, prime/2] of the representative over the prime field.
    """

    birth: float
    death: float
    edges: IntArray
    values: IntArray

    def odd(self, n_points: int) -> BoolArray:
        """Edges (n_points, n_points) whose value is odd: over Z2, those that cross to the other sheet of a cover."""
        found = np.zeros((n_points, n_points), bool)
        a, b = self.edges[self.values % 2 == 1].T
        found[a, b] = found[b, a] = True
        return found


def persistence_diagrams(points: FloatArray, max_degree: int, prime: int = 2) -> list[FloatArray]:
    """Bars (n_bars, 2) for each degree 0..max_degree (at most 2) of the Rips filtration of ``points`` (n, r).

    The essential bar of degree 0 has an infinite death; all others are finite because the filtration runs to the
    enclosing radius of the cloud, where everything is a cone.

    Raises
    ------
    InputError
        If points are not finite numbers, or the degree or the prime is none that is counted.
    """
    points = matrix(points, "points")
    check_whole("max_degree", max_degree, 0, 2)
    check_choice("prime", prime, PRIMES)
    return rips_diagrams(cdist(points, points), max_degree, prime)


def rips_diagrams(
    distance: FloatArray, max_degree: int, prime: int = 2, reach: float = float("inf")
) -> list[FloatArray]:
    """Bars (n_bars, 2) for each degree 0..max_degree, from distances (n, n), of holes born within ``reach``.

    Those still alive there are followed to their end.
    """
    diagrams = _bars(_rips(distance, maxdim=max_degree, coeff=prime, **_limit(distance, reach)))
    if np.isfinite(reach) and sum(np.isinf(bars[:, 1]).sum() for bars in diagrams) > 1:
        diagrams = _bars(_rips(distance, maxdim=max_degree, coeff=prime))
    pieces, *holes = diagrams
    return [pieces, *(bars[bars[:, 0] <= reach] for bars in holes)]


def bar_lengths(diagram: FloatArray) -> FloatArray:
    """Finite bar lengths in falling order (n_bars,)."""
    finite = diagram[np.isfinite(diagram[:, 1])]
    return np.sort(finite[:, 1] - finite[:, 0])[::-1]


def longest_cocycles(points: FloatArray, n_classes: int, prime: int = 47) -> list[Cocycle]:
    """Integer representatives of the ``n_classes`` longest degree-one classes of ``points`` (n, r).

    A large prime makes torsion, and so a representative that does not lift to the integers, unlikely; the lift
    is checked where it is used (:mod:`neuromanifold.topology.coordinates`).
    """
    result = _rips(cdist(points, points), maxdim=1, coeff=prime, do_cocycles=True)
    diagram = np.asarray(result["dgms"][1], dtype=np.float64).reshape(-1, 2)
    order = np.argsort(diagram[:, 0] - diagram[:, 1], kind="stable")[:n_classes]
    return [_lifted(diagram[i], np.asarray(result["cocycles"][1][i]), prime) for i in order]


def living_cocycles(distance: FloatArray, scale: float, n_classes: int, prime: int = 47) -> list[Cocycle]:
    """Integer representatives of the ``n_classes`` oldest degree-one classes alive at a scale, from distances (n, n).

    Their death is infinite: the filtration ends at the scale. Points without an edge are infinitely far apart.
    """
    finite = np.where(np.isfinite(distance), distance, 2 * scale + 1)
    result = _rips(finite, maxdim=1, coeff=prime, do_cocycles=True, thresh=scale)
    diagram = np.asarray(result["dgms"][1], dtype=np.float64).reshape(-1, 2)
    alive = np.flatnonzero(np.isinf(diagram[:, 1]))
    oldest = alive[np.argsort(diagram[alive, 0], kind="stable")][:n_classes]
    return [_lifted(diagram[i], np.asarray(result["cocycles"][1][i]), prime) for i in oldest]


def _rips(distance: FloatArray, **options: Any) -> dict[str, Any]:
    """Ripser on exact distances: its own differ by rounding between near points, and it warns of wide clouds."""
    return dict(ripser(distance, distance_matrix=True, **options))


def _limit(distance: FloatArray, reach: float) -> dict[str, float]:
    """Ripser's own limit is the enclosing radius, but only where none is given."""
    return {"thresh": reach} if reach < distance.max(axis=1).min() else {}


def _bars(result: dict[str, Any]) -> list[FloatArray]:
    return [np.asarray(diagram, dtype=np.float64).reshape(-1, 2) for diagram in result["dgms"]]


def _lifted(bar: FloatArray, representative: IntArray, prime: int) -> Cocycle:
    values = representative[:, 2].astype(np.int64)
    values = np.where(values > prime // 2, values - prime, values)
    return Cocycle(float(bar[0]), float(bar[1]), representative[:, :2].astype(np.int64), values)

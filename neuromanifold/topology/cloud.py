"""From activity to the landmark cloud whose holes are counted.

``standardise -> (directions ->) principal components -> no stray points -> farthest-point landmarks -> distances``
where every step sees only the activity it is given, so that shuffled activity goes through the identical pipeline.

A bump of activity that vanishes at times fills its ring: the activity is a disc. Its *directions*, each sample freed of
its mean over units and of its norm, are a ring however strong the bump is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from sklearn.neighbors import NearestNeighbors

from neuromanifold._blocks import column_deviation, gram, parts
from neuromanifold._typing import BoolArray, FloatArray, IntArray
from neuromanifold.topology.metrics import METRICS, MetricName

__all__ = [
    "CloudSettings",
    "Reduction",
    "dense_part",
    "directions",
    "farthest_points",
    "landmark_distances",
    "landmark_rows",
]


@dataclass(frozen=True)
class CloudSettings:
    """What turns activity into landmarks.

    Attributes
    ----------
    n_components : int
        Principal components kept.
    n_samples : int
        Rows drawn (without replacement) before the density filter.
    density_quantile : float in (0, 1]
        Share of the samples kept, densest first, beside the stray ones: a global cut, which opens thinly visited parts.
    n_neighbors : int
        The density at a point is measured by the distance to this neighbour.
    stray_ratio : float
        A point is stray where that distance is this many times the median of its neighbours'. From 1.4 to 1.7 the
        loops of simulated grid cells and of evenly and unevenly visited tori stood out alike; at 1.2 the cut itself
        made loops, and with no cut noise hid those of the grid cells.
    least_piece : float
        A piece that stands apart with a smaller share of the points (an artefact in one trial, say) is a splinter.
    directional : bool
        Look at directions.
    metric : str
        Distances between landmarks (:mod:`neuromanifold.topology.metrics`).
    """

    n_components: int
    n_samples: int = 3000
    density_quantile: float = 1.0
    n_neighbors: int = 30
    stray_ratio: float = 1.4
    least_piece: float = 0.05
    directional: bool = False
    metric: MetricName = "euclidean"


@dataclass(frozen=True)
class Reduction:
    """The map from activity (n, d) to the cloud's space (n, r): standardise, take directions if asked, project."""

    mean: FloatArray
    scale: FloatArray
    components: FloatArray
    directional: bool

    @classmethod
    def fit(
        cls, activity: FloatArray, n_components: int, standardise: bool = True, directional: bool = False
    ) -> Reduction:
        """Standardise each unit (a constant one keeps scale 1) and take the leading principal components."""
        mean = activity.mean(axis=0)
        # The standard deviation of a constant 0.1 is 1e-17, not 0: the range is what tells a constant unit.
        varies = np.ptp(activity, axis=0) > 0
        scale = np.where(standardise & varies, column_deviation(activity, mean), 1.0)
        origin = np.zeros(len(mean))
        if directional:
            origin = sum(_standard(part, mean, scale, True).sum(axis=0) for part in parts(activity)) / len(activity)
        standard = (_standard(part, mean, scale, directional) - origin for part in parts(activity))
        components = _axes_of_many_units if activity.shape[1] > len(activity) else _axes
        return cls(mean, scale, components(standard, n_components), directional)

    def __call__(self, activity: FloatArray) -> FloatArray:
        standard = (_standard(part, self.mean, self.scale, self.directional) for part in parts(activity))
        return np.concatenate([part @ self.components for part in standard])


def _axes(standard: Iterable[FloatArray], n_components: int) -> FloatArray:
    """Leading principal axes (d, r) of centred activity in blocks (n_i, d)."""
    return np.linalg.eigh(gram(standard))[1][:, ::-1][:, :n_components]


def _axes_of_many_units(standard: Iterable[FloatArray], n_components: int) -> FloatArray:
    """The same from the products of samples, which are fewer than units."""
    samples = np.concatenate(list(standard))
    n_samples = len(samples)
    leading = (max(n_samples - n_components, 0), n_samples - 1)
    scores = scipy.linalg.eigh(samples @ samples.T, subset_by_index=leading)[1][:, ::-1]
    return np.linalg.qr(samples.T @ scores)[0]


def _standard(activity: FloatArray, mean: FloatArray, scale: FloatArray, directional: bool) -> FloatArray:
    standard = (activity - mean) / scale
    return directions(standard) if directional else standard


def directions(activity: FloatArray) -> FloatArray:
    """Samples (n, d) freed of their mean over units and of their norm (one without any stays at the centre)."""
    pattern = activity - activity.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(pattern, axis=1, keepdims=True)
    return pattern / np.where(norm > 0, norm, 1.0)


def landmark_distances(
    activity: FloatArray, settings: CloudSettings, n_landmarks: int, rng: np.random.Generator
) -> FloatArray:
    """Distances (l, l) between landmarks of the dense part of the reduced activity (n, d), in sizes of that part.

    The leading components of units that share structure hold more variance than those of shuffled ones. Without a
    common size every bar of the larger cloud, noise included, would be longer than the shuffles'.
    """
    points = Reduction.fit(activity, settings.n_components, directional=settings.directional)(activity)
    kept = dense_part(points, settings)
    dense = points[kept]
    return METRICS[settings.metric](dense, farthest_points(dense, n_landmarks, rng))


def landmark_rows(
    points: FloatArray, settings: CloudSettings, n_landmarks: int, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Rows of the reduced activity (n, r) that are in its dense part, and those of them that are landmarks."""
    kept = dense_part(points, settings)
    return kept, kept[farthest_points(points[kept], n_landmarks, rng)]


def dense_part(points: FloatArray, settings: CloudSettings) -> IntArray:
    """Indices of the points (n, r) that are not stray, the densest ``density_quantile`` of them, without splinters."""
    n_neighbors = min(settings.n_neighbors, len(points) - 1)
    if n_neighbors < 1:
        return np.arange(len(points))
    distances, neighbors = NearestNeighbors(n_neighbors=n_neighbors).fit(points).kneighbors()
    radius = distances[:, -1]
    # Beside its own neighbours, a point in a thinly visited part of a surface is none the sparser; a stray one is.
    kept = np.flatnonzero(radius <= settings.stray_ratio * np.median(radius[neighbors], axis=1))
    if settings.density_quantile < 1:
        kept = kept[radius[kept] <= np.quantile(radius[kept], settings.density_quantile)]
    return kept[_without_splinters(neighbors, kept, settings.least_piece)]


def _without_splinters(neighbors: IntArray, kept: IntArray, least_piece: float) -> BoolArray:
    """Which of the kept points belong to a piece of their neighbourhood graph with a fair share of them."""
    n, k = neighbors.shape
    edges = csr_array((np.ones(n * k, bool), neighbors.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
    piece = connected_components(edges[kept][:, kept], directed=False)[1]
    return (np.bincount(piece) >= least_piece * len(kept))[piece]


def farthest_points(points: FloatArray, n_landmarks: int, rng: np.random.Generator) -> IntArray:
    """Indices (<= n_landmarks,) of a greedy farthest-point sample of the points (n, r).

    Each landmark is the point farthest from those chosen before; the first is random. Stops early when every
    point is a landmark's duplicate.
    """
    chosen = [int(rng.integers(len(points)))]
    squared = np.sum((points - points[chosen[0]]) ** 2, axis=1)
    while len(chosen) < min(n_landmarks, len(points)) and squared.max() > 0:
        chosen.append(int(squared.argmax()))
        squared = np.minimum(squared, np.sum((points - points[chosen[-1]]) ** 2, axis=1))
    return np.asarray(chosen)

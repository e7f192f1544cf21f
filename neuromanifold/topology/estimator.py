"""``Topology``: which template manifold the activity lies on, with p-values, or "undecided" with reasons."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import Any, Literal

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from neuromanifold._arrays import validated
from neuromanifold._errors import InputError
from neuromanifold._random import numpy_generator
from neuromanifold._settings import check_jobs
from neuromanifold._typing import ArrayLike, FloatArray, IntArray, RandomState
from neuromanifold.data.blocks import is_streamed, read, read_blocks
from neuromanifold.data.intervals import evenly_thinned, interval_numbers
from neuromanifold.data.prepare import choose_n_components
from neuromanifold.data.recording import to_arrays
from neuromanifold.manifolds import Sphere
from neuromanifold.topology.alternatives import alternatives
from neuromanifold.topology.checks import ALPHA, check_intervals, check_settings, check_units, is_counts, stabilised
from neuromanifold.topology.classify import NO_HOLES, has_more_than
from neuromanifold.topology.cloud import CloudSettings
from neuromanifold.topology.cost import check_cost
from neuromanifold.topology.cycles import cycles_dataset, longest_cycles
from neuromanifold.topology.draws import clearest_draws
from neuromanifold.topology.evidence import Evidence
from neuromanifold.topology.look import Look, Question, look
from neuromanifold.topology.metrics import UNITS, MetricName
from neuromanifold.topology.persistence import PRIMES
from neuromanifold.topology.significance import NullKind, NullSettings, draw_rows
from neuromanifold.topology.start import COORDINATES, clearest_coordinates

__all__ = ["Topology"]

# Of 3 units the directions are themselves a circle, true or shuffled.
MIN_UNITS = 8
DENSE_DIRECTIONS = 0.8
IN_DIRECTIONS = (
    "this is seen in directions, each sample freed of its mean over units and its norm, beyond what the covariance of "
    "units explains; how strongly the population is active hides it"
)


class Topology(TransformerMixin, BaseEstimator):
    """Template manifold of a population by persistent homology over Z2 and Z3 with shuffled controls.

    Of more than :data:`~neuromanifold.data.intervals.LONGEST` samples an even share is looked at
    (:func:`~neuromanifold.data.intervals.evenly_thinned`), in memory or read in blocks alike.

    The activity is stabilised, standardised, projected on principal components, freed of stray points and reduced to
    farthest-point landmarks of unit RMS radius; bars of their Vietoris-Rips filtration are compared with those of the
    same units made independent (:mod:`neuromanifold.topology.significance`). Degree 2 is computed only when the loops
    found are not those of a circle and the cloud is no curve.

    Parameters
    ----------
    alpha : float
        Level of each claimed bar.
    n_shuffles : int
        Shuffles of the null, at most: they end early where more could not change the verdict. ``p`` is at least
        ``1 / (1 + n_shuffles)``.
    n_components : int or "auto"
        Principal components; "auto" keeps those that exceed time-shifted activity.
    n_landmarks, n_landmarks_2 : int
        Landmarks for loops (degree 1) and for cavities (degree 2, far dearer).
    density_quantile : float or "auto"
        Share of samples kept, densest first, after points far sparser than their neighbours have been left out. Less
        than 1 frees a loop of more noise, but cuts windows into unevenly visited surfaces: each is one loop more.
        "auto": all, and 0.8 of directions.
    amplitude : {"auto", "keep", "remove"}
        Whether it matters how strongly the population is active. "remove" looks at directions
        (:mod:`neuromanifold.topology.cloud`) and can only find a circle; "auto" does so where the activity as it is
        shows no template with holes, nor holes that a circle lacks, and there are units enough.
    metric : {"euclidean", "geodesic", "cosine-fuzzy"}
        Distances between landmarks (:mod:`neuromanifold.topology.metrics`).
    root : bool or "auto"
        Take the square root first, which makes the noise of counts even; "auto": of whole numbers from 0 up.
    null : {"auto", "time-shift", "permutation"}
        "auto" shifts in time, unless a recording says that its samples have no time order
        (``attrs["time_ordered"] = 0``).
    n_jobs : int or None
        Parallel shuffles (joblib).
    verbose : bool
        Progress bars, and before them what a step will cost.
    random_state : int, Generator or None
        Draws of samples, landmarks and shuffles.

    Attributes
    ----------
    template_ : str
        Name of a template, or "undecided".
    reasons_ : tuple of str
        Why, in words and numbers: what is in doubt first, then the holes with their p-values, then the draws.
    support_ : dict
        Share of landmark draws for each outcome.
    alternatives_ : dict
        Every template with its margin, largest first: the factor by which its holes stand clear of the shuffles, below
        1 where they contradict it (:mod:`neuromanifold.topology.alternatives`).
    intrinsic_dimension_ : dict
        Two-NN and local PCA estimates (:mod:`neuromanifold.topology.intrinsic_dimension`).
    betti_ : dict
        ``betti_[prime]`` = (b0, b1[, b2]) as counted in most draws; b2 only where it was computed.
    p_values_ : dict
        ``p_values_[degree]``: p-values of the longest bars over Z2 (median length over draws), longest first.
    diagrams_ : dict
        ``diagrams_[prime][degree]``: bars (n_bars, 2) of the first draw.
    bars_ : xarray.Dataset
        The same bars with the shuffles' longest bars, and p-values by the universal null
        (:mod:`neuromanifold.topology.universal_null`) as a second opinion; for figures and files.
    cycles_ : tuple of arrays (m,)
        For each loop counted over Z2, rows of ``X`` along a closed path round it, in order: the samples that make it.
    loops_ : xarray.Dataset
        The same paths among the reduced activity, in its three leading components; for figures.
    n_features_in_ : int
        Units.

    References
    ----------
    Gardner et al. (2022) Nature 602:123; de Silva, Morozov & Vejdemo-Johansson (2011); Perea (2020).
    """

    def __init__(
        self,
        alpha: float = ALPHA,
        n_shuffles: int = 100,
        n_components: int | Literal["auto"] = "auto",
        n_landmarks: int = 300,
        n_landmarks_2: int = 250,
        density_quantile: float | Literal["auto"] = "auto",
        amplitude: Literal["auto", "keep", "remove"] = "auto",
        metric: MetricName = "euclidean",
        root: bool | Literal["auto"] = "auto",
        null: NullKind | Literal["auto"] = "auto",
        n_jobs: int | None = None,
        verbose: bool = False,
        random_state: RandomState = None,
    ) -> None:
        self.alpha = alpha
        self.n_shuffles = n_shuffles
        self.n_components = n_components
        self.n_landmarks = n_landmarks
        self.n_landmarks_2 = n_landmarks_2
        self.density_quantile = density_quantile
        self.amplitude = amplitude
        self.metric = metric
        self.root = root
        self.null = null
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: ArrayLike | xr.Dataset, y: None = None, groups: ArrayLike | None = None) -> Topology:
        """Decide the template of activity X (n, d), rows in time order inside each interval of ``groups`` (n,).

        ``X`` may also be a prepared recording, which brings its own intervals and need not fit in memory.

        Raises
        ------
        InputError, NotEnoughDataError
            For settings out of range or too dear, activity that is not finite or has constant units, too few samples
            or units, and intervals too short to shift units in.
        """
        landmarks = {"n_landmarks": self.n_landmarks, "n_landmarks_2": self.n_landmarks_2}
        check_settings(
            self.alpha,
            self.n_shuffles,
            landmarks,
            self.density_quantile,
            metric=self.metric,
            amplitude=self.amplitude,
            root=self.root,
            null=self.null,
        )
        check_jobs(self.n_jobs)
        for degree, (name, number) in enumerate(landmarks.items(), start=1):
            check_cost(name, number, degree)
        self.null_ = self._null(X)
        rows, activity, intervals = self._activity(X, groups)
        rng = numpy_generator(self.random_state)
        n_components = self._n_components(activity, intervals, rng)
        found = self._look(activity, intervals, n_components, rng)
        self._state(found)
        points = self._reduction(activity)
        self._fit_coordinates(points, rng)
        self._fit_cycles(points, rows, rng)
        self.bars_ = self._bars(found.evidence)
        return self

    def transform(self, X: ArrayLike | xr.Dataset) -> FloatArray:
        """Coordinates on ``template_`` of activity (n, d): angles in radians (n, k).

        From cohomology, on the sphere from the leading components; NaN (n, 1) where there are none (contractible,
        undecided).
        """
        check_is_fitted(self)
        given = to_arrays(X).X if isinstance(X, xr.Dataset) else X
        if is_streamed(given):
            return np.concatenate([self.transform(block) for _, block in read_blocks(given)])
        activity = self._stabilised(validated(self, given, reset=False))
        if self._coordinates is None:
            return np.full((len(activity), 1), np.nan)
        return self._coordinates(self._reduction(activity))

    # -- steps of fit, in order ---------------------------------------------------------------------------------

    def _null(self, X: ArrayLike | xr.Dataset) -> NullKind:
        if self.null != "auto":
            return self.null
        unordered = isinstance(X, xr.Dataset) and not int(X.attrs.get("time_ordered", 1))
        return "permutation" if unordered else "time-shift"

    def _activity(self, X: ArrayLike | xr.Dataset, groups: ArrayLike | None) -> tuple[IntArray, FloatArray, IntArray]:
        """Rows that are looked at, their activity, and their intervals."""
        if isinstance(X, xr.Dataset):
            arrays = to_arrays(X)
            X, groups = arrays.X, arrays.groups if groups is None else groups
        whole: Any = X if is_streamed(X) else validated(self, X, reset=True)
        intervals = interval_numbers(groups, len(whole))
        thinned = evenly_thinned(intervals)
        activity = read(whole, thinned)
        if is_streamed(whole):
            activity = validated(self, activity, reset=True)
        check_units(activity, self._density_quantile(self.amplitude == "remove"))
        self.root_ = is_counts(activity) if self.root == "auto" else bool(self.root)
        check_intervals(intervals[thinned], self.null_)
        return np.arange(len(whole))[thinned], self._stabilised(activity), intervals[thinned]

    def _stabilised(self, activity: FloatArray) -> FloatArray:
        return stabilised(activity) if self.root_ else activity

    def _n_components(self, activity: FloatArray, intervals: IntArray, rng: np.random.Generator) -> int:
        n_units, given = activity.shape[1], self.n_components
        if given == "auto":
            # Exchangeable samples are shifted over the whole set; at least three, so that a surface has room.
            groups = intervals if self.null_ == "time-shift" else None
            return min(max(choose_n_components(activity, groups=groups, random_state=rng), 3), n_units)
        if not isinstance(given, Integral) or not 2 <= int(given) <= n_units:
            raise InputError(
                f'n_components must be "auto" or between 2 and the number of units ({n_units}), got {given!r}'
            )
        return int(given)

    def _look(self, activity: FloatArray, intervals: IntArray, n_components: int, rng: np.random.Generator) -> Look:
        """At the activity as it is; then, where that shows no holes but a circle's, at its directions for a circle."""
        null = NullSettings(self.null_, int(self.n_shuffles), self.n_jobs, self.verbose)
        question = Question(int(self.n_landmarks), int(self.n_landmarks_2), null, self.alpha)

        def at(directional: bool) -> Look:
            cloud = CloudSettings(
                n_components,
                density_quantile=self._density_quantile(directional),
                directional=directional,
                metric=self.metric,
            )
            return look(activity, intervals, cloud, question, rng)

        first = at(self.amplitude == "remove")
        settled = first.verdict.template not in NO_HOLES or has_more_than(Sphere(1), first.evidence.common)
        if settled or self.amplitude != "auto" or activity.shape[1] < MIN_UNITS:
            return first
        second = at(True)
        if second.verdict.template != "circle":
            return first
        reasons = (*second.verdict.reasons, IN_DIRECTIONS)
        return replace(second, verdict=replace(second.verdict, reasons=reasons))

    def _density_quantile(self, directional: bool) -> float:
        """Weak samples have directions of noise alone."""
        if self.density_quantile == "auto":
            return DENSE_DIRECTIONS if directional else 1.0
        return float(self.density_quantile)

    def _state(self, found: Look) -> None:
        evidence, verdict = found.evidence, found.verdict
        self._cloud, self._reduction = found.cloud, found.reduction
        self.intrinsic_dimension_ = found.dimension
        self.template_ = verdict.template
        self.support_ = verdict.support
        self.reasons_ = verdict.reasons
        self.alternatives_ = alternatives(evidence)
        self.betti_ = dict(zip(PRIMES, evidence.common, strict=True))
        by_degree = evidence.p_values[PRIMES[0]]
        self.p_values_ = {degree: p for degree, p in by_degree.items() if degree > 0}
        self.diagrams_ = evidence.draws[0]

    def _fit_coordinates(self, points: FloatArray, rng: np.random.Generator) -> None:
        """Coordinates where the template has them; a verdict stands without, and says so."""
        self._coordinates = None
        if self.template_ not in COORDINATES:
            return
        try:
            self._coordinates = clearest_coordinates(self.template_, points, self._cloud, self.n_landmarks, rng)
        except InputError as error:
            self.reasons_ = (*self.reasons_, f"transform gives NaN, for {error}")

    def _fit_cycles(self, points: FloatArray, looked_at: IntArray, rng: np.random.Generator) -> None:
        """Rows along each claimed loop, in the draw of landmarks that shows the loops most clearly."""
        cycles: tuple[IntArray, ...] = ()
        n_loops = self.betti_[PRIMES[0]][1]
        if n_loops:
            rows = clearest_draws(points, self._cloud, self.n_landmarks, n_loops, rng)[0]
            cycles = tuple(rows[cycle] for cycle in longest_cycles(points[rows], n_loops))
        self.cycles_ = tuple(looked_at[cycle] for cycle in cycles)
        shown = draw_rows(len(points), self._cloud.n_samples, rng)
        self.loops_ = cycles_dataset(points, shown, cycles).assign_attrs(template=self.template_)

    def _bars(self, evidence: Evidence) -> xr.Dataset:
        return evidence.dataset(UNITS[self.metric]).assign_attrs(
            template=self.template_,
            reasons="; ".join(self.reasons_),
            null=self.null_,
            n_components=self._cloud.n_components,
            density_quantile=self._cloud.density_quantile,
            metric=self.metric,
            amplitude="removed" if self._cloud.directional else "kept",
            root=int(self.root_),
        )

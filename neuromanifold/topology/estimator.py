"""``Topology``: which template manifold the activity lies on, with p-values, or "undecided" with reasons."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._random import numpy_generator, spawn_seeds
from neuromanifold._typing import ArrayLike, FloatArray, IntArray, RandomState
from neuromanifold.data.prepare import choose_n_components
from neuromanifold.data.recording import to_arrays
from neuromanifold.topology.classify import PRIMES, Counts, Verdict, candidates, decide
from neuromanifold.topology.cloud import CloudSettings, Reduction, landmark_cloud
from neuromanifold.topology.start import COORDINATES, template_coordinates
from neuromanifold.topology.persistence import bar_lengths, persistence_diagrams
from neuromanifold.topology.significance import (
    NullKind,
    draw_rows,
    null_longest_bars,
    p_value,
    threshold,
)

__all__ = ["Topology"]

N_DRAWS = 5
AGREEMENT = 0.8
MIN_SAMPLES = 100


class Topology(TransformerMixin, BaseEstimator):
    """Template manifold of a population by persistent homology over Z2 and Z3 with shuffled controls.

    The activity is standardised, projected on principal components, freed of stray points and reduced to
    farthest-point landmarks; bars of its Vietoris-Rips filtration are compared with those of the same units made
    independent (:mod:`neuromanifold.topology.significance`). Degree 2 is computed only when the loops found allow
    a two-dimensional template.

    Parameters
    ----------
    alpha : float
        Level of each claimed bar.
    n_shuffles : int
        Shuffles of the null; ``p`` is at least ``1 / (1 + n_shuffles)``.
    n_components : int or "auto"
        Principal components; "auto" keeps those that exceed time-shifted activity.
    n_landmarks, n_landmarks_2 : int
        Landmarks for loops (degree 1) and for cavities (degree 2, far dearer).
    density_quantile : float
        Share of samples kept by the density filter.
    null : {"auto", "time-shift", "permutation"}
        "auto" shifts in time, unless a recording says that its samples have no time order
        (``attrs["time_ordered"] = 0``).
    n_jobs : int or None
        Parallel shuffles (joblib).
    verbose : bool
        Progress bars.
    random_state : int, Generator or None
        Draws of samples, landmarks and shuffles.

    Attributes
    ----------
    template_ : str
        Name of a template, or "undecided".
    reasons_ : tuple of str
        Why, in words.
    support_ : dict
        Share of landmark draws for each outcome.
    betti_ : dict
        ``betti_[prime]`` = (b0, b1[, b2]) as counted in most draws.
    p_values_ : dict
        ``p_values_[degree]``: p-values of the longest bars (median over draws), longest first.
    diagrams_ : dict
        ``diagrams_[prime][degree]``: bars (n_bars, 2) of the first draw.
    bars_ : xarray.Dataset
        The same bars with the shuffles' longest bars, for figures and files.
    n_features_in_ : int
        Units.

    References
    ----------
    Gardner et al. (2022) Nature 602:123; de Silva, Morozov & Vejdemo-Johansson (2011); Perea (2020).
    """

    def __init__(
        self,
        alpha: float = 0.05,
        n_shuffles: int = 100,
        n_components: int | Literal["auto"] = "auto",
        n_landmarks: int = 300,
        n_landmarks_2: int = 200,
        density_quantile: float = 0.8,
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
        self.null = null
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: ArrayLike | xr.Dataset, y: None = None, groups: ArrayLike | None = None) -> Topology:
        """Decide the template of activity X (n, d), rows in time order inside each interval of ``groups`` (n,).

        ``X`` may also be a prepared recording, which brings its own intervals.

        Raises
        ------
        InputError, NotEnoughDataError
            For settings out of range, activity that is not finite, fewer than 100 samples, or one unit.
        """
        self._check_settings()
        activity, intervals = self._activity(X, groups)
        self.null_ = self._null(X)
        rng = numpy_generator(self.random_state)
        self._settings = CloudSettings(
            self._n_components(activity, intervals, rng), density_quantile=self.density_quantile
        )
        votes = self._stage(activity, intervals, 1, self.n_landmarks, rng)
        common = Counter(votes).most_common(1)[0][0]
        if any(template.dim > 1 for template in candidates(common)):
            votes = self._stage(activity, intervals, 2, self.n_landmarks_2, rng)
            common = Counter(votes).most_common(1)[0][0]
        self.betti_ = {prime: (1, *counts) for prime, counts in zip(PRIMES, common, strict=True)}
        self._state_verdict(decide(votes, self._p_next(common), self.alpha, AGREEMENT))
        self._fit_coordinates(activity, rng)
        return self

    def transform(self, X: ArrayLike | xr.Dataset) -> FloatArray:
        """Coordinates on ``template_`` of activity (n, d): angles in radians (n, k).

        Circle and torus from cohomology, sphere from the leading components; NaN (n, 1) where the template has no
        coordinates here (contractible, undecided).
        """
        check_is_fitted(self)
        if isinstance(X, xr.Dataset):
            X = to_arrays(X).X
        activity = validate_data(self, X, reset=False, dtype=np.float64)
        if self._coordinates is None:
            return np.full((len(activity), 1), np.nan)
        return self._coordinates(self._reduction(activity))

    # -- steps of fit, in order ---------------------------------------------------------------------------------

    def _check_settings(self) -> None:
        if not 0 < self.alpha < 1:
            raise InputError(f"alpha must lie between 0 and 1, got {self.alpha}")
        if self.n_shuffles < 1 / self.alpha - 1:
            raise InputError(
                f"{self.n_shuffles} shuffles cannot reach p <= {self.alpha:g}: use n_shuffles >= "
                f"{int(np.ceil(1 / self.alpha - 1))}"
            )
        if not 0 < self.density_quantile <= 1:
            raise InputError(f"density_quantile must lie in (0, 1], got {self.density_quantile}")
        if self.null not in ("auto", "time-shift", "permutation"):
            raise InputError(f'null must be "auto", "time-shift" or "permutation", got {self.null!r}')

    def _activity(self, X: ArrayLike | xr.Dataset, groups: ArrayLike | None) -> tuple[FloatArray, IntArray]:
        if isinstance(X, xr.Dataset):
            arrays = to_arrays(X)
            X, groups = arrays.X, arrays.groups if groups is None else groups
        activity = validate_data(self, X, dtype=np.float64, ensure_min_samples=2, ensure_min_features=2)
        if len(activity) < MIN_SAMPLES:
            raise NotEnoughDataError(
                f"n_samples={len(activity)} is too few to tell holes from noise: at least {MIN_SAMPLES} are needed"
            )
        if not np.all(activity.std(axis=0) > 0):
            constant = np.flatnonzero(activity.std(axis=0) == 0)
            raise InputError(
                f"units {constant[:10].tolist()} are constant and carry no information: drop them "
                "(neuromanifold.prepare does)"
            )
        intervals = np.zeros(len(activity), np.int64) if groups is None else np.asarray(groups)
        if intervals.shape != (len(activity),):
            raise InputError(f"groups must have shape ({len(activity)},), one per row; got {intervals.shape}")
        return activity, intervals

    def _null(self, X: ArrayLike | xr.Dataset) -> NullKind:
        if self.null != "auto":
            return self.null
        unordered = isinstance(X, xr.Dataset) and not int(X.attrs.get("time_ordered", 1))
        return "permutation" if unordered else "time-shift"

    def _n_components(self, activity: FloatArray, intervals: IntArray, rng: np.random.Generator) -> int:
        if self.n_components == "auto":
            # At least three, so that a surface has room; never more than there are units.
            chosen = choose_n_components(activity, groups=intervals, random_state=rng)
            return min(max(chosen, 3), activity.shape[1])
        if not 2 <= int(self.n_components) <= activity.shape[1]:
            raise InputError(
                f'n_components must be "auto" or between 2 and the number of units ({activity.shape[1]}), '
                f"got {self.n_components}"
            )
        return int(self.n_components)

    def _stage(
        self,
        activity: FloatArray,
        intervals: IntArray,
        max_degree: int,
        n_landmarks: int,
        rng: np.random.Generator,
    ) -> list[Counts]:
        """Count significant bars up to a degree in several landmark draws, against the shuffles."""
        self.null_longest_ = null_longest_bars(
            activity,
            intervals,
            self._settings,
            kind=self.null_,
            max_degree=max_degree,
            n_landmarks=n_landmarks,
            n_shuffles=self.n_shuffles,
            n_jobs=self.n_jobs,
            random_state=spawn_seeds(rng, 1)[0],
            verbose=self.verbose,
        )
        self.thresholds_ = np.array([threshold(null, self.alpha) for null in self.null_longest_.T])
        draws = [
            self._draw(activity, n_landmarks, max_degree, np.random.default_rng(seed))
            for seed in spawn_seeds(rng, N_DRAWS)
        ]
        self.diagrams_ = draws[0]
        self._lengths = {
            degree: [bar_lengths(draw[PRIMES[0]][degree]) for draw in draws] for degree in range(1, max_degree + 1)
        }
        self.p_values_ = {degree: self._median_p(degree) for degree in self._lengths}
        return [self._count(draw) for draw in draws]

    def _draw(
        self, activity: FloatArray, n_landmarks: int, max_degree: int, rng: np.random.Generator
    ) -> dict[int, list[FloatArray]]:
        rows = draw_rows(len(activity), self._settings.n_samples, rng)
        points = landmark_cloud(activity[rows], self._settings, n_landmarks, rng)
        return {prime: persistence_diagrams(points, max_degree, prime) for prime in PRIMES}

    def _count(self, draw: dict[int, list[FloatArray]]) -> Counts:
        return tuple(
            tuple(
                int(np.sum(bar_lengths(diagram) > limit))
                for diagram, limit in zip(draw[prime][1:], self.thresholds_, strict=True)
            )
            for prime in PRIMES
        )

    def _median_p(self, degree: int, n_bars: int = 6) -> FloatArray:
        null = self.null_longest_[:, degree - 1]
        padded = np.zeros((N_DRAWS, n_bars))
        for row, lengths in zip(padded, self._lengths[degree], strict=True):
            row[: min(n_bars, len(lengths))] = lengths[:n_bars]
        return np.array([p_value(length, null) for length in np.median(padded, axis=0)])

    def _p_next(self, common: Counts) -> dict[int, float]:
        claimed = common[0]
        return {
            degree: float(self.p_values_[degree][min(claimed[degree - 1], len(self.p_values_[degree]) - 1)])
            for degree in self.p_values_
        }

    def _state_verdict(self, verdict: Verdict) -> None:
        self.template_ = verdict.template
        self.support_ = verdict.support
        self.reasons_ = verdict.reasons
        self.bars_ = self._bars()

    def _bars(self) -> xr.Dataset:
        """The first draw's bars over both fields, with the shuffles' longest ones."""
        rows = [
            (degree, prime, birth, death)
            for prime, diagrams in self.diagrams_.items()
            for degree, diagram in enumerate(diagrams)
            for birth, death in diagram
        ]
        degree, prime, birth, death = (np.array(column) for column in zip(*rows, strict=True))
        limits = np.r_[np.inf, self.thresholds_]
        return xr.Dataset(
            {
                "degree": ("bar", degree),
                "prime": ("bar", prime),
                "birth": ("bar", birth, {"units": "standardised distance"}),
                "death": ("bar", death, {"units": "standardised distance"}),
                "significant": ("bar", (death - birth) > limits[degree]),
                "null_longest": (("shuffle", "degree_"), self.null_longest_),
                "null_threshold": ("degree_", self.thresholds_),
            },
            coords={"degree_": np.arange(1, 1 + self.null_longest_.shape[1])},
            attrs={
                "template": self.template_,
                "reasons": "; ".join(self.reasons_),
                "alpha": self.alpha,
                "null": self.null_,
                "n_shuffles": self.n_shuffles,
                "n_components": self._settings.n_components,
                "density_quantile": self.density_quantile,
                "n_landmarks": self.n_landmarks if len(self.thresholds_) == 1 else self.n_landmarks_2,
                "metric": "euclidean",
            },
        )

    def _fit_coordinates(self, activity: FloatArray, rng: np.random.Generator) -> None:
        self._reduction = Reduction.fit(activity, self._settings.n_components)
        self._coordinates = (
            template_coordinates(self.template_, self._reduction(activity), self._settings, self.n_landmarks, rng)
            if self.template_ in COORDINATES
            else None
        )

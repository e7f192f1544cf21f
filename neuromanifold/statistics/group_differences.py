"""Do groups of sessions differ in curvature: conditions of the same animals, or animals of two kinds?

Where animals have sessions of both groups, the difference is taken inside each animal and animals without both are
left out; otherwise the groups' means over animals are compared. Bands come from the hierarchical bootstrap. The
p-value is of the squared difference, averaged over the template's points, against exchanged groups: of the sessions
inside each animal, or of the animals. Over several pairs it is Holm's.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import xarray as xr

from neuromanifold._errors import InputError
from neuromanifold._random import numpy_generator
from neuromanifold._settings import check_level, check_whole
from neuromanifold._typing import BoolArray, FloatArray, IntArray, RandomState
from neuromanifold.statistics.hierarchy import Contrast, Levels, contrast
from neuromanifold.statistics.pooling import bounds, mean_weights
from neuromanifold.statistics.session_profiles import SessionProfiles
from neuromanifold.statistics.stamp import quantity, stamped
from neuromanifold.topology.significance import p_value

__all__ = ["group_differences"]

QUANTITY = "dimensionless_mean_curvature"


def group_differences(
    sessions: SessionProfiles,
    *,
    n_bootstrap: int = 1000,
    n_permutations: int = 999,
    level: float = 0.9,
    random_state: RandomState = None,
) -> xr.Dataset:
    """The difference of |H| without units between every two groups, with bands and a permutation test.

    Parameters
    ----------
    sessions : SessionProfiles
        Of two groups or more.
    n_bootstrap, n_permutations : int
        Draws of the bands and of the null.
    level : float
        Coverage of the bands.
    random_state : int, Generator or None

    Returns
    -------
    Dataset
        Along ``pair``: ``difference`` (pair, point; second less first) with bands, ``difference_mean`` with its
        interval, ``p_value`` and ``p_value_holm``, ``paired`` (whether inside animals), ``n_animals``, ``n_sessions``,
        ``first`` and ``second`` (names of the groups).

    Raises
    ------
    InputError
        If there are not two groups, or a setting is out of range.
    """
    check_whole("n_bootstrap", n_bootstrap, 2)
    check_whole("n_permutations", n_permutations, 2)
    check_level(level)
    if len(sessions.group_names) < 2:
        raise InputError(f"groups are compared, and there is only {sessions.group_names[0]!r}")
    rng = numpy_generator(random_state)
    values, first = sessions.values[QUANTITY], sessions.first
    attrs = first[QUANTITY].attrs | {"long_name": "difference of dimensionless mean curvature"}
    parts = []
    for a, b in combinations(range(len(sessions.group_names)), 2):
        pair = _Pair.of(sessions, a, b)
        found = pair.contrast(values, sessions, n_bootstrap, rng)
        part = bounds(found, first, "difference", attrs, level, not_negative=False)
        part["p_value"] = (), pair.p(values, n_permutations, rng), quantity("p (the groups do not differ)")
        part["paired"] = (), pair.paired, quantity("compared inside animals")
        part["n_animals"] = (), len(np.unique(pair.animals[pair.rows])), quantity("animals")
        part["n_sessions"] = (), int(pair.rows.sum()), quantity("sessions")
        names = {"first": sessions.group_names[a], "second": sessions.group_names[b]}
        parts.append(part.assign_coords(names | {"pair": f"{names['second']} less {names['first']}"}))
    pairs = xr.concat(parts, "pair", coords="different", compat="equals", combine_attrs="drop_conflicts")
    pairs["p_value_holm"] = "pair", _holm(pairs["p_value"].to_numpy()), quantity("p, Holm's over the pairs")
    pairs = pairs.assign_coords(sessions.points)
    settings = {"n_bootstrap": n_bootstrap, "n_permutations": n_permutations, "level": level}
    return stamped(pairs, random_state, template=str(first.attrs.get("template", "")), **settings)


class _Pair:
    """Two groups of sessions: ``second`` (n_sessions,) says which of the ``rows`` (n_sessions,) are of the second."""

    def __init__(self, animals: IntArray, rows: BoolArray, second: BoolArray, paired: bool) -> None:
        self.animals, self.rows, self.second, self.paired = animals, rows, second, paired

    @classmethod
    def of(cls, sessions: SessionProfiles, a: int, b: int) -> _Pair:
        animals, groups = sessions.animal_codes, sessions.group_codes
        both = np.intersect1d(animals[groups == a], animals[groups == b])
        rows = np.isin(groups, (a, b))
        if len(both):
            rows &= np.isin(animals, both)
        return cls(animals, rows, groups == b, paired=len(both) > 0)

    def weights(self, second: BoolArray) -> FloatArray:
        """Of the mean of the second group less that of the first."""
        return mean_weights(self.animals, self.rows & second) - mean_weights(self.animals, self.rows & ~second)

    def contrast(
        self, values: FloatArray, sessions: SessionProfiles, n_bootstrap: int, rng: np.random.Generator
    ) -> Contrast:
        deviations = sessions.deviations[QUANTITY].__getitem__
        if self.paired:
            levels = Levels(self.animals, 2 * self.animals + self.second)
            return contrast(values, deviations, self.weights(self.second), levels, n_bootstrap, rng)
        levels = Levels(self.animals, self.animals)
        one, two = (
            contrast(values, deviations, mean_weights(self.animals, self.rows & of), levels, n_bootstrap, rng)
            for of in (~self.second, self.second)
        )
        variances = {name: 0.5 * (one.variances[name] + two.variances[name]) for name in one.variances}
        # Welch's degrees of freedom are at least those of the smaller group.
        n_units = min(one.n_units, two.n_units)
        return Contrast(two.estimate - one.estimate, two.draws - one.draws, n_units, variances)

    def p(self, values: FloatArray, n_permutations: int, rng: np.random.Generator) -> float:
        """Share of exchanges of the groups with at least the difference that was found."""
        null = [_size(self.weights(second) @ values) for second in self._exchanged(n_permutations, rng)]
        return p_value(_size(self.weights(self.second) @ values), np.array(null))

    def _exchanged(self, n_permutations: int, rng: np.random.Generator) -> Iterator[BoolArray]:
        for _ in range(n_permutations):
            second = self.second.copy()
            if self.paired:
                for animal in np.unique(self.animals[self.rows]):
                    own = np.flatnonzero(self.rows & (self.animals == animal))
                    second[own] = rng.permutation(second[own])
            else:
                present, index = np.unique(self.animals[self.rows], return_index=True)
                labels = dict(zip(present, rng.permutation(second[self.rows][index]), strict=True))
                second[self.rows] = [labels[animal] for animal in self.animals[self.rows]]
            yield second


def _size(difference: FloatArray) -> float:
    return float(np.nanmean(difference**2))


def _holm(p: FloatArray) -> FloatArray:
    """Holm's step-down adjustment."""
    order = np.argsort(p)
    adjusted = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    found = np.empty_like(p)
    found[order] = np.minimum(adjusted, 1.0)
    return found

"""The hierarchical bootstrap against the variances that its recordings were made with, and Student's law."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from neuromanifold._errors import InputError
from neuromanifold.statistics.hierarchy import Levels, contrast

N_DRAWS = 40


def sample(rng, n_animals, n_sessions, animal, session, noise, n_points=5):
    """Profiles of standard deviations ``animal``, ``session`` and ``noise`` about zero, and draws of the noise."""
    of_animal = np.repeat(np.arange(n_animals), n_sessions)
    n = len(of_animal)
    q = animal * rng.normal(size=(n_animals, n_points))[of_animal] + session * rng.normal(size=(n, n_points))
    q = q + noise * rng.normal(size=(n, n_points))
    draws = noise * rng.normal(size=(n, N_DRAWS, n_points))
    draws -= draws.mean(axis=1, keepdims=True)
    return q, draws, Levels(of_animal, of_animal)


def pooled(rng, *sizes, n_bootstrap=300, **more):
    q, draws, levels = sample(rng, *sizes, **more)
    return contrast(q, draws.__getitem__, np.full(len(q), 1 / len(q)), levels, n_bootstrap, rng)


@pytest.mark.parametrize(
    ("n_animals", "n_sessions", "sizes", "variance"),
    [
        (40, 3, (1.0, 0.5, 0.3), (1 + (0.25 + 0.09) / 3) / 40),
        (40, 3, (0.0, 1.0, 0.3), (1 + 0.09) / 120),
        (40, 3, (0.0, 0.0, 1.0), 1 / 120),
        (1, 60, (5.0, 1.0, 0.5), 1.25 / 60),
        (1, 1, (5.0, 5.0, 0.5), 0.25),
    ],
)
def test_each_level_has_the_variance_that_is_its_own(n_animals, n_sessions, sizes, variance):
    """Drawn as observed at every level, the third case would be three times too wide."""
    rng = np.random.default_rng(0)
    found = [pooled(rng, n_animals, n_sessions, *sizes, n_points=40) for _ in range(6)]
    assert np.mean([c.draws.var(axis=0).mean() for c in found]) == pytest.approx(variance, rel=0.15)
    assert {c.n_units for c in found} == {n_animals if n_animals > 1 else n_sessions}


@pytest.mark.parametrize("sizes", [(1.0, 0.5, 0.3), (0.0, 1.0, 0.3), (0.0, 0.0, 1.0)])
def test_intervals_of_three_animals_hold_the_truth(sizes):
    """With Student's factor: at least 90 % of 90 % intervals, whichever level varies."""
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(200):
        c = pooled(rng, 3, 4, *sizes, n_bootstrap=100)
        reach = student.ppf(0.95, c.n_units - 1) * c.draws.std(axis=0)
        inside.append(np.abs(c.estimate) <= reach)
    print(f"{sizes}: {np.mean(inside):.3f} of 90 % intervals hold the truth")
    assert np.mean(inside) > 0.88


def test_an_animal_counts_once_however_many_sessions_it_has():
    rng = np.random.default_rng(2)
    animal = np.array([0, 0, 0, 0, 1])
    weights = np.array([1 / 8] * 4 + [1 / 2])
    q = np.array([[1.0]] * 4 + [[3.0]])
    c = contrast(q, lambda s: np.zeros((0, 1)), weights, Levels(animal, animal), 500, rng)
    assert c.estimate == pytest.approx([2.0])
    # The variance of the mean of two animals one away from it: 2 / 2.
    assert c.draws.var() == pytest.approx(1.0, rel=0.15)


def test_differences_inside_animals_are_free_of_what_animals_differ_by():
    rng = np.random.default_rng(3)
    animal, group = np.repeat(np.arange(6), 4), np.tile([0, 0, 1, 1], 6)
    q = 10 * rng.normal(size=(6, 3))[animal] + 0.1 * rng.normal(size=(24, 3)) + group[:, None]
    weights = np.where(group == 1, 1.0, -1.0) / 12
    c = contrast(q, lambda s: np.zeros((0, 3)), weights, Levels(animal, 2 * animal + group), 400, rng)
    np.testing.assert_allclose(c.estimate, 1.0, atol=0.2)
    assert c.draws.std(axis=0).max() < 0.1


def test_unknown_points_stay_unknown_and_leave_the_others_alone():
    rng = np.random.default_rng(4)
    q = rng.normal(size=(4, 3))
    q[1, 2] = np.nan
    levels = Levels(np.arange(4), np.arange(4))
    c = contrast(q, lambda s: np.zeros((0, 3)), np.full(4, 0.25), levels, 50, rng)
    assert np.isfinite(c.draws[:, :2]).all()
    assert np.isnan(c.estimate[2])
    with pytest.raises(InputError, match="weight"):
        contrast(q, lambda s: np.zeros((0, 3)), np.zeros(4), levels, 50, rng)

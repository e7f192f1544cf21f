"""A circle is named only where the position on it goes with most of the activity."""

from __future__ import annotations

import numpy as np
import pytest

from neuromanifold.topology import Topology
from neuromanifold.topology.classify import UNDECIDED, Verdict, without_others
from neuromanifold.topology.cloud import CloudSettings
from neuromanifold.topology.loop_share import explained, loop_share

QUICK = {"n_shuffles": 19, "n_landmarks": 80, "n_landmarks_2": 60, "random_state": 0}


def rng(seed=0):
    return np.random.default_rng(seed)


def cylinder(half_height, n=1000, n_units=16):
    """Activity of units that mix a point of a circle and a height, orthogonally."""
    angle = rng().uniform(0, 2 * np.pi, n)
    mixing = np.linalg.qr(rng(3).standard_normal((n_units, 3)))[0].T
    return np.c_[np.cos(angle), np.sin(angle), rng(1).uniform(-half_height, half_height, n)] @ mixing


@pytest.mark.parametrize("n", [8, 12, 40, 500])
def test_a_function_of_the_angle_is_explained_whole(n):
    angle = rng().uniform(0, 2 * np.pi, n)
    assert explained(np.c_[np.cos(angle), 2 * np.sin(angle) + 3], angle) == pytest.approx(1, abs=1e-9)


def test_the_share_of_a_torus_is_that_of_its_loop():
    one, other = rng().uniform(0, 2 * np.pi, (2, 20_000))
    for ratio in (0.5, 1.0, 2.0):
        points = np.c_[np.cos(one), np.sin(one), ratio * np.cos(other), ratio * np.sin(other)]
        assert explained(points, one) == pytest.approx(1 / (1 + ratio**2), abs=0.01)


def test_the_share_of_noise_is_none_on_average():
    shares = [explained(rng(s).standard_normal((60, 5)), rng(100 + s).uniform(0, 2 * np.pi, 60)) for s in range(200)]
    assert abs(np.mean(shares)) < 4 * np.std(shares) / np.sqrt(200)


def test_the_share_follows_the_loop_that_is_found():
    angle = rng().uniform(0, 2 * np.pi, 800)
    ring = np.c_[np.cos(angle), np.sin(angle)] + 0.05 * rng(1).standard_normal((800, 2))
    assert loop_share(ring, CloudSettings(2), 100, rng()) > 0.97


def test_points_without_a_loop_raise_no_doubt():
    assert loop_share(np.c_[np.arange(40.0), np.zeros(40)], CloudSettings(2), 20, rng()) == 1.0


def test_a_low_cylinder_is_a_circle_and_a_tall_one_undecided():
    assert Topology(**QUICK).fit(cylinder(1.0)).template_ == "circle"
    tall = Topology(**QUICK).fit(cylinder(2.5))
    assert tall.template_ == UNDECIDED
    assert "something else varies beside it" in tall.reasons_[0]
    assert tall.betti_[2][1] == 1


def test_a_circle_with_a_small_share_is_left_undecided_with_its_number():
    verdict = Verdict("circle", {"circle": 1.0}, ("1 loop",))
    assert without_others(verdict, 0.67) is verdict
    doubted = without_others(verdict, 0.4)
    assert doubted.template == UNDECIDED
    assert "explains 40% of the activity" in doubted.reasons[0]
    assert doubted.reasons[1:] == verdict.reasons

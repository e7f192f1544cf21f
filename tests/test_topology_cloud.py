"""Metrics between landmarks, how far holes are looked for, intrinsic dimension, roots of counts and alternatives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from neuromanifold.benchmarks.tuned_populations import tuned
from neuromanifold.manifolds import TEMPLATES
from neuromanifold.topology import Topology, persistence_diagrams
from neuromanifold.topology.alternatives import alternatives
from neuromanifold.topology.checks import is_counts
from neuromanifold.topology.cloud import CloudSettings, dense_part, directions, farthest_points, landmark_distances
from neuromanifold.topology.evidence import Evidence
from neuromanifold.topology.intrinsic_dimension import intrinsic_dimension, local_pca, two_nn
from neuromanifold.topology.linear_null import linear
from neuromanifold.topology.metrics import METRICS, REACH
from neuromanifold.topology.persistence import PRIMES, bar_lengths, rips_diagrams
from neuromanifold.topology.significance import larger_null, longest_bars, p_value, time_shifted

QUICK = {"n_shuffles": 19, "n_landmarks": 80, "n_landmarks_2": 60, "random_state": 0}


def rng(seed=0):
    return np.random.default_rng(seed)


def ring(angles):
    return np.c_[np.cos(angles), np.sin(angles)]


def sphere(n, seed=0):
    points = rng(seed).standard_normal((n, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


# -- metrics -------------------------------------------------------------------------------------------------------


def test_euclidean_distances_are_in_rms_radii_of_the_cloud():
    points = 7.0 * sphere(500) + 3.0
    chosen = np.arange(40)
    radius = np.sqrt(((points - points.mean(0)) ** 2).sum(1).mean())
    np.testing.assert_allclose(METRICS["euclidean"](points, chosen) * radius, cdist(points[:40], points[:40]))


def test_geodesics_of_a_ring_are_its_arcs():
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    chosen = np.arange(0, 400, 20)
    distance = METRICS["geodesic"](ring(angle), chosen)
    gap = np.abs(angle[chosen][:, None] - angle[chosen])
    arcs = np.minimum(gap, 2 * np.pi - gap)
    np.testing.assert_allclose(distance, arcs / np.sqrt(np.mean(arcs**2) / 2), rtol=1e-3)


def test_geodesics_between_pieces_are_longer_than_any_inside_one():
    points = np.r_[rng().uniform(0, 1, (100, 2)), rng(1).uniform(0, 1, (100, 2)) + 50]
    distance = METRICS["geodesic"](points, np.arange(0, 200, 10))
    assert distance[:10, 10:].min() > 1.5 * distance[:10, :10].max()
    assert np.all(np.isfinite(distance))


def test_geodesics_open_a_roll_that_folds_back_on_itself():
    # A spiral strip whose turns lie near each other is contractible along itself.
    turn = rng().uniform(1.5 * np.pi, 4.5 * np.pi, 2000)
    roll = np.c_[turn * np.cos(turn), turn * np.sin(turn), rng(1).uniform(0, 3, 2000)]
    chosen = farthest_points(roll, 100, rng())
    along = METRICS["geodesic"](roll, chosen)
    order = np.argsort(turn[chosen])
    assert np.corrcoef(along[order[0]][order], turn[chosen][order] ** 2)[0, 1] > 0.99


def test_fuzzy_distances_are_minus_the_log_of_the_union_of_memberships():
    points = rng().standard_normal((60, 4))
    distance = METRICS["cosine-fuzzy"](points, np.arange(60))
    centred = points - points.mean(0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    cosine = 1 - unit @ unit.T

    def membership(row):
        near = np.sort(row)[1:41]
        low, high = 1e-9, 100.0
        while high - low > 1e-13:
            width = (low + high) / 2
            low, high = (low, width) if np.exp(-near / width).sum() > np.log2(40) else (width, high)
        return np.exp(-row / low)

    a = np.array([membership(row) for row in cosine])
    union = a + a.T - a * a.T
    off = ~np.eye(60, dtype=bool)
    np.testing.assert_allclose(distance[off], -np.log(union[off]), rtol=1e-6)
    np.testing.assert_array_equal(np.diag(distance), 0)


@pytest.mark.parametrize("name", METRICS)
def test_metrics_are_symmetric_and_do_not_mind_duplicates_scale_or_rotation(name):
    points = rng().standard_normal((200, 3))
    points[50:60] = points[0]
    chosen = np.arange(0, 200, 5)
    distance = METRICS[name](points, chosen)
    assert np.all(np.isfinite(distance))
    assert np.all(distance >= 0)
    np.testing.assert_allclose(distance, distance.T)
    rotation = np.linalg.qr(rng(1).standard_normal((3, 3)))[0]
    np.testing.assert_allclose(METRICS[name](5.0 * points @ rotation - 2.0, chosen), distance, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_names_a_ring(name):
    angle = rng().uniform(0, 2 * np.pi, 600)
    tuning = np.cos(angle[:, None] - 2 * np.pi * np.arange(10) / 10)
    activity = tuning + 0.1 * rng(1).standard_normal(tuning.shape)
    topology = Topology(metric=name, **QUICK).fit(activity)
    assert topology.template_ == "circle"
    assert topology.bars_.attrs["metric"] == name
    shifts = rng(2).integers(0, 600, 10)
    apart = np.stack([np.roll(unit, shift) for unit, shift in zip(activity.T, shifts, strict=True)], axis=1)
    assert Topology(metric=name, **QUICK).fit(apart).template_ != "circle"


# -- reach ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_components", [3, 8, 30])
def test_within_reach_no_hole_of_noise_is_missed(n_components):
    points = rng().standard_normal((600, n_components))
    distance = METRICS["euclidean"](points, farthest_points(points, 70, rng()))
    for near, far in zip(rips_diagrams(distance, 2, reach=REACH["euclidean"]), rips_diagrams(distance, 2), strict=True):
        np.testing.assert_allclose(bar_lengths(near)[:5], bar_lengths(far)[:5], rtol=1e-6)


def test_holes_alive_at_the_reach_are_followed_to_their_end():
    points = ring(np.linspace(0, 2 * np.pi, 60, endpoint=False))
    (_, whole), (_, cut) = (rips_diagrams(cdist(points, points), 1, reach=r) for r in (np.inf, 0.5))
    np.testing.assert_allclose(cut, whole)
    assert len(rips_diagrams(cdist(points, points), 1, reach=0.05)[1]) == 0
    np.testing.assert_allclose(persistence_diagrams(points, 1)[1], whole)


# -- intrinsic dimension -------------------------------------------------------------------------------------------

CLOUDS = {
    "circle": (lambda n: ring(rng().uniform(0, 2 * np.pi, n)), 1),
    "sphere": (lambda n: sphere(n), 2),
    "flat torus": (lambda n: np.c_[ring(rng().uniform(0, 2 * np.pi, n)), ring(rng(1).uniform(0, 2 * np.pi, n))], 2),
    "ball": (lambda n: rng().standard_normal((n, 5)), 5),
}


@pytest.mark.parametrize("name", CLOUDS)
def test_intrinsic_dimension_of_known_clouds(name):
    sample, dimension = CLOUDS[name]
    found = intrinsic_dimension(sample(3000), rng())
    assert found["two_nn"] == pytest.approx(dimension, rel=0.12)
    # A tenth of a surface bends: local PCA sees a little of the normal.
    assert found["local_pca"] == pytest.approx(dimension, rel=0.2)


def test_dimension_of_a_noisy_ring_at_the_scale_of_landmarks():
    points = np.c_[ring(rng().uniform(0, 2 * np.pi, 3000)), np.zeros((3000, 4))]
    points += 0.02 * rng(1).standard_normal(points.shape)
    assert local_pca(points, rng()) < 1.5
    assert two_nn(points, rng(), 3000) > 2.5
    assert two_nn(points, rng(), 50) < 2.5


def test_coinciding_points_have_no_dimension():
    assert np.isnan(two_nn(np.zeros((50, 3)), rng()))


# -- roots ---------------------------------------------------------------------------------------------------------


def test_counts_are_whole_numbers_from_zero_up():
    assert is_counts(np.array([[0.0, 3.0]]))
    assert not is_counts(np.array([[0.5, 3.0]]))
    assert not is_counts(np.array([[-1.0, 3.0]]))


def test_counts_give_the_verdict_of_their_roots():
    angle = rng().uniform(0, 2 * np.pi, 600)
    counts = rng(1).poisson(20 * np.exp(np.cos(angle[:, None] - 2 * np.pi * np.arange(12) / 12) - 1)).astype(float)
    given, roots = Topology(**QUICK).fit(counts), Topology(**QUICK).fit(np.sqrt(counts))
    assert given.root_
    assert not roots.root_
    assert given.reasons_ == roots.reasons_
    np.testing.assert_array_equal(given.transform(counts), roots.transform(np.sqrt(counts)))
    assert not Topology(root=False, **QUICK).fit(counts).root_


# -- alternatives --------------------------------------------------------------------------------------------------


def test_margins_by_hand():
    # Over both fields: loops of 4, 0.5; a cavity of 0.8; shuffles up to 1.
    bars = [np.array([[0.0, 0.1]]), np.array([[0.0, 4.0], [0.0, 0.5]]), np.array([[0.0, 0.8]])]
    longest = np.tile(np.linspace(0.01, 1.0, 99)[:, None], (1, 3))
    evidence = Evidence((dict.fromkeys(PRIMES, bars),) * 3, longest, 0.05, 100)
    limit = evidence.thresholds[1]
    margins = alternatives(evidence)
    assert list(margins) == sorted(margins, key=lambda name: -margins[name])
    assert set(margins) == {template.name for template in TEMPLATES}
    assert margins["circle"] == pytest.approx(min(4 / limit, limit / 0.5, limit / 0.8))
    assert margins["torus"] == pytest.approx(0.5 / limit)
    assert margins["sphere"] == pytest.approx(limit / 4)
    # Over Z3 a Klein bottle has one loop and no cavity, over Z2 two loops and one.
    assert margins["klein"] == pytest.approx(0.5 / limit)


def test_the_named_template_leads_the_alternatives():
    angle = rng().uniform(0, 2 * np.pi, 600)
    tuning = np.cos(angle[:, None] - 2 * np.pi * np.arange(10) / 10)
    topology = Topology(**QUICK).fit(tuning + 0.1 * rng(1).standard_normal(tuning.shape))
    assert next(iter(topology.alternatives_)) == topology.template_ == "circle"
    assert topology.alternatives_["circle"] > 1 > topology.alternatives_["contractible"]
    assert topology.intrinsic_dimension_["local_pca"] < 2


# -- splinters -----------------------------------------------------------------------------------------------------


def test_splinters_are_left_out_and_pieces_stay():
    blob = rng().standard_normal((1000, 2))
    settings = CloudSettings(2, stray_ratio=np.inf)
    for share, stays in ((0.04, False), (0.1, True)):
        far = rng(1).standard_normal((round(1000 * share), 2)) * 0.3 + 20
        kept = dense_part(np.r_[blob, far], settings)
        assert np.any(kept >= 1000) == stays
        assert np.sum(kept < 1000) == 1000


# -- directions ----------------------------------------------------------------------------------------------------


def vanishing_bump(n=900, n_units=16):
    """A bump on a ring of units whose amplitude is anything from nothing to one."""
    angle = rng().uniform(0, 2 * np.pi, n)
    bump = np.exp(2 * (np.cos(angle[:, None] - 2 * np.pi * np.arange(n_units) / n_units) - 1))
    return rng(2).uniform(0, 1, (n, 1)) * bump + 0.05 * rng(1).standard_normal((n, n_units)), angle


def test_directions_have_no_mean_and_unit_norm():
    activity = rng().standard_normal((50, 6))
    activity[3] = 2.0
    found = directions(activity)
    np.testing.assert_allclose(found.mean(axis=1), 0, atol=1e-15)
    np.testing.assert_allclose(np.linalg.norm(np.delete(found, 3, axis=0), axis=1), 1)
    np.testing.assert_array_equal(found[3], 0)
    np.testing.assert_allclose(directions(3.0 * activity + 5.0), found, atol=1e-12)


def test_a_bump_that_vanishes_at_times_is_a_ring_by_its_directions():
    activity, angle = vanishing_bump()
    assert Topology(amplitude="keep", **QUICK).fit(activity).template_ == "contractible"
    topology = Topology(**QUICK).fit(activity)
    assert topology.template_ == "circle"
    assert "seen in directions" in topology.reasons_[-1]
    assert topology.bars_.attrs["amplitude"] == "removed"
    found = topology.transform(activity)[:, 0]
    turns = [np.abs(np.mean(np.exp(1j * (found - sign * angle)))) for sign in (1, -1)]
    assert max(turns) > 0.8
    assert Topology(amplitude="remove", **QUICK).fit(activity).template_ == "circle"


def test_a_circle_in_directions_is_none_where_the_activity_has_a_cavity():
    """Broadly tuned to a Klein bottle: its directions alone would be called a circle."""
    activity = np.sqrt(tuned("klein", 1000, 100, 1.0, 25.0, rng()))
    assert Topology(amplitude="remove", **QUICK).fit(activity).template_ == "circle"
    topology = Topology(**QUICK).fit(activity)
    assert topology.template_ == "undecided"
    assert topology.bars_.attrs["amplitude"] == "kept"


def test_linear_readouts_of_a_blob_are_no_ring_by_their_directions():
    latent = rng(3).standard_normal((900, 2))
    activity = latent @ rng(4).standard_normal((2, 16)) + 0.1 * rng(5).standard_normal((900, 16))
    topology = Topology(**QUICK).fit(activity)
    assert topology.template_ == "contractible"
    # Beside units made independent alone, the ring of directions is as clear as can be.
    cloud = CloudSettings(3, density_quantile=0.8, directional=True)
    ring_length = longest_bars(landmark_distances(activity, cloud, 80, rng()), 1)[1]
    shifted = time_shifted(activity, np.zeros(900, int), np.arange(900), rng())
    assert ring_length > 2 * longest_bars(landmark_distances(shifted, cloud, 80, rng()), 1)[1]


def test_the_linear_null_keeps_covariance_and_autocorrelation_and_nothing_else():
    activity, _ = vanishing_bump(4000)
    activity[1:] += activity[:-1]
    surrogate = linear(activity, np.zeros(4000, int), np.arange(4000), rng())
    assert surrogate.shape == activity.shape
    np.testing.assert_allclose(np.corrcoef(surrogate.T), np.corrcoef(activity.T), atol=1e-9)
    for lagged in (activity, surrogate):
        standard = (lagged - lagged.mean(0)) / lagged.std(0)
        assert np.mean(standard[1:, 0] * standard[:-1, 0]) == pytest.approx(0.5, abs=0.1)
    assert abs(stats.skew(surrogate[:, 0])) < 0.3 < stats.skew(activity[:, 0])


def test_the_larger_null_gives_the_larger_p_value():
    one, other = rng().exponential(1.0, (50, 2)), rng(1).exponential(1.2, (50, 2))
    both = larger_null(one, other)
    for length in np.linspace(0, 4, 30):
        for degree in range(2):
            apart = max(p_value(length, one[:, degree]), p_value(length, other[:, degree]))
            assert p_value(length, both[:, degree]) == apart


def test_units_that_share_nothing_have_no_hole_in_directions_either():
    topology = Topology(**QUICK).fit(rng().standard_normal((500, 12)))
    assert topology.template_ == "contractible"
    assert topology.bars_.attrs["amplitude"] == "kept"

from __future__ import annotations

import itertools
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from joblib import parallel_config
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.distance import cdist
from sklearn.base import clone

import neuromanifold as nm
from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold.manifolds import TEMPLATES, Sphere
from neuromanifold.topology import (
    SphericalCoordinates,
    Topology,
    circular_coordinates,
    persistence_diagrams,
    start_coordinates,
)
from neuromanifold.topology import start as start_module
from neuromanifold.topology.classify import (
    UNDECIDED,
    candidates,
    decide,
    has_more_than,
    has_no_hole,
    with_power,
    without_folds,
)
from neuromanifold.topology.cloud import CloudSettings, Reduction, dense_part, farthest_points, landmark_distances
from neuromanifold.topology.coordinates import _on_edges, edge_weights, reduced_basis
from neuromanifold.topology.cost import Cost, check_cost
from neuromanifold.topology.cycles import representative_cycle
from neuromanifold.topology.evidence import Evidence, common_window
from neuromanifold.topology.folds import fold_ratio
from neuromanifold.topology.partition import weights
from neuromanifold.topology.persistence import PRIMES, Cocycle, bar_lengths, longest_cocycles
from neuromanifold.topology.significance import (
    draw_rows,
    intervals_of,
    longest_bars,
    p_value,
    permuted,
    threshold,
    time_shifted,
)
from neuromanifold.topology.universal_null import universal_p_values

DATA = Path(os.environ.get("NEUROMANIFOLD_SHARED_DATA", Path(__file__).resolve().parents[1].parent / "shared" / "data"))
QUICK = {"n_shuffles": 19, "n_landmarks": 80, "n_landmarks_2": 60, "random_state": 0}


def rng(seed=0):
    return np.random.default_rng(seed)


def ring(angles):
    return np.c_[np.cos(angles), np.sin(angles)]


def landmarks(points, n=120, seed=0):
    return points[farthest_points(points, n, rng(seed))]


def torus_angles(n, seed=0):
    return rng(seed).uniform(0, 2 * np.pi, (n, 2))


def flat_torus(angles):
    return np.c_[ring(angles[:, 0]), ring(angles[:, 1])]


def ring_of_units(n=600, n_units=10, noise=0.1, seed=0):
    """Cosine-tuned units with even preferred directions, and the angle."""
    angle = rng(seed).uniform(0, 2 * np.pi, n)
    preferred = 2 * np.pi * np.arange(n_units) / n_units
    return np.cos(angle[:, None] - preferred) + noise * rng(seed + 1).standard_normal((n, n_units)), angle


def rolled(activity, seed=0):
    shifts = rng(seed).integers(0, len(activity), activity.shape[1])
    return np.stack([np.roll(unit, shift) for unit, shift in zip(activity.T, shifts, strict=True)], axis=1)


def difference(a, b):
    return np.angle(np.exp(1j * (a - b)))


def misfit(found, true):
    """Largest error after the best rotation or reflection, radians."""
    errors = []
    for sign in (1, -1):
        offset = np.angle(np.mean(np.exp(1j * (sign * found - true))))
        errors.append(np.abs(difference(sign * found - offset, true)))
    return min(errors, key=np.median)


def windings(angles):
    """Turns of a closed sequence of angles, one a column."""
    return np.rint(difference(np.roll(angles, -1, axis=0), angles).sum(axis=0) / (2 * np.pi)).astype(int)


# -- persistence: the complex at one scale has the Betti numbers of the space ------------------------------------


def alive(diagrams, scale):
    return tuple(int(np.sum((d[:, 0] <= scale) & (scale < d[:, 1]))) for d in diagrams)


def common_scale(diagrams, betti):
    """The middle of the stretch on which as many of the longest bars as there are holes exist together."""
    longest = [d[np.argsort(d[:, 0] - d[:, 1])[:b]] for d, b in zip(diagrams[1:], betti[1:], strict=True) if b]
    if not longest:
        return 1.05 * max(d[np.isfinite(d[:, 1]), 1].max(initial=0.0) for d in diagrams)
    bars = np.concatenate(longest)
    return (bars[:, 0].max() + bars[:, 1].min()) / 2


def sampled(template):
    if template.name == "contractible":
        return rng().uniform(-1, 1, (3000, 2))
    return template.sample(4000, torch.Generator().manual_seed(0)).numpy()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.name)
def test_betti_numbers_of_templates_over_both_fields(template):
    points = landmarks(sampled(template), 100)
    diagrams = {prime: persistence_diagrams(points, 2, prime) for prime in PRIMES}
    scale = common_scale(diagrams[2], template.betti(2))
    for prime in PRIMES:
        assert alive(diagrams[prime], scale) == tuple(template.betti(prime))


def test_betti_numbers_of_clouds_that_are_no_template():
    angle = rng().uniform(0, 2 * np.pi, 1000)
    right = np.array([1, 0])
    eight = np.r_[ring(angle[:500]) - right, ring(angle[500:]) + right]
    apart = np.r_[ring(angle[:500]) - 4 * right, ring(angle[500:]) + 4 * right]
    for cloud, betti in ((eight, (1, 2, 0)), (apart, (2, 2, 0))):
        diagrams = persistence_diagrams(landmarks(cloud), 2)
        assert alive(diagrams, common_scale(diagrams, betti)) == betti


def test_bars_scale_with_the_cloud_and_survive_rotation():
    points = landmarks(flat_torus(torus_angles(1500)), 80)
    rotation = np.linalg.qr(rng().standard_normal((4, 4)))[0]
    for degree, diagram in enumerate(persistence_diagrams(points, 1)):
        moved = persistence_diagrams(7.0 * points @ rotation + 3.0, 1)[degree]
        np.testing.assert_allclose(bar_lengths(moved), 7.0 * bar_lengths(diagram), rtol=1e-4, atol=1e-4)


def test_bars_of_a_square_are_exact():
    # Four corners: joined at 1, the loop filled at the diagonal.
    diagrams = persistence_diagrams(np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]), 1)
    np.testing.assert_allclose(diagrams[1], [[1.0, np.sqrt(2)]], rtol=1e-6)
    np.testing.assert_allclose(longest_bars(np.array([[0.0, 3], [3, 0]]), 1), [3.0, 0.0])


@pytest.mark.parametrize("shape", [(12, 12), (6, 20), (2, 3), (1, 3)])
def test_wide_and_small_clouds_pass_without_warnings(shape):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        points = rng().standard_normal(shape)
        assert longest_bars(cdist(points, points), 1).shape == (2,)


# -- the cloud -----------------------------------------------------------------------------------------------------


def test_farthest_points_are_greedy():
    points = rng().standard_normal((60, 3))
    chosen = farthest_points(points, 10, rng())
    for n in range(1, 10):
        distance = cdist(points, points[chosen[:n]]).min(axis=1)
        assert distance[chosen[n]] == pytest.approx(distance.max())


def test_farthest_points_stop_at_duplicates():
    points = np.repeat(rng().standard_normal((5, 2)), 10, axis=0)
    assert len(farthest_points(points, 30, rng())) == 5


def test_stray_points_are_left_out():
    points = np.r_[ring(rng().uniform(0, 2 * np.pi, 180)), rng(1).uniform(4, 9, (4, 2))]
    kept = dense_part(points, CloudSettings(2, n_neighbors=10))
    assert kept.max() < 180
    assert len(kept) > 170


def test_thinly_visited_parts_stay_where_a_global_cut_opens_them():
    # Twenty times as many samples at one pole as at the other: a cut by density alone makes the sphere a bowl.
    z = np.log(np.exp(-1.5) + 2 * np.sinh(1.5) * rng().uniform(size=3000)) / 1.5
    longitude = rng(1).uniform(0, 2 * np.pi, 3000)
    points = np.c_[np.sqrt(1 - z**2)[:, None] * ring(longitude), z]
    assert len(dense_part(points, CloudSettings(3))) > 0.95 * len(points)
    assert points[dense_part(points, CloudSettings(3)), 2].min() < -0.9
    assert points[dense_part(points, CloudSettings(3, density_quantile=0.8)), 2].min() > -0.6


def test_duplicates_are_not_stray():
    points = np.repeat(rng().standard_normal((5, 2)), 50, axis=0)
    assert len(dense_part(points, CloudSettings(2))) == 250


def test_reduction_is_standardised_principal_components():
    activity = rng().standard_normal((300, 5)) @ rng(1).standard_normal((5, 5))
    points = Reduction.fit(activity, 3)(activity)
    values = np.linalg.eigvalsh(np.corrcoef(activity.T))[::-1][:3]
    np.testing.assert_allclose(np.cov(points.T, bias=True), np.diag(values), atol=1e-9)


def test_reduction_does_not_blow_up_a_unit_that_is_constant_up_to_rounding():
    activity = np.c_[rng().standard_normal((300, 2)), np.full(300, 0.1)]
    assert activity[:, 2].std() > 0
    np.testing.assert_allclose(Reduction.fit(activity, 3).scale[2], 1.0)


def test_landmarks_have_a_common_size_whatever_the_variance_of_the_components():
    shared = ring_of_units(noise=0.01)[0]
    settings = CloudSettings(2, stray_ratio=np.inf)
    for activity in (shared, rolled(shared)):
        distance = landmark_distances(activity, settings, len(activity), rng())
        # The mean squared distance of all pairs, each point with itself included, is twice the variance.
        assert np.mean(distance**2) / 2 == pytest.approx(1.0)


def test_bars_of_the_cloud_do_not_depend_on_the_scale_of_units():
    activity = ring_of_units()[0]
    scale, settings = rng(5).uniform(0.1, 50, 10), CloudSettings(3)
    a = landmark_distances(activity, settings, 60, rng())
    b = landmark_distances(activity * scale - 4.0, settings, 60, rng())
    np.testing.assert_allclose(a, b, atol=1e-6)


# -- the null --------------------------------------------------------------------------------------------------------


def test_time_shift_is_circular_inside_each_interval():
    groups = np.repeat([0, 1, 0, 7], [12, 30, 5, 23])
    activity = rng().standard_normal((70, 4))
    shuffled = time_shifted(activity, groups, np.arange(70), rng(1))
    starts, lengths = intervals_of(groups)
    shifts = np.zeros((len(starts), 4), int)
    for i, (start, length) in enumerate(zip(starts, lengths, strict=True)):
        rows = slice(start, start + length)
        for unit in range(4):
            fits = [s for s in range(length) if np.array_equal(np.roll(activity[rows, unit], s), shuffled[rows, unit])]
            assert len(fits) == 1
            shifts[i, unit] = fits[0]
    assert len({tuple(s) for s in shifts.T}) == 4


def test_time_shift_of_drawn_rows_is_those_rows_of_the_whole():
    activity, groups = rng().standard_normal((50, 3)), np.repeat([0, 1], 25)
    rows = draw_rows(50, 20, rng(2))
    whole = time_shifted(activity, groups, np.arange(50), rng(1))
    np.testing.assert_array_equal(time_shifted(activity, groups, rows, rng(1)), whole[rows])


def test_all_shifts_are_equally_likely():
    activity = np.arange(5.0)[:, None]
    first = [time_shifted(activity, np.zeros(5, int), np.array([0]), rng(s))[0, 0] for s in range(1000)]
    assert np.abs(np.bincount(np.array(first, int), minlength=5) - 200).max() < 60


def test_permutation_keeps_each_units_values_and_breaks_rows():
    activity = np.tile(np.arange(40.0)[:, None], 3)
    shuffled = permuted(activity, np.zeros(40, int), np.arange(40), rng())
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), activity)
    assert np.mean(shuffled[:, 0] == shuffled[:, 1]) < 0.3


def test_drawn_rows_are_sorted_distinct_and_all_when_few():
    rows = draw_rows(100, 30, rng())
    assert len(np.unique(rows)) == 30
    assert np.all(np.diff(rows) > 0)
    np.testing.assert_array_equal(draw_rows(10, 30, rng()), np.arange(10))


def test_p_value_by_brute_force():
    null = rng().integers(0, 20, 99).astype(float)
    for length in range(-1, 22):
        count = sum(1 for value in null if value >= length)
        assert p_value(length, null) == pytest.approx((1 + count) / 100)


# alpha = 0.29 with 99 shuffles is floor(28.999...) when multiplied out.
@pytest.mark.parametrize(
    ("n", "alpha"), [(99, 0.05), (99, 0.29), (19, 0.05), (30, 0.07), (57, 0.1), (9, 0.05), (99, 0.57)]
)
def test_a_bar_exceeds_the_threshold_exactly_when_p_is_at_most_alpha(n, alpha):
    null = rng(n).integers(0, 30, n) / 10
    for length in np.arange(-1, 40) / 10:
        assert (length > threshold(null, alpha)) == (p_value(length, null) <= alpha)


# -- circular and toroidal coordinates -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_circular_coordinates_wind_once_round_a_ring_and_follow_its_angle(seed):
    angle = rng(seed).uniform(0, 2 * np.pi, 600)
    points = np.c_[ring(angle), np.zeros(600)] + 0.1 * rng(seed + 50).standard_normal((600, 3))
    map_ = circular_coordinates(landmarks(points, 80, seed), 1)
    loop = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
    round_the_ring = map_(np.c_[ring(loop), np.zeros(4000)])
    assert abs(windings(round_the_ring)[0]) == 1
    assert np.degrees(np.median(misfit(map_(points)[:, 0], angle))) < 10
    # Points it has not seen, and each on its own.
    assert np.degrees(misfit(round_the_ring[:, 0], loop).max()) < 40
    np.testing.assert_allclose(map_(np.c_[ring(loop[:5]), np.zeros(5)]), round_the_ring[:5])


def test_circular_coordinates_of_an_even_ring_are_the_angle():
    angle = 2 * np.pi * np.arange(40) / 40
    map_ = circular_coordinates(ring(angle), 1)
    assert misfit(map_(ring(angle))[:, 0], angle).max() < 1e-6
    between = angle + np.pi / 40
    assert misfit(map_(ring(between))[:, 0], between).max() < 1e-6


def test_coordinates_far_from_the_cloud_do_not_jump_from_landmark_to_landmark():
    map_ = circular_coordinates(ring(2 * np.pi * np.arange(40) / 40), 1)
    angle = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    far = map_(3.5 * ring(angle))[:, 0]
    assert len(np.unique(far.round(6))) > 1000
    assert misfit(far, angle).max() < 0.1


def test_only_landmarks_joined_to_the_nearest_one_carry_weight():
    map_ = circular_coordinates(landmarks(flat_torus(torus_angles(1500)), 90), 2)
    points = 1.5 * flat_torus(torus_angles(200, seed=3))
    distance = cdist(points, map_.landmarks)
    nearest = distance.argmin(axis=1)
    weight = weights(distance, nearest, map_.joined, map_.radius)
    np.testing.assert_allclose(weight.sum(axis=1), 1.0)
    assert not np.any(weight[~map_.joined[nearest]])


def test_steps_are_a_harmonic_integer_cocycle():
    map_ = circular_coordinates(landmarks(flat_torus(torus_angles(1500)), 90), 2)
    strength = edge_weights(cdist(map_.landmarks, map_.landmarks), 2 * map_.radius)
    for phase, steps in zip(map_.phase, map_.steps, strict=True):
        # Harmonic: what flows into a landmark flows out.
        np.testing.assert_allclose((strength * steps).sum(axis=1), 0.0, atol=1e-6)
        # Integer: theta = eta + d tau.
        eta = (steps - phase[None, :] + phase[:, None])[map_.joined]
        np.testing.assert_allclose(eta, eta.round(), atol=1e-8)
        i, j, k = np.array([t for t in itertools.combinations(range(40), 3) if map_.joined[np.ix_(t, t)].all()]).T
        np.testing.assert_allclose(steps[i, j] + steps[j, k] - steps[i, k], 0.0, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_toroidal_coordinates_recover_both_angles_up_to_a_change_of_basis(seed):
    angles = torus_angles(1500, seed)
    map_ = circular_coordinates(landmarks(flat_torus(angles), 120, seed), 2)
    loop, still = np.linspace(0, 2 * np.pi, 3000, endpoint=False), np.zeros(3000)
    basis = np.array([windings(map_(flat_torus(np.c_[loop, still]))), windings(map_(flat_torus(np.c_[still, loop])))]).T
    assert abs(round(np.linalg.det(basis))) == 1
    # Lattice reduction picks the two circles themselves, not their combinations.
    assert np.abs(basis).sum() == 2
    unseen = torus_angles(400, seed + 10)
    recovered = map_(flat_torus(unseen)) @ np.linalg.inv(basis).T
    for i in range(2):
        offset = np.angle(np.mean(np.exp(1j * (recovered[:, i] - unseen[:, i]))))
        assert np.degrees(np.median(np.abs(difference(recovered[:, i] - offset, unseen[:, i])))) < 10


@pytest.mark.parametrize("seed", range(20))
def test_reduced_basis_is_unimodular_and_shortest(seed):
    vectors = rng(seed).standard_normal((2, 2)) * [[1.0], [8.0]]
    gram = vectors @ vectors.T
    basis = reduced_basis(gram)
    assert abs(round(np.linalg.det(basis))) == 1
    norms = sorted(np.diag(basis @ gram @ basis.T))
    everything = [np.array(c) for c in itertools.product(range(-30, 31), repeat=2) if any(c)]
    assert norms[0] == pytest.approx(min(c @ gram @ c for c in everything))
    independent = min(
        max(a @ gram @ a, b @ gram @ b)
        for a in (basis[0], basis[1])
        for b in everything
        if round(np.linalg.det([a, b]))
    )
    assert norms[1] == pytest.approx(independent)


def test_a_cocycle_that_does_not_lift_is_refused():
    joined = np.ones((3, 3), bool)
    edges = np.array([[0, 1], [0, 2], [1, 2]])
    torn = Cocycle(0.0, 1.0, np.array([[0, 1], [1, 2]]), np.array([1, 1]))
    with pytest.raises(InputError, match="does not lift"):
        _on_edges(torn, edges, joined)
    closed = Cocycle(0.0, 1.0, np.array([[1, 0], [1, 2], [0, 2]]), np.array([-1, 1, 2]))
    np.testing.assert_array_equal(_on_edges(closed, edges, joined), [1, 2, 1])


def test_cocycles_are_those_of_the_longest_bars():
    points = landmarks(flat_torus(torus_angles(1500)), 90)
    found = longest_cocycles(points, 2)
    np.testing.assert_allclose(
        [c.death - c.birth for c in found], bar_lengths(persistence_diagrams(points, 1)[1])[:2], rtol=1e-6
    )


def test_too_few_loops_and_loops_at_different_scales_are_said():
    with pytest.raises(InputError, match="only 1"):
        circular_coordinates(ring(2 * np.pi * np.arange(40) / 40), 2)
    small = 0.05 * ring(2 * np.pi * np.arange(20) / 20)
    large = 9 * ring(2 * np.pi * np.arange(40) / 40)
    with pytest.raises(InputError, match="one scale"):
        circular_coordinates(np.r_[small, large], 2)


def test_spherical_coordinates_are_the_directions():
    z = rng().standard_normal((800, 3))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    angles = SphericalCoordinates.fit(z)(z)
    theta, phi = angles.T
    back = np.c_[np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)]
    assert np.degrees(np.arccos(np.clip(np.sum(back * z, axis=1), -1, 1))).max() < 3
    with pytest.raises(InputError, match="n_components"):
        SphericalCoordinates.fit(z[:, :2])


@pytest.mark.parametrize(("template", "k"), [("contractible", 2), ("circle", 1), ("torus", 2), ("sphere", 2)])
def test_starts_are_angles_of_every_sample_and_the_same_for_a_seed(template, k):
    activity = flat_torus(torus_angles(400)) @ rng(3).standard_normal((4, 6))
    settings = {"n_components": 4, "n_landmarks": 60, "random_state": 0}
    starts = start_coordinates(template, activity, 3, **settings)
    again = start_coordinates(template, activity, 3, **settings)
    for a, b in zip(starts, again, strict=True):
        assert a.shape == (400, k)
        assert np.all(np.isfinite(a))
        np.testing.assert_array_equal(a, b)


def test_starts_that_cannot_be_made_are_refused():
    with pytest.raises(InputError, match="give task coordinates y"):
        start_coordinates("klein", ring_of_units()[0], 2, n_components=3)
    with pytest.raises(InputError, match="in 2 tries"):
        start_coordinates("torus", np.repeat(rng().standard_normal((3, 5)), 20, axis=0), 2, n_components=3)


# -- the verdict from counted bars ---------------------------------------------------------------------------------


def evidence(*draws, null=1.0, alpha=0.05, n_shuffles=99):
    """Draws of bars by degree, ``{prime: (H0, H1, ...)}`` or one tuple for both fields; a length is a bar from 0."""

    def diagrams(by_degree):
        pairs = [[bar if isinstance(bar, tuple) else (0.0, bar) for bar in bars] for bars in by_degree]
        return [np.array(bars, dtype=float).reshape(-1, 2) for bars in pairs]

    both = [draw if isinstance(draw, dict) else dict.fromkeys(PRIMES, draw) for draw in draws]
    n_degrees = len(both[0][2])
    # Shuffles spread over (0, null]: the 95th of a hundred is the threshold.
    longest = np.tile(null * np.arange(1, 1 + n_shuffles)[:, None] / n_shuffles, (1, n_degrees))
    return Evidence(tuple({prime: diagrams(draw[prime]) for prime in PRIMES} for draw in both), longest, alpha, 100)


NONE, ONE, TWO = (0.1,), (5.0, 0.1), (5.0, 4.0, 0.1)
SHAPES = {
    "contractible": (NONE, NONE, NONE),
    "circle": (NONE, ONE),
    "sphere": (NONE, NONE, ONE),
    "torus": (NONE, TWO, ONE),
    "klein": {2: (NONE, TWO, ONE), 3: (NONE, ONE, NONE)},
    "projective": {2: (NONE, ONE, ONE), 3: (NONE, NONE, NONE)},
}


@pytest.mark.parametrize("name", SHAPES)
def test_each_template_is_named_from_its_bars(name):
    verdict = decide(evidence(*[SHAPES[name]] * 5))
    assert verdict.template == name
    assert verdict.support == {name: 1.0}
    assert verdict.reasons[-1] == "all 5 landmark draws agree"


def test_every_template_is_among_the_candidates_of_its_own_numbers():
    for template in TEMPLATES:
        counts = tuple(tuple(template.betti(prime)) for prime in PRIMES)
        assert [t.name for t in candidates(counts)] == [template.name]


def test_reasons_carry_the_numbers():
    reasons = decide(evidence(*[(NONE, (5.0, 0.5, 0.1))] * 5)).reasons
    assert reasons == ("1 loop with p = 0.010; the next has p = 0.510", "all 5 landmark draws agree")
    torsion = decide(evidence(*[SHAPES["klein"]] * 5)).reasons
    assert torsion[0].startswith("over Z2: 2 loops with p = 0.010, 0.010")
    assert torsion[1].startswith("over Z3: 1 loop with p = 0.010")


UNMATCHED = {
    "figure eight": (NONE, TWO, NONE),
    "three loops": (NONE, (5.0, 4.0, 3.0), ONE),
    "two cavities": (NONE, NONE, TWO),
    "two circles": ((9.0,), TWO),
    "fields at odds": {2: (NONE, ONE), 3: (NONE, NONE)},
}


@pytest.mark.parametrize("name", UNMATCHED)
def test_bars_that_match_nothing_are_undecided(name):
    verdict = decide(evidence(*[UNMATCHED[name]] * 5))
    assert verdict.template == UNDECIDED
    assert verdict.reasons[0].startswith("no template has")
    assert "smooth more" in verdict.reasons[0]


LIKENESS = {
    "a figure eight": (NONE, TWO, NONE),
    "a bouquet of 3 circles": (NONE, (5.0, 4.0, 3.0), NONE),
    "2 separate circles": ((9.0,), TWO, NONE),
    "a surface of genus 2": (NONE, (5.0, 4.0, 3.5, 3.0), ONE),
    "a 3-torus": (NONE, (5.0, 4.0, 3.0), (5.0, 4.0, 3.0)),
}


@pytest.mark.parametrize("name", LIKENESS)
def test_known_spaces_that_are_no_templates_are_told(name):
    verdict = decide(evidence(*[LIKENESS[name]] * 5))
    assert verdict.template == UNDECIDED
    assert f"({name} has)" in verdict.reasons[0]


def test_holes_are_counted_at_the_scale_where_most_of_them_are():
    """The bars of a Klein bottle of Poisson units: over Z3 a cavity comes after its loops, and a gap closes before."""
    bottle = {
        2: (NONE, ((3.7, 9.6), (3.5, 8.7), (3.7, 6.5)), ((6.8, 14.2), (9.7, 10.2))),
        3: (NONE, ((3.5, 8.7), (3.7, 6.8)), ((9.6, 14.2), (9.7, 10.2))),
    }
    assert decide(evidence(*[bottle] * 5, null=2.7)).template == "klein"
    # Loops that last as long as what comes after them are no gaps.
    apart = (NONE, ((1.0, 5.0), (1.0, 5.0)), ((6.0, 9.0),))
    assert decide(evidence(*[apart] * 5)).template == UNDECIDED


def test_the_common_window_by_trying_all_scales():
    def alive(bars, scale):
        return int(((bars[:, 0] <= scale) & (scale < bars[:, 1])).sum())

    for seed in range(20):
        loops, cavities = (np.sort(rng(seed + i).uniform(0, 1, (3 + i, 2)), axis=1) for i in (0, 100))
        cavities = cavities[: seed % 3]
        start, end = common_window([loops, cavities])
        highest = cavities if len(cavities) else loops
        found, *tried = [
            (alive(highest, s), alive(loops, s) + alive(cavities, s))
            for s in ((start + end) / 2, *rng(seed).uniform(0, 1, 2000))
        ]
        assert found >= max(tried)
    assert common_window([np.array([[1.0, 4.0], [2.0, 3.0], [5.0, 9.0], [6.0, 9.0]])]) == (6.0, 9.0)
    assert common_window([np.empty((0, 2)), np.empty((0, 2))]) is None


def test_separate_pieces_are_counted_at_the_scale_of_the_loop():
    # A stray point that joins before the loop is half-way through its life is no piece; a later one is.
    assert decide(evidence(*[((1.5, 0.1), (5.0,))] * 5)).template == "circle"
    apart = decide(evidence(*[((4.0, 0.1), (5.0,))] * 5))
    assert apart.template == UNDECIDED
    assert "2 pieces and 1 loop" in apart.reasons[0]


def test_one_of_five_draws_may_differ_two_may_not():
    circle, none = SHAPES["circle"], (NONE, (0.1,))
    assert decide(evidence(*[circle] * 4, none)).template == "circle"
    split = decide(evidence(*[circle] * 3, *[(NONE, TWO)] * 2))
    assert split.template == UNDECIDED
    assert "disagree" in split.reasons[0]
    assert split.reasons[-1] == "of 5 landmark draws, circle in 3, undecided in 2"


def test_undecided_draws_are_described_by_their_own_bars():
    # The commonest single count is a circle's, yet most draws match nothing.
    votes = [(NONE, ONE)] * 2 + [(NONE, TWO), (NONE, (5.0, 4.0, 3.0)), (NONE, (5.0, 4.0, 3.0, 3.0))]
    verdict = decide(evidence(*votes))
    assert verdict.template == UNDECIDED
    assert "no template has 1 piece and 1 loop:" not in verdict.reasons[0]


@pytest.mark.parametrize("prime", PRIMES)
def test_a_bar_just_short_of_counting_leaves_it_undecided_over_either_field(prime):
    # 0.93 of the null: p = 0.08.
    near = {p: (NONE, (5.0, 0.93 if p == prime else 0.1)) for p in PRIMES}
    verdict = decide(evidence(*[near] * 5))
    assert verdict.template == UNDECIDED
    assert "p = 0.080" in verdict.reasons[0]


def test_more_claimed_bars_than_are_shown():
    many = tuple(float(x) for x in range(12, 2, -1))
    verdict = decide(evidence(*[(NONE, many)] * 5))
    assert "10 loops" in verdict.reasons[0]


def test_no_hole_in_few_samples_or_units_or_in_many_dimensions_says_little():
    none = decide(evidence(*[SHAPES["contractible"]] * 5))
    assert with_power(none, 300, 10, 3.0) is none
    doubtful = with_power(none, 120, 6, 11.4)
    assert doubtful.template == UNDECIDED
    for said in ("120 samples are too few", "6 units are too few", "about 11 dimensions"):
        assert said in doubtful.reasons[0]
    circle = decide(evidence(*[SHAPES["circle"]] * 5))
    assert with_power(circle, 120, 6, 11.4) is circle


def test_universal_p_values_keep_their_level_where_their_law_holds():
    """Bars whose log log (death / birth) has the left-skewed Gumbel law, wherever it lies."""

    def diagram(n, seed):
        ell = np.log(rng(seed).exponential(1.0, n)) - 1.7
        birth = rng(seed + 10000).uniform(0.1, 1.0, n)
        return np.c_[birth, birth * np.exp(np.exp(ell))]

    false = np.mean([universal_p_values(diagram(200, seed)).min() <= 0.05 for seed in range(1000)])
    assert 0.03 < false < 0.07
    raised = np.vstack([diagram(99, 0), [0.1, 0.1 * np.exp(60)]])
    assert universal_p_values(raised)[-1] < 1e-6
    assert np.isnan(universal_p_values(diagram(5, 0))).all()


def test_the_universal_null_finds_the_hole_of_a_ring_and_none_in_a_blob():
    angle = rng().uniform(0, 2 * np.pi, 200)
    ring_bars = persistence_diagrams(ring(angle) + 0.05 * rng(1).standard_normal((200, 2)), 1)[1]
    p = universal_p_values(ring_bars)
    assert (p <= 0.05).sum() == 1
    assert p.argmin() == np.ptp(ring_bars, axis=1).argmax()
    blobs = [universal_p_values(persistence_diagrams(rng(s).standard_normal((200, 2)), 1)[1]).min() for s in range(20)]
    assert np.mean(np.array(blobs) <= 0.05) <= 0.15


def test_more_holes_than_a_template():
    circle = Sphere(1)
    for counts in (((1, 0), (1, 0)), ((1, 1), (1, 1)), ((3, 1, 0), (3, 1, 0))):
        assert not has_more_than(circle, counts)
    for counts in (((1, 1), (1, 2)), ((1, 0, 1), (1, 0, 1)), ((1, 2, 1), (1, 1, 0)), ((1, 0, 0), (1, 0, 1))):
        assert has_more_than(circle, counts)
    for template in TEMPLATES:
        counts = tuple(tuple(template.betti(prime)) for prime in PRIMES)
        assert not has_more_than(template, counts)
        assert has_more_than(circle, counts) == (template.name not in ("circle", "contractible"))


@pytest.mark.parametrize("seed", range(20))
def test_what_has_no_hole_at_the_most_favourable_shuffles_has_none_at_any(seed):
    n, m = 60, 25
    draws = [(NONE, (length,)) for length in rng(seed).uniform(0.6, 1.0, 5)]
    found = rng(100 + seed).uniform(0, 1, (m, 2))

    def after(rest):
        null = np.concatenate([found, rest])
        return Evidence(evidence(*draws).draws, null, 0.05, 100)

    if has_no_hole(after(np.zeros((n - m, 2)))):
        for rest in ([], rng(200 + seed).uniform(0, 1, (n - m, 2)), np.full((n - m, 2), 9.0)):
            assert has_no_hole(after(np.reshape(rest, (-1, 2))))


def broad_bottle(points):
    """A Klein bottle (θ, φ) that is nearly a sphere: at its poles (sin φ = 0) a small ring in cos 2θ, sin 2θ."""
    theta, phi = points.T
    sphere = np.c_[np.cos(phi), np.sin(phi) * np.cos(theta), np.sin(phi) * np.sin(theta)]
    return np.c_[sphere, 0.25 * np.c_[np.cos(2 * theta), np.sin(2 * theta)]]


def test_a_bottle_that_is_nearly_a_sphere_is_told_by_its_folds():
    noise = 0.1 * rng(1).standard_normal((2000, 5))
    assert fold_ratio(broad_bottle(torus_angles(2000)) + noise, rng()) > 3
    direction = rng(2).standard_normal((2000, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    # A sphere whose further components are functions of the direction.
    bent = np.c_[direction, direction[:, :2] * direction[:, 1:]]
    assert fold_ratio(bent + noise, rng()) < 1.7
    assert fold_ratio(direction, rng()) == 1.0


def test_a_sphere_with_folds_is_left_undecided_with_its_number():
    verdict = decide(evidence(*[SHAPES["sphere"]] * 5))
    assert without_folds(verdict, 1.3) is verdict
    folded = without_folds(verdict, 4.2)
    assert folded.template == UNDECIDED
    assert "fold ratio 4.2" in folded.reasons[0]
    assert folded.reasons[1:] == verdict.reasons


# -- Topology ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    activity, angle = ring_of_units()
    return Topology(**QUICK).fit(activity), activity, angle


def test_a_ring_of_units_is_a_circle_with_its_numbers(fitted):
    topology, activity, _ = fitted
    assert topology.template_ == "circle"
    assert topology.betti_ == {2: (1, 1), 3: (1, 1)}
    assert topology.p_values_[1][0] == 0.05
    assert topology.p_values_[1][1] > 0.1
    assert topology.reasons_[0].startswith("1 loop with p = 0.050; the next has p = ")
    assert topology.n_features_in_ == activity.shape[1]
    assert sorted(topology.diagrams_) == [2, 3]


def test_bars_for_the_report(fitted):
    topology, *_ = fitted
    bars = topology.bars_
    assert bars["null_longest"].dims == ("shuffle", "degree_")
    assert bars.sizes["shuffle"] == 19
    np.testing.assert_array_equal(bars["degree_"], [1])
    for prime, degree in itertools.product(PRIMES, (0, 1)):
        chosen = bars.isel(bar=np.flatnonzero((bars["degree"] == degree) & (bars["prime"] == prime)))
        np.testing.assert_array_equal(chosen["birth"], topology.diagrams_[prime][degree][:, 0])
        np.testing.assert_array_equal(chosen["death"], topology.diagrams_[prime][degree][:, 1])
        assert int(chosen["significant"].sum()) == (degree == 1)
    for name, value in {"template": "circle", "alpha": 0.05, "metric": "euclidean", "n_landmarks": 80}.items():
        assert bars.attrs[name] == value
    assert bars.attrs["reasons"] == "; ".join(topology.reasons_)
    assert np.isinf(bars["death"]).sum() == 2


def test_cycles_are_the_samples_round_the_loop_in_order(fitted):
    topology, _, angle = fitted
    (cycle,) = topology.cycles_
    steps = difference(np.roll(angle[cycle], -1), angle[cycle])
    # Once round, and no step across the hole.
    assert abs(abs(steps.sum()) - 2 * np.pi) < 1e-9
    assert np.abs(steps).max() < 1.2


def test_the_cycle_of_two_rings_is_the_one_that_is_asked_for():
    small, large = ring(np.linspace(0, 2 * np.pi, 30, endpoint=False)), 3 * ring(np.arange(24) * 2 * np.pi / 24)
    cloud = np.concatenate([small, large + np.array([10.0, 0.0])])
    bars = persistence_diagrams(cloud, 1)[1]
    births = np.sort(bars[np.argsort(bars[:, 0] - bars[:, 1])[:2], 0])
    np.testing.assert_array_equal(np.sort(representative_cycle(cloud, births[0])), np.arange(30))
    np.testing.assert_array_equal(np.sort(representative_cycle(cloud, births[1])), np.arange(30, 54))
    assert representative_cycle(cloud, 0.123).size == 0


def test_cost_is_told_before_and_refused_with_the_largest_number():
    cost = Cost(200, 2, 110, 1)
    assert cost.n_simplices == 64_684_950
    assert "65 million simplices each, about 36 s and 0.1 GB on 1 workers" in str(cost)
    check_cost("n_landmarks_2", 558, 2)
    with pytest.raises(InputError, match="use n_landmarks_2 <= 558"):
        check_cost("n_landmarks_2", 559, 2)


def test_verbose_tells_the_cost(capsys):
    Topology(**QUICK | {"verbose": True}).fit(ring_of_units()[0])
    assert "holes to degree 1 of up to 29 clouds of 80 landmarks" in capsys.readouterr().err


def test_transform_gives_the_angle_of_seen_and_unseen_samples(fitted):
    topology, activity, angle = fitted
    found = topology.transform(activity)
    assert np.degrees(np.median(misfit(found[:, 0], angle))) < 15
    unseen, true = ring_of_units(seed=77)
    assert np.degrees(np.median(misfit(topology.transform(unseen)[:, 0], true))) < 15
    np.testing.assert_allclose(topology.transform(activity[5:9]), found[5:9])


def test_same_seed_same_numbers_on_one_worker_or_two(fitted):
    topology, activity, _ = fitted
    # Threads: processes take a minute to start.
    with parallel_config(backend="threading"):
        other = Topology(**QUICK, n_jobs=2).fit(activity)
    np.testing.assert_array_equal(other.bars_["null_longest"], topology.bars_["null_longest"])
    np.testing.assert_array_equal(other.bars_["death"], topology.bars_["death"])
    np.testing.assert_array_equal(other.transform(activity), topology.transform(activity))
    assert other.reasons_ == topology.reasons_


MOVES = {
    "scale of units": lambda X: X * rng(1).uniform(0.1, 20, X.shape[1]) + 5,
    "rotation": lambda X: X @ np.linalg.qr(rng(2).standard_normal((X.shape[1],) * 2))[0],
    "order of units": lambda X: X[:, rng(3).permutation(X.shape[1])],
    "order of samples": lambda X: rng(4).permutation(X),
}


@pytest.mark.parametrize("move", MOVES)
def test_the_verdict_does_not_depend_on(move, fitted):
    assert Topology(**QUICK).fit(MOVES[move](fitted[1])).template_ == "circle"


def test_independent_units_and_rolled_units_have_no_hole(fitted):
    topology = Topology(**QUICK).fit(rng(0).standard_normal((500, 8)))
    assert topology.template_ in ("contractible", UNDECIDED)
    assert set(topology.p_values_) == {1, 2}
    assert np.all(np.isnan(topology.transform(rng(1).standard_normal((4, 8)))))
    assert topology.transform(rng(1).standard_normal((4, 8))).shape == (4, 1)
    assert Topology(**QUICK).fit(rolled(fitted[1])).template_ != "circle"


def test_shuffles_end_early_where_nothing_is_in_doubt():
    topology = Topology(**QUICK | {"n_shuffles": 99}).fit(rng().standard_normal((600, 10)))
    assert topology.template_ == "contractible"
    assert topology.bars_.sizes["shuffle"] < 50


def test_a_blob_apart_from_the_ring_is_another_piece(fitted):
    activity = fitted[1]
    blob = 8 + 0.1 * rng(9).standard_normal((300, activity.shape[1]))
    topology = Topology(**QUICK, n_components=3, null="permutation", density_quantile=1.0)
    topology.fit(rng(5).permutation(np.r_[activity, blob]))
    assert topology.template_ == UNDECIDED
    assert topology.betti_[2][0] == 2 or "piece" in topology.reasons_[0]


def test_synthetic_circle_and_head_direction_cells_and_their_rolled_units():
    assert Topology(**{**QUICK, "n_landmarks": 200}).fit(nm.synthetic.circle(random_state=0)).template_ == "circle"
    recording = nm.synthetic.head_direction_cells(n_times=4000, random_state=0)
    prepared = nm.prepare(recording, smoothing=0.2)
    topology = Topology(**QUICK).fit(prepared)
    assert topology.template_ == "circle"
    truth = recording["head_direction"].to_numpy()
    assert np.degrees(np.median(misfit(topology.transform(prepared)[:, 0], truth))) < 20


@pytest.mark.slow
def test_rolled_head_direction_cells_are_no_circle():
    recording = nm.prepare(nm.synthetic.head_direction_cells(random_state=0), smoothing=0.2)
    assert Topology(random_state=0).fit(recording).template_ == "circle"
    assert Topology(random_state=0).fit(rolled(recording["activity"].to_numpy())).template_ != "circle"


@pytest.mark.slow
def test_same_numbers_from_two_processes(fitted):
    topology, activity, _ = fitted
    other = Topology(**QUICK, n_jobs=2).fit(activity)
    np.testing.assert_array_equal(other.bars_["null_longest"], topology.bars_["null_longest"])


def test_synthetic_sphere_is_named_with_its_coordinates():
    recording = nm.synthetic.sphere(n_times=900, random_state=0)
    topology = Topology(**QUICK).fit(recording)
    assert topology.template_ == "sphere"
    assert topology.betti_ == {2: (1, 0, 1), 3: (1, 0, 1)}
    assert topology.bars_["null_threshold"].sizes["degree_"] == 2
    assert topology.transform(recording).shape == (900, 2)


def test_the_null_of_samples_without_time_order(fitted):
    activity = fitted[1]
    assert Topology(**QUICK, null="permutation").fit(activity).null_ == "permutation"
    recording = nm.synthetic.circle(n_times=300, random_state=0).assign_attrs(time_ordered=0)
    assert Topology(**QUICK).fit(recording).null_ == "permutation"
    assert fitted[0].null_ == "time-shift"
    # One condition a row: there is nothing to shift, and the permutation does not look at groups.
    each = np.arange(len(activity))
    assert Topology(**QUICK, null="permutation").fit(activity, groups=each).template_ == "circle"
    with pytest.raises(InputError, match='null="permutation"'):
        Topology(**QUICK).fit(activity, groups=each)


def test_coordinates_that_fail_once_are_drawn_again_and_never_cost_the_verdict(fitted, monkeypatch):
    # No cloud fails on purpose: the landmark draw is made to.
    activity, real, calls = fitted[1], start_module.circular_coordinates, []

    def fails(n):
        def coordinates(points, n_circles):
            calls.append(n)
            if len(calls) <= n:
                raise InputError("this draw does not lift")
            return real(points, n_circles)

        return coordinates

    monkeypatch.setattr(start_module, "circular_coordinates", fails(2))
    assert np.all(np.isfinite(Topology(**QUICK).fit(activity).transform(activity)))
    calls.clear()
    monkeypatch.setattr(start_module, "circular_coordinates", fails(100))
    topology = Topology(**QUICK).fit(activity)
    assert topology.template_ == "circle"
    assert "transform gives NaN" in topology.reasons_[-1]
    assert np.all(np.isnan(topology.transform(activity)))


# -- what is refused -----------------------------------------------------------------------------------------------


def with_value(value):
    activity = ring_of_units(n=200)[0]
    activity[3, 2] = value
    return activity


def with_constant(value):
    activity = ring_of_units(n=200)[0]
    activity[:, 4] = value
    return activity


REFUSED = {
    "NaN": (lambda: with_value(np.nan), {}, {}, InputError, "NaN.*leave out or interpolate rows"),
    "infinity": (lambda: with_value(np.inf), {}, {}, InputError, "infinity.*leave out or interpolate rows"),
    "words": (lambda: [["a", "b"]] * 30, {}, {}, InputError, "must be numbers"),
    "one unit": (lambda: with_value(0)[:, :1], {}, {}, NotEnoughDataError, "n_features=1.*at least 2 units"),
    "constant unit": (lambda: with_constant(0.0), {}, {}, InputError, r"units \[4\] are constant.*drop them"),
    "constant up to rounding": (lambda: with_constant(0.1), {}, {}, InputError, r"units \[4\] are constant"),
    "few samples": (lambda: with_value(0)[:7], {}, {}, NotEnoughDataError, "n_samples=7 .*at least 8"),
    "few dense samples": (
        lambda: with_value(0)[:100], {"density_quantile": 0.05}, {}, NotEnoughDataError, "at least 160"
    ),
    "groups of another length": (
        lambda: with_value(0), {}, {"groups": np.zeros(5)}, InputError, r"shape \(200,\).*got \(5,\)"
    ),
    "short intervals": (
        lambda: with_value(0), {}, {"groups": np.arange(200) // 4}, InputError, "too short to shift"
    ),
    "alpha 0": (lambda: with_value(0), {"alpha": 0.0}, {}, InputError, "between 0 and 1"),
    "alpha 1": (lambda: with_value(0), {"alpha": 1.0}, {}, InputError, "between 0 and 1"),
    "too few shuffles": (lambda: with_value(0), {"n_shuffles": 18}, {}, InputError, "n_shuffles >= 19"),
    "half a shuffle": (lambda: with_value(0), {"n_shuffles": 30.5}, {}, InputError, "n_shuffles must be a whole"),
    "no landmarks": (lambda: with_value(0), {"n_landmarks": 0}, {}, InputError, "n_landmarks must be"),
    "no density": (lambda: with_value(0), {"density_quantile": 0.0}, {}, InputError, "density_quantile"),
    "unknown null": (lambda: with_value(0), {"null": "phase"}, {}, InputError, "null must be.*'time-shift', 'perm"),
    "unknown metric": (lambda: with_value(0), {"metric": "cosine"}, {}, InputError, "metric must be.*'euclidean'"),
    "root of less than 0": (lambda: with_value(0), {"root": True}, {}, InputError, "negative values.*root=False"),
    "unknown amplitude": (lambda: with_value(0), {"amplitude": "half"}, {}, InputError, "amplitude must be one of"),
    "unknown root": (lambda: with_value(0), {"root": "cube"}, {}, InputError, "root must be one of True, False"),
    "too many components": (lambda: with_value(0), {"n_components": 11}, {}, InputError, r"units \(10\), got 11"),
    "a word for components": (lambda: with_value(0), {"n_components": "few"}, {}, InputError, "got 'few'"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_fault_and_remedy(name):
    activity, settings, arguments, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        Topology(**{**QUICK, **settings}).fit(activity(), **arguments)


def test_transform_refuses_other_units_and_nan(fitted):
    topology, activity, _ = fitted
    with pytest.raises(InputError, match="9 features"):
        topology.transform(activity[:, :9])
    with pytest.raises(InputError, match="NaN"):
        topology.transform(np.full((3, 10), np.nan))


def test_a_duplicated_unit_changes_nothing(fitted):
    activity = fitted[1]
    assert Topology(**QUICK).fit(np.c_[activity, activity[:, 0]]).template_ == "circle"
    noise = rng(6).standard_normal((500, 6))
    assert Topology(**QUICK).fit(np.c_[noise, noise[:, 0]]).template_ in ("contractible", UNDECIDED)


def test_clone_keeps_settings_and_drops_the_fit(fitted):
    copy = clone(fitted[0])
    assert copy.get_params() == fitted[0].get_params()
    assert not hasattr(copy, "template_")


# -- slow: full settings, and real recordings ----------------------------------------------------------------------


def shared(path):
    if not (DATA / path).exists():
        pytest.skip(f"no {path} under {DATA}: set NEUROMANIFOLD_SHARED_DATA to the folder of shared recordings")
    return np.load(DATA / path)


@pytest.fixture(scope="module")
def mouse():
    held = shared("hd_mouse28/hd_mouse28_wake.npz")
    counts = held["adn_counts"].astype(float)
    return np.sqrt(gaussian_filter1d(counts, 0.4 / float(held["bin_s"]), axis=0)), held["head_direction_rad"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_mouse_head_direction_is_a_circle(mouse, seed):
    topology = Topology(random_state=seed).fit(mouse[0])
    assert topology.template_ == "circle", topology.reasons_


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_mouse_head_direction_rolled_is_no_circle(mouse, seed):
    assert Topology(random_state=seed).fit(rolled(mouse[0], seed)).template_ != "circle"


GROUP = np.array([1, 0, 2, 1, 0, 0, 2, 1, 1, 1, 0, 1, 2, 0, 0, 2, 2, 2])


@pytest.mark.slow
@pytest.mark.parametrize("group", range(3))
def test_one_group_of_the_three_torus_is_a_circle(group):
    activity = shared("torus3_synthetic_dreimac/torus3_synthetic.npz")["activity"]
    topology = Topology(random_state=0).fit(activity[:, np.equal(GROUP, group)])
    assert topology.template_ == "circle", topology.reasons_


@pytest.mark.slow
@pytest.mark.parametrize("left_out", range(3))
def test_two_groups_of_the_three_torus_are_a_torus(left_out):
    activity = shared("torus3_synthetic_dreimac/torus3_synthetic.npz")["activity"]
    topology = Topology(n_shuffles=39, random_state=0).fit(activity[:, left_out != GROUP])
    assert topology.template_ == "torus", topology.reasons_


@pytest.mark.slow
def test_simulated_grid_cells_are_a_torus():
    recording = nm.prepare(nm.datasets.load("grid_module"), smoothing=0.2)
    topology = Topology(n_shuffles=39, random_state=0).fit(recording)
    assert topology.template_ == "torus", topology.reasons_


@pytest.mark.slow
@pytest.mark.parametrize("name", ["circle", "sphere", "torus"])
def test_synthetic_manifolds_are_named(name):
    topology = Topology(n_shuffles=39, random_state=0).fit(getattr(nm.synthetic, name)(random_state=0))
    assert topology.template_ == name, topology.reasons_

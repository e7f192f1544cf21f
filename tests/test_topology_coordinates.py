"""Coordinates on the template: they follow the truth behind simulated populations and real recordings."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.io import loadmat

import neuromanifold as nm
from neuromanifold._errors import InputError
from neuromanifold.data.inference import InferenceWarning
from neuromanifold.statistics import best_rotation
from neuromanifold.topology import Topology, circular_coordinates, klein_coordinates, projective_coordinates
from neuromanifold.topology.cloud import CloudSettings, Reduction, farthest_points
from neuromanifold.topology.coordinates import edge_weights
from neuromanifold.topology.start import clearest_coordinates


def rng(seed=0):
    return np.random.default_rng(seed)


def ring(angles):
    return np.c_[np.cos(angles), np.sin(angles)]


def median_error(found, true):
    """Degrees, after the best rotation and reflection."""
    return np.degrees(best_rotation(found, true)[1])


def windings(angles):
    """Turns of a closed sequence of angles."""
    return np.rint(np.angle(np.exp(1j * (np.roll(angles, -1) - angles))).sum() / (2 * np.pi))


def coordinates(template, activity, n_components, seed=0):
    """Coordinates of the activity on a template that is given, and the reduced activity."""
    points = Reduction.fit(activity, n_components)(activity)
    return clearest_coordinates(template, points, CloudSettings(n_components), 300, rng(seed)), points


def agreement(a, b):
    """Mean resultant length of the difference of two angles (n,): 1 where one tells the other up to a constant."""
    return abs(np.mean(np.exp(1j * (a - b))))


def best_basis(found, true):
    """The worse of the two agreements of angles (n, 2) after the best integer change of basis."""
    rows = [np.array(row) for row in itertools.product(range(-2, 3), repeat=2) if any(row)]
    fits = [[agreement(found @ row, true[:, i]) for row in rows] for i in range(2)]
    pairs = itertools.product(range(len(rows)), repeat=2)
    return max(min(fits[0][a], fits[1][b]) for a, b in pairs if abs(round(np.linalg.det([rows[a], rows[b]]))) == 1)


# -- laws ----------------------------------------------------------------------------------------------------------


def thick_on_one_side(n, seed):
    """A ring visited unevenly, its noise six times as large on one side, and its angle."""
    angle = rng(seed).vonmises(0.0, 0.7, n)
    noise = 0.05 + 0.125 * (1 - np.cos(angle))
    return ring(angle) * (1 + noise * rng(seed + 1).standard_normal(n))[:, None], angle


@pytest.mark.parametrize("seed", range(5))
def test_coordinates_turn_evenly_where_noise_is_thick_and_visits_are_uneven(seed):
    points, angle = thick_on_one_side(2000, seed)
    map_ = circular_coordinates(points[farthest_points(points, 150, rng(seed))], 1)
    # Without weights 17 to 26.
    assert median_error(map_(points)[:, 0], angle) < 11
    assert abs(windings(map_(ring(np.linspace(0, 2 * np.pi, 2000, endpoint=False)))[:, 0])) == 1


def test_weights_undo_the_density_of_landmarks():
    """Twice the landmarks on one half of a ring; without weights the coordinate is off by 25 degrees."""
    angle = 2 * np.pi * np.arange(60) / 60
    denser = circular_coordinates(np.r_[ring(angle), ring(angle[:30] + 1e-3)], 1)
    assert median_error(denser(ring(angle))[:, 0], angle) < 8
    distance = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
    kernel = np.exp(-(distance**2) / 4)
    np.testing.assert_allclose(edge_weights(distance, 2.0) * kernel.sum(1) * kernel.sum(1)[:, None], kernel)


def ring_of_units(n, seed):
    angle = rng(seed).uniform(0, 2 * np.pi, n)
    preferred = 2 * np.pi * np.arange(12) / 12
    return np.exp(np.cos(angle[:, None] - preferred)) + 0.2 * rng(seed + 1).standard_normal((n, 12)), angle


def test_coordinates_of_unseen_samples_agree_with_those_of_a_fit_on_all():
    activity, _ = ring_of_units(1200, 3)
    reduction = Reduction.fit(activity[:600], 3)
    half = clearest_coordinates("circle", reduction(activity[:600]), CloudSettings(3), 300, rng(0))
    whole, points = coordinates("circle", activity, 3, seed=1)
    unseen = half(reduction(activity[600:]))[:, 0]
    assert median_error(unseen, whole(points)[600:, 0]) < 5


@pytest.mark.parametrize("smoothing", [0.1, 0.2])
def test_toroidal_coordinates_recover_both_phases_of_a_grid_module(smoothing):
    recording = nm.datasets.load("grid_module")
    activity = nm.prepare(recording, smoothing=smoothing)["activity"].to_numpy()
    map_, points = coordinates("torus", activity, 6)
    phases = np.c_[recording["phase_0"], recording["phase_1"]].astype(float)
    assert best_basis(map_(points), phases) > 0.96


def test_the_draw_whose_loops_stand_out_is_taken():
    """At this smoothing gaps are nearly as long as the loops of the torus, and the first draw takes one for a loop."""
    recording = nm.datasets.load("grid_module")
    activity = nm.prepare(recording, smoothing=0.25)["activity"].to_numpy()
    phases = np.c_[recording["phase_0"], recording["phase_1"]].astype(float)
    for seed in range(2):
        map_, points = coordinates("torus", activity, 6, seed)
        assert best_basis(map_(points), phases) > 0.93


def lines(angles):
    """Unit vectors of angles (n, 2) on the sphere, each up to its sign."""
    theta, phi = angles.T
    return np.c_[np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)]


def line_error(found, true, n_starts=20):
    """Median angle (degrees) between lines (n, 3) after the best rotation: orthogonal Procrustes, signs in turn."""
    errors = []
    for seed in range(n_starts):
        turn = np.linalg.qr(rng(seed).standard_normal((3, 3)))[0]
        for _ in range(20):
            signs = np.sign(np.sum((found @ turn) * true, axis=1))
            left, _, right = np.linalg.svd((found * signs[:, None]).T @ true)
            turn = left @ right
        cosine = np.abs(np.sum((found @ turn) * true, axis=1))
        errors.append(np.degrees(np.median(np.arccos(np.clip(cosine, 0, 1)))))
    return min(errors)


def directions(n, seed):
    z = rng(seed).standard_normal((n, 3))
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def veronese(z):
    """The projective plane in R^6: products of coordinates, the same for z and -z."""
    i, j = np.triu_indices(3)
    return z[:, i] * z[:, j] * np.where(i == j, 1.0, np.sqrt(2))


def test_projective_coordinates_are_the_lines_and_do_not_tear():
    z = directions(1500, 0)
    points = veronese(z)
    map_ = projective_coordinates(points[farthest_points(points, 250, rng())])
    found = map_(points)
    assert found[:, 0].max() <= np.pi / 2
    assert line_error(lines(found), z) < 3
    # Along a closed path that leads to the other sheet, neighbours stay neighbours, across its sign too.
    turn = np.linspace(0, np.pi, 400)
    path = lines(map_(veronese(np.c_[np.cos(turn), np.sin(turn), np.zeros(400)])))
    assert np.abs(np.sum(path[1:] * path[:-1], axis=1)).min() > np.cos(0.1)
    assert abs(path[0] @ path[-1]) > 0.999


def test_projective_coordinates_of_a_population():
    z, preferred = directions(2500, 1), directions(100, 2)
    counts = rng(3).poisson(10 * np.exp(3 * ((z @ preferred.T) ** 2 - 1)))
    map_, points = coordinates("projective", np.sqrt(counts), 8)
    assert line_error(lines(map_(points)), z) < 8


def test_a_cloud_without_a_loop_has_no_projective_coordinates():
    with pytest.raises(InputError, match="no loop over Z2"):
        projective_coordinates(np.array([[0.0, 0], [1, 0], [0, 1]]))


def bottle(angles):
    """The flat Klein bottle in R^5."""
    theta, phi = angles.T
    rings = [np.sin(phi)[:, None] * ring(theta), 0.5 * np.cos(phi)[:, None] * ring(2 * theta)]
    return np.c_[(*rings, np.sqrt(3) / 2 * np.cos(phi))]


def bottle_error(found, true):
    """Median distance (degrees) between points (n, 2) of the bottle after the best of its isometries."""
    errors = []
    for sign, half, turn in itertools.product((1, -1), (0, np.pi), np.deg2rad(np.arange(0, 360, 2))):
        moved = np.c_[sign * found[:, 0] + turn, found[:, 1] + half]
        same = [np.c_[true], np.c_[true[:, 0] + np.pi, -true[:, 1]]]
        errors.append(np.median(np.min([np.linalg.norm(np.angle(np.exp(1j * (moved - t))), axis=1) for t in same], 0)))
    return np.degrees(min(errors))


def test_coordinates_on_a_klein_bottle_are_its_angles_and_do_not_tear():
    angles = rng().uniform(0, 2 * np.pi, (1200, 2))
    points = bottle(angles)
    map_ = klein_coordinates(points[farthest_points(points, 200, rng())])
    found = map_(points)
    assert found.min() >= 0
    assert found[:, 0].max() < np.pi
    assert bottle_error(found, angles) < 5
    # Twice round the way that turns the other angle, back to the start: neighbours stay neighbours on the bottle.
    turn = np.linspace(0, 2 * np.pi, 600)
    path = bottle(map_(bottle(np.c_[turn, np.full(600, 0.7)])))
    assert np.linalg.norm(np.diff(path, axis=0), axis=1).max() < 0.15
    np.testing.assert_allclose(path[0], path[-1], atol=1e-6)


def test_coordinates_on_a_klein_bottle_of_a_population():
    states, preferred = (rng(seed).uniform(0, 2 * np.pi, (n, 2)) for seed, n in ((1, 2000), (2, 200)))
    other = np.c_[preferred[:, 0] + np.pi, -preferred[:, 1]]
    tuning = sum(np.exp(4 * (np.cos(states[:, None] - mu) - 1).sum(-1)) for mu in (preferred, other))
    map_, points = coordinates("klein", np.sqrt(rng(3).poisson(25 * tuning)), 12)
    assert bottle_error(map_(points), states) < 8


def test_a_torus_is_no_klein_bottle():
    angles = rng().uniform(0, 2 * np.pi, (1200, 2))
    points = np.c_[ring(angles[:, 0]), ring(angles[:, 1])]
    with pytest.raises(InputError, match="Klein bottle"):
        klein_coordinates(points[farthest_points(points, 150, rng())])


def test_loops_are_drawn_from_the_samples_that_make_them():
    activity, angle = ring_of_units(800, 5)
    topology = Topology(n_shuffles=19, n_landmarks=80, random_state=0).fit(activity)
    (cycle,) = topology.cycles_
    paths = topology.loops_
    assert paths.sizes["step"] == len(cycle)
    steps = np.angle(np.exp(1j * (np.roll(angle[cycle], -1) - angle[cycle])))
    assert abs(steps.sum()) == pytest.approx(2 * np.pi)
    near = np.abs(paths["data"].to_numpy()[:, None] - paths["position"].to_numpy()).sum(axis=-1).min(axis=0)
    np.testing.assert_allclose(near, 0, atol=1e-12)


# -- real recordings and what is simulated along them ---------------------------------------------------------------


@pytest.fixture
def mouse(shared_data):
    path = shared_data("hd_mouse28") / "hd_mouse28_wake.npz"
    with pytest.warns(InferenceWarning):
        return nm.load(path, activity="adn_counts")


@pytest.mark.slow
@pytest.mark.parametrize("smoothing", [0.25, 0.3, 0.4, 0.5, 0.6])
def test_coordinates_follow_the_head_of_a_mouse_and_so_do_those_of_half_the_session(mouse, smoothing):
    prepared = nm.prepare(mouse, smoothing=smoothing)
    activity, heading = (prepared[name].to_numpy() for name in ("activity", "head_direction_rad"))
    errors, differences = [], []
    for seed in range(5):
        map_, points = coordinates("circle", activity, 4, seed)
        whole = map_(points)[:, 0]
        errors.append(median_error(whole, heading))
        first = activity[: len(activity) // 2]
        reduction = Reduction.fit(first, 4)
        half = clearest_coordinates("circle", reduction(first), CloudSettings(4), 300, rng(100 + seed))
        unseen = half(reduction(activity[len(first) :]))[:, 0]
        differences.append(median_error(unseen, whole[len(first) :]))
    print(f"{smoothing} s: errors {np.round(errors, 1)}, half against whole {np.round(differences, 1)} degrees")
    assert max(errors) < 20
    # As far apart as two fits may be that are each some 13 degrees from the head.
    assert np.median(differences) < 10


@pytest.mark.slow
def test_transform_of_a_mouse_follows_its_head(mouse):
    for smoothing in (0.25, 0.4, 0.6):
        prepared = nm.prepare(mouse, smoothing=smoothing)
        topology = Topology(n_shuffles=39, random_state=0).fit(prepared)
        assert topology.template_ == "circle", topology.reasons_
        error = median_error(topology.transform(prepared)[:, 0], prepared["head_direction_rad"].to_numpy())
        print(f"transform at {smoothing} s: {error:.1f} degrees")
        assert error < 20


def tracked(folder, bin_size):
    """Positions (n, 2) in cm of a rat in its box, one a bin, lost ones interpolated."""
    held = loadmat(folder / "r2405_191216c_cell1640.mat")
    positions = 100 * held["xy"].astype(float) / float(held["pixels_per_m"].item())
    step = round(bin_size * float(held["pos_sample_rate"].item()))
    times, known = np.arange(len(positions)), np.isfinite(positions).all(axis=1)
    return np.stack([np.interp(times[::step], times[known], column[known]) for column in positions.T], axis=1)


@pytest.mark.slow
@pytest.mark.parametrize("smoothing", [0.1, 0.2])
def test_phases_of_a_grid_module_along_the_path_of_a_rat(shared_data, smoothing):
    """120 unequal cells with background activity, visited as a rat does; the template is given."""
    path = tracked(shared_data("grid_cells_krupic"), 0.1)
    module = {"n_units": 120, "bin_size": 0.1, "baseline_rate": 0.5, "heterogeneity": 0.4, "spacing": 60.0}
    for seed in range(3):
        recording = nm.synthetic.grid_cells(path=path, **module, random_state=seed)
        activity = nm.prepare(recording, smoothing=smoothing)["activity"].to_numpy()
        map_, points = coordinates("torus", activity, 6, seed)
        found = best_basis(map_(points), np.c_[recording["phase_0"], recording["phase_1"]])
        print(f"120 grid cells along a rat's path, {smoothing} s: agreement {found:.3f}")
        assert found >= 0.95


GROUP = np.array([1, 0, 2, 1, 0, 0, 2, 1, 1, 1, 0, 1, 2, 0, 0, 2, 2, 2])


@pytest.mark.slow
@pytest.mark.parametrize("left_out", range(3))
def test_two_groups_of_the_three_torus_give_their_angles(shared_data, left_out):
    held = np.load(shared_data("torus3_synthetic_dreimac") / "torus3_synthetic.npz")
    map_, points = coordinates("torus", held["activity"][:, left_out != GROUP], 4)
    found = best_basis(map_(points), np.delete(held["angles_rad"], left_out, axis=1))
    print(f"groups without {left_out}: agreement {found:.3f}")
    assert found >= 0.95

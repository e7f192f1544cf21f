from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
import xarray as xr
from scipy.special import i0e, i1e

import neuromanifold as nm
from neuromanifold._errors import InputError
from neuromanifold.data.behaviour import foraging, ornstein_uhlenbeck, track_running
from neuromanifold.data.prepare import prepare
from neuromanifold.data.recording import task_variables, to_arrays
from neuromanifold.geometry import local_geometry
from neuromanifold.storage import write_netcdf

ALPHA = 0.4


def wrap(angle):
    return np.mod(angle + np.pi, 2 * np.pi) - np.pi


# The formulas of Acosta et al. in angles, as printed: an independent transcription.


def wiggles(theta):
    return (1 + ALPHA * np.cos(3 * theta)) * np.array([np.cos(theta), np.sin(theta)])


def bump(theta):
    near = [np.exp(-5 * wrap(theta - centre) ** 2) for centre in (np.pi / 2, 3 * np.pi / 2)]
    return (1 + ALPHA * sum(near)) * np.array([np.cos(theta), np.sin(theta)])


def ball(theta, phi):
    amplitude = 1 + ALPHA * (np.exp(-5 * theta**2) + np.exp(-5 * (theta - np.pi) ** 2))
    return amplitude * np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])


def doughnut(theta, phi):
    outer = np.exp(-2 * wrap(theta - np.pi) ** 2)
    sides = np.exp(-2 * wrap(phi - np.pi / 2) ** 2) + np.exp(-2 * wrap(phi - 3 * np.pi / 2) ** 2)
    ring = 2 - np.cos(theta)
    return (1 + ALPHA * outer * sides) * np.array([ring * np.cos(phi), ring * np.sin(phi), np.sin(theta)])


SHAPES = {
    "wiggles": (nm.synthetic.circle, "wiggles", wiggles, ["angle"]),
    "bump": (nm.synthetic.circle, "bump", bump, ["angle"]),
    "sphere": (nm.synthetic.sphere, "bump", ball, ["colatitude", "longitude"]),
    "torus": (nm.synthetic.torus, "bump", doughnut, ["angle_0", "angle_1"]),
}
POPULATIONS = {
    "head_direction_cells": nm.synthetic.head_direction_cells,
    "place_cells": nm.synthetic.place_cells,
    "grid_cells": nm.synthetic.grid_cells,
}
MAKERS = {name: make for name, (make, *_) in SHAPES.items()} | POPULATIONS


def small(make, **settings) -> xr.Dataset:
    return make(**{"n_times": 400, "n_units": 12, "random_state": 0, **settings})


def angles_of(ds: xr.Dataset, names: list[str]) -> np.ndarray:
    return np.stack([ds[name].to_numpy() for name in names], axis=1)


@pytest.mark.parametrize("shape", SHAPES)
def test_noise_free_activity_is_the_printed_formula_rotated(shape):
    make, distortion, formula, names = SHAPES[shape]
    ds = small(make, distortion=distortion, noise_var=0.0, radius=1.5, n_units=7)
    x = 1.5 * formula(*angles_of(ds, names).T).T
    distances = [np.linalg.norm(points[:, None] - points[None], axis=-1) for points in (ds["activity"].to_numpy(), x)]
    np.testing.assert_allclose(*distances, atol=1e-12)
    norms = [np.linalg.norm(points, axis=1) for points in (ds["activity"].to_numpy(), x)]
    np.testing.assert_allclose(*norms, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_immersion_is_the_noise_free_activity(shape):
    make, distortion, _, names = SHAPES[shape]
    ds = small(make, distortion=distortion, noise_var=0.0)
    f = nm.synthetic.immersion_of(ds)
    np.testing.assert_allclose(f(torch.as_tensor(angles_of(ds, names))), ds["activity"], atol=1e-12)
    assert f.template.name == ds.attrs["synthetic"].split('"template": "')[1].split('"')[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_noise_has_the_stated_variance_in_every_unit(shape):
    make, distortion, _, names = SHAPES[shape]
    ds = make(n_times=2500, n_units=10, distortion=distortion, noise_var=0.04, random_state=1)
    clean = nm.synthetic.immersion_of(ds)(torch.as_tensor(angles_of(ds, names))).numpy()
    residual = ds["activity"].to_numpy() - clean
    np.testing.assert_allclose(residual.var(axis=0), 0.04, rtol=0.15)
    assert abs(np.corrcoef(residual.T) - np.eye(10)).max() < 0.1


@pytest.mark.parametrize("shape", SHAPES)
def test_template_coordinates_are_the_regular_grid_in_random_order(shape):
    make, distortion, _, names = SHAPES[shape]
    ds = small(make, distortion=distortion, n_times=410)
    angles = angles_of(ds, names)
    side = 410 if len(names) == 1 else 20
    for column, name in zip(angles.T, names, strict=True):
        low, high = (0.01, np.pi - 0.01) if name == "colatitude" else (0, 2 * np.pi)
        np.testing.assert_allclose(np.unique(column.round(9)), np.linspace(low, high, side), atol=1e-8)
    assert len(np.unique(angles.round(9), axis=0)) == len(angles) == side ** len(names)
    steps = np.abs(wrap(np.diff(angles[:, 0])))
    assert np.median(steps) > 0.5, "in the order of the grid a unit rolled in time would still trace a loop"


# ---- curvature in closed form ----


def polar_curvature(r, dr, ddr):
    """Curvature of the plane curve r(θ), and of a meridian of the surface of revolution."""
    return np.abs(r**2 + 2 * dr**2 - r * ddr) / (r**2 + dr**2) ** 1.5


def test_curvature_of_wiggles():
    theta = np.linspace(0, 2 * np.pi, 50)
    f = nm.synthetic.immersion_of(small(nm.synthetic.circle, distortion="wiggles"))
    r, dr, ddr = 1 + ALPHA * np.cos(3 * theta), -3 * ALPHA * np.sin(3 * theta), -9 * ALPHA * np.cos(3 * theta)
    found = local_geometry(f, torch.as_tensor(theta)[:, None]).mean_curvature_norm
    np.testing.assert_allclose(found, polar_curvature(r, dr, ddr), rtol=1e-10)


def sphere_profile(t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Amplitude of the sphere and its two derivatives in the colatitude."""
    parts = [np.exp(-5 * (t - c) ** 2) for c in (0, np.pi)]
    first = [-10 * (t - c) * p for c, p in zip((0, np.pi), parts, strict=True)]
    second = [(100 * (t - c) ** 2 - 10) * p for c, p in zip((0, np.pi), parts, strict=True)]
    return 1 + ALPHA * sum(parts), ALPHA * sum(first), ALPHA * sum(second)


def test_curvature_of_the_sphere_away_from_and_at_the_poles():
    f = nm.synthetic.immersion_of(small(nm.synthetic.sphere))
    t = np.concatenate([[1e-9, 1e-6, 1e-3], np.linspace(0.05, np.pi - 0.05, 40), [np.pi - 1e-6]])
    r, dr, ddr = sphere_profile(t)
    meridian = (r**2 + 2 * dr**2 - r * ddr) / (r**2 + dr**2) ** 1.5
    # Second principal curvature of a surface of revolution: of the parallel, through Meusnier's theorem.
    parallel = (r - dr / np.tan(t)) / (r * np.sqrt(r**2 + dr**2))
    u = torch.as_tensor(np.stack([t, np.linspace(0, 6, len(t))], axis=1))
    found = local_geometry(f, u)
    np.testing.assert_allclose(found.mean_curvature_norm, np.abs(meridian + parallel) / 2, rtol=1e-6)
    np.testing.assert_allclose(found.scalar_curvature, 2 * meridian * parallel, rtol=1e-6, atol=1e-9)
    poles = local_geometry(f, torch.tensor([[0.0, 0.0], [math.pi, 1.0]], dtype=torch.float64))
    np.testing.assert_allclose(poles.mean_curvature_norm, (1.4 + 4) / 1.4**2, rtol=1e-10)


def test_curvature_of_the_undistorted_torus():
    f = nm.synthetic.immersion_of(small(nm.synthetic.torus, distortion=None))
    u = torch.as_tensor(np.random.default_rng(0).uniform(0, 2 * np.pi, (30, 2)))
    outward = -torch.cos(u[:, 0])  # the outer equator is at π
    expected = (2 + 2 * outward).abs() / (2 * (2 + outward).abs())
    np.testing.assert_allclose(local_geometry(f, u).mean_curvature_norm, expected, rtol=1e-10)


@pytest.mark.parametrize("shape", SHAPES)
def test_derivatives_are_those_of_the_formula(shape):
    make, distortion, formula, names = SHAPES[shape]
    f = nm.synthetic.immersion_of(small(make, distortion=distortion))
    u = np.random.default_rng(2).uniform(0.3, 2.8, (20, len(names)))
    jacobian = torch.stack([torch.autograd.functional.jacobian(f, torch.as_tensor(p)) for p in u]).numpy()
    h = 1e-6
    for axis in range(len(names)):
        step = h * np.eye(len(names))[axis]
        slope = (formula(*(u + step).T) - formula(*(u - step).T)).T / (2 * h)
        np.testing.assert_allclose(
            np.linalg.norm(jacobian[:, :, axis], axis=1), np.linalg.norm(slope, axis=1), rtol=1e-6
        )


# ---- laws of all synthetic recordings ----


@pytest.mark.parametrize("name", MAKERS)
def test_the_same_seed_gives_the_same_recording(name):
    make = MAKERS[name]
    xr.testing.assert_identical(small(make), small(make))
    assert not np.array_equal(small(make)["activity"], small(make, random_state=1)["activity"])


@pytest.mark.parametrize("name", MAKERS)
def test_truth_survives_files_and_selections(name, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ds = small(MAKERS[name])
        write_netcdf(tmp_path / "r.nc", ds)
        back = nm.load(tmp_path / "r.nc")
    f, g = (
        nm.synthetic.immersion_of(ds),
        nm.synthetic.immersion_of(back.isel(unit=[4, 1, 7], time=slice(0, 9))),
    )
    z = f.template.sample(20, torch.Generator().manual_seed(0))
    torch.testing.assert_close(f.on_points(z)[:, [4, 1, 7]], g.on_points(z), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", MAKERS)
def test_truth_follows_the_preparation(name):
    ds = small(MAKERS[name], n_times=900)
    wide = ds.attrs["sampling_period"] * 2
    prepared = (
        prepare(ds, bin_size=wide, zscore=True, n_components=3) if name in POPULATIONS else prepare(ds, zscore=True)
    )
    f, g = nm.synthetic.immersion_of(ds), nm.synthetic.immersion_of(prepared)
    z = f.template.sample(20, torch.Generator().manual_seed(0))
    x = f.on_points(z).numpy()
    if name in POPULATIONS:
        x = (np.sqrt(2 * x) - prepared["zscore_mean"].to_numpy()) / prepared["zscore_scale"].to_numpy()
        expected = (x - prepared["component_mean"].to_numpy()) @ prepared["loadings"].to_numpy().T
    else:
        expected = (x - prepared["zscore_mean"].to_numpy()) / prepared["zscore_scale"].to_numpy()
    np.testing.assert_allclose(g.on_points(z), expected, atol=1e-12)


@pytest.mark.parametrize("name", MAKERS)
def test_second_derivatives_exist_everywhere(name):
    f = nm.synthetic.immersion_of(small(MAKERS[name]))
    grid = f.template.grid(200)
    found = local_geometry(f, grid.angles)
    assert bool(found.finite.all())


WRONG = {
    "unknown distortion": (
        lambda: nm.synthetic.circle(distortion="ripple"),
        "one of 'wiggles', 'bump', None",
    ),
    "wiggles on a sphere": (lambda: nm.synthetic.sphere(distortion="wiggles"), "one of 'bump', None"),
    "too few units": (lambda: nm.synthetic.sphere(n_units=2), "n_units must be .* at least 3"),
    "negative noise": (lambda: nm.synthetic.torus(noise_var=-1.0), "noise_var"),
    "one sample": (lambda: nm.synthetic.circle(n_times=1), "n_times must be .* at least 2"),
    "peak below baseline": (lambda: nm.synthetic.place_cells(peak_rate=0.1), "baseline_rate"),
    "a pull beyond the reward": (
        lambda: nm.synthetic.place_cells(reward=100.0, reward_pull=1.5),
        "reward_pull must be .* got 1.5",
    ),
    "zero bin": (lambda: nm.synthetic.grid_cells(bin_size=0.0), "bin_size must be a positive number"),
    "flat tuning": (lambda: nm.synthetic.head_direction_cells(concentration=0.0), "concentration"),
}


@pytest.mark.parametrize("case", WRONG)
def test_impossible_settings_are_refused(case):
    make, message = WRONG[case]
    with pytest.raises(InputError, match=message):
        make()


def test_a_real_recording_has_no_known_truth():
    ds = nm.as_recording(np.eye(5)[:, :3], sampling_period=1.0, kind="continuous", units="a.u.")
    with pytest.raises(InputError, match="not synthetic"):
        nm.synthetic.immersion_of(ds)


# ---- populations ----


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("head_direction_cells", ["head_direction"]),
        ("place_cells", ["position"]),
        ("grid_cells", ["phase_0", "phase_1"]),
    ],
)
def test_counts_are_poisson_about_the_truth(name, variables):
    ds = POPULATIONS[name](n_times=8000, n_units=15, random_state=3)
    arrays = to_arrays(ds, variables)
    expected = nm.synthetic.immersion_of(ds)(torch.as_tensor(arrays.y)).numpy()
    z = (arrays.X.sum(axis=0) - expected.sum(axis=0)) / np.sqrt(expected.sum(axis=0))
    assert np.abs(z).max() < 4
    fano = ((arrays.X - expected) ** 2).sum(axis=0) / expected.sum(axis=0)
    np.testing.assert_allclose(fano, 1, atol=0.15)
    assert set(variables) <= set(task_variables(ds))


def test_a_reward_draws_fields_to_it_and_bends_the_manifold_there():
    settings = {"n_times": 10, "n_units": 100, "heterogeneity": 0.0, "random_state": 0}
    plain = nm.synthetic.place_cells(**settings)
    drawn = nm.synthetic.place_cells(**settings, reward=150.0, reward_pull=0.9, reward_width=16.0)
    before, after = (
        np.mod(ds["preferred"].to_numpy()[:, 0] * 200 / (2 * np.pi) - 150 + 100, 200) - 100 for ds in (plain, drawn)
    )
    np.testing.assert_allclose(after, before * (1 - 0.9 * np.exp(-(before**2) / (2 * 16.0**2))), atol=1e-9)
    assert np.array_equal(np.argsort(after), np.argsort(before))
    angles = torch.linspace(0, 2 * math.pi, 81, dtype=torch.float64)[:-1, None]
    bent = local_geometry(nm.synthetic.immersion_of(drawn), angles).mean_curvature_norm
    even = local_geometry(nm.synthetic.immersion_of(plain), angles).mean_curvature_norm
    assert abs(float(angles[bent.argmax(), 0]) - 1.5 * math.pi) < 0.1
    assert float(bent.max()) > 1.4 * float(even.max())


def test_tuning_curves_have_their_peak_baseline_and_width():
    ds = nm.synthetic.head_direction_cells(n_times=10, n_units=6, heterogeneity=0.0, random_state=0)
    f = nm.synthetic.immersion_of(ds)
    preferred = torch.as_tensor(ds["preferred"].to_numpy())
    at_peak = f(preferred).diagonal() / 0.05
    np.testing.assert_allclose(at_peak, 20.0, rtol=1e-12)
    angles = torch.linspace(0, 2 * np.pi, 721, dtype=torch.float64)[:-1, None]
    mean_rate = f(angles).mean(dim=0) / 0.05
    np.testing.assert_allclose(mean_rate, 0.5 + 19.5 * i0e(4.0), rtol=1e-9)
    resultant = (f(angles) * torch.cos(angles - preferred[:, 0])).mean(dim=0) / 0.05
    np.testing.assert_allclose(resultant, 19.5 * i1e(4.0), rtol=1e-9)


def test_grid_fields_are_hexagonal():
    """Rates repeat at both lattice vectors and, about a field's centre, at turns of 60°."""
    spacing, orientation = 40.0, 0.3
    ds = nm.synthetic.grid_cells(n_times=10, n_units=9, spacing=spacing, orientation=orientation, random_state=0)
    f = nm.synthetic.immersion_of(ds)
    directions = orientation + np.array([0, np.pi / 3])
    lattice = spacing * np.stack([np.cos(directions), np.sin(directions)])
    place = np.random.default_rng(0).uniform(0, 100, (50, 2))

    def rate(xy):
        return f(torch.as_tensor(2 * np.pi * xy @ np.linalg.inv(lattice).T)).numpy()

    for vector in lattice.T:
        np.testing.assert_allclose(rate(place + vector), rate(place), rtol=1e-10)
    phases = ds["preferred"].to_numpy()
    turn = np.array([[0.5, -np.sqrt(3) / 2], [np.sqrt(3) / 2, 0.5]])
    for unit in range(9):
        centre = lattice @ phases[unit] / (2 * np.pi)
        np.testing.assert_allclose(rate((place - centre) @ turn.T + centre)[:, unit], rate(place)[:, unit], rtol=1e-9)
    np.testing.assert_allclose([np.linalg.norm(v) for v in lattice.T], spacing)


def test_phases_are_the_positions_in_the_lattice():
    ds = nm.synthetic.grid_cells(n_times=2000, n_units=5, spacing=40.0, orientation=0.0, random_state=0)
    x, y = ds["x"].to_numpy(), ds["y"].to_numpy()
    np.testing.assert_allclose(wrap(ds["phase_1"] - 2 * np.pi * y / (40 * np.sqrt(3) / 2)), 0, atol=1e-9)
    np.testing.assert_allclose(wrap(ds["phase_0"] - 2 * np.pi * (x - y / np.sqrt(3)) / 40), 0, atol=1e-9)


def test_grid_cells_along_a_path_of_ones_own():
    path = np.random.default_rng(0).uniform(0, 100, (50, 2))
    ds = nm.synthetic.grid_cells(n_units=5, path=path, random_state=0)
    np.testing.assert_array_equal(np.c_[ds["x"], ds["y"]], path)
    path[3, 1] = np.nan
    with pytest.raises(InputError, match="finite positions"):
        nm.synthetic.grid_cells(path=path)


# ---- behaviour ----


def test_ornstein_uhlenbeck_has_its_deviation_and_time_constant():
    path = ornstein_uhlenbeck(200_000, 0.05, 0.5, 1.5, np.random.default_rng(0))
    assert path.std() == pytest.approx(1.5, rel=0.03)
    lagged = np.corrcoef(path[:-10], path[10:])[0, 1]
    assert lagged == pytest.approx(math.exp(-1), abs=0.03)


def test_foraging_stays_in_the_box_and_visits_all_of_it():
    path = foraging(40_000, 0.05, 150.0, 20.0, np.random.default_rng(0))
    assert path.min() >= 0
    assert path.max() <= 150
    speed = np.linalg.norm(np.diff(path, axis=0), axis=1) / 0.05
    assert speed.mean() == pytest.approx(20.0, rel=0.05)
    visits = np.histogram2d(*path.T, bins=5, range=[[0, 150]] * 2)[0]
    assert visits.min() > 0.2 * visits.mean()


def test_running_goes_one_way_at_a_varying_speed():
    position, speed = track_running(20_000, 0.05, 200.0, 20.0, np.random.default_rng(0))
    steps = np.mod(np.diff(position), 200.0)
    np.testing.assert_allclose(steps, speed[1:] * 0.05, atol=1e-9)
    assert (speed == 0).mean() > 0.005
    assert speed.mean() == pytest.approx(20.0, rel=0.1)

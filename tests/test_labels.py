"""Labels of a topological VAE: missing, noisy, offset by group, in degrees or as points; tracks as loops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import neuromanifold as nm
from neuromanifold._errors import InputError
from neuromanifold.benchmarks.oracle import oracle
from neuromanifold.manifolds import resolve
from neuromanifold.models.expectation_maximisation import Basis
from neuromanifold.models.harmonic_regression import fit_regression
from neuromanifold.models.label_errors import label_error_score
from neuromanifold.models.labelled_samples import LabelledSamples
from neuromanifold.models.labels import check_labels
from neuromanifold.models.moments import Moments
from neuromanifold.profile import curvature_error, immersion_profile

FAST: dict[str, Any] = {"max_epochs": 1, "device": "cpu", "random_state": 0}
SHAPES = {"circle": ("angle",), "sphere": ("colatitude", "longitude"), "torus": ("angle_0", "angle_1")}


def recording(shape: str = "circle", seed: int = 0, noise_var: float = 0.01, **settings: Any) -> xr.Dataset:
    distortion = "wiggles" if shape == "circle" else "bump"
    return getattr(nm.synthetic, shape)(distortion=distortion, noise_var=noise_var, random_state=seed, **settings)


def angles_of(rec: xr.Dataset, shape: str = "circle") -> np.ndarray:
    return np.stack([rec[name].to_numpy() for name in SHAPES[shape]], axis=1)


def error_of(immersion: Any, rec: xr.Dataset) -> float:
    """Error of |H| at equal coordinates."""
    truth = immersion_profile(nm.synthetic.immersion_of(rec))
    found = immersion_profile(immersion)["mean_curvature_norm"]
    return curvature_error(found, truth["mean_curvature_norm"], truth["area"])


def jittered(rec: xr.Dataset, size: float, missing: float, seed: int, shape: str = "circle") -> np.ndarray:
    """Angles of the sample's points scattered over the template, some of them NaN."""
    template, rng = resolve(shape), np.random.default_rng(1000 + seed)
    points = template.embed(torch.as_tensor(angles_of(rec, shape)))
    points = template.project(points + size * torch.as_tensor(rng.standard_normal(points.shape)))
    angles = template.angles(points).numpy()
    angles[rng.permutation(len(angles))[: int(missing * len(angles))]] = np.nan
    return angles


def apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs(np.angle(np.exp(1j * (a - b))))


@pytest.mark.parametrize("n_seeds", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_jittered_and_missing_labels_are_within_three_oracles(n_seeds: int) -> None:
    errors, oracles = [], []
    for seed in range(n_seeds):
        rec = recording(seed=seed, n_times=1500, n_units=10)
        x, y = rec["activity"].to_numpy(), angles_of(rec)
        noisy = y[:, 0] + 0.2 * np.random.default_rng(100 + seed).standard_normal(len(y))
        noisy[np.random.default_rng(seed).permutation(len(y))[: len(y) // 2]] = np.nan
        model = nm.TopologicalVAE(**FAST).fit(x, noisy)
        assert model.label_tolerance_ == pytest.approx(0.2, rel=0.15)
        errors.append(error_of(model.immersion_, rec))
        oracles.append(error_of(oracle(resolve("circle"), torch.as_tensor(y), torch.as_tensor(x)), rec))
    print(f"jitter 0.2, half missing: {np.mean(errors):.2e}, oracle {np.mean(oracles):.2e}")
    assert np.mean(errors) < 3 * np.mean(oracles)


@pytest.mark.parametrize("shape", ["sphere", pytest.param("torus", marks=pytest.mark.slow)])
def test_size_of_errors_is_estimated_on_surfaces(shape: str) -> None:
    rec = recording(shape, n_times=500)
    model = nm.TopologicalVAE(shape, **FAST).fit(rec["activity"].to_numpy(), jittered(rec, 0.2, 0.3, 0, shape))
    assert model.label_tolerance_ == pytest.approx(0.2, rel=0.15)


def test_exact_labels_are_found_exact_and_fitted_as_such() -> None:
    for noise_var in (0.0, 0.01):
        rec = recording(noise_var=noise_var)
        x, y = rec["activity"].to_numpy(), angles_of(rec)
        model = nm.TopologicalVAE(**FAST).fit(x, y)
        told = nm.TopologicalVAE(label_tolerance=0, **FAST).fit(x, y)
        assert model.label_tolerance_ == 0
        np.testing.assert_array_equal(model.decoder_.weight, told.decoder_.weight)


def test_score_of_exact_labels_is_standard_and_of_others_is_large() -> None:
    template = resolve("circle")
    scores = {0.0: [], 0.1: []}
    for seed in range(20):
        rec = recording(seed=seed, n_times=400)
        x = torch.as_tensor(rec["activity"].to_numpy())
        basis = Basis.make(template, 12, 256, x)
        for size, found in scores.items():
            z = template.embed(torch.as_tensor(jittered(rec, size, 0.0, seed)))
            regression = fit_regression(Moments.at_points(basis.harmonics, z, x), basis.harmonics.eigenvalues)
            found.append(label_error_score(x, z, basis, regression, 1.0))
    print({size: (np.mean(found), np.std(found)) for size, found in scores.items()})
    assert abs(np.mean(scores[0.0])) < 0.7
    assert np.std(scores[0.0]) < 1.4
    assert min(scores[0.1]) > 2


def test_exact_labels_of_units_that_spike_are_taken_as_exact() -> None:
    """Their noise grows with their rate, so that it is larger along the manifold, but not for all units together."""
    rec = nm.synthetic.head_direction_cells(n_times=2000, n_units=20, random_state=0)
    counts, angles = rec["activity"].to_numpy().astype(float), rec["head_direction"].to_numpy()
    assert nm.TopologicalVAE(**FAST).fit(counts, angles).label_tolerance_ == 0


def test_a_selection_of_samples_keeps_the_share_of_labels() -> None:
    """Labels at every second sample, say of a slower camera, must not all fall out of every tenth sample."""
    labels = torch.arange(1000.0)[:, None]
    labels[::2] = torch.nan
    zeros = torch.zeros(1000, dtype=torch.long)
    some = LabelledSamples(labels.nan_to_num(), labels, zeros, zeros, 1).every(10)
    assert int(some.known.sum()) == 50
    assert len(some) == 100
    known = some.labels[some.known]
    assert torch.equal(known, known.sort(0).values)
    assert torch.equal(some.activity[some.known], known)


def test_a_known_tolerance_is_kept() -> None:
    rec = recording(n_times=600)
    model = nm.TopologicalVAE(label_tolerance=0.15, **FAST).fit(rec["activity"].to_numpy(), jittered(rec, 0.2, 0.0, 0))
    assert model.label_tolerance_ == 0.15


@pytest.mark.parametrize("jitter", [0.0, 0.2])
def test_offsets_of_groups_are_estimated(jitter: float) -> None:
    rec = recording(n_times=1500)
    x, y = rec["activity"].to_numpy(), angles_of(rec)[:, 0]
    trials, rng = np.arange(1500) // 250, np.random.default_rng(1)
    true = rng.uniform(-np.pi, np.pi, 6)
    moved = y + true[trials] + jitter * rng.standard_normal(len(y))
    model = nm.TopologicalVAE(offsets="intervals", **FAST).fit(x, moved, trials)
    by_name = nm.TopologicalVAE(offsets=np.array(list("abcdef"))[trials], **FAST).fit(x, moved)
    found = model.offsets_.to_numpy()[:, 0]
    np.testing.assert_allclose(found, by_name.offsets_.to_numpy()[:, 0], atol=1e-6)
    assert list(by_name.offsets_["group"].to_numpy()) == list("abcdef")
    difference = np.exp(1j * (found - true))
    gauge = np.angle(difference.mean())
    assert apart(found - gauge, true).max() < 0.06
    assert np.abs(np.angle(np.exp(1j * found).mean())) < 0.02
    # The coordinates are the labels' own, up to the mean offset.
    assert np.median(apart(model.angles(x)[:, 0] + gauge, y)) < 0.1
    if jitter:
        assert model.label_tolerance_ == pytest.approx(jitter, rel=0.15)


def test_offsets_on_a_torus_and_of_a_group_without_labels(tmp_path: Path) -> None:
    rec = recording("torus", n_times=1500)
    x, y = rec["activity"].to_numpy(), angles_of(rec, "torus")
    trials = 3 * np.arange(len(x)) // len(x)
    true = np.array([[0.0, 0.0], [1.0, -2.0], [0.5, 3.0]])
    moved = y + true[trials]
    moved[trials == 2] = np.nan
    model = nm.TopologicalVAE("torus", offsets="intervals", **FAST).fit(x, moved, trials)
    found = model.offsets_.to_numpy()
    assert np.isnan(found[2]).all()
    assert apart(found[1] - found[0], true[1] - true[0]).max() < 0.06
    model.save(tmp_path / "model.npz")
    again = nm.load_model(tmp_path / "model.npz")
    xr.testing.assert_identical(again.offsets_, model.offsets_)
    assert again.label_tolerance_ == model.label_tolerance_


@pytest.mark.parametrize("shape", SHAPES)
def test_degrees_and_points_say_the_same_as_radians(shape: str) -> None:
    template = resolve(shape)
    y = angles_of(recording(shape, n_times=64), shape)
    n = len(y)
    y[3] = np.nan
    points = template.embed(torch.as_tensor(y)).numpy()
    expected = template.embed(torch.as_tensor(check_labels(y, n, template)))
    for units in ("deg", "degree", "degrees"):
        degrees = xr.DataArray(np.rad2deg(y), dims=("time", "angle"), attrs={"units": units})
        np.testing.assert_allclose(check_labels(degrees, n, template), y, atol=1e-12)
    radians = xr.DataArray(y, dims=("time", "angle"), attrs={"units": "radian"})
    np.testing.assert_array_equal(check_labels(radians, n, template), y)
    for given in (points, points.astype(np.float32)):
        found = template.embed(torch.as_tensor(check_labels(given, n, template)))
        np.testing.assert_allclose(found, expected, atol=1e-6)


REFUSED: dict[str, tuple[dict[str, Any], Any, str]] = {
    "points off the circle": ({}, lambda y: np.stack([np.cos(y), 2 * np.sin(y)], 1), "away from it.*length 1"),
    "units": ({}, lambda y: xr.DataArray(y, dims="time", attrs={"units": "cm"}), "units 'cm'.*degrees"),
    "tolerance": ({"label_tolerance": -0.1}, lambda y: y, "label_tolerance.*auto"),
    "tolerance in words": ({"label_tolerance": "little"}, lambda y: y, "label_tolerance.*auto"),
    "offsets in words": ({"offsets": "trials"}, lambda y: y, "offsets must be None.*intervals"),
    "no intervals": ({"offsets": "intervals"}, lambda y: y, "no groups were given"),
    "length": ({"offsets": np.zeros(3)}, lambda y: y, r"120 rows.*\(3,\)"),
    "sphere": ({"offsets": np.zeros(120), "template": "sphere"}, lambda y: None, "circles and tori.*'sphere'"),
    "contractible": (
        {"label_tolerance": 0.1, "template": "contractible"},
        lambda y: np.stack([np.cos(y), np.sin(y)], 1) / 2,
        "no law of label errors",
    ),
    "counts": ({"label_tolerance": 0.1, "likelihood": "poisson"}, lambda y: y, "takes labels as exact"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_said_of_labels_is_named(case: str) -> None:
    settings, change, message = REFUSED[case]
    rec = recording(n_times=120)
    with pytest.raises(InputError, match=message):
        nm.TopologicalVAE(**(FAST | settings)).fit(rec["activity"].to_numpy(), change(rec["angle"].to_numpy()))


def test_a_track_run_to_and_fro_is_a_loop() -> None:
    time = np.linspace(0, 3, 301)
    position = 10 * np.abs(np.mod(time, 2) - 1)  # from 10 down to 0, up to 10, down to 0
    velocity = np.gradient(position, time)
    velocity[[0, 50]] = 0.0
    position[7] = np.nan
    loop = nm.track_loop(xr.DataArray(position, dims="time", coords={"time": time}), velocity, ends=(0, 10))
    assert loop.attrs["kind"] == "circular"
    assert loop.attrs["period"] == pytest.approx(2 * np.pi)
    assert np.isnan(loop.to_numpy()[[0, 7, 50]]).all()
    known = loop.to_numpy()[np.isfinite(loop)]
    assert ((known >= 0) & (known < 2 * np.pi)).all()
    steps = np.diff(np.unwrap(known))
    # Once round in two seconds at one speed, without a jump where the animal turns.
    assert steps.min() > 0
    assert steps.max() < 0.08
    assert steps.sum() == pytest.approx(3 * np.pi, rel=0.03)
    np.testing.assert_allclose(nm.track_loop([0, 5, 5, 10], [1, 1, -1, -1]), [0, np.pi / 2, 3 * np.pi / 2, np.pi])
    assert np.isnan(nm.track_loop([0, 5, 10], [1, 3, 1], min_speed=2.0).to_numpy()).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [1, 1, 1]), "one value a sample"),
        (([[0, 1]], [[1, 1]]), r"shape \(1, 2\)"),
        ((["a"], [1]), "numbers"),
        (([1, 1], [1, 1]), "two ends"),
    ],
)
def test_tracks_that_cannot_be_used_are_named(arguments: tuple[Any, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        nm.track_loop(*arguments)

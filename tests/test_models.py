"""The topological VAE as its users meet it: profiles recovered with and without labels, laws, errors."""

from __future__ import annotations

import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from sklearn.base import clone

import neuromanifold as nm
from neuromanifold._errors import FileFormatError, InputError, NotEnoughDataError
from neuromanifold.geometry import local_geometry
from neuromanifold.models.checks import warn_of_many_units
from neuromanifold.models.generative import posterior_on_grid
from neuromanifold.models.noise import Noise
from neuromanifold.profile import curvature_error, immersion_profile

# shape, distortion, three times the oracle's worst figure at noise variance 0.01 and 10 units (shared bench table).
SHAPES = (("circle", "wiggles", 0.0018), ("circle", "bump", 0.057), ("sphere", "bump", 0.023), ("torus", "bump", 0.017))
NAMES = {"circle": ("angle",), "sphere": ("colatitude", "longitude"), "torus": ("angle_0", "angle_1")}
FAST = {"max_epochs": 1, "device": "cpu", "random_state": 0}


def recording(shape: str, distortion: str | None, noise_var: float, seed: int = 0, **settings: Any) -> xr.Dataset:
    maker = getattr(nm.synthetic, shape)
    return maker(distortion=distortion, noise_var=noise_var, random_state=seed, **settings)


def labels_of(rec: xr.Dataset, shape: str) -> np.ndarray:
    return np.stack([rec[name].to_numpy() for name in NAMES[shape]], axis=1)


def error_of(model: nm.TopologicalVAE, rec: xr.Dataset) -> float:
    """Error of |H|: at equal coordinates where labels are the gauge, else at the learned points nearest to the true."""
    truth = immersion_profile(nm.synthetic.immersion_of(rec))
    if model.gauge_ == "task coordinates":
        found = immersion_profile(model.immersion_)["mean_curvature_norm"].to_numpy()
    else:
        true = torch.as_tensor(truth["position"].to_numpy())
        tiny = Noise.of(1e-8 * torch.eye(true.shape[1], dtype=torch.float64))
        points = posterior_on_grid(model.decoder_, tiny, 1.0, true).mean_points(true)
        found = local_geometry(model.immersion_, points, on_points=True).mean_curvature_norm.numpy()
    return curvature_error(found, truth["mean_curvature_norm"], truth["area"])


@cache
def small() -> tuple[np.ndarray, np.ndarray, nm.TopologicalVAE]:
    """A noisy circle (400, 6), its angles, and a fit without labels with a trained encoder."""
    rec = recording("circle", "wiggles", 0.003, n_times=400, n_units=6)
    x = rec["activity"].to_numpy()
    model = nm.TopologicalVAE(max_epochs=30, patience=30, batch_size=64, device="cpu", random_state=0).fit(x)
    return x, rec["angle"].to_numpy(), model


@pytest.mark.parametrize(("shape", "distortion", "_oracle"), SHAPES, ids=str)
def test_labelled_fits_recover_noise_free_profiles(shape: str, distortion: str, _oracle: float) -> None:
    rec = recording(shape, distortion, 0.0, n_times=2500 if shape == "sphere" else 1500)
    model = nm.TopologicalVAE(shape, **FAST).fit(rec["activity"].to_numpy(), labels_of(rec, shape))
    error = error_of(model, rec)
    print(f"{shape} {distortion} noise-free, labelled: {error:.2e}")
    assert error < 1e-4


@pytest.mark.parametrize(("shape", "distortion", "oracle"), SHAPES, ids=str)
def test_labelled_fits_are_near_the_oracle(shape: str, distortion: str, oracle: float) -> None:
    errors = []
    for seed in range(4 if shape == "circle" else 1):
        rec = recording(shape, distortion, 0.01, seed)
        model = nm.TopologicalVAE(shape, **FAST).fit(rec["activity"].to_numpy(), labels_of(rec, shape))
        errors.append(error_of(model, rec))
    print(f"{shape} {distortion} noise 0.01, labelled: {np.mean(errors):.2e}")
    assert np.mean(errors) < 1.6 * oracle


def test_unlabelled_circle_with_little_noise() -> None:
    rec = recording("circle", "wiggles", 1e-4, n_times=500)
    model = nm.TopologicalVAE("circle", **FAST).fit(rec["activity"].to_numpy())
    assert error_of(model, rec) < 5e-3
    turns = np.unwrap(model.angles(nm.synthetic.immersion_of(rec)(torch.linspace(0, 6.28, 200)[:, None]))[:, 0])
    assert abs(abs(turns[-1] - turns[0]) - 2 * np.pi) < 0.1


def test_unlabelled_bump_with_little_noise() -> None:
    """Occupancy made uniform up to frequency 4 only left coordinates free to slide to where order 5 wrote the bump."""
    rec = recording("circle", "bump", 1e-3)
    model = nm.TopologicalVAE("circle", **FAST).fit(rec["activity"].to_numpy())
    error = error_of(model, rec)
    print(f"circle bump, noise 0.001, unlabelled: {error:.2e}")
    assert error < 0.011  # the oracle's, who is told the coordinates; 0.019 before


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "distortion", "_oracle"), SHAPES, ids=str)
def test_unlabelled_fits_recover_noise_free_profiles(shape: str, distortion: str, _oracle: float) -> None:
    rec = recording(shape, distortion, 0.0)
    model = nm.TopologicalVAE(shape, **FAST).fit(rec["activity"].to_numpy())
    error = error_of(model, rec)
    print(f"{shape} {distortion} noise-free, unlabelled: {error:.2e}")
    assert error < (1e-4 if shape == "circle" else 5e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "distortion", "oracle"), SHAPES, ids=str)
def test_unlabelled_fits_with_noise(shape: str, distortion: str, oracle: float) -> None:
    rec = recording(shape, distortion, 0.01)
    model = nm.TopologicalVAE(shape, **FAST).fit(rec["activity"].to_numpy())
    error = error_of(model, rec)
    print(f"{shape} {distortion} noise 0.01, unlabelled: {error:.2e}")
    assert error < (6 if distortion == "wiggles" else 1.6) * oracle


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_unlabelled_sphere_with_little_noise(seed: int) -> None:
    """Coarse decoders bent its coordinates until 16 harmonics wrote the surface: 0.012 whatever the noise."""
    rec = recording("sphere", "bump", 1e-3, seed)
    model = nm.TopologicalVAE("sphere", **FAST).fit(rec["activity"].to_numpy())
    error = error_of(model, rec)
    print(f"sphere, noise 0.001, unlabelled: {error:.2e}")
    assert error < 0.006  # the oracle's, who is told the coordinates


def test_some_labels_are_nearly_as_good_as_all() -> None:
    rec = recording("circle", "wiggles", 0.01)
    x, y = rec["activity"].to_numpy(), rec["angle"].to_numpy().copy()
    y[np.random.default_rng(0).permutation(len(y))[: len(y) // 2]] = np.nan
    some = nm.TopologicalVAE(**FAST).fit(x, y)
    every = nm.TopologicalVAE(**FAST).fit(x, rec["angle"].to_numpy())
    print(f"half of the labels: {error_of(some, rec):.2e}, all: {error_of(every, rec):.2e}")
    assert some.gauge_ == "task coordinates"
    assert error_of(some, rec) < 2 * error_of(every, rec)


def test_unknown_labels_are_no_labels() -> None:
    x, _y, _ = small()
    plain = small()[2]
    unknown = nm.TopologicalVAE(**FAST).fit(x, np.full(len(x), np.nan))
    assert plain.gauge_ == unknown.gauge_ == "constant speed of the immersion"
    np.testing.assert_array_equal(plain.transform(x), unknown.transform(x))


def test_labels_are_the_coordinates() -> None:
    x, y, _ = small()
    model = nm.TopologicalVAE(**FAST).fit(x, y)
    difference = np.angle(np.exp(1j * (model.angles(x)[:, 0] - y)))
    assert np.median(np.abs(difference)) < 0.1
    np.testing.assert_allclose(model.inverse_transform(model.transform(x)), x, atol=0.4)


@pytest.mark.parametrize("labelled", [True, False])
def test_scale_offset_and_order_of_units(labelled: bool) -> None:
    x, y, _ = small()
    y = y if labelled else None
    order = np.random.default_rng(0).permutation(x.shape[1])
    model = nm.TopologicalVAE(**FAST).fit(x, y)
    moved = nm.TopologicalVAE(**FAST).fit(10 * x[:, order] + 7, y)
    points = torch.as_tensor(model.transform(x))
    there = torch.as_tensor(moved.transform(10 * x[:, order] + 7))
    before = local_geometry(model.immersion_, points, on_points=True)
    after = local_geometry(moved.immersion_, there, on_points=True)
    np.testing.assert_allclose(after.value, 10 * before.value.numpy()[:, order] + 7, atol=0.02)
    np.testing.assert_allclose(10 * after.mean_curvature_norm, before.mean_curvature_norm, rtol=0.02, atol=0.02)


def test_same_seed_same_numbers() -> None:
    x, _, model = small()
    again = clone(model).fit(x)
    np.testing.assert_array_equal(model.transform(x), again.transform(x))
    np.testing.assert_array_equal(model.encode(x).loc, again.encode(x).loc)
    assert model.elbo(x) == again.elbo(x)
    assert model.score(x) == again.score(x) == model.log_likelihood_


def test_encoder_is_a_posterior_below_the_marginal_likelihood() -> None:
    x, _, model = small()
    law = model.encode(x)
    np.testing.assert_allclose(torch.linalg.vector_norm(law.loc, dim=1), 1, atol=1e-5)
    assert float(law.concentration.min()) > 0
    bound = float(np.mean([model.elbo(x, seed) for seed in range(20)]))
    assert bound < model.score(x)
    assert bound > model.score(x) - 3
    distance = model.template_.distance(law.loc.double(), torch.as_tensor(model.transform(x)))
    assert float(distance.median()) < 0.2


def test_posterior_means_are_points_of_the_template() -> None:
    x, _, model = small()
    z = model.transform(x)
    assert z.shape == (len(x), 2)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(z, np.stack([np.cos(model.angles(x)[:, 0]), np.sin(model.angles(x)[:, 0])], 1))


def test_small_beta_sharpens_and_large_beta_blurs() -> None:
    x, y, _ = small()
    means = []
    for beta in (0.1, 1.0, 100.0):
        model = nm.TopologicalVAE(beta=beta, **FAST).fit(x, y)
        means.append(np.median(np.abs(np.angle(np.exp(1j * (model.angles(x)[:, 0] - y))))))
        assert np.isfinite(model.score(x))
    assert means[0] < 0.1
    assert means[1] < 0.1


def test_degenerate_data_are_handled() -> None:
    x, y, _ = small()
    twice = nm.TopologicalVAE(**FAST).fit(np.hstack([x, x[:, :2]]), y)
    assert np.isfinite(twice.transform(np.hstack([x, x[:, :2]]))).all()
    rec = recording("circle", None, 0.01, n_times=60, n_units=100)
    wide = nm.TopologicalVAE(**FAST).fit(rec["activity"].to_numpy(), rec["angle"].to_numpy())
    assert np.isfinite(immersion_profile(wide.immersion_)["mean_curvature_norm"]).all()
    assert np.median(np.abs(np.angle(np.exp(1j * (wide.angles(rec["activity"])[:, 0] - rec["angle"]))))) < 0.2


def test_saved_models_come_back_whole(tmp_path: Path) -> None:
    x, _, model = small()
    model.save(tmp_path / "model.npz")
    again = nm.load_model(tmp_path / "model.npz")
    np.testing.assert_array_equal(model.transform(x), again.transform(x))
    np.testing.assert_array_equal(model.encode(x).loc, again.encode(x).loc)
    assert again.get_params() == model.get_params()
    for name in ("gauge_", "log_likelihood_", "prior_", "held_out_", "autocorrelation_time_", "n_features_in_"):
        assert getattr(again, name) == getattr(model, name)
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, numpy as np, neuromanifold as nm; d = sys.argv[1]; "
        "np.save(d + '/z.npy', nm.load_model(d + '/model.npz').transform(np.load(d + '/x.npy')))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=120)
    np.testing.assert_array_equal(np.load(tmp_path / "z.npy"), model.transform(x))


def test_files_that_are_no_models_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="no such file"):
        nm.load_model(tmp_path / "nothing.npz")
    small()[2].save(tmp_path / "model.npz")
    whole = (tmp_path / "model.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileFormatError, match="damaged"):
        nm.load_model(tmp_path / "half.npz")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    with pytest.raises(FileFormatError, match=r"other\.npz"):
        nm.load_model(tmp_path / "other.npz")
    with np.load(tmp_path / "model.npz") as content:
        arrays = {name: content[name] for name in content.files if name != "decoder"}
    np.savez(tmp_path / "partial.npz", **arrays)
    with pytest.raises(FileFormatError, match="incomplete"):
        nm.load_model(tmp_path / "partial.npz")


def spoiled(value: float) -> np.ndarray:
    x = small()[0].copy()
    x[3, 1] = value
    return x


def constant_unit() -> np.ndarray:
    x = small()[0].copy()
    x[:, 2] = 0.1
    return x


X_ERRORS = {
    "NaN": (lambda: spoiled(np.nan), InputError, "NaN.*leave out or interpolate"),
    "infinite": (lambda: spoiled(np.inf), InputError, "infinity.*leave out or interpolate"),
    "constant unit": (constant_unit, InputError, r"units \[2\] are constant.*drop"),
    "one unit": (lambda: small()[0][:, :1], NotEnoughDataError, "n_features=1.*at least 2 units"),
    "few samples": (lambda: small()[0][:20], NotEnoughDataError, "n_samples=20.*at least 50.*8 with labels"),
    "one dimension": (lambda: small()[0][:, 0], InputError, "activity"),
    "words": (lambda: np.array([["a", "b"]] * 60), InputError, "cannot be used"),
}
Y_ERRORS: dict[str, tuple[Any, str]] = {
    "length": (lambda y: y[:-1], r"shape \(400, 1\)"),
    "shape": (lambda y: np.stack([y, y, y], 1), r"shape \(400, 1\)"),
    "degrees": (np.rad2deg, "radians.*deg2rad"),
    "infinite": (lambda y: np.where(y > 3, np.inf, y), "infinite.*NaN"),
    "words": (lambda y: ["north"] * len(y), "radians"),
}
SETTING_ERRORS: dict[str, tuple[dict[str, Any], str]] = {
    "template": ({"template": "sphere of seven"}, "circle"),
    "device": ({"device": "abacus"}, "abacus.*cpu"),
    "beta": ({"beta": -1.0}, "beta must be a positive"),
    "gamma": ({"gamma": -1.0}, "gamma"),
    "n_init": ({"n_init": 0}, "n_init.*at least 1"),
    "epochs": ({"max_epochs": 1.5}, "max_epochs.*whole"),
    "hidden": ({"hidden": (0,)}, "hidden"),
    "random_state": ({"random_state": "lucky"}, "random_state"),
}


@pytest.mark.parametrize("case", X_ERRORS)
def test_activity_that_cannot_be_used_is_named(case: str) -> None:
    make, error, message = X_ERRORS[case]
    with pytest.raises(error, match=message):
        nm.TopologicalVAE(**FAST).fit(make())


@pytest.mark.parametrize("case", Y_ERRORS)
def test_labels_that_cannot_be_used_are_named(case: str) -> None:
    change, message = Y_ERRORS[case]
    x, y, _ = small()
    with pytest.raises(InputError, match=message):
        nm.TopologicalVAE(**FAST).fit(x, change(y))


@pytest.mark.parametrize("case", SETTING_ERRORS)
def test_settings_that_cannot_be_used_are_named(case: str) -> None:
    change, message = SETTING_ERRORS[case]
    x, y, _ = small()
    with pytest.raises(InputError, match=message):
        nm.TopologicalVAE(**(FAST | change)).fit(x, y)


def test_more_units_than_a_step_can_invert_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="2001 units .* n_components='auto'"):
        warn_of_many_units(2001)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_many_units(2000)


def test_use_that_does_not_fit_the_model_is_named() -> None:
    x, _, model = small()
    with pytest.raises(InputError, match="6 features"):
        model.transform(x[:, :4])
    with pytest.raises(InputError, match=r"shape \(n, 2\)"):
        model.inverse_transform(np.zeros((3, 3)))
    with pytest.raises(InputError, match="groups"):
        nm.TopologicalVAE(**FAST).fit(x, groups=np.zeros(3))

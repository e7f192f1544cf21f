"""What a result says of the world does not depend on units of measurement, on the type of the numbers, on rounding or
on how many threads and processes computed it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from cases import IMMERSIONS, Case
from numeric import close

import neuromanifold as nm
from neuromanifold import geometry

# Factors on the activity, and constants added to it afterwards, in units of its spread.
SCALES = (1e-8, 1e-3, 1e8)
OFFSET = 1e6
FAST: dict[str, Any] = {"max_epochs": 1, "n_init": 2, "device": "cpu", "random_state": 0}


@cache
def ring() -> tuple[np.ndarray, np.ndarray]:
    """Noisy activity (n, d) of a bent ring, and its angle (n,)."""
    rec = nm.synthetic.circle(n_times=500, n_units=10, distortion="wiggles", noise_var=0.003, random_state=0)
    return rec["activity"].to_numpy(), rec["angle"].to_numpy()


def model(X: np.ndarray, labelled: bool) -> nm.TopologicalVAE:
    return nm.TopologicalVAE(**FAST).fit(X, ring()[1] if labelled else None)


@cache
def expected(labelled: bool) -> tuple[np.ndarray, xr.Dataset]:
    """Angles (n, 1) and profile of the activity as it is."""
    fitted = model(ring()[0], labelled)
    return fitted.angles(ring()[0]), nm.curvature_profile(fitted, n_points=60)


def check_scaled(X: np.ndarray, scale: float, labelled: bool, tolerance: float) -> None:
    """The fit of activity that is ``scale`` times as large: the same angles, |H| ~ 1/s, S ~ 1/s², volume ~ s."""
    angles, profile = expected(labelled)
    fitted = model(X, labelled)
    found = nm.curvature_profile(fitted, n_points=60)
    difference = np.angle(np.exp(1j * (fitted.angles(X) - angles)))
    assert np.abs(difference).max() < 10 * tolerance
    norm = profile["mean_curvature_norm"].to_numpy()
    np.testing.assert_allclose(scale * found["mean_curvature_norm"], norm, atol=tolerance * norm.max(), rtol=0)
    bend = profile["dimensionless_mean_curvature"].to_numpy()
    np.testing.assert_allclose(found["dimensionless_mean_curvature"], bend, atol=tolerance * bend.max(), rtol=0)
    np.testing.assert_allclose(found["log_volume"] - np.log(scale), profile["log_volume"], atol=10 * tolerance)
    assert found["valid"].all()


@pytest.mark.parametrize("scale", [1e-8, 1e8])
@pytest.mark.parametrize("case", IMMERSIONS, ids=lambda case: case.name)
def test_geometry_of_small_and_large_manifolds_far_from_the_origin(case: Case, scale: float) -> None:
    u = case.points(8)
    local = geometry.local_geometry(case.f, u)
    moved = geometry.local_geometry(lambda v: scale * (case.f(v) + OFFSET), u)
    close(scale * moved.mean_curvature_norm, local.mean_curvature_norm)
    close(scale**2 * moved.scalar_curvature, local.scalar_curvature)
    close(moved.log_volume - case.k * np.log(scale), local.log_volume)
    assert moved.finite.all()


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("labelled", [True, False], ids=["labels", "no labels"])
def test_a_fit_is_that_of_the_shape(scale: float, labelled: bool) -> None:
    check_scaled(scale * ring()[0], scale, labelled, 1e-6)


@pytest.mark.parametrize("labelled", [True, False], ids=["labels", "no labels"])
def test_a_fit_far_from_the_origin(labelled: bool) -> None:
    """An offset of 1e6 leaves ten digits of the activity."""
    check_scaled(ring()[0] + OFFSET, 1.0, labelled, 1e-4)


@pytest.mark.parametrize("labelled", [True, False], ids=["labels", "no labels"])
def test_a_fit_to_single_precision_is_that_of_its_values(labelled: bool) -> None:
    X = ring()[0].astype(np.float32)
    single, double = model(X, labelled), model(X.astype(np.float64), labelled)
    assert torch.equal(single.decoder_.weight, double.decoder_.weight)
    check_scaled(X, 1.0, labelled, 1e-4)


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "1e-8 as large": lambda X: 1e-8 * X,
    "1e8 as large": lambda X: 1e8 * X,
    "far from the origin": lambda X: X + OFFSET,
    "single precision": lambda X: X.astype(np.float32),
    "Fortran order": np.asfortranarray,
}


def verdict(X: np.ndarray) -> nm.Topology:
    return nm.Topology(n_shuffles=39, n_landmarks=80, n_landmarks_2=30, random_state=0).fit(X)


@pytest.mark.parametrize("change", CHANGES)
def test_a_verdict_is_that_of_the_shape(change: str) -> None:
    base, found = _verdict(), verdict(CHANGES[change](ring()[0]))
    assert found.template_ == base.template_ == "circle"
    assert found.betti_ == base.betti_
    for degree, p in base.p_values_.items():
        np.testing.assert_array_equal(found.p_values_[degree], p)
    np.testing.assert_allclose(found.diagrams_[2][1], base.diagrams_[2][1], rtol=1e-4, atol=1e-4)


@cache
def _verdict() -> nm.Topology:
    return verdict(ring()[0])


def test_near_duplicates_of_samples_and_of_units() -> None:
    """Every sample twice, a rounding error apart, and every unit: nothing is divided by how far they are apart."""
    X, y = ring()
    rng = np.random.default_rng(0)
    twice = np.repeat(X, 2, axis=0) * (1 + 1e-13 * rng.standard_normal((2 * len(X), X.shape[1])))
    assert verdict(twice).template_ == "circle"
    wide = np.concatenate([X, X * (1 + 1e-13 * rng.standard_normal(X.shape))], axis=1)
    for given, labels in ((twice, np.repeat(y, 2)), (wide, y)):
        fitted = nm.TopologicalVAE(**FAST).fit(given, labels)
        profile = nm.curvature_profile(fitted, given, labels, n_bootstrap=5, n_points=60, random_state=0)
        assert np.isfinite(profile["mean_curvature_norm_upper"]).all()
        assert np.isfinite(fitted.score_samples(given)).all()
        decoded = np.angle(np.exp(1j * (fitted.angles(given)[:, 0] - labels)))
        assert np.degrees(np.median(np.abs(decoded))) < 5
    assert verdict(wide).template_ == "circle"


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_preparation_scales(scale: float) -> None:
    recording = nm.as_recording(ring()[0], sampling_period=0.05, kind="continuous", units="F")
    activity = recording["activity"]
    changed = recording.assign(activity=activity.copy(data=scale * activity.to_numpy() + scale * OFFSET))
    settings: dict[str, Any] = {"smoothing": 0.1, "zscore": True, "n_components": 3}
    base, found = (nm.prepare(rec, **settings)["activity"].to_numpy() for rec in (recording, changed))
    np.testing.assert_allclose(np.abs(found), np.abs(base), atol=1e-7)


# -- many units ----------------------------------------------------------------------------------------------------


def test_more_units_than_samples() -> None:
    X, y = many_units(300, 400)
    found = nm.Topology(n_shuffles=19, n_landmarks=80, n_landmarks_2=30, random_state=0).fit(X)
    assert found.template_ == "circle"
    assert decoded_error(X, y) < 5


@pytest.mark.slow
def test_ten_thousand_units_have_a_template() -> None:
    X, _ = many_units(600, 10_000)
    found = nm.Topology(n_shuffles=19, n_landmarks=100, n_landmarks_2=30, random_state=0).fit(X)
    assert found.template_ == "circle"


@pytest.mark.slow
def test_three_thousand_units_have_a_profile() -> None:
    X, y = many_units(600, 3_000)
    with pytest.warns(UserWarning, match="3000 units"):
        model = nm.TopologicalVAE(noise="diagonal", label_tolerance=0, **FAST).fit(X, y)
    assert np.degrees(np.median(np.abs(np.angle(np.exp(1j * (model.angles(X)[:, 0] - y)))))) < 5
    profile = nm.curvature_profile(model, X, y, n_bootstrap=5, n_points=60, random_state=0)
    assert np.isfinite(profile["mean_curvature_norm_upper"]).all()


def many_units(n_samples: int, n_units: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    angle = np.mod(np.cumsum(rng.normal(0.3, 0.3, n_samples)), 2 * np.pi)
    preferred = rng.uniform(0, 2 * np.pi, n_units)
    rate = np.exp(2 * (np.cos(angle[:, None] - preferred) - 1))
    return rate + rng.normal(0, 0.3, rate.shape), angle


def decoded_error(X: np.ndarray, y: np.ndarray) -> float:
    fitted = nm.TopologicalVAE(**FAST).fit(X, y)
    return float(np.degrees(np.median(np.abs(np.angle(np.exp(1j * (fitted.angles(X)[:, 0] - y)))))))


# -- the same numbers from any number of threads and processes --------------------------------------------------------


RUN = """
import sys, numpy as np, torch, neuromanifold as nm
torch.set_num_threads(int(sys.argv[1]))
rec = nm.synthetic.circle(n_times=500, n_units=10, distortion="wiggles", noise_var=0.003, random_state=0)
X = rec["activity"].to_numpy()
topology = nm.Topology(n_shuffles=39, n_landmarks=80, n_landmarks_2=30, n_jobs=int(sys.argv[2]), random_state=0).fit(X)
vae = nm.TopologicalVAE(max_epochs=2, n_init=2, device="cpu", random_state=0).fit(X)
profile = nm.curvature_profile(vae, X, n_bootstrap=12, n_points=60, n_jobs=int(sys.argv[2]), random_state=0)
np.savez(sys.argv[3], null=topology.bars_["null_longest"], bars=topology.diagrams_[2][1], angles=vae.angles(X),
         norm=profile["mean_curvature_norm"], upper=profile["mean_curvature_norm_upper"],
         encoder=np.concatenate([v.detach().numpy().ravel() for v in vae.encoder_.parameters()]))
"""
# Relative to the largest value: threads add up in another order, and expectation-maximisation, which stops when the
# likelihood does, carries the difference on. Encoders train in single precision.
TOLERANCE = {"null": 1e-9, "bars": 1e-9, "angles": 1e-6, "norm": 1e-6, "upper": 1e-6, "encoder": 1e-2}
# Of another process, and of workers, whose memory lies elsewhere: sums of a vector unit depend on that.
SAME = dict.fromkeys(TOLERANCE, 1e-10)


@pytest.mark.slow
def test_threads_and_processes_change_nothing(tmp_path) -> None:
    results = []
    for name, (n_threads, n_jobs) in {"a": (1, 1), "again": (1, 1), "jobs": (1, 2), "threads": (2, 1)}.items():
        path = tmp_path / f"{name}.npz"
        subprocess.run([sys.executable, "-c", RUN, str(n_threads), str(n_jobs), str(path)], check=True)
        with np.load(path) as content:
            results.append(dict(content))
    first, *others = results
    for values, tolerances in zip(others, (SAME, SAME, TOLERANCE), strict=True):
        for name, tolerance in tolerances.items():
            atol = tolerance * np.abs(first[name]).max()
            np.testing.assert_allclose(values[name], first[name], rtol=0, atol=atol, err_msg=name)

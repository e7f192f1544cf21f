"""Regularisers of a topological VAE's decoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import neuromanifold as nm
from neuromanifold._errors import InputError
from neuromanifold.geometry.ambient import GaussianNoise
from neuromanifold.models.regularizers import (
    GraphCoordinates,
    Isometric,
    MinimumExtrinsicCurvature,
    MinimumIntrinsicCurvature,
    NeighborhoodReconstruction,
    Regularizer,
)

SETTINGS = {"n_init": 1, "max_epochs": 1, "device": "cpu", "random_state": 0}


def recording(n_times: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rec = nm.synthetic.circle(
        n_times=n_times, n_units=6, distortion="wiggles", amplitude=0.3, noise_var=1e-3, random_state=0
    )
    return rec["activity"].to_numpy(), rec["angle"].to_numpy()


def fitted(*regularizers: Regularizer, **settings: object) -> nm.TopologicalVAE:
    X, y = recording()
    return nm.TopologicalVAE(regularizers=regularizers, **{**SETTINGS, **settings}).fit(X, y)


def bending(model: nm.TopologicalVAE) -> float:
    z = torch.as_tensor(model.transform(recording()[0]))
    return float(nm.geometry.extrinsic_curvature(model.immersion_, z, on_points=True, frame=True).mean())


def error(model: nm.TopologicalVAE) -> float:
    X, _ = recording()
    return float(np.square(X - model.inverse_transform(model.transform(X))).sum(1).mean())


def test_more_weight_bends_less_and_misses_more() -> None:
    models = [fitted(MinimumExtrinsicCurvature(weight)) for weight in (0.0, 1e-4, 1e-2)]
    bends, errors = [bending(m) for m in models], [error(m) for m in models]
    assert bends[0] > bends[1] > bends[2]
    assert errors[0] < errors[1] < errors[2]
    # What is missed is noise, so the likelihood is that of an honest model.
    traces = [float(m.noise_.covariance.trace()) for m in models]
    assert traces[0] < traces[1] < traces[2]
    plain = fitted()
    np.testing.assert_array_equal(plain.transform(recording()[0]), models[0].transform(recording()[0]))


def test_isometric_decoder_has_constant_speed_in_the_labels() -> None:
    def speeds(model: nm.TopologicalVAE) -> np.ndarray:
        u = torch.linspace(0, 6.2, 50, dtype=torch.float64)[:, None]
        return nm.geometry.log_volume(model.immersion_, u).exp().numpy()

    plain, held = speeds(fitted()), speeds(fitted(Isometric(10.0)))
    assert held.std() / held.mean() < 0.2 * plain.std() / plain.mean()


def test_counts_are_held_where_their_expectation_bends() -> None:
    X, y = recording()
    counts = np.random.default_rng(0).poisson(np.exp(1 + X))
    settings = {**SETTINGS, "likelihood": "poisson"}
    plain, held = (
        nm.TopologicalVAE(regularizers=r, **settings).fit(counts, y) for r in ((), (MinimumExtrinsicCurvature(0.1),))
    )
    u = torch.linspace(0, 6.2, 50, dtype=torch.float64)[:, None]
    bends = [float(nm.geometry.extrinsic_curvature(m.immersion_, u).mean()) for m in (plain, held)]
    assert bends[1] < 0.9 * bends[0]


def test_noise_metric_and_surfaces() -> None:
    z = torch.as_tensor(np.random.default_rng(0).normal(size=(300, 3)))
    z = z / z.norm(dim=1, keepdim=True)
    X = z.numpy() * [1.0, 1.5, 2.0]
    metric = GaussianNoise([1.0, 1.0, 4.0])
    model = nm.TopologicalVAE("sphere", regularizers=(MinimumIntrinsicCurvature(1.0, metric),), **SETTINGS).fit(X, z)
    assert np.isfinite(model.score(X))


def test_files_and_partial_fits_keep_the_regularisers(tmp_path: Path) -> None:
    X, y = recording()
    model = fitted(MinimumExtrinsicCurvature(1e-2), Isometric(0.1, GaussianNoise(np.ones(6))))
    model.save(tmp_path / "model.npz")
    read = nm.load_model(tmp_path / "model.npz")
    assert read.get_params()["regularizers__0__weight"] == 1e-2
    np.testing.assert_allclose(read.transform(X), model.transform(X), atol=1e-12)
    bent = bending(model)
    assert bending(model.partial_fit(X, y)) == pytest.approx(bent, rel=0.2)
    assert bending(fitted()) > 1.2 * bent


@pytest.mark.parametrize(
    ("regularizer", "message"),
    [
        (NeighborhoodReconstruction(), "nm.GeometricAutoencoder"),
        (GraphCoordinates(), "nm.GeometricAutoencoder"),
        (MinimumIntrinsicCurvature(), "zero for every decoder of 1"),
        (Isometric(-1.0), "weight of Isometric"),
    ],
)
def test_what_cannot_act_is_refused(regularizer: Regularizer, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fitted(regularizer)

"""Gaussian noise of each unit on its own: a diagonal covariance, everywhere that noise is estimated."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import neuromanifold as nm
from neuromanifold._errors import InputError
from neuromanifold.manifolds import resolve
from neuromanifold.models import TopologicalVAE, load_model
from neuromanifold.models.moments import Moments

DEVIATION = np.array([0.05, 0.1, 0.2, 0.1, 0.05, 0.15])
QUICK = {"noise": "diagonal", "max_epochs": 1, "n_init": 1, "random_state": 0}


def ring(n: int = 1500, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """An ellipse in six units, each with noise of its own size, and the angle."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n)
    frame = np.linalg.qr(rng.standard_normal((6, 6)))[0][:2]
    clean = np.c_[1.2 * np.cos(angle), np.sin(angle)] @ frame
    return clean + DEVIATION * rng.standard_normal((n, 6)), angle


def test_moments_of_independent_noise_are_the_diagonal_of_the_full_ones() -> None:
    harmonics, rng = resolve("circle").harmonics(3), torch.Generator().manual_seed(0)
    points = torch.nn.functional.normalize(torch.randn(40, 2, dtype=torch.float64, generator=rng), dim=1)
    x = torch.randn(40, 5, dtype=torch.float64, generator=rng)
    full, own = (Moments.at_points(harmonics, points, x, independent) for independent in (False, True))
    weight = torch.randn(len(harmonics), 5, dtype=torch.float64, generator=rng)
    for change in (lambda m: m, lambda m: m + m, lambda m: m.thinned(2.0), lambda m: m.restricted(len(harmonics))):
        assert change(own).independent
        torch.testing.assert_close(change(own).residual(weight), change(full).residual(weight).diagonal())


@pytest.mark.parametrize("known", ["all", "some", "none"])
def test_variances_of_single_units_are_recovered(known: str) -> None:
    X, angle = ring()
    labels = {"all": angle, "some": np.where(np.arange(len(angle)) % 2, angle, np.nan), "none": None}[known]
    model = TopologicalVAE(**QUICK).fit(X, labels)
    covariance = model.noise_.covariance.numpy()
    np.testing.assert_array_equal(covariance, np.diag(np.diag(covariance)))
    np.testing.assert_allclose(np.diag(covariance), DEVIATION**2, rtol=0.2)


def test_the_manifold_is_that_of_full_noise_where_noise_is_independent() -> None:
    X, angle = ring()
    u = torch.linspace(0, 2 * np.pi, 50, dtype=torch.float64)[:, None]
    own, full = (
        TopologicalVAE(**QUICK | {"noise": noise}).fit(X, angle).immersion_(u) for noise in ("diagonal", "full")
    )
    assert float((own - full).square().mean().sqrt()) < 0.005


def test_files_updates_bands_and_warm_starts_keep_it(tmp_path) -> None:
    X, angle = ring(900)
    model = TopologicalVAE(**QUICK).fit(X[:500], angle[:500])
    model.save(tmp_path / "model.npz")
    again = load_model(tmp_path / "model.npz").partial_fit(X[500:], angle[500:])
    off = again.noise_.covariance - torch.diag_embed(again.noise_.variance)
    assert float(off.abs().max()) == 0
    profile = nm.curvature_profile(again, X, angle, n_bootstrap=5, n_points=40, random_state=0)
    assert np.isfinite(profile["mean_curvature_norm_upper"]).all()
    warm = again.set_params(warm_start=True).fit(X)
    assert float((warm.noise_.covariance - torch.diag_embed(warm.noise_.variance)).abs().max()) == 0


def test_what_it_cannot_be_is_refused() -> None:
    X, angle = ring(100)
    with pytest.raises(InputError, match="noise must be one of 'full', 'diagonal'"):
        TopologicalVAE(noise="spherical").fit(X, angle)
    counts = np.random.default_rng(0).poisson(3, (100, 4)).astype(float)
    with pytest.raises(InputError, match="leave noise='full'"):
        TopologicalVAE(noise="diagonal", likelihood="poisson").fit(counts, angle)

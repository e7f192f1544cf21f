"""Fits of several seeds side by side: one manifold in one set of coordinates."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import neuromanifold as nm
from neuromanifold._errors import InputError
from neuromanifold.profile import QUANTITIES, immersion_profile


def fits(n_seeds: int = 3) -> tuple[np.ndarray, list[nm.TopologicalVAE]]:
    rec = nm.synthetic.circle(500, 6, amplitude=0.2, noise_var=0.005, random_state=0)
    x = rec["activity"].to_numpy()
    settings = {"max_epochs": 1, "n_init": 1, "device": "cpu"}
    return x, [nm.TopologicalVAE(**settings, random_state=seed).fit(x) for seed in range(n_seeds)]


def test_the_same_ring_from_three_seeds() -> None:
    """Seeds start the ring elsewhere; in the coordinates of the first their profiles and positions agree."""
    x, models = fits()
    found = nm.statistics.seed_ensemble(models, x, n_points=90)
    assert dict(found.sizes) == {"seed": 3, "point": 90, "unit": 6}
    assert found["seed"].to_numpy().tolist() == ["0", "1", "2"]
    first = immersion_profile(models[0].immersion_, 90)
    for name in QUANTITIES:
        np.testing.assert_allclose(found[name][0], first[name], rtol=1e-9)
    assert float(found["misalignment"][0]) == pytest.approx(0, abs=1e-9)
    assert float(found["misalignment"].max()) < 0.05
    norm, area = found["mean_curvature_norm"].to_numpy(), first["area"].to_numpy()
    assert all(nm.curvature_error(other, norm[0], area) < 0.01 for other in norm[1:])
    assert float(np.abs(found["position"][1:] - found["position"][0]).max()) < 0.1


def test_a_mirrored_and_rotated_fit_is_the_fit(monkeypatch) -> None:
    x, models = fits(2)
    one, other = models
    turn = torch.tensor([[0.6, 0.8], [0.8, -0.6]], dtype=torch.float64)
    grid = one.template_.grid(256)
    moved = (one.decoder_.harmonics(grid.points) * grid.weights[:, None]).mT @ one.decoder_(grid.points @ turn)
    other.decoder_.__init__(one.template_, one.decoder_.order, moved)
    monkeypatch.setattr(other, "transform", lambda x: one.transform(x) @ turn.numpy().T)
    found = nm.statistics.seed_ensemble([one, other], x, n_points=60)
    np.testing.assert_allclose(found["position"][1], found["position"][0], atol=1e-8)
    np.testing.assert_allclose(found["mean_curvature_norm"][1], found["mean_curvature_norm"][0], rtol=1e-6)


def test_what_cannot_stand_side_by_side_is_named() -> None:
    x, models = fits(1)
    with pytest.raises(InputError, match="two models"):
        nm.statistics.seed_ensemble(models, x)
    sphere = nm.TopologicalVAE("sphere", max_epochs=1, n_init=1, device="cpu", random_state=0).fit(x)
    with pytest.raises(InputError, match="circle, sphere"):
        nm.statistics.seed_ensemble([*models, sphere], x)

"""Latents brought together by isometries: of known rotations and reflections, with and without labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

from neuromanifold import manifolds
from neuromanifold._errors import InputError
from neuromanifold.geometry import Immersion
from neuromanifold.manifolds import Manifold
from neuromanifold.profile import immersion_profile
from neuromanifold.statistics.shared_coordinates import align_to_profile, align_to_variable, moved

TEMPLATES = [manifolds.resolve(name) for name in ("circle", "sphere", "torus")]


def isometry(template: Manifold, seed: int) -> torch.Tensor:
    return template.isometries().sample(1, torch.Generator().manual_seed(seed))[0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.name)
def test_labels_undo_a_known_isometry(template, seed):
    generator = torch.Generator().manual_seed(seed)
    points, q = template.sample(200, generator), isometry(template, seed)
    labels = template.angles(points).numpy()
    labels[::7] = np.nan
    found = align_to_variable(template, (points @ q.T).numpy(), labels, "heading")
    np.testing.assert_allclose(found["isometry"].to_numpy() @ q.numpy(), np.eye(len(q)), atol=1e-6)
    assert float(found["median_distance"]) < 1e-6
    assert found["median_distance"].attrs["units"] == "radian"
    with pytest.raises(InputError, match="no value of heading"):
        align_to_variable(template, points.numpy(), np.full_like(labels, np.nan), "heading")


def bent(template: Manifold, q: torch.Tensor) -> xr.Dataset:
    """A manifold without symmetry in eight units, in coordinates that are turned by q."""
    generator = torch.Generator().manual_seed(5)
    m = template.embedding_dim
    a, b = (torch.randn(size, generator=generator, dtype=torch.float64) for size in ((8, m), (8, m)))

    def f(z: torch.Tensor) -> torch.Tensor:
        w = z @ q
        return w @ a.T + 0.4 * (w @ b.T) ** 2

    profile = immersion_profile(Immersion(template, f))
    return profile.assign_coords(unit=[f"cell {i}" for i in range(8)])


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.name)
def test_registered_units_undo_a_known_isometry(template):
    q = isometry(template, 11)
    reference, turned = bent(template, torch.eye(len(q), dtype=torch.float64)), bent(template, q)
    found = align_to_profile(template, turned, reference)
    np.testing.assert_allclose(found["isometry"].to_numpy() @ q.numpy(), np.eye(len(q)), atol=0.05)
    back = moved(turned, template, found["isometry"].to_numpy())
    ours, theirs = (one["mean_curvature_norm"].to_numpy() for one in (back, reference))
    before = turned["mean_curvature_norm"].to_numpy()
    assert np.median(np.abs(ours / theirs - 1)) < 0.05
    assert np.median(np.abs(before / theirs - 1)) > 3 * np.median(np.abs(ours / theirs - 1))
    np.testing.assert_array_equal(back["angle_0"], reference["angle_0"])


def test_strangers_cannot_be_aligned():
    q = torch.eye(2, dtype=torch.float64)
    reference = bent(TEMPLATES[0], q)
    other = reference.assign_coords(unit=[f"other {i}" for i in range(8)])
    with pytest.raises(InputError, match="0 units are shared"):
        align_to_profile(TEMPLATES[0], other, reference)

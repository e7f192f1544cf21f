"""Surfaces without labels: motion along normals, the density of samples as the prior, coordinates that are kept."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from neuromanifold.benchmarks.manifolds import MANIFOLDS
from neuromanifold.manifolds import resolve
from neuromanifold.models.expectation_maximisation import Basis, grid_posterior
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.harmonic_regression import fit_regression
from neuromanifold.models.moments import Moments
from neuromanifold.models.normal_motion import along_normals
from neuromanifold.models.sampling_density import SamplingDensity

SPHERE = resolve("sphere")
GRID = SPHERE.grid(900)
ORDER = 4
VALUES = SPHERE.harmonics(ORDER)(GRID.points)


def written(values: torch.Tensor) -> torch.Tensor:
    """Weights of a map that is known at the grid's points."""
    return (VALUES * GRID.weights[:, None]).mT @ values


def test_a_sliding_of_coordinates_is_no_motion() -> None:
    round_sphere = HarmonicDecoder(SPHERE, ORDER, written(GRID.points))
    turned = GRID.points.clone()
    small = 1e-3
    turned[:, 0], turned[:, 1] = GRID.points[:, 0] - small * GRID.points[:, 1], GRID.points[:, 1] + small * turned[:, 0]
    left = along_normals(round_sphere, written(turned), GRID, VALUES) - round_sphere.weight
    assert float(left.abs().max()) < 5 * small**2


def test_a_motion_along_normals_is_kept() -> None:
    round_sphere = HarmonicDecoder(SPHERE, 1, written(GRID.points)[:4])
    swollen = written((1 + 0.2 * GRID.points[:, 2:] ** 2) * GRID.points)
    torch.testing.assert_close(along_normals(round_sphere, swollen, GRID, VALUES), swollen, atol=1e-9, rtol=0)


def density_of(points: torch.Tensor) -> SamplingDensity:
    order = 8
    moments = Moments.at_points(SPHERE.harmonics(order), points, points)
    return SamplingDensity.of(moments, HarmonicDecoder(SPHERE, order, moments.cross))


def test_density_of_uniform_samples_is_one() -> None:
    points = SPHERE.sample(20000, torch.Generator().manual_seed(0))
    assert float((density_of(points)(GRID.points) - 1).abs().max()) < 0.2


def test_density_is_that_of_the_samples() -> None:
    """Twice as many on the northern half; it integrates to the area, and its gradient is that of its logarithm."""
    points = SPHERE.sample(20000, torch.Generator().manual_seed(1))
    north = points[:, 2] > 0
    density = density_of(torch.cat([points, points[north]]))
    found = density(GRID.points)
    assert float((found * GRID.weights).sum()) == pytest.approx(4 * math.pi, rel=1e-3)
    far = GRID.points[:, 2].abs() > 0.8
    expected = torch.where(GRID.points[:, 2] > 0, 4 / 3, 2 / 3).to(found)
    assert float((found - expected)[far].abs().max()) < 0.12
    tangent, _ = SPHERE.frame(GRID.points)
    step = 1e-5
    ahead, behind = (density.log(SPHERE.project(GRID.points + sign * step * tangent[..., 0])) for sign in (1, -1))
    gradient = density.log_gradient(GRID.points, tangent)[:, 0]
    torch.testing.assert_close(gradient, (ahead - behind) / (2 * step), atol=1e-5, rtol=1e-4)


def test_a_density_moves_narrow_posteriors_to_where_samples_are_dense() -> None:
    """By the posterior's covariance times the gradient of its logarithm: Gaussian prior times Gaussian likelihood."""
    sample = MANIFOLDS["ellipsoid"](5, 1e-4, 0)
    x, points = torch.as_tensor(sample.activity)[:300], SPHERE.embed(torch.as_tensor(sample.angles))[:300]
    x = x - x.mean(0)
    basis = Basis.make(SPHERE, 8, 2304, x)
    fit = fit_regression(Moments.at_points(basis.harmonics, points, x).restricted(9), basis.harmonics.eigenvalues)
    density = density_of(torch.cat([points, points[points[:, 2] > 0].repeat(3, 1)]))
    plain, moved = (grid_posterior(basis, fit.weight, fit.noise, 1.0, prior) for prior in (None, density))
    shift = moved.mean_points(x) - plain.mean_points(x)
    tangent, _ = SPHERE.frame(points)
    uphill = (shift[..., None] * tangent).sum(1)
    assert float((uphill * density.log_gradient(points, tangent)).sum()) > 0
    assert 0 < float(shift.norm(dim=1).max()) < 0.05
    assert np.isfinite(float(moved.log_likelihood(x).mean()))

"""Ambient metrics against their closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from cases import AMBIENTS
from numeric import close, generator, normal, spd
from sklearn.base import clone
from torch import Tensor

from neuromanifold import geometry
from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold.geometry.ambient import (
    Ambient,
    GaussianNoise,
    LocalCovariance,
    PointCloud,
    PoissonNoise,
    rescaled,
)


def test_every_exported_metric_has_a_case() -> None:
    assert {type(case) for case in AMBIENTS} == set(geometry.ambient.AMBIENTS)


@pytest.mark.parametrize("metric", AMBIENTS, ids=repr)
def test_a_metric_is_symmetric_positive_and_its_products_are_its_own(metric: Ambient) -> None:
    data, x, v = normal(60, 4).abs(), normal(7, 4, seed=1), normal(7, 4, 3, seed=2)
    learned = metric.fitted(data)
    matrix = learned(x)
    close(matrix, matrix.mT, 1e-12)
    assert float(torch.linalg.eigvalsh(matrix).min()) > 0
    close(learned.gram(x, v), v.mT @ matrix @ v, 1e-10)
    assert repr(clone(metric)) == repr(metric)
    constant = learned.constant()
    if constant is not None:
        close(matrix, constant.to(matrix).expand_as(matrix))


@pytest.mark.parametrize("metric", AMBIENTS, ids=repr)
def test_geometry_takes_a_metric_as_it_takes_a_function(metric: Ambient) -> None:
    learned, u = metric.fitted(normal(60, 4).abs()), 0.5 * normal(5, 2)
    f = lambda u: torch.stack([u[0], u[1], u[0] ** 2, u[0] * u[1]])  # noqa: E731
    for quantity in (geometry.pullback_metric, geometry.log_volume, geometry.extrinsic_curvature):
        close(quantity(f, u, ambient=learned), quantity(f, u, ambient=lambda x: learned(x)), 1e-9)
    if learned.constant() is not None:
        matrix = learned.constant().double()
        close(geometry.mean_curvature(f, u, ambient=learned), geometry.mean_curvature(f, u, ambient=matrix))
    else:
        with pytest.raises(InputError, match="varies"):
            geometry.mean_curvature(f, u, ambient=learned)


@pytest.mark.parametrize("metric", AMBIENTS, ids=repr)
def test_other_units_are_the_same_metric_scaled_to_the_identity_on_average(metric: Ambient) -> None:
    data = normal(60, 4).abs()
    centre, scale = data.mean(0), torch.tensor(3.0, dtype=torch.float64)
    other = rescaled(metric, (data - centre) / scale, centre, scale)
    some = data[::3]
    close(other((some - centre) / scale), metric.fitted(data)(some) / other.size, 1e-10)
    diagonals = other((data[:: 60 // 16] - centre) / scale).diagonal(dim1=-2, dim2=-1)
    assert float(diagonals.mean()) == pytest.approx(1, rel=1e-9)
    if other.constant() is not None:
        close(other(some), other.constant().expand(len(some), 4, 4))


def divergence(metric: Ambient, x: Tensor, step: Tensor, law: object) -> None:
    """Fisher information is the curvature of the divergence: ``2 KL(p(x) || p(x + v)) -> vᵀ A v``."""
    length = metric.gram(x[None], step[None, :, None])[0, 0, 0]
    found = 2 * torch.distributions.kl_divergence(law(x), law(x + step)).sum()
    close(found / step.square().sum(), length / step.square().sum(), 1e-3)


def test_noise_metrics_are_fisher_information() -> None:
    x, step = torch.tensor([5.0, 9.0, 2.0], dtype=torch.float64), 1e-4 * normal(3)
    divergence(PoissonNoise(1e-6), x, step, torch.distributions.Poisson)
    covariance = spd(3)
    law = lambda mean: torch.distributions.MultivariateNormal(mean, covariance)  # noqa: E731
    divergence(GaussianNoise(covariance.numpy()), x, step, law)
    variances = covariance.diagonal()
    law = lambda mean: torch.distributions.Normal(mean, variances.sqrt())  # noqa: E731
    divergence(GaussianNoise(variances.numpy()), x, step, law)


def test_poisson_metric_below_zero_is_positive_and_smooth() -> None:
    x = torch.tensor([[-3.0, 0.0, 0.1, 50.0]], dtype=torch.float64)
    inverse = 1 / PoissonNoise(0.1)(x)[0].diagonal()
    close(inverse, 0.5 * (x[0] + (x[0] ** 2 + 0.04).sqrt()))
    assert float(inverse[1]) == pytest.approx(0.1)
    assert float(inverse[3]) == pytest.approx(50, rel=1e-4)


def test_local_covariance_is_short_along_the_data() -> None:
    angle = 2 * math.pi * torch.rand(2000, 1, generator=generator(), dtype=torch.float64)
    data = torch.cat([angle.cos(), angle.sin()], dim=1)
    metric = LocalCovariance().fitted(data)
    x = data[:5]
    along = torch.stack([-x[:, 1], x[:, 0]], dim=1)
    lengths = [metric.gram(x, v[..., None])[:, 0, 0] for v in (along, x)]
    assert float((lengths[0] / lengths[1]).max()) < 0.1
    with pytest.raises(InputError, match="fitted"):
        LocalCovariance()(x)
    with pytest.raises(NotEnoughDataError, match="n_neighbors=20"):
        LocalCovariance().fitted(data[:5])


def test_local_covariance_in_formulas() -> None:
    """Its docstring, sample by sample in numpy: ``(Σ_a w_a (C_a + ρ v I))⁻¹``, v the mean variance of a unit."""
    data, x = normal(30, 2).numpy(), normal(3, 2, seed=1)
    metric = LocalCovariance(n_neighbors=6, n_anchors=5, ridge=0.1).fitted(torch.as_tensor(data))
    centres = data[::6]
    squared = ((centres[:, None] - data) ** 2).sum(-1)
    near = [data[np.argsort(row)[:6]] for row in squared]
    local = np.stack([np.cov(rows.T, bias=True) for rows in near])
    local = local + 0.1 * np.trace(local, axis1=1, axis2=2).mean() / 2 * np.eye(2)
    width = squared.min(0).mean()
    for point, found in zip(x.numpy(), metric(x), strict=True):
        weights = np.exp(-((point - centres) ** 2).sum(-1) / (2 * width))
        expected = np.linalg.inv(np.tensordot(weights / weights.sum(), local, 1))
        close(found, torch.as_tensor(expected), 1e-9)


def test_local_covariance_of_one_gaussian_is_its_inverse() -> None:
    covariance = spd(3)
    data = normal(4000, 3) @ torch.linalg.cholesky(covariance).mT
    metric = LocalCovariance(n_neighbors=4000, n_anchors=3, ridge=1e-9).fitted(data)
    sample = torch.cov(data.mT, correction=0)
    close(metric(normal(4, 3)), torch.linalg.inv(sample).expand(4, 3, 3), 1e-6)


def test_points_far_apart_have_the_metric_of_single_gaussians() -> None:
    cloud = torch.tensor([[0.0, 0, 50, 0, 0, 50]], dtype=torch.float64)
    close(PointCloud(2, width=0.5)(cloud)[0], torch.eye(6, dtype=torch.float64) / (3 * 0.25), 1e-10)


def test_points_that_coincide_move_as_one() -> None:
    """Two equal points: only their mean matters, to first order."""
    cloud = torch.zeros(1, 4, dtype=torch.float64)
    apart = torch.tensor([[[1.0], [0], [-1], [0]]], dtype=torch.float64)
    assert float(PointCloud(2, width=0.5).gram(cloud, apart)) < 1e-20


def test_point_cloud_metric_is_the_fisher_information_of_a_mixture() -> None:
    """``∫ (∂_v log p)² p dy`` on a fine grid of the line, for points closer than the width and farther."""
    cloud, width = torch.tensor([[0.0, 0.4, 2.5]], dtype=torch.float64), 0.5
    step = normal(1, 3, 1)
    y = torch.linspace(-4, 7, 20001, dtype=torch.float64)
    kernels = torch.exp(-((y[:, None] - cloud) ** 2) / (2 * width**2)) / (width * math.sqrt(2 * math.pi))
    slope = (kernels * (y[:, None] - cloud) / width**2 * step[0, :, 0]).mean(1)
    expected = torch.trapezoid(slope**2 / kernels.mean(1), y)
    # The softmax has poles off the real line, so quadrature converges slowly.
    errors = [float(PointCloud(1, width, n).gram(cloud, step) / expected - 1) for n in (3, 24, 96)]
    print(f"relative errors of 3, 24 and 96 nodes: {errors}")
    assert abs(errors[1]) < 3e-3
    assert abs(errors[2]) < 1e-4
    # Three nodes are rough, and enough for a metric.
    assert abs(errors[0]) < 0.2


def test_point_cloud_metric_does_not_see_the_order_of_points() -> None:
    cloud, step = normal(1, 5, 2), normal(1, 5, 2, seed=1)
    order = torch.tensor([3, 0, 4, 1, 2])
    metric = PointCloud(2, width=0.7)
    plain = metric.gram(cloud.flatten(1), step.flatten(1)[..., None])
    close(metric.gram(cloud[:, order].flatten(1), step[:, order].flatten(1)[..., None]), plain, 1e-10)


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (GaussianNoise([1.0, -1.0]), "positive variances"),
        (GaussianNoise([[1.0, 2.0], [2.0, 1.0]]), "positive definite"),
        (PoissonNoise(), "not negative"),
        (LocalCovariance(ridge=0.0), "ridge"),
        (PointCloud(3), "multiple of 3"),
        (PointCloud(2, width=-1.0), "width must be a positive"),
    ],
)
def test_wrong_metrics_are_told(metric: Ambient, message: str) -> None:
    with pytest.raises(InputError, match=message):
        metric.fitted(normal(30, 2))

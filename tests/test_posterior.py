"""Posteriors against brute-force densities, and the expectation-maximisation built on them."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from neuromanifold.manifolds import Manifold, resolve
from neuromanifold.models.expectation_maximisation import (
    Basis,
    expectation_maximisation,
    expected_moments,
    grid_posterior,
    posterior_width,
)
from neuromanifold.models.grid_posterior import GridPosterior
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.harmonic_regression import fit_regression
from neuromanifold.models.moments import Moments
from neuromanifold.models.narrow_posterior import NarrowPosterior
from neuromanifold.models.noise import Noise
from neuromanifold.models.occupancy import interpolated, uniform_labels

CIRCLE, TORUS = resolve("circle"), resolve("torus")


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def curve() -> torch.Tensor:
    """Weights (5, 4) of an ellipse with a twist."""
    weight = torch.zeros(5, 4, dtype=torch.float64)
    weight[1, 0], weight[2, 1], weight[3, 2] = 3.0, 2.0, 0.5
    return weight


def coloured_noise(size: float) -> Noise:
    root = torch.eye(4, dtype=torch.float64) + 0.3 * normal(4, 4, seed=9)
    return Noise.of(size**2 * root @ root.mT)


@pytest.mark.parametrize("beta", [1.0, 0.3, 2.0])
def test_grid_posterior_is_bayes_rule(beta: float) -> None:
    basis = Basis.make(CIRCLE, 2, 64, normal(1))
    noise, x = coloured_noise(0.5), 2 * normal(30, 4, seed=3)
    means = basis.values @ curve()
    law = GridPosterior(CIRCLE, basis.grid, means, noise, beta)
    density = MultivariateNormal(means[None], noise.covariance).log_prob(x[:, None])
    prior = (basis.grid.weights / basis.grid.weights.sum()).log()
    probability = torch.cat([p for _, p, _ in law.probabilities(x)])
    torch.testing.assert_close(probability, (density / beta + prior).softmax(1))
    torch.testing.assert_close(law.log_likelihood(x), (density + prior).logsumexp(1))
    torch.testing.assert_close(law.mean_points(x), CIRCLE.project(probability @ basis.grid.points))
    summary = law.summary(x)
    torch.testing.assert_close(summary.mass, probability.sum(0))
    torch.testing.assert_close(summary.sums, probability.mT @ x)
    assert summary.log_likelihood == pytest.approx(float(law.log_likelihood(x).mean()))


def test_widening_is_a_larger_noise() -> None:
    basis = Basis.make(CIRCLE, 2, 64, normal(1))
    noise, x, means = coloured_noise(0.5), normal(10, 4), basis.values @ curve()
    widened = GridPosterior(CIRCLE, basis.grid, means, noise, widening=3.0)
    larger = GridPosterior(CIRCLE, basis.grid, means, Noise.of(9 * noise.covariance))
    torch.testing.assert_close(widened.log_likelihood(x), larger.log_likelihood(x))


def narrow_and_fine(
    template: Manifold, size: float, beta: float
) -> tuple[NarrowPosterior, GridPosterior, torch.Tensor]:
    """The narrow posterior on a coarse grid, the exact one on a fine grid, and activity near the manifold."""
    weight = curve()
    if template.dim == 2:
        weight = torch.zeros(5, 4, dtype=torch.float64)
        weight[1:] = 6 * torch.linalg.qr(normal(4, 4))[0]
    coarse = Basis.make(template, 2, {1: 40, 2: 144}[template.dim], normal(1))
    fine = Basis.make(template, 2, {1: 4096, 2: 40000}[template.dim], normal(1))
    noise = coloured_noise(size)
    points = template.sample(20, torch.Generator().manual_seed(1))
    x = HarmonicDecoder(template, 2, weight)(points) + size * normal(20, 4, seed=5)
    law = grid_posterior(coarse, weight, noise, beta)
    assert isinstance(law, NarrowPosterior)
    exact = grid_posterior(fine, weight, noise, beta)
    assert isinstance(exact, GridPosterior)
    return law, exact, x


@pytest.mark.parametrize(("template", "beta"), [(CIRCLE, 1.0), (CIRCLE, 0.5), (TORUS, 1.0)], ids=str)
def test_narrow_posterior_is_the_limit_of_the_exact_one(template: Manifold, beta: float) -> None:
    """A likelihood of widened noise was given for the model's own."""
    law, exact, x = narrow_and_fine(template, 0.01 if template.dim == 1 else 0.03, beta)
    difference = law.log_likelihood(x) - exact.log_likelihood(x)
    assert float(difference.abs().max()) < 0.1
    assert abs(float(difference.mean())) < 0.02
    assert float(template.distance(law.mean_points(x), exact.mean_points(x)).max()) < 2e-3
    points = law.sigma_points(x)[0]
    probability = torch.cat([p for _, p, _ in exact.probabilities(x)])
    for i in range(len(x)):
        centre = exact.mean_points(x)[i]
        spread = exact.grid.points - centre
        expected = (probability[i][:, None] * spread).mT @ spread
        found = (points[i] - centre).mT @ (points[i] - centre) / points.shape[1]
        torch.testing.assert_close(found, expected, atol=0.05 * float(expected.trace()), rtol=0)


def test_narrow_samples_follow_the_posterior() -> None:
    law, exact, x = narrow_and_fine(CIRCLE, 0.03, 1.0)
    many = x[:1].expand(4000, -1)
    drawn = CIRCLE.angles(law.sample(many, torch.Generator().manual_seed(0)))[:, 0]
    probability = next(iter(exact.probabilities(x[:1])))[1][0]
    angles = exact.grid.angles[:, 0]
    centre = CIRCLE.angles(exact.mean_points(x[:1]))[0, 0]
    width = float((probability * _wrapped(angles - centre).square()).sum().sqrt())
    assert float(_wrapped(drawn - centre).std()) == pytest.approx(width, rel=0.06)


def _wrapped(angle: torch.Tensor) -> torch.Tensor:
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi


def test_posterior_width_is_the_fisher_information() -> None:
    basis, noise = Basis.make(CIRCLE, 2, 64, normal(1)), coloured_noise(0.2)
    decoder = HarmonicDecoder(CIRCLE, 2, curve() @ noise.whitening)
    tangent, _ = CIRCLE.frame(basis.grid.points)
    velocity = torch.func.jvp(decoder, (basis.grid.points,), (tangent[..., 0],))[1]
    information = float(velocity.square().sum(1).mean())
    assert posterior_width(basis, curve(), noise) == pytest.approx(information**-0.5 / basis.step)


def test_labels_make_a_density_uniform() -> None:
    basis = Basis.make(CIRCLE, 4, 512, normal(1))
    theta = basis.grid.angles[:, 0]
    density = 1 + 0.5 * torch.cos(theta) - 0.2 * torch.sin(2 * theta)
    coefficients = basis.values.mT @ (density / density.sum())
    labels = uniform_labels(basis.values, coefficients)
    exact = theta + 0.5 * torch.sin(theta) - 0.1 * (1 - torch.cos(2 * theta))
    assert float((labels - exact).abs().max()) < 1e-4
    between = torch.linspace(0, 6.28, 1000, dtype=torch.float64)
    expected = between + 0.5 * torch.sin(between) - 0.1 * (1 - torch.cos(2 * between))
    assert float((interpolated(labels, between) - expected).abs().max()) < 1e-4


def torus_of_noise(size: float, n: int = 900) -> tuple[torch.Tensor, torch.Tensor]:
    """A ring torus in five units: points (n, 4) and activity (n, 5), centred."""
    angles = 2 * math.pi * torch.rand(n, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rho = 2 + torch.cos(angles[:, 0])
    x = torch.stack([rho * angles[:, 1].cos(), rho * angles[:, 1].sin(), angles[:, 0].sin()], 1)
    x = x @ torch.linalg.qr(normal(5, 5))[0][:3] + size * normal(n, 5, seed=4)
    return TORUS.embed(angles), x - x.mean(0)


def test_noise_along_the_manifold_stays_noise() -> None:
    """With nearest points for the posterior, steps took the noise along the surface for signal and tore it up."""
    points, x = torus_of_noise(0.1)
    basis = Basis.make(TORUS, 4, 1600, x)
    moments = Moments.at_points(basis.harmonics, points, x).restricted(29)
    start = fit_regression(moments, basis.harmonics.eigenvalues)
    assert posterior_width(basis, start.weight, start.noise) < 0.5
    fit = expectation_maximisation(x, basis, start, 29, max_steps=6, tolerance=-1e9)
    assert float(fit.regression.noise.variance.mean()) == pytest.approx(0.01, rel=0.15)
    width = posterior_width(basis, fit.regression.weight, fit.regression.noise)
    assert width == pytest.approx(posterior_width(basis, start.weight, start.noise), rel=0.15)


def test_steps_raise_the_likelihood() -> None:
    points, x = torus_of_noise(0.3, 400)
    basis = Basis.make(TORUS, 2, 900, x)
    regression = fit_regression(
        Moments.at_points(basis.harmonics, points, x).restricted(9), basis.harmonics.eigenvalues
    )
    prior, scores = regression.prior, []
    for _ in range(4):
        law = grid_posterior(basis, regression.weight, regression.noise)
        moments, score = expected_moments(x, basis, law)
        regression = fit_regression(moments, basis.harmonics.eigenvalues, prior=prior)
        scores.append(score)
    assert scores == sorted(scores)

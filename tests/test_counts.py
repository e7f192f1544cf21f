"""The parts of a fit of counts against scipy's laws, finite differences, quadrature and Bayes' rule."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numeric import normal
from scipy.stats import nbinom, poisson
from torch import Tensor

from neuromanifold.manifolds import resolve
from neuromanifold.models.counts.block_fits import CountBlockFits
from neuromanifold.models.counts.draws import CountDraws
from neuromanifold.models.counts.law import CountLaw
from neuromanifold.models.counts.posterior import CountPosterior, fisher_information, resolving_size
from neuromanifold.models.counts.priors import best_prior
from neuromanifold.models.counts.regression import CountProblem, precision_of
from neuromanifold.models.counts.statistics import CountStatistics, likeliest_law
from neuromanifold.models.expectation_maximisation import Basis
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.harmonic_regression import Prior

CIRCLE, TORUS = resolve("circle"), resolve("torus")
DISPERSIONS = torch.tensor([0.0, 1e-6, 0.1, 0.5, 3.0], dtype=torch.float64)


def log_pmf(counts: Tensor, log_mean: Tensor, dispersion: Tensor) -> Tensor:
    """scipy's, of counts and log means (n, d); its negative binomial counts the failures before 1/alpha successes."""
    columns = []
    for x, mean, alpha in zip(counts.mT.numpy(), log_mean.exp().mT.numpy(), dispersion.tolist(), strict=True):
        law = poisson(mean) if alpha == 0 else nbinom(1 / alpha, 1 / (1 + alpha * mean))
        columns.append(torch.as_tensor(law.logpmf(x)))
    return torch.stack(columns, dim=1)


def sampled(log_mean: Tensor, dispersion: Tensor, seed: int = 0) -> Tensor:
    """Counts (n, d): Poisson of Gamma-distributed means."""
    rng, mean = np.random.default_rng(seed), log_mean.exp().numpy()
    alpha = np.broadcast_to(dispersion.numpy(), mean.shape)
    some = np.where(alpha > 0, alpha, 1.0)
    rate = np.where(alpha > 0, rng.gamma(1 / some, some * mean), mean)
    return torch.as_tensor(rng.poisson(rate).astype(float))


def cells(n: int, seed: int = 0) -> Tensor:
    return torch.randint(64, (n,), generator=torch.Generator().manual_seed(seed))


def tuned(dispersion: Tensor, n: int = 300, seed: int = 0) -> tuple[Basis, Tensor, CountStatistics]:
    """A basis of the circle, counts (n, d) of tuned units at random points of its grid, and their statistics."""
    basis = Basis.make(CIRCLE, 3, 64, normal(1))
    log_mean = basis.values @ normal(7, len(dispersion), seed=1) + 1.0
    at = cells(n, seed)
    counts, points = sampled(log_mean[at], dispersion, seed), basis.grid.points[at]
    return basis, counts, CountStatistics.at_points(points, basis.grid.points, counts)


def problem_of(dispersion: Tensor, n: int = 300) -> CountProblem:
    basis, _, statistics = tuned(dispersion, n)
    return CountProblem(basis.values, basis.harmonics.eigenvalues, statistics, bool((dispersion > 0).any()))


def test_pmfs_are_scipys_and_sum_to_one() -> None:
    law, log_mean = CountLaw(DISPERSIONS), normal(40, 5, seed=2)
    counts = sampled(log_mean, DISPERSIONS)
    torch.testing.assert_close(law.log_prob(counts, log_mean), log_pmf(counts, log_mean, DISPERSIONS).sum(1))
    x = torch.arange(400.0, dtype=torch.float64)[:, None].expand(400, 5)
    pmf = log_pmf(x, log_mean[:1].expand(400, 5), DISPERSIONS).exp()
    parts = law.natural(log_mean[:1]) * x - law.log_partition(log_mean[:1]) + law.log_base_table(399)
    torch.testing.assert_close(parts.exp(), pmf, rtol=1e-7, atol=1e-12)
    mean = log_mean[0].exp()
    torch.testing.assert_close((pmf * (x - mean).square()).sum(0), law.variance(mean), rtol=1e-4, atol=1e-6)


def test_statistics_hold_the_likelihood_and_add() -> None:
    basis, counts, whole = tuned(DISPERSIONS)
    log_mean, law = normal(64, 5, seed=3), CountLaw(DISPERSIONS)
    at = cells(300)
    points = basis.grid.points[at]
    torch.testing.assert_close(whole.log_likelihood(log_mean, law), log_pmf(counts, log_mean[at], DISPERSIONS).sum(0))
    parts = [CountStatistics.at_points(points[s], basis.grid.points, counts[s]) for s in (slice(100), slice(100, 300))]
    for name in ("mass", "sums", "histogram"):
        torch.testing.assert_close(getattr(parts[0] + parts[1], name), getattr(whole, name))
        torch.testing.assert_close(getattr(whole.thinned(4.0), name), getattr(whole, name) / 4)


def test_derivatives_are_those_of_the_log_posterior() -> None:
    problem, weight = problem_of(DISPERSIONS), 0.3 * normal(7, 5, seed=4)
    law, precision = CountLaw(DISPERSIONS), precision_of(Prior(7, "power", 4.0, 2.0), problem.eigenvalues)

    def total(w: Tensor) -> Tensor:
        return problem.log_posterior(w, law, precision).sum()

    slope = problem.gradient(weight, law) - precision[:, None] * weight
    torch.testing.assert_close(slope, torch.autograd.functional.jacobian(total, weight))
    step, unit = 1e-4, torch.zeros_like(weight)
    unit[2] = 1.0
    change = problem.gradient(weight + step * unit, law) - problem.gradient(weight - step * unit, law)
    torch.testing.assert_close(-change / (2 * step), problem.hessian(weight, law)[:, :, 2].mT, rtol=1e-5, atol=1e-4)


def test_modes_have_no_slope_and_no_better_neighbour() -> None:
    problem, law = problem_of(DISPERSIONS), CountLaw(DISPERSIONS)
    precision = precision_of(Prior(7, "heat", 0.1), problem.eigenvalues)
    weight, root = problem.mode(torch.zeros(7, 5, dtype=torch.float64), law, precision)
    slope = problem.gradient(weight, law) - precision[:, None] * weight
    # In units of the posterior's deviation.
    assert float(torch.cholesky_solve(slope.mT[..., None], root).abs().max()) < 0.02
    best = problem.log_posterior(weight, law, precision)
    for seed in range(5):
        near = problem.log_posterior(weight + 0.05 * normal(7, 5, seed=seed), law, precision)
        assert bool((near <= best + 1e-3).all())


def _copied(problem: CountProblem, n_copies: int) -> CountProblem:
    """The problem of a single unit as that of many copies of it."""
    sums, histogram = problem.statistics.sums, problem.statistics.histogram
    copies = replace(problem.statistics, sums=sums.expand(-1, n_copies), histogram=histogram.expand(-1, n_copies))
    return replace(problem, statistics=copies)


@pytest.mark.parametrize("dispersion", [0.0, 0.4])
def test_laplaces_evidence_is_the_integral_over_weights(dispersion: float) -> None:
    alpha = torch.tensor([dispersion], dtype=torch.float64)
    problem, law = problem_of(alpha, n=400).restricted(3), CountLaw(alpha)
    axes = torch.linspace(-6, 6, 25, dtype=torch.float64)
    grid = torch.cartesian_prod(axes, axes, axes)
    exact, laplace = [], []
    for scale in (0.05, 1.0, 20.0):
        precision = precision_of(Prior(3, "power", 4.0, scale), problem.eigenvalues)
        weight, root = problem.mode(torch.zeros(3, 1, dtype=torch.float64), law, precision)
        laplace.append(problem.log_evidence(weight, law, precision, root))
        # Points about the mode in units of the posterior's deviation; the prior is normalised, but for the constant.
        offsets = torch.linalg.solve_triangular(root[0].mT, grid.mT, upper=True)
        values = _copied(problem, len(grid)).log_posterior(weight + offsets, law, precision)
        cell = math.log(float(axes[1] - axes[0])) * 3 - float(root[0].diagonal().log().sum())
        normaliser = 0.5 * float(precision[1:].log().sum()) - math.log(2 * math.pi)
        exact.append(float(values.logsumexp(0)) + cell + normaliser)
    constant = 0.5 * math.log(2 * math.pi)  # of three weights less two priors
    np.testing.assert_allclose(np.array(laplace) + constant, exact, atol=0.05)


def test_the_scale_has_the_largest_evidence() -> None:
    problem, prior = problem_of(torch.zeros(8, dtype=torch.float64)), Prior(7, "power", 3.0)
    fit = problem.fit(problem.constant(prior), prior)

    def evidence(scale: float) -> float:
        precision = precision_of(replace(prior, scale=scale), problem.eigenvalues)
        weight, root = problem.mode(fit.weight, fit.law, precision)
        return problem.log_evidence(weight, fit.law, precision, root)

    found = evidence(fit.prior.scale)
    assert found >= max(evidence(fit.prior.scale * factor) for factor in (0.05, 0.3, 0.7, 1.4, 3.0, 20.0)) - 0.1


def test_silent_units_stay_finite() -> None:
    problem = problem_of(torch.zeros(3, dtype=torch.float64))
    sums = problem.statistics.sums.clone()
    sums[:, 1] = 0
    silent = replace(problem, statistics=replace(problem.statistics, sums=sums))
    fit = best_prior(silent, [3, 5, 7])
    assert torch.isfinite(fit.weight).all()
    assert float((problem.values[:, : len(fit.weight)] @ fit.weight)[:, 1].exp().max()) < 0.05


def test_dispersions_are_the_likeliest() -> None:
    alpha = torch.tensor([0.0, 0.05, 0.3, 1.5], dtype=torch.float64)
    basis, _, statistics = tuned(alpha, n=6000)
    log_mean = basis.values @ normal(7, 4, seed=1) + 1.0
    found = likeliest_law(log_mean, statistics).dispersion
    np.testing.assert_allclose(found[1:], alpha[1:], rtol=0.2)
    assert float(found[0]) < 0.01
    best = statistics.log_likelihood(log_mean, CountLaw(found))
    for factor in (0.8, 0.98, 1.02, 1.25):
        assert bool((statistics.log_likelihood(log_mean, CountLaw(found * factor)) <= best + 1e-6).all())


@pytest.mark.parametrize("beta", [1.0, 0.3, 2.0])
def test_posteriors_are_bayes_rule(beta: float) -> None:
    basis, counts, _ = tuned(DISPERSIONS, n=30)
    log_mean = basis.values @ normal(7, 5, seed=1) + 1.0
    law = CountPosterior(CIRCLE, basis.grid, log_mean, CountLaw(DISPERSIONS), beta)
    density = torch.stack([log_pmf(x.expand(64, 5), log_mean, DISPERSIONS).sum(1) for x in counts])
    prior = math.log(1 / 64)
    probability = torch.cat([p for _, p, _ in law.probabilities(counts)])
    torch.testing.assert_close(probability, (density / beta + prior).softmax(1))
    torch.testing.assert_close(law.log_likelihood(counts), (density + prior).logsumexp(1))
    torch.testing.assert_close(law.summary(counts).sums, probability.mT @ counts)


@pytest.mark.parametrize("template", [CIRCLE, TORUS], ids=lambda t: t.name)
def test_grids_resolve_the_posterior(template: object) -> None:
    weight = normal(5, 30, seed=6) / 2
    weight[0] += 12.0
    log_mean, law = HarmonicDecoder(template, 2 if template is CIRCLE else 1, weight), CountLaw(torch.full((30,), 0.05))
    law = law.to(weight)
    points = template.grid(64).points
    step, (tangent, _) = 1e-5, template.frame(points)
    mean = [log_mean(template.project(points + s * step * tangent[..., 0])).exp() for s in (-1, 1)]
    middle = log_mean(points).exp()
    slope = (mean[1] - mean[0]) / (2 * step) / law.variance(middle).sqrt()
    information = fisher_information(log_mean, law, points)
    torch.testing.assert_close(information[:, 0, 0], slope.square().sum(1), rtol=1e-5, atol=1e-5)
    size = resolving_size(log_mean, law, template.grid(64), 1.0)
    assert size > 100
    counts = sampled(log_mean(template.grid(50).points), law.dispersion)
    likelihoods = []
    for n_points in (size, 4 * size):
        grid = template.grid(n_points)
        likelihoods.append(CountPosterior(template, grid, log_mean(grid.points), law).log_likelihood(counts))
    torch.testing.assert_close(likelihoods[0], likelihoods[1], rtol=0, atol=1e-3)


def test_refits_to_blocks_are_fits_to_their_samples() -> None:
    basis, counts, _ = tuned(torch.zeros(6, dtype=torch.float64), n=1200)
    points = basis.grid.points[cells(1200)]
    rows = torch.arange(1200) // 300
    blocks = [CountStatistics.at_points(points[rows == b], basis.grid.points, counts[rows == b]) for b in range(4)]
    fits = CountBlockFits(blocks, basis, 1200, 1.0, overdispersed=False)
    assert float(fits.change([1, 1, 1, 1]).abs().max()) < 0.02
    copies = torch.cat([torch.arange(1200)[rows == b] for b in (0, 0, 2, 3)])
    again = CountStatistics.at_points(points[copies], basis.grid.points, counts[copies])
    problem = CountProblem(basis.values, basis.harmonics.eigenvalues, again, False)
    whole = fits._whole
    expected = problem.fit(problem.constant(whole.prior), whole.prior, max_rounds=50).weight - whole.weight
    assert float(expected.abs().max()) > 0.05
    torch.testing.assert_close(fits.change([2, 0, 1, 1]), expected, atol=0.02, rtol=0)


def test_draws_are_the_posterior_of_weights() -> None:
    """Where counts determine the weights, their mean is the mode and their covariance the information's inverse."""
    basis, counts, whole = tuned(torch.zeros(2, dtype=torch.float64), n=2000)
    points = basis.grid.points[cells(2000)]
    rows = torch.arange(2000) % 200
    blocks = [CountStatistics.at_points(points[rows == b], basis.grid.points, counts[rows == b]) for b in range(200)]
    problem = CountProblem(basis.values, basis.harmonics.eigenvalues, whole, False)
    fit = best_prior(problem, [7])
    draws = CountDraws.about(problem, fit, blocks)
    found = torch.stack([draws.change(np.random.default_rng(seed)) for seed in range(600)])
    inverse = torch.linalg.inv(draws.hessian)
    deviation = inverse.diagonal(dim1=-2, dim2=-1).mT.sqrt()
    np.testing.assert_allclose(found.std(0) / deviation, 1.0, atol=0.2)
    assert float((found.mean(0) / deviation).abs().max()) < 0.4
    again = draws.change(np.random.default_rng(7))
    torch.testing.assert_close(again, found[7])

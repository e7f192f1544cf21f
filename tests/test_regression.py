"""The decoder's parts against explicit formulas: moments, noise, regression, evidence, autocorrelation, gauge."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from neuromanifold.benchmarks.matching import matched_error
from neuromanifold.geometry import Immersion
from neuromanifold.manifolds import resolve
from neuromanifold.models.autocorrelation import autocorrelation_time
from neuromanifold.models.gauge import gauge_name, in_gauge, relaxed_distortion
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.harmonic_regression import (
    Prior,
    _against,
    _best_scale,
    _log_evidence,
    _posterior_mean,
    _priors,
    _signal_basis,
    fit_regression,
)
from neuromanifold.models.moments import Moments
from neuromanifold.models.noise import Noise, shrunk

CIRCLE, TORUS, SPHERE = resolve("circle"), resolve("torus"), resolve("sphere")
PRIORS = (Prior(5, "power", 4.0), Prior(7, "heat", 0.1), Prior(9, "exponential", 0.6), Prior(3, "heat", 0.3))


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def small_problem(n: int = 40, d: int = 2, order: int = 4) -> tuple[torch.Tensor, torch.Tensor, Moments, torch.Tensor]:
    """Harmonics (n, p) at uneven points of the circle, activity (n, d) in unit noise, their moments, eigenvalues."""
    harmonics = CIRCLE.harmonics(order)
    points = CIRCLE.embed(normal(n, 1).abs() * 2)
    h = harmonics(points)
    x = h @ normal(h.shape[1], d, seed=1) + normal(n, d, seed=2)
    return h, x, Moments.at_points(harmonics, points, x), harmonics.eigenvalues


def test_moments_add_and_follow_linear_maps() -> None:
    harmonics, points, x = TORUS.harmonics(2), TORUS.embed(normal(50, 2)), normal(50, 3, seed=1)
    whole = Moments.at_points(harmonics, points, x)
    parts = Moments.at_points(harmonics, points[:20], x[:20]) + Moments.at_points(harmonics, points[20:], x[20:])
    for name in ("gram", "cross", "second"):
        torch.testing.assert_close(getattr(whole, name), getattr(parts, name))
    assert parts.n_samples == 50
    matrix, weight = normal(3, 2, seed=3), normal(len(harmonics), 3, seed=4)
    torch.testing.assert_close(whole.transformed(matrix).cross, Moments.at_points(harmonics, points, x @ matrix).cross)
    residual = x - harmonics(points) @ weight
    torch.testing.assert_close(whole.residual(weight), residual.mT @ residual)


def test_moments_on_a_grid_are_posterior_expectations() -> None:
    values, probability, x = normal(7, 3), normal(11, 7, seed=1).softmax(1), normal(11, 2, seed=2)
    moments = Moments.on_grid(values, probability.sum(0), probability.mT @ x, x.mT @ x, 11)
    torch.testing.assert_close(moments.gram, torch.einsum("ng,gp,gq->pq", probability, values, values))
    torch.testing.assert_close(moments.cross, torch.einsum("ng,gp,nd->pd", probability, values, x))


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_posterior_mean_is_the_bayesian_linear_model(prior: Prior) -> None:
    h, x, moments, eigenvalues = small_problem()
    prior = Prior(prior.n_harmonics, prior.family, prior.rate, 0.7)
    used = h[:, : prior.n_harmonics]
    precision = torch.cat([torch.zeros(1), prior.precision(eigenvalues) / 0.7]).double()
    expected = torch.linalg.solve(used.mT @ used + precision.diag(), used.mT @ x)
    hat = used @ torch.linalg.solve(used.mT @ used + precision.diag(), used.mT)
    mean, n_used = _posterior_mean(moments, prior, eigenvalues)
    torch.testing.assert_close(mean, expected)
    assert n_used == pytest.approx(float(hat.trace()))


def test_evidence_is_the_gaussian_marginal_up_to_one_constant() -> None:
    h, x, moments, eigenvalues = small_problem()
    found, expected = [], []
    for prior in PRIORS:
        log_evidence, best = _best_scale(moments, prior, eigenvalues)
        variance = torch.cat([torch.full((1,), 1e7), best.scale / best.precision(eigenvalues)]).double()
        used = h[:, : prior.n_harmonics]
        covariance = (torch.eye(len(h)) + used * variance @ used.mT).numpy()
        law = multivariate_normal(np.zeros(len(h)), covariance)
        found.append(log_evidence)
        expected.append(sum(law.logpdf(column) for column in x.mT.numpy()))
    np.testing.assert_allclose(np.diff(found), np.diff(expected), atol=1e-4)


def test_scale_maximises_the_evidence() -> None:
    _, _, moments, eigenvalues = small_problem()
    log_evidence, best = _best_scale(moments, PRIORS[1], eigenvalues)
    nearby = []
    for factor in (0.7, 1.4):
        prior = Prior(best.n_harmonics, best.family, best.rate, best.scale * factor)
        mean, _ = _posterior_mean(moments, prior, eigenvalues)
        assert torch.isfinite(mean).all()
        nearby.append(_log_evidence_at(moments, prior, eigenvalues))
    assert log_evidence >= max(nearby)


def _log_evidence_at(moments: Moments, prior: Prior, eigenvalues: torch.Tensor) -> float:
    """``1/2 (b' C b - log det)`` from dense matrices, the constant projected out."""
    part = moments.restricted(prior.n_harmonics)
    gram = (part.gram - part.gram[:, :1] @ part.gram[:1] / part.gram[0, 0])[1:, 1:]
    cross = (part.cross - part.gram[:, :1] @ part.cross[:1] / part.gram[0, 0])[1:]
    inner = gram + (prior.precision(eigenvalues) / prior.scale).diag()
    log_det = torch.logdet(inner @ (prior.scale / prior.precision(eigenvalues)).diag())
    return float(0.5 * ((cross * torch.linalg.solve(inner, cross)).sum() - cross.shape[1] * log_det))


def test_every_band_limit_of_a_circle_is_tried() -> None:
    """A curve of order 4 was fitted with order 5: order 4 had been left out of a geometric selection."""
    moments = small_problem(200, 3, 30)[2]
    ends = {prior.n_harmonics for prior in _priors(len(moments.gram), CIRCLE.harmonics(30).eigenvalues)}
    assert ends == {2 * order + 1 for order in range(1, 31)}


def test_bayes_factors_are_differences_of_the_evidence() -> None:
    """Savage and Dickey's ratio against two marginal likelihoods of the same family and scale."""
    _, _, moments, eigenvalues = small_problem(60, 2, 4)
    whole = Prior(9, "exponential", 0.6, 0.7)
    against = _against(moments, whole, eigenvalues)
    assert set(against) == {1, 2, 3, 4}
    for number, log_factor in against.items():
        fewer = replace(whole, left_out=(number,))
        gain = float(_log_evidence(moments, fewer, eigenvalues) - _log_evidence(moments, whole, eigenvalues))
        assert log_factor == pytest.approx(gain, rel=1e-8)


def test_eigenspaces_without_signal_are_left_out() -> None:
    """A curve that is its own image through the centre has odd frequencies only; turned by any angle as well."""
    theta = torch.linspace(0, 2 * math.pi, 801, dtype=torch.float64)[:800, None]
    harmonics, noise = CIRCLE.harmonics(9), 0.05 * normal(800, 4, seed=3)
    frame = torch.linalg.qr(normal(4, 2))[0]
    found = []
    for turn in (0.0, 0.7):
        t = theta + turn
        radius = 1 + 0.3 * torch.cos(2 * t) + 0.1 * torch.cos(4 * t)
        x = radius * torch.cat([t.cos(), t.sin()], 1) @ frame.mT + noise
        fit = fit_regression(Moments.at_points(harmonics, CIRCLE.embed(theta), x - x.mean(0)), harmonics.eigenvalues)
        size = (fit.weight @ frame).square().sum(1)
        assert {2, 4} <= set(fit.prior.left_out)
        assert float(size[[3, 4, 7, 8]].max()) == 0
        assert not {1, 3, 5} & set(fit.prior.left_out)
        found.append(fit)
    assert found[0].prior.left_out == found[1].prior.left_out


def test_noise_free_activity_is_fitted_exactly() -> None:
    """Residuals of rounding size gave correlations of zero over zero."""
    theta = torch.linspace(0, 6.2, 200, dtype=torch.float64)[:, None]
    x = CIRCLE.harmonics(3)(CIRCLE.embed(theta)) @ normal(7, 2) @ normal(2, 9, seed=1)
    harmonics = CIRCLE.harmonics(20)
    fit = fit_regression(Moments.at_points(harmonics, CIRCLE.embed(theta), x - x.mean(0)), harmonics.eigenvalues)
    found = harmonics(CIRCLE.embed(theta))[:, : len(fit.weight)] @ fit.weight
    torch.testing.assert_close(found, x - x.mean(0), atol=1e-6, rtol=0)
    assert fit.rank == 2


def test_an_offset_moves_the_decoder_and_nothing_else() -> None:
    """The mean was lost where it pointed out of the signal's space, and counted as a direction of the signal."""
    harmonics, theta = CIRCLE.harmonics(8), torch.linspace(0, 6.2, 300, dtype=torch.float64)[:, None]
    points = CIRCLE.embed(theta)
    x = points @ normal(2, 6) + 0.1 * normal(300, 6, seed=1)
    offset = 30 * normal(6, seed=2)
    plain = fit_regression(Moments.at_points(harmonics, points, x), harmonics.eigenvalues)
    moved = fit_regression(Moments.at_points(harmonics, points, x + offset), harmonics.eigenvalues)
    assert plain.rank == moved.rank == 2
    torch.testing.assert_close(moved.weight[1:], plain.weight[1:], atol=1e-4, rtol=0)
    torch.testing.assert_close(moved.weight[0] - plain.weight[0], offset * CIRCLE.volume**0.5, atol=1e-4, rtol=0)


def test_shrinkage_is_schaefer_and_strimmer() -> None:
    x, n = normal(30, 5) @ normal(5, 5, seed=1), 30
    covariance = x.mT @ x / n
    correlation = np.corrcoef(np.linalg.cholesky(covariance.numpy()))
    deviation = covariance.diagonal().sqrt().numpy()
    correlation = covariance.numpy() / np.outer(deviation, deviation)
    pairs = [(i, j) for i in range(5) for j in range(5) if i != j]
    top = sum((1 - correlation[i, j] ** 2) ** 2 / n for i, j in pairs)
    intensity = min(1.0, top / sum(correlation[i, j] ** 2 for i, j in pairs))
    expected = covariance.numpy() * (1 - intensity)
    expected[np.diag_indices(5)] = covariance.diagonal().numpy()
    np.testing.assert_allclose(shrunk(covariance, n).numpy(), expected)


def test_noise_whitens_and_knows_its_normaliser() -> None:
    root = normal(4, 4)
    noise = Noise.of(root @ root.mT + torch.eye(4))
    torch.testing.assert_close(noise.whitening.mT @ noise.covariance @ noise.whitening, torch.eye(4).double())
    torch.testing.assert_close(noise.colouring @ noise.whitening, torch.eye(4).double())
    expected = -0.5 * torch.logdet(2 * math.pi * noise.covariance)
    assert float(noise.log_normaliser) == pytest.approx(float(expected))


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_autocorrelation_time_of_an_autoregression(rho: float) -> None:
    steps = normal(40000, 3)
    series = torch.empty_like(steps)
    series[0] = steps[0]
    for t in range(1, len(steps)):
        series[t] = rho * series[t - 1] + steps[t]
    expected = (1 + rho) / (1 - rho)
    assert autocorrelation_time(series, torch.zeros(len(series))) == pytest.approx(expected, rel=0.12)
    assert autocorrelation_time(series, torch.arange(len(series))) == 1.0


@pytest.mark.parametrize("template", [CIRCLE, SPHERE, TORUS], ids=lambda t: t.name)
def test_trimming_never_changes_the_map(template) -> None:
    """On the torus the first functions of a smaller order are others once an eigenvalue of theirs is missing."""
    harmonics = template.harmonics(6)
    points = template.sample(20, torch.Generator().manual_seed(0))
    for n_kept in (2, 9, 13, 30, len(harmonics)):
        n_kept = min(n_kept, len(harmonics))
        decoder = HarmonicDecoder(template, 6, normal(len(harmonics), 2)[:n_kept])
        trimmed = decoder.trimmed(n_kept)
        torch.testing.assert_close(trimmed(points), decoder(points))
        assert trimmed.order <= 6


def ellipse(order: int = 3) -> HarmonicDecoder:
    weight = torch.zeros(2 * order + 1, 3, dtype=torch.float64)
    weight[1, 0], weight[2, 1], weight[4, 2] = 2.0, 1.0, 0.3
    return HarmonicDecoder(CIRCLE, order, weight)


def test_curves_end_at_constant_speed_on_the_same_image() -> None:
    before, after = ellipse(), in_gauge(ellipse(), ellipse()).decoder
    grid = CIRCLE.grid(400)
    tangent, _ = CIRCLE.frame(grid.points)
    velocity = torch.func.jvp(after, (grid.points,), (tangent[..., 0],))[1]
    speed = torch.linalg.vector_norm(velocity, dim=1)
    assert float(speed.std() / speed.mean()) < 1e-3
    distance = torch.cdist(after(grid.points), before(CIRCLE.grid(20000).points)).amin(1)
    assert float(distance.max()) < 1e-3


def ring_torus() -> HarmonicDecoder:
    """The ring torus of radii 2 and 1 with its tube coordinate stretched: ``theta + 0.3 sin theta``."""
    grid = TORUS.grid(3600)
    theta = grid.angles[:, 0] + 0.3 * torch.sin(grid.angles[:, 0])
    phi = grid.angles[:, 1]
    rho = 2 + torch.cos(theta)
    values = torch.stack([rho * torch.cos(phi), rho * torch.sin(phi), torch.sin(theta)], 1)
    weight = (TORUS.harmonics(4)(grid.points) * grid.weights[:, None]).mT @ values
    return HarmonicDecoder(TORUS, 4, weight)


def distortion_of(decoder: HarmonicDecoder) -> float:
    grid = TORUS.grid(900)
    tangent, _ = TORUS.frame(grid.points)
    jacobian = torch.stack([torch.func.jvp(decoder, (grid.points,), (tangent[..., i],))[1] for i in range(2)], -1)
    return float(relaxed_distortion(jacobian.mT @ jacobian, grid.weights))


def test_surfaces_end_with_less_distortion_on_the_same_image() -> None:
    """The warp used to fold the torus over itself, where the distortion is lower still and the metric singular."""
    before = ring_torus()
    after = in_gauge(before, before).decoder
    assert distortion_of(after) < distortion_of(before)
    grid = TORUS.grid(900)
    distance = torch.cdist(after(grid.points), before(TORUS.grid(40000).points)).amin(1)
    assert float(distance.max()) < 0.05
    tangent, _ = TORUS.frame(grid.points)
    jacobian = torch.stack([torch.func.jvp(after, (grid.points,), (tangent[..., i],))[1] for i in range(2)], -1)
    area = (torch.linalg.det(jacobian.mT @ jacobian).sqrt() * grid.weights).sum()
    assert float(area) == pytest.approx(8 * math.pi**2, rel=0.01)


def test_a_gauge_leaves_the_curvature_where_it_is() -> None:
    """Compressed to a fifth, the inner side of a torus used to come out with ripples, ten times as bent."""
    before = ring_torus()
    after = in_gauge(before, before).decoder
    assert matched_error(Immersion(TORUS, after), Immersion(TORUS, before)) < 2e-4


def test_gauges_are_named_for_what_was_done() -> None:
    assert gauge_name(CIRCLE) == "constant speed of the immersion"
    assert gauge_name(SPHERE) == gauge_name(TORUS) == "least relaxed distortion"
    assert gauge_name(resolve("contractible")) == "as the fit left it"


def test_relaxed_distortion_is_zero_for_scaled_isometries_only() -> None:
    weights = torch.ones(5, dtype=torch.float64)
    scaled = 3 * torch.eye(2, dtype=torch.float64).expand(5, 2, 2)
    assert float(relaxed_distortion(scaled, weights)) == pytest.approx(0)
    stretched = torch.diag(torch.tensor([1.0, 3.0], dtype=torch.float64)).expand(5, 2, 2)
    assert float(relaxed_distortion(stretched, weights)) == pytest.approx(4 * 10 / 16 - 2)


@pytest.mark.parametrize(("strengths", "rank"), [((50, 49, 14.5, 13.0), 4), ((50, 49, 13.0), 2), ((50, 49, 14.5), 3)])
def test_a_direction_is_kept_with_its_partner(strengths: tuple[float, ...], rank: int) -> None:
    """A sine and a cosine about as strong, one just above the margin of the noise's limit and one just below."""
    n_harmonics, n_units = 61, 24  # noise stays below 12.7, with the margin 14.0
    generator = torch.Generator().manual_seed(0)
    left = torch.linalg.qr(torch.randn(n_harmonics - 1, n_units, dtype=torch.float64, generator=generator))[0]
    right = torch.linalg.qr(torch.randn(n_units, n_units, dtype=torch.float64, generator=generator))[0]
    singular = torch.cat([torch.tensor(strengths), torch.linspace(11, 3, n_units - len(strengths))]).double()
    cross = torch.cat([torch.zeros(1, n_units), (left * singular) @ right.mT])
    white = Moments(torch.eye(n_harmonics, dtype=torch.float64), cross.double(), torch.eye(n_units).double(), 1000)
    assert _signal_basis(white).shape == (n_units, rank)

"""Laws of the distributions: total mass one, exact means, entropies and gradients, at every concentration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
import torch
from cases import DISTRIBUTIONS

from neuromanifold._errors import InputError
from neuromanifold.distributions import ProductVonMises, Uniform, VonMisesFisher
from neuromanifold.distributions.partition import partition
from neuromanifold.distributions.polar import PolarAngle, draw_angle, sensitivity
from neuromanifold.manifolds import TEMPLATES, Manifold, Torus

DIMENSIONS = (2, 3, 4, 5, 8, 16, 64)
CONCENTRATIONS = (1e-3, 0.1, 0.5, 1.9, 2.1, 5.0, 20.0, 50.0, 300.0, 1e3, 1e5)
DTYPES = (torch.float32, torch.float64)


def law(m: int, kappa: float, dtype: torch.dtype = torch.float64) -> VonMisesFisher:
    loc = torch.tensor([(-1.0) ** i / (i + 1.0) for i in range(m)], dtype=dtype)
    return VonMisesFisher(loc, torch.tensor([kappa], dtype=dtype))


def bessel_resultant(m: int, kappa: np.ndarray) -> np.ndarray:
    return scipy.special.ive(m / 2, kappa) / scipy.special.ive(m / 2 - 1, kappa)


def polar_cdf(angle: float, kappa: float, m: int) -> float:
    """The CDF by adaptive quadrature in plain numpy: a route that shares nothing with ours."""
    width = 1 / math.sqrt(1 + kappa)

    def density(x: float) -> float:
        return math.sin(x) ** (m - 2) * math.exp(kappa * (math.cos(x) - 1))

    def mass(a: float, b: float) -> float:
        breaks = [p for p in (width, 4 * width, 12 * width) if a < p < b]
        edges = [a, *breaks, b]
        return sum(
            scipy.integrate.quad(density, lo, hi, epsabs=0, epsrel=1e-13, limit=200)[0]
            for lo, hi in itertools.pairwise(edges)
        )

    return mass(0.0, angle) / mass(0.0, math.pi)


def directional_density(m: int, kappa: float) -> float:
    """Integral of exp(log_prob) over S^{m-1} in angles about the pole the law is centred on."""
    mu = torch.zeros(m, dtype=torch.float64)
    mu[0] = 1.0
    d = VonMisesFisher(mu, torch.tensor([kappa], dtype=torch.float64))
    nodes, weights = np.polynomial.legendre.leggauss(200)
    edge = min(math.pi, 14 / math.sqrt(kappa))
    angle = torch.as_tensor(0.5 * edge * (nodes + 1))
    z = torch.zeros(200, m, dtype=torch.float64)
    z[:, 0], z[:, 1] = torch.cos(angle), torch.sin(angle)
    shell = 2 * math.pi ** ((m - 1) / 2) / math.gamma((m - 1) / 2)  # area of S^{m-2}
    integrand = torch.exp(d.log_prob(z)) * torch.sin(angle) ** (m - 2) * shell
    return float(integrand @ torch.as_tensor(0.5 * edge * weights))


@pytest.mark.parametrize("m", DIMENSIONS)
@pytest.mark.parametrize("kappa", [1e-3, 0.5, 3.0, 50.0, 1e5])
def test_density_integrates_to_one(m, kappa):
    assert directional_density(m, kappa) == pytest.approx(1.0, abs=1e-9)


def test_torus_density_integrates_to_one():
    d = ProductVonMises(
        torch.tensor([1.0, 2.0, -1.0, 0.5], dtype=torch.float64),
        torch.tensor([0.7, 9.0], dtype=torch.float64),
    )
    angle = torch.linspace(0, 2 * math.pi, 129, dtype=torch.float64)[:-1]
    circle = torch.stack([angle.cos(), angle.sin()], dim=-1)
    z = torch.cat([circle.repeat_interleave(128, 0), circle.repeat(128, 1)], dim=-1)
    assert float(torch.exp(d.log_prob(z)).sum() * (2 * math.pi / 128) ** 2) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("m", DIMENSIONS)
def test_resultant_and_divergence_match_bessel_functions(m):
    kappa = torch.tensor([k for k in CONCENTRATIONS if k >= 0.1], dtype=torch.float64)
    p, k = partition(kappa, m), kappa.numpy()
    order = m / 2 - 1
    scaled = scipy.special.gammaln(m / 2) + order * np.log(2 / k) + np.log(scipy.special.ive(order, k))
    resultant = bessel_resultant(m, k)
    np.testing.assert_allclose(p.log_scaled, scaled, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(p.resultant, resultant, rtol=1e-11)
    np.testing.assert_allclose(p.divergence, k * resultant - k - scaled, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("m", DIMENSIONS)
def test_single_precision_keeps_its_digits(m):
    kappa = torch.tensor(CONCENTRATIONS)
    single, double = partition(kappa, m), partition(kappa.double(), m)
    for name in ("log_scaled", "resultant", "deficit", "divergence"):
        ratio = getattr(single, name).double() / getattr(double, name) - 1
        assert ratio.abs().max() < (3e-6 if m <= 16 else 1e-4), name


@pytest.mark.parametrize("m", DIMENSIONS)
def test_derivatives_of_the_partition(m):
    # Where the printed formula does not cancel it is the witness: 1 - A^2 - (m - 1) A / kappa.
    kappa = torch.tensor([0.1, 0.5, 1.9, 2.1, 5.0, 20.0, 100.0], dtype=torch.float64, requires_grad=True)
    p = partition(kappa, m)
    a, k = bessel_resultant(m, kappa.detach().numpy()), kappa.detach().numpy()
    slope = 1 - a**2 - (m - 1) * a / k
    for value, expected in (
        (p.resultant, slope),
        (p.deficit, -slope),
        (p.divergence, k * slope),
        (p.log_scaled, a - 1),
    ):
        (got,) = torch.autograd.grad(value.sum(), kappa, retain_graph=True)
        np.testing.assert_allclose(got, expected, rtol=1e-7)


@pytest.mark.parametrize("m", DIMENSIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_limits_of_concentration(m, dtype):
    small = partition(torch.tensor([0.0, 1e-3], dtype=dtype), m)
    assert small.resultant[0] == 0
    assert small.divergence[0] == 0
    assert float(small.resultant[1]) == pytest.approx(1e-3 / m, rel=1e-5)
    assert float(small.divergence[1]) == pytest.approx(1e-6 / (2 * m), rel=1e-5)
    large = partition(torch.tensor([1e6], dtype=dtype), m)
    assert float(large.deficit) == pytest.approx((m - 1) / 2e6, rel=1e-3)
    gaussian = 0.5 * (m - 1) * (math.log(1e6 / (2 * math.pi)) - 1)  # minus the entropy of N(0, I/kappa)
    area = math.log(2) + 0.5 * m * math.log(math.pi) - math.lgamma(m / 2)
    assert float(large.divergence) == pytest.approx(gaussian + area, rel=1e-3)


@pytest.mark.parametrize("m", [2, 3, 4, 5])
@pytest.mark.parametrize("kappa", [0.5, 10.0, 1e3])
def test_entropy_matches_scipy(m, kappa):
    expected = scipy.stats.vonmises_fisher(np.eye(m)[0], kappa).entropy()
    assert float(law(m, kappa).entropy()) == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("kappa", [0.5, 7.0])
def test_log_density_matches_scipy(kappa):
    z = torch.nn.functional.normalize(torch.randn(20, 3, dtype=torch.float64), dim=-1)
    d = law(3, kappa)
    expected = scipy.stats.vonmises_fisher(d.loc.numpy(), kappa).logpdf(z.numpy())
    np.testing.assert_allclose(d.log_prob(z), expected, rtol=1e-10)


@pytest.mark.parametrize("m", [2, 3, 5])
@pytest.mark.parametrize("kappa", [0.0, 0.5, 4.0, 100.0])
@pytest.mark.parametrize("dtype", DTYPES)
def test_samples_follow_the_polar_cdf(m, kappa, dtype):
    generator = torch.Generator().manual_seed(1)
    angle = draw_angle(torch.full((20_000,), kappa, dtype=dtype), m, generator).double().numpy()
    grid = np.linspace(0, min(math.pi, 8 / math.sqrt(kappa + 1)), 60)
    cdf = np.array([polar_cdf(a, kappa, m) if a > 0 else 0.0 for a in grid])
    empirical = np.searchsorted(np.sort(angle), grid) / angle.size
    assert np.abs(empirical - cdf).max() < 1.95 / math.sqrt(angle.size)  # Kolmogorov–Smirnov at p = 0.001


@pytest.mark.parametrize("m", [2, 3, 6])
@pytest.mark.parametrize("kappa", [1e-3, 0.3, 2.0, 8.0, 60.0, 1e3, 1e5])
def test_sensitivity_matches_differences_of_the_cdf(m, kappa):
    scale = min(1.0, math.sqrt(m / (kappa + 1)))
    angle = torch.tensor([0.05, 0.4, 0.9, 1.3, 2.2], dtype=torch.float64) * scale
    k = torch.full_like(angle, kappa)
    got = sensitivity(angle, k, partition(k, m).deficit, m)
    step = 1e-4 * kappa if kappa > 1e-2 else kappa
    for a, value in zip(angle.tolist(), got.tolist(), strict=True):
        slope = (polar_cdf(a, kappa + step, m) - polar_cdf(a, kappa - step, m)) / (2 * step)
        density = (polar_cdf(a * (1 + 1e-4), kappa, m) - polar_cdf(a * (1 - 1e-4), kappa, m)) / (2e-4 * a)
        assert value == pytest.approx(-slope / density, rel=2e-5)


def test_sensitivity_on_the_sphere_matches_its_closed_form():
    # cos(angle) = 1 + log(v + (1 - v) exp(-2 kappa)) / kappa at fixed v, differentiated by torch
    kappa = torch.tensor([0.5, 2.0, 10.0, 40.0], dtype=torch.float64, requires_grad=True).repeat_interleave(5)
    v = torch.tensor([1e-4, 0.1, 0.5, 0.9, 0.9999], dtype=torch.float64).repeat(4)
    angle = torch.acos(1 + torch.log(v + (1 - v) * torch.exp(-2 * kappa)) / kappa)
    (expected,) = torch.autograd.grad(angle.sum(), kappa)
    k = kappa.detach()
    got = sensitivity(angle.detach(), k, partition(k, 3).deficit, 3)
    np.testing.assert_allclose(got, expected, rtol=1e-7)


@pytest.mark.parametrize("m", [2, 3, 6])
def test_sensitivity_in_single_precision_at_every_quantile(m):
    kappa = torch.tensor(CONCENTRATIONS, dtype=torch.float64).repeat_interleave(200)
    angle = draw_angle(kappa.float(), m, torch.Generator().manual_seed(0))
    kappa = kappa.float()
    single = sensitivity(angle, kappa, partition(kappa, m).deficit, m).double()
    double = sensitivity(angle.double(), kappa.double(), partition(kappa.double(), m).deficit, m)
    # near the antipode the angle itself is known to 1e-7 only, and its derivative vanishes there
    assert ((single - double).abs() <= 2e-5 * double.abs() + 1e-7).all()


@pytest.mark.parametrize("m", [2, 3, 5])
@pytest.mark.parametrize("kappa", [0.5, 2.0, 10.0, 50.0])
def test_monte_carlo_gradient_of_the_resultant(m, kappa):
    """d E<mu, x>/d kappa = 1 - A^2 - (m - 1) A/kappa; the popular sampler gives half of it on the circle."""
    k = torch.full((1_000_000,), kappa)
    a = float(bessel_resultant(m, np.array(kappa)))
    leaf = k.clone().requires_grad_()
    generator = torch.Generator().manual_seed(2)
    angle = PolarAngle.apply(leaf, torch.full_like(k, 1 - a), m, generator)
    cosine = torch.cos(angle)
    (slope,) = torch.autograd.grad(cosine.sum(), leaf)
    assert float(cosine.detach().double().mean()) == pytest.approx(a, abs=5e-3)
    assert float(slope.double().mean()) == pytest.approx(1 - a**2 - (m - 1) * a / kappa, rel=0.01)


def test_monte_carlo_gradient_on_torus_factors():
    kappa = torch.tensor([0.5, 30.0], requires_grad=True)
    d = ProductVonMises(torch.tensor([1.0, 1.0, 0.0, -1.0]), kappa)
    x = d.rsample((500_000,), torch.Generator().manual_seed(3))
    along = (x * d.loc).unflatten(-1, (2, 2)).sum(-1).mean(0)
    a = bessel_resultant(2, np.array([0.5, 30.0]))
    np.testing.assert_allclose(along.detach(), a, rtol=0.01)
    (slope,) = torch.autograd.grad(along.sum(), kappa)
    np.testing.assert_allclose(slope, 1 - a**2 - a / np.array([0.5, 30.0]), rtol=0.01)


@pytest.mark.parametrize(
    "loc",
    [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (3.0, -4.0), (1.0, 0.0, 0.0), (-2.0, 0.0, 0.0), (0.0, 0.3, -0.4)],
)
def test_mean_and_gradient_in_the_location(loc):
    """E x = A mu, so d E<c, x>/d loc = A (c - <c, mu> mu)/|loc|, for un-normalised locations too."""
    v = torch.tensor(loc, dtype=torch.float64, requires_grad=True)
    d = VonMisesFisher(v, torch.tensor([5.0], dtype=torch.float64))
    x = d.rsample((200_000,), torch.Generator().manual_seed(4))
    assert bool((torch.linalg.vector_norm(x, dim=-1) - 1).abs().lt(1e-12).all())
    np.testing.assert_allclose(x.detach().mean(0), d.mean.detach(), atol=5e-3)
    c = torch.arange(1.0, len(loc) + 1, dtype=torch.float64)
    (got,) = torch.autograd.grad((x @ c).mean(), v)
    mu = d.loc.detach()
    expected = d.mean_resultant_length.detach() * (c - (c @ mu) * mu) / torch.linalg.vector_norm(v.detach())
    np.testing.assert_allclose(got, expected, atol=0.02)


@pytest.mark.parametrize("m", [2, 3, 5])
def test_pathwise_location_gradient_is_that_of_the_same_noise(m):
    v = torch.randn(m, dtype=torch.float64, generator=torch.Generator().manual_seed(5), requires_grad=True)

    def draw(loc: torch.Tensor) -> torch.Tensor:
        kappa = torch.tensor([3.0], dtype=torch.float64)
        return VonMisesFisher(loc, kappa).rsample((4,), torch.Generator().manual_seed(6))

    assert torch.autograd.gradcheck(draw, (v,))


@pytest.mark.parametrize("kappa", [0.3, 3.0, 100.0])
@pytest.mark.parametrize("m", [2, 3, 4])
def test_divergence_matches_monte_carlo(m, kappa):
    d = law(m, kappa)
    x = d.rsample((200_000,), torch.Generator().manual_seed(7))
    log_ratio = d.log_prob(x) - law(m, 0.0).log_prob(x)
    error = 4 * float(log_ratio.std()) / math.sqrt(200_000)
    assert float(d.kl_to_uniform()) == pytest.approx(float(log_ratio.mean()), abs=error)


def test_torus_density_is_the_product_over_its_angles():
    """In the template's order (cos θ, sin θ, cos φ, sin φ), against torch's own von Mises law."""
    torus, mean = Torus(2), torch.tensor([0.4, 2.0], dtype=torch.float64)
    kappa = torch.tensor([0.5, 20.0], dtype=torch.float64)
    d, u = ProductVonMises(torus.embed(mean), kappa), torus.angles(torus.sample(20, torch.Generator().manual_seed(0)))
    expected = torch.distributions.VonMises(mean, kappa).log_prob(u).sum(-1)
    np.testing.assert_allclose(d.log_prob(torus.embed(u)), expected, rtol=1e-5)
    np.testing.assert_allclose(d.loc, torus.embed(mean))


def test_torus_divergence_and_entropy_add_over_circles():
    kappa = torch.tensor([[0.5, 20.0]], dtype=torch.float64)
    d = ProductVonMises(torch.tensor([[1.0, 0.0, 0.0, 1.0]], dtype=torch.float64), kappa)
    circles = [law(2, 0.5), law(2, 20.0)]
    assert float(d.kl_to_uniform()) == pytest.approx(sum(float(c.kl_to_uniform()) for c in circles))
    assert float(d.entropy()) == pytest.approx(sum(float(c.entropy()) for c in circles))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", [2, 3, 4, 64])
def test_extremes_are_finite(m, dtype):
    kappa = torch.tensor([[0.0], [1e-20], [1e-3], [1.0], [2.0], [1e5], [1e8]], dtype=dtype, requires_grad=True)
    loc = torch.randn(7, m, dtype=dtype, generator=torch.Generator().manual_seed(8), requires_grad=True)
    d = VonMisesFisher(loc, kappa)
    x = d.rsample((5000,), torch.Generator().manual_seed(9))
    total = x.sum() + d.kl_to_uniform().sum() + d.log_prob(x).sum() + d.mean.sum() + d.entropy().sum()
    grads = torch.autograd.grad(total, (loc, kappa))
    assert all(bool(torch.isfinite(t).all()) for t in (x, total, *grads))


def test_shapes_dtypes_and_reproducibility():
    d = VonMisesFisher(torch.randn(4, 1, 3), torch.rand(5, 1))
    assert (d.batch_shape, d.event_shape) == ((4, 5), (3,))
    x = d.rsample((2, 6), torch.Generator().manual_seed(0))
    assert x.shape == (2, 6, 4, 5, 3)
    assert torch.equal(x, d.rsample((2, 6), torch.Generator().manual_seed(0)))
    assert d.log_prob(x).shape == (2, 6, 4, 5)
    assert d.mean.shape == (4, 5, 3)
    assert d.mean_resultant_length.shape == (4, 5, 1)
    assert d.entropy().shape == d.kl_to_uniform().shape == (4, 5)
    assert VonMisesFisher(torch.randn(3).half(), torch.ones(1).half()).rsample().dtype == torch.float32
    t = ProductVonMises(torch.randn(7, 6), torch.rand(7, 3))
    assert t.rsample((2,)).shape == (2, 7, 6)
    assert t.mean_resultant_length.shape == t.concentration.shape == (7, 3)
    assert t.mean.shape == t.loc.shape == (7, 6)


@pytest.mark.parametrize(
    ("loc", "concentration", "message"),
    [
        ([0.0, 0.0], [1.0], "zero"),
        ([math.nan, 1.0], [1.0], "finite"),
        ([math.inf, 1.0], [1.0], "finite"),
        ([1.0, 0.0], [-1.0], ">= 0"),
        ([1.0, 0.0], [math.inf], ">= 0"),
        ([1.0, 0.0], [1.0, 2.0], r"\(\.\.\., 1\)"),
        ([1.0], [1.0], "m >= 2"),
        ([[1.0, 0.0]] * 3, [[1.0]] * 2, "broadcast"),
        ([1, 0], [1.0], "real tensors"),
    ],
)
def test_bad_parameters_are_refused(loc, concentration, message):
    with pytest.raises(InputError, match=message):
        VonMisesFisher(torch.tensor(loc), torch.tensor(concentration))


def test_bad_points_and_products_are_refused():
    with pytest.raises(InputError, match="unit vectors"):
        law(3, 1.0).log_prob(torch.ones(3, dtype=torch.float64))
    with pytest.raises(InputError, match="shape"):
        law(3, 1.0).log_prob(torch.ones(2, dtype=torch.float64))
    with pytest.raises(InputError, match="2 q"):
        ProductVonMises(torch.ones(3), torch.ones(2))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.name)
def test_uniform_law_on_every_template(template: Manifold):
    prior, grid = Uniform(template), template.grid(400)
    mass = (torch.exp(prior.log_prob(grid.points)) * grid.weights).sum()
    assert float(mass) == pytest.approx(1.0, rel=1e-9)
    draws = prior.sample((3, 5), torch.Generator().manual_seed(0))
    assert draws.shape == (3, 5, template.embedding_dim)
    assert prior.sample().shape == (template.embedding_dim,)


@pytest.mark.parametrize(("template", "family", "n"), DISTRIBUTIONS, ids=lambda x: getattr(x, "name", ""))
def test_posteriors_on_their_templates(template, family, n):
    """Mass one, KL = Monte Carlo over the template's own uniform draws, and uniform at concentration zero."""
    generator = torch.Generator().manual_seed(10)
    mu = template.sample(1, generator)[0]
    z = template.sample(400_000, generator)
    d = family(mu, torch.full((n,), 1.3, dtype=torch.float64))
    log_ratio = d.log_prob(z) - Uniform(template).log_prob(z)
    ratio = torch.exp(log_ratio)
    assert float(ratio.mean()) == pytest.approx(1, abs=4 * float(ratio.std()) / 632)
    terms = ratio * log_ratio
    assert float(d.kl_to_uniform()) == pytest.approx(float(terms.mean()), abs=4 * float(terms.std()) / 632)
    flat = family(mu, torch.zeros(n, dtype=torch.float64))
    np.testing.assert_allclose(flat.log_prob(z[:50]), Uniform(template).log_prob(z[:50]), rtol=1e-12)
    assert float(flat.kl_to_uniform()) == 0
    assert float(d.entropy() + d.kl_to_uniform()) == pytest.approx(Uniform(template).entropy())

"""Laws that every template keeps: points, angles, distances, charts, identifications."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from cases import TEMPLATES
from numeric import close, generator

from neuromanifold import geometry, manifolds
from neuromanifold._errors import InputError
from neuromanifold.manifolds import KleinBottle, Manifold, Quotient, Sphere, Torus

each_template = pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.name)
QUOTIENTS = [t for t in TEMPLATES if isinstance(t, Quotient)]


@each_template
def test_shapes_and_names(template: Manifold) -> None:
    z = template.sample(7, generator())
    assert z.shape == (7, template.embedding_dim)
    assert z.dtype == torch.float64
    assert template.angles(z).shape == (7, template.dim)
    assert len(template.periods) == template.dim
    assert manifolds.resolve(template.name) == template
    assert manifolds.resolve(template) is template


@each_template
def test_angles_and_points_are_inverse(template: Manifold) -> None:
    z = template.sample(300, generator())
    close(template.embed(template.angles(z)), z)
    close(template.project(z), z)
    assert (template.distance(z, z).abs() < 1e-7).all()


@each_template
def test_angles_lie_in_one_period(template: Manifold) -> None:
    u = template.angles(template.sample(300, generator()))
    for column, period in zip(u.unbind(-1), template.periods, strict=True):
        assert period is None or ((column >= 0) & (column < period)).all()


@each_template
def test_angles_are_periodic(template: Manifold) -> None:
    u = template.angles(template.sample(50, generator()))
    for i, period in enumerate(template.periods):
        if period is not None:
            shifted = u.clone()
            shifted[:, i] += period
            close(template.embed(shifted), template.embed(u))


@each_template
def test_projection_is_the_nearest_point(template: Manifold) -> None:
    z = template.sample(60, generator())
    noise = torch.randn(z.shape, generator=generator(1), dtype=z.dtype)
    x = z + 0.15 * noise
    nearest = torch.linalg.vector_norm(x - template.project(x), dim=-1)
    others = torch.cdist(x, template.sample(3000, generator(2))).amin(1)
    assert (nearest <= others + 1e-12).all()


@each_template
def test_distance_is_a_metric(template: Manifold) -> None:
    a, b, c = (template.sample(100, generator(seed)) for seed in range(3))
    ab, bc, ac = template.distance(a, b), template.distance(b, c), template.distance(a, c)
    close(ab, template.distance(b, a))
    assert (ab + bc >= ac - 1e-12).all()
    # A chord of the isometric embedding is never longer than the geodesic.
    assert (torch.linalg.vector_norm(a - b, dim=-1) <= ab + 1e-12).all()


@each_template
def test_distance_is_the_length_of_short_chords(template: Manifold) -> None:
    z = template.sample(50, generator())
    tangent, second = template.frame(z)
    step = 1e-4 * torch.randn(50, template.dim, generator=generator(1), dtype=torch.float64)
    near = (tangent @ step[..., None])[..., 0] + 0.5 * torch.einsum("nmij,ni,nj->nm", second, step, step)
    distance = template.distance(z, template.project(z + near))
    torch.testing.assert_close(distance, step.norm(dim=-1), rtol=1e-6, atol=0)


@each_template
def test_distance_has_finite_gradients_where_it_vanishes(template: Manifold) -> None:
    z = template.sample(5, generator()).requires_grad_()
    (gradient,) = torch.autograd.grad((template.distance(z, z.detach()) ** 2).sum(), z)
    assert torch.isfinite(gradient).all()


@each_template
@pytest.mark.parametrize("n_points", [12, 500])
def test_grid_weights_sum_to_the_volume(template: Manifold, n_points: int) -> None:
    grid = template.grid(n_points)
    assert math.prod(grid.shape) == len(grid.points) == len(grid.weights)
    assert grid.weights.sum().item() == pytest.approx(template.volume, rel=1e-12)
    close(template.embed(grid.angles), grid.points)


# Chart ranges of the fundamental domains where they are not (0, π) or (0, period).
_CELLS = {"klein": (math.pi, 2 * math.pi), "projective": (math.pi / 2, 2 * math.pi)}


@each_template
def test_volume_is_that_of_the_embedding(template: Manifold) -> None:
    closed = template.euler != 1 or isinstance(template, Quotient)
    sides = [math.pi if closed else 2.0] * template.dim
    cells = [period or side for period, side in zip(template.periods, sides, strict=True)]
    chart = torch.tensor(_CELLS.get(template.name, cells), dtype=torch.float64)
    u = chart * torch.rand(4000, template.dim, generator=generator(), dtype=torch.float64)
    density = torch.exp(geometry.log_volume(template.embed, u))
    assert (density.mean() * chart.prod()).item() == pytest.approx(template.volume, rel=0.05)


@each_template
def test_frame_is_an_orthonormal_tangent_chart(template: Manifold) -> None:
    z = template.sample(40, generator())
    tangent, second = template.frame(z)
    close(tangent.mT @ tangent, torch.eye(template.dim, dtype=z.dtype).expand(40, -1, -1))
    close(second, second.transpose(-1, -2))
    # Walking along the chart stays on the template to third order.
    for size, bound in ((1e-2, 2e-5), (1e-3, 2e-8)):
        step = size * torch.randn(40, template.dim, generator=generator(1), dtype=torch.float64)
        walk = z + (tangent @ step[..., None])[..., 0] + 0.5 * torch.einsum("nmij,ni,nj->nm", second, step, step)
        assert (template.project(walk) - walk).norm(dim=-1).max() < bound * 10


@pytest.mark.parametrize("template", [Sphere(n) for n in (1, 2, 3, 4)] + [Torus(2)], ids=lambda t: t.name)
def test_frame_follows_the_orientation_of_the_angles(template: Manifold) -> None:
    u = template.angles(template.sample(30, generator()))
    tangent, _ = template.frame(template.embed(u))
    along_angles = geometry.jacobian(template.embed, u)
    assert (torch.linalg.det(tangent.mT @ along_angles) > 0).all()


@pytest.mark.parametrize(
    ("name", "prime", "betti"),
    [
        ("contractible", 2, (1, 0, 0)),
        ("circle", 2, (1, 1, 0)),
        ("sphere", 2, (1, 0, 1)),
        ("sphere", 3, (1, 0, 1)),
        ("torus", 2, (1, 2, 1)),
        ("torus", 3, (1, 2, 1)),
        ("klein", 2, (1, 2, 1)),
        ("klein", 3, (1, 1, 0)),
        ("projective", 2, (1, 1, 1)),
        ("projective", 3, (1, 0, 0)),
        ("sphere(3)", 2, (1, 0, 0, 1)),
        ("torus(3)", 5, (1, 3, 3, 1)),
    ],
)
def test_betti_numbers(name: str, prime: int, betti: tuple[int, ...]) -> None:
    assert manifolds.resolve(name).betti(prime) == betti


@each_template
def test_euler_characteristic_is_the_same_over_every_field(template: Manifold) -> None:
    for prime in (2, 3, 5):
        assert sum((-1) ** i * b for i, b in enumerate(template.betti(prime))) == template.euler
    with pytest.raises(InputError, match="prime"):
        template.betti(4)


@each_template
def test_lifts_lie_above_their_point(template: Manifold) -> None:
    z = template.sample(40, generator())
    lifts = template.lifts(z)
    assert lifts.shape == (2 if isinstance(template, Quotient) else 1, 40, template.cover.embedding_dim)
    for lift in lifts:
        close(template.from_cover(lift), z, 1e-9)
        close(template.cover.project(lift), lift)


@pytest.mark.parametrize("template", QUOTIENTS, ids=lambda t: t.name)
def test_identified_points_are_one_point(template: Quotient) -> None:
    w = template.cover.sample(100, generator())
    close(template.from_cover(template.identify(w)), template.from_cover(w))
    close(template.identify(template.identify(w)), w)
    # ... and no others are: the smallest distance of cover points is seen in the embedding.
    z = template.from_cover(w)
    i, j = torch.triu_indices(100, 100, offset=1)
    apart = torch.minimum(template.cover.distance(w[i], w[j]), template.cover.distance(w[i], template.identify(w[j])))
    assert ((z[i] - z[j]).norm(dim=-1) > 0.3 * apart).all()
    close(template.distance(z[i], z[j]), apart, 1e-9)


@pytest.mark.parametrize("template", QUOTIENTS, ids=lambda t: t.name)
def test_fundamental_domain(template: Quotient) -> None:
    u = template.angles(template.sample(500, generator()))
    limit = math.pi if isinstance(template, KleinBottle) else math.pi / 2
    assert ((u[:, 0] >= 0) & (u[:, 0] <= limit)).all()


def test_sphere_at_its_poles() -> None:
    poles = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]], dtype=torch.float64)
    tangent, _ = Sphere(2).frame(poles)
    close(tangent.mT @ tangent, torch.eye(2, dtype=torch.float64).expand(2, 2, 2))
    values = geometry.jacobian(geometry.Immersion("sphere", Sphere(2).harmonics(3)), poles, frame=True, on_points=True)
    assert torch.isfinite(values).all()


def test_distance_on_the_torus_is_euclidean_in_the_angles() -> None:
    u = torch.tensor([[0.1, 0.2], [6.2, 3.0]], dtype=torch.float64)
    v = torch.tensor([[0.4, 0.6], [0.1, 3.0]], dtype=torch.float64)
    expected = torch.tensor([0.5, 0.1 + 2 * math.pi - 6.2], dtype=torch.float64)
    close(Torus(2).distance(Torus(2).embed(u), Torus(2).embed(v)), expected, 1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@each_template
def test_dtype_is_kept(template: Manifold, dtype: torch.dtype) -> None:
    z = template.sample(4, generator()).to(dtype)
    u = template.angles(z)
    outputs = [u, template.embed(u), template.project(z), template.distance(z, z), *template.frame(z)]
    outputs += [template.lifts(z), template.harmonics(2)(z)]
    assert all(out.dtype == dtype for out in outputs)


@each_template
def test_no_tensor_leaves_its_device(template: Manifold) -> None:
    u = torch.zeros(5, template.dim, device="meta")
    z = template.embed(u)
    outputs = [z, template.angles(z), template.distance(z, z), *template.frame(z), template.lifts(z)]
    outputs += [template.project(z), template.harmonics(2).to("meta")(z)]
    assert all(out.device.type == "meta" for out in outputs)


@each_template
def test_wrong_shapes_are_refused(template: Manifold) -> None:
    with pytest.raises(InputError, match=r"last axis|coordinates"):
        template.embed(torch.zeros(3, template.dim + 1))
    with pytest.raises(InputError, match=r"last axis|coordinates"):
        template.angles(torch.zeros(3, template.embedding_dim + 2))


@pytest.mark.parametrize("name", ["doughnut", "sphere(x)", "cube(3)", 3])
def test_unknown_templates_are_listed(name: object) -> None:
    with pytest.raises(InputError, match="klein"):
        manifolds.resolve(name)  # type: ignore[arg-type]


def test_names_are_unique() -> None:
    assert all(a.name != b.name for a, b in itertools.combinations(TEMPLATES, 2))


@each_template
def test_geomstats_space_has_the_same_dimension(template: Manifold) -> None:
    assert template.geomstats_space().dim == template.dim


def test_geomstats_distances_agree() -> None:
    for template in (Sphere(1), Sphere(2), Sphere(3)):
        z, w = template.sample(5, generator()), template.sample(5, generator(1))
        theirs = template.geomstats_space().metric.dist(z.numpy(), w.numpy())
        close(template.distance(z, w), torch.from_numpy(theirs), 1e-6)

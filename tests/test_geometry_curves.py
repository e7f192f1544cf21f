"""Lengths, geodesics and distances."""

from __future__ import annotations

import math

import pytest
import torch
from cases import TEMPLATES
from numeric import close, generator, spd
from torch import Tensor

from neuromanifold import geometry, manifolds
from neuromanifold._errors import InputError
from neuromanifold.geometry import Immersion, intrinsic
from neuromanifold.manifolds import Euclidean, KleinBottle, Manifold, Sphere, Torus

each_template = pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.name)
CLOSED = [t for t in manifolds.TEMPLATES if not isinstance(t, Euclidean)]


def _cylinder(u: Tensor) -> Tensor:
    return torch.stack([torch.cos(u[0]), torch.sin(u[0]), u[1]])


def _ring(z: Tensor) -> Tensor:
    """Torus of revolution, radii 2 and 1, from points of the template."""
    tube, height, x, y = z.unbind(-1)
    return torch.stack([(2 + tube) * x, (2 + tube) * y, height], -1)


def _stretched(z: Tensor) -> Tensor:
    """The round sphere, reparametrised."""
    w = z * torch.tensor([1.0, 1.6, 0.7], dtype=z.dtype)
    return w / torch.linalg.vector_norm(w, dim=-1, keepdim=True)


def test_length_and_energy_of_a_helix() -> None:
    helix = lambda t: torch.cat([2 * t, t])  # noqa: E731
    close(geometry.length(_cylinder, helix), torch.tensor(5**0.5, dtype=torch.float64))
    close(geometry.energy(_cylinder, helix), torch.tensor(5.0, dtype=torch.float64))
    uneven = lambda t: torch.cat([2 * t**2, t**2])  # noqa: E731
    close(geometry.length(_cylinder, uneven), torch.tensor(5**0.5, dtype=torch.float64))
    assert geometry.energy(_cylinder, uneven) > 5.1


def test_length_of_a_polygon() -> None:
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0], [4.0, 2.0]])
    close(geometry.length(_cylinder, corners), torch.tensor(6.0, dtype=torch.float64))
    close(geometry.length(_cylinder, corners[:2]), torch.tensor(1.0, dtype=torch.float64))
    close(geometry.energy(_cylinder, corners), torch.tensor(3.0 * (1 + 4 + 9), dtype=torch.float64))
    ambient = torch.diag(torch.tensor([1.0, 1.0, 4.0], dtype=torch.float64))
    close(geometry.length(_cylinder, corners, ambient=ambient), torch.tensor(8.0, dtype=torch.float64))
    with pytest.raises(InputError, match="polygon"):
        geometry.length(_cylinder, corners[:1])


@each_template
def test_geodesics_of_templates(template: Manifold) -> None:
    """The embeddings are isometric, so the geodesics are great circles and straight lines, the right way
    round.
    """
    z, w = template.sample(15, generator()), template.sample(15, generator(1))
    f = Immersion(template, lambda z: 2 * z)
    found = geometry.geodesic(f, z, w, on_points=True)
    close(found.length, 2 * template.distance(z, w))
    close(found.energy, found.length**2)
    assert found.converged.all()
    ends = template.embed(found.coordinates[:, [0, -1]])
    close(ends, torch.stack([z, w], 1), 1e-7)


@pytest.mark.parametrize("template", [Sphere(1), Torus(1)], ids=lambda t: t.name)
def test_geodesics_go_the_longer_way_round_where_it_is_shorter(template: Manifold) -> None:
    """A hill stands on the shorter of the two arcs."""
    f = Immersion(template, lambda z: z * (1 + 3 * torch.exp(4 * (z[..., :1] - 1))))
    start, end = torch.tensor([[1.0]], dtype=torch.float64), torch.tensor([[-1.0]], dtype=torch.float64)
    found = geometry.geodesic(f, start, end)
    around = geometry.length(f, lambda t: 1 + (2 * math.pi - 2) * t)
    close(found.length, around[None], 1e-7)
    assert float(around) < 0.9 * float(geometry.length(f, lambda t: 1 - 2 * t))


def test_geodesics_do_not_depend_on_the_parametrisation() -> None:
    z, w = Sphere(2).sample(6, generator()), Sphere(2).sample(6, generator(1))
    f = Immersion("sphere", _stretched)
    found = geometry.geodesic(f, z, w, on_points=True, n_modes=20)
    close(found.length, Sphere(2).distance(f.on_points(z), f.on_points(w)), 1e-6)
    # They run along great circles of the image, at constant speed.
    path = f(found.coordinates)
    steps = Sphere(2).distance(path[:, 1:], path[:, :-1])
    close(steps, (found.length / 32)[:, None].expand_as(steps), 1e-4)


def test_geodesics_through_poles_and_between_equal_points() -> None:
    u = torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    v = torch.tensor([[math.pi, 0.0], [1.0, 2.0], [1.0, 1.0]], dtype=torch.float64)
    found = geometry.geodesic(Immersion("sphere", lambda z: z), u, v)
    close(found.length, torch.tensor([math.pi, 1.0, 0.0], dtype=torch.float64))


def test_geodesics_on_a_cylinder_and_in_a_metric() -> None:
    start, end = torch.tensor([0.0, 0.0]), torch.tensor([2.0, 1.0])
    close(geometry.geodesic(_cylinder, start, end).length, torch.tensor([5**0.5], dtype=torch.float64))
    half_plane = lambda u: torch.eye(2, dtype=u.dtype) / u[1] ** 2  # noqa: E731
    found = geometry.metric_geodesic(half_plane, torch.tensor([-1.0, 1.0]), torch.tensor([1.0, 1.0]), n_modes=24)
    # cosh d = 1 + |Δ|²/(2 y y'); the geodesic is an arc of the circle of radius √2.
    close(found.length, torch.tensor([math.acosh(3.0)], dtype=torch.float64))
    close(found.coordinates.norm(dim=-1), torch.full((1, 33), 2**0.5, dtype=torch.float64), 1e-6)


def test_geodesics_in_an_ambient_metric() -> None:
    u = torch.rand(4, 2, generator=generator(), dtype=torch.float64)
    v = u + 0.5
    f = lambda w: _ring(Torus(2).embed(w))  # noqa: E731
    varying = lambda x: torch.eye(3, dtype=x.dtype) * (1 + (x**2).sum(-1))[..., None, None]  # noqa: E731
    for ambient in (spd(3), varying):
        ours = geometry.geodesic(f, u, v, ambient=ambient)
        intrinsically = geometry.metric_geodesic(intrinsic.pullback(f, ambient=ambient), u, v)
        close(ours.length, intrinsically.length)


def test_geodesics_join_pairs() -> None:
    with pytest.raises(InputError, match="pairs"):
        geometry.geodesic(_cylinder, torch.zeros(2, 2), torch.zeros(3, 2))


@pytest.mark.parametrize("template", [Sphere(1), Sphere(2), Sphere(3)], ids=lambda t: t.name)
def test_exponential_map_of_spheres(template: Sphere) -> None:
    z = template.sample(5, generator())
    z[0] = torch.eye(template.embedding_dim, dtype=torch.float64)[-1]
    v = torch.randn(z.shape, generator=generator(1), dtype=torch.float64)
    v = v - (v * z).sum(-1, keepdim=True) * z
    speed = v.norm(dim=-1, keepdim=True)
    exact = z * torch.cos(speed) + v / speed * torch.sin(speed)
    errors = []
    for n_steps in (25, 50, 100):
        path = geometry.exponential(Immersion(template, lambda z: 3 * z), z, v, on_points=True, n_steps=n_steps)
        assert path.shape == (5, n_steps + 1, template.embedding_dim)
        errors.append(float((path[:, -1] - exact).abs().max()))
    # Of order 4: halving the step divides the error by sixteen.
    assert errors[2] < 1e-5
    assert errors[0] / errors[1] > 12
    assert errors[1] / errors[2] > 12


@pytest.mark.parametrize("template", [Torus(2), KleinBottle()], ids=lambda t: t.name)
def test_exponential_map_of_flat_templates(template: Manifold) -> None:
    u = template.angles(template.sample(4, generator()))
    v = torch.randn(4, 2, generator=generator(1), dtype=torch.float64)
    path = geometry.exponential(Immersion(template, lambda z: z), u, v, n_steps=100)
    close(template.embed(path[:, -1]), template.embed(u + v), 1e-7)


def test_exponential_map_in_an_ambient_metric() -> None:
    """``A = L Lᵀ`` is the Euclidean geometry of ``Lᵀ f``."""
    ambient = spd(3)
    factor = torch.linalg.cholesky(ambient)
    u = 6 * torch.rand(4, 2, generator=generator(), dtype=torch.float64)
    v = 0.4 * torch.randn(4, 2, generator=generator(1), dtype=torch.float64)
    found = geometry.exponential(Immersion("torus", _ring), u, v, ambient=ambient, n_steps=10)
    close(found, geometry.exponential(Immersion("torus", lambda z: _ring(z) @ factor), u, v, n_steps=10))


def test_exponential_map_and_geodesics_are_inverse() -> None:
    f = Immersion("torus", _ring)
    u = 6 * torch.rand(6, 2, generator=generator(), dtype=torch.float64)
    v = 0.4 * torch.randn(6, 2, generator=generator(1), dtype=torch.float64)
    speed = torch.einsum("ni,nij,nj->n", v, geometry.pullback_metric(f, u), v).sqrt()
    end = geometry.exponential(f, u, v, n_steps=50)[:, -1]
    close(geometry.geodesic(f, u, end).length, speed, 1e-7)
    # The same in the chart, without a template.
    chart = geometry.exponential(lambda w: f(w), u, v, n_steps=50)[:, -1]
    close(Torus(2).embed(chart), Torus(2).embed(end), 1e-6)


@pytest.mark.parametrize("template", CLOSED, ids=lambda t: t.name)
def test_distance_matrix(template: Manifold) -> None:
    z = template.sample(40, generator())
    found = geometry.distance_matrix(Immersion(template, lambda z: 2 * z), z, on_points=True, n_nodes=2000)
    expected = 2 * template.distance(z[:, None], z[None])
    assert (found >= expected - 1e-6).all()
    assert (found <= 1.03 * expected + 0.01).all()
    close(found, found.mT)
    if template.dim == 1:
        close(found, expected)


def test_lengths_need_no_second_derivatives() -> None:
    t = torch.linspace(-1, 1, 9, dtype=torch.float64)[:, None]
    close(geometry.distance_matrix(torch.nn.ReLU(), t), torch.cdist(t.relu(), t.relu()))
    close(geometry.distance_matrix(torch.nn.ReLU(), t[-1:]), torch.zeros(1, 1, dtype=torch.float64))
    close(geometry.length(torch.nn.ReLU(), t), torch.tensor(1.0, dtype=torch.float64))


def test_distance_matrix_of_maps_without_a_template() -> None:
    t = torch.linspace(0, 1, 20, dtype=torch.float64)[:, None]
    circle = lambda u: 3 * torch.cat([torch.cos(6 * u), torch.sin(6 * u)])  # noqa: E731
    close(geometry.distance_matrix(circle, t), 18 * (t - t.mT).abs())
    u = 2 * torch.rand(200, 2, generator=generator(), dtype=torch.float64)
    found, expected = geometry.distance_matrix(_cylinder, u), torch.cdist(u, u)
    assert ((found - expected).abs() <= 0.02 * expected + 0.01).all()
    far = torch.cat([u, u + 100])
    with pytest.raises(InputError, match="pieces"):
        geometry.distance_matrix(_cylinder, far, n_neighbors=6)

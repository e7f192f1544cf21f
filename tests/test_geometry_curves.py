"""Lengths, geodesics, distances, distortions and integrals over whole templates."""

from __future__ import annotations

import math

import pytest
import torch
from cases import TEMPLATES
from torch import Tensor

from neuromanifold import geometry, manifolds
from neuromanifold._errors import InputError
from neuromanifold.geometry import Immersion, intrinsic
from neuromanifold.manifolds import Euclidean, KleinBottle, Manifold, ProjectivePlane, Sphere, Torus

each_template = pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.name)
CLOSED = [t for t in manifolds.TEMPLATES if not isinstance(t, Euclidean)]
SURFACES = [t for t in CLOSED if t.dim == 2]


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _close(a: Tensor, b: Tensor, tolerance: float = 1e-9) -> None:
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


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


def _smooth(template: Manifold, order: int = 3) -> Immersion:
    harmonics = template.harmonics(order)
    weights = torch.randn(len(harmonics), 10, generator=_generator(), dtype=torch.float64)
    return Immersion(template, lambda z: harmonics(z) @ (weights / (1 + harmonics.eigenvalues[:, None])))


# -- lengths -----------------------------------------------------------------------------------------------


def test_length_and_energy_of_a_helix() -> None:
    helix = lambda t: torch.cat([2 * t, t])  # noqa: E731
    _close(geometry.length(_cylinder, helix), torch.tensor(5**0.5, dtype=torch.float64))
    _close(geometry.energy(_cylinder, helix), torch.tensor(5.0, dtype=torch.float64))
    uneven = lambda t: torch.cat([2 * t**2, t**2])  # noqa: E731
    _close(geometry.length(_cylinder, uneven), torch.tensor(5**0.5, dtype=torch.float64))
    assert geometry.energy(_cylinder, uneven) > 5.1


def test_length_of_a_polygon() -> None:
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]])
    _close(geometry.length(_cylinder, corners), torch.tensor(3.0, dtype=torch.float64))
    ambient = torch.diag(torch.tensor([1.0, 1.0, 4.0], dtype=torch.float64))
    _close(geometry.length(_cylinder, corners, ambient=ambient), torch.tensor(5.0, dtype=torch.float64))
    with pytest.raises(InputError, match="polygon"):
        geometry.length(_cylinder, corners[:1])


# -- geodesics ---------------------------------------------------------------------------------------------


@each_template
def test_geodesics_of_templates(template: Manifold) -> None:
    """The embeddings are isometric, so the geodesics are great circles and straight lines, the right way
    round.
    """
    z, w = template.sample(15, _generator()), template.sample(15, _generator(1))
    f = Immersion(template, lambda z: 2 * z)
    found = geometry.geodesic(f, z, w, on_points=True)
    _close(found.length, 2 * template.distance(z, w))
    _close(found.energy, found.length**2)
    assert found.converged.all()
    ends = template.embed(found.coordinates[:, [0, -1]])
    _close(ends, torch.stack([z, w], 1), 1e-7)


def test_geodesics_do_not_depend_on_the_parametrisation() -> None:
    z, w = Sphere(2).sample(6, _generator()), Sphere(2).sample(6, _generator(1))
    f = Immersion("sphere", _stretched)
    found = geometry.geodesic(f, z, w, on_points=True, n_modes=20)
    _close(found.length, Sphere(2).distance(f.on_points(z), f.on_points(w)), 1e-6)
    # They run along great circles of the image, at constant speed.
    path = f(found.coordinates)
    steps = Sphere(2).distance(path[:, 1:], path[:, :-1])
    _close(steps, (found.length / 32)[:, None].expand_as(steps), 1e-4)


def test_geodesics_through_poles_and_between_equal_points() -> None:
    u = torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    v = torch.tensor([[math.pi, 0.0], [1.0, 2.0], [1.0, 1.0]], dtype=torch.float64)
    found = geometry.geodesic(Immersion("sphere", lambda z: z), u, v)
    _close(found.length, torch.tensor([math.pi, 1.0, 0.0], dtype=torch.float64))


def test_geodesics_on_a_cylinder_and_in_a_metric() -> None:
    start, end = torch.tensor([0.0, 0.0]), torch.tensor([2.0, 1.0])
    _close(geometry.geodesic(_cylinder, start, end).length, torch.tensor([5**0.5], dtype=torch.float64))
    half_plane = lambda u: torch.eye(2, dtype=u.dtype) / u[1] ** 2  # noqa: E731
    found = geometry.metric_geodesic(half_plane, torch.tensor([-1.0, 1.0]), torch.tensor([1.0, 1.0]), n_modes=24)
    # cosh d = 1 + |Δ|²/(2 y y'); the geodesic is an arc of the circle of radius √2.
    _close(found.length, torch.tensor([math.acosh(3.0)], dtype=torch.float64))
    _close(found.coordinates.norm(dim=-1), torch.full((1, 33), 2**0.5, dtype=torch.float64), 1e-6)


def test_geodesics_in_an_ambient_metric() -> None:
    u = torch.rand(4, 2, generator=_generator(), dtype=torch.float64)
    v = u + 0.5
    f = lambda w: _ring(Torus(2).embed(w))  # noqa: E731
    varying = lambda x: torch.eye(3, dtype=x.dtype) * (1 + (x**2).sum(-1))[..., None, None]  # noqa: E731
    constant = torch.diag(torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    for ambient in (constant, varying):
        ours = geometry.geodesic(f, u, v, ambient=ambient)
        intrinsically = geometry.metric_geodesic(intrinsic.pullback(f, ambient=ambient), u, v)
        _close(ours.length, intrinsically.length)


def test_geodesics_join_pairs() -> None:
    with pytest.raises(InputError, match="pairs"):
        geometry.geodesic(_cylinder, torch.zeros(2, 2), torch.zeros(3, 2))


@pytest.mark.parametrize("template", [Sphere(1), Sphere(2), Sphere(3)], ids=lambda t: t.name)
def test_exponential_map_of_spheres(template: Sphere) -> None:
    z = template.sample(5, _generator())
    z[0] = torch.eye(template.embedding_dim, dtype=torch.float64)[-1]
    v = torch.randn(z.shape, generator=_generator(1), dtype=torch.float64)
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
    u = template.angles(template.sample(4, _generator()))
    v = torch.randn(4, 2, generator=_generator(1), dtype=torch.float64)
    path = geometry.exponential(Immersion(template, lambda z: z), u, v, n_steps=100)
    _close(template.embed(path[:, -1]), template.embed(u + v), 1e-7)


def test_exponential_map_and_geodesics_are_inverse() -> None:
    f = Immersion("torus", _ring)
    u = 6 * torch.rand(6, 2, generator=_generator(), dtype=torch.float64)
    v = 0.4 * torch.randn(6, 2, generator=_generator(1), dtype=torch.float64)
    speed = torch.einsum("ni,nij,nj->n", v, geometry.pullback_metric(f, u), v).sqrt()
    end = geometry.exponential(f, u, v, n_steps=50)[:, -1]
    _close(geometry.geodesic(f, u, end).length, speed, 1e-7)
    # The same in the chart, without a template.
    chart = geometry.exponential(lambda w: f(w), u, v, n_steps=50)[:, -1]
    _close(Torus(2).embed(chart), Torus(2).embed(end), 1e-6)


# -- distances ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", CLOSED, ids=lambda t: t.name)
def test_distance_matrix(template: Manifold) -> None:
    z = template.sample(40, _generator())
    found = geometry.distance_matrix(Immersion(template, lambda z: 2 * z), z, on_points=True, n_nodes=2000)
    expected = 2 * template.distance(z[:, None], z[None])
    assert (found >= expected - 1e-6).all()
    assert (found <= 1.03 * expected + 0.01).all()
    _close(found, found.mT)
    if template.dim == 1:
        _close(found, expected)


def test_distance_matrix_of_maps_without_a_template() -> None:
    t = torch.linspace(0, 1, 20, dtype=torch.float64)[:, None]
    circle = lambda u: 3 * torch.cat([torch.cos(6 * u), torch.sin(6 * u)])  # noqa: E731
    _close(geometry.distance_matrix(circle, t), 18 * (t - t.mT).abs())
    u = 2 * torch.rand(200, 2, generator=_generator(), dtype=torch.float64)
    found, expected = geometry.distance_matrix(_cylinder, u), torch.cdist(u, u)
    assert ((found - expected).abs() <= 0.02 * expected + 0.01).all()
    far = torch.cat([u, u + 100])
    with pytest.raises(InputError, match="pieces"):
        geometry.distance_matrix(_cylinder, far, n_neighbors=6)


# -- distortion --------------------------------------------------------------------------------------------


def _longitude(z: Tensor) -> Tensor:
    return torch.atan2(z[:, 1], z[:, 0])


@pytest.mark.parametrize(
    ("projection", "kind"),
    [
        (lambda z: torch.stack([_longitude(z), torch.atanh(z[:, 2])], -1), "conformal"),
        (lambda z: z[:, :2] / (1 - z[:, 2:]), "conformal"),
        (lambda z: torch.stack([_longitude(z), z[:, 2]], -1), "area"),
        (lambda z: z[:, :2] * (2 / (1 + z[:, 2:])).sqrt(), "area"),
        (lambda z: 3 * z, "scaled_isometric"),
        (lambda z: z, "isometric"),
    ],
    ids=["Mercator", "stereographic", "cylindrical equal-area", "azimuthal equal-area", "scaling", "identity"],
)
def test_what_map_projections_keep(projection: object, kind: str) -> None:
    z = Sphere(2).sample(50, _generator())
    z = z[z[:, 2].abs() < 0.95]
    figures = geometry.distortion(Immersion("sphere", projection), z, on_points=True).mean()  # type: ignore[arg-type]
    implied = {
        "isometric": {"isometric", "scaled_isometric", "conformal", "area"},
        "scaled_isometric": {"scaled_isometric", "conformal", "area"},
    }.get(kind, {kind})
    for name, figure in figures.items():
        assert (figure < 1e-18) == (name in implied), name


def test_distortions_are_those_of_the_eigenvalues() -> None:
    root = torch.randn(7, 3, 3, generator=_generator(), dtype=torch.float64)
    metric = root @ root.mT
    values = torch.linalg.eigvalsh(metric)
    _close(geometry.isometric_distortion(metric), ((1 - values) ** 2).sum(-1))
    mean = values.mean(-1, keepdim=True)
    _close(geometry.conformal_distortion(metric), ((1 - values / mean) ** 2).sum(-1))
    trace, square = values.sum(-1), (values**2).sum(-1)
    relaxed = 9 * square.mean() / trace.mean() ** 2 - 3
    _close(geometry.scaled_isometric_distortion(metric).mean(), relaxed)
    volume = values.prod(-1).sqrt()
    _close(geometry.area_distortion(metric), (1 - volume / volume.mean()) ** 2)


def test_distortion_is_invariant_under_rotations_of_the_coordinates_only() -> None:
    f = lambda u: torch.stack([u[0], u[1] ** 2, u[0] * u[1]])  # noqa: E731
    u = torch.randn(6, 2, generator=_generator(), dtype=torch.float64)
    turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64)
    old = geometry.distortion(f, u).mean()
    turned = geometry.distortion(lambda v: f(turn @ v), u @ turn).mean()
    stretched = geometry.distortion(lambda v: f(2 * v), u / 2).mean()
    for name, figure in old.items():
        _close(turned[name], figure)
    assert (stretched["isometric"] - old["isometric"]).abs() > 1e-3


# -- integrals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", SURFACES, ids=lambda t: t.name)
def test_gauss_bonnet(template: Manifold) -> None:
    residual = geometry.gauss_bonnet_residual(_smooth(template, order=2), 4000)
    assert residual.abs() < 1e-3
    totals = geometry.totals(_smooth(template, order=2), 4000)
    _close(totals.total_curvature, torch.tensor(2 * math.pi * template.euler, dtype=torch.float64), 1e-3)
    assert totals.singular_fraction == 0


@pytest.mark.parametrize("radius", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_round_spheres_have_dimensionless_curvature_one(n: int, radius: float) -> None:
    totals = geometry.totals(Immersion(Sphere(n), lambda z: radius * z), 300)
    one = torch.tensor(1.0, dtype=torch.float64)
    _close(totals.dimensionless_mean_curvature, one)
    _close(totals.mean_curvature * radius, one)
    _close(totals.volume / (radius**n * Sphere(n).volume), one)


def test_totals_of_known_shapes() -> None:
    ring = geometry.totals(Immersion("torus", _ring), 2500)
    _close(ring.volume, torch.tensor(8 * math.pi**2, dtype=torch.float64))
    _close(ring.total_curvature, torch.tensor(0.0, dtype=torch.float64))
    # Fenchel: the total curvature of a closed curve is at least 2π, and 2π for a convex plane one.
    oval = geometry.totals(Immersion("circle", lambda z: z * torch.tensor([3.0, 1.0], dtype=z.dtype)), 400)
    _close(oval.total_curvature, torch.tensor(2 * math.pi, dtype=torch.float64))
    knot = geometry.totals(_smooth(Sphere(1)), 400)
    assert knot.total_curvature > 2 * math.pi
    assert knot.gauss_bonnet_residual.isnan()


def test_singular_points_are_left_out_of_integrals_and_counted() -> None:
    totals = geometry.totals(Immersion("circle", lambda z: torch.stack([z[:, 0] ** 2, z[:, 0] ** 3], -1)), 100)
    assert totals.singular_fraction > 0
    assert torch.isfinite(totals.total_curvature)


def test_gauss_bonnet_needs_a_closed_surface() -> None:
    for template in (Euclidean(2), Sphere(1), Torus(3)):
        with pytest.raises(InputError, match="closed"):
            geometry.gauss_bonnet_residual(Immersion(template, lambda z: z))


def test_integrals_reuse_what_is_known() -> None:
    f = _smooth(ProjectivePlane())
    grid = f.template.grid(500)
    local = geometry.local_geometry(f, grid.points, on_points=True)
    _close(geometry.totals(f, 500).volume, geometry.totals(f, local=local, grid=grid).volume)
    _close(geometry.volume(f, 500), geometry.totals(f, 500).volume)

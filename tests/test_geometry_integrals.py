"""Distortions, and integrals over whole templates."""

from __future__ import annotations

import math

import pytest
import torch
from numeric import close, generator
from torch import Tensor

from neuromanifold import geometry, manifolds
from neuromanifold._errors import InputError
from neuromanifold.geometry import Immersion
from neuromanifold.manifolds import Euclidean, Manifold, ProjectivePlane, Sphere, Torus

CLOSED = [t for t in manifolds.TEMPLATES if not isinstance(t, Euclidean)]
SURFACES = [t for t in CLOSED if t.dim == 2]


def _ring(z: Tensor) -> Tensor:
    """Torus of revolution, radii 2 and 1, from points of the template."""
    tube, height, x, y = z.unbind(-1)
    return torch.stack([(2 + tube) * x, (2 + tube) * y, height], -1)


def _smooth(template: Manifold, order: int = 3) -> Immersion:
    harmonics = template.harmonics(order)
    weights = torch.randn(len(harmonics), 10, generator=generator(), dtype=torch.float64)
    return Immersion(template, lambda z: harmonics(z) @ (weights / (1 + harmonics.eigenvalues[:, None])))


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
    z = Sphere(2).sample(50, generator())
    z = z[z[:, 2].abs() < 0.95]
    figures = geometry.distortion(Immersion("sphere", projection), z, on_points=True).mean()  # type: ignore[arg-type]
    implied = {
        "isometric": {"isometric", "scaled_isometric", "conformal", "area"},
        "scaled_isometric": {"scaled_isometric", "conformal", "area"},
    }.get(kind, {kind})
    for name, figure in figures.items():
        assert (figure < 1e-18) == (name in implied), name


def test_distortions_are_those_of_the_eigenvalues() -> None:
    root = torch.randn(7, 3, 3, generator=generator(), dtype=torch.float64)
    metric = root @ root.mT
    values = torch.linalg.eigvalsh(metric)
    close(geometry.isometric_distortion(metric), ((1 - values) ** 2).sum(-1))
    mean = values.mean(-1, keepdim=True)
    close(geometry.conformal_distortion(metric), ((1 - values / mean) ** 2).sum(-1))
    trace, square = values.sum(-1), (values**2).sum(-1)
    relaxed = 9 * square.mean() / trace.mean() ** 2 - 3
    close(geometry.scaled_isometric_distortion(metric).mean(), relaxed)
    volume = values.prod(-1).sqrt()
    close(geometry.area_distortion(metric), (1 - volume / volume.mean()) ** 2)


def test_weights_are_how_often_a_point_counts() -> None:
    root = torch.randn(5, 2, 2, generator=generator(), dtype=torch.float64)
    metric, counts = root @ root.mT, torch.tensor([1, 2, 1, 4, 3])
    for distortion in (geometry.scaled_isometric_distortion, geometry.area_distortion):
        repeated = distortion(metric.repeat_interleave(counts, 0))
        close(distortion(metric, counts.double()).repeat_interleave(counts), repeated)


def test_distortion_is_invariant_under_rotations_of_the_coordinates_only() -> None:
    f = lambda u: torch.stack([u[0], u[1] ** 2, u[0] * u[1]])  # noqa: E731
    u = torch.randn(6, 2, generator=generator(), dtype=torch.float64)
    turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64)
    old = geometry.distortion(f, u).mean()
    turned = geometry.distortion(lambda v: f(turn @ v), u @ turn).mean()
    stretched = geometry.distortion(lambda v: f(2 * v), u / 2).mean()
    for name, figure in old.items():
        close(turned[name], figure)
    assert (stretched["isometric"] - old["isometric"]).abs() > 1e-3


@pytest.mark.parametrize("template", SURFACES, ids=lambda t: t.name)
def test_gauss_bonnet(template: Manifold) -> None:
    residual = geometry.gauss_bonnet_residual(_smooth(template, order=2), 4000)
    assert residual.abs() < 1e-3
    totals = geometry.totals(_smooth(template, order=2), 4000)
    close(totals.total_curvature, torch.tensor(2 * math.pi * template.euler, dtype=torch.float64), 1e-3)
    assert totals.singular_fraction == 0


@pytest.mark.parametrize("radius", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_round_spheres_have_dimensionless_curvature_one(n: int, radius: float) -> None:
    totals = geometry.totals(Immersion(Sphere(n), lambda z: radius * z), 300)
    one = torch.tensor(1.0, dtype=torch.float64)
    close(totals.dimensionless_mean_curvature, one)
    close(totals.mean_curvature * radius, one)
    close(totals.volume / (radius**n * Sphere(n).volume), one)


def test_totals_of_known_shapes() -> None:
    ring = geometry.totals(Immersion("torus", _ring), 2500)
    close(ring.volume, torch.tensor(8 * math.pi**2, dtype=torch.float64))
    close(ring.total_curvature, torch.tensor(0.0, dtype=torch.float64))
    # Fenchel: the total curvature of a closed curve is at least 2π, and 2π for a convex plane one.
    oval = geometry.totals(Immersion("circle", lambda z: z * torch.tensor([3.0, 1.0], dtype=z.dtype)), 400)
    close(oval.total_curvature, torch.tensor(2 * math.pi, dtype=torch.float64))
    knot = geometry.totals(_smooth(Sphere(1)), 400)
    assert knot.total_curvature > 2 * math.pi
    assert knot.gauss_bonnet_residual.isnan()


def test_singular_points_are_left_out_of_integrals_and_counted() -> None:
    totals = geometry.totals(Immersion("circle", lambda z: torch.stack([z[:, 0] ** 2, z[:, 0] ** 3], -1)), 100)
    assert totals.singular_fraction > 0
    assert torch.isfinite(totals.total_curvature)
    # The fraction is of the template: 49 of the grid's hundred points have a sine below -0.01.
    cut = geometry.totals(Immersion("circle", lambda z: torch.stack([z[:, 0], (z[:, 1] + 0.01).log()], -1)), 100)
    close(cut.singular_fraction, torch.tensor(0.49, dtype=torch.float64))


def test_gauss_bonnet_needs_a_closed_surface() -> None:
    for template in (Euclidean(2), Sphere(1), Torus(3)):
        with pytest.raises(InputError, match="closed"):
            geometry.gauss_bonnet_residual(Immersion(template, lambda z: z))


def test_integrals_reuse_what_is_known() -> None:
    f = _smooth(ProjectivePlane())
    grid = f.template.grid(500)
    local = geometry.local_geometry(f, grid.points, on_points=True)
    close(geometry.totals(f, 500).volume, geometry.totals(f, local=local, grid=grid).volume)
    close(geometry.volume(f, 500), geometry.totals(f, 500).volume)

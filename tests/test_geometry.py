"""Curvatures against closed forms, and by two routes that have little in common."""

from __future__ import annotations

import pytest
import torch
from cases import IMMERSIONS, Case
from numeric import close, full, generator, normal, rotation, spd
from torch import Tensor

from neuromanifold import geometry
from neuromanifold.geometry import intrinsic
from neuromanifold.manifolds import Sphere, Torus

each_case = pytest.mark.parametrize("case", IMMERSIONS, ids=lambda c: c.name)


@each_case
def test_closed_forms(case: Case) -> None:
    u = case.points()
    local = geometry.local_geometry(case.f, u)
    close(local.mean_curvature_norm, case.mean_curvature(u))
    close(local.scalar_curvature, case.scalar(u))
    close(local.log_volume, case.log_volume(u))
    close(local.second_form_sq, (case.k * case.mean_curvature(u)) ** 2 - case.scalar(u))
    assert local.finite.all()
    assert (local.rank == case.k).all()


@each_case
def test_closed_forms_in_a_hundred_dimensions(case: Case) -> None:
    u = case.points(5)
    d = len(case.f(u[0]))
    turn, shift = rotation(100)[:, :d], torch.linspace(-3, 3, 100, dtype=torch.float64)
    local = geometry.local_geometry(lambda v: turn @ case.f(v) + shift, u)
    close(local.mean_curvature_norm, case.mean_curvature(u))
    close(local.scalar_curvature, case.scalar(u))
    close(local.log_volume, case.log_volume(u))


@each_case
def test_functions_agree_with_local_geometry(case: Case) -> None:
    u = case.points(6)
    local = geometry.local_geometry(case.f, u)
    close(geometry.mean_curvature(case.f, u), local.mean_curvature)
    close(geometry.mean_curvature_norm(case.f, u), local.mean_curvature_norm)
    close(geometry.scalar_curvature(case.f, u), local.scalar_curvature)
    close(geometry.log_volume(case.f, u), local.log_volume)
    close(geometry.log_pseudo_volume(case.f, u), local.log_volume)
    close(0.5 * torch.linalg.slogdet(geometry.pullback_metric(case.f, u))[1], local.log_volume)
    assert torch.equal(geometry.rank(case.f, u), local.rank)


@each_case
def test_one_point_is_a_batch_of_one(case: Case) -> None:
    u = case.points(3)
    for function in (geometry.mean_curvature, geometry.pullback_metric, geometry.ricci, geometry.log_volume):
        close(function(case.f, u[1]), function(case.f, u)[1])


def test_conventions_on_a_sphere_of_radius_two() -> None:
    """|H| is the average, S is twice K, LEC is 2|II|², principal curvatures are -1/R for the outward
    normal.
    """
    u = torch.tensor([[1.0, 0.3], [0.4, 5.0]], dtype=torch.float64)
    f = lambda v: 2 * Sphere(2).embed(v)  # noqa: E731
    close(geometry.mean_curvature(f, u), -torch.stack([f(v) for v in u]) / 4)
    close(geometry.scalar_curvature(f, u), full(u, 0.5))
    close(geometry.gaussian_curvature(f, u), full(u, 0.25))
    close(geometry.extrinsic_curvature(f, u), full(u, 1.0))
    close(geometry.principal_curvatures(f, u), torch.full((2, 2), -0.5, dtype=torch.float64))
    close(geometry.ricci(f, u), geometry.pullback_metric(f, u) / 4)


# -- the same thing by two routes --------------------------------------------------------------------------


@each_case
def test_gauss_equals_christoffel(case: Case) -> None:
    u = case.points(6)
    metric = intrinsic.pullback(case.f)
    close(intrinsic.riemann(metric, u), geometry.riemann(case.f, u))
    close(intrinsic.ricci(metric, u), geometry.ricci(case.f, u))
    close(intrinsic.scalar_curvature(metric, u), geometry.scalar_curvature(case.f, u))
    close(intrinsic.log_volume(metric, u), geometry.log_volume(case.f, u))


@each_case
def test_gauss_equals_christoffel_in_an_ambient_metric(case: Case) -> None:
    u = case.points(4)
    ambient = spd(len(case.f(u[0])))
    metric = intrinsic.pullback(case.f, ambient=ambient)
    close(intrinsic.scalar_curvature(metric, u), geometry.scalar_curvature(case.f, u, ambient=ambient))
    # A constant metric A = L Lᵀ is the Euclidean geometry of Lᵀ f.
    turned = lambda v: torch.linalg.cholesky(ambient).mT @ case.f(v)  # noqa: E731
    close(geometry.mean_curvature_norm(case.f, u, ambient=ambient), geometry.mean_curvature_norm(turned, u))
    vector = geometry.mean_curvature(case.f, u, ambient=ambient)
    close(vector @ torch.linalg.cholesky(ambient), geometry.mean_curvature(turned, u))
    close(geometry.log_volume(case.f, u, ambient=ambient), geometry.log_volume(turned, u))


@pytest.mark.parametrize("case", [c for c in IMMERSIONS if c.k == 2], ids=lambda c: c.name)
def test_riemann_of_a_surface_is_its_gaussian_curvature(case: Case) -> None:
    u = case.points(6)
    g, gaussian = geometry.pullback_metric(case.f, u), case.scalar(u) / 2
    outer = torch.einsum("nik,njl->nijkl", g, g)
    expected = gaussian[:, None, None, None, None] * (outer - outer.transpose(-1, -2))
    close(geometry.riemann(case.f, u), expected)
    v = torch.randn(6, 2, generator=generator(), dtype=torch.float64)
    w = torch.randn(6, 2, generator=generator(1), dtype=torch.float64)
    close(geometry.sectional_curvature(case.f, u, v, w), gaussian)
    close(geometry.gaussian_curvature(case.f, u), gaussian)
    close(intrinsic.riemann_norm_squared(intrinsic.pullback(case.f), u), case.scalar(u) ** 2)


@each_case
def test_extrinsic_curvature_by_its_definition(case: Case) -> None:
    u = case.points(4)
    d = len(case.f(u[0]))
    exact = geometry.extrinsic_curvature(case.f, u)
    close(exact, 2 * geometry.local_geometry(case.f, u).second_form_sq)
    close(exact, geometry.extrinsic_curvature(case.f, u, method="definition"))
    for ambient in (spd(d), lambda x: spd(d) * (1 + (x**2).sum(-1))[:, None, None]):
        close(
            geometry.extrinsic_curvature(case.f, u, ambient=ambient),
            geometry.extrinsic_curvature(case.f, u, ambient=ambient, method="definition"),
        )


@pytest.mark.parametrize("ambient", [None, torch.linalg.matrix_power(spd(6), -3)], ids=["identity", "ambient"])
def test_hutchinson_is_unbiased(ambient: Tensor | None) -> None:
    """On a flat torus that bends unequally in three directions, which a slanted metric mixes."""
    radii = torch.tensor([2.0, 2.0, 3.0, 3.0, 0.7, 0.7], dtype=torch.float64)
    f = lambda v: radii * Torus(3).embed(v)  # noqa: E731
    u = torch.rand(3, 3, generator=generator(), dtype=torch.float64)
    ambient = ambient if ambient is None else 0.5 * (ambient + ambient.mT)
    exact = geometry.extrinsic_curvature(f, u, ambient=ambient)
    draws = torch.stack(
        [
            geometry.extrinsic_curvature(
                f, u, ambient=ambient, method="hutchinson", n_probes=8, generator=generator(seed)
            )
            for seed in range(60)
        ]
    )
    error = (draws.mean(0) - exact).abs()
    assert (error < 4 * draws.std(0) / 60**0.5 + 1e-12).all()


def test_probes_of_the_riemann_tensor_in_a_slanted_metric() -> None:
    weights, ambient = normal(4, 3, seed=3), torch.linalg.inv(spd(7) @ spd(7))
    f = lambda v: torch.cat([v, torch.sin(weights @ v)])  # noqa: E731
    u = 0.5 * normal(1, 3)
    exact = intrinsic.riemann_norm_squared(intrinsic.pullback(f, ambient=ambient), u)
    close(geometry.riemann_norm_squared(f, u, ambient=ambient), exact)
    draws = geometry.riemann_norm_squared(
        f, u.repeat(4000, 1), ambient=ambient, method="hutchinson", n_probes=1, generator=generator()
    )
    assert float((draws.mean() - exact).abs()) < 4 * float(draws.std()) / 4000**0.5


@pytest.mark.parametrize("case", [c for c in IMMERSIONS if len(c.f(c.points(1)[0])) == c.k + 1], ids=lambda c: c.name)
def test_principal_curvatures(case: Case) -> None:
    u = case.points(6)
    values = geometry.principal_curvatures(case.f, u)
    close(values.mean(-1).abs(), case.mean_curvature(u))
    close((values**2).sum(-1), (case.k * case.mean_curvature(u)) ** 2 - case.scalar(u))
    if case.k == 2:
        close(values.prod(-1), case.scalar(u) / 2)


def test_a_plane_curve_bends_to_its_left() -> None:
    """``(x' y'' - y' x'') / |c'|³``, of both signs on a figure eight."""
    u = torch.linspace(0.1, 6.0, 12, dtype=torch.float64)[:, None]
    f = lambda v: torch.cat([torch.sin(v), torch.sin(2 * v)])  # noqa: E731
    x1, y1, x2, y2 = torch.cos(u), 2 * torch.cos(2 * u), -torch.sin(u), -4 * torch.sin(2 * u)
    close(geometry.principal_curvatures(f, u), (x1 * y2 - y1 * x2) / (x1**2 + y1**2) ** 1.5)


def test_principal_curvatures_along_a_normal() -> None:
    u = torch.tensor([[0.3, 0.8]], dtype=torch.float64)
    f = lambda v: torch.stack([v[0], v[1], v[0] ** 2, 3 * v[1] ** 2])  # noqa: E731
    origin = torch.zeros(1, 2, dtype=torch.float64)
    first = geometry.principal_curvatures(f, origin, normal=torch.tensor([0.0, 0.0, 1.0, 0.0]))
    close(first, torch.tensor([[0.0, 2.0]], dtype=torch.float64))
    values = geometry.principal_curvatures(f, u)
    close(values.mean(-1), geometry.mean_curvature_norm(f, u))


@each_case
def test_normal_projector(case: Case) -> None:
    u = case.points(5)
    projector = geometry.normal_projector(case.f, u)
    close(projector @ projector, projector)
    close(
        projector @ geometry.jacobian(case.f, u),
        torch.zeros(5, projector.shape[-1], case.k, dtype=torch.float64),
    )
    second = geometry.second_fundamental_form(case.f, u)
    close(torch.einsum("nde,neij->ndij", projector, geometry.hessian(case.f, u)), second)

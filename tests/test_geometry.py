"""Curvatures against closed forms, against each other, and under the transformations that must leave them
alone.
"""

from __future__ import annotations

import math

import pytest
import torch
from cases import IMMERSIONS, TEMPLATES, Case
from torch import Tensor, nn

from neuromanifold import geometry
from neuromanifold._errors import InputError, NotSmoothError
from neuromanifold.geometry import Immersion, intrinsic
from neuromanifold.manifolds import Euclidean, Manifold, Sphere, Torus

each_case = pytest.mark.parametrize("case", IMMERSIONS, ids=lambda c: c.name)
each_template = pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.name)


def _close(a: Tensor, b: Tensor, tolerance: float = 1e-9) -> None:
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _rotation(d: int, seed: int = 0) -> Tensor:
    return torch.linalg.qr(torch.randn(d, d, generator=_generator(seed), dtype=torch.float64))[0]


def _spd(d: int, seed: int = 0) -> Tensor:
    root = torch.randn(d, d, generator=_generator(seed), dtype=torch.float64) / d**0.5
    return root @ root.mT + 0.5 * torch.eye(d, dtype=torch.float64)


def _full(u: Tensor, number: float) -> Tensor:
    return torch.full_like(u[:, 0], number)


def _harmonic_immersion(template: Manifold, d: int = 8, order: int = 2, seed: int = 0) -> Immersion:
    """A smooth immersion of a template: damped random combinations of its harmonics, plus its own
    embedding.
    """
    harmonics = template.harmonics(order)
    weights = torch.randn(len(harmonics), d, generator=_generator(seed), dtype=torch.float64)
    weights = 0.3 * weights / (1 + harmonics.eigenvalues[:, None])
    frame = torch.eye(template.embedding_dim, d, dtype=torch.float64)
    return Immersion(template, lambda z: harmonics(z) @ weights + z @ frame)


# -- closed forms ------------------------------------------------------------------------------------------


@each_case
def test_closed_forms(case: Case) -> None:
    u = case.points()
    local = geometry.local_geometry(case.f, u)
    _close(local.mean_curvature_norm, case.mean_curvature(u))
    _close(local.scalar_curvature, case.scalar(u))
    _close(local.log_volume, case.log_volume(u))
    _close(local.second_form_sq, (case.k * case.mean_curvature(u)) ** 2 - case.scalar(u))
    assert local.finite.all()
    assert (local.rank == case.k).all()


@each_case
def test_closed_forms_in_a_hundred_dimensions(case: Case) -> None:
    u = case.points(5)
    d = len(case.f(u[0]))
    rotation, shift = _rotation(100)[:, :d], torch.linspace(-3, 3, 100, dtype=torch.float64)
    local = geometry.local_geometry(lambda v: rotation @ case.f(v) + shift, u)
    _close(local.mean_curvature_norm, case.mean_curvature(u))
    _close(local.scalar_curvature, case.scalar(u))
    _close(local.log_volume, case.log_volume(u))


@each_case
def test_functions_agree_with_local_geometry(case: Case) -> None:
    u = case.points(6)
    local = geometry.local_geometry(case.f, u)
    _close(geometry.mean_curvature(case.f, u), local.mean_curvature)
    _close(geometry.mean_curvature_norm(case.f, u), local.mean_curvature_norm)
    _close(geometry.scalar_curvature(case.f, u), local.scalar_curvature)
    _close(geometry.log_volume(case.f, u), local.log_volume)
    _close(geometry.log_pseudo_volume(case.f, u), local.log_volume)
    _close(0.5 * torch.linalg.slogdet(geometry.pullback_metric(case.f, u))[1], local.log_volume)
    assert torch.equal(geometry.rank(case.f, u), local.rank)


@each_case
def test_one_point_is_a_batch_of_one(case: Case) -> None:
    u = case.points(3)
    for function in (geometry.mean_curvature, geometry.pullback_metric, geometry.ricci, geometry.log_volume):
        _close(function(case.f, u[1]), function(case.f, u)[1])


def test_conventions_on_a_sphere_of_radius_two() -> None:
    """|H| is the average, S is twice K, LEC is 2|II|², principal curvatures are -1/R for the outward
    normal.
    """
    u = torch.tensor([[1.0, 0.3], [0.4, 5.0]], dtype=torch.float64)
    f = lambda v: 2 * Sphere(2).embed(v)  # noqa: E731
    _close(geometry.mean_curvature(f, u), -torch.stack([f(v) for v in u]) / 4)
    _close(geometry.scalar_curvature(f, u), _full(u, 0.5))
    _close(geometry.gaussian_curvature(f, u), _full(u, 0.25))
    _close(geometry.extrinsic_curvature(f, u), _full(u, 1.0))
    _close(geometry.principal_curvatures(f, u), torch.full((2, 2), -0.5, dtype=torch.float64))
    _close(geometry.ricci(f, u), geometry.pullback_metric(f, u) / 4)


# -- the same thing by two routes --------------------------------------------------------------------------


@each_case
def test_gauss_equals_christoffel(case: Case) -> None:
    u = case.points(6)
    metric = intrinsic.pullback(case.f)
    _close(intrinsic.riemann(metric, u), geometry.riemann(case.f, u))
    _close(intrinsic.ricci(metric, u), geometry.ricci(case.f, u))
    _close(intrinsic.scalar_curvature(metric, u), geometry.scalar_curvature(case.f, u))
    _close(intrinsic.log_volume(metric, u), geometry.log_volume(case.f, u))


@each_case
def test_gauss_equals_christoffel_in_an_ambient_metric(case: Case) -> None:
    u = case.points(4)
    ambient = _spd(len(case.f(u[0])))
    metric = intrinsic.pullback(case.f, ambient=ambient)
    _close(intrinsic.scalar_curvature(metric, u), geometry.scalar_curvature(case.f, u, ambient=ambient))
    # A constant metric A = L Lᵀ is the Euclidean geometry of Lᵀ f.
    turned = lambda v: torch.linalg.cholesky(ambient).mT @ case.f(v)  # noqa: E731
    _close(geometry.mean_curvature_norm(case.f, u, ambient=ambient), geometry.mean_curvature_norm(turned, u))
    vector = geometry.mean_curvature(case.f, u, ambient=ambient)
    _close(vector @ torch.linalg.cholesky(ambient), geometry.mean_curvature(turned, u))
    _close(geometry.log_volume(case.f, u, ambient=ambient), geometry.log_volume(turned, u))


@pytest.mark.parametrize("case", [c for c in IMMERSIONS if c.k == 2], ids=lambda c: c.name)
def test_riemann_of_a_surface_is_its_gaussian_curvature(case: Case) -> None:
    u = case.points(6)
    g, gaussian = geometry.pullback_metric(case.f, u), case.scalar(u) / 2
    outer = torch.einsum("nik,njl->nijkl", g, g)
    expected = gaussian[:, None, None, None, None] * (outer - outer.transpose(-1, -2))
    _close(geometry.riemann(case.f, u), expected)
    v = torch.randn(6, 2, generator=_generator(), dtype=torch.float64)
    w = torch.randn(6, 2, generator=_generator(1), dtype=torch.float64)
    _close(geometry.sectional_curvature(case.f, u, v, w), gaussian)
    _close(geometry.gaussian_curvature(case.f, u), gaussian)
    _close(intrinsic.riemann_norm_squared(intrinsic.pullback(case.f), u), case.scalar(u) ** 2)


@each_case
def test_extrinsic_curvature_by_its_definition(case: Case) -> None:
    u = case.points(4)
    d = len(case.f(u[0]))
    exact = geometry.extrinsic_curvature(case.f, u)
    _close(exact, 2 * geometry.local_geometry(case.f, u).second_form_sq)
    _close(exact, geometry.extrinsic_curvature(case.f, u, method="definition"))
    for ambient in (_spd(d), lambda x: _spd(d) * (1 + (x**2).sum(-1))[:, None, None]):
        _close(
            geometry.extrinsic_curvature(case.f, u, ambient=ambient),
            geometry.extrinsic_curvature(case.f, u, ambient=ambient, method="definition"),
        )


@pytest.mark.parametrize("ambient", [None, _spd(4)], ids=["identity", "ambient"])
def test_hutchinson_is_unbiased(ambient: Tensor | None) -> None:
    case = next(c for c in IMMERSIONS if c.name == "three-sphere")
    u = case.points(3)
    exact = geometry.extrinsic_curvature(case.f, u, ambient=ambient)
    draws = torch.stack(
        [
            geometry.extrinsic_curvature(
                case.f, u, ambient=ambient, method="hutchinson", n_probes=8, generator=_generator(seed)
            )
            for seed in range(60)
        ]
    )
    error = (draws.mean(0) - exact).abs()
    assert (error < 4 * draws.std(0) / 60**0.5 + 1e-12).all()


@pytest.mark.parametrize(
    "case", [c for c in IMMERSIONS if len(c.f(c.points(1)[0])) == c.k + 1], ids=lambda c: c.name
)
def test_principal_curvatures(case: Case) -> None:
    u = case.points(6)
    values = geometry.principal_curvatures(case.f, u)
    _close(values.mean(-1).abs(), case.mean_curvature(u))
    _close((values**2).sum(-1), (case.k * case.mean_curvature(u)) ** 2 - case.scalar(u))
    if case.k == 2:
        _close(values.prod(-1), case.scalar(u) / 2)


def test_principal_curvatures_along_a_normal() -> None:
    u = torch.tensor([[0.3, 0.8]], dtype=torch.float64)
    f = lambda v: torch.stack([v[0], v[1], v[0] ** 2, 3 * v[1] ** 2])  # noqa: E731
    origin = torch.zeros(1, 2, dtype=torch.float64)
    first = geometry.principal_curvatures(f, origin, normal=torch.tensor([0.0, 0.0, 1.0, 0.0]))
    _close(first, torch.tensor([[0.0, 2.0]], dtype=torch.float64))
    values = geometry.principal_curvatures(f, u)
    _close(values.mean(-1), geometry.mean_curvature_norm(f, u))


@each_case
def test_normal_projector(case: Case) -> None:
    u = case.points(5)
    projector = geometry.normal_projector(case.f, u)
    _close(projector @ projector, projector)
    _close(
        projector @ geometry.jacobian(case.f, u),
        torch.zeros(5, projector.shape[-1], case.k, dtype=torch.float64),
    )
    second = geometry.second_fundamental_form(case.f, u)
    _close(torch.einsum("nde,neij->ndij", projector, geometry.hessian(case.f, u)), second)


# -- invariance --------------------------------------------------------------------------------------------


@each_case
@pytest.mark.parametrize("scale", [1.0, 0.01, 30.0])
def test_invariance_under_rotation_translation_permutation_and_scaling(case: Case, scale: float) -> None:
    u = case.points(6)
    d = len(case.f(u[0]))
    order, shift = torch.randperm(d, generator=_generator()), torch.arange(d, dtype=torch.float64)
    rotation = _rotation(d)
    moved = geometry.local_geometry(lambda v: scale * (rotation @ case.f(v))[order] + shift, u)
    local = geometry.local_geometry(case.f, u)
    _close(scale * moved.mean_curvature_norm, local.mean_curvature_norm)
    _close(scale**2 * moved.scalar_curvature, local.scalar_curvature)
    _close(scale**2 * moved.second_form_sq, local.second_form_sq)
    _close(moved.log_volume - case.k * math.log(scale), local.log_volume)


@each_case
def test_invariance_under_reparametrisation(case: Case) -> None:
    low, high = torch.tensor(case.low, dtype=torch.float64), torch.tensor(case.high, dtype=torch.float64)
    mix = torch.eye(case.k, dtype=torch.float64) + 0.2 * _rotation(case.k)

    def change(v: Tensor) -> Tensor:
        w = mix @ v
        return (low + high) / 2 + 0.15 * (high - low) * (w + 0.2 * torch.sin(w))

    v = torch.randn(8, case.k, generator=_generator(), dtype=torch.float64).clamp(-1, 1)
    u = torch.stack([change(row) for row in v])
    new = geometry.local_geometry(lambda w: case.f(change(w)), v)
    old = geometry.local_geometry(case.f, u)
    _close(new.mean_curvature, old.mean_curvature)
    _close(new.scalar_curvature, old.scalar_curvature)
    _close(new.second_form_sq, old.second_form_sq)
    stretch = torch.linalg.slogdet(geometry.jacobian(change, v))[1]
    _close(new.log_volume - stretch, old.log_volume)


# -- immersions of templates -------------------------------------------------------------------------------


@each_template
def test_frame_and_angles_give_the_same_scalars(template: Manifold) -> None:
    f = _harmonic_immersion(template)
    z = template.sample(12, _generator())
    u = template.angles(z)
    in_frame = geometry.local_geometry(f, u)
    in_angles = geometry.local_geometry(lambda v: f(v), u)
    _close(in_frame.mean_curvature, in_angles.mean_curvature, 1e-8)
    _close(in_frame.scalar_curvature, in_angles.scalar_curvature, 1e-8)
    own = geometry.log_volume(template.embed, u)
    _close(in_frame.log_volume + own, in_angles.log_volume, 1e-8)
    _close(geometry.local_geometry(f, z, on_points=True).mean_curvature, in_frame.mean_curvature, 1e-8)


@each_template
def test_an_immersion_takes_one_point_or_many(template: Manifold) -> None:
    f = _harmonic_immersion(template)
    u = template.angles(template.sample(4, _generator()))
    assert f(u).shape == (4, 8)
    assert f(u).dtype == torch.float64
    _close(f(u[2]), f(u)[2])
    _close(f.on_points(template.embed(u)), f(u))
    _close(geometry.pullback_metric(f, u), geometry.pullback_metric(lambda v: f(v), u))


def test_poles_are_as_good_as_any_point() -> None:
    u = torch.tensor([[0.0, 0.0], [0.0, 2.0], [1e-12, 1.0], [math.pi, 2.0], [1.0, 1.0]], dtype=torch.float64)
    local = geometry.local_geometry(Immersion("sphere", lambda z: 2 * z), u)
    _close(local.mean_curvature_norm, _full(u, 0.5))
    _close(local.scalar_curvature, _full(u, 0.5))
    _close(local.log_volume.exp(), _full(u, 4.0))
    f = _harmonic_immersion(Sphere(2), order=4)
    near = torch.tensor([[1e-7, 0.4]], dtype=torch.float64)
    _close(geometry.mean_curvature(f, u[:1]), geometry.mean_curvature(f, near), 1e-5)


def test_template_curvatures_in_their_own_embedding() -> None:
    z = Torus(3).sample(4, _generator())
    local = geometry.local_geometry(Immersion("torus(3)", lambda z: z), z, on_points=True)
    _close(local.scalar_curvature, _full(z, 0.0))
    _close(local.mean_curvature_norm, _full(z, 3**-0.5))
    flat = geometry.local_geometry(
        Immersion(Euclidean(2), lambda z: z @ _rotation(5)[:2]), z[:, :2], on_points=True
    )
    _close(flat.second_form_sq, _full(z, 0.0))


# -- what has no answer ------------------------------------------------------------------------------------


def test_singular_points_are_marked_and_do_not_disturb_the_others() -> None:
    cusp = lambda u: torch.stack([u[0] ** 2, u[0] ** 3])  # noqa: E731
    u = torch.tensor([[-1.0], [0.0], [1.0]], dtype=torch.float64)
    local = geometry.local_geometry(cusp, u)
    assert local.finite.tolist() == [True, False, True]
    assert local.rank.tolist() == [1, 0, 1]
    assert local.log_volume[1] == -torch.inf
    assert local.mean_curvature_norm[1].isnan()
    _close(local.mean_curvature_norm[0], torch.tensor(6 / 13**1.5, dtype=torch.float64))


def test_rank_drop_of_a_surface() -> None:
    cone = lambda u: torch.stack([u[0] * torch.cos(u[1]), u[0] * torch.sin(u[1]), u[0]])  # noqa: E731
    u = torch.tensor([[0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    local = geometry.local_geometry(cone, u)
    assert local.rank.tolist() == [1, 2]
    assert local.scalar_curvature[0].isnan()
    assert not local.mean_curvature_norm[1].isnan()
    _close(geometry.log_pseudo_volume(cone, u), torch.tensor([0.5 * math.log(2)] * 2, dtype=torch.float64))


def test_non_finite_values_are_marked() -> None:
    f = lambda u: torch.stack([u[0], torch.log(u[0])])  # noqa: E731
    u = torch.tensor([[1.0], [-1.0], [2.0], [torch.nan]], dtype=torch.float64)
    local = geometry.local_geometry(f, u)
    assert local.finite.tolist() == [True, False, True, False]
    assert local.rank.tolist() == [1, -1, 1, -1]
    _close(local.mean_curvature_norm[0], torch.tensor(1 / 2**1.5, dtype=torch.float64))


def test_submersions_have_a_pseudo_volume_but_no_curvature() -> None:
    f = lambda u: torch.stack([3 * u[0], 2 * u[1]])  # noqa: E731
    u = torch.ones(2, 4, dtype=torch.float64)
    _close(geometry.log_pseudo_volume(f, u), _full(u, math.log(6)))
    assert geometry.rank(f, u).tolist() == [2, 2]
    assert geometry.pullback_metric(f, u).shape == (2, 4, 4)
    with pytest.raises(InputError, match="no immersion"):
        geometry.mean_curvature(f, u)


@pytest.mark.parametrize(
    "module", [nn.ReLU(), nn.LeakyReLU(), nn.ELU(), nn.Hardtanh(), nn.SELU()], ids=lambda m: type(m).__name__
)
def test_modules_without_second_derivatives_are_refused(module: nn.Module) -> None:
    net = nn.Sequential(nn.Linear(2, 4), module, nn.Linear(4, 3))
    u = torch.zeros(2, 2, dtype=torch.float64)
    with pytest.raises(NotSmoothError, match="Softplus"):
        geometry.mean_curvature(net, u)
    with pytest.raises(NotSmoothError, match="Softplus"):
        geometry.scalar_curvature(Immersion("contractible", net), u)
    assert geometry.pullback_metric(net, u).shape == (2, 2, 2)


def test_functions_without_second_derivatives_are_refused() -> None:
    weights = torch.randn(2, 4, generator=_generator(), dtype=torch.float64)
    for kink in (torch.relu, torch.abs, nn.functional.elu, lambda x: x.clamp(min=0)):
        with pytest.raises(NotSmoothError):
            geometry.mean_curvature(
                lambda v, kink=kink: kink(v @ weights), torch.ones(2, 2, dtype=torch.float64)
            )


def test_an_ambient_metric_that_varies_has_no_second_form() -> None:
    case = IMMERSIONS[2]
    varying = lambda x: torch.eye(3, dtype=torch.float64).expand(len(x), 3, 3)  # noqa: E731
    with pytest.raises(InputError, match="intrinsic"):
        geometry.mean_curvature(case.f, case.points(2), ambient=varying)
    _close(
        intrinsic.scalar_curvature(intrinsic.pullback(case.f, ambient=varying), case.points(2)),
        _full(case.points(2), 0.5),
    )


@pytest.mark.parametrize(
    "ambient", [torch.diag(torch.tensor([1.0, -1.0, 1.0])), torch.ones(3, 2), torch.zeros(3, 3)]
)
def test_ambient_metrics_are_checked(ambient: Tensor) -> None:
    case = IMMERSIONS[2]
    with pytest.raises(InputError, match="metric"):
        geometry.pullback_metric(case.f, case.points(2), ambient=ambient.double())


def test_errors_say_what_is_wrong() -> None:
    case = IMMERSIONS[2]
    with pytest.raises(InputError, match="points are"):
        geometry.mean_curvature(case.f, torch.zeros(0, 2))
    with pytest.raises(InputError, match="method"):
        geometry.extrinsic_curvature(case.f, case.points(2), method="guess")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="surface"):
        geometry.gaussian_curvature(IMMERSIONS[0].f, IMMERSIONS[0].points(2))
    with pytest.raises(InputError, match="decoder"):
        Immersion("circle", 3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="takes one point"):
        geometry.mean_curvature(lambda u: u.sum(), torch.zeros(3, 2, dtype=torch.float64))


# -- metric fields -----------------------------------------------------------------------------------------


def test_hyperbolic_plane() -> None:
    half_plane = lambda u: torch.eye(2, dtype=u.dtype) / u[1] ** 2  # noqa: E731
    u = torch.tensor([[0.0, 1.0], [3.0, 0.2]], dtype=torch.float64)
    _close(intrinsic.scalar_curvature(half_plane, u), _full(u, -2.0))
    gamma = intrinsic.christoffel(half_plane, u)
    _close(gamma[:, 1, 0, 0], 1 / u[:, 1])
    _close(gamma[:, 0, 0, 1], -1 / u[:, 1])
    _close(gamma[:, 1, 1, 1], -1 / u[:, 1])
    _close(intrinsic.log_volume(half_plane, u), -2 * u[:, 1].log())


def test_a_singular_metric_is_nan() -> None:
    metric = lambda u: torch.diag(torch.stack([u[0], torch.ones_like(u[0])]))  # noqa: E731
    u = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    curvature = intrinsic.scalar_curvature(metric, u)
    assert curvature.isnan().tolist() == [False, True]


def test_christoffel_symbols_are_those_of_the_immersion() -> None:
    # Γ^k_ij = g^{kl} <∂_l f, ∂_i ∂_j f>
    for case in IMMERSIONS:
        u = case.points(4)
        first, second = geometry.jacobian(case.f, u), geometry.hessian(case.f, u)
        expected = torch.einsum(
            "nkl,ndl,ndij->nkij", torch.linalg.inv(geometry.pullback_metric(case.f, u)), first, second
        )
        _close(intrinsic.christoffel(intrinsic.pullback(case.f), u), expected)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_hyperspheres_of_any_dimension(k: int) -> None:
    u = Sphere(k).angles(Sphere(k).sample(4, _generator()))
    f = lambda v: 3 * Sphere(k).embed(v)  # noqa: E731
    _close(geometry.scalar_curvature(f, u), _full(u, k * (k - 1) / 9))
    _close(intrinsic.scalar_curvature(intrinsic.pullback(f), u), _full(u, k * (k - 1) / 9), 1e-7)
    _close(geometry.mean_curvature_norm(f, u), _full(u, 1 / 3))

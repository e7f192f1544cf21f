"""Metric fields, and what has no answer: singular points, kinks, values that are not finite."""

from __future__ import annotations

import math

import pytest
import torch
from cases import IMMERSIONS
from numeric import close, full, generator
from torch import Tensor, nn

from neuromanifold import geometry
from neuromanifold._errors import InputError, NotSmoothError
from neuromanifold.geometry import Immersion, intrinsic
from neuromanifold.manifolds import Sphere


def test_hyperbolic_plane() -> None:
    half_plane = lambda u: torch.eye(2, dtype=u.dtype) / u[1] ** 2  # noqa: E731
    u = torch.tensor([[0.0, 1.0], [3.0, 0.2]], dtype=torch.float64)
    close(intrinsic.scalar_curvature(half_plane, u), full(u, -2.0))
    gamma = intrinsic.christoffel(half_plane, u)
    close(gamma[:, 1, 0, 0], 1 / u[:, 1])
    close(gamma[:, 0, 0, 1], -1 / u[:, 1])
    close(gamma[:, 1, 1, 1], -1 / u[:, 1])
    close(intrinsic.log_volume(half_plane, u), -2 * u[:, 1].log())


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
        close(intrinsic.christoffel(intrinsic.pullback(case.f), u), expected)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_hyperspheres_of_any_dimension(k: int) -> None:
    u = Sphere(k).angles(Sphere(k).sample(4, generator()))
    f = lambda v: 3 * Sphere(k).embed(v)  # noqa: E731
    close(geometry.scalar_curvature(f, u), full(u, k * (k - 1) / 9))
    close(intrinsic.scalar_curvature(intrinsic.pullback(f), u), full(u, k * (k - 1) / 9), 1e-7)
    close(geometry.mean_curvature_norm(f, u), full(u, 1 / 3))


def test_singular_points_are_marked_and_do_not_disturb_the_others() -> None:
    cusp = lambda u: torch.stack([u[0] ** 2, u[0] ** 3])  # noqa: E731
    u = torch.tensor([[-1.0], [0.0], [1.0]], dtype=torch.float64)
    local = geometry.local_geometry(cusp, u)
    assert local.finite.tolist() == [True, False, True]
    assert local.rank.tolist() == [1, 0, 1]
    assert local.log_volume[1] == -torch.inf
    assert local.mean_curvature_norm[1].isnan()
    close(local.mean_curvature_norm[0], torch.tensor(6 / 13**1.5, dtype=torch.float64))


def test_rank_drop_of_a_surface() -> None:
    cone = lambda u: torch.stack([u[0] * torch.cos(u[1]), u[0] * torch.sin(u[1]), u[0]])  # noqa: E731
    u = torch.tensor([[0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    local = geometry.local_geometry(cone, u)
    assert local.rank.tolist() == [1, 2]
    assert local.scalar_curvature[0].isnan()
    assert not local.mean_curvature_norm[1].isnan()
    close(geometry.log_pseudo_volume(cone, u), torch.tensor([0.5 * math.log(2)] * 2, dtype=torch.float64))


def test_non_finite_values_are_marked() -> None:
    f = lambda u: torch.stack([u[0], torch.log(u[0])])  # noqa: E731
    u = torch.tensor([[1.0], [-1.0], [2.0], [torch.nan]], dtype=torch.float64)
    local = geometry.local_geometry(f, u)
    assert local.finite.tolist() == [True, False, True, False]
    assert local.rank.tolist() == [1, -1, 1, -1]
    close(local.mean_curvature_norm[0], torch.tensor(1 / 2**1.5, dtype=torch.float64))


def test_rank_has_the_usual_tolerance() -> None:
    """``max(d, k)`` rounding units of the largest singular value, as in ``matrix_rank``."""
    u = torch.ones(1, 2, dtype=torch.float64)
    frame = torch.linalg.qr(torch.randn(500, 2, generator=generator(), dtype=torch.float64))[0]
    for tiny in (50, 5000):
        matrix = 1000 * frame * torch.tensor([1.0, tiny * torch.finfo(torch.float64).eps], dtype=torch.float64)
        expected = torch.linalg.matrix_rank(matrix)
        assert geometry.rank(lambda v, m=matrix: m @ v, u) == expected == (1 if tiny == 50 else 2)
        assert geometry.local_geometry(lambda v, m=matrix: m @ v, u).rank == expected


def test_submersions_have_a_pseudo_volume_but_no_curvature() -> None:
    f = lambda u: torch.stack([3 * u[0], 2 * u[1]])  # noqa: E731
    u = torch.ones(2, 4, dtype=torch.float64)
    close(geometry.log_pseudo_volume(f, u), full(u, math.log(6)))
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
    weights = torch.randn(2, 4, generator=generator(), dtype=torch.float64)
    for kink in (torch.relu, torch.abs, nn.functional.elu, lambda x: x.clamp(min=0)):
        with pytest.raises(NotSmoothError):
            geometry.mean_curvature(lambda v, kink=kink: kink(v @ weights), torch.ones(2, 2, dtype=torch.float64))


def test_an_ambient_metric_that_varies_has_no_second_form() -> None:
    case = IMMERSIONS[2]
    varying = lambda x: torch.eye(3, dtype=torch.float64).expand(len(x), 3, 3)  # noqa: E731
    with pytest.raises(InputError, match="intrinsic"):
        geometry.mean_curvature(case.f, case.points(2), ambient=varying)
    close(
        intrinsic.scalar_curvature(intrinsic.pullback(case.f, ambient=varying), case.points(2)),
        full(case.points(2), 0.5),
    )


@pytest.mark.parametrize("ambient", [torch.diag(torch.tensor([1.0, -1.0, 1.0])), torch.ones(3, 2), torch.zeros(3, 3)])
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

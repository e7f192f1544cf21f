"""Curvatures against closed forms, against each other, and under the transformations that must leave them alone."""

from __future__ import annotations

import pytest
import torch
from cases import IMMERSIONS, Case
from torch import Tensor

from neuromanifold import geometry
from neuromanifold.geometry import Immersion

each_case = pytest.mark.parametrize("case", IMMERSIONS, ids=lambda c: c.name)


def _close(a: Tensor, b: Tensor, tolerance: float = 1e-9) -> None:
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def _rotation(d: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64))[0]


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


def test_immersion_at_the_poles() -> None:
    u = torch.tensor([[0.0, 0.0], [1e-12, 1.0], [torch.pi, 2.0], [1.0, 1.0]], dtype=torch.float64)
    local = geometry.local_geometry(Immersion("sphere", lambda z: 2 * z), u)
    _close(local.mean_curvature_norm, torch.full((4,), 0.5, dtype=torch.float64))
    _close(local.scalar_curvature, torch.full((4,), 0.5, dtype=torch.float64))
    _close(local.log_volume.exp(), torch.full((4,), 4.0, dtype=torch.float64))

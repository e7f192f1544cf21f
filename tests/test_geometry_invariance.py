"""What leaves curvatures alone: motions of activity space, reparametrisation, and the template's charts."""

from __future__ import annotations

import math

import pytest
import torch
from cases import IMMERSIONS, TEMPLATES, Case
from numeric import close, full, generator, rotation
from torch import Tensor

from neuromanifold import geometry
from neuromanifold.geometry import Immersion
from neuromanifold.manifolds import Euclidean, Manifold, Sphere, Torus

each_case = pytest.mark.parametrize("case", IMMERSIONS, ids=lambda c: c.name)
each_template = pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.name)


def _harmonic_immersion(template: Manifold, d: int = 8, order: int = 2, seed: int = 0) -> Immersion:
    """A smooth immersion of a template: damped random combinations of its harmonics, plus its own
    embedding.
    """
    harmonics = template.harmonics(order)
    weights = torch.randn(len(harmonics), d, generator=generator(seed), dtype=torch.float64)
    weights = 0.3 * weights / (1 + harmonics.eigenvalues[:, None])
    frame = torch.eye(template.embedding_dim, d, dtype=torch.float64)
    return Immersion(template, lambda z: harmonics(z) @ weights + z @ frame)


@each_case
@pytest.mark.parametrize("scale", [1.0, 0.01, 30.0])
def test_invariance_under_rotation_translation_permutation_and_scaling(case: Case, scale: float) -> None:
    u = case.points(6)
    d = len(case.f(u[0]))
    order, shift = torch.randperm(d, generator=generator()), torch.arange(d, dtype=torch.float64)
    turn = rotation(d)
    moved = geometry.local_geometry(lambda v: scale * (turn @ case.f(v))[order] + shift, u)
    local = geometry.local_geometry(case.f, u)
    close(scale * moved.mean_curvature_norm, local.mean_curvature_norm)
    close(scale**2 * moved.scalar_curvature, local.scalar_curvature)
    close(scale**2 * moved.second_form_sq, local.second_form_sq)
    close(moved.log_volume - case.k * math.log(scale), local.log_volume)


@each_case
def test_invariance_under_reparametrisation(case: Case) -> None:
    low, high = torch.tensor(case.low, dtype=torch.float64), torch.tensor(case.high, dtype=torch.float64)
    mix = torch.eye(case.k, dtype=torch.float64) + 0.2 * rotation(case.k)

    def change(v: Tensor) -> Tensor:
        w = mix @ v
        return (low + high) / 2 + 0.15 * (high - low) * (w + 0.2 * torch.sin(w))

    v = torch.randn(8, case.k, generator=generator(), dtype=torch.float64).clamp(-1, 1)
    u = torch.stack([change(row) for row in v])
    new = geometry.local_geometry(lambda w: case.f(change(w)), v)
    old = geometry.local_geometry(case.f, u)
    close(new.mean_curvature, old.mean_curvature)
    close(new.scalar_curvature, old.scalar_curvature)
    close(new.second_form_sq, old.second_form_sq)
    stretch = torch.linalg.slogdet(geometry.jacobian(change, v))[1]
    close(new.log_volume - stretch, old.log_volume)


@each_template
def test_frame_and_angles_give_the_same_scalars(template: Manifold) -> None:
    f = _harmonic_immersion(template)
    z = template.sample(12, generator())
    u = template.angles(z)
    in_frame = geometry.local_geometry(f, u)
    in_angles = geometry.local_geometry(lambda v: f(v), u)
    close(in_frame.mean_curvature, in_angles.mean_curvature, 1e-8)
    close(in_frame.scalar_curvature, in_angles.scalar_curvature, 1e-8)
    own = geometry.log_volume(template.embed, u)
    close(in_frame.log_volume + own, in_angles.log_volume, 1e-8)
    close(geometry.local_geometry(f, z, on_points=True).mean_curvature, in_frame.mean_curvature, 1e-8)


@each_template
def test_an_immersion_takes_one_point_or_many(template: Manifold) -> None:
    f = _harmonic_immersion(template)
    u = template.angles(template.sample(4, generator()))
    assert f(u).shape == (4, 8)
    assert f(u).dtype == torch.float64
    close(f(u[2]), f(u)[2])
    close(f.on_points(template.embed(u)), f(u))
    close(geometry.pullback_metric(f, u), geometry.pullback_metric(lambda v: f(v), u))


def test_poles_are_as_good_as_any_point() -> None:
    u = torch.tensor([[0.0, 0.0], [0.0, 2.0], [1e-12, 1.0], [math.pi, 2.0], [1.0, 1.0]], dtype=torch.float64)
    local = geometry.local_geometry(Immersion("sphere", lambda z: 2 * z), u)
    close(local.mean_curvature_norm, full(u, 0.5))
    close(local.scalar_curvature, full(u, 0.5))
    close(local.log_volume.exp(), full(u, 4.0))
    f = _harmonic_immersion(Sphere(2), order=4)
    near = torch.tensor([[1e-7, 0.4]], dtype=torch.float64)
    close(geometry.mean_curvature(f, u[:1]), geometry.mean_curvature(f, near), 1e-5)


def test_template_curvatures_in_their_own_embedding() -> None:
    z = Torus(3).sample(4, generator())
    local = geometry.local_geometry(Immersion("torus(3)", lambda z: z), z, on_points=True)
    close(local.scalar_curvature, full(z, 0.0))
    close(local.mean_curvature_norm, full(z, 3**-0.5))
    flat = geometry.local_geometry(Immersion(Euclidean(2), lambda z: z @ rotation(5)[:2]), z[:, :2], on_points=True)
    close(flat.second_form_sq, full(z, 0.0))

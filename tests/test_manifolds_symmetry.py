"""Harmonics and isometries of every template."""

from __future__ import annotations

import pytest
import torch
from cases import TEMPLATES
from numeric import close, generator
from scipy.special import sph_harm_y

from neuromanifold import geometry
from neuromanifold.manifolds import Manifold, Quotient, Sphere

each_template = pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.name)


@each_template
@pytest.mark.parametrize("order", [1, 3])
def test_harmonics_are_orthonormal(template: Manifold, order: int) -> None:
    harmonics = template.harmonics(order)
    grid = template.grid(3000)
    values = harmonics(grid.points)
    gram = (values * grid.weights[:, None]).mT @ values
    close(gram, torch.eye(len(harmonics), dtype=torch.float64), 1e-10)
    assert harmonics.eigenvalues[0] == 0
    close(values[:, 0], torch.full_like(values[:, 0], template.volume**-0.5))


@each_template
def test_harmonics_are_eigenfunctions(template: Manifold) -> None:
    # -Δh as minus the trace of the second derivative in a chart that is orthonormal and geodesic at the point
    # (geodesic because its second derivatives are normal to the template).
    harmonics = template.harmonics(2)
    z = template.sample(10, generator())
    jet = geometry.taylor(geometry.Immersion(template, harmonics), z, frame=True, on_points=True)
    laplacian = jet.second.diagonal(dim1=-2, dim2=-1).sum(-1)
    close(-laplacian, harmonics.eigenvalues * jet.value, 1e-9)


@each_template
def test_harmonics_span_the_coordinates(template: Manifold) -> None:
    """All are there: exactly on closed templates; on the square a coordinate's waves fall like 1/a²."""
    harmonics, grid = template.harmonics(3), template.grid(3000)
    values = harmonics(grid.points)
    rest = grid.points - values @ (values.mT @ (grid.weights[:, None] * grid.points))
    share = (grid.weights[:, None] * rest**2).sum(0) / (grid.weights[:, None] * grid.points**2).sum(0)
    assert float(share.max()) < (1e-20 if template.euler != 1 or isinstance(template, Quotient) else 3e-3)


@each_template
def test_samples_are_uniform(template: Manifold) -> None:
    """Every harmonic but the constant has mean zero and variance 1/volume."""
    n = 4000
    means = template.harmonics(2)(template.sample(n, generator())).mean(0)[1:]
    assert float(means.abs().max()) < 5 / (n * template.volume) ** 0.5


def test_spherical_harmonics_against_scipy() -> None:
    z = Sphere(2).sample(40, generator())
    theta, phi = Sphere(2).angles(z).unbind(-1)
    mine = Sphere(2).harmonics(4)(z)
    theirs = []
    for degree in range(5):
        theirs.append(torch.from_numpy(sph_harm_y(degree, 0, theta.numpy(), phi.numpy()).real))
        for m in range(1, degree + 1):
            wave = torch.from_numpy(sph_harm_y(degree, m, theta.numpy(), phi.numpy()))
            theirs += [2**0.5 * wave.real, 2**0.5 * wave.imag]
    # The same space degree by degree: the Gram matrices (kernels) agree.
    start = 0
    for degree in range(5):
        block = slice(start, start + 2 * degree + 1)
        other = torch.stack(theirs[block], -1)
        close(mine[:, block] @ mine[:, block].mT, other @ other.mT, 1e-10)
        start += 2 * degree + 1


@each_template
def test_isometries_keep_the_template_and_its_distances(template: Manifold) -> None:
    z, w = template.sample(30, generator()), template.sample(30, generator(1))
    for q in template.isometries().sample(6, generator(2)):
        close(q @ q.mT, torch.eye(template.embedding_dim, dtype=torch.float64), 1e-9)
        close(template.project(z @ q.mT), z @ q.mT, 1e-9)
        close(template.distance(z @ q.mT, w @ q.mT), template.distance(z, w), 1e-7)


@each_template
def test_alignment_recovers_an_isometry(template: Manifold) -> None:
    group = template.isometries()
    z = template.sample(50, generator())
    for q in group.sample(6, generator(3)):
        found = group.align(z, z @ q.mT)
        close(z @ found.mT, z @ q.mT, 1e-9)


@each_template
def test_alignment_of_noisy_points_beats_random_isometries(template: Manifold) -> None:
    group = template.isometries()
    z = template.sample(40, generator())
    target = z @ group.sample(1, generator(1))[0].mT
    target = template.project(target + 0.3 * torch.randn(z.shape, generator=generator(2), dtype=z.dtype))
    best = ((z @ group.align(z, target).mT - target) ** 2).sum()
    others = ((z @ group.sample(500, generator(3)).mT - target) ** 2).sum((-1, -2))
    assert best <= others.min() + 1e-9

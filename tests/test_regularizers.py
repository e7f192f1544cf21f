"""Penalties on decoders whose geometry is known in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from cases import REGULARIZERS
from numeric import close, generator, normal, rotation
from torch import Tensor

from neuromanifold import models
from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold.models.regularizers import GraphCoordinates, Isometric, NeighborhoodReconstruction
from neuromanifold.models.regularizers.isometric import interpolated


def test_every_exported_regulariser_has_a_case() -> None:
    assert {type(case) for case in REGULARIZERS} == set(models.regularizers.REGULARIZERS)


def linear(matrix: Tensor) -> object:
    return lambda z: z @ matrix.mT


def test_isometric_is_zero_on_scaled_isometries_alone() -> None:
    z, plane = normal(50, 2), rotation(4)[:, :2]
    assert float(Isometric().value(linear(7 * plane), z, generator())) < 1e-12
    # A flat cylinder is an isometry, though it bends.
    assert float(Isometric().value(lambda u: torch.stack([u[0].cos(), u[0].sin(), u[1]]), z, generator())) < 1e-12
    assert float(Isometric().value(linear(plane * torch.tensor([1.0, 2.0])), z, generator())) > 0.1


def test_isometric_of_a_stretched_plane() -> None:
    """Eigenvalues a², b² everywhere: ``2 (a⁴ + b⁴) · 2 / (a² + b²)² - 2``."""
    a, b = 1.0, 3.0
    value = Isometric().value(linear(rotation(5)[:, :2] * torch.tensor([a, b])), normal(20, 2), generator())
    assert float(value) == pytest.approx(4 * (a**4 + b**4) / (a**2 + b**2) ** 2 - 2, rel=1e-12)


def test_isometric_is_a_ratio_of_batch_means() -> None:
    """``u -> (sinh u)``, conformal as any curve: λ = cosh² u differs from point to point."""
    z = normal(200, 1)
    squares = torch.cosh(z) ** 2
    value = Isometric(interpolation=None).value(torch.sinh, z)
    assert float(value) == pytest.approx(float((squares**2).mean() / squares.mean() ** 2 - 1), rel=1e-12)


def test_interpolation_stays_on_lines_through_pairs() -> None:
    z = torch.tensor([[0.0], [1.0]], dtype=torch.float64).repeat(5000, 1)
    points = interpolated(z, 0.2, generator())
    assert -0.2 <= float(points.min()) < -0.19
    assert 1.19 < float(points.max()) <= 1.2
    # δ uniform on [-η, 1 + η]: variance (1 + 2η)²/12 about the middle for the half of pairs that differ.
    expected = 0.5 * (1.4**2 / 12) + 0.5 * 0.25
    assert float((points - 0.5).square().mean()) == pytest.approx(expected, rel=0.03)


def circle(z: Tensor) -> Tensor:
    return torch.cat([z.cos(), z.sin()], dim=1)


@pytest.mark.parametrize("order", [1, 2])
def test_neighbourhood_of_a_circle(order: int) -> None:
    """The expansion at angle 0 along δ: ``(1 - δ²/2 or 1, δ)``, against ``(cos δ, sin δ)``."""
    delta = torch.tensor([[-0.3, 0.2, 0.5]], dtype=torch.float64)
    z = torch.zeros(1, 1, dtype=torch.float64)
    neighbors = circle(delta.T)[None]
    value = NeighborhoodReconstruction(order=order).value(circle, z, delta[..., None], neighbors)
    radial = 1 - 0.5 * delta**2 if order == 2 else torch.ones_like(delta)
    expected = ((radial - delta.cos()) ** 2 + (delta - delta.sin()) ** 2).mean()
    assert float(value) == pytest.approx(float(expected), rel=1e-12)


def test_neighbourhood_is_exact_on_what_its_order_can_say() -> None:
    z, shift = normal(30, 2), normal(30, 4, 2, seed=1)
    matrix = rotation(5)[:, :2]

    def paraboloid(z: Tensor) -> Tensor:
        return torch.cat([z, z.square().sum(1, keepdim=True)], dim=1)

    for order, decoder in ((1, linear(matrix)), (2, linear(matrix)), (2, paraboloid)):
        neighbors = decoder((z[:, None] + shift).flatten(0, 1)).unflatten(0, (30, 4))
        assert float(NeighborhoodReconstruction(order=order).value(decoder, z, z[:, None] + shift, neighbors)) < 1e-24
    # To first order the paraboloid is missed by |dz|⁴.
    missed = NeighborhoodReconstruction(order=1).value(paraboloid, z, z[:, None] + shift, neighbors)
    close(missed, shift.square().sum(-1).square().mean())


def test_drawn_neighbours_estimate_the_mean_over_all() -> None:
    regularizer = NeighborhoodReconstruction(order=2, n_neighbors=6, n_drawn=2, kernel="heat")
    x = circle(2 * math.pi * torch.rand(40, 1, generator=generator(), dtype=torch.float64))
    rows = torch.arange(40)
    source = generator(1)

    def encoder(x: Tensor) -> Tensor:
        return x[:, :1] + 0.3 * x[:, 1:] ** 2

    def penalty(regularizer: NeighborhoodReconstruction) -> float:
        batch = models.regularizers.TrainingBatch(encoder, circle, rows, encoder(x), source)
        return float(regularizer.prepared(x)(batch))

    draws = torch.tensor([penalty(regularizer) for _ in range(400)], dtype=torch.float64)
    exact = penalty(NeighborhoodReconstruction(order=2, n_neighbors=6, n_drawn=None, kernel="heat"))
    z = float((draws.mean() - exact) / (draws.std() / 20))
    print(f"drawn neighbours: z = {z:.2f}")
    assert abs(z) < 4


def test_neighbourhood_graph_leaves_the_sample_out() -> None:
    x = torch.tensor([[0.0], [1.0], [3.0], [7.0]], dtype=torch.float64)
    rows, kernel = NeighborhoodReconstruction(n_neighbors=2, kernel="heat").graph(x)
    assert rows.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    squared = torch.tensor([[1.0, 9], [1, 4], [4, 9], [16, 36]], dtype=torch.float64)
    close(kernel, torch.exp(-squared / (2 * squared.mean())))


def arc(n: int) -> tuple[Tensor, Tensor]:
    """Three quarters of a circle, whose ends are nearer than their arc: points, and arc lengths about their mean."""
    length = torch.linspace(0, 1.5 * math.pi, n, dtype=torch.float64)[:, None]
    return circle(length), length - length.mean()


def test_graph_coordinates_of_a_curve_are_its_arc_lengths() -> None:
    points, length = arc(200)
    found = GraphCoordinates(n_neighbors=2).coordinates(points, 1)
    sign = (found[-1] - found[0]).sign()
    close(sign * found, length, tolerance=0.01)


def test_graph_coordinates_turn_with_the_samples() -> None:
    """And lie along their principal components: the first coordinates correlate with them."""
    cloud = normal(60, 3) * torch.tensor([3.0, 1.0, 0.1], dtype=torch.float64)
    first = GraphCoordinates().coordinates(cloud, 2)
    turned = GraphCoordinates().coordinates(cloud @ rotation(3).mT + 5, 2)
    close(turned.abs(), first.abs(), tolerance=1e-6)
    principal = torch.linalg.svd(cloud - cloud.mean(0), full_matrices=False)
    overlap = first.mT @ (principal.U[:, :2] * principal.S[:2])
    close(overlap, overlap.mT)
    assert (torch.linalg.eigvalsh(overlap) > 0).all()


def test_graph_penalty_is_the_share_of_variance_that_is_missed() -> None:
    coordinates = normal(40, 2)
    assert float(GraphCoordinates().value(coordinates, coordinates)) == 0
    assert float(GraphCoordinates().value(0 * coordinates, coordinates)) == pytest.approx(1)
    assert float(GraphCoordinates().value(1.1 * coordinates, coordinates)) == pytest.approx(0.01)


def test_a_graph_needs_more_samples_than_neighbours() -> None:
    with pytest.raises(NotEnoughDataError, match="n_neighbors=5"):
        GraphCoordinates().coordinates(normal(5, 3), 2)
    with pytest.raises(InputError, match="n_neighbors"):
        GraphCoordinates(n_neighbors=0).check()

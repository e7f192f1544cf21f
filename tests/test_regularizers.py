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
from neuromanifold.geometry import Immersion, extrinsic_curvature, intrinsic, riemann_norm_squared
from neuromanifold.geometry.ambient import GaussianNoise, PoissonNoise
from neuromanifold.manifolds import Sphere
from neuromanifold.models.regularizers import (
    Conformal,
    EqualArea,
    GraphCoordinates,
    Isometric,
    MinimumExtrinsicCurvature,
    MinimumIntrinsicCurvature,
    NeighborhoodReconstruction,
)
from neuromanifold.models.regularizers.distortion import interpolated
from neuromanifold.networks import MLP


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
        return float(regularizer.penalty(x)(batch))

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
        GraphCoordinates(n_neighbors=0).check(2)


def cylinder(z: Tensor) -> Tensor:
    return torch.stack([2 * (z[:, 0] / 2).cos(), 2 * (z[:, 0] / 2).sin(), z[:, 1]], dim=1)


def mercator(z: Tensor) -> Tensor:
    """The unit sphere, conformally: latitude φ at height artanh sin φ."""
    return torch.stack([z[:, 0].cos() / z[:, 1].cosh(), z[:, 0].sin() / z[:, 1].cosh(), z[:, 1].tanh()], dim=1)


def sphere_chart(z: Tensor) -> Tensor:
    return torch.stack([z[:, 0].cos() * z[:, 1].cos(), z[:, 0].sin() * z[:, 1].cos(), z[:, 1].sin()], dim=1)


ALL = {"n_points": None}


def test_extrinsic_curvature_of_known_surfaces() -> None:
    z = normal(40, 2)
    # 2 |II|²: 2/R² on a cylinder, 4/R² on a sphere, nothing on a plane.
    assert float(MinimumExtrinsicCurvature(**ALL).value(cylinder, z)) == pytest.approx(0.5, rel=1e-10)
    assert float(MinimumExtrinsicCurvature(**ALL).value(lambda z: 3 * mercator(z), z)) == pytest.approx(4 / 9, rel=1e-9)
    assert float(MinimumExtrinsicCurvature(**ALL).value(linear(normal(5, 2)), z)) < 1e-24
    curve = MinimumExtrinsicCurvature(**ALL).value(
        lambda z: torch.cat([3 * z.cos(), 3 * z.sin()], dim=1), normal(40, 1)
    )
    assert float(curve) == pytest.approx(2 / 9, rel=1e-10)


def test_intrinsic_curvature_of_known_surfaces() -> None:
    z = normal(40, 2)
    # S² = 4/R⁴ on a sphere; nothing on what can be unrolled.
    assert float(MinimumIntrinsicCurvature(**ALL).value(lambda z: 2 * mercator(z), z)) == pytest.approx(0.25, rel=1e-8)
    assert float(MinimumIntrinsicCurvature(**ALL).value(cylinder, z)) < 1e-24
    assert float(MinimumIntrinsicCurvature(**ALL).value(linear(normal(5, 2)), z)) < 1e-24


def test_hierarchy_of_maps_of_the_sphere() -> None:
    """Mercator keeps angles and not areas, Lambert areas and not angles, an unrolled cylinder both."""
    z = 0.8 * normal(200, 2)
    options = {"interpolation": None}
    conformal, area, isometric = Conformal(**options), EqualArea(**options), Isometric(**options)
    assert float(conformal.value(mercator, z)) < 1e-20 < 0.1 < float(area.value(mercator, z))
    straight = torch.cat([z[:, :1], (0.9 * z[:, 1:].tanh())], dim=1)

    def equal_area(z: Tensor) -> Tensor:
        width = (1 - z[:, 1] ** 2).sqrt()
        return torch.stack([width * z[:, 0].cos(), width * z[:, 0].sin(), z[:, 1]], dim=1)

    assert float(area.value(equal_area, straight)) < 1e-20 < 0.1 < float(conformal.value(equal_area, straight))
    assert min(float(isometric.value(f, w)) for f, w in ((mercator, z), (equal_area, straight))) > 0.1
    assert max(float(r.value(cylinder, z)) for r in (conformal, area, isometric)) < 1e-20


@pytest.mark.parametrize("kind", [MinimumExtrinsicCurvature, MinimumIntrinsicCurvature])
@pytest.mark.parametrize("metric", [None, GaussianNoise([0.5, 1.0, 2.0, 1.0, 3.0])])
def test_probes_are_unbiased(kind: type, metric: GaussianNoise | None) -> None:
    """A probe at each of many copies of a few points, against the exact values there."""
    inner, outer, z = normal(5, 3, seed=3), normal(3, 5, seed=6), 0.5 * normal(6, 3, seed=4)

    def decoder(z: Tensor) -> Tensor:
        return torch.tanh(z @ inner.mT) + 0.5 * z @ outer

    held, copies = kind(metric=metric, n_points=None), 3000
    with torch.no_grad():
        exact = held.curvature(decoder, z)
        draws = held.estimate(decoder, z.repeat(copies, 1), 1, generator(5)).reshape(copies, 6)
    scores = (draws.mean(0) - exact) / (draws.std(0) / copies**0.5)
    print(f"{kind.__name__}, metric {metric}: z = {scores.numpy().round(2)}")
    assert float(scores.abs().max()) < 4
    assert float(held.value(decoder, z)) == pytest.approx(float(exact.mean()), rel=1e-12)


def test_drawn_points_are_unbiased() -> None:
    module, z, source = MLP(2, 4, (8,), generator()).double(), normal(60, 2), generator(1)
    exact = float(MinimumExtrinsicCurvature(**ALL).value(module, z).detach())
    draws = torch.stack([MinimumExtrinsicCurvature(n_points=20).value(module, z, source).detach() for _ in range(200)])
    score = float((draws.mean() - exact) / (draws.std() / len(draws) ** 0.5))
    print(f"drawn points: z = {score:.2f}")
    assert abs(score) < 4


def test_many_dimensions_are_probed_by_themselves() -> None:
    """Beyond four latent dimensions: one probe a point, and planes are flat to each."""
    module, z = MLP(6, 9, (8,), generator()).double(), normal(10, 6)
    held = MinimumExtrinsicCurvature(**ALL)
    values = [float(held.value(module, z, generator(seed)).detach()) for seed in (1, 2)]
    assert values[0] != values[1]
    assert float(MinimumExtrinsicCurvature(n_probes=3, **ALL).value(linear(normal(9, 6)), z, generator())) < 1e-20


def test_curvature_of_a_metric_that_varies() -> None:
    """LEC by its definition, and the Riemann tensor by Christoffel symbols of the pullback written by hand."""
    z, metric = 0.5 * normal(6, 2), PoissonNoise(0.2)

    def decoder(z: Tensor) -> Tensor:
        return torch.stack([z[:, 0], z[:, 1], z[:, 0] ** 2 + z[:, 0] * z[:, 1], z[:, 1].sin()], dim=1)

    extrinsic = MinimumExtrinsicCurvature(metric=metric, **ALL).value(decoder, z)
    close(extrinsic, extrinsic_curvature(decoder, z, ambient=lambda x: metric(x), method="definition").mean(), 1e-9)

    def field(u: Tensor) -> Tensor:
        one, zero = torch.ones_like(u[0]), torch.zeros_like(u[0])
        slopes = [[one, zero], [zero, one], [2 * u[0] + u[1], u[0]], [zero, u[1].cos()]]
        jacobian = torch.stack([torch.stack(row) for row in slopes])
        x = torch.stack([u[0], u[1], u[0] ** 2 + u[0] * u[1], u[1].sin()])
        return jacobian.mT @ (jacobian / (0.5 * (x + (x**2 + 0.16).sqrt()))[:, None])

    close(
        MinimumIntrinsicCurvature(metric=metric, **ALL).value(decoder, z),
        intrinsic.riemann_norm_squared(field, z).mean(),
        1e-8,
    )


@pytest.mark.parametrize("k", [2, 3])
def test_riemann_norm_by_gauss_is_that_by_christoffel(k: int) -> None:
    weights, z = normal(6, k, seed=3), 0.5 * normal(8, k)

    def f(u: Tensor) -> Tensor:
        return torch.cat([u, torch.sin(weights @ u)])

    by_gauss = riemann_norm_squared(f, z)
    close(by_gauss, intrinsic.riemann_norm_squared(intrinsic.pullback(f), z), 1e-8)
    close(by_gauss[0], riemann_norm_squared(f, z[0]))
    with pytest.raises(ValueError, match="'exact' or 'hutchinson'"):
        riemann_norm_squared(f, z, method="guess")


@pytest.mark.parametrize("kind", [MinimumExtrinsicCurvature, MinimumIntrinsicCurvature])
def test_curvature_does_not_depend_on_coordinates(kind: type) -> None:
    """Prop. 2.2: ``z -> (z_0 + z_1³/3, sinh z_1)`` is a change of coordinates; rotation and shift of x one of axes."""
    z = normal(30, 2)
    turn, shift = rotation(3, seed=2), normal(3, seed=3)

    def change(z: Tensor) -> Tensor:
        return torch.stack([z[:, 0] + z[:, 1] ** 3 / 3, z[:, 1].sinh()], dim=1)

    def bent(z: Tensor) -> Tensor:
        return torch.stack([z[:, 0], z[:, 1], (0.5 * z[:, 0]).sin() * z[:, 1].tanh()], dim=1)

    plain = kind(**ALL).value(bent, change(z))
    close(kind(**ALL).value(lambda z: bent(change(z)), z), plain, 1e-8)
    close(kind(**ALL).value(lambda z: bent(z) @ turn.mT + shift, change(z)), plain, 1e-8)


@pytest.mark.parametrize("kind", [Isometric, Conformal, EqualArea])
def test_distortions_do_not_depend_on_axes_or_on_scale(kind: type) -> None:
    z = normal(30, 2)
    turn, lift = rotation(2, seed=1), rotation(3, seed=2)
    plain = kind(interpolation=None).value(sphere_chart, z)
    turned = kind(interpolation=None).value(lambda z: 7 * sphere_chart(z @ turn.mT) @ lift.mT, z @ turn)
    close(turned, plain, 1e-8)


EUCLIDEAN = [r for r in REGULARIZERS if getattr(r, "metric", 0) is None]
WHITENED = [r for r in EUCLIDEAN if not isinstance(r, MinimumExtrinsicCurvature)]


@pytest.mark.parametrize("regularizer", WHITENED, ids=repr)
def test_a_constant_metric_is_a_change_of_axes(regularizer: models.regularizers.Regularizer) -> None:
    """``A = L Lᵀ`` on f is the identity on ``Lᵀ f``, but for the extrinsic curvature, whose turning is Euclidean."""
    z, variances = normal(40, 2), torch.tensor([1.0, 4.0, 9.0], dtype=torch.float64)
    whitened = lambda z: sphere_chart(z) / variances.sqrt()  # noqa: E731
    metric = GaussianNoise(variances.numpy())
    arguments = (generator(),)
    other = (generator(),)
    if isinstance(regularizer, NeighborhoodReconstruction):
        shifted = z[:, None] + 0.3 * normal(40, 2, 2, seed=1)
        neighbors = sphere_chart(shifted.flatten(0, 1)).unflatten(0, (40, 2)) + 0.1
        arguments, other = (shifted, neighbors), (shifted, neighbors / variances.sqrt())
    held = type(regularizer)(**(regularizer.get_params(deep=False) | {"metric": metric}))
    close(held.value(sphere_chart, z, *arguments), regularizer.value(whitened, z, *other), 1e-9)


def test_on_a_template_the_chart_is_orthonormal_at_every_point() -> None:
    """The round sphere of radius 2 is a scaled isometry of its template, poles included."""
    poles = torch.cat([Sphere(2).sample(20, generator()), torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])])
    f = Immersion("sphere", lambda z: 2 * z)
    assert float(Isometric().value(f, poles)) < 1e-20
    assert float(MinimumExtrinsicCurvature().value(f, poles)) == pytest.approx(1.0, rel=1e-10)
    assert float(MinimumIntrinsicCurvature().value(f, poles)) == pytest.approx(0.25, rel=1e-10)


def test_where_the_decoder_is_no_immersion_there_is_nothing_to_lower() -> None:
    folded = lambda z: torch.stack([z[:, 0], z[:, 0] ** 2, 0 * z[:, 1]], dim=1)  # noqa: E731
    assert float(MinimumExtrinsicCurvature().value(folded, normal(10, 2))) == 0


@pytest.mark.parametrize(
    "regularizer", [r for r in REGULARIZERS if hasattr(r, "curvature") or hasattr(r, "distortion")]
)
def test_penalties_have_the_gradient_of_their_value(regularizer: models.regularizers.Regularizer) -> None:
    """Against central differences, with the same draws."""
    z, bend = 0.4 * normal(40, 2), torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    held = type(regularizer)(**(regularizer.get_params(deep=False) | {"metric": None}))

    def value(bend: Tensor) -> Tensor:
        def decoder(z: Tensor) -> Tensor:
            return torch.stack([z[:, 0], z[:, 1] * (1 + bend * z[:, 0]), bend * (z[:, 0] * z[:, 1]).sin()], dim=1)

        return held.value(decoder, z, generator())

    slope = torch.autograd.grad(value(bend), bend)[0]
    with torch.no_grad():
        differences = (value(bend + 1e-5) - value(bend - 1e-5)) / 2e-5
    close(slope, differences, 1e-6)


@pytest.mark.parametrize("metric", [None, GaussianNoise([0.5, 1.0, 2.0, 1.0, 3.0])])
def test_products_of_derivatives_give_what_an_orthonormal_basis_gives(metric: GaussianNoise | None) -> None:
    inner, outer, z = normal(5, 3, seed=3), normal(3, 5, seed=6), 0.5 * normal(20, 3, seed=4)

    def decoder(z: Tensor) -> Tensor:
        return torch.tanh(z @ inner.mT) + 0.5 * z @ outer

    extrinsic, intrinsic_ = (kind(metric=metric) for kind in (MinimumExtrinsicCurvature, MinimumIntrinsicCurvature))
    close(extrinsic.curvature(decoder, z), extrinsic_curvature(decoder, z, ambient=metric), 1e-9)
    close(intrinsic_.curvature(decoder, z), riemann_norm_squared(decoder, z, ambient=metric), 1e-9)


def test_training_says_nothing_of_single_precision(recwarn: pytest.WarningsRecorder) -> None:
    """A badly conditioned decoder in float32, exact and probed."""
    decoder = lambda z: torch.stack([z[:, 0], 1e-4 * z[:, 1], z[:, 0] * z[:, 1]], dim=1)  # noqa: E731
    for n_probes in (None, 1):
        MinimumExtrinsicCurvature(n_probes=n_probes).value(decoder, normal(10, 2).float())
    assert not [w for w in recwarn if "precision" in str(w.message)]


def test_curvature_between_latents_is_seen_by_interpolation() -> None:
    """A line with a bump half-way between latents at ±1."""
    latents = torch.tensor([[-1.0], [1.0]], dtype=torch.float64).repeat(200, 1)

    def bump(z: Tensor) -> Tensor:
        return torch.cat([z, torch.exp(-((z / 0.1) ** 2))], dim=-1)

    at_latents = MinimumExtrinsicCurvature(n_points=None).value(bump, latents, generator())
    between = MinimumExtrinsicCurvature(n_points=None, interpolation=0.0).value(bump, latents, generator())
    assert float(at_latents) < 1e-12
    assert float(between) > 1
    with pytest.raises(InputError, match="interpolation"):
        MinimumExtrinsicCurvature(interpolation=-0.5).check(1)

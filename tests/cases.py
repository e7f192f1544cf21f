"""The lists that laws are tested over: templates, immersions with known curvature, and whatever else is
shared.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from neuromanifold import manifolds
from neuromanifold.distributions import ProductVonMises, VonMisesFisher
from neuromanifold.featuremaps.kernel_learning import (
    AmariWuClassifier,
    RecursiveFeatureMachine,
    SelfSupervisedKernel,
)
from neuromanifold.geometry.ambient import Ambient, GaussianNoise, LocalCovariance, PointCloud, PoissonNoise
from neuromanifold.manifolds import Euclidean, Manifold, Sphere, Torus
from neuromanifold.models import GeometricAutoencoder, TopologicalVAE
from neuromanifold.models.regularizers import (
    Conformal,
    EqualArea,
    GraphCoordinates,
    Isometric,
    MinimumExtrinsicCurvature,
    MinimumIntrinsicCurvature,
    NeighborhoodReconstruction,
    Regularizer,
)
from neuromanifold.topology import Topology

# Every exported template, and members of the families in other dimensions.
TEMPLATES: tuple[Manifold, ...] = (
    *manifolds.TEMPLATES,
    Euclidean(1),
    Euclidean(3),
    Sphere(3),
    Sphere(4),
    Torus(1),
    Torus(3),
)


@dataclass(frozen=True)
class Case:
    """An immersion of one point ``(k,) -> (d,)``, low < u < high, with its geometry in closed form.

    Functions of ``u (n, k)``: |H| (the average), the Ricci scalar, and the log volume ½ log det g.
    """

    name: str
    f: Callable[[Tensor], Tensor]
    low: tuple[float, ...]
    high: tuple[float, ...]
    mean_curvature: Callable[[Tensor], Tensor]
    scalar: Callable[[Tensor], Tensor]
    log_volume: Callable[[Tensor], Tensor]

    @property
    def k(self) -> int:
        return len(self.low)

    def points(self, n: int = 20, seed: int = 0) -> Tensor:
        low, high = torch.tensor(self.low, dtype=torch.float64), torch.tensor(self.high, dtype=torch.float64)
        generator = torch.Generator().manual_seed(seed)
        return low + (high - low) * torch.rand(n, self.k, generator=generator, dtype=torch.float64)


def _zero(u: Tensor) -> Tensor:
    return torch.zeros_like(u[:, 0])


def _circle(u: Tensor) -> Tensor:
    return 2.5 * torch.stack([torch.cos(u[0]), torch.sin(u[0])])


def _helix(u: Tensor) -> Tensor:
    return torch.stack([2 * torch.cos(u[0]), 2 * torch.sin(u[0]), 0.5 * u[0]])


def _sphere(u: Tensor) -> Tensor:
    return 2 * Sphere(2).embed(u)


def _sphere3(u: Tensor) -> Tensor:
    return 2 * Sphere(3).embed(u)


def _ellipsoid(u: Tensor) -> Tensor:
    return torch.tensor(_AXES, dtype=u.dtype) * Sphere(2).embed(u)


_AXES = (1.0, 2.0, 3.0)


def _ellipsoid_quantities(u: Tensor) -> tuple[Tensor, Tensor]:
    """Gaussian and mean curvature from the support function: ``p^-2 = x²/a⁴ + y²/b⁴ + z²/c⁴``."""
    a, b, c = _AXES
    x, y, z = (torch.tensor(_AXES, dtype=u.dtype) * Sphere(2).embed(u)).unbind(-1)
    support = (x**2 / a**4 + y**2 / b**4 + z**2 / c**4) ** -0.5
    gaussian = support**4 / (a * b * c) ** 2
    mean = support**3 * (a**2 + b**2 + c**2 - x**2 - y**2 - z**2) / (2 * (a * b * c) ** 2)
    return gaussian, mean


def _ellipsoid_log_volume(u: Tensor) -> Tensor:
    a, b, c = _AXES
    s, t = u[:, 0], u[:, 1]
    x, y, z = torch.sin(s) * torch.cos(t) / a, torch.sin(s) * torch.sin(t) / b, torch.cos(s) / c
    return (a * b * c * torch.sin(s) * (x**2 + y**2 + z**2).sqrt()).log()


def _paraboloid(u: Tensor) -> Tensor:
    return torch.stack([u[0], u[1], u[0] ** 2 + u[1] ** 2])


def _torus(u: Tensor) -> Tensor:
    rho = 2 + torch.cos(u[0])
    return torch.stack([rho * torch.cos(u[1]), rho * torch.sin(u[1]), torch.sin(u[0])])


def _clifford(u: Tensor) -> Tensor:
    return torch.tensor([2.0, 2.0, 3.0, 3.0], dtype=u.dtype) * Torus(2).embed(u)


def _catenoid(u: Tensor) -> Tensor:
    return torch.stack([torch.cosh(u[0]) * torch.cos(u[1]), torch.cosh(u[0]) * torch.sin(u[1]), u[0]])


def _helicoid(u: Tensor) -> Tensor:
    return torch.stack([torch.sinh(u[0]) * torch.cos(u[1]), torch.sinh(u[0]) * torch.sin(u[1]), u[1]])


def _enneper(u: Tensor) -> Tensor:
    x, y = u[0], u[1]
    return torch.stack([x - x**3 / 3 + x * y**2, -y + y**3 / 3 - y * x**2, x**2 - y**2])


def _monkey(u: Tensor) -> Tensor:
    return torch.stack([u[0], u[1], u[0] ** 3 - 3 * u[0] * u[1] ** 2])


def _flat_klein(u: Tensor) -> Tensor:
    return 2 * manifolds.KleinBottle().embed(u)


def _veronese(u: Tensor) -> Tensor:
    return 2 * manifolds.ProjectivePlane().embed(u)


def _torus_mean(u: Tensor) -> Tensor:
    return (2 + 2 * torch.cos(u[:, 0])).abs() / (2 * (2 + torch.cos(u[:, 0])))


def _klein_mean(u: Tensor) -> Tensor:
    """|H| of the embedding over 2: the Laplacian of its five coordinates, -(2, 2, 5, 5, 1) times them,
    halved.
    """
    laplacian = torch.tensor([2.0, 2.0, 5.0, 5.0, 1.0], dtype=u.dtype) * manifolds.KleinBottle().embed(u)
    return torch.linalg.vector_norm(laplacian, dim=-1) / 2 / 2


def _radius_squared(u: Tensor) -> Tensor:
    return u[:, 0] ** 2 + u[:, 1] ** 2


_TURN = 2 * math.pi

IMMERSIONS: tuple[Case, ...] = (
    Case(
        "circle",
        _circle,
        (0.0,),
        (_TURN,),
        lambda u: torch.full_like(u[:, 0], 0.4),
        _zero,
        lambda u: torch.full_like(u[:, 0], math.log(2.5)),
    ),
    Case(
        "helix",
        _helix,
        (0.0,),
        (9.0,),
        lambda u: torch.full_like(u[:, 0], 2 / 4.25),
        _zero,
        lambda u: torch.full_like(u[:, 0], 0.5 * math.log(4.25)),
    ),
    Case(
        "sphere",
        _sphere,
        (0.2, 0.0),
        (2.9, _TURN),
        lambda u: torch.full_like(u[:, 0], 0.5),
        lambda u: torch.full_like(u[:, 0], 0.5),
        lambda u: (4 * torch.sin(u[:, 0])).log(),
    ),
    Case(
        "three-sphere",
        _sphere3,
        (0.3, 0.3, 0.0),
        (2.8, 2.8, _TURN),
        lambda u: torch.full_like(u[:, 0], 0.5),
        lambda u: torch.full_like(u[:, 0], 6 / 4),
        lambda u: (8 * torch.sin(u[:, 0]) ** 2 * torch.sin(u[:, 1])).log(),
    ),
    Case(
        "ellipsoid",
        _ellipsoid,
        (0.2, 0.0),
        (2.9, _TURN),
        lambda u: _ellipsoid_quantities(u)[1],
        lambda u: 2 * _ellipsoid_quantities(u)[0],
        _ellipsoid_log_volume,
    ),
    Case(
        "paraboloid",
        _paraboloid,
        (-1.0, -1.0),
        (1.0, 1.0),
        lambda u: (2 + 4 * _radius_squared(u)) / (1 + 4 * _radius_squared(u)) ** 1.5,
        lambda u: 8 / (1 + 4 * _radius_squared(u)) ** 2,
        lambda u: 0.5 * (1 + 4 * _radius_squared(u)).log(),
    ),
    Case(
        "torus",
        _torus,
        (0.0, 0.0),
        (_TURN, _TURN),
        _torus_mean,
        lambda u: 2 * torch.cos(u[:, 0]) / (2 + torch.cos(u[:, 0])),
        lambda u: (2 + torch.cos(u[:, 0])).log(),
    ),
    Case(
        "clifford torus",
        _clifford,
        (0.0, 0.0),
        (_TURN, _TURN),
        lambda u: torch.full_like(u[:, 0], 0.5 * math.sqrt(1 / 4 + 1 / 9)),
        _zero,
        lambda u: torch.full_like(u[:, 0], math.log(6.0)),
    ),
    Case(
        "catenoid",
        _catenoid,
        (-1.0, 0.0),
        (1.0, _TURN),
        _zero,
        lambda u: -2 / torch.cosh(u[:, 0]) ** 4,
        lambda u: 2 * torch.cosh(u[:, 0]).log(),
    ),
    Case(
        "helicoid",
        _helicoid,
        (-1.0, 0.0),
        (1.0, _TURN),
        _zero,
        lambda u: -2 / torch.cosh(u[:, 0]) ** 4,
        lambda u: 2 * torch.cosh(u[:, 0]).log(),
    ),
    Case(
        "enneper",
        _enneper,
        (-1.0, -1.0),
        (1.0, 1.0),
        _zero,
        lambda u: -8 / (1 + _radius_squared(u)) ** 4,
        lambda u: 2 * (1 + _radius_squared(u)).log(),
    ),
    Case(
        "monkey saddle",
        _monkey,
        (-1.0, -1.0),
        (1.0, 1.0),
        lambda u: (
            27
            * (-(u[:, 0] ** 5) + 2 * u[:, 0] ** 3 * u[:, 1] ** 2 + 3 * u[:, 0] * u[:, 1] ** 4).abs()
            / (1 + 9 * _radius_squared(u) ** 2) ** 1.5
        ),
        lambda u: -72 * _radius_squared(u) / (1 + 9 * _radius_squared(u) ** 2) ** 2,
        lambda u: 0.5 * (1 + 9 * _radius_squared(u) ** 2).log(),
    ),
    Case(
        "flat Klein bottle",
        _flat_klein,
        (0.0, 0.0),
        (math.pi, _TURN),
        _klein_mean,
        _zero,
        lambda u: torch.full_like(u[:, 0], math.log(4.0)),
    ),
    # Minimal in the sphere of radius 1/√3 that it lies on (Takahashi: Δz = -6z, so H = -3z), here twice
    # as large.
    Case(
        "Veronese surface",
        _veronese,
        (0.2, 0.0),
        (1.5, _TURN),
        lambda u: torch.full_like(u[:, 0], math.sqrt(3) / 2),
        lambda u: torch.full_like(u[:, 0], 0.5),
        lambda u: (4 * torch.sin(u[:, 0])).log(),
    ),
)


# Template of a posterior, its family, and how many concentrations a draw has.
DISTRIBUTIONS: tuple[tuple[Manifold, type[VonMisesFisher] | type[ProductVonMises], int], ...] = (
    (Sphere(1), VonMisesFisher, 1),
    (Sphere(2), VonMisesFisher, 1),
    (Sphere(4), VonMisesFisher, 1),
    (Torus(2), ProductVonMises, 2),
    (Torus(3), ProductVonMises, 3),
)


# Every estimator, at settings small enough for scikit-learn's checks.
ESTIMATORS: tuple[BaseEstimator, ...] = (
    Topology(n_shuffles=19, n_landmarks=15, n_landmarks_2=10, random_state=0),
    TopologicalVAE(n_init=1, max_epochs=1, device="cpu", random_state=0),
    GeometricAutoencoder(1, (Isometric(),), hidden=(8,), max_steps=4, device="cpu", random_state=0),
    AmariWuClassifier(),
    RecursiveFeatureMachine(),
    SelfSupervisedKernel(),
)


# Every regulariser, in each of its forms, as it is in a training.
REGULARIZERS: tuple[Regularizer, ...] = (
    GraphCoordinates(),
    Isometric(),
    Isometric(interpolation=None),
    NeighborhoodReconstruction(order=1, kernel="heat"),
    NeighborhoodReconstruction(order=2, n_drawn=None),
    MinimumExtrinsicCurvature(),
    MinimumExtrinsicCurvature(metric=PoissonNoise(), n_points=None, n_probes=2),
    MinimumIntrinsicCurvature(),
    MinimumIntrinsicCurvature(metric=GaussianNoise([1.0, 2.0, 3.0, 4.0]), n_probes=1),
    Conformal(metric=LocalCovariance()),
    EqualArea(),
)


# Ambient metrics of R^4.
AMBIENTS: tuple[Ambient, ...] = (
    GaussianNoise([1.0, 2.0, 3.0, 4.0]),
    GaussianNoise((torch.eye(4) + 0.5).numpy()),
    PoissonNoise(),
    LocalCovariance(n_neighbors=10, n_anchors=12),
    PointCloud(n_dims=2, width=0.5),
)

"""Metrics of kernels: MATH.md's golden list, closed forms against differentiation, and kernels that lie."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numeric import close, normal
from torch import Tensor

from neuromanifold._errors import InputError, NotSmoothError
from neuromanifold.featuremaps import kernels
from neuromanifold.featuremaps.kernels import RBF, ArcCosine, DotProduct, Polynomial, SmoothLaplace, as_kernel
from neuromanifold.geometry import intrinsic

EYE = torch.eye(3, dtype=torch.float64)
SMOOTH = [
    RBF(0.7),
    SmoothLaplace(0.8, 0.3),
    DotProduct(lambda t: torch.exp(t / 4)),
    Polynomial(3, 0.5),
    Polynomial(1, 0.0),
]


def outer(x: Tensor) -> Tensor:
    return x[:, :, None] * x[:, None, :]


def test_golden_list() -> None:
    x = normal(4, 3)
    t = (x**2).sum(-1)[:, None, None]
    close(kernels.metric(RBF(0.7), x), (EYE / 0.49).expand(4, 3, 3), 1e-13)
    close(kernels.metric(Polynomial(3, 0.5), x), 3 * (0.5 + t) ** 2 * EYE + 6 * (0.5 + t) * outer(x), 1e-12)
    close(kernels.metric(ArcCosine(1), x), EYE.expand(4, 3, 3), 1e-13)
    close(kernels.metric(ArcCosine(2), x), 4 * (t * EYE + 2 * outer(x)), 1e-12)
    close(kernels.metric(SmoothLaplace(0.8, 0.3), x), (EYE / (0.8 * 0.3)).expand(4, 3, 3), 1e-12)
    for infinite in (lambda: ArcCosine(0), lambda: SmoothLaplace(1.0, 0.0)):
        with pytest.raises(NotSmoothError, match="infinite"):
            infinite()


@pytest.mark.parametrize("kernel", SMOOTH, ids=lambda k: type(k).__name__)
def test_closed_form_is_the_derivative(kernel: kernels.Kernel) -> None:
    x, y = normal(4, 3, seed=1) / 2, normal(5, 3, seed=2)
    function = as_kernel(lambda a, b: kernel.gram(a[None], b[None])[0, 0])
    close(kernel.metric(x), function.metric(x), 1e-11)
    close(kernel(x, y), function(x, y), 1e-13)
    close(kernel.diagonal(x), kernel(x).diagonal(), 1e-13)
    assert torch.linalg.eigvalsh(kernel(x)).min() > -1e-12


@pytest.mark.parametrize("order", [1, 2, 3])
def test_arc_cosine_is_twice_the_average(order: int) -> None:
    x = normal(3, 3, seed=3)
    w = normal(400_000, 3, seed=4)
    features = torch.relu(x @ w.mT) ** order
    products = 2 * features[:, None] * features[None]
    z = (products.mean(-1) - ArcCosine(order)(x)) / (products.std(-1) / math.sqrt(w.shape[0]))
    assert z.abs().max() < 4
    angle = torch.arccos(x[0] @ x[1] / (x[0].norm() * x[1].norm()))
    if order == 1:
        bent = (angle.sin() + (math.pi - angle) * angle.cos()) / math.pi
        close(ArcCosine(1)(x[0], x[1]), x[0].norm() * x[1].norm() * bent, 1e-13)


def test_functions_of_points() -> None:
    x = normal(3, 3, seed=5)
    t = (x**2).sum(-1)[:, None, None]
    close(kernels.metric(lambda a, b: torch.exp(-((a - b) ** 2).sum() / 2), x), EYE.expand(3, 3, 3), 1e-12)
    close(kernels.metric(lambda a, b: (1 + a @ b.mT) ** 2 if a.ndim == 2 else _only_batches(), x),
          2 * (1 + t) * EYE + 2 * outer(x), 1e-12)  # fmt: skip
    close(kernels.metric(lambda a, b: 3 * (a @ b) + (4.0 if a[0] > 0 else 5.0), x), 3 * EYE.expand(3, 3, 3), 1e-12)
    # A vanishing metric, narrow bumps and large numbers are no reason to refuse.
    origin = torch.zeros(3, dtype=torch.float64)
    assert (kernels.metric(lambda a, b: (a @ b) ** 2, origin) == 0).all()
    close(kernels.metric(lambda a, b: torch.exp(-((a - b) ** 2).sum() / 2e-8), x[0]), EYE * 1e8, 1e-9)
    close(kernels.metric(lambda a, b: 1e9 + a @ b, x[0]), EYE, 1e-9)


def _only_batches() -> None:
    raise IndexError("points (n, D)")


def _clamped_relu(a: Tensor, b: Tensor) -> Tensor:
    length = (a @ a).sqrt() * (b @ b).sqrt()
    cosine = torch.clamp(a @ b / length, -1 + 1e-7, 1 - 1e-7)
    angle = torch.acos(cosine)
    return length * (torch.sin(angle) + (math.pi - angle) * cosine) / math.pi


@pytest.mark.parametrize(
    "lying",
    [
        _clamped_relu,
        lambda a, b: torch.exp(-torch.linalg.vector_norm(a - b)),
        lambda a, b: torch.exp(-((a - b).abs()).sum()),
        lambda a, b: 1 - torch.acos(a @ b / (a.norm() * b.norm())) / math.pi,
    ],
    ids=["clamped ReLU", "Laplace", "L1 Laplace", "steps"],
)
def test_functions_whose_derivative_lies_are_refused(lying) -> None:
    with pytest.raises(NotSmoothError, match="differences"):
        kernels.metric(lying, normal(2, 3, seed=6))


def test_curvature() -> None:
    x = normal(2, 2, seed=7)
    for kernel in (RBF(0.7), SmoothLaplace(), ArcCosine(1)):
        close(kernels.scalar_curvature(kernel, x), torch.zeros(2, dtype=torch.float64), 1e-10)
    for kernel in (Polynomial(3, 0.5), ArcCosine(2)):
        close(kernel.scalar_curvature(x), intrinsic.scalar_curvature(kernel.field, x), 1e-9)
    close(
        kernels.scalar_curvature(Polynomial(2, 1.0), x),
        kernels.scalar_curvature(lambda a, b: (1 + a @ b) ** 2, x),
        1e-9,
    )

    # Normalised products: the unit sphere, in two coordinates of the plane z = 1.
    def sphere(a: Tensor, b: Tensor) -> Tensor:
        return (1 + a @ b) / torch.sqrt((1 + a @ a) * (1 + b @ b))

    close(kernels.scalar_curvature(sphere, x), torch.full((2,), 2.0, dtype=torch.float64), 1e-9)


def test_volume_and_rank() -> None:
    x = normal(4, 3, seed=8)
    for kernel in (RBF(0.7), Polynomial(3, 0.5)):
        close(kernels.log_volume(kernel, x), 0.5 * torch.logdet(kernel.metric(x)), 1e-11)
        assert kernel.rank(x).tolist() == [3] * 4
    flat = as_kernel(lambda a, b: 4 * a[0] * b[0])
    close(flat.log_volume(x), torch.full((4,), math.log(2.0), dtype=torch.float64), 1e-12)
    assert flat.rank(x).tolist() == [1] * 4


def test_shapes_and_wrong_input() -> None:
    x = normal(4, 3, seed=9)
    assert kernels.metric(RBF(), x.numpy()).shape == (4, 3, 3)
    assert kernels.metric(RBF(), x[0].float()).dtype == torch.float64
    assert kernels.metric(RBF(), [0, 1]).shape == (2, 2)
    assert RBF()(x[0], x).shape == (4,)
    for wrong in (lambda: RBF(0), lambda: RBF(-1), lambda: Polynomial(0), lambda: Polynomial(2, -1),
                  lambda: ArcCosine(-1), lambda: as_kernel(3), lambda: kernels.metric(RBF(), normal(1, 2, 3)),
                  lambda: kernels.metric(lambda a, b: a - b, x), lambda: RBF()(x, x[:, :2]),
                  lambda: kernels.metric(lambda a, b: np.float64(1.0), x)):  # fmt: skip
        with pytest.raises(InputError):
            wrong()

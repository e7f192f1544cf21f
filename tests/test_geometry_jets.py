"""Jets, nested forward mode and reverse mode agree on every module and function, and on awkward code."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from numeric import close, generator, hessian_by_differences, hessian_by_reverse_mode, normal
from torch import Tensor, nn
from torch.func import jacrev, vmap
from torch.nn import functional

from neuromanifold import geometry
from neuromanifold.geometry import propagation
from neuromanifold.geometry.decompositions import COMPOSITES
from neuromanifold.geometry.nested import nested_streams
from neuromanifold.geometry.rules import LINEAR, VALUE_ONLY
from neuromanifold.geometry.smooth import NOT_SMOOTH, SMOOTH
from neuromanifold.manifolds import Sphere


class Residual(nn.Module):
    """x + W₂ softplus(W₁ x), written as people write it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + self.second(functional.softplus(self.first(x))))


class Opaque(nn.Module):
    """A module that accepts nothing but tensors, as compiled code does."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        if not isinstance(x, Tensor):
            raise TypeError("a tensor, please")
        return self.module(x)


class InPlace(nn.Module):
    """A leaf that changes its own tensors."""

    def forward(self, x: Tensor) -> Tensor:
        y = torch.sin(x)
        y += x
        return y * x


class Container(nn.Module):
    """Branches, a list of parts, attributes of children, and a leaf that jets cannot go through."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)
        self.parts = nn.ModuleList([nn.Tanh(), InPlace()])
        self.tail = nn.Sequential(nn.Linear(width, width), InPlace())

    def forward(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = x + part(self.inner(x))
        gate = torch.cat([x[..., :2], x[..., 2:].flip(-1)], dim=-1)
        return self.tail(x) * gate / (2 + torch.cos(x)) - x.mean(-1, keepdim=True) * self.inner.weight.sum()


def batch_norm() -> nn.Module:
    """With moments of its own, as after a training."""
    norm = nn.BatchNorm1d(6).eval()
    norm.running_mean.copy_(torch.arange(6.0))
    norm.running_var.copy_(torch.arange(1.0, 7.0))
    return norm


MODULES: tuple[nn.Module, ...] = (
    nn.Identity(),
    nn.Softplus(),
    nn.Softplus(beta=2.0),
    nn.Tanh(),
    nn.Sigmoid(),
    nn.SiLU(),
    nn.GELU(),
    nn.GELU(approximate="tanh"),
    nn.Mish(),
    nn.LogSigmoid(),
    nn.Tanhshrink(),
    nn.Softmax(dim=-1),
    nn.LayerNorm(6),
    nn.GLU(),
    nn.Dropout(0.5).eval(),
    batch_norm(),
    nn.Linear(6, 3),
    nn.Linear(6, 6, bias=False),
    nn.Sequential(nn.Unflatten(-1, (2, 3)), nn.Conv1d(2, 4, 2), nn.Flatten()),
    Residual(6),
    Container(6),
    Opaque(nn.Sequential(nn.Linear(6, 6), nn.SiLU(), nn.LayerNorm(6))),
    nn.Sequential(nn.Linear(6, 6), Opaque(nn.Softplus()), nn.Linear(6, 4), InPlace(), nn.Tanh()),
)

# Functions of a vector of six numbers that jets go through by some rule, or by none.
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sin, cos": lambda x: torch.sin(x) * torch.cos(2 * x),
    "tan, atan": lambda x: torch.atan(torch.tan(x / 9)),
    "exp, log": lambda x: torch.log(1 + torch.exp(x)) + torch.expm1(x / 3) + torch.log1p(x * x),
    "roots": lambda x: torch.sqrt(1 + x * x) + torch.rsqrt(2 + x * x) + torch.reciprocal(3 + x * x),
    "hyperbolic": lambda x: torch.sinh(x) / torch.cosh(x),
    "erf": lambda x: torch.erf(x) + torch.special.expit(x),
    "powers": lambda x: x**3 + x**2 - x**1 + (1 + x**2) ** 0.7 + x.square(),
    "quotients": lambda x: (1 + x) / (2 + x * x) + 1 / (3 + torch.cos(x)) - x / 2,
    "reversed": lambda x: 1 - x + 2 * x - 3 / (4 + x * x),
    "matrix product": lambda x: (x.reshape(2, 3) @ x.reshape(3, 2)).flatten(),
    "constant matrix": lambda x: torch.arange(12.0, dtype=x.dtype).reshape(2, 6) @ x,
    "einsum": lambda x: torch.einsum("i,j->ij", x, torch.sin(x)).flatten(),
    "shapes": lambda x: torch.stack([x.unsqueeze(-1).squeeze(-1), x.roll(1), x.flip(0)]).mT.reshape(-1),
    "pieces": lambda x: torch.cat([part * i for i, part in enumerate(x.chunk(3), start=1)]),
    "unpacked": lambda x: torch.stack([x[0] * x[1], x[2] ** 2, torch.ones((), dtype=x.dtype)]),
    "choice": lambda x: torch.where(x > 0, x**2, torch.sin(x)),
    "sums": lambda x: torch.stack([x.sum(), x.mean(), (x * x).sum(), x.cumsum(0)[3]]),
    "norms": lambda x: (
        x / torch.linalg.vector_norm(x, dim=-1, keepdim=True) + x.norm() + functional.normalize(x, dim=0)
    ),
    "softmax": lambda x: functional.softmax(x, -1) + torch.logsumexp(x, -1),
    "trigonometry": lambda x: torch.atan2(x[:3], 2 + x[3:]) + torch.hypot(x[:3], x[3:]),
    "constants": lambda x: torch.ones(3, dtype=x.dtype) + 0 * x[:3],
    "keywords": lambda x: torch.add(x, other=torch.ones_like(x)) * torch.mul(x, other=x) + torch.add(x, 2 * x, alpha=3),
    "padding": lambda x: functional.pad(x[None], (1, 2), value=1.0)[0] * functional.pad(x[None], (2, 1))[0],
    "ends": lambda x: torch.diff(x**2, prepend=x.new_ones(2)),
    "convolution": lambda x: functional.conv1d(
        (x**2).reshape(1, 2, 3), weight=torch.arange(12.0, dtype=x.dtype).reshape(2, 2, 3), padding="same"
    ).flatten(),
    "determinant": lambda x: torch.linalg.slogdet(torch.diag(x.exp()) + 1)[1][None],
    "solve": lambda x: torch.linalg.solve(torch.diag(x.exp()) + 1, x),
    "inverse": lambda x: torch.linalg.inv(torch.diag(x.exp()) + 1).flatten(),
    "attention": lambda x: functional.scaled_dot_product_attention(
        x.reshape(1, 2, 3), x.reshape(1, 2, 3), x.reshape(1, 2, 3)
    ).flatten(),
}


@pytest.mark.parametrize("module", MODULES, ids=lambda m: type(m).__name__)
def test_modules(module: nn.Module) -> None:
    """By jets, by jets through a function, by nested forward mode, and by reverse over reverse mode."""
    module, u = module.double(), normal(5, 6)
    jet = geometry.taylor(module, u)
    close(jet.second, hessian_by_reverse_mode(lambda v: module(v[None])[0], u))
    close(geometry.taylor(lambda v: module(v[None])[0], u).second, jet.second)
    close(geometry.taylor(Opaque(module), u).second, jet.second)
    close(geometry.jacobian(module, u), jet.first)
    close(jet.value, module(u).detach())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    f, u = FUNCTIONS[name], 0.7 * normal(2, 6)
    jet = geometry.taylor(f, u)
    close(jet.value, torch.stack([f(v) for v in u]))
    for v, second in zip(u, jet.second, strict=True):
        close(second, hessian_by_differences(f, v), 5e-6)
    close(geometry.taylor(_opaque(f), u).second, jet.second)
    close(geometry.jacobian(f, u), jet.first)
    close(vmap(jacrev(f))(u), jet.first)


def _opaque(f: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The function, for tensors only."""

    def g(x: Tensor) -> Tensor:
        if not isinstance(x, Tensor):
            raise TypeError("a tensor, please")
        return f(x)

    return g


@pytest.mark.parametrize(
    "name",
    [
        "layer_norm",
        "instance_norm",
        "det",
        "det of two",
        "logdet",
        "slogdet",
        "solve",
        "solve from right",
        "glu",
        "mish",
    ],
)
def test_functions_that_torch_differentiates_wrongly(name: str) -> None:
    """Nested forward mode of torch itself is wrong for these (or missing); ours is not, with or without
    jets.
    """
    right = torch.arange(3.0, dtype=torch.float64)
    functions: dict[str, Callable[[Tensor], Tensor]] = {
        "layer_norm": lambda x: functional.layer_norm(x, (6,), torch.arange(6.0, dtype=x.dtype)),
        "instance_norm": lambda x: functional.instance_norm(
            x.reshape(1, 2, 3), weight=right[1:], bias=right[:2]
        ).flatten(),
        "det": lambda x: torch.linalg.det(_matrix(x))[None],
        "logdet": lambda x: torch.logdet(_matrix(x))[None],
        # The orthogonal factor of two dimensions is a reflection.
        "det of two": lambda x: torch.linalg.det(_matrix(x)[:2, :2] * x[5])[None],
        "slogdet": lambda x: torch.stack(torch.linalg.slogdet(-_matrix(x))),
        "solve": lambda x: torch.linalg.solve(_matrix(x), right),
        "solve from right": lambda x: torch.linalg.solve(_matrix(x), torch.diag(x[1:4]) + 1, left=False).flatten(),
        "glu": lambda x: functional.glu(x),
        "mish": lambda x: functional.mish(x),
    }
    f, v = functions[name], normal(1, 6)
    for function in (f, _opaque(f)):
        close(geometry.taylor(function, v).value[0], f(v[0]))
    close(geometry.hessian(f, v)[0], hessian_by_differences(f, v[0]), 2e-6)
    close(geometry.hessian(_opaque(f), v)[0], hessian_by_differences(f, v[0]), 2e-6)


def test_every_rule_is_of_a_function_that_torch_calls_so() -> None:
    spaces = (torch, functional, torch.linalg, torch.special, Tensor, torch._C._nn)
    known = {getattr(getattr(space, name), "__name__", "").strip("_") for space in spaces for name in dir(space)}
    rules = {*SMOOTH, *NOT_SMOOTH, *COMPOSITES, *LINEAR, *VALUE_ONLY}
    assert not rules - known


class Cube(torch.autograd.Function):
    """x³ with a backward rule of its own, computed out of torch's sight."""

    @staticmethod
    def forward(ctx, x):  # type: ignore[no-untyped-def, override]
        ctx.save_for_backward(x)
        return torch.from_numpy(x.detach().numpy() ** 3)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def, override]
        (x,) = ctx.saved_tensors
        return 3 * x**2 * gradient


def _filled(x: Tensor) -> Tensor:
    out = torch.empty(3, dtype=x.dtype)
    out[0], out[1], out[2] = x[0] * x[1], x[2] ** 2, x[0] ** 3
    return out


@pytest.mark.parametrize(
    ("awkward", "plain"),
    [
        (_filled, lambda x: torch.stack([x[0] * x[1], x[2] ** 2, x[0] ** 3])),
        (lambda x: torch.cat([Cube.apply(x), x.prod()[None]]), lambda x: torch.cat([x**3, x.prod()[None]])),
        (lambda x: torch.zeros(3, dtype=x.dtype).add_(x**2).mul_(x), lambda x: x**3),
        (lambda x: torch.stack([x[0] if float(x[0]) > 0 else x[1] ** 2, x[1]]), None),
        (lambda x: torch.cdist(x[None], torch.ones(2, 3, dtype=x.dtype))[0], None),
    ],
    ids=["fills a tensor", "own backward rule", "in place", "control flow", "no forward derivative"],
)
def test_code_that_only_plain_autograd_can_follow(
    awkward: Callable[[Tensor], Tensor], plain: Callable[[Tensor], Tensor] | None
) -> None:
    u = normal(3, 3)
    for v, second in zip(u, geometry.hessian(awkward, u), strict=True):
        close(second, hessian_by_differences(awkward, v), 5e-6)
    if plain is not None:
        close(geometry.hessian(awkward, u), geometry.hessian(plain, u))
        close(geometry.jacobian(awkward, u), geometry.jacobian(plain, u))


def test_plain_autograd_after_something_that_bends() -> None:
    z = Sphere(2).sample(3, generator())
    awkward, plain = geometry.Immersion("sphere", lambda z: Cube.apply(z)), geometry.Immersion("sphere", lambda z: z**3)
    close(geometry.mean_curvature(awkward, z, on_points=True), geometry.mean_curvature(plain, z, on_points=True))


def _matrix(x: Tensor) -> Tensor:
    return torch.diag(x[:3].exp()) + torch.outer(x[3:], x[3:]) + x[0] * x[1]


def test_an_unknown_leaf_falls_back_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    fallen: list[object] = []

    def counted(function: object, *args: object) -> Tensor:
        fallen.append(function)
        return nested_streams(function, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(propagation, "nested_streams", counted)
    module = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), Opaque(nn.SiLU()), Container(6)).double()
    geometry.hessian(module, normal(3, 6))
    assert [type(leaf) for leaf in fallen] == [Opaque, InPlace, InPlace]

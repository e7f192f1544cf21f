"""The derivative engine: jets, nested forward mode and reverse mode agree, for every module, precision
and device.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from neuromanifold import geometry
from neuromanifold._errors import InputError
from neuromanifold.geometry import Immersion, propagation
from neuromanifold.geometry.nested import nested_streams
from neuromanifold.manifolds import Torus


def _points(n: int, k: int, seed: int = 0) -> Tensor:
    return torch.randn(n, k, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _close(a: Tensor, b: Tensor, tolerance: float = 1e-9) -> None:
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance * max(float(b.detach().abs().max()), 0.1))


def _reverse(f: Callable[[Tensor], Tensor], u: Tensor) -> Tensor:
    """Hessians by reverse over reverse mode: nothing in common with the engine."""
    return vmap(jacrev(jacrev(f)))(u).detach()


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
    nn.BatchNorm1d(6).eval(),
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
    module, u = module.double(), _points(5, 6)
    jet = geometry.taylor(module, u)
    _close(jet.second, _reverse(lambda v: module(v[None])[0], u))
    _close(geometry.taylor(lambda v: module(v[None])[0], u).second, jet.second)
    _close(geometry.taylor(Opaque(module), u).second, jet.second)
    _close(geometry.jacobian(module, u), jet.first)
    _close(jet.value, module(u).detach())


def _central(f: Callable[[Tensor], Tensor], v: Tensor, h: float = 1e-4) -> Tensor:
    """Hessian at a point by central differences: ``(d, k, k)``."""
    steps = h * torch.eye(len(v), dtype=v.dtype)
    rows = [[f(v + a + b) - f(v + a - b) - f(v - a + b) + f(v - a - b) for b in steps] for a in steps]
    return torch.stack([torch.stack(row, -1) for row in rows], -2) / (4 * h * h)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    f, u = FUNCTIONS[name], 0.7 * _points(2, 6)
    jet = geometry.taylor(f, u)
    for v, second in zip(u, jet.second, strict=True):
        _close(second, _central(f, v), 5e-6)
    _close(geometry.taylor(_opaque(f), u).second, jet.second)
    _close(geometry.jacobian(f, u), jet.first)
    _close(vmap(jacrev(f))(u), jet.first)


def _opaque(f: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The function, for tensors only."""

    def g(x: Tensor) -> Tensor:
        if not isinstance(x, Tensor):
            raise TypeError("a tensor, please")
        return f(x)

    return g


@pytest.mark.parametrize("name", ["layer_norm", "instance_norm", "det", "logdet", "slogdet", "solve", "glu"])
def test_functions_that_torch_differentiates_wrongly(name: str) -> None:
    """Nested forward mode of torch itself is wrong for these (or missing); ours is not, with or without
    jets.
    """
    right = torch.arange(3.0, dtype=torch.float64)
    functions: dict[str, Callable[[Tensor], Tensor]] = {
        "layer_norm": lambda x: functional.layer_norm(x, (6,), torch.arange(6.0, dtype=x.dtype)),
        "instance_norm": lambda x: functional.instance_norm(x.reshape(1, 2, 3)).flatten(),
        "det": lambda x: torch.linalg.det(_matrix(x))[None],
        "logdet": lambda x: torch.logdet(_matrix(x))[None],
        "slogdet": lambda x: torch.linalg.slogdet(_matrix(x))[1][None],
        "solve": lambda x: torch.linalg.solve(_matrix(x), right),
        "glu": lambda x: functional.glu(x),
    }
    f, v = functions[name], _points(1, 6)
    _close(geometry.hessian(f, v)[0], _central(f, v[0]), 2e-6)
    _close(geometry.hessian(_opaque(f), v)[0], _central(f, v[0]), 2e-6)


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
    u = _points(3, 3)
    for v, second in zip(u, geometry.hessian(awkward, u), strict=True):
        _close(second, _central(awkward, v), 5e-6)
    if plain is not None:
        _close(geometry.hessian(awkward, u), geometry.hessian(plain, u))
        _close(geometry.jacobian(awkward, u), geometry.jacobian(plain, u))


def _matrix(x: Tensor) -> Tensor:
    return torch.diag(x[:3].exp()) + torch.outer(x[3:], x[3:]) + x[0] * x[1]


def test_an_unknown_leaf_falls_back_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    fallen: list[object] = []

    def counted(function: object, *args: object) -> Tensor:
        fallen.append(function)
        return nested_streams(function, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(propagation, "nested_streams", counted)
    module = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), Opaque(nn.SiLU()), Container(6)).double()
    geometry.hessian(module, _points(3, 6))
    assert [type(leaf) for leaf in fallen] == [Opaque, InPlace, InPlace]


# -- cost --------------------------------------------------------------------------------------------------


def _decoder(width: int = 64, depth: int = 4, d: int = 20, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Linear(4, width), nn.Softplus()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.Softplus()]
    return nn.Sequential(*layers, nn.Linear(width, d)).to(dtype)


@pytest.mark.parametrize(
    ("wrap", "passes"),
    [
        (lambda f: f, 6.1),
        (lambda f: lambda u: f(u), 6.1),
    ],
    ids=["module", "function"],
)
def test_multiplications_in_forward_passes(wrap: Callable[[Immersion], object], passes: float) -> None:
    """Value, two first and three second derivatives are six passes."""
    f = Immersion("torus", _decoder())
    u = Torus(2).angles(Torus(2).sample(256, torch.Generator().manual_seed(0)))
    with FlopCounterMode(display=False) as once:
        f(u)
    with FlopCounterMode(display=False) as all_streams:
        geometry.taylor(wrap(f), u, frame=True)  # type: ignore[arg-type]
    # Probing the width of the map takes a few points of a few forward passes more.
    assert all_streams.get_total_flops() <= (passes + 0.1) * once.get_total_flops()


class _Largest(TorchDispatchMode):
    bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else (out,):
            if isinstance(tensor, Tensor):
                self.bytes = max(self.bytes, tensor.numel() * tensor.element_size())
        return out


@pytest.mark.parametrize("memory", [1 << 19, 1 << 21, 1 << 30])
@pytest.mark.parametrize("pointwise", [False, True])
def test_memory_is_bounded(memory: int, pointwise: bool) -> None:
    f = Immersion("torus", _decoder())
    u = Torus(2).angles(Torus(2).sample(1000, torch.Generator().manual_seed(0)))
    with _Largest() as largest:
        result = geometry.mean_curvature_norm((lambda v: f(v)) if pointwise else f, u, memory=memory)
    weights = 64 * 64 * 8
    assert largest.bytes <= max(memory, weights, u.numel() * 8)
    _close(result, geometry.mean_curvature_norm(f, u))


@pytest.mark.slow
def test_a_million_points() -> None:
    f = Immersion("torus", _decoder(width=16, depth=2, d=10))
    u = 6 * torch.rand(1_000_000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with _Largest() as largest:
        norm = geometry.mean_curvature_norm(f, u)
    assert norm.shape == (1_000_000,)
    assert largest.bytes <= u.numel() * 8
    _close(norm[-5:], geometry.mean_curvature_norm(f, u[-5:]))


# -- graphs ------------------------------------------------------------------------------------------------


def test_no_graph_is_kept_unless_asked() -> None:
    f = Immersion("sphere", nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 5)))
    u = torch.rand(4, 2, dtype=torch.float64, requires_grad=True)
    for function in (geometry.mean_curvature_norm, geometry.log_volume, geometry.scalar_curvature):
        assert not function(f, u).requires_grad
        assert function(f, u, create_graph=True).requires_grad


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize(
    "quantity",
    [
        geometry.mean_curvature_norm,
        geometry.scalar_curvature,
        geometry.log_volume,
        geometry.extrinsic_curvature,
        lambda f, u, **o: geometry.conformal_distortion(geometry.pullback_metric(f, u, frame=True, **o)),
    ],
    ids=["mean curvature", "scalar curvature", "log volume", "LEC", "conformal"],
)
def test_regularisers_can_differentiate(quantity: Callable[..., Tensor], opaque: bool) -> None:
    """Gradients w.r.t. a weight and a point against central differences."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 5)).double()
    f = Immersion("sphere", Opaque(net) if opaque else net)
    u = torch.tensor([[1.0, 2.0], [0.7, 4.0]], dtype=torch.float64, requires_grad=True)
    weight = net[0].weight
    total = quantity(f, u, create_graph=True).sum()
    by_weight, by_point = torch.autograd.grad(total, [weight, u])
    h = 1e-5
    with torch.no_grad():
        for tensor, gradient in ((weight, by_weight), (u, by_point)):
            ends = []
            for sign in (1, -1):
                tensor[0, 1] += sign * h
                ends.append(quantity(f, u).sum())
                tensor[0, 1] -= sign * h
            _close(gradient[0, 1], (ends[0] - ends[1]) / (2 * h), 1e-6)


# -- precision and device ----------------------------------------------------------------------------------


def test_networks_in_single_precision_are_differentiated_in_double() -> None:
    single = Immersion("torus", _decoder(dtype=torch.float32))
    u = Torus(2).angles(Torus(2).sample(50, torch.Generator().manual_seed(0)))
    double = Immersion("torus", _decoder(dtype=torch.float32).double())
    assert single.decoder[0].weight.dtype == torch.float32
    _close(geometry.mean_curvature(single, u), geometry.mean_curvature(double, u))
    _close(geometry.mean_curvature(single, u.float()), geometry.mean_curvature(double, u.float()))


@pytest.mark.parametrize("dtype", [torch.float32, None])
def test_single_precision_is_good_to_a_thousandth(dtype: torch.dtype | None) -> None:
    f = Immersion("torus", _decoder(dtype=torch.float32))
    u = Torus(2).angles(Torus(2).sample(50, torch.Generator().manual_seed(0)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        low = geometry.mean_curvature_norm(f, u, dtype=dtype)
    high = geometry.mean_curvature_norm(f, u)
    assert low.dtype == torch.float64
    assert not torch.equal(low, high)
    assert ((low - high).abs() <= 1e-3 * high).all()


def test_ill_conditioned_single_precision_warns() -> None:
    stretched = lambda u: torch.stack([torch.cos(u[0]), torch.sin(u[0]), 1e-4 * torch.sin(u[1])])  # noqa: E731
    with pytest.warns(RuntimeWarning, match="single precision"):
        geometry.mean_curvature(stretched, torch.ones(2, 2), dtype=torch.float32)


def test_a_function_around_a_float32_network_warns() -> None:
    net = _decoder(dtype=torch.float32)
    u = torch.rand(3, 2, dtype=torch.float64)
    with pytest.warns(RuntimeWarning, match="float32 only"):
        low = geometry.mean_curvature(lambda v: net(Torus(2).embed(v)), u)
    _close(low, geometry.mean_curvature(Immersion("torus", net), u), 1e-3)


@pytest.mark.parametrize("k", [1, 2])
def test_nothing_leaves_the_meta_device(k: int) -> None:
    template = Torus(k)
    net = nn.Sequential(nn.Linear(2 * k, 8), nn.Softplus(), Opaque(nn.Tanh()), nn.Linear(8, 5)).to("meta")
    f, u = Immersion(template, net), torch.zeros(7, k, device="meta")
    local = geometry.local_geometry(f, u)
    outputs = [local.value, local.mean_curvature, local.scalar_curvature, local.log_volume, local.rank, local.finite]
    outputs += [geometry.pullback_metric(f, u), geometry.riemann(f, u), geometry.extrinsic_curvature(f, u)]
    outputs += [geometry.log_pseudo_volume(f, u), geometry.principal_curvatures(f, u)]
    assert all(out.device.type == "meta" for out in outputs)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_gives_the_numbers_of_the_cpu() -> None:
    f, there = Immersion("torus", _decoder()), Immersion("torus", _decoder().to("cuda"))
    u = Torus(2).angles(Torus(2).sample(30, torch.Generator().manual_seed(0)))
    for function in (geometry.mean_curvature, geometry.scalar_curvature, geometry.extrinsic_curvature):
        result = function(there, u.to("cuda"))
        assert result.device.type == "cuda"
        _close(result.cpu(), function(f, u))
    assert geometry.geodesic(there, u[:3].to("cuda"), u[3:6].to("cuda")).length.device.type == "cuda"


# -- what cannot be differentiated -------------------------------------------------------------------------


@pytest.mark.parametrize("module", [nn.Dropout(0.5), nn.BatchNorm1d(3)], ids=lambda m: type(m).__name__)
def test_modules_in_training_mode_are_refused(module: nn.Module) -> None:
    net = nn.Sequential(nn.Linear(2, 3), module).train()
    with pytest.raises(InputError, match="eval"):
        geometry.pullback_metric(net, torch.zeros(2, 2))
    assert geometry.pullback_metric(net.eval(), torch.zeros(2, 2)).shape == (2, 2, 2)


def test_errors_of_the_map_come_through() -> None:
    def broken(u: Tensor) -> Tensor:
        raise ZeroDivisionError("inside the map")

    with pytest.raises(ZeroDivisionError, match="inside the map"):
        geometry.mean_curvature(broken, torch.zeros(2, 2))


def test_batched_functions_work_too() -> None:
    batched = lambda u: torch.cat([torch.cos(u[:, :1]), torch.sin(u[:, :1]), u[:, 1:]], dim=1)  # noqa: E731
    single = lambda u: torch.stack([torch.cos(u[0]), torch.sin(u[0]), u[1]])  # noqa: E731
    u = _points(6, 2)
    _close(geometry.mean_curvature(batched, u), geometry.mean_curvature(single, u))
    _close(geometry.mean_curvature(batched, u[0]), geometry.mean_curvature(single, u[0]))


@pytest.mark.parametrize("pointwise", [False, True])
def test_jacobians_of_many_coordinates_into_few(pointwise: bool) -> None:
    """Reverse mode, where it is cheaper, gives what forward mode gives."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(60, 20), nn.ReLU(), nn.Linear(20, 3))
    u = _points(7, 60).float()
    f = (lambda v: net.double()(v)) if pointwise else net
    identity = torch.eye(60).expand(7, 60, 60)
    _close(geometry.jacobian(f, u), geometry.jacobian(f, u, directions=identity))
    _close(geometry.jacobian(f, u), geometry.jacobian(f, u, create_graph=True).detach())
    assert not geometry.log_pseudo_volume(f, u).requires_grad
    assert geometry.rank(f, u).tolist() == [3] * 7


def test_singular_points_do_not_spoil_gradients() -> None:
    scale = torch.ones(2, dtype=torch.float64, requires_grad=True)
    u = torch.tensor([[-1.0], [0.0], [1.0]], dtype=torch.float64)
    local = geometry.local_geometry(lambda v: scale * torch.stack([v[0] ** 2, v[0] ** 3]), u, create_graph=True)
    (gradient,) = torch.autograd.grad(local.mean_curvature_norm[local.finite].sum(), scale)
    assert torch.isfinite(gradient).all()


def test_derivatives_along_directions() -> None:
    f, u = FUNCTIONS["matrix product"], _points(4, 6)
    v = torch.randn(4, 6, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    full, along = geometry.taylor(f, u), geometry.taylor(f, u, directions=v)
    _close(along.first, full.first @ v)
    _close(along.second, torch.einsum("ndij,nia,njb->ndab", full.second, v, v))

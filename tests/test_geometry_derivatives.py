"""The derivative engine: its cost, memory, graphs, precision and devices."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
from numeric import close, generator, normal
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from neuromanifold import geometry
from neuromanifold._errors import InputError
from neuromanifold.geometry import Immersion
from neuromanifold.manifolds import Sphere, Torus


class Opaque(nn.Module):
    """A module that accepts nothing but tensors, as compiled code does."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        if not isinstance(x, Tensor):
            raise TypeError("a tensor, please")
        return self.module(x)


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
    close(result, geometry.mean_curvature_norm(f, u))


@pytest.mark.slow
def test_a_million_points() -> None:
    f = Immersion("torus", _decoder(width=16, depth=2, d=10))
    u = 6 * torch.rand(1_000_000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with _Largest() as largest:
        norm = geometry.mean_curvature_norm(f, u)
    assert norm.shape == (1_000_000,)
    assert largest.bytes <= u.numel() * 8
    close(norm[-5:], geometry.mean_curvature_norm(f, u[-5:]))


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
            close(gradient[0, 1], (ends[0] - ends[1]) / (2 * h), 1e-6)


# -- precision and device ----------------------------------------------------------------------------------


def test_networks_in_single_precision_are_differentiated_in_double() -> None:
    single = Immersion("torus", _decoder(dtype=torch.float32))
    u = Torus(2).angles(Torus(2).sample(50, torch.Generator().manual_seed(0)))
    double = Immersion("torus", _decoder(dtype=torch.float32).double())
    assert single.decoder[0].weight.dtype == torch.float32
    close(geometry.mean_curvature(single, u), geometry.mean_curvature(double, u))
    close(geometry.mean_curvature(single, u.float()), geometry.mean_curvature(double, u.float()))


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
    close(low, geometry.mean_curvature(Immersion("torus", net), u), 1e-3)


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
        close(result.cpu(), function(f, u))
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
    u = normal(6, 2)
    close(geometry.mean_curvature(batched, u), geometry.mean_curvature(single, u))
    close(geometry.mean_curvature(batched, u[0]), geometry.mean_curvature(single, u[0]))


@pytest.mark.parametrize("pointwise", [False, True])
def test_jacobians_of_many_coordinates_into_few(pointwise: bool) -> None:
    """Reverse mode, where it is cheaper, gives what forward mode gives."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(60, 20), nn.ReLU(), nn.Linear(20, 3))
    u = normal(7, 60).float()
    f = (lambda v: net.double()(v)) if pointwise else net
    identity = torch.eye(60).expand(7, 60, 60)
    close(geometry.jacobian(f, u), geometry.jacobian(f, u, directions=identity))
    close(geometry.jacobian(f, u), geometry.jacobian(f, u, create_graph=True).detach())
    assert not geometry.log_pseudo_volume(f, u).requires_grad
    assert geometry.rank(f, u).tolist() == [3] * 7


def test_singular_points_do_not_spoil_gradients() -> None:
    scale = torch.ones(2, dtype=torch.float64, requires_grad=True)
    u = torch.tensor([[-1.0], [0.0], [1.0]], dtype=torch.float64)
    local = geometry.local_geometry(lambda v: scale * torch.stack([v[0] ** 2, v[0] ** 3]), u, create_graph=True)
    (gradient,) = torch.autograd.grad(local.mean_curvature_norm[local.finite].sum(), scale)
    assert torch.isfinite(gradient).all()


def test_derivatives_along_directions() -> None:
    f, u = lambda x: (x.reshape(2, 3) @ x.reshape(3, 2)).flatten(), normal(4, 6)
    v = torch.randn(4, 6, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    full, along = geometry.taylor(f, u), geometry.taylor(f, u, directions=v)
    close(along.first, full.first @ v)
    close(along.second, torch.einsum("ndij,nia,njb->ndab", full.second, v, v))
    # Of an immersion the directions are those of the template's chart, which bends too.
    template = Sphere(2)
    f, z, v = Immersion(template, lambda z: z**3), template.sample(4, generator()), normal(4, 2, 2, seed=1)
    full, along = (geometry.taylor(f, z, frame=True, on_points=True, directions=d) for d in (None, v))
    close(along.first, full.first @ v)
    close(along.second, torch.einsum("ndij,nia,njb->ndab", full.second, v, v))

"""Layers of networks as feature maps: against torch's own Jacobians, closed forms, and what must be refused."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from numeric import close, generator, normal
from torch import Tensor, nn
from torch.func import jacfwd, jacrev, vmap

from neuromanifold import geometry
from neuromanifold._errors import InputError, NotSmoothError
from neuromanifold.featuremaps import Plane, base, estimate_log_volume, layer
from neuromanifold.geometry.reverse import pullback
from neuromanifold.networks import ResNet, SmallResNet, load_small_resnet


def mlp(*widths: int, seed: int = 0) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(itertools.pairwise(widths)):
        linear = nn.Linear(a, b, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(normal(b, a, seed=seed + i) / a**0.5)
            linear.bias.copy_(normal(b, seed=seed + 50 + i) / 2)
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers)


def images(n: int = 2, size: int = 6) -> Tensor:
    return normal(n, 2, size, size, seed=3)


def convolutional(n_out: int = 3) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(2, 16, 3),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, n_out, 3, stride=2),
            nn.GELU(),
            nn.Flatten(),
        ).double()
        net.train()
        net(torch.randn(8, 2, 6, 6, dtype=torch.float64))  # moments of its own
    return net


def dense(net: nn.Module, x: Tensor) -> Tensor:
    """Jacobians (b, n, D) by forward mode, one point at a time, in evaluation mode."""
    net.eval()
    rows = [jacfwd(lambda u: net(u[None])[0].flatten())(point).flatten(1) for point in x]
    return torch.stack(rows).detach()


@pytest.mark.parametrize("memory", [1 << 17, 1 << 28])
@pytest.mark.parametrize("n_out", [3, 80])
def test_jacobian_either_way_round_and_in_chunks(n_out: int, memory: int) -> None:
    """3 outputs of 72 inputs go by rows, 80 by columns."""
    net, x = convolutional(n_out), images()
    phi = layer(net, memory=memory)
    assert phi.plan(x).mode == ("reverse" if n_out == 3 else "forward")
    truth = dense(net, x)
    close(phi.jacobian(x), truth, 1e-12)
    values = torch.linalg.svdvals(truth)
    # Pixels that no filter sees have no volume.
    nonzero = values > 1e-10 * values[:, :1]
    close(phi.log_volume(x), torch.where(nonzero, values, 1.0).log().sum(-1), 1e-9)
    assert torch.equal(phi.rank(x), nonzero.sum(-1))
    close(phi.spectrum(x)[:, : values.shape[-1]], values**2, 1e-10)
    close(phi.metric(x), truth.mT @ truth, 1e-10)


@pytest.mark.parametrize("n_copies", [1, 2, 5])
def test_pullback_takes_any_number_of_covectors(n_copies: int) -> None:
    net, x, w = convolutional(), images(2), normal(5, 2, 3)
    value, pull = pullback(lambda u: net.eval()(u.reshape(-1, *x.shape[1:])), x.flatten(1), n_copies)
    close(value, net(x).detach())
    close(pull(w), torch.einsum("bnk,cbn->cbk", dense(net, x), w), 1e-12)
    _, pull = pullback(lambda u: torch.ones(len(u), 3, dtype=u.dtype), x.flatten(1), n_copies)
    assert torch.equal(pull(w), torch.zeros(5, 2, x[0].numel(), dtype=x.dtype))


def test_few_jacobians_are_held_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    phi, sizes = layer(mlp(4, 6)), []
    derivatives = phi.derivatives

    def counted(x: Tensor) -> Tensor:
        sizes.append(len(x))
        return derivatives(x)

    monkeypatch.setattr(phi, "derivatives", counted)
    monkeypatch.setattr(base, "_JACOBIAN_BYTES", 5 * 8 * 6 * 4)
    phi.log_volume(normal(12, 4))
    assert sizes == [5, 5, 2]


def test_single_precision_is_enough_for_a_volume() -> None:
    net, x = convolutional(), images()
    truth = layer(net).log_volume(x)
    single = layer(net.float()).log_volume(x.float())
    assert single.dtype == torch.float64
    close(single, truth, 1e-5)


def test_names_reach_every_part() -> None:
    net, x = mlp(3, 7, 5), normal(2, 3)
    for name, stop in (("0", 1), ("1", 2), ("3", 4), (None, 4), ("", 4)):
        close(layer(net, name)(x), net[:stop](x).detach())
    with pytest.raises(InputError, match=r"no layer '4'.*it has: 0, 1, 2, 3"):
        layer(net, "4")
    with pytest.raises(InputError, match="did you mean"):
        layer(ResNet(18, generator()), "layer33")


def test_the_network_is_left_as_it_was() -> None:
    net, x = convolutional(), images()
    net.train()
    net[1].eval()
    state = {name: value.clone() for name, value in net.state_dict().items()}
    layer(net, "3").log_volume(x)
    assert [part.training for part in net] == [True, False, True, True, True, True]
    assert all(torch.equal(state[name], value) for name, value in net.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    assert not any(part._forward_hooks for part in net)


def test_batch_normalisation_does_not_mix_points() -> None:
    net, x = convolutional(), images(4)
    net.train()
    close(layer(net).log_volume(x)[:1], layer(net).log_volume(x[:1]))
    with pytest.raises(InputError, match="track_running_stats"):
        layer(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3, track_running_stats=False)))


def test_in_place_modules_are_no_matter() -> None:
    net, x = convolutional(), images()
    before = x.clone()
    pooled = layer(net, "2").jacobian(x)
    net[2] = nn.ReLU()
    close(layer(net, "2").jacobian(x), pooled)
    close(layer(nn.Sequential(nn.ReLU(inplace=True)), "0")(x), torch.relu(before).flatten(1))
    close(x, before)


def test_restriction_is_the_metric_on_the_plane() -> None:
    net = convolutional()
    a, b, c = images(3)
    plane = Plane.through(a, b, c)
    phi, u = layer(net), normal(4, 2, seed=5) / 4
    directions = plane.directions.flatten(1)
    full = phi.metric(plane.points(u))
    close(phi.restrict(plane).metric(u), directions @ full @ directions.mT, 1e-10)
    close(phi.restrict(plane).log_volume(u), 0.5 * torch.logdet(directions @ full @ directions.mT), 1e-9)
    line = Plane.through(a, b)
    speed = torch.linalg.vector_norm(dense(net, a[None])[0] @ (b - a).flatten())
    close(phi.restrict(line).log_volume(torch.zeros(1, 1, dtype=torch.float64)), speed.log()[None], 1e-10)


def test_planes() -> None:
    a, b, c = images(3)
    plane = Plane.through(a, b, c)
    u = normal(5, 2, seed=1)
    close(plane.coordinates(plane.points(u)), u)
    close(plane.barycentric(u).sum(-1), torch.ones(5, dtype=torch.float64))
    assert plane.convex_grid(4).shape == (10, 2)
    assert float(plane.barycentric(plane.convex_grid(4)).min()) > -1e-12
    assert plane.affine_grid(5).shape == (25, 2)
    assert plane.affine_grid(5).aminmax() == (-0.5, 1.5)
    for wrong, words in (
        (lambda: Plane.through(a), "2 points"),
        (lambda: Plane.through(a, b, a), "rank 1"),
        (lambda: Plane.through(a, b[0]), "one shape"),
        (lambda: Plane.through(a.int(), b.int()), "floating-point"),
        (lambda: plane.points(u[:, :1]), r"\(b, 2\)"),
        (lambda: plane.convex_grid(1), "at least 2"),
    ):
        with pytest.raises(InputError, match=words):
            wrong()


class Sphere(nn.Module):
    """The sphere of radius 2 from colatitude and longitude."""

    def forward(self, x: Tensor) -> Tensor:
        a, b = x.unbind(-1)
        return 2 * torch.stack([a.sin() * b.cos(), a.sin() * b.sin(), a.cos()], -1)


def test_curvature_of_a_sphere_of_radius_two() -> None:
    phi, x = layer(Sphere()), torch.tensor([[0.7, 0.1], [1.4, 2.0]], dtype=torch.float64)
    close(phi.scalar_curvature(x), torch.full((2,), 0.5, dtype=torch.float64), 1e-10)
    close(phi.scalar_curvature(x, normalize=True), torch.full((2,), 1.5, dtype=torch.float64), 1e-10)
    close(phi.log_volume(x), (4 * x[:, 0].sin()).log(), 1e-10)
    close(phi.log_volume(x, normalize=True), (4 * x[:, 0].sin()).log() - math.log(3), 1e-10)


def test_curvature_of_a_deep_layer_by_christoffel_symbols() -> None:
    net, x = mlp(2, 8, 6, 5), normal(3, 2, seed=4)
    phi = layer(net, "3")
    field = geometry.intrinsic.pullback(lambda u: net[:4](u))
    close(phi.scalar_curvature(x), torch.stack([geometry.intrinsic.scalar_curvature(field, u) for u in x]), 1e-8)


def test_codomain_sphere_is_the_metric_after_normalising() -> None:
    net, x = mlp(3, 6, 5), normal(3, 3, seed=1)
    phi = layer(net, codomain="sphere")
    psi = vmap(jacrev(lambda u: net(u) / torch.linalg.vector_norm(net(u))))(x).detach()
    close(phi.metric(x), psi.mT @ psi, 1e-11)
    close(phi(x), torch.nn.functional.normalize(net(x).detach(), dim=-1), 1e-12)
    wider = nn.Sequential(mlp(6, 4), nn.Identity())
    assert layer(wider, codomain="sphere").rank(normal(2, 6)).tolist() == [3, 3]
    with pytest.raises(InputError, match="'flat', 'sphere'"):
        layer(net, codomain="torus")


def test_submersions_have_a_pseudo_volume() -> None:
    weights = normal(3, 8)
    linear = nn.Linear(8, 3, bias=False, dtype=torch.float64)
    with torch.no_grad():
        linear.weight.copy_(weights)
    phi, x = layer(linear), normal(2, 8, seed=1)
    close(phi.log_volume(x), (0.5 * torch.logdet(weights @ weights.mT)).expand(2), 1e-11)
    assert phi.rank(x).tolist() == [3, 3]
    assert (phi.spectrum(x)[:, 3:] == 0).all()
    with pytest.raises(InputError, match="degenerate"):
        phi.scalar_curvature(x)


def test_metrics_without_full_rank() -> None:
    net, x = mlp(2, 6), normal(3, 2)
    with torch.no_grad():
        net[0].weight[:, 1] = net[0].weight[:, 0]
    assert layer(net).rank(x).tolist() == [1, 1, 1]
    with pytest.raises(InputError, match=r"rank 1.*phi\.restrict"):
        layer(net).scalar_curvature(x)


@pytest.mark.parametrize(
    "kinked",
    [nn.ReLU(), nn.ReLU(inplace=True), nn.LeakyReLU(), nn.ELU(), nn.Hardtanh(), nn.MaxPool1d(2)],
    ids=lambda m: repr(m),
)
def test_curvature_of_kinked_networks_is_refused(kinked: nn.Module) -> None:
    net = nn.Sequential(nn.Linear(2, 6, dtype=torch.float64), kinked)
    with pytest.raises(NotSmoothError, match="not twice continuously differentiable"):
        layer(net).scalar_curvature(normal(2, 2))
    assert layer(net).log_volume(normal(2, 2)).isfinite().all()


class _Skipping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Linear(2, 3), nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.used(x)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: layer(mlp(2, 3)).log_volume(torch.zeros(2, 2, dtype=torch.int64)), "convert them to floating point"),
        (lambda: layer(mlp(2, 3)).log_volume(torch.full((1, 2), math.nan)), "not finite"),
        (lambda: layer(mlp(2, 3)).log_volume(torch.zeros(0, 2)), "one or more points"),
        (lambda: layer(mlp(2, 3)).log_volume(normal(2, 5)), "refuses inputs"),
        (lambda: layer(_Skipping(), "unused").log_volume(normal(2, 2)), "not called"),
        (lambda: layer(nn.LSTM(2, 3)).log_volume(normal(2, 2)), "tuple"),
        (lambda: layer(mlp(40, 50)).scalar_curvature(normal(1, 40)), "restrict"),
        (lambda: layer(mlp(40, 50), memory=1000).log_volume(normal(1, 40)), "estimate_log_volume"),
        (lambda: layer(lambda x: x), "nn.Module"),
        (lambda: estimate_log_volume(layer(mlp(2, 3)), normal(1, 2), n_probes=1), "at least 2"),
        (lambda: ResNet(35, generator()), "18, 34"),
        (lambda: SmallResNet(21, generator()), "6m"),
    ],
)
def test_wrong_input_is_told(wrong, words: str) -> None:
    with pytest.raises(InputError, match=words):
        wrong()


def test_lanczos_agrees_with_the_singular_values() -> None:
    phi, x = layer(mlp(30, 40, 20)), normal(2, 30, seed=2)
    exact = phi.log_volume(x)
    found = estimate_log_volume(phi, x, n_probes=40, n_steps=20, random_state=0)
    assert ((found.value - exact).abs() < 4 * found.standard_error).all()
    assert (found.standard_error > 0).all()
    close(found.rank, torch.full((2,), 20.0, dtype=torch.float64), 1e-6)
    again = estimate_log_volume(phi, x, n_probes=40, n_steps=20, random_state=0)
    assert torch.equal(again.value, found.value)
    shifted = estimate_log_volume(phi, x, n_probes=40, n_steps=20, normalize=True, random_state=0)
    close(shifted.value, found.value - 10 * math.log(20), 1e-6)


def test_lanczos_is_exact_where_all_singular_values_are_equal() -> None:
    turn = nn.Linear(6, 6, bias=False, dtype=torch.float64)
    with torch.no_grad():
        turn.weight.copy_(3 * torch.linalg.qr(normal(6, 6))[0])
    found = estimate_log_volume(layer(turn), normal(1, 6), n_probes=3, n_steps=4, random_state=0)
    close(found.value, torch.full((1,), 6 * math.log(3), dtype=torch.float64), 1e-10)
    assert float(found.standard_error) < 1e-9


def test_residual_networks_pool_every_stage_alike() -> None:
    x = torch.zeros(1, 3, 32, 32)
    net = ResNet(18, generator())
    for name in ("pool1", "pool2", "pool3", "pool4"):
        assert layer(net, name)(x).shape == (1, 512)
    same = ResNet(18, generator())
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), same.parameters(), strict=True))
    assert SmallResNet(8, generator())(x).shape == (1, 10)


def test_published_weights(shared_data) -> None:
    net = load_small_resnet(shared_data("resnet_cifar10") / "resnet20-12fca82f.th")
    assert layer(net, "pool")(torch.zeros(1, 3, 32, 32)).shape == (1, 64)
    assert not net.training

"""A fit on every device that is there: the CPU's numbers, geometry in float64, and loops that do not wait for the host.

The last is seen on any device: a value that is read by Python is an operation that can be counted.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import neuromanifold as nm
from neuromanifold.distributions import ProductVonMises, VonMisesFisher
from neuromanifold.manifolds import Sphere
from neuromanifold.models import grid_posterior as grid_laws
from neuromanifold.models import moments as moments_of
from neuromanifold.models import narrow_posterior
from neuromanifold.models.expectation_maximisation import Basis, expected_moments, grid_posterior
from neuromanifold.models.noise import Noise
from neuromanifold.training import TrainingSettings, train

THERE = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
DEVICES = [
    pytest.param(name, marks=pytest.mark.skipif(not there, reason=f"no {name} device on this machine"))
    for name, there in THERE.items()
]
CASES = [("gaussian", True), ("gaussian", False), ("poisson", True)]
# Root-mean-square distance between points decoded on a device and on the CPU, of the activity's size: MPS has float32.
CLOSE = {"cpu": 0.0, "cuda": 1e-4, "mps": 1e-2}


@cache
def data(likelihood: str) -> tuple[np.ndarray, np.ndarray]:
    if likelihood == "gaussian":
        rec = nm.synthetic.circle(n_times=400, n_units=6, distortion="wiggles", noise_var=0.01, random_state=0)
        return rec["activity"].to_numpy(), rec["angle"].to_numpy()
    rec = nm.synthetic.head_direction_cells(n_times=400, n_units=12, random_state=0)
    return rec["activity"].to_numpy().astype(float), rec["head_direction"].to_numpy()


@cache
def fitted(device: str, likelihood: str, labelled: bool) -> nm.TopologicalVAE:
    x, y = data(likelihood)
    model = nm.TopologicalVAE(likelihood=likelihood, n_init=1, max_epochs=2, device=device, random_state=0)
    return model.fit(x, y if labelled else None)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("likelihood", "labelled"), CASES, ids=str)
def test_a_fit_is_that_of_the_cpu(device: str, likelihood: str, labelled: bool) -> None:
    x, _ = data(likelihood)
    model, other = fitted(device, likelihood, labelled), fitted("cpu", likelihood, labelled)
    gap = model.inverse_transform(model.transform(x)) - other.inverse_transform(other.transform(x))
    assert np.sqrt((gap**2).sum(1).mean() / x.var(0).sum()) <= CLOSE[device]
    assert model.score(x) == pytest.approx(other.score(x), abs=1e-2)


@pytest.mark.parametrize("device", DEVICES)
def test_what_a_user_gets_is_float64_on_the_cpu(device: str) -> None:
    x, _ = data("gaussian")
    model = fitted(device, "gaussian", False)
    assert next(model.encoder_.parameters()).device.type == device
    assert model.encode(x).loc.device.type == device
    assert model.decoder_.weight.device.type == "cpu"
    assert model.decoder_.weight.dtype == torch.float64
    assert model.transform(x).dtype == np.float64
    assert np.isfinite(model.elbo(x))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("likelihood", ["gaussian", "poisson"])
def test_a_fit_goes_on_where_it_is(device: str, likelihood: str, tmp_path: Any) -> None:
    x, y = data(likelihood)
    model = nm.TopologicalVAE(likelihood=likelihood, n_init=1, max_epochs=1, device=device, random_state=0)
    model.set_params(checkpoint=tmp_path / "fit.npz").partial_fit(x[:200], y[:200]).partial_fit(x[200:])
    model.save(tmp_path / "model.npz")
    loaded = nm.load_model(tmp_path / "model.npz")
    np.testing.assert_allclose(loaded.transform(x), model.transform(x), atol=1e-3)


class Reads(TorchDispatchMode):
    """Counts values that Python reads from tensors, and copies between devices."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name()
        if "_local_scalar_dense" in name:
            self.counts["read"] += 1
        out = func(*args, **(kwargs or {}))
        if "_to_copy" in name and out.device != args[0].device:
            self.counts["copy"] += 1
        return out


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("noise_var", [0.1, 1e-6], ids=["grid", "narrow"])
def test_an_expectation_step_reads_no_more_of_more_blocks(
    device: str, noise_var: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid_laws, "BLOCK_BYTES", 1 << 16)
    monkeypatch.setattr(moments_of, "BLOCK", 64)
    monkeypatch.setattr(narrow_posterior, "BLOCK", 64)
    x = torch.randn(1000, 4, generator=torch.Generator().manual_seed(0)).to(device)
    x = x if device == "mps" else x.double()
    basis = Basis.make(Sphere(1), 3, 64, x)
    weight = torch.eye(7, 4).to(x)
    law = grid_posterior(basis, weight, Noise.of(noise_var * torch.eye(4).to(x)))
    counts = []
    for n in (50, 1000):
        with Reads() as reads:
            expected_moments(x[:n], basis, law)
        counts.append(reads.counts)
    print(dict(counts[0]))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("device", DEVICES)
def test_an_epoch_reads_no_more_of_more_batches(device: str) -> None:
    counts = []
    for n in (64, 256):
        # Adam counts its steps in a number on the host; plain descent has none.
        settings = TrainingSettings(max_epochs=1, batch_size=32, optimizer="sgd", patience=None)
        module, x = nn.Linear(3, 2).to(device), torch.ones(n, 3, device=device)
        rows = torch.arange(n, device=device)
        generator = torch.Generator(device=device).manual_seed(0)

        def loss(batch: torch.Tensor, module: nn.Module = module, x: torch.Tensor = x) -> torch.Tensor:
            z = module(x[batch])
            law = VonMisesFisher(z, z.square().sum(1, keepdim=True), validate_args=False)
            torus = ProductVonMises(z, z.square().sum(1, keepdim=True), validate_args=False)
            return law.kl_to_uniform() - law.log_prob(law.loc.detach()) - torus.log_prob(law.loc.detach())

        with Reads() as reads:
            train(module, loss, rows, rows[:0], settings, generator)
        counts.append(reads.counts)
    assert counts[0] == counts[1]

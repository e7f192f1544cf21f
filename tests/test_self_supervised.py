"""Self-supervised experiments: the losses against their definitions, the laws they keep, and a small run."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numeric import close, normal, rotation

from neuromanifold.cli.output import write_findings
from neuromanifold.experiments import barlow, simclr
from neuromanifold.experiments.findings import Options
from neuromanifold.experiments.residual import Residual
from neuromanifold.experiments.self_supervised import run_method
from neuromanifold.experiments.view_losses import barlow_twins, nt_xent
from neuromanifold.training import TrainingSettings

FIRST, SECOND = normal(12, 4), normal(12, 4, seed=1)


def whitened(z: torch.Tensor) -> torch.Tensor:
    """Mean 0 and covariance the identity."""
    return math.sqrt(len(z)) * torch.linalg.qr(z - z.mean(0))[0]


def test_barlow_is_zero_for_the_same_whitened_view_and_grows_from_there():
    z = whitened(FIRST)
    assert float(barlow_twins(z, z)) < 1e-8
    # Only agreement and redundancy count: scale and mean of a unit do not, a copied unit does.
    assert float(barlow_twins(3 * z + 1, z)) < 1e-8
    copied = torch.cat([z[:, :1], z[:, :1], z[:, 2:]], dim=1)
    assert float(barlow_twins(copied, copied, 0.1)) == pytest.approx(0.2, rel=1e-3)
    assert float(barlow_twins(z, -z)) == pytest.approx(16.0, rel=1e-3)


def test_barlow_equals_its_definition():
    correlation = np.corrcoef(FIRST.numpy(), SECOND.numpy(), rowvar=False)[:4, 4:]
    expected = sum(
        (1 - correlation[i, j]) ** 2 if i == j else 0.3 * correlation[i, j] ** 2 for i in range(4) for j in range(4)
    )
    assert float(barlow_twins(FIRST, SECOND, 0.3)) == pytest.approx(expected, rel=1e-4)


def test_nt_xent_equals_its_definition():
    z = torch.cat([FIRST, SECOND])
    each = []
    for i in range(24):
        cosine = [float(z[i] @ z[k] / (z[i].norm() * z[k].norm())) / 0.5 for k in range(24)]
        others = sum(math.exp(cosine[k]) for k in range(24) if k != i)
        each.append(-math.log(math.exp(cosine[(i + 12) % 24]) / others))
    expected = 0.5 * (torch.tensor(each[:12]) + torch.tensor(each[12:]))
    torch.testing.assert_close(nt_xent(FIRST, SECOND), expected.double(), rtol=1e-5, atol=1e-5)


def test_nt_xent_sees_directions_only():
    turned = rotation(4, seed=2)
    lengths = normal(12, 1, seed=3).exp()
    close(nt_xent(FIRST, SECOND), nt_xent(FIRST @ turned, SECOND @ turned))
    close(nt_xent(FIRST, SECOND), nt_xent(FIRST * lengths, SECOND))
    close(nt_xent(FIRST, SECOND), nt_xent(SECOND, FIRST))


@pytest.mark.parametrize("loss", [barlow_twins, nt_xent])
def test_gradients_are_those_of_differences(loss):
    first, second = (z[:5, :3].clone().requires_grad_() for z in (FIRST, SECOND))
    assert torch.autograd.gradcheck(loss, (first, second))


def test_a_unit_that_is_silent_has_a_finite_gradient():
    silent = torch.cat([FIRST[:, :3], torch.zeros(12, 1, dtype=torch.float64)], dim=1).requires_grad_()
    barlow_twins(silent, SECOND).backward()
    assert torch.isfinite(silent.grad).all()


def test_small_run_is_written_whole_and_its_network_kept(tmp_path):
    draws = np.random.default_rng(0)
    np.savez(tmp_path / "few.npz", images=draws.integers(0, 256, (96, 5, 5), np.uint8), labels=np.arange(96) % 3)
    options = Options(data=tmp_path / "few.npz", n_seeds=1, checkpoints=tmp_path / "kept")
    residual = Residual(18, 2, TrainingSettings(2, 40, patience=None))
    method = replace(simclr.METHOD, n_embedding=16)
    findings = run_method(method, options, n_lines=2, residual=residual)
    for name in method.metrics:
        lines = findings.groups[f"lines_{name.replace(' ', '_')}"]
        assert lines["stage"].to_numpy().tolist() == ["initial", "epoch 1", "trained"]
        assert np.isfinite(lines["log_volume"]).all()
        assert f"log volume, {name}: height at changes of the prediction, trained less initial" in findings.table.index
    files = write_findings(findings, tmp_path / "out")
    assert {f"lines_{name.replace(' ', '_')}" for name in method.metrics} <= files.keys()
    assert len(list((tmp_path / "kept").iterdir())) == 1


@pytest.mark.slow
def test_classes_never_told_are_learned_and_volumes_rise_between_them(tmp_path):
    value = barlow.run(Options(n_seeds=1)).table["value"]
    assert value["accuracy of the linear readout on held-out images, trained"] > 0.95
    assert value["log volume, features: height at changes of the prediction, trained less initial"] > 0

"""A fit that was killed goes on from its checkpoint, to the numbers of one that was not."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kills import Killed, killed_after
from torch import nn

import neuromanifold as nm
from neuromanifold._errors import FileFormatError, InputError
from neuromanifold.training import History, TrainingSettings, train

FAST: dict[str, Any] = {"n_init": 2, "max_epochs": 3, "batch_size": 64, "device": "cpu", "random_state": 0}
# How the file of a fit grows: two starts, the path and the generative half without labels, then the epochs.
CASES = [("gaussian", False, 1), ("gaussian", False, 3), ("gaussian", False, 8), ("gaussian", True, 3)]
CASES += [("poisson", False, 1), ("poisson", False, 4)]


def data(likelihood: str) -> tuple[np.ndarray, np.ndarray]:
    if likelihood == "gaussian":
        rec = nm.synthetic.circle(n_times=400, n_units=6, distortion="wiggles", noise_var=0.003, random_state=0)
        return rec["activity"].to_numpy(), rec["angle"].to_numpy()
    rec = nm.synthetic.head_direction_cells(n_times=400, n_units=12, random_state=0)
    return rec["activity"].to_numpy().astype(float), rec["head_direction"].to_numpy()


def estimator(likelihood: str, path: Path | None = None) -> nm.TopologicalVAE:
    return nm.TopologicalVAE(likelihood=likelihood, checkpoint=path, **FAST)


@cache
def uninterrupted(likelihood: str, labelled: bool) -> nm.TopologicalVAE:
    x, y = data(likelihood)
    return estimator(likelihood).fit(x, y if labelled else None)


def same(a: nm.TopologicalVAE, b: nm.TopologicalVAE) -> None:
    for left, right in zip(a.generative_.arrays().values(), b.generative_.arrays().values(), strict=True):
        assert torch.equal(left, right)
    weights, others = a.encoder_.state_dict(), b.encoder_.state_dict()
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    assert (a.prior_, a.held_out_, a.histories_) == (b.prior_, b.held_out_, b.histories_)
    assert a.log_likelihood_ == b.log_likelihood_


@pytest.mark.parametrize(("likelihood", "labelled", "n_writes"), CASES, ids=str)
def test_a_killed_fit_goes_on(
    likelihood: str, labelled: bool, n_writes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (x, y), path = data(likelihood), tmp_path / "fit.npz"
    labels = y if labelled else None
    with killed_after(n_writes, monkeypatch):
        estimator(likelihood, path).fit(x, labels)
    assert path.exists()
    same(estimator(likelihood, path).fit(x, labels), uninterrupted(likelihood, labelled))
    assert list(tmp_path.iterdir()) == []


def test_finished_starts_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (x, _), path = data("gaussian"), tmp_path / "fit.npz"
    with killed_after(3, monkeypatch):
        estimator("gaussian", path).fit(x)

    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("neuromanifold.models.continuation._coarse_fit", refused)
    monkeypatch.setattr("neuromanifold.models.generative.refined", refused)
    same(estimator("gaussian", path).fit(x), uninterrupted("gaussian", False))


def test_a_process_that_gets_no_word_goes_on_too(tmp_path: Path) -> None:
    x, _ = data("gaussian")
    np.save(tmp_path / "x.npy", x)
    code = f"""
import os, sys, numpy as np, torch, neuromanifold as nm
from neuromanifold.progress import Slot
torch.set_num_threads(1)
write = Slot.write
def write_and_die(self, *state):
    write(self, *state)
    os.kill(os.getpid(), 9)
Slot.write = write_and_die
nm.TopologicalVAE(checkpoint=sys.argv[1] + "/fit.npz", **{FAST!r}).fit(np.load(sys.argv[1] + "/x.npy"))
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=120, capture_output=True)
    assert done.returncode == -9, done.stderr.decode()
    same(estimator("gaussian", tmp_path / "fit.npz").fit(x), uninterrupted("gaussian", False))


def test_files_of_other_fits_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (x, y), path = data("gaussian"), tmp_path / "fit.npz"
    with killed_after(1, monkeypatch):
        estimator("gaussian", path).fit(x, y)
    for changed in ({"beta": 2.0}, {"random_state": 1}, {"template": "sphere"}):
        with pytest.raises(InputError, match=r"not the checkpoint of this fit.*delete it"):
            estimator("gaussian", path).set_params(**changed).fit(x)
    for other in ((x + 1e-9, y), (x, None), (x[:-1], y[:-1])):
        with pytest.raises(InputError, match="not the checkpoint of this fit"):
            estimator("gaussian", path).fit(*other)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FileFormatError, match="damaged"):
        estimator("gaussian", path).fit(x, y)
    with pytest.raises(InputError, match="random_state must be an int"):
        estimator("gaussian", path).set_params(random_state=None).fit(x, y)


class Memory:
    """A checkpoint without a file."""

    def __init__(self) -> None:
        self.state: Any = None

    def read(self) -> Any:
        return self.state

    def write(self, values: Any, tensors: Any) -> None:
        self.state = dict(values), {name: tensor.clone() for name, tensor in tensors.items()}


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("patience", [None, 2])
def test_training_goes_on_to_the_same_numbers(optimizer: str, patience: int | None) -> None:
    settings = TrainingSettings(6, 16, 0.05, patience, optimizer, schedule="cosine")
    x = torch.randn(96, 3, generator=torch.Generator().manual_seed(0))

    def run(memory: Memory, stop: int | None = None) -> tuple[nn.Module, History]:
        module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.fill_(0.1)
        generator = torch.Generator().manual_seed(1)

        def loss(rows: torch.Tensor) -> torch.Tensor:
            noise = torch.randn(len(rows), generator=generator)
            return (module(x[rows])[:, 0] - x[rows].sum(1) - 0.1 * noise).square()

        def die(epoch: int) -> None:
            if epoch == stop:
                raise Killed

        rows = torch.arange(64), torch.arange(64, 96)
        return module, train(module, loss, *rows, settings, generator, after_epoch=die, checkpoint=memory)

    expected, history = run(Memory())
    memory = Memory()
    with pytest.raises(Killed):
        run(memory, stop=3)
    for _ in range(2):  # what is finished stays as it is
        found, again = run(memory)
        assert again == history
        assert all(
            torch.equal(a, b) for a, b in zip(found.state_dict().values(), expected.state_dict().values(), strict=True)
        )

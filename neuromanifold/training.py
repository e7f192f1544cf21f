"""The training loop: mini-batches, Adam or SGD, early stopping on held-out samples, the best state kept."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from neuromanifold._errors import InputError

__all__ = ["Checkpoint", "History", "TrainingSettings", "held_out_blocks", "train"]


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    Parameters
    ----------
    max_epochs, batch_size : int
    learning_rate : float
    patience : int or None
        Epochs without gain before stopping, after which the best state is kept. None: every epoch runs and the
        last state is kept.
    optimizer : {"adam", "sgd"}
    momentum : float
        Of "sgd" (Adam has its own).
    weight_decay : float
        Added to the gradient times the weights.
    schedule : {"constant", "cosine"}
        Learning rate over the epochs: as it is, or falling to zero along half a cosine.
    """

    max_epochs: int = 30
    batch_size: int = 512
    learning_rate: float = 3e-3
    patience: int | None = 5
    optimizer: str = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"

    def make_optimizer(self, module: nn.Module) -> torch.optim.Optimizer:
        """The optimiser of the module's parameters.

        Raises
        ------
        InputError
            If there is none of that name.
        """
        common: dict[str, Any] = {"lr": self.learning_rate, "weight_decay": self.weight_decay}
        if self.optimizer == "adam":
            return torch.optim.Adam(module.parameters(), **common)
        if self.optimizer == "sgd":
            return torch.optim.SGD(module.parameters(), momentum=self.momentum, **common)
        raise InputError(f'optimizer must be "adam" or "sgd", got {self.optimizer!r}')

    def rate(self, epoch: int) -> float:
        """Learning rate of an epoch (from 0).

        Raises
        ------
        InputError
            If there is no schedule of that name.
        """
        if self.schedule == "constant":
            return self.learning_rate
        if self.schedule == "cosine":
            return 0.5 * self.learning_rate * (1 + math.cos(math.pi * epoch / self.max_epochs))
        raise InputError(f'schedule must be "constant" or "cosine", got {self.schedule!r}')


@dataclass
class History:
    """Mean loss per epoch on training and held-out samples, and the epoch whose state was kept."""

    train: list[float] = field(default_factory=list)
    held_out: list[float] = field(default_factory=list)
    best_epoch: int = -1


class Checkpoint(Protocol):
    """Where the state of an unfinished training is kept: plain values and tensors, by name."""

    def read(self) -> tuple[Mapping[str, Any], Mapping[str, Tensor]] | None:
        """What was written last; None where nothing was."""

    def write(self, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Keep a state in place of the last."""


def train(
    module: nn.Module,
    loss: Callable[[Tensor], Tensor],
    train_rows: Tensor,
    held_out_rows: Tensor,
    settings: TrainingSettings,
    generator: torch.Generator,
    *,
    after_epoch: Callable[[int], None] | None = None,
    checkpoint: Checkpoint | None = None,
    label: str = "training",
    verbose: bool = False,
) -> History:
    """Minimise a mean loss over rows; leaves ``module`` in its best held-out (or its last) state, in eval mode.

    Parameters
    ----------
    module : nn.Module
        What is trained.
    loss : callable
        Row indices (b,) -> loss of each row (b,), a function of the module's parameters.
    train_rows, held_out_rows : Tensor of int
        Rows to learn from, and to stop by (may be empty: then the training loss stands in).
    generator : torch.Generator
        Order of the batches, on the rows' device.
    after_epoch : callable, optional
        Called with the number of epochs done, 1 after the first; the module is then in eval mode.
    checkpoint : Checkpoint, optional
        Written after every epoch; a training that finds it written goes on from there to the same numbers.
    """
    state = _State(module, settings.make_optimizer(module), generator, History(), _Best(module, settings.patience))
    optimiser, history, best = state.optimiser, state.history, state.best
    finished = state.read(checkpoint)
    first = settings.max_epochs if finished else len(history.train)
    epochs = tqdm(range(first, settings.max_epochs), desc=label, disable=not verbose, leave=False)
    for epoch in epochs:
        for group in optimiser.param_groups:
            group["lr"] = settings.rate(epoch)
        module.train()
        history.train.append(_epoch(optimiser, loss, train_rows, settings.batch_size, generator))
        module.eval()
        score = _mean(loss, held_out_rows, settings.batch_size) if len(held_out_rows) else history.train[-1]
        history.held_out.append(score)
        epochs.set_postfix(loss=f"{score:.4g}")
        if after_epoch is not None:
            after_epoch(epoch + 1)
        stopped = best.stop(epoch, score)
        state.write(checkpoint, finished=stopped)
        if stopped:
            break
    module.eval()
    history.best_epoch = best.restore()
    return history


class _Best:
    """The best state so far, and whether to wait for a better one; without patience, simply the last."""

    def __init__(self, module: nn.Module, patience: int | None) -> None:
        self.module, self.patience = module, patience
        self.score, self.epoch, self.state = float("inf"), -1, copy.deepcopy(module.state_dict())

    def stop(self, epoch: int, score: float) -> bool:
        if self.patience is None:
            self.epoch = epoch
        elif score < self.score:
            self.score, self.epoch, self.state = score, epoch, copy.deepcopy(self.module.state_dict())
        else:
            return epoch - self.epoch >= self.patience
        return False

    def restore(self) -> int:
        if self.patience is not None:
            self.module.load_state_dict(self.state)
        return self.epoch


@dataclass
class _State:
    """All that the next epoch depends on."""

    module: nn.Module
    optimiser: torch.optim.Optimizer
    generator: torch.Generator
    history: History
    best: _Best

    def write(self, checkpoint: Checkpoint | None, *, finished: bool) -> None:
        if checkpoint is None:
            return
        tensors = {f"module/{name}": value for name, value in self.module.state_dict().items()}
        tensors |= {f"best/{name}": value for name, value in self.best.state.items()}
        for index, moments in self.optimiser.state_dict()["state"].items():
            kept = {name: value for name, value in moments.items() if value is not None}
            tensors |= {f"optimiser/{index}/{name}": value for name, value in kept.items()}
        tensors["generator"] = self.generator.get_state()
        numbers = {"train": self.history.train, "held_out": self.history.held_out, "score": self.best.score}
        tensors |= {name: torch.tensor(value, dtype=torch.float64) for name, value in numbers.items()}
        checkpoint.write({"epoch": self.best.epoch, "finished": finished}, tensors)

    def read(self, checkpoint: Checkpoint | None) -> bool:
        """Take over a state that was written; whether the training was finished."""
        found = None if checkpoint is None else checkpoint.read()
        if found is None:
            return False
        values, tensors = found
        self.module.load_state_dict(_under(tensors, "module"))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in _under(tensors, "optimiser").items():
            index, part = name.split("/", 1)
            moments.setdefault(int(index), {})[part] = value
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        self.generator.set_state(tensors["generator"])
        self.history.train[:], self.history.held_out[:] = tensors["train"].tolist(), tensors["held_out"].tolist()
        device = next(self.module.parameters()).device
        self.best.state = {name: value.to(device) for name, value in _under(tensors, "best").items()}
        self.best.epoch, self.best.score = values["epoch"], float(tensors["score"])
        return bool(values["finished"])


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin with a prefix, without it."""
    return {name.removeprefix(f"{prefix}/"): value for name, value in tensors.items() if name.startswith(f"{prefix}/")}


def held_out_blocks(n_samples: int, share: float, generator: torch.Generator, n_blocks: int = 50) -> Tensor:
    """Mask (n_samples,) of held-out samples: whole blocks of rows, so that neighbours in time stay together."""
    n_blocks = min(n_blocks, n_samples)
    block = torch.arange(n_samples) * n_blocks // max(n_samples, 1)
    chosen = torch.randperm(n_blocks, generator=generator)[: max(1, round(share * n_blocks))]
    return torch.isin(block, chosen)


def _epoch(
    optimiser: torch.optim.Optimizer,
    loss: Callable[[Tensor], Tensor],
    rows: Tensor,
    batch_size: int,
    generator: torch.Generator,
) -> float:
    total = torch.zeros((), device=rows.device)
    order = rows[torch.randperm(len(rows), generator=generator, device=generator.device).to(rows.device)]
    for batch in order.split(batch_size):
        optimiser.zero_grad(set_to_none=True)
        value = loss(batch).mean()
        value.backward()
        optimiser.step()
        total += value.detach() * len(batch)
    return float(total) / len(rows)


@torch.no_grad()
def _mean(loss: Callable[[Tensor], Tensor], rows: Tensor, batch_size: int) -> float:
    return float(torch.cat([loss(batch) for batch in rows.split(16 * batch_size)]).mean())

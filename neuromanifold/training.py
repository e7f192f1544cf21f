"""The training loop: mini-batches, Adam, early stopping on held-out samples, the best state kept."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from tqdm import tqdm

__all__ = ["History", "TrainingSettings", "held_out_blocks", "train"]


@dataclass(frozen=True)
class TrainingSettings:
    """How to train: epochs at most, batch size, Adam's rate, and epochs without gain before stopping."""

    max_epochs: int = 30
    batch_size: int = 512
    learning_rate: float = 3e-3
    patience: int = 5


@dataclass
class History:
    """Mean loss per epoch on training and held-out samples, and the epoch whose state was kept."""

    train: list[float] = field(default_factory=list)
    held_out: list[float] = field(default_factory=list)
    best_epoch: int = -1


def train(
    module: nn.Module,
    loss: Callable[[Tensor], Tensor],
    train_rows: Tensor,
    held_out_rows: Tensor,
    settings: TrainingSettings,
    generator: torch.Generator,
    *,
    label: str = "training",
    verbose: bool = False,
) -> History:
    """Minimise a mean loss over rows; leaves ``module`` in its best held-out state.

    Parameters
    ----------
    module : nn.Module
        What is trained.
    loss : callable
        Row indices (b,) -> loss of each row (b,), a function of the module's parameters.
    train_rows, held_out_rows : Tensor of int
        Rows to learn from, and to stop by (may be empty: then all epochs run).
    generator : torch.Generator
        Order of the batches, on the rows' device.
    """
    optimiser = torch.optim.Adam(module.parameters(), lr=settings.learning_rate)
    history, best = History(), float("inf")
    state = copy.deepcopy(module.state_dict())
    epochs = tqdm(range(settings.max_epochs), desc=label, disable=not verbose, leave=False)
    for epoch in epochs:
        history.train.append(_epoch(optimiser, loss, train_rows, settings.batch_size, generator))
        score = _mean(loss, held_out_rows, settings.batch_size) if len(held_out_rows) else history.train[-1]
        history.held_out.append(score)
        epochs.set_postfix(held_out=f"{score:.4g}")
        if score < best:
            best, history.best_epoch = score, epoch
            state = copy.deepcopy(module.state_dict())
        elif epoch - history.best_epoch >= settings.patience:
            break
    module.load_state_dict(state)
    return history


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

"""Trained networks by their settings: trained once, kept as one npz file, and found again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from neuromanifold.models.devices import resolve_device
from neuromanifold.storage import read_arrays, write_arrays
from neuromanifold.training import TrainingSettings, train

__all__ = ["Data", "Recipe", "classification", "fingerprint", "stages"]

SCHEMA = 1
Data = tuple[Tensor, ...]
# Module, data and generator of randomness (on the CPU) -> loss of each of the rows (b,).
Objective = Callable[[nn.Module, Data, torch.Generator], Callable[[Tensor], Tensor]]
State = dict[str, Tensor]


@dataclass(frozen=True)
class Recipe:
    """A network, how it is trained, and the epochs at which it is kept (0 is before training).

    ``description`` says in plain values what ``build`` and the objective do: with the training
    settings, the seed and the data it is the key of the checkpoint.
    """

    build: Callable[[torch.Generator], nn.Module]
    settings: TrainingSettings
    epochs: tuple[int, ...]
    description: Mapping[str, Any]

    @property
    def final(self) -> int:
        """Epochs of training."""
        return self.settings.max_epochs


def stages(
    recipe: Recipe,
    objective: Objective,
    data: Data,
    seed: int,
    folder: Path | None = None,
    device: str = "cpu",
    verbose: bool = False,
) -> dict[int, nn.Module]:
    """The network at each epoch of the recipe, in evaluation mode: read where it was trained before, else trained.

    Parameters
    ----------
    data : tuple of Tensor
        What is learned from; its rows are those of the objective.
    folder : Path, optional
        Where checkpoints are kept.
    device : str
        Where it is trained; the networks come back on the CPU.
    """
    key = {"schema": SCHEMA, **recipe.description, **asdict(recipe.settings), "epochs": list(recipe.epochs)}
    key |= {"seed": seed, "data": fingerprint(*data)}
    path = None if folder is None else folder / f"{_digest(key)}.npz"
    if path is not None and path.exists():
        states = _read(path)
    else:
        states = _train(recipe, objective, data, seed, resolve_device(device), verbose)
        if path is not None:
            _write(path, key, states)
    return {epoch: _restored(recipe, state) for epoch, state in states.items()}


def fingerprint(*tensors: Tensor) -> str:
    """A digest of the values of tensors."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(str(tuple(tensor.shape)).encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def classification(module: nn.Module, data: Data, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
    """Cross-entropy of inputs and classes."""
    x, y = data
    return lambda rows: cross_entropy(module(x[rows]), y[rows], reduction="none")


def _train(
    recipe: Recipe, objective: Objective, data: Data, seed: int, device: torch.device, verbose: bool
) -> dict[int, State]:
    # Random numbers are drawn on the CPU, so that they do not depend on the device.
    generator = torch.Generator().manual_seed(seed)
    module = recipe.build(generator).to(device)
    states = {0: _state(module)} if 0 in recipe.epochs else {}

    def keep(epoch: int) -> None:
        if epoch in recipe.epochs:
            states[epoch] = _state(module)

    rows, none = (torch.arange(n, device=device) for n in (len(data[0]), 0))
    loss = objective(module, tuple(part.to(device) for part in data), generator)
    train(module, loss, rows, none, recipe.settings, generator, after_epoch=keep, label=f"seed {seed}", verbose=verbose)
    return states


def _state(module: nn.Module) -> State:
    return {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}


def _restored(recipe: Recipe, state: State) -> nn.Module:
    module = recipe.build(torch.Generator().manual_seed(0))
    module.load_state_dict(state)
    return module.eval()


def _digest(key: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]


def _write(path: Path, key: Mapping[str, Any], states: Mapping[int, State]) -> None:
    arrays = {f"{epoch}/{name}": value.numpy() for epoch, state in states.items() for name, value in state.items()}
    write_arrays(path, key, arrays)


def _read(path: Path) -> dict[int, State]:
    states: dict[int, State] = {}
    for name, values in read_arrays(path)[1].items():
        epoch, parameter = name.split("/", 1)
        states.setdefault(int(epoch), {})[parameter] = torch.as_tensor(values)
    return states

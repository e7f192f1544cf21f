"""A network beside a brain: trained on the animal's heading, then recorded along the animal's own path.

Two architectures of smooth units. A *recurrent* network integrates turns and sees a landmark about every two seconds
(Cueva & Wei 2018); a *feedforward* one of two hidden layers always sees it. Either is trained on 2,000 short stretches
of the recording's path, each turned by a random angle, and then follows the whole path once; its units (the last
hidden layer) become a recording with the same times, intervals and task variable.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from neuromanifold import __version__
from neuromanifold._errors import InputError
from neuromanifold._random import spawn_seeds
from neuromanifold._settings import check_choice, check_whole
from neuromanifold._typing import FloatArray, RandomState
from neuromanifold.data.recording import check, task_variables, to_arrays
from neuromanifold.experiments.heading_task import HeadingTask
from neuromanifold.networks import MLP, Recurrent
from neuromanifold.training import TrainingSettings, held_out_blocks, train

__all__ = ["ARCHITECTURES", "Architecture", "HeadingNetwork", "heading_network", "train_heading_network"]

SETTINGS = TrainingSettings(batch_size=64, learning_rate=2e-3, patience=None, schedule="cosine")
N_EPOCHS = 25
N_SEQUENCES = 2000
LENGTH = 100  # samples of a training sequence
LANDMARK_EVERY = 2.0  # seconds, on average
HELD_OUT = 0.1
Architecture: TypeAlias = Literal["recurrent", "feedforward"]
Built: TypeAlias = tuple[nn.Module, Callable[[Tensor], Tensor]]


def _recurrent(n_units: int, generator: torch.Generator) -> Built:
    module = Recurrent(3, n_units, 2, generator)
    return module, module.units


def _feedforward(n_units: int, generator: torch.Generator) -> Built:
    module = MLP(3, 2, (n_units, n_units), generator, activation="erf")
    return module, module.layers[:4]


# Name -> the module and what gives its units' activity.
ARCHITECTURES: dict[Architecture, Callable[[int, torch.Generator], Built]] = {
    "recurrent": _recurrent,
    "feedforward": _feedforward,
}


@dataclass(frozen=True)
class HeadingNetwork:
    """A network trained to tell the heading.

    Attributes
    ----------
    module : nn.Module
        Sequences of inputs (n, t, 3) to headings (n, t, 2), see :mod:`~neuromanifold.experiments.heading_task`.
    units : callable
        The same inputs to the activity of the hidden units (n, t, n_units).
    task : HeadingTask
        Of the path that it was trained on.
    held_out_loss : float
        Mean squared distance between told and true (cos θ, sin θ) in stretches not learned from.
    """

    module: nn.Module
    units: Callable[[Tensor], Tensor]
    task: HeadingTask
    held_out_loss: float

    @torch.no_grad()
    def follow(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Activity (n, n_units) and the told heading (n,), radians, along the whole path."""
        inputs = self.task.inputs(rng)
        told = self.module(inputs)[0].double().numpy()
        return self.units(inputs)[0].double().numpy(), np.arctan2(told[:, 1], told[:, 0])


def heading_network(
    recording: xr.Dataset,
    variable: str,
    *,
    architecture: Architecture = "recurrent",
    n_units: int = 64,
    n_epochs: int = N_EPOCHS,
    verbose: bool = False,
    random_state: RandomState = None,
) -> xr.Dataset:
    """Train a network on a recording's heading and record its units along the recording's own path.

    Parameters
    ----------
    recording, variable, architecture, n_units, n_epochs, verbose
        As in :func:`train_heading_network`.
    random_state : int, Generator or None

    Returns
    -------
    Dataset
        A recording: ``activity`` of the units (time, unit), the times, intervals and task variable of the recording;
        attr ``network`` (JSON) holds the settings, the held-out loss, and the median error in degrees of the heading
        that the network tells along the path.

    Raises
    ------
    InputError, NotEnoughDataError
        As :func:`train_heading_network`.
    """
    checked, seeds = check(recording), spawn_seeds(random_state, 2)
    network = train_heading_network(
        checked,
        variable,
        architecture=architecture,
        n_units=n_units,
        n_epochs=n_epochs,
        verbose=verbose,
        random_state=seeds[0],
    )
    activity, told = network.follow(np.random.default_rng(seeds[1]))
    error = np.abs(np.angle(np.exp(1j * (told - network.task.heading))))
    about = {
        "architecture": architecture,
        "n_units": n_units,
        "n_epochs": n_epochs,
        "held_out_loss": network.held_out_loss,
        "median_error_degrees": float(np.rad2deg(np.nanmedian(error))),
        "random_state": str(random_state),
        "version": __version__,
    }
    return _recorded(checked, variable, activity, about)


def train_heading_network(
    recording: xr.Dataset,
    variable: str,
    *,
    architecture: Architecture = "recurrent",
    n_units: int = 64,
    n_epochs: int = N_EPOCHS,
    verbose: bool = False,
    random_state: RandomState = None,
) -> HeadingNetwork:
    """Train a network to tell the heading in stretches of a recording's path.

    Parameters
    ----------
    recording : Dataset
        Keeping the recording contract.
    variable : str
        Its heading: a circular task variable, of any period.
    architecture : {"recurrent", "feedforward"}
    n_units : int
        Units of each hidden layer.
    n_epochs : int
        Epochs of training; 0 leaves the network as it began, which is the control for what training does.
    verbose, random_state
        Progress bar with the time left; seed.

    Raises
    ------
    InputError
        If the variable is missing, not circular, or never turns, and for settings out of range.
    NotEnoughDataError
        If the heading is nowhere known for ten samples on end.
    """
    checked = check(recording)
    _check(checked, variable, architecture, n_units, n_epochs)
    arrays = to_arrays(checked, variable)
    assert arrays.y is not None
    seen = min(1.0, float(checked.attrs["sampling_period"]) / LANDMARK_EVERY) if architecture == "recurrent" else 1.0
    task = HeadingTask(arrays.y, arrays.groups, seen)
    seeds = spawn_seeds(random_state, 2)
    generator = torch.Generator().manual_seed(seeds[0])
    module, units = ARCHITECTURES[architecture](n_units, generator)
    loss = _train(module, task, n_epochs, np.random.default_rng(seeds[1]), generator, verbose)
    return HeadingNetwork(module, units, task, loss)


def _train(
    module: nn.Module,
    task: HeadingTask,
    n_epochs: int,
    rng: np.random.Generator,
    generator: torch.Generator,
    verbose: bool,
) -> float:
    """Learn to tell the heading in random stretches of the path; the loss on those held out."""
    sequences = task.sequences(N_SEQUENCES, LENGTH, rng)

    def loss(rows: Tensor) -> Tensor:
        return (module(sequences.inputs[rows]) - sequences.targets[rows]).square().sum(2).mean(1)

    rows, held = torch.arange(N_SEQUENCES), held_out_blocks(N_SEQUENCES, HELD_OUT, generator)
    settings = replace(SETTINGS, max_epochs=n_epochs)
    train(module, loss, rows[~held], rows[held], settings, generator, label="network", verbose=verbose)
    with torch.no_grad():
        return float(loss(rows[held]).mean())


def _recorded(recording: xr.Dataset, variable: str, activity: Any, about: dict[str, Any]) -> xr.Dataset:
    attrs = {"kind": "continuous", "units": "activation"}
    names = [f"h{i:03d}" for i in range(activity.shape[1])]
    network = xr.Dataset(
        {"activity": (("time", "unit"), activity, attrs), variable: recording[variable]},
        coords={"time": recording["time"], "unit": names, "interval": recording["interval"]},
        attrs={"sampling_period": recording.attrs["sampling_period"], "network": json.dumps(about)},
    )
    return check(network)


def _check(recording: xr.Dataset, variable: str, architecture: str, n_units: int, n_epochs: int) -> None:
    check_choice("architecture", architecture, tuple(ARCHITECTURES))
    check_whole("n_units", n_units, 2)
    check_whole("n_epochs", n_epochs, 0)
    kinds = {name: recording[name].attrs["kind"] for name in task_variables(recording)}
    if kinds.get(variable) != "circular":
        circular = [name for name, kind in kinds.items() if kind == "circular"]
        raise InputError(
            f"a network learns a heading, a circular task variable; {variable!r} is "
            f"{kinds.get(variable, 'not in the recording')}; circular are: {', '.join(circular) or 'none'}"
        )

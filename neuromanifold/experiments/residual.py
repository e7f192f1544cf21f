"""Residual networks that an experiment trains on images: how large, how long, and kept at which epochs.

The full size is the paper's (Zavatone-Veth et al. 2025, I.3, I.4), for a GPU. The reduced one has a quarter of the
channels and learns with Adam in minutes of a processor.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from neuromanifold.experiments.checkpoints import Recipe
from neuromanifold.experiments.image_task import ImageTask
from neuromanifold.networks import Pixels, ResNet
from neuromanifold.training import TrainingSettings

__all__ = ["Residual"]


@dataclass(frozen=True)
class Residual:
    """A residual network and its training.

    Parameters
    ----------
    depth, width : int
        See :class:`~neuromanifold.networks.ResNet`.
    settings : TrainingSettings
    activation : str
    """

    depth: int
    width: int
    settings: TrainingSettings
    activation: str = "gelu"

    @property
    def stages(self) -> dict[str, int]:
        """Epochs at which it is kept, by name: before training, after a fifth of it, at its end."""
        last = self.settings.max_epochs
        early = max(1, last // 5)
        return {"initial": 0, **({f"epoch {early}": early} if early < last else {}), "trained": last}

    def lasting(self, epochs: int | None) -> Residual:
        """The same, trained for so many epochs; as it is, where none are given."""
        return self if epochs is None else replace(self, settings=replace(self.settings, max_epochs=epochs))

    def described(self) -> dict[str, Any]:
        """Size and training on one level."""
        return {"depth": self.depth, "width": self.width, "activation": self.activation, **asdict(self.settings)}

    def recipe(self, task: ImageTask, n_outputs: int, **description: Any) -> Recipe:
        """Of a network of standardised images; ``description`` says how its loss is made."""
        mean = task.x_train.mean((0, 2, 3)).tolist()
        std = task.x_train.std((0, 2, 3)).tolist()

        def build(generator: torch.Generator) -> Pixels:
            size = {"n_classes": n_outputs, "n_channels": task.shape[0], "width": self.width}
            return Pixels(ResNet(self.depth, generator, activation=self.activation, **size), mean, std)

        shape = {"depth": self.depth, "width": self.width, "activation": self.activation, "n_outputs": n_outputs}
        return Recipe(build, self.settings, tuple(self.stages.values()), {**shape, **description})

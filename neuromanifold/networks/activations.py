"""Activation functions by name, as modules; ``erf`` means ``erf(z / √2)``."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from neuromanifold._errors import InputError

__all__ = ["ACTIVATIONS", "Erf", "activation"]


class Erf(nn.Module):
    """The error function ``erf(z / √2)``: a sigmoid from -1 to 1 whose slope is a Gaussian."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.erf(z / math.sqrt(2))


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "silu": nn.SiLU,
    "sigmoid": nn.Sigmoid,
    "erf": Erf,
    "gelu": nn.GELU,
    "relu": nn.ReLU,
}


def activation(name: str) -> nn.Module:
    """A new module of that activation.

    Raises
    ------
    InputError
        If there is none of that name; the message lists those there are.
    """
    if name not in ACTIVATIONS:
        raise InputError(f"no activation {name!r}; there are {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]()

"""Initial weights from a given generator: torch's own constructors draw from global state."""

from __future__ import annotations

import math

import torch
from torch import nn

__all__ = ["he_normal"]


def he_normal(module: nn.Module, generator: torch.Generator) -> None:
    """Give a module that was built on the meta device memory, and its parts their weights, in place.

    Weights of linear and convolutional layers are ``N(0, 2 / fan-in)`` (He et al. 2015), biases zero; batch
    normalisation starts as the identity.
    """
    module.to_empty(device=generator.device)
    for part in module.modules():
        if isinstance(part, (nn.Linear, nn.Conv2d)):
            with torch.no_grad():
                part.weight.normal_(0.0, math.sqrt(2 / part.weight[0].numel()), generator=generator)
                if part.bias is not None:
                    part.bias.zero_()
        elif isinstance(part, nn.BatchNorm2d):
            part.reset_parameters()

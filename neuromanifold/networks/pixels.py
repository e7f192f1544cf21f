"""Standardised pixels: a network for images in [0, 1], ``x -> network((x - mean) / std)``, channel by channel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["Pixels"]


class Pixels(nn.Module):
    """Images ``(n, channel, row, column)`` in [0, 1] to what a network makes of them standardised.

    Parameters
    ----------
    network : nn.Module
        The submodule ``network``.
    mean, std : sequence of float
        Of each channel.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        return self.network((x - self.mean) / self.std)

"""Recurrent network of smooth units: ``h_t = tanh(W h_{t-1} + U x_t + b)``, ``y_t = V h_t + c``, ``h_{-1} = 0``."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from neuromanifold._errors import InputError

__all__ = ["Recurrent"]


class Recurrent(nn.Module):
    """Elman network, sequences (n, t, n_in) -> (n, t, n_out).

    W begins as a random rotation, so that what a network remembers neither fades nor grows before it has learned.

    Parameters
    ----------
    n_in, n_units, n_out : int
    generator : torch.Generator
        Source of the initial weights.

    References
    ----------
    Elman (1990); Le, Jaitly & Hinton (2015), Saxe et al. (2014) for the initial weights.
    """

    def __init__(self, n_in: int, n_units: int, n_out: int, generator: torch.Generator) -> None:
        super().__init__()
        if min(n_in, n_units, n_out) < 1:
            raise InputError(f"a network needs inputs, units and outputs; got {n_in}, {n_units} and {n_out}")
        # Made without weights: torch's own initial ones would come from its global state of randomness.
        self.recurrence = nn.RNN(n_in, n_units, batch_first=True, device="meta").to_empty(device="cpu")
        self.readout = nn.utils.skip_init(nn.Linear, n_units, n_out)
        with torch.no_grad():
            rotation = torch.linalg.qr(torch.randn(n_units, n_units, generator=generator))[0]
            weights = dict(self.recurrence.named_parameters())
            weights["weight_hh_l0"].copy_(rotation)
            weights["weight_ih_l0"].normal_(0.0, 1 / math.sqrt(n_in), generator=generator)
            self.readout.weight.normal_(0.0, 1 / math.sqrt(n_units), generator=generator)
            for bias in (weights["bias_hh_l0"], weights["bias_ih_l0"], self.readout.bias):
                bias.zero_()

    def units(self, x: Tensor) -> Tensor:
        """Activity of the units (n, t, n_units) over sequences (n, t, n_in)."""
        return self.recurrence(x)[0]

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.units(x))

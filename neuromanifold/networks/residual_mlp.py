"""A perceptron beside a linear map: ``x -> A x + p(x)``, which starts as that linear map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from neuromanifold.networks.mlp import MLP

__all__ = ["ResidualMLP"]


class ResidualMLP(nn.Module):
    """Network (n, n_in) -> (n, n_out) that is ``x -> A x`` before it is trained.

    Parameters
    ----------
    linear : Tensor (n_out, n_in)
        A at the start.
    hidden : sequence of int
        Widths of the perceptron's hidden layers.
    generator : torch.Generator
        Source of its initial weights.
    activation : str
        As in :class:`MLP`.
    """

    def __init__(
        self, linear: Tensor, hidden: Sequence[int], generator: torch.Generator, activation: str = "silu"
    ) -> None:
        super().__init__()
        n_out, n_in = linear.shape
        self.linear = nn.utils.skip_init(nn.Linear, n_in, n_out, bias=False)
        self.perceptron = MLP(n_in, n_out, hidden, generator, activation)
        with torch.no_grad():
            self.linear.weight.copy_(linear)
            nn.init.zeros_(self.perceptron.layers[-1].get_parameter("weight"))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + self.perceptron(x)

"""Multi-layer perceptron with smooth activations: ``x -> W_L s(... s(W_1 x + b_1)) + b_L``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from neuromanifold._errors import InputError

__all__ = ["MLP"]


class MLP(nn.Module):
    """Fully connected network (n, n_in) -> (n, n_out) with SiLU between its layers.

    Parameters
    ----------
    n_in, n_out : int
    hidden : sequence of int
        Widths of the hidden layers.
    generator : torch.Generator
        Source of the initial weights.
    """

    def __init__(self, n_in: int, n_out: int, hidden: Sequence[int], generator: torch.Generator) -> None:
        super().__init__()
        if any(width < 1 for width in hidden):
            raise InputError(f"hidden layers need at least one unit each, got {tuple(hidden)}")
        widths = [n_in, *hidden, n_out]
        layers: list[nn.Module] = []
        for n_before, n_after in pairwise(widths):
            layers += [_linear(n_before, n_after, generator), nn.SiLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def _linear(n_in: int, n_out: int, generator: torch.Generator) -> nn.Linear:
    """A layer with He-scaled Gaussian weights from the given generator (torch's own would use global state)."""
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out)
    with torch.no_grad():
        layer.weight.normal_(0.0, (2.0 / n_in) ** 0.5, generator=generator)
        layer.bias.zero_()
    return layer

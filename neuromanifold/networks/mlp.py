"""Multi-layer perceptron: ``x -> W_L s(... s(W_1 x + b_1)) + b_L``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from neuromanifold._errors import InputError
from neuromanifold.networks.activations import activation as activation_module

__all__ = ["MLP"]


class MLP(nn.Module):
    """Fully connected network (n, n_in) -> (n, n_out).

    The output of hidden layer l (from 0) is the submodule ``layers.{2 l + 1}``.

    Parameters
    ----------
    n_in, n_out : int
    hidden : sequence of int
        Widths of the hidden layers.
    generator : torch.Generator
        Source of the initial weights.
    activation : str
        What stands between the layers, by name (:data:`~neuromanifold.networks.activations.ACTIVATIONS`).
    initial : {"normal", "uniform"}
        Initial weights: Gaussian of variance ``2 / n_before`` and no biases (He et al., 2015), or weights and biases
        uniform in ``±1 / √n_before`` (what torch does by itself, and so most published networks).
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        hidden: Sequence[int],
        generator: torch.Generator,
        activation: str = "silu",
        initial: str = "normal",
    ) -> None:
        super().__init__()
        if any(width < 1 for width in hidden):
            raise InputError(f"hidden layers need at least one unit each, got {tuple(hidden)}")
        if initial not in _INITIAL:
            raise InputError(f"initial weights are one of {', '.join(_INITIAL)}; got {initial!r}")
        layers: list[nn.Module] = []
        for n_before, n_after in pairwise([n_in, *hidden, n_out]):
            linear = nn.utils.skip_init(nn.Linear, n_before, n_after)
            _INITIAL[initial](linear, generator)
            layers += [linear, activation_module(activation)]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


@torch.no_grad()
def _normal(layer: nn.Linear, generator: torch.Generator) -> None:
    layer.weight.normal_(0.0, math.sqrt(2.0 / layer.in_features), generator=generator)
    layer.bias.zero_()


@torch.no_grad()
def _uniform(layer: nn.Linear, generator: torch.Generator) -> None:
    bound = 1.0 / math.sqrt(layer.in_features)
    layer.weight.uniform_(-bound, bound, generator=generator)
    layer.bias.uniform_(-bound, bound, generator=generator)


# torch's own initialisation would use its global state of randomness.
_INITIAL = {"normal": _normal, "uniform": _uniform}

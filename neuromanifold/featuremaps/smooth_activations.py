"""Smooth activations, and how Gaussian preactivations go through them.

Sources: Williams 1997 (erf, Gaussian), Tsuchida et al. 2021 (GELU), Daniely et al. 2016 (exponential).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from neuromanifold.featuremaps import gaussian_pairs as pairs
from neuromanifold.featuremaps.activation import Activation

__all__ = ["COSINE", "ERF", "EXP", "GAUSSIAN", "GELU", "SIGMOID", "SINE", "SOFTPLUS", "TANH"]


def _density(z: Tensor) -> Tensor:
    """Standard normal density."""
    return torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)


def _cumulative(z: Tensor) -> Tensor:
    """Standard normal distribution function, accurate in the lower tail."""
    return 0.5 * torch.erfc(-z / math.sqrt(2))


def _arcsine(s: Tensor) -> Tensor:
    """``asin(s/(1+s))``, exact also where its argument is near 1."""
    return torch.atan(s / torch.sqrt(1 + 2 * s))


def _variance(s: Tensor) -> Tensor:
    """Variance of z under ``N(0, s)`` times ``exp(-z²)``."""
    return s / (1 + 2 * s)


ERF = Activation(
    "erf",
    lambda z: torch.erf(z / math.sqrt(2)),
    lambda z: 2 * _density(z),
    lambda z: -2 * z * _density(z),
    moments=(
        lambda s: (2 / math.pi) * _arcsine(s),
        lambda s: (2 / math.pi) / torch.sqrt(1 + 2 * s),
        lambda s: (2 / math.pi) * s * (1 + 2 * s) ** -1.5,
    ),
    pair=pairs.erf,
    pair_slope=lambda p, q, c: (2 / math.pi) / torch.sqrt(pairs.determinant(p, q, c)),
)

TANH = Activation(
    "tanh",
    torch.tanh,
    lambda z: 4 * torch.sigmoid(2 * z) * torch.sigmoid(-2 * z),
    lambda z: -8 * torch.tanh(z) * torch.sigmoid(2 * z) * torch.sigmoid(-2 * z),
)

SIGMOID = Activation(
    "sigmoid",
    torch.sigmoid,
    lambda z: torch.sigmoid(z) * torch.sigmoid(-z),
    lambda z: -torch.tanh(z / 2) * torch.sigmoid(z) * torch.sigmoid(-z),
)

SOFTPLUS = Activation(
    "softplus",
    lambda z: -nn.functional.logsigmoid(-z),
    torch.sigmoid,
    lambda z: torch.sigmoid(z) * torch.sigmoid(-z),
)

GELU = Activation(
    "gelu",
    lambda z: z * _cumulative(z),
    lambda z: _cumulative(z) + z * _density(z),
    lambda z: (2 - z * z) * _density(z),
    moments=(
        lambda s: s * (0.25 + _arcsine(s) / (2 * math.pi)) + s * s / (math.pi * (1 + s) * torch.sqrt(1 + 2 * s)),
        lambda s: (
            0.25
            + _arcsine(s) / (2 * math.pi)
            + (s / (math.pi * (1 + s)) + _variance(s) / (2 * math.pi)) / torch.sqrt(1 + 2 * s)
        ),
        lambda s: (4 - 4 * _variance(s) + 3 * _variance(s) ** 2) / (2 * math.pi * torch.sqrt(1 + 2 * s)),
    ),
    pair=pairs.gelu,
    pair_slope=pairs.gelu_slope,
)

SINE = Activation(
    "sine",
    torch.sin,
    torch.cos,
    lambda z: -torch.sin(z),
    moments=(
        lambda s: -0.5 * torch.expm1(-2 * s),
        lambda s: 0.5 + 0.5 * torch.exp(-2 * s),
        lambda s: -0.5 * torch.expm1(-2 * s),
    ),
    pair=pairs.sine,
    pair_slope=pairs.cosine,
)

COSINE = Activation(
    "cosine",
    torch.cos,
    lambda z: -torch.sin(z),
    lambda z: -torch.cos(z),
    moments=(
        lambda s: 0.5 + 0.5 * torch.exp(-2 * s),
        lambda s: -0.5 * torch.expm1(-2 * s),
        lambda s: 0.5 + 0.5 * torch.exp(-2 * s),
    ),
    pair=pairs.cosine,
    pair_slope=pairs.sine,
)

EXP = Activation(
    "exp",
    torch.exp,
    torch.exp,
    torch.exp,
    moments=(lambda s: torch.exp(2 * s),) * 3,
    pair=lambda p, q, c: torch.exp(0.5 * (p + q) + c),
    pair_slope=lambda p, q, c: torch.exp(0.5 * (p + q) + c),
)

GAUSSIAN = Activation(
    "gaussian",
    lambda z: torch.exp(-0.5 * z * z),
    lambda z: -z * torch.exp(-0.5 * z * z),
    lambda z: (z * z - 1) * torch.exp(-0.5 * z * z),
    moments=(
        lambda s: 1 / torch.sqrt(1 + 2 * s),
        lambda s: s * (1 + 2 * s) ** -1.5,
        lambda s: (3 * _variance(s) ** 2 - 2 * _variance(s) + 1) / torch.sqrt(1 + 2 * s),
    ),
    pair=lambda p, q, c: 1 / torch.sqrt(pairs.determinant(p, q, c)),
    pair_slope=lambda p, q, c: c * pairs.determinant(p, q, c) ** -1.5,
)

"""Random networks, drawn and weighted: the Monte Carlo witness of what theory says about wide networks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold._random import torch_generator
from neuromanifold._typing import RandomState
from neuromanifold.featuremaps.bayesian import WideBayesianNetwork
from neuromanifold.featuremaps.second_moments import derivative

__all__ = ["Estimate", "mean_metric", "posterior_change"]

_AT_ONCE = 4_000_000  # preactivations of one batch


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error, of the same shape."""

    mean: Tensor
    error: Tensor

    @classmethod
    def of(cls, batches: list[Tensor]) -> Estimate:
        values = torch.stack(batches)
        return cls(values.mean(0), values.std(0) / math.sqrt(len(values)))

    def z_scores(self, truth: Tensor) -> Tensor:
        return (self.mean - truth) / self.error


def mean_metric(network: WideBayesianNetwork, x: Tensor, n_networks: int, random_state: RandomState) -> Estimate:
    """Average over prior networks of the metric at points ``x (m, D)``: ``(m, D, D)``."""
    generator = torch_generator(random_state)
    return Estimate.of([_draw(network, x, 1, generator)[1][0] for _ in range(n_networks)])


def posterior_change(
    network: WideBayesianNetwork, x: Tensor, n_networks: int, random_state: RandomState, n_batches: int = 25
) -> tuple[Estimate, Estimate]:
    """The posterior's change of the mean metric ``(m, D, D)``, and of the mean volume over its prior mean
    ``(m,)``, times n, as n grows.

    Each batch weights ``n_networks`` prior networks by their likelihood, V integrated out; what is left of order 1/n
    is taken away with networks of twice the width (``2 c(2n) - c(n)``).
    """
    generator = torch_generator(random_state)
    metrics, volumes = [], []
    for _ in range(n_batches):
        (g1, v1), (g2, v2) = (_change(network, x, width, n_networks, generator) for width in _widths(network))
        metrics.append(2 * g2 - g1)
        volumes.append(2 * v2 - v1)
    return Estimate.of(metrics), Estimate.of(volumes)


def _widths(network: WideBayesianNetwork) -> tuple[int, int]:
    return network.n_units, 2 * network.n_units


def _change(
    network: WideBayesianNetwork, x: Tensor, n_units: int, n_networks: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    size = max(1, _AT_ONCE // n_units)
    draws = [_draw(network, x, min(size, n_networks - i), generator, n_units) for i in range(0, n_networks, size)]
    logs, metrics = torch.cat([d[0] for d in draws]), torch.cat([d[1] for d in draws])
    weights = torch.exp(logs - logs.max())
    weights = weights / weights.mean() - 1
    volumes = torch.linalg.det(metrics).sqrt()
    # The covariance with the weights: what the prior mean adds cancels, sample by sample.
    change = torch.einsum("s,smab->mab", weights, metrics - metrics.mean(0)) / n_networks
    grown = (weights[:, None] * (volumes / volumes.mean(0) - 1)).mean(0)
    return n_units * change, n_units * grown


def _draw(
    network: WideBayesianNetwork, x: Tensor, size: int, generator: torch.Generator, n_units: int | None = None
) -> tuple[Tensor, Tensor]:
    """Log likelihoods ``(size,)`` and metrics ``(size, m, D, D)`` of prior networks."""
    n, prior = n_units or network.n_units, network.prior
    weights = prior.weight_std * torch.randn(size, n, x.shape[-1], generator=generator, dtype=torch.float64)
    biases = prior.bias_std * torch.randn(size, n, 1, generator=generator, dtype=torch.float64)
    features = prior.activation.function(weights @ network.points.mT + biases)
    gamma = features.mT @ features / n + torch.eye(len(network.points), dtype=torch.float64) / network.precision
    factor = torch.linalg.cholesky(gamma)
    fitted = torch.linalg.solve_triangular(factor, network.targets.expand(size, -1, -1), upper=False)
    volume = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    likelihood = -network.targets.shape[-1] * volume - 0.5 * (fitted**2).sum((-2, -1))
    slopes = derivative(prior.activation, 1)(weights @ x.mT + biases)
    metrics = torch.einsum("snm,sna,snb->smab", slopes**2, weights, weights) / n
    return likelihood, metrics

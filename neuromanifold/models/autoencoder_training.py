"""The networks of an autoencoder, and what they minimise.

    mean over samples of  |x - f(z)|² + 2 σ² β KL(q(z | x) || N(0, I))  +  Σ weight · penalty

in units in which the total variance of the data is one, so the first term is the share of variance that is lost. A
deterministic autoencoder has ``z = g(x)`` and no second term. A variational one draws z from
``q(z | x) = N(g(x), diag s(x)²)``; σ² is the noise variance of a unit at its optimum, the mean squared error
(Rybkin et al. 2021), so that β = 1 is the evidence lower bound of a model that knows its noise. The divergence comes in
over the first half of the training: from the start it would switch off latents before they are of any use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from neuromanifold.models.regularizers import Penalty, TrainingBatch
from neuromanifold.networks import Affine, ResidualMLP

__all__ = ["Networks", "Objective", "principal_loadings"]


class Networks(nn.Module):
    """Encoder ``(n, d) -> (n, m)``, of a variational one ``(n, 2m)`` (mean and log standard deviation), and decoder.

    Parameters
    ----------
    loadings : Tensor (d, m)
        Decoder ``z -> loadings z`` at the start, with its pseudo-inverse for an encoder.
    hidden : sequence of int
        Widths of the encoder's hidden layers; the decoder has them in reverse.
    activation : str
    variational : bool
    generator : torch.Generator
        Source of the initial weights.
    """

    def __init__(
        self,
        loadings: Tensor,
        hidden: Sequence[int],
        activation: str,
        variational: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        n_features, self.n_components = loadings.shape
        self.variational = variational
        # Perceptrons want numbers of size one; each of n features has a variance of 1/n.
        size, none = torch.tensor(n_features**0.5), torch.zeros(n_features)
        up = loadings * size
        down = torch.linalg.pinv(up)
        down = torch.cat([down, torch.zeros_like(down)]) if variational else down
        encoder = ResidualMLP(down, hidden, generator, activation)
        decoder = ResidualMLP(up, tuple(reversed(hidden)), generator, activation)
        self.encoder = nn.Sequential(Affine(size, none), encoder)
        self.decoder = nn.Sequential(decoder, Affine(1 / size, none))

    def latents(self, x: Tensor) -> Tensor:
        """Codes of activity, of a variational encoder their means: (n, m)."""
        return self.encoder(x)[:, : self.n_components]


@dataclass
class Objective:
    """Loss of each row (b,), by number.

    Attributes
    ----------
    networks : Networks
        While it is in eval mode the loss is the reconstruction error alone, of the latents' means: what held-out rows
        are scored by.
    activity : Tensor (n, d)
        Centred, of total variance one.
    penalties : sequence of (float, Penalty)
        Weighted.
    beta : float
    generator : torch.Generator
        Of latents and penalties.
    done : float
        Share of the training that is behind.
    """

    networks: Networks
    activity: Tensor
    penalties: Sequence[tuple[float, Penalty]]
    beta: float
    generator: torch.Generator
    done: float = 0.0

    def __call__(self, rows: Tensor) -> Tensor:
        x = self.activity[rows]
        codes = self.networks.encoder(x)
        latents = codes[:, : self.networks.n_components]
        if not self.networks.training:
            return self._errors(x, latents)
        loss = self._evidence(x, codes) if self.networks.variational else self._errors(x, latents)
        batch = TrainingBatch(self.networks.latents, self.networks.decoder, rows, latents, self.generator)
        for weight, penalty in self.penalties:
            loss = loss + weight * penalty(batch).to(loss)
        return loss

    def _errors(self, x: Tensor, latents: Tensor) -> Tensor:
        return (x - self.networks.decoder(latents)).square().sum(1)

    def _evidence(self, x: Tensor, codes: Tensor) -> Tensor:
        """The first two terms, of one draw of each latent."""
        mean, log_scale = codes.chunk(2, dim=1)
        noise = torch.randn(mean.shape, generator=self.generator, device=mean.device)
        errors = self._errors(x, mean + log_scale.exp() * noise)
        divergence = (0.5 * (mean.square() + (2 * log_scale).exp() - 1) - log_scale).sum(1)
        variance = errors.detach().mean() / x.shape[1]
        return errors + 2 * variance * min(1.0, 2 * self.done) * self.beta * divergence


def principal_loadings(activity: Tensor, n_components: int) -> Tensor:
    """Principal axes of centred activity (n, d), each times its standard deviation: (d, m); zeros beyond the rank."""
    _, values, axes = torch.linalg.svd(activity, full_matrices=False)
    scaled = (values[:, None] * axes)[:n_components].mT / len(activity) ** 0.5
    return torch.nn.functional.pad(scaled, (0, n_components - scaled.shape[1]))

"""The decoder of a topological VAE under regularisers: near the fitted one, and of the geometry that is wanted.

    min over its harmonics' weights of  E |f_w(z) - f(z)|² / E |x - E x|² + Σ weight · penalty(f_w)

f is the fitted decoder, z the coordinates of the samples. Least squares being what they are, the first term is the
reconstruction error of f_w less that of f, wherever f is a regression on z: what is given up for the geometry, in the
units in which an autoencoder's regularisers are weighed. What the decoder now misses is noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.func import functional_call

from neuromanifold._errors import InputError
from neuromanifold.geometry import Immersion
from neuromanifold.manifolds import Manifold
from neuromanifold.models.base import Generative
from neuromanifold.models.noise import Noise
from neuromanifold.models.regularizers import DecoderRegularizer, Penalty, Regularizer, TrainingBatch, TrainingData
from neuromanifold.models.samples import Samples, loaded
from neuromanifold.training import TrainingSettings, train

__all__ = ["check_acts_on_decoder", "penalised"]

# Samples whose coordinates the decoder is held at, and steps of the descent.
N_SAMPLES = 2000
SETTINGS = TrainingSettings(max_epochs=60, batch_size=256, learning_rate=0.02, patience=None, schedule="cosine")


def check_acts_on_decoder(regularizers: Sequence[Regularizer]) -> None:
    """Raise InputError where a regulariser is not one of the decoder alone."""
    for regularizer in regularizers:
        if not isinstance(regularizer, DecoderRegularizer):
            raise InputError(
                f"{type(regularizer).__name__} acts through an encoder into R^m, but a topological VAE finds its "
                "coordinates by the exact posterior on the template: take it out, or use nm.GeometricAutoencoder"
            )


def penalised(
    generative: Generative, activity: Samples, regularizers: Sequence[Regularizer], beta: float, seed: int
) -> Generative:
    """The generative half with its decoder under regularisers, fitted to activity (n, d) before.

    Penalties are means over the samples' coordinates, and the geometry is that of the expected activity.
    """
    if not any(regularizer.weight > 0 for regularizer in regularizers):
        return generative
    some = loaded(activity[:: -(-len(activity) // N_SAMPLES)])
    points = generative.posterior(beta, some).mean_points(some).cpu().double()
    x = some.cpu().double()
    centre = x.mean(0)
    scale = (x - centre).square().sum(1).mean().sqrt()
    data = TrainingData((x - centre) / scale, centre, scale)
    with torch.no_grad():
        fitted = generative.mean(points)
    penalties = [(float(r.weight), r.prepared(data)) for r in regularizers if r.weight > 0]
    generator = torch.Generator().manual_seed(seed)
    weights = _Weights(generative)
    objective = _Objective(weights, generative.decoder.template, points, fitted, penalties, centre, scale, generator)
    rows = torch.arange(len(points))
    train(weights, objective, rows, rows[:0], SETTINGS, generator, label="decoder")
    with torch.no_grad():
        held = replace(generative, decoder=generative.decoder.changed(weights.change))
        missed = held.mean(points) - fitted
    return (
        replace(held, noise=_with_missed(generative.noise, missed)) if generative.mean is generative.decoder else held
    )


def _with_missed(noise: Noise, missed: Tensor) -> Noise:
    """Noise and what the decoder now misses (n, d); independent units stay so."""
    added = missed.mT @ missed / len(missed)
    independent = bool((noise.covariance == torch.diag_embed(noise.variance)).all())
    return Noise.of(noise.covariance + (torch.diag_embed(added.diagonal()) if independent else added))


class _Weights(nn.Module):
    """The decoder's weights as the descent moves them, from the fitted ones, in units of their own size."""

    def __init__(self, generative: Generative) -> None:
        super().__init__()
        fitted = generative.decoder.weight
        self.mean = generative.mean
        self.name = next(name for name, buffer in self.mean.named_buffers() if buffer is fitted)
        self.fitted = fitted
        self.size = fitted[1:].square().sum(0).mean().sqrt()
        self.step = nn.Parameter(torch.zeros_like(fitted))

    @property
    def change(self) -> Tensor:
        return self.size * self.step

    def decoder(self) -> Callable[[Tensor], Tensor]:
        """Expected activity (n, d) at points (n, m), under the present weights."""
        weights = {self.name: self.fitted + self.change}
        return lambda z: functional_call(self.mean, weights, (z,))


@dataclass(frozen=True)
class _Objective:
    """Loss of each row (b,)."""

    weights: _Weights
    template: Manifold
    points: Tensor
    fitted: Tensor
    penalties: Sequence[tuple[float, Penalty]]
    centre: Tensor
    scale: Tensor
    generator: torch.Generator

    def __call__(self, rows: Tensor) -> Tensor:
        decoder, points = self.weights.decoder(), self.points[rows]
        loss = (decoder(points) - self.fitted[rows]).square().sum(1) / self.scale**2
        scaled = Immersion(self.template, lambda z: (decoder(z) - self.centre) / self.scale)
        batch = TrainingBatch(_no_encoder, scaled, rows, points, self.generator)
        for weight, penalty in self.penalties:
            loss = loss + weight * penalty(batch)
        return loss


def _no_encoder(x: Tensor) -> Tensor:
    raise InputError("there is no encoder here: the regulariser is not one of the decoder alone")

"""``log p(x | z) = log N(x; f(z), Sigma)`` as a module, against which an encoder is trained."""

from __future__ import annotations

from torch import Tensor, nn

from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.noise import Noise

__all__ = ["GaussianLikelihood"]


class GaussianLikelihood(nn.Module):
    """Of a fitted decoder and noise, in the dtype and on the device of ``like``."""

    whitening: Tensor

    def __init__(self, decoder: HarmonicDecoder, noise: Noise, like: Tensor) -> None:
        super().__init__()
        self.decoder = decoder.like(like)
        self.register_buffer("whitening", noise.to(like).whitening)
        self.log_normaliser = float(noise.log_normaliser)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Log density (n,) of activity (n, d) at points (n, m), nats."""
        return self.log_normaliser - 0.5 * ((x - self.decoder(z)) @ self.whitening).square().sum(1)

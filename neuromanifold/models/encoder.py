"""The encoder: an amortised posterior on the template's cover, ``q(z | x) = law(mean direction,
concentration)``.

A perceptron gives an unconstrained vector, whose direction is the mean (unit norm on every circle or
sphere), and the logarithm of the concentration. Circle and spheres carry a von Mises-Fisher law, tori a
product of von Mises laws; a quotient's posterior lives on its cover and the decoder sees the point below.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from neuromanifold._errors import InputError
from neuromanifold.distributions import ProductVonMises, VonMisesFisher
from neuromanifold.manifolds import Manifold, Sphere, Torus
from neuromanifold.networks import MLP

__all__ = ["Encoder", "Posterior", "has_encoder"]

Posterior = VonMisesFisher | ProductVonMises
# log kappa is kept within what a posterior can be told apart by; tanh keeps its gradient alive at the ends.
LOG_CONCENTRATION = 4.0
LOG_CONCENTRATION_SPAN = 6.0


def has_encoder(template: Manifold) -> bool:
    """Whether there is a law for posteriors on this template's cover."""
    return isinstance(template.cover, Sphere | Torus)


class Encoder(nn.Module):
    """Activity (n, d) to a posterior on the template's cover.

    Parameters
    ----------
    template : Manifold
    centre, scale : Tensor (d,)
        Standardisation of the input.
    hidden : sequence of int
    generator : torch.Generator
    """

    centre: Tensor
    scale: Tensor

    def __init__(
        self,
        template: Manifold,
        centre: Tensor,
        scale: Tensor,
        hidden: Sequence[int],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if not has_encoder(template):
            raise InputError(f"there is no posterior law for an encoder on {template.name!r}")
        self.cover = template.cover
        n_concentrations = self.cover.dim if isinstance(self.cover, Torus) else 1
        self.register_buffer("centre", centre)
        self.register_buffer("scale", scale)
        self.network = MLP(len(centre), self.cover.embedding_dim + n_concentrations, hidden, generator)

    def forward(self, x: Tensor) -> Posterior:
        """Posterior of activity (n, d)."""
        out = self.network((x - self.centre) / self.scale)
        direction, raw = out.split([self.cover.embedding_dim, out.shape[1] - self.cover.embedding_dim], dim=1)
        concentration = torch.exp(LOG_CONCENTRATION + LOG_CONCENTRATION_SPAN * torch.tanh(raw / LOG_CONCENTRATION_SPAN))
        law = ProductVonMises if isinstance(self.cover, Torus) else VonMisesFisher
        # Valid by construction: no need to wait for the device in every batch.
        return law(direction, concentration, validate_args=False)

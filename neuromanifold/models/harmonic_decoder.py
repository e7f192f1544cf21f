"""The decoder of a topological VAE: ``f(z) = weight^T h(z)``, h the Laplacian eigenfunctions of the template."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neuromanifold.manifolds import Manifold

__all__ = ["HarmonicDecoder"]


class HarmonicDecoder(nn.Module):
    """Smooth map from points of the template (n, m) to activity (n, d).

    Parameters
    ----------
    template : Manifold
    order : int
        Largest order of the harmonics.
    weight : Tensor (q, d)
        Coefficients of the first q harmonics; further ones are zero.
    """

    weight: Tensor

    def __init__(self, template: Manifold, order: int, weight: Tensor) -> None:
        super().__init__()
        self.template = template
        self.order = order
        self.harmonics = template.harmonics(order)
        padded = weight.new_zeros(len(self.harmonics), weight.shape[1])
        padded[: len(weight)] = weight
        self.register_buffer("weight", padded)

    def forward(self, z: Tensor) -> Tensor:
        return self.harmonics(z) @ self.weight

    def trimmed(self, n_harmonics: int) -> HarmonicDecoder:
        """The same map of the first ``n_harmonics`` functions, written in the least order that has them.

        Functions are sorted by eigenvalue, so an order that lacks one of them has another spectrum from
        there on.
        """
        order = self.order
        wanted = self.harmonics.eigenvalues[:n_harmonics].cpu()
        while order > 1:
            smaller = self.template.harmonics(order - 1).eigenvalues
            if len(smaller) < n_harmonics or not torch.allclose(smaller[:n_harmonics], wanted):
                break
            order -= 1
        return HarmonicDecoder(self.template, order, self.weight[:n_harmonics])

    def changed(self, change: Tensor) -> HarmonicDecoder:
        """The decoder whose first weights differ by a change (p, d)."""
        weight = self.weight.clone()
        weight[: len(change)] += change
        return HarmonicDecoder(self.template, self.order, weight)

    def like(self, other: Tensor) -> HarmonicDecoder:
        """A copy in the dtype and on the device of another tensor."""
        return HarmonicDecoder(self.template, self.order, self.weight.detach().to(other)).to(other.device)

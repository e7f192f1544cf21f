"""Neighbourhood reconstruction (NRAE): a sample's neighbours are reconstructed by the decoder's expansion at it.

    E_x  mean over x' in N(x) of  K(x, x') |x' - f̃(g(x'); g(x))|²_A(x'),
    f̃(z'; z) = f(z) + ∂f dz + ½ ∂²f(dz, dz),   dz = z' - z    (order 1: without the last term)

N(x) are the nearest neighbours of x, without x itself, whose term is the reconstruction error. The expansion along one
direction is one forward derivative (of a derivative).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from neuromanifold._errors import NotEnoughDataError
from neuromanifold._settings import check_choice, check_whole
from neuromanifold._typing import Map
from neuromanifold.geometry import taylor
from neuromanifold.geometry.forms import ambient_products
from neuromanifold.models.regularizers.base import MetricRegularizer, Penalty, TrainingBatch

__all__ = ["NeighborhoodReconstruction"]

KERNELS = ("constant", "heat")


@dataclass(eq=False)
class NeighborhoodReconstruction(MetricRegularizer):
    """Error of the neighbours' reconstruction by the local Taylor expansion of the decoder.

    Parameters
    ----------
    weight : float
        λ of the authors' kernel times the number of neighbours.
    metric : Ambient or None
    order : {1, 2}
        Of the expansion: 2 lets the manifold bend, and resists noise less.
    n_neighbors : int
        Of each sample.
    kernel : {"constant", "heat"}
        K: 1, or ``exp(-|x - x'|²/2h²)``, h the root mean square distance of neighbours.
    n_drawn : int or None
        Neighbours drawn anew for each sample of a step: an unbiased estimate of the mean over all (None).

    References
    ----------
    Lee, Kwon & Park (2021), Neighborhood reconstructing autoencoders.
    """

    order: int = 2
    n_neighbors: int = 5
    kernel: Literal["constant", "heat"] = "constant"
    n_drawn: int | None = 1

    def penalty(self, activity: Tensor) -> Penalty:
        neighbors, kernel = self.graph(activity)

        def of_batch(batch: TrainingBatch) -> Tensor:
            chosen = self._drawn(len(batch.rows), batch.generator).to(activity.device)
            some = neighbors[batch.rows].gather(1, chosen)
            target = activity[some]
            latents = batch.encoder(target.flatten(0, 1)).unflatten(0, some.shape)
            return self.value(batch.decoder, batch.latents, latents, target, kernel[batch.rows].gather(1, chosen))

        return of_batch

    def value(
        self, decoder: Map, latents: Tensor, neighbor_latents: Tensor, neighbors: Tensor, kernel: Tensor | float = 1.0
    ) -> Tensor:
        """The penalty, unweighted, with a graph: a scalar.

        Parameters
        ----------
        decoder : nn.Module or callable
            ``(b, m) -> (b, d)``.
        latents : Tensor (b, m)
        neighbor_latents, neighbors : Tensor (b, q, m) and (b, q, d)
            Latents and activity of q neighbours of each.
        kernel : Tensor (b, q) or float
        """
        shift = neighbor_latents - latents[:, None]
        centres = latents[:, None].expand_as(shift).flatten(0, 1)
        jet = taylor(
            decoder, centres, order=self.order, directions=shift.flatten(0, 1)[..., None], create_graph=True, dtype=None
        )
        expansion = jet.value + jet.first[..., 0]
        if self.order == 2:
            expansion = expansion + 0.5 * jet.second[..., 0, 0]
        target = neighbors.flatten(0, 1).to(expansion)
        errors = ambient_products(self.metric, target, (target - expansion)[..., None]).reshape(shift.shape[:2])
        return (kernel * errors).mean()

    def graph(self, activity: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of the nearest neighbours of each sample (n, n_neighbors), and K of each pair.

        Raises
        ------
        NotEnoughDataError
            If there are not that many other samples.
        """
        if len(activity) <= self.n_neighbors:
            raise NotEnoughDataError(
                f"n_samples={len(activity)}: each needs n_neighbors={self.n_neighbors} others; give more samples or "
                "ask for fewer neighbours"
            )
        distances, rows = NearestNeighbors(n_neighbors=self.n_neighbors).fit(activity.cpu().numpy()).kneighbors()
        squared = torch.as_tensor(distances).square()
        kernel = torch.ones_like(squared)
        if self.kernel == "heat":
            kernel = torch.exp(-squared / (2 * squared.mean()))
        return torch.as_tensor(rows).to(activity.device), kernel.to(activity)

    def _drawn(self, n_rows: int, generator: torch.Generator) -> Tensor:
        """Places (n_rows, q) among the neighbours of each row, without replacement."""
        if self.n_drawn is None:
            return torch.arange(self.n_neighbors).expand(n_rows, -1)
        order = torch.rand(n_rows, self.n_neighbors, generator=generator, device=generator.device)
        return order.argsort(1)[:, : self.n_drawn]

    def check(self, dimension: int) -> None:
        super().check(dimension)
        check_whole("order of the expansion", self.order, 1, 2)
        check_choice("kernel", self.kernel, KERNELS)
        check_whole("n_neighbors", self.n_neighbors, 1)
        if self.n_drawn is not None:
            check_whole("n_drawn (of n_neighbors)", self.n_drawn, 1, self.n_neighbors)

"""Graph coordinates (GRAE): latents lie where the neighbourhood graph of the samples unrolls to.

    E |g(x) - y(x)|² / E |y(x)|²

y are the Isomap coordinates of the samples (Tenenbaum et al. 2000): those whose distances come nearest to the lengths
of shortest paths in the graph of nearest neighbours. They are eigenvectors, found without a descent, so the order of
samples along a curve cannot be wrong for good; gradients of the reconstruction alone can tear a curve that passes near
itself, and no derivative of the decoder leads back.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from sklearn.manifold import Isomap
from torch import Tensor

from neuromanifold._errors import NotEnoughDataError
from neuromanifold._settings import check_whole
from neuromanifold.models.regularizers.base import Penalty, Regularizer, TrainingBatch, TrainingData

__all__ = ["GraphCoordinates"]


@dataclass(eq=False)
class GraphCoordinates(Regularizer):
    """Distance of the latents from the Isomap coordinates of the samples, as a share of those coordinates' variance.

    Parameters
    ----------
    weight : float
    n_neighbors : int
        Of each sample in the graph. Too many join what is not near along the manifold. Time and memory grow with the
        square of the samples and more: for a few thousand.

    References
    ----------
    Duque, Morin, Wolf & Moon (2020), Extendable and invertible manifold learning with geometry regularized autoencoders
    (there with the coordinates of PHATE).
    """

    n_neighbors: int = 5

    def prepared(self, data: TrainingData) -> Penalty:
        found: dict[int, Tensor] = {}

        def penalty(batch: TrainingBatch) -> Tensor:
            m = batch.latents.shape[1]
            if m not in found:
                found[m] = self.coordinates(data.activity, m)
            return self.value(batch.latents, found[m][batch.rows], found[m])

        return penalty

    def value(self, latents: Tensor, coordinates: Tensor, of_all: Tensor | None = None) -> Tensor:
        """The penalty, unweighted, with a graph: a scalar.

        Parameters
        ----------
        latents, coordinates : Tensor (b, m)
            Of the same samples.
        of_all : Tensor (n, m), optional
            Coordinates of all samples, whose variance is the unit; by default of these.
        """
        away = (latents - coordinates).square().sum(1).mean()
        return away / (coordinates if of_all is None else of_all).square().sum(1).mean()

    def coordinates(self, activity: Tensor, n_components: int) -> Tensor:
        """Isomap coordinates (n, m) of activity (n, d), about their mean.

        They are found up to a rotation or reflection; taken is that which lies along the principal components, where
        training starts.

        Raises
        ------
        NotEnoughDataError
            If there are not that many other samples.
        """
        if len(activity) <= max(self.n_neighbors, n_components):
            raise NotEnoughDataError(
                f"n_samples={len(activity)}: each needs n_neighbors={self.n_neighbors} others and one more than "
                f"n_components={n_components}; give more samples or ask for fewer"
            )
        isomap = Isomap(n_neighbors=self.n_neighbors, n_components=n_components)
        found = torch.as_tensor(isomap.fit_transform(activity.cpu().numpy())).to(activity)
        centred = activity - activity.mean(0)
        principal = centred @ torch.linalg.svd(centred, full_matrices=False).Vh[:n_components].mT
        left, _, right = torch.linalg.svd(found[:, : principal.shape[1]].mT @ principal)
        turn = torch.eye(n_components).to(found)
        turn[: len(left), : len(right)] = left @ right
        return found @ turn

    def check(self, dimension: int) -> None:
        super().check(dimension)
        check_whole("n_neighbors", self.n_neighbors, 1)

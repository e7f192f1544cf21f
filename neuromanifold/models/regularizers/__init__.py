"""Regularisers of autoencoders: what a decoder's geometry costs, each a formula in a file of its own."""

from neuromanifold.models.regularizers.base import DecoderRegularizer, Penalty, Regularizer, TrainingBatch
from neuromanifold.models.regularizers.graph_coordinates import GraphCoordinates
from neuromanifold.models.regularizers.isometric import Isometric
from neuromanifold.models.regularizers.neighborhood import NeighborhoodReconstruction

__all__ = [
    "REGULARIZERS",
    "DecoderRegularizer",
    "GraphCoordinates",
    "Isometric",
    "NeighborhoodReconstruction",
    "Penalty",
    "Regularizer",
    "TrainingBatch",
]

REGULARIZERS: tuple[type[Regularizer], ...] = (GraphCoordinates, Isometric, NeighborhoodReconstruction)

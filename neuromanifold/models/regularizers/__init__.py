"""Regularisers of autoencoders: what a decoder's geometry costs, each a formula in a file of its own."""

from neuromanifold.models.regularizers.base import (
    DecoderRegularizer,
    MetricRegularizer,
    Penalty,
    Regularizer,
    TrainingBatch,
    TrainingData,
)
from neuromanifold.models.regularizers.conformal import Conformal
from neuromanifold.models.regularizers.equal_area import EqualArea
from neuromanifold.models.regularizers.graph_coordinates import GraphCoordinates
from neuromanifold.models.regularizers.isometric import Isometric
from neuromanifold.models.regularizers.min_extrinsic import MinimumExtrinsicCurvature
from neuromanifold.models.regularizers.min_intrinsic import MinimumIntrinsicCurvature
from neuromanifold.models.regularizers.neighborhood import NeighborhoodReconstruction

__all__ = [
    "REGULARIZERS",
    "Conformal",
    "DecoderRegularizer",
    "EqualArea",
    "GraphCoordinates",
    "Isometric",
    "MetricRegularizer",
    "MinimumExtrinsicCurvature",
    "MinimumIntrinsicCurvature",
    "NeighborhoodReconstruction",
    "Penalty",
    "Regularizer",
    "TrainingBatch",
    "TrainingData",
]

REGULARIZERS: tuple[type[Regularizer], ...] = (
    NeighborhoodReconstruction,
    MinimumExtrinsicCurvature,
    MinimumIntrinsicCurvature,
    Isometric,
    Conformal,
    EqualArea,
    GraphCoordinates,
)

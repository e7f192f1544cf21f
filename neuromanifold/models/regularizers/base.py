"""A regulariser: ``weight`` times a penalty on the geometry of a decoder ``f``, added to the reconstruction error.

    loss = E |x - f(g(x))|² / E |x - E x|² + Σ weight · penalty

A model trains in units of its data's spread ``√(E |x - E x|²)``, about their mean, and an ambient metric is scaled to
be the identity on average, so a weight means the same whatever the data are measured in. A regulariser that is called
by itself takes decoder and metric as they are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._parameters import Parameters
from neuromanifold._settings import check_number
from neuromanifold._typing import Map
from neuromanifold.geometry import Immersion
from neuromanifold.geometry.ambient import Ambient, rescaled

__all__ = ["DecoderRegularizer", "MetricRegularizer", "Penalty", "Regularizer", "TrainingBatch", "TrainingData"]


@dataclass(frozen=True)
class TrainingData:
    """Centred and scaled activity (n, d), and what it was: ``centre + scale activity``."""

    activity: Tensor
    centre: Tensor
    scale: Tensor

    def in_its_units(self, metric: Ambient) -> Ambient:
        """The ambient metric, learned from the data where it learns, of scaled activity."""
        return rescaled(metric, self.activity, self.centre, self.scale)


@dataclass(frozen=True)
class TrainingBatch:
    """What a penalty sees of a step of training.

    Attributes
    ----------
    encoder : callable
        ``(b, d) -> (b, m)``.
    decoder : callable or Immersion
        ``(b, m) -> (b, d)``.
    rows : Tensor (b,)
        Of the batch, among all training samples.
    latents : Tensor (b, m)
        Of those rows; points of the template where the decoder is an Immersion.
    generator : torch.Generator
        Source of whatever the penalty draws.
    """

    encoder: Map
    decoder: Map
    rows: Tensor
    latents: Tensor
    generator: torch.Generator


Penalty: TypeAlias = Callable[[TrainingBatch], Tensor]


@dataclass(eq=False)
class Regularizer(Parameters, ABC):
    """What decoders are held to, besides reconstruction.

    Parameters
    ----------
    weight : float
        At least 0.
    """

    # Below this dimension of the latent space the penalty is zero whatever the decoder.
    least_dimension: ClassVar[int] = 1

    weight: float = 1.0

    @abstractmethod
    def prepared(self, data: TrainingData) -> Penalty:
        """The penalty, unweighted, of batches of such data."""

    def check(self, dimension: int) -> None:
        """Raise InputError where a parameter is out of range, or the penalty without meaning in that dimension."""
        if dimension < self.least_dimension:
            raise InputError(
                f"{type(self).__name__} is zero for every decoder of {dimension} latent dimension: leave it out, or "
                f"give the latent space {self.least_dimension} or more"
            )
        check_number(f"weight of {type(self).__name__}", self.weight, 0)


@dataclass(eq=False)
class MetricRegularizer(Regularizer):
    """A regulariser that measures activity by an ambient metric.

    Parameters
    ----------
    weight : float
    metric : Ambient or None
        A(x), one of :mod:`neuromanifold.geometry.ambient`; None: the identity.
    """

    metric: Ambient | None = None

    def prepared(self, data: TrainingData) -> Penalty:
        metric = None if self.metric is None else data.in_its_units(self.metric)
        return replace(self, metric=metric).penalty(data.activity)

    @abstractmethod
    def penalty(self, activity: Tensor) -> Penalty:
        """The penalty of batches of activity (n, d), in the metric as it is."""

    def check(self, dimension: int) -> None:
        super().check(dimension)
        if not (self.metric is None or isinstance(self.metric, Ambient)):
            raise InputError(
                f"metric of {type(self).__name__} must be None (the identity) or one of nm.geometry.ambient, such as "
                f"GaussianNoise(covariance); got {type(self.metric).__name__}"
            )


@dataclass(eq=False)
class DecoderRegularizer(MetricRegularizer):
    """A regulariser whose penalty is an expectation over latents of a decoder's geometry, data or no data."""

    @abstractmethod
    def value(self, decoder: Map, latents: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The penalty, unweighted, with a graph: a scalar.

        Parameters
        ----------
        decoder : nn.Module, Immersion or callable
            ``(b, m) -> (b, d)``, evaluated in its own precision.
        latents : Tensor (b, m)
            Points of the template's embedding where the decoder is an Immersion.
        generator : torch.Generator, optional
            Source of what is drawn, where something is.
        """

    def penalty(self, activity: Tensor) -> Penalty:
        return lambda batch: self.value(batch.decoder, batch.latents, batch.generator)

    def derivative_options(self, decoder: Map) -> dict[str, Any]:
        """With a graph, in the decoder's precision, along orthonormal charts of a template where there is one."""
        return {"create_graph": True, "dtype": None, "frame": True, "on_points": isinstance(decoder, Immersion)}

"""A regulariser: ``weight`` times a penalty on the geometry of a decoder ``f``, added to the reconstruction error.

    loss = E |x - f(g(x))|² / E |x - E x|² + Σ weight · penalty

A model trains in units of its data's spread ``√(E |x - E x|²)``, about their mean, so a weight means the same whatever
the data are measured in; a regulariser that is called by itself takes the decoder as it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._parameters import Parameters
from neuromanifold._typing import Map

__all__ = ["DecoderRegularizer", "Penalty", "Regularizer", "TrainingBatch"]


@dataclass(frozen=True)
class TrainingBatch:
    """What a penalty sees of a step of training.

    Attributes
    ----------
    encoder, decoder : callable
        ``(b, d) -> (b, m)`` and back.
    rows : Tensor (b,)
        Of the batch, among all training samples.
    latents : Tensor (b, m)
        Of those rows.
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

    weight: float = 1.0

    @abstractmethod
    def prepared(self, activity: Tensor) -> Penalty:
        """The penalty, unweighted, of batches of this activity (n, d)."""

    def check(self) -> None:
        """Raise InputError where a parameter is out of range, naming it."""
        if not (isinstance(self.weight, Real) and 0 <= float(self.weight) < np.inf):
            raise InputError(f"weight of {type(self).__name__} must be 0 or a positive number, got {self.weight!r}")


@dataclass(eq=False)
class DecoderRegularizer(Regularizer):
    """A regulariser whose penalty is an expectation over latents of a decoder's geometry, data or no data."""

    @abstractmethod
    def value(self, decoder: Map, latents: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The penalty, unweighted, with a graph: a scalar.

        Parameters
        ----------
        decoder : nn.Module, Immersion or callable
            ``(b, m) -> (b, d)``, evaluated in its own precision.
        latents : Tensor (b, m)
        generator : torch.Generator, optional
            Source of what is drawn, where something is.
        """

    def prepared(self, activity: Tensor) -> Penalty:
        return lambda batch: self.value(batch.decoder, batch.latents, batch.generator)

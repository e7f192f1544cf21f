"""The generative half of a topological VAE, ``p(x | z)``: what the rest of the package may ask of any of them.

A half knows the expected activity at a point of the template, the exact posterior of a sample, and its log-likelihood
as a module that an encoder can be trained against. The Gaussian one is in :mod:`~neuromanifold.models.generative`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from neuromanifold.geometry.derivatives import TaylorJet
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.noise import Noise
from neuromanifold.models.samples import Samples
from neuromanifold.progress import Progress

__all__ = ["BlockFits", "DecoderDraws", "FitSettings", "Generative", "Law"]


@dataclass(frozen=True)
class FitSettings:
    """What a fit is told.

    Attributes
    ----------
    beta : float
        Weight of the KL divergence.
    n_init : int
        Starts of a fit without labels.
    exposure : float
        Bin width of counts, seconds.
    independent_noise : bool
        Whether Gaussian noise is that of each unit on its own.
    label_tolerance : float or None
        Size of the labels' errors, radians; None: to be estimated.
    offset_groups : Tensor (n,), optional
        Numbers from 0 of the groups whose labels have one zero each.
    start : Generative, optional
        A fit to go on from, in place of starts of its own.
    progress : Progress
        Where finished stages are kept.
    """

    beta: float
    n_init: int
    exposure: float = 1.0
    independent_noise: bool = False
    label_tolerance: float | None = None
    offset_groups: Tensor | None = None
    start: Generative | None = None
    progress: Progress = field(default_factory=Progress)


class Law(Protocol):
    """The posterior of each sample, from activity (n, d)."""

    def mean_points(self, activity: Samples) -> Tensor:
        """The template's point nearest to the posterior mean of each sample, (n, m)."""

    def sample(self, activity: Samples, generator: torch.Generator) -> Tensor:
        """One point drawn from the posterior of each sample, (n, m)."""

    def log_likelihood(self, activity: Samples) -> Tensor:
        """Marginal log-likelihood of each sample (n,), nats."""


class BlockFits(Protocol):
    """Refits of the decoder to blocks of samples, at the coordinates of the fit: all in one gauge."""

    def change(self, copies: Sequence[int]) -> Tensor:
        """Weights (p, d) of the blocks, each taken so many times, less those of all blocks once."""


class DecoderDraws(Protocol):
    """What the decoder might have been."""

    def change(self, rng: np.random.Generator) -> Tensor:
        """Weights (p, d) of a draw less those of the fit."""


@dataclass(frozen=True)
class Generative(ABC):
    """A fitted generative half in float64, and how the fit went.

    Attributes
    ----------
    decoder : HarmonicDecoder
        What is linear in the harmonics: the activity itself, or the log of the expected counts.
    noise : Noise
        Covariance of the activity about the manifold.
    prior : dict
        Family, band limit and whatever else the marginal likelihood chose.
    autocorrelation_time : float
        Of the residual, in samples.
    held_out : tuple
        Held-out log-likelihood at each band limit of the path (empty with labels).
    label_tolerance : float or None
        Size of the labels' errors, radians: 0 where they are exact, None without labels.
    offsets : Tensor (n_groups, k) or None
        Of each group's labels against the manifold, radians, where they were fitted; NaN of groups without labels.
    """

    decoder: HarmonicDecoder
    noise: Noise
    prior: dict[str, float | int | str]
    autocorrelation_time: float
    held_out: tuple[tuple[int, float], ...]
    label_tolerance: float | None = field(default=None, kw_only=True)
    offsets: Tensor | None = field(default=None, kw_only=True)

    @property
    @abstractmethod
    def mean(self) -> nn.Module:
        """Expected activity (n, d) at points (n, m) of the template: the manifold."""

    @property
    def activity_unit(self) -> str:
        """What ``mean`` is in."""
        return "activity unit"

    @property
    def dispersion(self) -> Tensor | None:
        """Of each unit's counts (d,): what their variance has beyond the mean, as a share of its square."""
        return None

    @abstractmethod
    def posterior(self, beta: float, like: Tensor) -> Law:
        """The posterior at weight ``beta`` of the KL divergence, for activity ``like``."""

    @abstractmethod
    def likelihood(self, like: Tensor) -> nn.Module:
        """The module ``x (n, d), z (n, m) -> log p(x | z) (n,)``, nats, for activity ``like``."""

    @abstractmethod
    def activity_jet(self, jet: TaylorJet) -> TaylorJet:
        """The derivatives of ``mean`` from those of a decoder of this kind."""

    @abstractmethod
    def block_fits(self, beta: float, activity: Samples, labels: Tensor, blocks: Tensor) -> BlockFits:
        """Refits to blocks (n,), numbered from 0, of activity (n, d) with labels (n, k), NaN where unknown."""

    @abstractmethod
    def updated(self, beta: float, activity: Samples, labels: Tensor, groups: Tensor) -> Generative:
        """The half of the samples so far and of further activity (n, d), with labels (n, k), NaN where unknown, inside
        intervals (n,): in the same coordinates.
        """

    @abstractmethod
    def draws(
        self, beta: float, activity: Samples, labels: Tensor, blocks: Tensor
    ) -> tuple[HarmonicDecoder, DecoderDraws]:
        """The decoder, written in all harmonics that a draw may have, and draws of it that hold noise, resampled as
        blocks (n,), and smoothing bias; arguments as in ``block_fits``.
        """

    def features(self, x: Tensor) -> Tensor:
        """What an encoder sees of activity (n, d)."""
        return x

    def arrays(self) -> dict[str, Tensor]:
        """What a file must hold of the decoder, the noise and the labels' offsets."""
        offsets = {} if self.offsets is None else {"offsets": self.offsets}
        noise = {"noise": self.noise.covariance, "whitening": self.noise.whitening}
        return {"decoder": self.decoder.weight, **noise, **offsets}

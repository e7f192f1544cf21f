"""Samples with labels, and a decoder fitted in the labels' coordinates."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from neuromanifold.models.harmonic_regression import Regression
from neuromanifold.models.samples import Samples, chosen

__all__ = ["LabelFit", "LabelledSamples"]


@dataclass(frozen=True)
class LabelledSamples:
    """Activity with intrinsic angles where they are known, in time order.

    Attributes
    ----------
    activity : Samples (n, d)
    labels : Tensor (n, k)
        Radians; a row with NaN is unknown.
    intervals : Tensor (n,)
        Stretch of time of each sample.
    offset_groups : Tensor (n,)
        Numbers from 0: labels of a group share a turn against the manifold.
    n_groups : int
    """

    activity: Samples
    labels: Tensor
    intervals: Tensor
    offset_groups: Tensor
    n_groups: int

    @property
    def known(self) -> Tensor:
        """Which samples have a label (n,)."""
        return torch.isfinite(self.labels).all(dim=1)

    @property
    def sizes(self) -> Tensor:
        """Labels of each group (n_groups,)."""
        return torch.bincount(self.offset_groups[self.known], minlength=self.n_groups).to(self.labels)

    def __len__(self) -> int:
        return len(self.activity)

    def group(self, number: int) -> tuple[Samples, Tensor]:
        """Activity (n_g, d) and labels (n_g, k) of the labelled samples of a group."""
        rows = self.known & (self.offset_groups == number)
        return chosen(self.activity, rows), self.labels[rows]

    def turned(self, turns: Tensor) -> LabelledSamples:
        """With the turn (n_groups, k) of each group taken from its labels."""
        return replace(self, labels=self.labels - turns[self.offset_groups])

    def every(self, step: int) -> LabelledSamples:
        """Every so-many-th sample of those with a label, and of those without: labels may come at regular times."""
        known = self.known
        rows = torch.cat([which.nonzero()[::step, 0] for which in (known, ~known)]).sort().values
        return replace(
            self,
            activity=self.activity[rows],
            labels=self.labels[rows],
            intervals=self.intervals[rows],
            offset_groups=self.offset_groups[rows],
        )


@dataclass(frozen=True)
class LabelFit:
    """A decoder in the labels' mean coordinates, and how the labels scatter about it.

    Attributes
    ----------
    regression : Regression
    tolerance : float
        Size s of the labels' errors, radians: root-mean-square per angle; 0 where they are exact.
    turns : Tensor (n_groups, k)
        Of each group's labels against the manifold, radians: ``y = z + turn + error``.
    log_likelihood : float
        Mean over samples of ``log p(x, y)``, or ``log p(x)`` where there is no label, nats.
    """

    regression: Regression
    tolerance: float
    turns: Tensor
    log_likelihood: float = -math.inf

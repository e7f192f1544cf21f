"""An ambient metric in other units: ``Ã(x̃) = A(c + s x̃) / a``, for data that were centred and scaled.

With a the mean of ``Tr A / d`` over the data, Ã is the identity on average, so that it weighs as much as none.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold.geometry.ambient.base import Ambient

__all__ = ["Rescaled", "rescaled"]

# Samples over which the size of a metric is averaged.
N_AVERAGED = 16


@dataclass(eq=False)
class Rescaled(Ambient):
    """``A(centre + scale x) / size``."""

    metric: Ambient
    centre: Tensor
    scale: Tensor
    size: float = 1.0

    def gram(self, x: Tensor, vectors: Tensor) -> Tensor:
        return self.metric.gram(self.centre.to(x) + self.scale.to(x) * x, vectors) / self.size

    def constant(self) -> Tensor | None:
        matrix = self.metric.constant()
        return None if matrix is None else matrix / self.size


def rescaled(metric: Ambient, activity: Tensor, centre: Tensor, scale: Tensor) -> Rescaled:
    """A metric that has learned from the data ``centre + scale activity``, as a metric of ``activity (n, d)``."""
    data = centre.to(activity) + scale.to(activity) * activity
    learned = metric.fitted(data)
    some = data[:: max(1, len(data) // N_AVERAGED)]
    with torch.no_grad():
        traces = [float(learned(row[None]).diagonal(dim1=-2, dim2=-1).mean()) for row in some]
    return Rescaled(learned, centre, scale, sum(traces) / len(traces))

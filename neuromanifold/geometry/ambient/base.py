"""An ambient metric: a symmetric positive definite matrix A(x) at every point x of R^d, ``|v|² = vᵀ A(x) v``.

It is only ever asked for products with a few vectors, so a metric need not be written out as a d × d matrix.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold._parameters import Parameters

__all__ = ["Ambient"]


@dataclass(eq=False)
class Ambient(Parameters, ABC):
    """Inner products of the vectors at points of R^d; the argument ``ambient`` of the geometry functions."""

    @abstractmethod
    def gram(self, x: Tensor, vectors: Tensor) -> Tensor:
        """``Vᵀ A(x) V (n, r, r)`` of r vectors ``(n, d, r)`` at points ``(n, d)``, differentiable in both."""

    def __call__(self, x: Tensor) -> Tensor:
        """``A(x)``: ``(n, d, d)``, in the dtype of x."""
        return self.gram(x, torch.eye(x.shape[1], dtype=x.dtype, device=x.device).expand(len(x), -1, -1))

    def constant(self) -> Tensor | None:
        """A ``(d, d)`` where it is the same everywhere, as second fundamental forms need it; else None."""
        return None

    def fitted(self, activity: Tensor) -> Ambient:
        """The metric once it has seen data (n, d): itself, unless it learns from them.

        Raises
        ------
        InputError
            If it cannot be a metric of such data.
        """
        return self

"""Affine map of one scale: ``x -> scale x + shift``."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["Affine"]


class Affine(nn.Module):
    """``(n, d) -> (n, d)``, with a scalar scale: angles and ratios of lengths are kept.

    Parameters
    ----------
    scale : Tensor ()
    shift : Tensor (d,)
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift

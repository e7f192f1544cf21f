"""One image turned and shifted: a curve in pixel space whose coordinate is known (Lee, Kwon & Park 2021).

The image is drawn at half its size in the middle of the same frame, so that nothing leaves it, and read bilinearly.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from neuromanifold._errors import InputError
from neuromanifold._typing import ArrayLike, FloatArray

__all__ = ["shifted", "turned"]

_SCALE = 2.0  # input pixels per output pixel


def turned(image: ArrayLike, angles: ArrayLike) -> FloatArray:
    """The image turned counterclockwise: (n, rows · columns).

    Parameters
    ----------
    image : array (rows, columns)
    angles : array (n,)
        Radians.
    """
    angle = torch.as_tensor(np.asarray(angles), dtype=torch.float64)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    rows = torch.stack([cos, -sin, zero], dim=-1), torch.stack([sin, cos, zero], dim=-1)
    return _moved(image, _SCALE * torch.stack(rows, dim=1))


def shifted(image: ArrayLike, shifts: ArrayLike) -> FloatArray:
    """The image shifted to the right: (n, rows · columns).

    Parameters
    ----------
    image : array (rows, columns)
    shifts : array (n,)
        Pixels.
    """
    shift = torch.as_tensor(np.asarray(shifts), dtype=torch.float64)
    maps = torch.eye(2, 3, dtype=torch.float64).repeat(len(shift), 1, 1)
    maps[:, 0, 2] = -2 * shift / np.shape(image)[1]
    return _moved(image, _SCALE * maps)


def _moved(image: ArrayLike, to_input: Tensor) -> FloatArray:
    """The image read at affine maps (n, 2, 3) of the output's coordinates, both in [-1, 1]."""
    pixels = torch.as_tensor(np.asarray(image), dtype=torch.float64)
    if pixels.ndim != 2:
        raise InputError(f"an image is an array (rows, columns); got shape {tuple(pixels.shape)}")
    n = len(to_input)
    grid = affine_grid(to_input, [n, 1, *pixels.shape], align_corners=False)
    moved = grid_sample(pixels.expand(n, 1, *pixels.shape), grid, align_corners=False)
    return moved.reshape(n, -1).numpy()

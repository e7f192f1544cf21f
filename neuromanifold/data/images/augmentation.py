"""Augmentations: random changes of images that leave what they show as it is, a batch at a time.

    step(images (n, channel, row, column) in [0, 1], generator) -> images of the same shape, in [0, 1]

Every image draws its own numbers. They come from a generator on the CPU, so that they do not depend on the device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, pad

__all__ = ["Blur", "ColourJitter", "Flip", "Grey", "PaddedCrop", "ResizedCrop", "Solarize", "Step", "augment"]

_LUMA = (0.2989, 0.587, 0.114)  # brightness of red, green and blue (ITU-R 601)
_ASPECT = 4 / 3


class Step(Protocol):
    """One random change."""

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor: ...


def augment(images: Tensor, steps: Sequence[Step], generator: torch.Generator) -> Tensor:
    """All steps, one after the other."""
    for step in steps:
        images = step(images, generator)
    return images


@dataclass(frozen=True)
class PaddedCrop:
    """A shift by up to ``padding`` whole pixels; what comes in from outside is black."""

    padding: int

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        n, _, height, width = images.shape
        row, column = torch.randint(0, 2 * self.padding + 1, (2, n, 1), generator=generator).to(images.device)
        padded = pad(images, (self.padding,) * 4)
        rows = row + torch.arange(height, device=images.device)
        columns = column + torch.arange(width, device=images.device)
        each = torch.arange(n, device=images.device)[:, None, None]
        return padded[each, :, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)


@dataclass(frozen=True)
class ResizedCrop:
    """A rectangle inside the image, of a share of its area from ``least_area`` to 1, stretched to its size (bilinear).

    Its sides' ratio is log-uniform in [3/4, 4/3]; a side that would be longer than the image is as long.
    """

    least_area: float

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        area = _uniform(images, generator, self.least_area, 1.0)
        ratio = _uniform(images, generator, -math.log(_ASPECT), math.log(_ASPECT)).exp()
        sides = torch.stack([(area * ratio).sqrt(), (area / ratio).sqrt()]).clamp(max=1.0)
        centre = (1 - sides) * torch.stack([_uniform(images, generator, -1.0, 1.0) for _ in range(2)])
        # Of the output's coordinates (x, y, 1), both in [-1, 1].
        to_input = torch.cat([torch.diag_embed(sides.mT), centre.mT[..., None]], dim=2)
        grid = affine_grid(to_input, list(images.shape), align_corners=False)
        return grid_sample(images, grid, padding_mode="border", align_corners=False)


@dataclass(frozen=True)
class Flip:
    """Left for right."""

    probability: float = 0.5

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return _some(images, images.flip(-1), self.probability, generator)


@dataclass(frozen=True)
class ColourJitter:
    """Brightness, contrast and saturation times ``1 ± strength``, hue turned by up to ``hue`` of a circle; in this
    order.

    Hue is turned about the grey axis, which leaves the sum of the channels as it is. Images of one channel have
    neither saturation nor hue.
    """

    brightness: float
    contrast: float
    saturation: float
    hue: float
    probability: float = 0.8

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        brightness, contrast, saturation = (
            _uniform(images, generator, 1 - strength, 1 + strength)[:, None, None, None]
            for strength in (self.brightness, self.contrast, self.saturation)
        )
        angle = 2 * math.pi * _uniform(images, generator, -self.hue, self.hue)
        changed = (images * brightness).clamp(0, 1)
        changed = torch.lerp(_luma(changed).mean((1, 2, 3), keepdim=True), changed, contrast).clamp(0, 1)
        changed = torch.lerp(_luma(changed), changed, saturation).clamp(0, 1)
        if images.shape[1] == len(_LUMA):
            changed = torch.einsum("nij,njhw->nihw", _about_grey(angle), changed).clamp(0, 1)
        return _some(images, changed, self.probability, generator)


@dataclass(frozen=True)
class Grey:
    """Every channel the brightness."""

    probability: float

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return _some(images, _luma(images).expand_as(images), self.probability, generator)


@dataclass(frozen=True)
class Blur:
    """A Gaussian of standard deviation ``sigma`` (least, most; pixels), cut off at twice the most."""

    probability: float
    sigma: tuple[float, float] = (0.1, 2.0)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        sigma = _uniform(images, generator, *self.sigma)
        radius = min(math.ceil(2 * self.sigma[1]), min(images.shape[2:]) - 1)
        away = torch.arange(-radius, radius + 1, device=images.device) / sigma[:, None]
        weights = torch.softmax(-0.5 * away**2, dim=1)
        blurred = pad(images, (radius,) * 4, mode="reflect")
        for axis in (2, 3):
            blurred = torch.einsum("nchwk,nk->nchw", blurred.unfold(axis, 2 * radius + 1, 1), weights)
        return _some(images, blurred, self.probability, generator)


@dataclass(frozen=True)
class Solarize:
    """What is brighter than a half is inverted."""

    probability: float

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return _some(images, torch.where(images >= 0.5, 1 - images, images), self.probability, generator)


def _uniform(images: Tensor, generator: torch.Generator, low: float, high: float) -> Tensor:
    """A number for each image: (n,)."""
    return (low + (high - low) * torch.rand(len(images), generator=generator)).to(images)


def _some(images: Tensor, changed: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Each image changed with a probability."""
    chosen = torch.rand(len(images), generator=generator) < probability
    return torch.where(chosen.to(images.device)[:, None, None, None], changed, images)


def _luma(images: Tensor) -> Tensor:
    """Brightness (n, 1, row, column)."""
    if images.shape[1] != len(_LUMA):
        return images
    return torch.einsum("nchw,c->nhw", images, images.new_tensor(_LUMA))[:, None]


def _about_grey(angle: Tensor) -> Tensor:
    """Rotations (n, 3, 3) of colours about the axis (1, 1, 1) (Rodrigues)."""
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    ones = torch.ones(3, 3).to(angle)
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]).to(angle)
    return cos * torch.eye(3).to(angle) + (1 - cos) / 3 * ones + sin / math.sqrt(3) * cross

"""Augmentations of images: laws that hold for every image, and each step against a second way to its result."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.ndimage
import torch
from numeric import generator

from neuromanifold.data.images import (
    Blur,
    ColourJitter,
    Flip,
    Grey,
    PaddedCrop,
    ResizedCrop,
    Solarize,
    augment,
)
from neuromanifold.data.images.augmentation import _about_grey

STEPS = (
    PaddedCrop(2),
    ResizedCrop(0.2),
    Flip(),
    ColourJitter(0.4, 0.4, 0.2, 0.1),
    Grey(0.5),
    Blur(0.5),
    Solarize(0.5),
)
IMAGES = torch.rand(16, 3, 12, 10, generator=generator())


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
@pytest.mark.parametrize("n_channels", [1, 3])
def test_images_stay_images_and_the_seed_decides(step, n_channels):
    images = IMAGES[:, :n_channels]
    found = step(images, generator(1))
    assert found.shape == images.shape
    assert found.dtype == images.dtype
    assert 0 <= found.min() <= found.max() <= 1
    assert not torch.equal(found, step(images, generator(2))) or (n_channels == 1 and isinstance(step, Grey))
    assert torch.equal(found, step(images, generator(1)))
    # One image is changed as it is among others: nothing mixes them.
    assert torch.equal(found[:1], step(torch.cat([images[:1], images.flip(0)[1:]]), generator(1))[:1])


@pytest.mark.parametrize("step", [Flip(0), ColourJitter(0.4, 0.4, 0.2, 0.1, 0), Grey(0), Blur(0), Solarize(0)])
def test_nothing_happens_with_probability_zero(step):
    assert torch.equal(step(IMAGES, generator()), IMAGES)


def test_steps_follow_each_other():
    steps = (PaddedCrop(1), Flip(), Blur(1.0))
    draws, images = generator(3), IMAGES
    for step in steps:
        images = step(images, draws)
    assert torch.equal(augment(IMAGES, steps, generator(3)), images)


def test_padded_crops_are_shifts():
    found = PaddedCrop(2)(IMAGES, generator())
    padded = torch.nn.functional.pad(IMAGES, (2,) * 4)
    shifts = [(i, j) for i in range(5) for j in range(5)]
    seen = set()
    for one, image in zip(found, padded, strict=True):
        fits = [(i, j) for i, j in shifts if torch.equal(image[:, i : i + 12, j : j + 10], one)]
        assert len(fits) == 1
        seen |= set(fits)
    assert len(seen) > 8


def test_resized_crops_of_a_ramp_are_ramps_inside_it():
    ramp = torch.linspace(0, 1, 24)[None, None, None, :].expand(200, 1, 24, 24)
    rows = ResizedCrop(0.25)(ramp, generator())[:, 0, 0]
    steps = rows.diff(dim=1)[:, 2:-2]
    assert (steps - steps.mean(1, keepdim=True)).abs().max() < 1e-5
    # Sides from √(1/4 · 3/4) to 1 of the image.
    side = steps.mean(1) * 23
    assert 0.4 < side.min() < 0.55
    assert side.max() <= 1.0 + 1e-5
    torch.testing.assert_close(ResizedCrop(1.0)(ramp.mT, generator()).mean((2, 3)), ramp.mean((2, 3)), atol=0.1, rtol=0)


def test_hue_turns_about_grey():
    third = _about_grey(torch.tensor([2 * math.pi / 3]))[0]
    torch.testing.assert_close(third @ torch.tensor([1.0, 2.0, 3.0]), torch.tensor([3.0, 1.0, 2.0]))
    turns = _about_grey(torch.linspace(-3, 3, 7))
    torch.testing.assert_close(turns @ turns.mT, torch.eye(3).expand(7, 3, 3))
    torch.testing.assert_close(turns.sum(1), torch.ones(7, 3))


def test_jitter_of_brightness_is_one_factor_an_image():
    dim = 0.5 * IMAGES
    factor = ColourJitter(0.4, 0.0, 0.0, 0.0, 1.0)(dim, generator()) / dim
    torch.testing.assert_close(factor, factor.mean((1, 2, 3), keepdim=True).expand_as(factor))
    assert 0.6 <= factor.min() < factor.max() <= 1.4


def test_blur_agrees_with_scipy():
    found = Blur(1.0, (0.8, 0.8))(IMAGES, generator())
    expected = scipy.ndimage.gaussian_filter(IMAGES.numpy(), 0.8, radius=2, axes=(2, 3), mode="mirror")
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_what_is_bright_is_inverted():
    found = Solarize(1.0)(IMAGES, generator())
    assert torch.equal(found, torch.minimum(IMAGES, 1 - IMAGES))

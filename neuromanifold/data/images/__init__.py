"""Labelled images: MNIST, CIFAR-10 and their like from files, and the small digits that come with scikit-learn."""

from __future__ import annotations

from neuromanifold.data.images.augmentation import (
    Blur,
    ColourJitter,
    Flip,
    Grey,
    PaddedCrop,
    ResizedCrop,
    Solarize,
    Step,
    augment,
)
from neuromanifold.data.images.dataset import dataset, to_tensors
from neuromanifold.data.images.moved import shifted, turned
from neuromanifold.data.images.source import load

__all__ = [
    "Blur",
    "ColourJitter",
    "Flip",
    "Grey",
    "PaddedCrop",
    "ResizedCrop",
    "Solarize",
    "Step",
    "augment",
    "dataset",
    "load",
    "shifted",
    "to_tensors",
    "turned",
]

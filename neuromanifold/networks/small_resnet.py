"""The small residual networks of He et al. 2015, §4.2, for CIFAR-10: depth 6m + 2, three stages of 16, 32 and 64
channels, shortcuts without parameters.

Names of parts and parameters are those of the published weights of Idelbayev (2018).
"""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn
from torch.nn import functional

from neuromanifold._errors import InputError
from neuromanifold._untrusted import readable
from neuromanifold.networks.initial import he_normal
from neuromanifold.networks.resnet import convolution
from neuromanifold.storage import existing_file

__all__ = ["SmallResNet", "load_small_resnet"]


class SmallResNet(nn.Module):
    """Images ``(n, 3, 32, 32)`` to logits ``(n, 10)``; ``pool`` gives the 64 features.

    Parameters
    ----------
    depth : int
        6m + 2: 20, 32, 44, ...
    generator : torch.Generator
        Source of the initial weights.
    """

    def __init__(self, depth: int, generator: torch.Generator) -> None:
        super().__init__()
        if depth < 8 or depth % 6 != 2:
            raise InputError(f"the depth of these networks is 6m + 2 (20, 32, 44, 56, 110, ...); got {depth}")
        n_blocks = (depth - 2) // 6
        with torch.device("meta"):
            self.conv1, self.bn1 = convolution(3, 16, 3), nn.BatchNorm2d(16)
            self.layer1 = _stage(16, 16, n_blocks)
            self.layer2 = _stage(16, 32, n_blocks)
            self.layer3 = _stage(32, 64, n_blocks)
            self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
            self.linear = nn.Linear(64, 10)
        he_normal(self, generator)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        return self.linear(self.pool(self.layer3(self.layer2(self.layer1(x)))))


def load_small_resnet(path: str | os.PathLike[str]) -> SmallResNet:
    """A small residual network with published weights, in evaluation mode.

    Its inputs are RGB in [0, 1] minus (0.485, 0.456, 0.406), over (0.229, 0.224, 0.225).

    Raises
    ------
    FileFormatError
        If the file is missing, is not of weights alone, or its weights are not those of such a network.
    """
    target = existing_file(path)
    with readable(target, "the weights of a small CIFAR ResNet"):
        content = torch.load(target, map_location="cpu", weights_only=True)
        state = {name.removeprefix("module."): weight for name, weight in content["state_dict"].items()}
        n_blocks = len({name.split(".")[1] for name in state if name.startswith("layer1.")})
        module = SmallResNet(6 * n_blocks + 2, torch.Generator().manual_seed(0))
        module.load_state_dict(state, strict=True)
    return module.eval()


def _stage(n_in: int, n_out: int, n_blocks: int) -> nn.Sequential:
    first = _SmallBlock(n_in, n_out, stride=1 if n_in == n_out else 2)
    return nn.Sequential(first, *(_SmallBlock(n_out, n_out, stride=1) for _ in range(n_blocks - 1)))


class _SmallBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut that skips pixels and pads channels with zeros (option A)."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = convolution(n_in, n_out, 3, stride), nn.BatchNorm2d(n_out)
        self.conv2, self.bn2 = convolution(n_out, n_out, 3), nn.BatchNorm2d(n_out)
        self.stride, self.n_padded = stride, (n_out - n_in) // 2

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        skipped = x[:, :, :: self.stride, :: self.stride]
        shortcut = functional.pad(skipped, (0, 0, 0, 0, self.n_padded, self.n_padded))
        return functional.relu(y + shortcut)

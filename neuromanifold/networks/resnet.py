"""Residual networks for 32×32 images: ResNet-18, 34, 50, 101 and 152 with a 3×3 stem and four stages.

    stem -> layer1 -> layer2 -> layer3 -> layer4 -> pool4 -> fc
              |         |         |
            pool1     pool2     pool3      the stages' outputs, averaged to as many numbers as pool4 has

A block is ``φ(x' + F(x))``, F two 3×3 convolutions (18, 34) or 1×1, 3×3, 1×1 (50 and deeper), x' the input or
its projection, φ the activation (He et al. 2016; the readouts of Zavatone-Veth et al. 2025, I.3).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neuromanifold._errors import InputError
from neuromanifold.networks.activations import activation as activation_module
from neuromanifold.networks.initial import he_normal

__all__ = ["BLOCKS", "ResNet", "convolution"]

# Depth -> blocks of each stage, and whether they are bottlenecks.
BLOCKS: dict[int, tuple[tuple[int, int, int, int], bool]] = {
    18: ((2, 2, 2, 2), False),
    34: ((3, 4, 6, 3), False),
    50: ((3, 4, 6, 3), True),
    101: ((3, 4, 23, 3), True),
    152: ((3, 8, 36, 3), True),
}
# A stage halves the image and doubles the channels; averaged to these sizes, all have equally many numbers.
_POOLED = ((4, 2), (2, 2), (2, 1), (1, 1))


class ResNet(nn.Module):
    """Images ``(n, n_channels, row, column)`` to logits ``(n, n_classes)``.

    Parameters
    ----------
    depth : {18, 34, 50, 101, 152}
    generator : torch.Generator
        Source of the initial weights.
    activation : str
        By name (:data:`~neuromanifold.networks.activations.ACTIVATIONS`).
    n_classes : int
    n_channels : int
    width : int
        Channels of the first stage: 64, or fewer for a network that a processor trains in minutes.

    Attributes
    ----------
    n_features : int
        Outputs of each of ``pool1 … pool4``: 8 widths (512), or 32 (2,048) from depth 50 on.
    """

    def __init__(
        self,
        depth: int,
        generator: torch.Generator,
        *,
        activation: str = "gelu",
        n_classes: int = 10,
        n_channels: int = 3,
        width: int = 64,
    ) -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise InputError(f"the depth is one of {', '.join(map(str, BLOCKS))}; got {depth}")
        n_blocks, bottleneck = BLOCKS[depth]
        expansion = 4 if bottleneck else 1
        self.n_features = 8 * width * expansion
        with torch.device("meta"):
            stem = convolution(n_channels, width, 3)
            self.stem = nn.Sequential(stem, nn.BatchNorm2d(width), activation_module(activation))
            n_in = width
            for stage, (n, pooled) in enumerate(zip(n_blocks, _POOLED, strict=True)):
                n_out = width * 2**stage * expansion
                blocks = _stage(n_in, n_out, n, expansion, activation, stride=1 if stage == 0 else 2)
                self.add_module(f"layer{stage + 1}", blocks)
                self.add_module(f"pool{stage + 1}", nn.Sequential(nn.AdaptiveAvgPool2d(pooled), nn.Flatten()))
                n_in = n_out
            self.fc = nn.Linear(self.n_features, n_classes)
        he_normal(self, generator)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
            features = self.get_submodule(f"pool{stage}")(x)
        return self.fc(features)


def _stage(n_in: int, n_out: int, n_blocks: int, expansion: int, activation: str, stride: int) -> nn.Sequential:
    first = _Block(n_in, n_out, expansion, activation, stride)
    return nn.Sequential(first, *(_Block(n_out, n_out, expansion, activation, 1) for _ in range(n_blocks - 1)))


class _Block(nn.Module):
    """``φ(x' + F(x))``."""

    def __init__(self, n_in: int, n_out: int, expansion: int, activation: str, stride: int) -> None:
        super().__init__()
        n_inner = n_out // expansion
        # Each convolution: channels out, size, stride.
        path = [(n_inner, 3, stride), (n_out, 3, 1)]
        if expansion > 1:
            path = [(n_inner, 1, 1), (n_inner, 3, stride), (n_out, 1, 1)]
        layers: list[nn.Module] = []
        n = n_in
        for n_next, size, step in path:
            layers += [convolution(n, n_next, size, step), nn.BatchNorm2d(n_next), activation_module(activation)]
            n = n_next
        self.residual = nn.Sequential(*layers[:-1])
        same = stride == 1 and n_in == n_out
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(convolution(n_in, n_out, 1, stride), nn.BatchNorm2d(n_out))
        )
        self.activation = activation_module(activation)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.shortcut(x) + self.residual(x))


def convolution(n_in: int, n_out: int, size: int, stride: int = 1) -> nn.Conv2d:
    """A convolution without bias that keeps the image's size, up to its stride."""
    return nn.Conv2d(n_in, n_out, size, stride, padding=size // 2, bias=False)

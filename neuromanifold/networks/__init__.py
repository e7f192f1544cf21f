"""The modules that are trained or examined."""

from neuromanifold.networks.activations import ACTIVATIONS, activation
from neuromanifold.networks.affine import Affine
from neuromanifold.networks.mlp import MLP
from neuromanifold.networks.pixels import Pixels
from neuromanifold.networks.recurrent import Recurrent
from neuromanifold.networks.residual_mlp import ResidualMLP
from neuromanifold.networks.resnet import BLOCKS, ResNet
from neuromanifold.networks.small_resnet import SmallResNet, load_small_resnet

__all__ = [
    "ACTIVATIONS",
    "BLOCKS",
    "MLP",
    "Affine",
    "Pixels",
    "Recurrent",
    "ResNet",
    "ResidualMLP",
    "SmallResNet",
    "activation",
    "load_small_resnet",
]

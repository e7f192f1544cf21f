"""The modules that are trained or examined."""

from neuromanifold.networks.activations import ACTIVATIONS, activation
from neuromanifold.networks.mlp import MLP

__all__ = ["ACTIVATIONS", "MLP", "activation"]

"""The modules that are trained or examined."""

from neuromanifold.networks.mlp import MLP

__all__ = ["MLP"]

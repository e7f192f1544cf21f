"""Models: the topological variational autoencoder."""

from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.topological_vae import TopologicalVAE, load_model

__all__ = ["HarmonicDecoder", "TopologicalVAE", "load_model"]

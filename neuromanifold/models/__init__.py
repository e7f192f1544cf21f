"""Models: the topological variational autoencoder, and autoencoders with regularised geometry."""

from neuromanifold.models import regularizers
from neuromanifold.models.autoencoder import GeometricAutoencoder
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.loading import load_model
from neuromanifold.models.topological_vae import TopologicalVAE

__all__ = ["GeometricAutoencoder", "HarmonicDecoder", "TopologicalVAE", "load_model", "regularizers"]

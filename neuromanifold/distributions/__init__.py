"""Probability laws on templates: priors and posteriors whose samples have exact gradients."""

from __future__ import annotations

from neuromanifold.distributions.spherical import VonMisesFisher
from neuromanifold.distributions.toroidal import ProductVonMises
from neuromanifold.distributions.uniform import Uniform

__all__ = ["ProductVonMises", "Uniform", "VonMisesFisher"]

"""Recordings: what they are, how they are read, prepared, simulated, and the ones that come along."""

from __future__ import annotations

from neuromanifold.data import datasets, images, synthetic

__all__ = ["datasets", "images", "synthetic"]

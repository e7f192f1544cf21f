"""Diagnostics of a learned manifold: what its latents distort, what it has learned that is not there."""

from __future__ import annotations

from neuromanifold.diagnostics.corruption import wrong_manifold
from neuromanifold.diagnostics.curves import learned_curves
from neuromanifold.diagnostics.ellipses import metric_ellipses
from neuromanifold.diagnostics.error import manifold_error
from neuromanifold.diagnostics.maps import maps
from neuromanifold.diagnostics.neighborhoods import neighborhoods
from neuromanifold.diagnostics.paths import paths

__all__ = ["learned_curves", "manifold_error", "maps", "metric_ellipses", "neighborhoods", "paths", "wrong_manifold"]

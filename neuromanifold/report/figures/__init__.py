"""Figures: each draws one Dataset on matplotlib Axes, and computes nothing."""

from __future__ import annotations

from neuromanifold.report.figures.against import curvature_against
from neuromanifold.report.figures.ambiguity import ambiguity
from neuromanifold.report.figures.autoencoders import autoencoders
from neuromanifold.report.figures.barcodes import barcode, barcodes
from neuromanifold.report.figures.beside import curvature_beside
from neuromanifold.report.figures.bump_field import bump_field
from neuromanifold.report.figures.conditions import curvature_in_conditions
from neuromanifold.report.figures.diagrams import diagram, diagrams
from neuromanifold.report.figures.forest import forest
from neuromanifold.report.figures.hull import hull
from neuromanifold.report.figures.latent import latent_against
from neuromanifold.report.figures.latent_map import latent_map
from neuromanifold.report.figures.learned_curves import learned_curves
from neuromanifold.report.figures.line_profiles import line_profiles
from neuromanifold.report.figures.loops import loops
from neuromanifold.report.figures.manifold import manifold
from neuromanifold.report.figures.plane_fields import plane_fields
from neuromanifold.report.figures.profile import curvature_profile
from neuromanifold.report.figures.ratios import ratios
from neuromanifold.report.figures.similarity import similarity
from neuromanifold.report.figures.spectra import spectra
from neuromanifold.report.figures.tuning import tuning
from neuromanifold.report.figures.wrong_manifold import wrong_manifold

__all__ = [
    "ambiguity",
    "autoencoders",
    "barcode",
    "barcodes",
    "bump_field",
    "curvature_against",
    "curvature_beside",
    "curvature_in_conditions",
    "curvature_profile",
    "diagram",
    "diagrams",
    "forest",
    "hull",
    "latent_against",
    "latent_map",
    "learned_curves",
    "line_profiles",
    "loops",
    "manifold",
    "plane_fields",
    "ratios",
    "similarity",
    "spectra",
    "tuning",
    "wrong_manifold",
]

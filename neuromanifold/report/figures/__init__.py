"""Figures: each draws one Dataset on matplotlib Axes, and computes nothing."""

from __future__ import annotations

from neuromanifold.report.figures.against import curvature_against
from neuromanifold.report.figures.ambiguity import ambiguity
from neuromanifold.report.figures.barcodes import barcode, barcodes
from neuromanifold.report.figures.beside import curvature_beside
from neuromanifold.report.figures.bump_field import bump_field

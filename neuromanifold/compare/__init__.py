"""Representations of the same samples against each other: how alike they are, and how sure that is."""

from neuromanifold.compare.curvature import curvature, curvature_matrix
from neuromanifold.compare.kernel_alignment import cka
from neuromanifold.compare.shape_distance import procrustes
from neuromanifold.compare.similarity_analysis import rsa
from neuromanifold.compare.table import matrix

__all__ = ["cka", "curvature", "curvature_matrix", "matrix", "procrustes", "rsa"]

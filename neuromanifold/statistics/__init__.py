"""Statistics: what a fitted manifold says about task variables, and how sure that is."""

from __future__ import annotations

from neuromanifold.statistics.alignment import angular_error, best_rotation, held_out_points, median_interval
from neuromanifold.statistics.along import curvature_against, sample_points
from neuromanifold.statistics.conditions import compare_conditions
from neuromanifold.statistics.controls import curvature_controls
from neuromanifold.statistics.explanation import explained_curvature, explained_shares
from neuromanifold.statistics.group_differences import group_differences
from neuromanifold.statistics.held_out_variance import held_out_variance
from neuromanifold.statistics.overview import main_numbers, overview
from neuromanifold.statistics.pooling import pooled_profile
from neuromanifold.statistics.seeds import seed_ensemble
from neuromanifold.statistics.sensitivity import preparations, sensitivity
from neuromanifold.statistics.session_profiles import SessionProfiles, collect
from neuromanifold.statistics.shared_coordinates import align_to_profile, align_to_variable, moved
from neuromanifold.statistics.shares import unit_shares
from neuromanifold.statistics.summary import scalars, summary
from neuromanifold.statistics.templates import compare_templates
from neuromanifold.statistics.variation import curvature_variation

__all__ = [
    "SessionProfiles",
    "align_to_profile",
    "align_to_variable",
    "angular_error",
    "best_rotation",
    "collect",
    "compare_conditions",
    "compare_templates",
    "curvature_against",
    "curvature_controls",
    "curvature_variation",
    "explained_curvature",
    "explained_shares",
    "group_differences",
    "held_out_points",
    "held_out_variance",
    "main_numbers",
    "median_interval",
    "moved",
    "overview",
    "pooled_profile",
    "preparations",
    "sample_points",
    "scalars",
    "seed_ensemble",
    "sensitivity",
    "summary",
    "unit_shares",
]

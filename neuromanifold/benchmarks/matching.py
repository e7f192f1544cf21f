"""Profiles of two manifolds at matched points: the nearest learned point to each true one.

Where coordinates were not given, learned and true ones differ by a reparametrisation, which curvature does not care
about; what can be compared is the curvature at the same place in activity space.
"""

from __future__ import annotations

import math

import torch
from scipy.spatial import cKDTree
from torch import Tensor

from neuromanifold.geometry import Immersion, jacobian, local_geometry
from neuromanifold.profile import curvature_error, immersion_profile

__all__ = ["matched_error", "nearest_points", "profile_error", "turns"]

# Points of the search before Gauss and Newton's steps, by intrinsic dimension; steps at most so long (radians).
N_SEARCH = {1: 4096, 2: 10000}
N_STEPS = 4
MAX_STEP = 0.1
# Points that a turn is followed over.
N_TURN = 512


def profile_error(learned: Immersion, true: Immersion) -> float:
    """Error of |H| at equal coordinates: where these were given to the fit."""
    found, truth = immersion_profile(learned), immersion_profile(true)
    return curvature_error(found["mean_curvature_norm"], truth["mean_curvature_norm"], truth["area"])


def matched_error(learned: Immersion, true: Immersion) -> float:
    """Error of |H| at the nearest learned point to each true one."""
    truth = immersion_profile(true)
    points = nearest_points(learned, torch.as_tensor(truth["position"].to_numpy()))
    found = local_geometry(learned, points, on_points=True).mean_curvature_norm
    return curvature_error(found, truth["mean_curvature_norm"], truth["area"])


def turns(learned: Immersion, true: Immersion) -> int:
    """How often the learned coordinate of a circle goes round while the true one goes round once."""
    around = true.template.grid(N_TURN).points
    angle = learned.template.angles(nearest_points(learned, true.on_points(around).detach()))[:, 0]
    steps = torch.remainder(angle.roll(-1) - angle + math.pi, 2 * math.pi) - math.pi
    return round(float(steps.sum()) / (2 * math.pi))


def nearest_points(immersion: Immersion, positions: Tensor) -> Tensor:
    """Points (n, m) of the template whose images are nearest to positions (n, d): a grid, then Gauss-Newton steps."""
    template = immersion.template
    grid = template.grid(N_SEARCH[template.dim]).points
    z = grid[torch.as_tensor(cKDTree(immersion.on_points(grid).detach().numpy()).query(positions.numpy())[1])]
    for _ in range(N_STEPS):
        tangent = template.frame(z)[0]
        along = jacobian(immersion, z, frame=True, on_points=True)
        step = torch.linalg.lstsq(along, (positions - immersion.on_points(z).detach())[..., None]).solution
        size = torch.linalg.vector_norm(step, dim=1, keepdim=True)
        z = template.project(z + (tangent @ (step * (MAX_STEP / size).clamp_max(1)))[..., 0])
    return z

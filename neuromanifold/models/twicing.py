"""Is one pass of the smoother enough? What it left over, smoothed again and added, bends the manifold less wrongly, or
more.

The prior is the same in every direction of activity space, so the marginal likelihood shrinks a frequency that lives in
two of ten directions by the noise of all ten. Curvature hardly sees that noise: to first order |H| changes with what
points along H alone, while all that was shrunk is missing from it. So the number of passes q, one or two (twicing), is
that of least estimated risk of the bending along H,

    R(q) = sum_g w_g [ (L_g (W_q - W)) . n_g ]^2 + 2 sum_g w_g |n_g|^2 L_g K_q L_g^T,

which is unbiased up to a constant (Stein 1981; Mallows 1973): W_q = K_q C the smoothed weights of the signal in unit
noise, W those of least squares, L_g the Laplacians of the harmonics at points of a grid, n_g the direction of H there
in these units, w_g the area element times the square of what turns a Laplacian into a curvature. On a population of
ten sharply tuned units a second pass halves the error.

Sources: Tukey (1977), twicing; Stein (1981), Estimation of the mean of a multivariate normal distribution.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from neuromanifold.geometry import Immersion, local_geometry
from neuromanifold.models.expectation_maximisation import Basis
from neuromanifold.models.harmonic_regression import Prior, Regression, fit_regression, smoother, spectrum
from neuromanifold.models.moments import Moments

__all__ = ["once_or_twice"]

# Points of the grid by intrinsic dimension.
N_GRID = {1: 128, 2: 400}


def once_or_twice(moments: Moments, basis: Basis, once: Regression) -> Regression:
    """The fit to moments as it is, or with twicing."""
    eigenvalues = basis.harmonics.eigenvalues
    bending = _Bending.of(basis, once)
    signal = moments.transformed(once.signal()[0])
    risks = [_risk(signal, replace(once.prior, n_passes=q), eigenvalues, bending) for q in (1, 2)]
    return once if risks[0] <= risks[1] else fit_regression(moments, eigenvalues, n_passes=2)


@dataclass(frozen=True)
class _Bending:
    """``laplacians`` (G, q) of the harmonics but the constant, ``direction`` (G, r) of H, and ``weights`` (G,)."""

    laplacians: Tensor
    direction: Tensor
    weights: Tensor

    @classmethod
    def of(cls, basis: Basis, fit: Regression) -> _Bending:
        template = basis.template
        grid = template.grid(N_GRID.get(template.dim, 1024))
        decoder = basis.decoder(fit.weight).like(torch.zeros((), dtype=torch.float64))
        geometry = local_geometry(Immersion(template, decoder), grid.points, on_points=True)
        normal = torch.nn.functional.normalize(geometry.mean_curvature, dim=1)
        points = grid.points.to(fit.weight)
        laplacians = -basis.harmonics.eigenvalues.to(points) * basis.harmonics(points)
        direction = normal.to(points) @ fit.signal()[1].mT
        weights = grid.weights * torch.exp((1 - 4 / template.dim) * geometry.log_volume)
        return cls(laplacians[:, 1 : len(fit.weight)], direction, weights.to(points))


def _risk(signal: Moments, prior: Prior, eigenvalues: Tensor, bending: _Bending) -> float:
    """``R`` of a prior and its number of passes."""
    plain = replace(prior, family="power", rate=0.0, left_out=())
    size, values, across = spectrum(signal, plain, eigenvalues)
    nu, directions, b = spectrum(signal, prior, eigenvalues)
    shrink = smoother(prior, nu)
    least_squares = values @ (across / size.clamp_min(1e-6 * size.max())[:, None])
    error = bending.laplacians @ (directions @ (shrink[:, None] * b) - least_squares)
    freedom = ((bending.laplacians @ directions).square() * shrink).sum(1)
    squares = (error * bending.direction).sum(1).square() + 2 * bending.direction.square().sum(1) * freedom
    return float((bending.weights * squares).sum())

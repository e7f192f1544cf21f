"""The posterior of a decoder where the noise is too small for a grid: Gaussian about the nearest point of
the manifold.

    z* = argmin_z |x - f(z)|,   covariance beta (J^T J)^-1 in an orthonormal frame at z*,   J = df at z*,

all in whitened activity. Laplace's method with the Fisher information: right to first order in noise over
radius of curvature. Where samples have a density p over the template, z* moves by ``covariance grad log p``: noise
more often comes from where they are dense. The nearest points are reached from the means of a widened posterior on
the grid by Gauss-Newton steps on the template.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neuromanifold.manifolds import Manifold
from neuromanifold.models.grid_posterior import GridPosterior
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.noise import Noise
from neuromanifold.models.samples import Samples, joined, like, pieces
from neuromanifold.models.sampling_density import SamplingDensity

__all__ = ["NarrowPosterior"]

# From a start a fraction of a grid step away, two steps reach rounding error.
N_STEPS = 2
# A Gauss-Newton step goes at most so far (radians): where the map is nearly singular it would leave the neighbourhood.
MAX_STEP = 0.2
# Samples of one block: the harmonics' derivatives of a block stay in tens of megabytes.
BLOCK = 4096


class NarrowPosterior:
    """Posterior with the methods of :class:`GridPosterior` for noise far below the grid's step.

    Parameters
    ----------
    start : GridPosterior
        Of the same decoder, wide enough for its grid.
    decoder : HarmonicDecoder
        In the dtype and on the device of the activity.
    noise : Noise
    beta : float
        Weight of the KL divergence.
    density : SamplingDensity, optional
        Of the samples over the template; else the prior is uniform.
    """

    def __init__(
        self,
        start: GridPosterior,
        decoder: HarmonicDecoder,
        noise: Noise,
        beta: float,
        density: SamplingDensity | None = None,
    ) -> None:
        self.template: Manifold = start.template
        self._start = start
        self._white = HarmonicDecoder(decoder.template, decoder.order, decoder.weight @ noise.whitening)
        self._noise = noise
        self._beta = beta
        self._density = density

    def mean_points(self, activity: Samples) -> Tensor:
        """The nearest point of the manifold to each sample, as points (n, m) of the template."""
        return joined((self._nearest(x) for _, x in pieces(activity, BLOCK)), len(activity))

    def sigma_points(self, activity: Samples) -> tuple[Tensor, Tensor]:
        """Points (n, 2k, m) of equal weight with the posterior's mean and covariance; log-likelihood (n,).

        A decoder fitted to the nearest points alone would take the noise along the manifold for signal.
        """
        k = self.template.dim
        axes = k**0.5 * torch.cat([torch.eye(k), -torch.eye(k)], dim=1).to(like(activity))
        points = axes.new_empty(len(activity), 2 * k, self._start.grid.points.shape[1])
        log_likelihood = axes.new_empty(len(activity))
        for rows, x in pieces(activity, BLOCK):
            points[rows], log_likelihood[rows] = self._spread(x, axes.expand(len(x), k, 2 * k))
        return points, log_likelihood

    def sample(self, activity: Samples, generator: torch.Generator) -> Tensor:
        """One point drawn from the posterior of each sample, (n, m)."""
        shape = len(activity), self.template.dim, 1
        some = like(activity)
        normal = torch.randn(shape, generator=generator, dtype=some.dtype, device=some.device)
        drawn = (self._spread(x, normal[rows])[0][:, 0] for rows, x in pieces(activity, BLOCK))
        return joined(drawn, len(activity))

    def log_likelihood(self, activity: Samples) -> Tensor:
        """Marginal log-likelihood of each sample (n,), nats."""
        return self.sigma_points(activity)[1]

    def _spread(self, x: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Points (n, s, m) at steps (n, k, s), in the posterior's standard deviations; log-likelihood (n,)."""
        z = self._nearest(x)
        tangent, value, jacobian = self._linearised(z)
        root = torch.linalg.cholesky(_information(jacobian))
        moved = self._beta**0.5 * torch.linalg.solve_triangular(root.mT, steps, upper=True)
        points = self.template.project(z[:, None] + (tangent @ moved).mT)
        density = self._noise.log_normaliser - 0.5 * (x @ self._noise.whitening - value).square().sum(1)
        log_width = 0.5 * self.template.dim * math.log(2 * math.pi) - root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        log_prior = 0.0 if self._density is None else self._density.log(z)
        return points, density + log_width + log_prior - math.log(self.template.volume)

    def _nearest(self, x: Tensor) -> Tensor:
        """Gauss-Newton on the template from the mean of the widened posterior."""
        white = x @ self._noise.whitening
        z = self._start.mean_points(x)
        for _ in range(N_STEPS):
            tangent, value, jacobian = self._linearised(z)
            gradient = jacobian.mT @ (white - value)[..., None]
            step = torch.linalg.solve(_information(jacobian), gradient)
            z = self.template.project(z + (tangent @ _short(step))[..., 0])
        if self._density is None:
            return z
        tangent, _, jacobian = self._linearised(z)
        gradient = self._density.log_gradient(z, tangent)[..., None]
        step = self._beta * torch.linalg.solve(_information(jacobian), gradient)
        return self.template.project(z + (tangent @ _short(step))[..., 0])

    def _linearised(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Frame (n, m, k), whitened mean (n, d) and its Jacobian (n, d, k) in that frame."""
        tangent, _ = self.template.frame(z)
        pairs = [torch.func.jvp(self._white, (z,), (tangent[..., i],)) for i in range(self.template.dim)]
        return tangent, pairs[0][0], torch.stack([pair[1] for pair in pairs], dim=-1)


def _short(step: Tensor) -> Tensor:
    """Steps (n, k, 1) of at most the largest size."""
    return step * (MAX_STEP / torch.linalg.vector_norm(step, dim=1, keepdim=True)).clamp_max(1)


def _information(jacobian: Tensor) -> Tensor:
    """Fisher information ``J^T J`` (n, k, k), invertible where the map is singular."""
    information = jacobian.mT @ jacobian
    size = information.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None, None]
    eye = torch.eye(information.shape[-1], dtype=information.dtype, device=information.device)
    return information + (1e-9 * size + 1e-300) * eye

"""The gauge: without labels, coordinates are defined only up to reparametrisation of the template; this
fixes one.

Circle: constant speed of the immersion, ``|f'| = L / 2 pi``. Surfaces: the warp ``z -> project(z + W^T
h(z))`` of least relaxed (scaled-isometric) distortion ``k^2 E[Tr G^2] / E[Tr G]^2 - k``. A gauge changes
labels, not the manifold: curvature at a point of activity space stays what it is. The warped decoder is
written in harmonics again, of an order high enough that the change of the map is far below its noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor, nn

from neuromanifold.geometry import Immersion, local_geometry
from neuromanifold.manifolds import Grid, Manifold
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.warp import Warp

__all__ = ["Gauged", "gauge_name", "in_gauge", "relaxed_distortion"]

N_CURVE = 2048
N_SURFACE = 900
N_ITERATIONS = 40
# The largest order a decoder is written in again, and the relative error of its second derivatives (so of curvature).
MAX_ORDERS = {1: 128, 2: 20}
TOLERANCE = 5e-3
# A warp that shrinks areas below this share is kept from doing so: the template would fold over itself, and before that
# the surface has ripples there that no harmonics of the largest order write.
LEAST_STRETCH = 0.5
FOLDING_COST = 100.0
# A warp after which the harmonics do not write the surface is gone a part of the way only. Orders beyond this share of
# the largest must hardly be needed.
SHARES = (1.0, 0.75, 0.5, 0.25)
LAST_ORDERS = 0.8


@dataclass(frozen=True)
class Gauged:
    """A decoder in its gauge, and the covariance (d, d) of what its harmonics could not write of the manifold."""

    decoder: HarmonicDecoder
    missed: Tensor

    @classmethod
    def unchanged(cls, decoder: HarmonicDecoder) -> Gauged:
        n_units = decoder.weight.shape[1]
        return cls(decoder, decoder.weight.new_zeros(n_units, n_units))


def in_gauge(decoder: HarmonicDecoder, mean: nn.Module) -> Gauged:
    """The same manifold with coordinates in the stated gauge (a template that has none is returned as it is).

    ``mean``, a function of the decoder, is the manifold whose speed or distortion is meant.
    """
    template = decoder.template
    if template.dim == 1 and template.periods[0] is not None:
        return _constant_speed(decoder, mean)
    if _is_closed_surface(template):
        return _least_distortion(decoder, mean)
    return Gauged.unchanged(decoder)


def gauge_name(template: Manifold) -> str:
    """What fixes the coordinates of a fit without labels."""
    if template.dim == 1 and template.periods[0] is not None:
        return "constant speed of the immersion"
    return "least relaxed distortion" if _is_closed_surface(template) else "as the fit left it"


def _is_closed_surface(template: Manifold) -> bool:
    return template.dim == 2 and template.cover is template and template.periods[-1] is not None


def relaxed_distortion(metric: Tensor, weights: Tensor) -> Tensor:
    """``k^2 E[Tr G^2] / E[Tr G]^2 - k`` of metrics (n, k, k) in orthonormal frames, weights (n,)."""
    k = metric.shape[-1]
    weights = weights / weights.sum()
    trace = (weights * metric.diagonal(dim1=-2, dim2=-1).sum(-1)).sum()
    square = (weights * (metric * metric).sum((-2, -1))).sum()
    return k * k * square / trace**2 - k


def _constant_speed(decoder: HarmonicDecoder, mean: nn.Module) -> Gauged:
    template = decoder.template
    grid = template.grid(N_CURVE)
    theta = grid.angles[:, 0]
    geometry = local_geometry(Immersion(template, mean), grid.points, on_points=True)
    speed = torch.exp(geometry.log_volume).numpy()
    # Arc length integrates the speed's Fourier series exactly; its inverse is read off a periodic spline of theta - s.
    s = _antiderivative(speed) / speed.mean()
    shift = CubicSpline(np.append(s, 2 * math.pi), np.append(theta.numpy() - s, 0.0), bc_type="periodic")
    old = theta + torch.as_tensor(shift(theta.numpy()))
    return _written_in_harmonics(grid, template, decoder(template.embed(old[:, None])))


def _antiderivative(periodic: np.ndarray) -> np.ndarray:
    """``int_0^theta`` of a sampled 2 pi-periodic function, by its Fourier series."""
    n = len(periodic)
    spectrum = np.fft.rfft(periodic)
    frequency = np.arange(len(spectrum))
    mean = spectrum[0].real / n
    spectrum[1:] = spectrum[1:] / (1j * frequency[1:])
    spectrum[0] = 0
    wave = np.fft.irfft(spectrum, n)
    return mean * np.arange(n) * (2 * np.pi / n) + wave - wave[0]


def _least_distortion(decoder: HarmonicDecoder, mean: nn.Module) -> Gauged:
    template = decoder.template
    grid = template.grid(N_SURFACE)
    warp = Warp(template)
    weights = grid.weights / grid.weights.sum()
    optimiser = torch.optim.LBFGS(warp.parameters(), max_iter=N_ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimiser.zero_grad()
        metric, stretch = warp.pulled_back(mean, grid.points)
        folding = (weights * (LEAST_STRETCH - stretch).clamp_min(0).square()).sum()
        loss = relaxed_distortion(metric, weights) + FOLDING_COST * folding
        loss.backward()
        return float(loss.detach())

    with torch.enable_grad():
        before = closure()
        optimiser.step(closure)
    fine = template.grid(4 * N_SURFACE)
    whole = warp.coefficients.detach().clone()
    with torch.no_grad():
        for share in SHARES:
            warp.coefficients.copy_(share * whole)
            metric, stretch = warp.pulled_back(mean, fine.points)
            lowered = float(relaxed_distortion(metric, fine.weights)) < before
            values = decoder(warp(fine.points))
            if lowered and float(stretch.min()) > 0 and _is_resolved(fine, template, values):
                return _written_in_harmonics(fine, template, values)
    return Gauged.unchanged(decoder)


def _analysed(grid: Grid, template: Manifold, values: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (q, d) of values (n, d) in harmonics of the largest order, and how much each bends the map (q,)."""
    harmonics = template.harmonics(MAX_ORDERS[template.dim])
    weight = (harmonics(grid.points) * grid.weights[:, None]).mT @ values
    return weight, harmonics.eigenvalues.square() * weight.square().sum(1)


def _is_resolved(grid: Grid, template: Manifold, values: Tensor) -> bool:
    """Whether harmonics of the largest order write values (n, d) with their curvature: hardly any in the last ones."""
    bending = _analysed(grid, template, values)[1]
    last = len(template.harmonics(round(LAST_ORDERS * MAX_ORDERS[template.dim])))
    return float(bending[last:].sum()) < TOLERANCE**2 * float(bending.sum())


def _written_in_harmonics(grid: Grid, template: Manifold, values: Tensor) -> Gauged:
    """Values (n, d) on a quadrature grid as harmonics, of the least order that keeps the second derivatives."""
    weight, bending = _analysed(grid, template, values)
    missed = bending.sum() - bending.cumsum(0)
    n_kept = int((missed > TOLERANCE**2 * bending.sum()).sum()) + 1
    written = HarmonicDecoder(template, MAX_ORDERS[template.dim], weight).trimmed(n_kept)
    residual = values - written(grid.points)
    return Gauged(written, (residual * grid.weights[:, None]).mT @ residual / template.volume)

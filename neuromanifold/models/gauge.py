"""The gauge: without labels, coordinates are defined only up to reparametrisation of the template; this fixes one.

Circle: constant speed of the immersion, ``|f'| = L / 2 pi``. Surfaces: the warp ``z -> project(z + W^T h(z))`` of least relaxed
(scaled-isometric) distortion ``k^2 E[Tr G^2] / E[Tr G]^2 - k``. A gauge changes labels, not the manifold: curvature at a point of
activity space stays what it is. The warped decoder is written in harmonics again, of an order high enough that the
change of the map is far below its noise.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from neuromanifold.manifolds import Harmonics, Manifold
from neuromanifold.models.harmonic_decoder import HarmonicDecoder

__all__ = ["GAUGES", "in_gauge", "relaxed_distortion"]

GAUGES = {1: "constant speed of the immersion", 2: "least relaxed distortion"}
N_CURVE = 2048
MAX_CURVE_ORDER = 96
N_SURFACE = 900
WARP_ORDER = 2


def in_gauge(decoder: HarmonicDecoder) -> HarmonicDecoder:
    """The same manifold with coordinates in the stated gauge (a template that has none is returned as it is)."""
    template = decoder.template
    if template.dim == 1 and template.periods[0] is not None:
        return _constant_speed(decoder)
    if template.dim == 2 and template.cover is template and None not in (template.periods[-1],):
        return _least_distortion(decoder)
    return decoder


def relaxed_distortion(metric: Tensor, weights: Tensor) -> Tensor:
    """``k^2 E[Tr G^2] / E[Tr G]^2 - k`` of metrics (n, k, k) in orthonormal frames, weights (n,)."""
    k = metric.shape[-1]
    weights = weights / weights.sum()
    trace = (weights * metric.diagonal(dim1=-2, dim2=-1).sum(-1)).sum()
    square = (weights * (metric * metric).sum((-2, -1))).sum()
    return k * k * square / trace**2 - k


def _constant_speed(decoder: HarmonicDecoder) -> HarmonicDecoder:
    template = decoder.template
    theta = torch.arange(N_CURVE, dtype=torch.float64) * (2 * math.pi / N_CURVE)
    speed = _speed(decoder, theta).numpy()
    # Arc length integrates the speed's Fourier series exactly; its inverse is read off a periodic spline of theta - s.
    s = _antiderivative(speed) / speed.mean()
    shift = CubicSpline(np.append(s, 2 * math.pi), np.append(theta.numpy() - s, 0.0), bc_type="periodic")
    old = theta + torch.as_tensor(shift(theta.numpy()))
    values = decoder(template.embed(old[:, None]))
    order = min(MAX_CURVE_ORDER, max(4 * decoder.order, 32))
    weight = _project(template, order, template.embed(theta[:, None]), torch.ones_like(theta), values)
    return _trimmed(template, order, weight)


def _speed(decoder: HarmonicDecoder, theta: Tensor) -> Tensor:
    points = decoder.template.embed(theta[:, None])
    tangent, _ = decoder.template.frame(points)
    _, velocity = torch.func.jvp(decoder, (points,), (tangent[..., 0],))
    return torch.linalg.vector_norm(velocity, dim=1)


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


def _least_distortion(decoder: HarmonicDecoder) -> HarmonicDecoder:
    template = decoder.template
    grid = template.grid(N_SURFACE)
    fields = template.harmonics(WARP_ORDER)
    coefficients = torch.zeros(len(fields) - 1, template.embedding_dim, dtype=torch.float64, requires_grad=True)
    tangent, _ = template.frame(grid.points)
    optimiser = torch.optim.LBFGS([coefficients], max_iter=60, line_search_fn="strong_wolfe")

    def warped(z: Tensor) -> Tensor:
        return decoder(_warp(template, fields, coefficients, z))

    def closure() -> float:
        optimiser.zero_grad()
        columns = [torch.func.jvp(warped, (grid.points,), (tangent[..., i],))[1] for i in range(template.dim)]
        jacobian = torch.stack(columns, dim=-1)
        loss = relaxed_distortion(jacobian.mT @ jacobian, grid.weights)
        loss.backward()
        return float(loss.detach())

    with torch.enable_grad():
        optimiser.step(closure)
    fine = template.grid(4 * N_SURFACE)
    with torch.no_grad():
        values = warped(fine.points)
    order = decoder.order + 6
    return _trimmed(template, order, _project(template, order, fine.points, fine.weights, values))


def _warp(template: Manifold, fields: Harmonics, coefficients: Tensor, z: Tensor) -> Tensor:
    return template.project(z + fields(z)[..., 1:] @ coefficients)


def _project(template: Manifold, order: int, points: Tensor, weights: Tensor, values: Tensor) -> Tensor:
    """Coefficients (p, d) of sampled values in the harmonics, by quadrature-weighted least squares."""
    h = template.harmonics(order)(points)
    root = weights.sqrt()[:, None]
    return torch.linalg.lstsq(root * h, root * values).solution


def _trimmed(template: Manifold, order: int, weight: Tensor) -> HarmonicDecoder:
    """A decoder without the trailing orders whose coefficients are below rounding of the data."""
    size = weight.norm(dim=1)
    kept = torch.nonzero(size > 1e-9 * size[1:].max()).max().item() + 1
    while order > 1 and len(template.harmonics(order - 1)) >= kept:
        order -= 1
    return HarmonicDecoder(template, order, weight[: len(template.harmonics(order))])

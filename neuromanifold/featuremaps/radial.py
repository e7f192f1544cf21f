"""Kernels that know only ``|x|²``, ``|y|²`` and ``x·y``: their metrics, and the curvature of these.

    g_ab(x) = ∂_{x_a} ∂_{y_b} k(x, y)|_{y=x} = α(t) δ_ab + β(t) x_a x_b,      t = |x|²

All of them are made from ``x·y`` by three rules, for the diagonal ``d(t) = k(x, x)`` and the metric:

    sum      d₁ + d₂        α₁ + α₂                 β₁ + β₂
    product  d₁ d₂          α₁ d₂ + d₁ α₂           β₁ d₂ + d₁ β₂ + 2 d₁' d₂'
    neurons  E[φ²](d)       E[φ'²] α                E[φ'²] β + 2 E[φ'²]' d'²

where the third is the covariance of ``φ(z)`` for Gaussian z of covariance k (``E[φ'²]`` is a function of the variance,
' its derivative in it; derived with Price's theorem). Eigenvalues of g are ``α + tβ`` along x and α, D - 1 times. With
``E = α + tβ`` and ``γ = β - 2α'``, which is zero if and only if ``∂_a g_bc`` is symmetric,

    S = (D-1) [ (D-2)(αγ - tα'²)/(α²E) - 2N/(Eα)² ],   ' = d/dt
    N = -α²γ + t (2αα'² + 2αα'γ - α²γ') + t² (2αα'α'' + 2αα''γ - αα'γ' - 2α'³ - α'²γ)

which is the curvature ``-2(D-1) F̈/F + (D-1)(D-2)(1 - Ḟ²)/F²`` of the warped metric ``dρ² + F² dΩ²``, multiplied out
so that nothing cancels at t = 0; for γ = 0 it is Zavatone-Veth et al. 2025, appendix E.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from neuromanifold._errors import InputError

__all__ = ["Radial"]

# Share of the metric across x, below which that along x is less than some digits of rounding.
_LEAST_ALONG = 1e-12
# Value, first and second derivative in t: (3, n). Of β only the first two are ever used.
Series = Tensor


@dataclass(frozen=True)
class Radial:
    """The diagonal and the metric of a rotation-invariant kernel at n values of t.

    Attributes
    ----------
    t : Tensor (n,)
        ``|x|²``.
    d, alpha : Tensor (3, n)
        ``k(x, x)`` and α, each with two derivatives in t.
    beta : Tensor (2, n)
        β with one.
    """

    t: Tensor
    d: Series
    alpha: Series
    beta: Series

    @classmethod
    def dot(cls, t: Tensor, scale: float, shift: float) -> Radial:
        """The kernel ``scale x·y + shift``."""
        zero, one = torch.zeros_like(t), torch.ones_like(t)
        return cls(
            t,
            torch.stack([scale * t + shift, scale * one, zero]),
            torch.stack([scale * one, zero, zero]),
            torch.stack([zero, zero]),
        )

    def affine(self, scale: float, shift: float) -> Radial:
        """The kernel ``scale k + shift``."""
        constant = torch.tensor([shift, 0.0, 0.0], dtype=self.d.dtype)[:, None]
        return Radial(self.t, scale * self.d + constant, scale * self.alpha, scale * self.beta)

    def __add__(self, other: Radial) -> Radial:
        return Radial(self.t, self.d + other.d, self.alpha + other.alpha, self.beta + other.beta)

    def __mul__(self, other: Radial) -> Radial:
        slopes = _product(_slope(self.d), _slope(other.d))
        return Radial(
            self.t,
            _product(self.d, other.d),
            _product(self.alpha, other.d) + _product(self.d, other.alpha),
            _product(self.beta, other.d[:2]) + _product(self.d[:2], other.beta) + 2 * slopes,
        )

    def through(self, square: Callable[[Tensor], Series], square_of_slope: Callable[[Tensor], Series]) -> Radial:
        """The covariance of ``φ(z)``, for z with this covariance.

        Parameters
        ----------
        square, square_of_slope : callable
            ``E[φ²]`` and ``E[φ'²]`` with two derivatives in the variance: (n,) to (3, n).
        """
        outer = square_of_slope(self.d[0])
        gain = _chain(outer, self.d)
        turn = _chain(torch.stack([outer[1], outer[2], torch.zeros_like(outer[2])]), self.d)[:2]
        slope = _slope(self.d)
        beta = _product(gain[:2], self.beta) + 2 * _product(turn, _product(slope, slope))
        return Radial(self.t, _chain(square(self.d[0]), self.d), _product(gain, self.alpha), beta)

    def eigenvalues(self) -> tuple[Tensor, Tensor]:
        """``α + tβ``, along x, and α, across it: ``(n,)`` each.

        Raises
        ------
        InputError
            If a point lies so far out, where units saturate, that nothing is left of the one along x but rounding.
        """
        across, bend = self.alpha[0], _times(self.t, self.beta[0])
        along = across + bend
        lost = (bend < 0) & (along < _LEAST_ALONG * across)
        if bool(lost.any()):
            raise InputError(
                f"points are too large: at |x| = {float(self.t[lost].max().sqrt()):.3g} the metric along x is lost in "
                "rounding. Scale them down, as a network's inputs"
            )
        return along, across

    def metric(self, x: Tensor) -> Tensor:
        """Metric at points ``x (n, D)``: ``(n, D, D)``."""
        eye = torch.eye(x.shape[-1], dtype=x.dtype)
        # β of a vanishing x may be undefined, and does not matter.
        beta = torch.where(self.t > 0, self.beta[0], 0.0)
        return self.alpha[0][:, None, None] * eye + beta[:, None, None] * x[:, :, None] * x[:, None, :]

    def log_volume(self, n_inputs: int) -> Tensor:
        """``½ log det g``: ``(n,)``, -inf where g is singular."""
        along, across = self.eigenvalues()
        return 0.5 * along.log() + 0.5 * (n_inputs - 1) * across.log() if n_inputs > 1 else 0.5 * along.log()

    def scalar_curvature(self, n_inputs: int) -> Tensor:
        """S: ``(n,)``, NaN where g is singular."""
        t, (a, a1, a2), (b, b1) = self.t, self.alpha, self.beta
        if n_inputs == 1:
            return torch.where(self.eigenvalues()[0] > 0, 0.0, torch.nan)
        c, c1 = b - 2 * a1, b1 - 2 * a2
        along = self.eigenvalues()[0]
        linear = 2 * a * a1**2 + 2 * a * a1 * c - a**2 * c1
        square = 2 * a * a1 * a2 + 2 * a * a2 * c - a * a1 * c1 - 2 * a1**3 - a1**2 * c
        bend = -(a**2) * c + _times(t, linear) + _times(t**2, square)
        spread = (n_inputs - 2) * (a * c - _times(t, a1**2)) / (a**2 * along)
        return (n_inputs - 1) * (spread - 2 * bend / (along * a) ** 2)


def _times(t: Tensor, f: Tensor) -> Tensor:
    """``t f``, zero at t = 0 whatever f is."""
    return torch.where(t > 0, t * f, 0.0)


def _slope(f: Series) -> Series:
    """``f'`` with one derivative."""
    return f[1:]


def _product(f: Series, g: Series) -> Series:
    """Of series of one length, 2 or 3."""
    terms = [f[0] * g[0], f[1] * g[0] + f[0] * g[1]]
    if len(f) == 3:
        terms.append(f[2] * g[0] + 2 * f[1] * g[1] + f[0] * g[2])
    return torch.stack(terms)


def _chain(f: Series, s: Series) -> Series:
    """``f(s(t))`` from the derivatives of f in s."""
    return torch.stack([f[0], f[1] * s[1], f[2] * s[1] ** 2 + f[1] * s[2]])

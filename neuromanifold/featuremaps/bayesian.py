"""Wide Bayesian networks: how data bend the metric of a hidden layer, to first order in 1/n.

The network is ``f = n^{-1/2} V φ(W x + b)``, with entries of V ``~ N(0, 1)``, ``w ~ N(0, σ² I)``, ``b ~ N(0, ζ²)``, the
likelihood ``N(f, I/β)``, and targets ``y_μ`` of p numbers at P training points. With the metric g of the layer
(``normalize=True``), averages over the posterior are

    <g> = g_∞ + δg + O(1/n²),    δg = (1/2n) Σ_{μν} M_μν Cov(φ(z_μ) φ(z_ν), φ'(z_x)² w wᵀ)
    M = Γ⁻¹ YYᵀ Γ⁻¹ - p Γ⁻¹,     Γ = K_∞ + I/β,     K_∞ = E[φ(z_μ) φ(z_ν)]
    √det<g> = √det g_∞ (1 + ½ tr g_∞⁻¹ δg)

with Cov over one unit's prior, and Y (P, p) a row per training point. The mean of the volume, ``<√det g>``, has a
further 1/n term from fluctuations of the prior: divide it by its prior mean at the same n to compare.

For one training point, no noise, and monomials without biases, areas shrink where ``|y|²/p < K_∞`` and expand where it
is larger, most along ±x_a (:func:`monomial_volume_ratio`). This is not so for erf, whose change has no one sign.

Source: Zavatone-Veth et al. 2025, appendix G.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import torch
from scipy.special import hyp2f1
from torch import Tensor

from neuromanifold._arrays import real_numbers
from neuromanifold._errors import InputError
from neuromanifold._linalg import spd_inverse
from neuromanifold._settings import check_positive, check_whole
from neuromanifold.featuremaps.activation import Activation, Function
from neuromanifold.featuremaps.infinite_width import NNGP
from neuromanifold.featuremaps.points import as_points, as_points_of, as_rows
from neuromanifold.featuremaps.second_moments import derivative

__all__ = ["WideBayesianNetwork", "monomial_susceptibility", "monomial_volume_ratio"]

_REACH = 10.0  # of the trapezoidal rule, in standard deviations: beyond it, powers up to 20 are below 1e-10
_STEPS = (0.4, 0.3, 0.15)  # of it, in preactivations and standard deviations, until two agree
_FARTHEST = 50.0  # standard deviation of a preactivation: nodes grow with its square
_TOLERANCE, _POOR = 1e-9, 1e-3
_AT_ONCE = 2_000_000  # outputs of a unit


class WideBayesianNetwork:
    """The posterior of a wide network with one hidden layer, to first order in 1/n.

    Parameters
    ----------
    activation : str, Activation or callable
    X : array (P, D)
        Training points.
    Y : array (P, p) or (P,)
        Their targets.
    n_units : int
        Width n of the hidden layer.
    weight_std, bias_std : float
        σ, ζ.
    precision : float
        β > 0, of the likelihood; inf: the data are fitted exactly.

    Attributes
    ----------
    gamma : Tensor (P, P)
        Γ.
    coupling : Tensor (P, P)
        M.
    prior : NNGP
        The kernel of infinite width, with the metric g_∞.

    Raises
    ------
    InputError
        If Γ is singular: without noise, no two training points may have the same outputs.
    """

    def __init__(
        self,
        activation: str | Activation | Function,
        X: Any,
        Y: Any,
        n_units: int,
        *,
        weight_std: float = 1.0,
        bias_std: float = 0.0,
        precision: float = math.inf,
    ) -> None:
        self.points = as_points(X, "training points")[0]
        self.targets = as_rows(Y, len(self.points), "targets")
        check_whole("n_units", n_units, 1)
        if precision != math.inf:
            check_positive("precision", precision, "number, or inf for no noise")
        self.n_units, self.precision = int(n_units), float(precision)
        self.prior = NNGP(activation, 1, weight_std, bias_std)
        self.gamma = self.prior(self.points) + torch.eye(len(self.points), dtype=torch.float64) / self.precision
        values = torch.linalg.eigvalsh(self.gamma)
        if not values[0] > len(values) * torch.finfo(values.dtype).eps * values[-1]:
            raise InputError(
                "the kernel of the training points is singular, so they cannot be fitted exactly: leave out repeated "
                "points (and x = 0 without biases), or give the likelihood a finite precision"
            )
        inverse = spd_inverse(self.gamma)
        fitted = inverse @ self.targets
        self.coupling = fitted @ fitted.mT - self.targets.shape[-1] * inverse

    def metric_correction(self, x: Any) -> Tensor:
        """``δg``: ``(n, D, D)``, of order 1/n_units."""
        points, single = self._as_points(x)
        correction = torch.stack([self._correction(point) for point in points]) / (2 * self.n_units)
        return correction[0] if single else correction

    def metric(self, x: Any) -> Tensor:
        """``g_∞ + δg``: ``(n, D, D)``."""
        return self.metric_correction(x) + self.prior.metric(x)

    def volume_ratio(self, x: Any) -> Tensor:
        """``√det<g> / √det g_∞ = 1 + ½ tr g_∞⁻¹ δg``: ``(n,)``, NaN where g_∞ is singular."""
        correction = self.metric_correction(x)  # first: it refuses points that the prior's metric does not
        inverse = spd_inverse(self.prior.metric(x))
        return 1 + 0.5 * (inverse * correction).sum((-2, -1))

    def log_volume(self, x: Any) -> Tensor:
        """``½ log det<g>`` to the same order, ``½ log det g_∞ + ½ tr g_∞⁻¹ δg``: ``(n,)``."""
        return self.prior.log_volume(x) + self.volume_ratio(x) - 1

    def _as_points(self, x: Any) -> tuple[Tensor, bool]:
        return as_points_of(x, self.points.shape[-1])

    def _correction(self, x: Tensor) -> Tensor:
        """``Σ M_μν Cov``, by quadratures of shrinking steps until two agree."""
        result, error = self._quadrature(x, _STEPS[0]), math.inf
        for step in _STEPS[1:]:
            before, result = result, self._quadrature(x, step)
            error = float((result - before).abs().max() / result.abs().max().clamp_min(1e-300))
            if error <= _TOLERANCE:
                break
        if error > _POOR:
            warnings.warn(
                f"the correction at {x.tolist()} is known to {error:.1%} only: the activation has kinks, or the point "
                "or the training points lie far out (many standard deviations of the biases over those of the weights)",
                RuntimeWarning,
                stacklevel=3,
            )
        return result

    def _quadrature(self, x: Tensor, step: float) -> Tensor:
        """``Σ M_μν E[F w wᵀ]``, ``F = (φ(z_μ)φ(z_ν) - K_μν) φ'(z_x)²``.

        With orthonormal directions e of (w/σ, b/ζ), the first three along x, x_μ and x_ν in turn, F is a function of
        the standard normal ``u_a = e_a·(w/σ, b/ζ)``, and

            E[F w wᵀ] = σ² (E[F] + Σ_ab E[F (u_a u_b - δ_ab)] e_a e_bᵀ)

        so that no derivative of F is needed.
        """
        result = torch.zeros(len(x), len(x), dtype=torch.float64)
        for i in range(len(self.points)):
            for j in range(i + 1):
                basis, root = self._frame(torch.stack([x, self.points[i], self.points[j]]))
                mean, second = self._moments(root, step)
                spread = second - mean * torch.eye(3, dtype=torch.float64)
                product = mean * torch.eye(len(x), dtype=torch.float64) + basis @ spread @ basis.mT
                result += (1 if i == j else 2) * self.coupling[i, j] * self.prior.weight_std**2 * product
        return result

    def _frame(self, triple: Tensor) -> tuple[Tensor, Tensor]:
        """The parts ``(D, 3)`` of the directions e in w/σ, and R ``(3, 3)`` with ``z = Rᵀ u``."""
        sigma, zeta = self.prior.weight_std, self.prior.bias_std
        # Besides the bias, a coordinate without weight, so that there are three directions also for D = 1.
        rest = torch.tensor([zeta, 0.0], dtype=torch.float64).expand(3, 2)
        basis, root = torch.linalg.qr(torch.cat([sigma * triple, rest], 1).mT)
        return basis[:-2], root

    def _moments(self, root: Tensor, step: float) -> tuple[Tensor, Tensor]:
        """``E[F]`` and ``E[F u uᵀ] (3, 3)`` by the trapezoidal rule, exponentially accurate for analytic functions."""
        farthest = float(root.abs().max())
        if farthest > _FARTHEST:
            raise InputError(
                f"a point is too large: its preactivations have a standard deviation of {farthest:.3g}, and are "
                f"integrated up to {_FARTHEST:g}. Scale points and training points down"
            )
        function, slope = self.prior.activation.function, derivative(self.prior.activation, 1)
        (u, p), (v, q), (w, r) = (_trapezoid(step / max(1.0, float(scale))) for scale in root.abs().amax(1))
        second = root[0, 1] * u[:, None] + root[1, 1] * v  # z_μ
        third = root[0, 2] * u[:, None] + root[1, 2] * v  # z_ν, but for the last direction
        pieces = third.split(max(1, _AT_ONCE // (len(v) * len(w))))
        inner = torch.cat([function(piece[..., None] + root[2, 2] * w) @ r for piece in pieces])
        products = function(second)[..., None] * inner
        squares = slope(root[0, 0] * u) ** 2
        raw = torch.einsum("xa,yb,xyc->abc", squares[:, None] * p, q, products)
        kernel = torch.einsum("x,y,xy->", p[:, 0], q[:, 0], products[..., 0])
        normal = torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)
        raw = raw - kernel * torch.einsum("a,b,c->abc", squares @ p, normal, normal)
        mixed = [[raw[2, 0, 0], raw[1, 1, 0], raw[1, 0, 1]],
                 [raw[1, 1, 0], raw[0, 2, 0], raw[0, 1, 1]],
                 [raw[1, 0, 1], raw[0, 1, 1], raw[0, 0, 2]]]  # fmt: skip
        return raw[0, 0, 0], torch.stack([torch.stack(row) for row in mixed])


def _trapezoid(step: float) -> tuple[Tensor, Tensor]:
    """Nodes u ``(n,)``, and weights of ``E[f(u)]``, ``E[f(u) u]``, ``E[f(u) u²]``: ``(n, 3)``."""
    half = math.ceil(_REACH / step)
    u = torch.linspace(-_REACH, _REACH, 2 * half + 1, dtype=torch.float64)
    density = torch.exp(-0.5 * u**2)
    return u, torch.stack([u**0, u, u**2], -1) * (density / density.sum())[:, None]


def monomial_susceptibility(degree: int, n_inputs: int, cosine: Any) -> Tensor:
    """``χ = (D+4q-2) F(-q,1-q) - 2(q-1) F(-q,-q) - D``, ``F(a,b) = ₂F₁(a, b; ½; ρ²)``, of monomials.

    Parameters
    ----------
    degree, n_inputs : int
        q, D.
    cosine : array
        ρ, of the angle between a point and the training point.

    Returns
    -------
    Tensor
        From 2q at ρ = 0, rising with ρ² (constant for q = 1).

    Raises
    ------
    InputError
        If an argument is out of its range.
    """
    check_whole("degree", degree, 1)
    check_whole("n_inputs", n_inputs, 1)
    rho = real_numbers(cosine, "cosine")
    # Rounding may take a cosine beyond 1.
    if not (np.abs(rho) <= 1 + 1e-12).all():
        raise InputError(f"cosine must be of an angle, from -1 to 1; got {cosine!r}")
    q, d, square = degree, n_inputs, rho**2
    first, second = hyp2f1(-q, 1 - q, 0.5, square), hyp2f1(-q, -q, 0.5, square)
    return torch.as_tensor((d + 4 * q - 2) * first - 2 * (q - 1) * second - d)


def monomial_volume_ratio(
    degree: int, x: Any, training_point: Any, target: Any, n_units: int, *, weight_std: float = 1.0
) -> Tensor:
    """``√det<g> / √det g_∞`` of a monomial network that fits one point exactly, without biases: ``(n,)``.

    ``1 + (1/4n)(|y|²/K_∞ - p) χ``, ``K_∞ = (σ|x_a|)^{2q}``: the closed form of
    :meth:`WideBayesianNetwork.volume_ratio`.

    Parameters
    ----------
    degree : int
        q of ``φ(z) = z^q/√((2q-1)!!)``.
    x : array (n, D) or (D,)
        Points.
    training_point : array (D,)
        x_a.
    target : float or array (p,)
        y.
    n_units : int
    weight_std : float
        σ.

    Raises
    ------
    InputError
        If an argument is out of its range, or a point is 0.
    """
    check_whole("degree", degree, 1)
    check_whole("n_units", n_units, 1)
    check_positive("weight_std", weight_std)
    anchor = as_points(training_point, "the training point")[0][0]
    points, single = as_points_of(x, len(anchor))
    y = as_points(np.atleast_1d(target), "the target")[0][0]
    lengths = torch.linalg.vector_norm(points, dim=-1) * torch.linalg.vector_norm(anchor)
    if not bool((lengths > 0).all()):
        raise InputError(
            "without biases, monomials and their metric are zero at x = 0: leave it out, or give points away from it"
        )
    kernel = (weight_std**2 * anchor @ anchor) ** degree
    susceptibility = monomial_susceptibility(degree, points.shape[-1], points @ anchor / lengths)
    ratio = 1 + (y @ y / kernel - len(y)) * susceptibility / (4 * n_units)
    return ratio[0] if single else ratio

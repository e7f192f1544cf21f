"""Shallow networks ``h_j(x) = φ(w_j·x + b_j)``, whose geometry has a closed form.

    g = (1/n) Σ_j φ'_j² w_j w_jᵀ,       T_abc = ∂_a g_bc = (2/n) Σ_j φ'_j φ''_j w_ja w_jb w_jc
    S = -¼ g^{ma} g^{nb} g^{rl} (T_amr T_bnl - T_bmr T_anl)
    det g = n^{-D} Σ_J |det W_J|² Π_{j∈J} φ'_j²     over D-subsets J of units (Cauchy–Binet)

with the 1/n of ``normalize``. S needs no second derivative of g because T is totally symmetric; the -¼ follows from
``Riem = -¼ (TT - TT)`` (the code released with the paper has -¾). It is evaluated in an orthonormal basis of the
tangent space, where it reads ``-¼ Σ_{a≠b} (T_aar T_bbr - T_abr²)`` and nothing cancels that must not.

Source: Zavatone-Veth et al. 2025, appendices C and D.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
from torch import Tensor

from neuromanifold._errors import InputError, NotSmoothError
from neuromanifold._linalg import orthonormalize
from neuromanifold.featuremaps.activation import Activation, Function
from neuromanifold.featuremaps.activations import resolve
from neuromanifold.featuremaps.base import FeatureMap, as_inputs
from neuromanifold.featuremaps.points import as_points, as_rows
from neuromanifold.featuremaps.second_moments import derivative
from neuromanifold.geometry.smooth import NOT_SMOOTH

__all__ = ["Shallow", "shallow"]

_MEMORY = 64 << 20  # bytes for the tensors of one chunk of points
_MOST_SUBSETS = 2_000_000


class Shallow(FeatureMap):
    """A hidden layer ``φ(W x + b)``; see :func:`shallow`.

    Attributes
    ----------
    weights : Tensor (n, D)
    biases : Tensor (n,)
    activation : Activation
    """

    normalize = True

    def __init__(self, W: Any, b: Any, activation: str | Activation | Function) -> None:
        self.weights = as_points(W, "weights W (n units, D inputs)")[0]
        self.biases = as_rows(b, len(self.weights), "biases b")[:, 0]
        self.activation = resolve(activation)

    @property
    def eps(self) -> float:
        return torch.finfo(torch.float64).eps

    def outputs(self, x: Tensor) -> Tensor:
        return self.activation.function(self.preactivations(x))

    def preactivations(self, x: Tensor) -> Tensor:
        """``w_j·x + b_j``: ``(b, n)``, float64."""
        if x.flatten(1).shape[-1] != self.weights.shape[-1]:
            raise InputError(
                f"this network has {self.weights.shape[-1]} inputs, which points must have too; got points of "
                f"shape {tuple(x.shape[1:])}"
            )
        return x.flatten(1).to(torch.float64) @ self.weights.mT + self.biases

    def derivatives(self, x: Tensor, directions: Tensor | None = None) -> Tensor:
        along = self.weights if directions is None else self.weights @ directions.flatten(1).to(self.weights).mT
        return self._slopes(x)[..., None] * along

    def image_curvature(self, x: Tensor) -> Tensor:
        self._check_smooth()
        n, d = self.weights.shape
        size = max(1, _MEMORY // (8 * n * d * (d + 2)))
        return torch.cat([self._curvature(piece) for piece in x.split(size)])

    def log_volume(self, x: Any, *, normalize: bool | None = None) -> Tensor:
        """``½ log det g`` from a QR factorisation of J: ``(b,)``.

        It is exact also far out, where units saturate and J is singular to rounding. Only where W itself has a rank
        below D, or all units but D - 1 have no slope at all, is it the pseudo-volume of the base class.
        """
        points, single = as_inputs(x)
        volume = self._log_volume_by_qr(points, self._normalizes(normalize))
        lost = ~torch.isfinite(volume)
        if bool(lost.any()):
            volume[lost] = super().log_volume(points[lost].flatten(1), normalize=normalize)
        return volume[0] if single else volume

    def cauchy_binet(self, x: Any, *, normalize: bool | None = None) -> Tensor:
        """``½ log det g`` by Cauchy–Binet, as a check of :meth:`log_volume`: ``(b,)``, -inf where it is singular.

        Raises
        ------
        InputError
            If there are more than two million D-subsets of units.
        """
        points, single = as_inputs(x)
        subsets, minors = self.minors()
        logs = self._slopes(points).abs().log()
        terms = [
            torch.logsumexp(2 * (minor.abs().log() + logs[:, subset].sum(-1)), -1)
            for subset, minor in zip(subsets.split(20_000), minors.split(20_000), strict=True)
        ]
        n, d = self.weights.shape
        volume = 0.5 * torch.logsumexp(torch.stack(terms), 0)
        volume = volume - 0.5 * d * math.log(n) if self._normalizes(normalize) else volume
        return volume[0] if single else volume

    def minors(self) -> tuple[Tensor, Tensor]:
        """The D-subsets J of units, ``(n_subsets, D)`` indices, and ``det W_J (n_subsets,)``."""
        n, d = self.weights.shape
        if n < d:
            raise InputError(f"{n} units have no subset of D = {d}: the metric is singular, and its determinant 0")
        if math.comb(n, d) > _MOST_SUBSETS:
            raise InputError(
                f"{n} units have {math.comb(n, d)} subsets of D = {d}, too many to sum over; log_volume takes a QR "
                "factorisation instead"
            )
        subsets = torch.tensor(list(itertools.combinations(range(n), d)))
        return subsets, torch.linalg.det(self.weights[subsets])

    def _slopes(self, x: Tensor) -> Tensor:
        """``φ'_j``: ``(b, n)``."""
        return derivative(self.activation, 1)(self.preactivations(x))

    def _log_volume_by_qr(self, x: Tensor, normalize: bool) -> Tensor:
        """``Σ log |R_ii|``; not finite where it must be done otherwise."""
        n, d = self.weights.shape
        if n < d or torch.linalg.matrix_rank(self.weights) < d:
            return torch.full((len(x),), torch.nan, dtype=torch.float64)
        slopes = self._slopes(x)
        largest = slopes.abs().amax(-1, keepdim=True)
        volume = self._scale(slopes / largest).diagonal(dim1=-2, dim2=-1).abs().log().sum(-1)
        return volume + d * largest[:, 0].log() - (0.5 * d * math.log(n) if normalize else 0.0)

    def _scale(self, slopes: Tensor) -> Tensor:
        """R of ``J = Q R`` for slopes ``(b, n)``: ``(b, D, D)``.

        Rows come in decreasing order, so that reflections keep the digits of small ones (Cox & Higham 1998).
        """
        rows = slopes[..., None] * self.weights
        order = torch.linalg.vector_norm(rows, dim=-1).argsort(-1, descending=True)
        return orthonormalize(rows.gather(1, order[..., None].expand_as(rows)))[1]

    def _curvature(self, x: Tensor) -> Tensor:
        """S (not normalised) from weights ``ŵ = R^{-T} w`` in an orthonormal basis of the tangent space: ``(b,)``."""
        z = self.preactivations(x)
        slopes, bends = derivative(self.activation, 1)(z), derivative(self.activation, 2)(z)
        scale = self._scale(slopes)
        singular = ~(scale.diagonal(dim1=-2, dim2=-1).abs() > 0).all(-1)
        scale = torch.where(singular[:, None, None], torch.nan, scale)
        whitened = torch.linalg.solve_triangular(scale, self.weights.expand(len(x), -1, -1), upper=True, left=False)
        weighted = 2 * (slopes * bends)[..., None] * whitened
        pairs = (whitened[..., :, None] * whitened[..., None, :]).flatten(2)
        third = (pairs.mT @ weighted).unflatten(1, (scale.shape[-1], -1))
        diagonal = torch.einsum("paar->par", third)
        sectional = diagonal @ diagonal.mT - (third**2).sum(-1)
        off_diagonal = 1 - torch.eye(scale.shape[-1], dtype=scale.dtype)
        return -0.25 * (sectional * off_diagonal).sum((-2, -1))

    def _check_smooth(self) -> None:
        name, n_weak = self.activation.name, self.activation.n_weak
        kinked = name.lower() in NOT_SMOOTH or any(name in kinds for kinds in NOT_SMOOTH.values())
        if kinked or (n_weak is not None and n_weak < 3):
            raise NotSmoothError(
                f"{name} is not twice continuously differentiable: its feature map has corners, and between them no "
                "curvature; use a smooth activation (erf, tanh, sigmoid, GELU, softplus), or log_volume and metric"
            )


def shallow(W: Any, b: Any, activation: str | Activation | Function = "erf") -> Shallow:
    """The feature map ``Φ(x) = n^{-1/2} φ(W x + b)`` of a hidden layer.

    Its metric, log volume and scalar curvature are in closed form, for any number D of inputs. ``normalize`` (the 1/n)
    is True unless a call says otherwise.

    Parameters
    ----------
    W : array (n, D)
        Weights, a row per unit.
    b : array (n,)
        Biases.
    activation : str, Activation or callable
        "erf" (which is ``erf(z/√2)``), "tanh", "sigmoid", "gelu", "softplus", "sine", "exp", "monomial(q)", "relu", …
        or an elementwise function of torch tensors. ReLU has a metric and a volume, but no curvature.

    Returns
    -------
    Shallow
        With ``metric(x)``, ``log_volume(x)``, ``rank(x)``, ``spectrum(x)``, ``scalar_curvature(x)`` of inputs
        ``(b, D)`` or ``(D,)``, ``restrict(plane)``, and ``cauchy_binet(x)`` as a check.

    Raises
    ------
    InputError
        If the shapes do not match, a number is not finite, or the activation is unknown.
    """
    return Shallow(W, b, activation)

"""Networks of infinite width: the kernels they converge to, and the geometry these give the inputs.

One hidden layer ``φ(w·x + b)``, ``w ~ N(0, σ² I)``, ``b ~ N(0, ζ²)``, has the kernel (NNGP) ``E[φ(z_x) φ(z_y)]``, and
with ``t = |x|²``, ``s = σ²t + ζ²``, ``z ~ N(0, s)``, ' = d/dt:

    g = e^Ω (δ_ab + 2Ω' x_a x_b),   e^Ω = σ² E[φ'(z)²]
    det g = e^{DΩ} (1 + 2tΩ'),      eigenvalues e^Ω (1 + 2tΩ') along x, e^Ω across (D - 1 times)

It is the average of the metrics of random networks with the 1/n of ``normalize=True``. Deeper layers take
``z_{l+1} ~ N(0, σ² K_l + ζ²)``. The neural tangent kernel (NTK) is that of
``f = n^{-1/2} Σ_j v_j φ(w_j·x + b_j)``, ``v ~ N(0, ν²)``, by gradients in v, w and b as they are written:

    K_NTK = E[φφ] + ν² E[φ'φ'] Θ_L,     Θ_1 = x·y + 1,     Θ_{l+1} = E[φφ]_l + 1 + σ² E[φ'φ']_l Θ_l

with the weights of deeper layers scaled by ``n^{-1/2}`` in the same way (no other scaling, as in Jacot et al. 2018).
Metrics are exact to rounding for erf, GELU, sine, exponentials, monomials and powers of ReLU; others are integrated
numerically to about 1e-13.

Source: Zavatone-Veth et al. 2025, appendices E and F; Lee et al. 2018.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from neuromanifold._settings import check_number, check_positive, check_whole
from neuromanifold.featuremaps.activation import Activation, Function
from neuromanifold.featuremaps.activations import resolve
from neuromanifold.featuremaps.kernel import Kernel
from neuromanifold.featuremaps.points import as_points
from neuromanifold.featuremaps.radial import Radial
from neuromanifold.featuremaps.second_moments import pair, pair_slope, second_moment, square

__all__ = ["NNGP", "NTK", "eigenvalues", "log_volume", "metric", "scalar_curvature"]

AnyActivation = str | Activation | Function


class _InfinitelyWide(Kernel):
    """What both kernels share: they are rotation-invariant, so that their geometry has a closed form."""

    def __init__(self, activation: AnyActivation, depth: int, weight_std: float, bias_std: float) -> None:
        self.activation = resolve(activation)
        check_whole("depth, the number of hidden layers,", depth, 1)
        check_positive("weight_std, the standard deviation of weights,", weight_std)
        check_number("bias_std, the standard deviation of biases,", bias_std, 0)
        self.depth, self.weight_std, self.bias_std = int(depth), float(weight_std), float(bias_std)

    def radial(self, t: Tensor) -> Radial:
        """The kernel's diagonal and metric at ``t = |x|² (n,)``."""
        raise NotImplementedError

    def field(self, x: Tensor) -> Tensor:
        return self._radial(x).metric(x)

    def diagonal(self, x: Tensor) -> Tensor:
        return self._radial(x).d[0]

    def diagonal_slope(self, x: Tensor) -> Tensor:
        return 2 * self._radial(x).d[1][:, None] * x

    def eigenvalues(self, x: Any) -> Tensor:
        """Eigenvalues of g, smallest first: ``(n, D)``."""
        points, single = as_points(x)
        along, across = self._radial(points).eigenvalues()
        values = torch.stack([along] + [across] * (points.shape[-1] - 1), -1).sort(-1).values
        return values[0] if single else values

    def log_volume(self, x: Any) -> Tensor:
        """``½ log det g``: ``(n,)``, -inf where g is singular."""
        points, single = as_points(x)
        volume = self._radial(points).log_volume(points.shape[-1])
        return volume[0] if single else volume

    def scalar_curvature(self, x: Any) -> Tensor:
        """Scalar curvature of g: ``(n,)``, NaN where g is singular."""
        points, single = as_points(x)
        curvature = self._radial(points).scalar_curvature(points.shape[-1])
        return curvature[0] if single else curvature

    def _radial(self, x: Tensor) -> Radial:
        return self.radial((x**2).sum(-1))

    def _moment(self, k: int) -> Any:
        return partial(second_moment, self.activation, k)

    @property
    def _variances(self) -> tuple[float, float]:
        return self.weight_std**2, self.bias_std**2

    def _preactivations(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Variances ``(n, 1)``, ``(1, m)`` and covariances ``(n, m)`` in the first layer."""
        scale, shift = self._variances
        p, q = (scale * (points**2).sum(-1) + shift for points in (x, y))
        return p[:, None], q[None, :], scale * x @ y.mT + shift

    def _deeper(self, p: Tensor, q: Tensor, gram: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same, a layer further, where outputs of this one have the covariance ``gram``."""
        scale, shift = self._variances
        p, q = (scale * square(self.activation, v) + shift for v in (p, q))
        return p, q, scale * gram + shift


class NNGP(_InfinitelyWide):
    """The kernel of the last hidden layer of a random network, ``E[φ(z_x) φ(z_y)]``.

    Parameters
    ----------
    activation : str, Activation or callable
    depth : int
        Hidden layers.
    weight_std, bias_std : float
        σ, ζ: standard deviations of weights and biases.
    """

    def __init__(
        self, activation: AnyActivation, depth: int = 1, weight_std: float = 1.0, bias_std: float = 0.0
    ) -> None:
        super().__init__(activation, depth, weight_std, bias_std)

    def gram(self, x: Tensor, y: Tensor) -> Tensor:
        p, q, c = self._preactivations(x, y)
        for _ in range(self.depth - 1):
            p, q, c = self._deeper(p, q, pair(self.activation, p, q, c))
        return pair(self.activation, p, q, c)

    def radial(self, t: Tensor) -> Radial:
        scale, shift = self._variances
        layer = Radial.dot(t, scale, shift)
        for _ in range(self.depth - 1):
            layer = layer.through(self._moment(0), self._moment(1)).affine(scale, shift)
        return layer.through(self._moment(0), self._moment(1))


class NTK(_InfinitelyWide):
    """The neural tangent kernel, in the parametrisation of the module's docstring (no NTK rescaling).

    Parameters
    ----------
    activation : str, Activation or callable
        With two weak derivatives; the metric is infinite for ReLU.
    depth : int
        Hidden layers.
    weight_std, bias_std, readout_std : float
        σ, ζ, ν: standard deviations of weights, biases and output weights.
    """

    def __init__(
        self,
        activation: AnyActivation,
        depth: int = 1,
        weight_std: float = 1.0,
        bias_std: float = 0.0,
        readout_std: float = 1.0,
    ) -> None:
        super().__init__(activation, depth, weight_std, bias_std)
        check_number("readout_std, the standard deviation of output weights,", readout_std, 0)
        self.readout_std = float(readout_std)

    def gram(self, x: Tensor, y: Tensor) -> Tensor:
        p, q, c = self._preactivations(x, y)
        tangent = x @ y.mT + 1
        for _ in range(self.depth - 1):
            outputs = pair(self.activation, p, q, c)
            tangent = outputs + 1 + self.weight_std**2 * pair_slope(self.activation, p, q, c) * tangent
            p, q, c = self._deeper(p, q, outputs)
        return pair(self.activation, p, q, c) + self.readout_std**2 * pair_slope(self.activation, p, q, c) * tangent

    def radial(self, t: Tensor) -> Radial:
        scale, shift = self._variances
        layer, tangent = Radial.dot(t, scale, shift), Radial.dot(t, 1.0, 1.0)
        for _ in range(self.depth - 1):
            outputs, slopes = self._layer(layer)
            tangent = outputs.affine(1.0, 1.0) + slopes.affine(scale, 0.0) * tangent
            layer = outputs.affine(scale, shift)
        outputs, slopes = self._layer(layer)
        return outputs + slopes.affine(self.readout_std**2, 0.0) * tangent

    def _layer(self, layer: Radial) -> tuple[Radial, Radial]:
        """The kernels ``E[φφ]`` and ``E[φ'φ']``."""
        outputs, slopes, bends = (self._moment(k) for k in range(3))
        return layer.through(outputs, slopes), layer.through(slopes, bends)


def metric(
    activation: AnyActivation, x: Any, weight_std: float = 1.0, bias_std: float = 0.0, *, depth: int = 1
) -> Tensor:
    """Metric ``g = e^Ω (δ + 2Ω' x xᵀ)`` of the infinitely wide network: ``(n, D, D)``, float64.

    Parameters
    ----------
    activation : str, Activation or callable
        "erf" (which is ``erf(z/√2)``), "relu", "monomial(3)", … or any elementwise function of torch tensors. See
        :func:`~neuromanifold.featuremaps.activations.resolve`.
    x : array (n, D) or (D,)
        Inputs; one input gives a result without the leading axis.
    weight_std, bias_std : float
        σ > 0, ζ ≥ 0.
    depth : int
        Hidden layers.

    Raises
    ------
    InputError
        If an argument is out of its range.
    NotSmoothError
        If the activation has jumps: the metric is infinite.
    """
    return NNGP(activation, depth, weight_std, bias_std).metric(x)


def log_volume(
    activation: AnyActivation, x: Any, weight_std: float = 1.0, bias_std: float = 0.0, *, depth: int = 1
) -> Tensor:
    """``½ log det g = ½ (DΩ + log(1 + 2tΩ'))``: ``(n,)``, -inf where g vanishes (a monomial at x = 0, ζ = 0).

    Arguments and errors are those of :func:`metric`.
    """
    return NNGP(activation, depth, weight_std, bias_std).log_volume(x)


def eigenvalues(
    activation: AnyActivation, x: Any, weight_std: float = 1.0, bias_std: float = 0.0, *, depth: int = 1
) -> Tensor:
    """The D eigenvalues of g, smallest first: ``e^Ω (1 + 2tΩ')`` once, along x, and ``e^Ω`` D - 1 times: ``(n, D)``.

    Arguments and errors are those of :func:`metric`.
    """
    return NNGP(activation, depth, weight_std, bias_std).eigenvalues(x)


def scalar_curvature(
    activation: AnyActivation, x: Any, weight_std: float = 1.0, bias_std: float = 0.0, *, depth: int = 1
) -> Tensor:
    """Scalar curvature of g: ``(n,)``; NaN where g is singular, 0 for D = 1.

    ``-(D-1) t e^{-Ω} / (1 + 2tΩ')² · [(D+2)Ω'² + 2t((D-2)Ω'³ + 2Ω'Ω'')]`` for one hidden layer; for the metrics of
    deeper ones, see :mod:`neuromanifold.featuremaps.radial`. Arguments and errors are those of :func:`metric`.
    """
    return NNGP(activation, depth, weight_std, bias_std).scalar_curvature(x)

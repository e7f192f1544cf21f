"""Monomials and powers of ReLU, whose Gaussian averages are powers of the variance. Cho & Saul 2009."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold.featuremaps import gaussian_pairs as pairs
from neuromanifold.featuremaps.activation import Activation, Function

__all__ = ["monomial", "relu_power"]


def _scaled_power(factor: float, power: int) -> Function:
    """``factor · s^power``; zero for a vanishing factor, whatever the power."""
    return lambda s: factor * s**power if factor else torch.zeros_like(s)


def _falling(q: int, k: int) -> int:
    """``q (q-1) … (q-k+1)``: the k-th derivative of ``z^q`` is this times ``z^(q-k)``."""
    return math.prod(range(q - k + 1, q + 1))


def _odd_factorial(m: int) -> int:
    """``(2m-1)!!``, the moment ``E[z^2m]`` of a standard normal z."""
    return math.prod(range(1, 2 * m, 2))


def monomial(degree: int) -> Activation:
    """``φ(z) = z^q/√((2q-1)!!)``, for which ``E[φ(z)²] = s^q``."""
    q = _whole(degree, 1, "the degree of a monomial")
    scale = 1 / math.sqrt(_odd_factorial(q))

    def squares(k: int) -> Function:
        falling = _falling(q, k)
        return _scaled_power(falling**2 * scale**2 * _odd_factorial(q - k) if falling else 0.0, q - k)

    def power(k: int) -> Function:
        return _scaled_power(scale * _falling(q, k), q - k)

    return Activation(
        f"monomial({q})",
        power(0),
        power(1),
        power(2),
        moments=(squares(0), squares(1), squares(2)),
        pair=lambda *pqc: scale**2 * pairs.monomial(q, *pqc),
        pair_slope=lambda *pqc: (scale * q) ** 2 * pairs.monomial(q - 1, *pqc),
    )


def relu_power(power: int) -> Activation:
    """``φ(z) = max(z, 0)^r``; r = 1 is ReLU. It has r weak derivatives, and r - 1 continuous ones."""
    r = _whole(power, 1, "the power of ReLU (a step, r = 0, has an infinite metric)")

    def squares(k: int) -> Function:
        # E[φ''²] of ReLU itself, the square of a delta, is infinite; who asks for it looks at n_weak first.
        return _scaled_power(0.5 * _falling(r, k) ** 2 * _odd_factorial(r - k) if r >= k else math.inf, max(r - k, 0))

    def derivative(k: int) -> Function:
        def function(z: Tensor) -> Tensor:
            positive = torch.where(z > 0, z, 0.0)
            return _falling(r, k) * (positive ** (r - k) if r > k else (z > 0).to(z) if r == k else torch.zeros_like(z))

        return function

    return Activation(
        "relu" if r == 1 else f"relu({r})",
        derivative(0),
        derivative(1),
        derivative(2),
        n_weak=r,
        moments=(squares(0), squares(1), squares(2)),
        pair=lambda *pqc: pairs.relu(r, r, *pqc),
        pair_slope=lambda *pqc: r**2 * pairs.relu(r - 1, r - 1, *pqc),
    )


def _whole(number: int, least: int, what: str) -> int:
    if not float(number).is_integer() or number < least:
        raise InputError(f"{what} is a whole number from {least}; got {number}")
    return int(number)

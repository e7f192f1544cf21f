"""``E[φ^(k)(z)²]`` for ``z ~ N(0, s)`` and any activation, with its first two derivatives in s."""

from __future__ import annotations

import torch
from torch import Tensor

from neuromanifold._errors import NotSmoothError
from neuromanifold.featuremaps import expectations
from neuromanifold.featuremaps.activation import Activation, Function
from neuromanifold.geometry import taylor

__all__ = ["pair", "pair_slope", "second_moment", "square"]


def second_moment(activation: Activation, k: int, s: Tensor) -> Tensor:
    """``E[φ^(k)(z)²]``, its first and its second derivative in s.

    Parameters
    ----------
    activation : Activation
    k : int
        Order of the derivative of φ: 0, 1 or 2.
    s : Tensor (n,)
        Variances, from 0.

    Returns
    -------
    Tensor (3, n)
        Where there is no closed form, derivatives that s = 0 leaves undetermined are NaN.

    Raises
    ------
    NotSmoothError
        If φ has no k weak derivatives: the expectation is infinite.
    """
    if activation.n_weak is not None and activation.n_weak < k:
        raise NotSmoothError(_refusal(activation.name, k))
    if activation.moments is not None:
        jet = taylor(activation.moments[k], s[:, None])
        return torch.stack([jet.value[:, 0], jet.first[:, 0, 0], jet.second[:, 0, 0, 0]])
    function = derivative(activation, k)
    if activation.n_weak is None and k > 0:
        _check_weak_derivative(activation, k, s.max())
    return expectations.moments(lambda z: function(z) ** 2, s, smooth=activation.n_weak is not None)


def square(activation: Activation, s: Tensor) -> Tensor:
    """``E[φ(z)²]`` at variances of any shape, differentiable where it is known in closed form."""
    if activation.moments is not None:
        return activation.moments[0](s)
    return second_moment(activation, 0, s.flatten())[0].reshape(s.shape)


def derivative(activation: Activation, k: int) -> Function:
    """``φ^(k)``, elementwise."""
    known = (activation.function, activation.slope, activation.bend)[k]
    if known is not None:
        return known
    return lambda z: expectations.derivatives(activation.function, z, k)[1]


def pair(activation: Activation, p: Tensor, q: Tensor, c: Tensor) -> Tensor:
    """``E[φ(z) φ(z')]`` of Gaussian pairs of variances p, q and covariance c, of any one shape."""
    return _pair(activation.pair, activation.function, p, q, c)


def pair_slope(activation: Activation, p: Tensor, q: Tensor, c: Tensor) -> Tensor:
    """``E[φ'(z) φ'(z')]``."""
    return _pair(activation.pair_slope, derivative(activation, 1), p, q, c)


def _pair(closed: object, function: Function, p: Tensor, q: Tensor, c: Tensor) -> Tensor:
    if callable(closed):
        return closed(p, q, c)
    p, q, c = torch.broadcast_tensors(p, q, c)
    return expectations.pair(function, p.flatten(), q.flatten(), c.flatten()).reshape(c.shape)


def _check_weak_derivative(activation: Activation, k: int, s: Tensor) -> None:
    """A jump, which differentiation does not see, breaks ``√s E[φ^(k) p(u)] = E[φ^(k-1) (u p - p')]`` for p = 1 or
    p = u.
    """
    if s <= 0:
        return
    lower, upper, root = derivative(activation, k - 1), derivative(activation, k), s.sqrt()

    def sides(u: Tensor) -> Tensor:
        above, below = root * upper(root * u), lower(root * u)
        return torch.stack([above - below * u, above * u - below * (u**2 - 1), above.abs() + below.abs()])

    first, second, size = expectations.mean(sides)
    if max(first.abs(), second.abs()) > 1e-6 * size:
        raise NotSmoothError(_refusal(activation.name, k))


def _refusal(name: str, k: int) -> str:
    return (
        f"the activation {name} has no derivative of order {k} that is a function (it has a jump or a kink), so "
        f"E[φ{chr(39) * k}²] and the metric made of it are infinite; use a smoother activation"
        + (", or the NNGP kernel, which needs one derivative less" if k == 2 else "")
    )

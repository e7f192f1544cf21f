r"""The product of von Mises laws on q circles: a posterior on the torus.

.. math:: p(x) = \prod_{j=1}^q p(x_j \mid \mu_j, \kappa_j), \qquad x = (x_1, \dots, x_q),\ |x_j| = 1,

a density with respect to the product of arc lengths. Entropies and divergences from uniform add over the
circles.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold.distributions.spherical import VonMisesFisher, same_precision

__all__ = ["ProductVonMises"]


class ProductVonMises:
    r"""Independent von Mises laws on q circles (torus: q = 2).

    Parameters
    ----------
    loc : Tensor, shape (..., 2 q)
        Mean directions :math:`(\mu_1, \dots, \mu_q)`, each a vector of R²; each is normalised here.
    concentration : Tensor, shape (..., q)
        :math:`\kappa_j \ge 0` of each circle.
    validate_args : bool
        As of :class:`~neuromanifold.distributions.VonMisesFisher`.

    Raises
    ------
    InputError
        If a shape does not fit, or for the reasons of :class:`~neuromanifold.distributions.VonMisesFisher`.
    """

    def __init__(self, loc: Tensor, concentration: Tensor, *, validate_args: bool = True) -> None:
        loc, concentration = same_precision(loc, concentration)
        n_circles = concentration.shape[-1] if concentration.ndim else 0
        if n_circles < 1 or loc.ndim < 1 or loc.shape[-1] != 2 * n_circles:
            raise InputError(
                "loc must have shape (..., 2 q) and concentration (..., q) for q circles; "
                f"got {tuple(loc.shape)} and {tuple(concentration.shape)}"
            )
        directions = loc.unflatten(-1, (n_circles, 2))
        self.circles = VonMisesFisher(directions, concentration.unsqueeze(-1), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        """Unit mean directions, shape (..., 2 q)."""
        return self.circles.loc.flatten(-2)

    @property
    def concentration(self) -> Tensor:
        """Concentrations, shape (..., q)."""
        return self.circles.concentration.squeeze(-1)

    @property
    def batch_shape(self) -> torch.Size:
        """Shape of the batch of laws."""
        return self.circles.batch_shape[:-1]

    @property
    def event_shape(self) -> torch.Size:
        """Shape of one draw: (2 q,)."""
        return self.loc.shape[-1:]

    @property
    def mean_resultant_length(self) -> Tensor:
        r""":math:`A(\kappa_j)` of each circle, shape (..., q)."""
        return self.circles.mean_resultant_length.squeeze(-1)

    @property
    def mean(self) -> Tensor:
        r""":math:`(A(\kappa_1) \mu_1, \dots)`, shape (..., 2 q)."""
        return self.circles.mean.flatten(-2)

    def rsample(
        self, sample_shape: tuple[int, ...] | torch.Size = (), generator: torch.Generator | None = None
    ) -> Tensor:
        """Draws of shape ``(*sample_shape, ..., 2 q)`` with exact pathwise gradients."""
        return self.circles.rsample(sample_shape, generator).flatten(-2)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density at points ``z`` (..., 2 q) of the torus, shape (...)."""
        if z.ndim < 1 or z.shape[-1] != self.event_shape[0]:
            raise InputError(f"points must have shape (..., {self.event_shape[0]}); got {tuple(z.shape)}")
        return self.circles.log_prob(z.unflatten(-1, (-1, 2))).sum(dim=-1)

    def entropy(self) -> Tensor:
        """Differential entropy, nats, shape (...): the sum over the circles."""
        return self.circles.entropy().sum(dim=-1)

    def kl_to_uniform(self) -> Tensor:
        """Divergence from the uniform law on the torus, nats, shape (...): the sum over the circles."""
        return self.circles.kl_to_uniform().sum(dim=-1)

    def __repr__(self) -> str:
        return f"ProductVonMises(q={self.concentration.shape[-1]}, batch_shape={tuple(self.batch_shape)})"

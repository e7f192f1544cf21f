"""Poisson noise: the Fisher information of independent counts of mean x is ``A = diag(1 / x)``.

Between two means, ``Σ (√x - √x')²`` is a quarter of the squared distance to leading order: a spike more counts for much
where there are few. Decoders may pass below zero, so that a smooth positive part stands for x,

    x₊ = (x + √(x² + 4ε²)) / 2,

which is x where x ≫ ε, and ε at 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._settings import check_positive
from neuromanifold.geometry.ambient.base import Ambient

__all__ = ["PoissonNoise"]


@dataclass(eq=False)
class PoissonNoise(Ambient):
    """Fisher information of counts whose means are the coordinates.

    Parameters
    ----------
    floor : float
        ε, in counts: below it, means are no longer told apart better.
    """

    floor: float = 0.1

    def gram(self, x: Tensor, vectors: Tensor) -> Tensor:
        positive = 0.5 * (x + (x.square() + 4 * self.floor**2).sqrt())
        return vectors.mT @ (vectors / positive[..., None])

    def fitted(self, activity: Tensor) -> PoissonNoise:
        check_positive("floor", self.floor, "number of counts")
        if bool((activity < 0).any()):
            raise InputError(
                "PoissonNoise is of counts, which are not negative, but the data are: give expected or observed "
                "counts, or take GaussianNoise"
            )
        return self

"""Which prior a decoder of counts has: band limit and family, by the marginal likelihood.

The band limit rises while the evidence does with one family; then the family is chosen again. A smooth prior makes the
band limit matter little once it is high enough, so that this search along the two axes finds what a search of their
product would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from neuromanifold.manifolds import Manifold
from neuromanifold.models.continuation import band_limits
from neuromanifold.models.counts.regression import CountProblem, CountRegression
from neuromanifold.models.expectation_maximisation import Basis
from neuromanifold.models.harmonic_regression import Prior
from neuromanifold.models.sizes import largest_order

__all__ = [
    "FIRST_PRIOR",
    "band_sizes",
    "best_family",
    "best_prior",
    "families",
    "largest_count_order",
    "regression_sizes",
]

# Families and their rates. Priors rougher than these (a power of 2, say) leave mean counts without second derivatives.
FAMILIES = (
    ("power", 3.0),
    ("power", 4.0),
    ("power", 6.0),
    ("heat", 0.03),
    ("heat", 0.1),
    ("heat", 0.3),
    ("heat", 1.0),
    ("exponential", 0.6),
    ("exponential", 1.0),
    ("exponential", 1.6),
)
FIRST_PRIOR = Prior(1, "power", 4.0)
# The evidence (nats) that a higher band limit must add, and how many families are fitted to the end.
GAIN = 1.0
N_FINALISTS = 3
# Newton's method holds a matrix of so many harmonics squared for each unit.
MAX_HARMONICS = {1: 61, 2: 225}
# The first level of band limits (see continuation.LEVELS) that a regression on known points tries.
FIRST_LEVEL = 2


def largest_count_order(template: Manifold, n_samples: int) -> int:
    """The largest order of harmonics that so many independent samples determine and Newton's method can hold."""
    order = largest_order(template, n_samples)
    while order > 1 and len(template.harmonics(order)) > MAX_HARMONICS.get(template.dim, 225):
        order -= 1
    return order


def band_sizes(basis: Basis, n_samples: int) -> list[int]:
    """Numbers of harmonics, rising, that so many independent samples determine."""
    most = len(basis.template.harmonics(largest_count_order(basis.template, n_samples)))
    sizes = band_limits(basis)
    return [size for size in sizes if size <= most] or sizes[:1]


def regression_sizes(basis: Basis, n_samples: int) -> list[int]:
    """Those that a regression on so many known points tries."""
    sizes = band_sizes(basis, n_samples)
    return sizes[FIRST_LEVEL:] or sizes


def best_prior(problem: CountProblem, sizes: Sequence[int]) -> CountRegression:
    """The regression of the best family and band limit among rising numbers of harmonics."""
    index = 0
    prior = replace(FIRST_PRIOR, n_harmonics=sizes[0])
    best = best_family(problem, problem.constant(prior))
    while True:
        family = best.prior.family, best.prior.rate
        while index + 1 < len(sizes):
            finer = problem.fit(best, replace(best.prior, n_harmonics=sizes[index + 1]))
            if finer.log_evidence < best.log_evidence + GAIN:
                break
            best, index = finer, index + 1
        again = best_family(problem, best)
        # Of two families about as good each may look better from the other's fit: that could go on for ever.
        if (again.prior.family, again.prior.rate) == family or again.log_evidence <= best.log_evidence:
            return again
        best = again


def best_family(problem: CountProblem, start: CountRegression) -> CountRegression:
    """The regression of the family of the largest evidence at the band limit of a start."""
    rough = [problem.fit(start, prior, max_rounds=2) for prior in families(start, start.prior.n_harmonics)]
    finalists = sorted(rough, key=lambda fit: fit.log_evidence, reverse=True)[:N_FINALISTS]
    best = max((problem.fit(fit, fit.prior) for fit in finalists), key=lambda fit: fit.log_evidence)
    return problem.redispersed(best)


def families(start: CountRegression, n_harmonics: int) -> list[Prior]:
    """A prior of each family, of the scale of a start: the mean square of its first weights, whose rho is about 1."""
    scale = float(start.weight[1:3].square().mean()) if len(start.weight) > 2 else 0.0
    return [Prior(n_harmonics, family, rate, scale if scale > 0 else 1.0) for family, rate in FAMILIES]

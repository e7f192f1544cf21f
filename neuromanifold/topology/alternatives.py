"""Alternatives: every template with the factor by which its holes stand clear of the shuffles.

A template with b holes of a degree asks that the b-th longest bar be longer, and the next one shorter, than the length
t that outlasts the shuffles. Its

    margin = min over degrees q >= 1 and fields of  min(l_b / t, t / l_{b+1})

(median over draws) is above 1 where the bars say so, by the factor by which all of them could be wrong; below 1 it
tells how far the worst contradiction is from being none.
"""

from __future__ import annotations

import numpy as np

from neuromanifold._typing import FloatArray
from neuromanifold.manifolds import TEMPLATES, Manifold
from neuromanifold.topology.classify import padded_betti
from neuromanifold.topology.evidence import Evidence
from neuromanifold.topology.persistence import PRIMES, Diagrams, bar_lengths

__all__ = ["alternatives"]


def alternatives(evidence: Evidence) -> dict[str, float]:
    """Margin of each template, largest first."""
    margins = {t.name: float(np.median([_margin(t, draw, evidence) for draw in evidence.seen])) for t in TEMPLATES}
    return dict(sorted(margins.items(), key=lambda item: -item[1]))


def _margin(template: Manifold, draw: Diagrams, evidence: Evidence) -> float:
    betti = {prime: padded_betti(template, prime, 1 + evidence.max_degree) for prime in PRIMES}
    return min(
        _clearance(bar_lengths(draw[prime][degree]), betti[prime][degree], evidence.thresholds[degree])
        for prime in PRIMES
        for degree in range(1, 1 + evidence.max_degree)
    )


def _clearance(lengths: FloatArray, n_holes: int, limit: float) -> float:
    """``min(l_b / t, t / l_{b+1})`` of bars in falling order, missing ones of no length."""
    padded = np.pad(lengths, (0, 1 + n_holes))
    required = padded[n_holes - 1] / limit if n_holes else np.inf
    excess = limit / padded[n_holes] if padded[n_holes] > 0 else np.inf
    return float(min(required, excess))

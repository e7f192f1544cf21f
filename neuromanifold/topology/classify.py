"""From counted bars to a template, or to "undecided" with reasons a person can act on.

Each draw of landmarks counts its significant bars over Z2 and Z3 and so votes for the templates whose Betti numbers
it shows. A template is named when its numbers match over both fields in nearly every draw and no bar lies so near the
shuffles that it could be counted either way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from neuromanifold.manifolds import TEMPLATES, Manifold

__all__ = ["PRIMES", "UNDECIDED", "Verdict", "candidates", "decide"]

PRIMES = (2, 3)
UNDECIDED = "undecided"
# Betti numbers of degree 1 and up, one tuple a prime.
Counts = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Verdict:
    """A template's name or "undecided", the share of draws that voted for each outcome, and the reasons."""

    template: str
    support: dict[str, float]
    reasons: tuple[str, ...]


def candidates(counts: Counts) -> list[Manifold]:
    """Templates whose Betti numbers over Z2 and Z3 agree with the counted bars, as far as they were counted."""
    return [t for t in TEMPLATES if all(_agrees(t, prime, c) for prime, c in zip(PRIMES, counts, strict=True))]


def decide(votes: Sequence[Counts], p_next: dict[int, float], alpha: float, agreement: float) -> Verdict:
    """The verdict of all landmark draws.

    Parameters
    ----------
    votes : sequence of counts
        Significant bars of each draw, ``counts[prime][degree - 1]``.
    p_next : dict of float
        For each degree, the p-value of the first bar that is *not* claimed (median over draws).
    alpha : float
        Level of each claimed bar.
    agreement : float
        Share of draws that must vote for the same template.
    """
    ballots = Counter(_name(counts) for counts in votes)
    support = {name: count / len(votes) for name, count in ballots.most_common()}
    winner, share = next(iter(support.items()))
    reasons = []
    if winner == UNDECIDED:
        common = Counter(votes).most_common(1)[0][0]
        reasons.append(
            f"{_describe(common)}: no template has these numbers; smooth more, record longer, or look for "
            "separate groups of units"
        )
    elif share < agreement:
        reasons.append(
            f"landmark draws disagree ({_shares(support)}): record longer, smooth more, or use more landmarks"
        )
    # Shuffles of a structureless cloud leave p of the longest bar uniform, so a p just above alpha says little.
    reasons += [
        f"the next bar of degree {degree} has p = {p:.3f}, too near {alpha:g} to leave out with confidence: "
        "smooth more, or record longer"
        for degree, p in p_next.items()
        if alpha < p <= 2 * alpha
    ]
    if winner != UNDECIDED and not reasons:
        return Verdict(winner, support, (f"{_shares(support)} of {len(votes)} landmark draws",))
    return Verdict(UNDECIDED, support, tuple(reasons))


def _agrees(template: Manifold, prime: int, counted: tuple[int, ...]) -> bool:
    betti = tuple(template.betti(prime))[1:]
    padded = betti + (0,) * max(0, len(counted) - len(betti))
    return padded[: len(counted)] == counted


def _name(counts: Counts) -> str:
    matching = candidates(counts)
    decided = len(matching) == 1 and _top_degree(matching[0]) <= len(counts[0])
    return matching[0].name if decided else UNDECIDED


def _top_degree(template: Manifold) -> int:
    """The highest degree in which the template has a hole over some field: it must have been counted."""
    return max(degree for prime in PRIMES for degree, b in enumerate(template.betti(prime)) if b)


def _describe(counts: Counts) -> str:
    fields = (
        f"Z{prime}: " + ", ".join(f"b{degree} = {b}" for degree, b in enumerate(c, start=1))
        for prime, c in zip(PRIMES, counts, strict=True)
    )
    return "significant bars over " + "; ".join(fields)


def _shares(support: dict[str, float]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in support.items())

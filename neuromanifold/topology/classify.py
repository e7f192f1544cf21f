"""From counted bars to a template, or to "undecided" with reasons a person can act on.

Each draw of landmarks counts its significant bars over Z2 and Z3 and so votes for the template whose Betti numbers
it shows. A template is named when its numbers match over both fields in nearly every draw and no bar lies so near the
shuffles that it could be counted either way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from neuromanifold.manifolds import TEMPLATES, Manifold
from neuromanifold.topology.evidence import Counts, Evidence
from neuromanifold.topology.folds import MOST
from neuromanifold.topology.loop_share import LEAST_SHARE
from neuromanifold.topology.persistence import PRIMES

__all__ = [
    "NO_HOLES",
    "UNDECIDED",
    "Verdict",
    "candidates",
    "decide",
    "has_more_than",
    "has_no_hole",
    "number_of_holes",
    "padded_betti",
    "with_power",
    "without_folds",
    "without_others",
]

UNDECIDED = "undecided"
# Verdicts that name no template with holes.
NO_HOLES = ("contractible", UNDECIDED)
# Share of draws that must vote for the same template.
AGREEMENT = 0.8
# Fewer samples leave a sphere's or a torus's holes below those of the shuffles, fewer units leave gaps where none is
# active, and noise in many dimensions fills holes, so that none means nothing.
MIN_SAMPLES_FOR_NONE = 300
MIN_UNITS_FOR_NONE = 10
MAX_DIMENSION_FOR_NONE = 4
_HOLES = (("piece", "pieces"), ("loop", "loops"), ("cavity", "cavities"))
_REMEDY = "smooth more, or record longer"


@dataclass(frozen=True)
class Verdict:
    """A template's name or "undecided", the share of draws that voted for each outcome, and the reasons."""

    template: str
    support: dict[str, float]
    reasons: tuple[str, ...]


def candidates(counts: Counts) -> list[Manifold]:
    """Templates whose Betti numbers over Z2 and Z3 agree with the counted bars, as far as they were counted."""
    return [t for t in TEMPLATES if all(_agrees(t, prime, c) for prime, c in zip(PRIMES, counts, strict=True))]


def padded_betti(template: Manifold, prime: int, n_degrees: int) -> tuple[int, ...]:
    """Betti numbers of the lowest degrees, those beyond the template's dimension 0."""
    betti = tuple(template.betti(prime))
    return (betti + (0,) * n_degrees)[:n_degrees]


def decide(evidence: Evidence) -> Verdict:
    """The verdict of all landmark draws; its reasons begin with what is in doubt."""
    votes = evidence.votes
    ballots = Counter(_name(counts) for counts in votes)
    support = {name: count / len(votes) for name, count in ballots.most_common()}
    winner = next(iter(support))
    doubts = [*_doubts_of_votes(votes, support), *_near_misses(evidence)]
    named = UNDECIDED if doubts else winner
    return Verdict(named, support, (*doubts, *_holes(evidence), _agreement(support, len(votes))))


def has_no_hole(evidence: Evidence) -> bool:
    """Whether nearly all draws show one piece without holes, and none is near to counting.

    More shuffles that outlast a bar only take from what counts: true of the most favourable shuffles, true of all.
    """
    none = [all(sum(numbers) == 1 for numbers in counts) for counts in evidence.votes]
    return sum(none) >= AGREEMENT * len(none) and not any(_near_misses(evidence))


def has_more_than(template: Manifold, counts: Counts) -> bool:
    """Whether over some field more holes are counted in a degree than the template has; pieces are no holes."""
    return any(
        found > expected
        for prime, numbers in zip(PRIMES, counts, strict=True)
        for found, expected in zip(numbers[1:], padded_betti(template, prime, len(numbers))[1:], strict=True)
    )


def without_folds(verdict: Verdict, ratio: float) -> Verdict:
    """A sphere's verdict, undecided where its fold ratio (:mod:`~neuromanifold.topology.folds`) is large."""
    if ratio <= MOST:
        return verdict
    doubt = (
        f"a sphere by its holes, but in places one direction from its centre holds several states (fold ratio "
        f"{ratio:.1f}, at most {MOST:g} on a sphere): units may be tuned too broadly to tell a sphere from a Klein "
        "bottle; record more, or more sharply tuned, units"
    )
    return _doubted(verdict, doubt)


def without_others(verdict: Verdict, share: float) -> Verdict:
    """A circle's verdict, undecided where little goes with it (:mod:`~neuromanifold.topology.loop_share`)."""
    if share >= LEAST_SHARE:
        return verdict
    doubt = (
        f"a circle by its holes, but the position on it explains {share:.0%} of the activity (at least "
        f"{LEAST_SHARE:.0%} on a circle alone): something else varies beside it, such as a second loop that these "
        "units do not resolve; record more units, or look for separate groups of units"
    )
    return _doubted(verdict, doubt)


def with_power(verdict: Verdict, n_samples: int, n_units: int, dimension: float) -> Verdict:
    """A verdict of no hole, undecided where a hole might not have been seen."""
    if verdict.template != "contractible":
        return verdict
    doubts = []
    if n_samples < MIN_SAMPLES_FOR_NONE:
        doubts.append(f"{n_samples} samples are too few (at least {MIN_SAMPLES_FOR_NONE} are needed): record longer")
    if n_units < MIN_UNITS_FOR_NONE:
        doubts.append(f"{n_units} units are too few (at least {MIN_UNITS_FOR_NONE} are needed): record more units")
    if dimension > MAX_DIMENSION_FOR_NONE:
        doubts.append(
            f"the activity fills about {dimension:.0f} dimensions, of which noise may be most (at most "
            f"{MAX_DIMENSION_FOR_NONE} show holes): smooth more, choose units with less noise, or fewer components"
        )
    if not doubts:
        return verdict
    said = f"no hole was found, but that says little: {'; '.join(doubts)}"
    return _doubted(verdict, said)


def _doubted(verdict: Verdict, doubt: str) -> Verdict:
    return replace(verdict, template=UNDECIDED, reasons=(doubt, *verdict.reasons))


def _agrees(template: Manifold, prime: int, counted: tuple[int, ...]) -> bool:
    return padded_betti(template, prime, len(counted)) == counted


def _name(counts: Counts) -> str:
    matching = candidates(counts)
    decided = len(matching) == 1 and _top_degree(matching[0]) < len(counts[0])
    return matching[0].name if decided else UNDECIDED


def _top_degree(template: Manifold) -> int:
    """The highest degree in which the template has a hole over some field: it must have been counted."""
    return max(degree for prime in PRIMES for degree, b in enumerate(template.betti(prime)) if b)


# -- doubts: what keeps a template from being named, and what to do about it -------------------------------------


def _doubts_of_votes(votes: Sequence[Counts], support: dict[str, float]) -> Iterator[str]:
    winner, share = next(iter(support.items()))
    if winner == UNDECIDED:
        unmatched = Counter(counts for counts in votes if _name(counts) == UNDECIDED).most_common(1)[0][0]
        yield _unmatched(unmatched)
    elif share < AGREEMENT:
        yield f"landmark draws disagree: {_REMEDY}, or use more landmarks"


def _unmatched(counts: Counts) -> str:
    fields = {
        f"over Z{prime}": " and ".join(number_of_holes(degree, b) for degree, b in enumerate(numbers))
        for prime, numbers in zip(PRIMES, counts, strict=True)
    }
    same = len(set(fields.values())) == 1
    holes = next(iter(fields.values())) if same else ", ".join(f"{h} {field}" for field, h in fields.items())
    pieces = max(numbers[0] for numbers in counts)
    remedy = (
        "look at each piece on its own (states of the animal, artefacts)"
        if pieces > 1
        else "look for separate groups of units"
    )
    like = _like(counts)
    return f"no template has {holes}{f' ({like} has)' if like else ''}: {_REMEDY}, or {remedy}"


def _like(counts: Counts) -> str:
    """A known space that is no template, with these Betti numbers over both fields; empty where none is known."""
    if len(set(counts)) > 1:
        return ""
    pieces, loops, cavities = (*counts[0], 0)[:3]
    if pieces > 1:
        return f"{pieces} separate circles" if loops == pieces and not cavities else ""
    if cavities == 0 and loops > 1:
        return "a figure eight" if loops == 2 else f"a bouquet of {loops} circles"
    if cavities == 1 and loops > 2 and loops % 2 == 0:
        return f"a surface of genus {loops // 2}"
    return "a 3-torus" if (loops, cavities) == (3, 3) else ""


def _near_misses(evidence: Evidence) -> Iterator[str]:
    """Bars just short of counting.

    Shuffles of a structureless cloud leave p of the longest bar uniform, so a p just above alpha says little.
    """
    for degree in range(1, 1 + evidence.max_degree):
        p = min(_next_p(evidence, prime, degree) for prime in PRIMES)
        if evidence.alpha < p <= 2 * evidence.alpha:
            yield (
                f"the next {_HOLES[degree][0]} has p = {p:.3f}, too near {evidence.alpha:g} to leave out with "
                f"confidence: {_REMEDY}"
            )


def _next_p(evidence: Evidence, prime: int, degree: int) -> float:
    """p-value of the longest bar that is not claimed."""
    return float(evidence.p_values[prime][degree][_claimed(evidence.common, prime, degree)])


def _claimed(counts: Counts, prime: int, degree: int) -> int:
    """Claimed bars; the endless piece of degree 0 is none of them, it needs no evidence."""
    return counts[PRIMES.index(prime)][degree] - (degree == 0)


# -- the numbers behind a verdict ---------------------------------------------------------------------------------


def _holes(evidence: Evidence) -> Iterator[str]:
    """A phrase a degree, for each field where they differ."""
    for degree in range(1 + evidence.max_degree):
        phrases = {prime: _phrase(evidence, prime, degree) for prime in PRIMES}
        if degree == 0 and all(_claimed(evidence.common, prime, 0) == 0 for prime in PRIMES):
            continue
        if len({_claimed(evidence.common, prime, degree) for prime in PRIMES}) == 1:
            yield phrases[PRIMES[0]]
        else:
            yield from (f"over Z{prime}: {phrase}" for prime, phrase in phrases.items())


def _phrase(evidence: Evidence, prime: int, degree: int) -> str:
    claimed, p = _claimed(evidence.common, prime, degree), evidence.p_values[prime][degree]
    if not claimed:
        return f"no {_HOLES[degree][0]}: the longest bar has p = {p[0]:.3f}"
    shown = ", ".join(f"{value:.3f}" for value in p[:claimed])
    number = number_of_holes(degree, claimed + (degree == 0))
    return f"{number} with p = {shown}; the next has p = {p[claimed]:.3f}"


def number_of_holes(degree: int, count: int) -> str:
    """As in "1 loop" or "2 cavities"; degree 0 counts pieces."""
    return f"{count} {_HOLES[degree][count != 1]}"


def _agreement(support: dict[str, float], n_draws: int) -> str:
    if len(support) == 1:
        return f"all {n_draws} landmark draws agree"
    return f"of {n_draws} landmark draws, " + ", ".join(
        f"{name} in {share * n_draws:.0f}" for name, share in support.items()
    )

"""A look: one way of turning activity into a cloud, the evidence that this gives and what it says.

Loops come first. Cavities are far dearer and are left out where there is just one loop, over both fields, or where the
cloud is a curve. Gaps between landmarks on a surface can be loops of their own until the scale of its cavity is known.
Directions are looked at for a circle only.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from neuromanifold._typing import FloatArray, IntArray
from neuromanifold.topology.classify import (
    Verdict,
    candidates,
    decide,
    has_no_hole,
    with_power,
    without_folds,
    without_others,
)
from neuromanifold.topology.cloud import CloudSettings, Reduction
from neuromanifold.topology.cost import Cost
from neuromanifold.topology.evidence import N_DRAWS, Evidence, gather
from neuromanifold.topology.folds import fold_ratio
from neuromanifold.topology.intrinsic_dimension import intrinsic_dimension
from neuromanifold.topology.loop_share import loop_share
from neuromanifold.topology.persistence import PRIMES
from neuromanifold.topology.significance import NullSettings, draw_rows

__all__ = ["Look", "Question", "look"]

# A cloud of smaller intrinsic dimension, by both estimates, is a curve.
CURVE = 1.5


@dataclass(frozen=True)
class Question:
    """What is asked of a cloud: landmarks for loops and for cavities, the null and the level of each bar."""

    n_landmarks: int
    n_landmarks_2: int
    null: NullSettings
    alpha: float


@dataclass(frozen=True)
class Look:
    """The map from activity to the cloud's space, what is found there and what follows."""

    cloud: CloudSettings
    reduction: Reduction
    dimension: dict[str, float]
    evidence: Evidence
    verdict: Verdict


def look(
    activity: FloatArray, intervals: IntArray, cloud: CloudSettings, question: Question, rng: np.random.Generator
) -> Look:
    """Look at activity (n, d), rows in time order inside each interval (n,)."""
    reduction = Reduction.fit(activity, cloud.n_components, directional=cloud.directional)
    # What is only looked at beside the verdict takes nothing from its draws.
    aside = rng.spawn(1)[0]
    drawn = reduction(activity[draw_rows(len(activity), cloud.n_samples, aside)])
    dimension = intrinsic_dimension(drawn, aside)
    is_curve = all(found < CURVE for found in dimension.values())
    evidence = _evidence(activity, intervals, cloud, question, is_curve, rng)
    n_samples, n_units = activity.shape
    verdict = with_power(decide(evidence), n_samples, n_units, dimension["local_pca"])
    if verdict.template == "sphere":
        verdict = without_folds(verdict, fold_ratio(drawn, aside))
    if verdict.template == "circle":
        verdict = without_others(verdict, loop_share(drawn, cloud, question.n_landmarks, aside))
    return Look(cloud, reduction, dimension, evidence, verdict)


def _evidence(
    activity: FloatArray,
    intervals: IntArray,
    cloud: CloudSettings,
    question: Question,
    is_curve: bool,
    rng: np.random.Generator,
) -> Evidence:
    null = question.null

    def up_to(degree: int, n_landmarks: int) -> Evidence:
        if null.verbose:
            n_clouds = null.n_shuffles + len(PRIMES) * N_DRAWS
            tqdm.write(str(Cost(n_landmarks, degree, n_clouds, null.n_jobs)), file=sys.stderr)
        return gather(
            activity,
            intervals,
            cloud,
            null,
            max_degree=degree,
            n_landmarks=n_landmarks,
            alpha=question.alpha,
            settled=has_no_hole,
            random_state=rng,
        )

    loops = up_to(1, question.n_landmarks)
    is_circle = [template.name for template in candidates(loops.common)] == ["circle"]
    if is_circle or is_curve or cloud.directional:
        return loops
    return up_to(2, question.n_landmarks_2)

"""Is curvature different between conditions?

The decoder is refitted to the blocks of each condition, at the coordinates of one fit to all (labels where given: the
gauge is then the task's), so that points of the two profiles correspond. The band of the difference comes from blocks
drawn with replacement inside each condition, reflected about the estimate (the basic bootstrap), which also takes out
that a condition with less data looks more bent. The p-value is of the squared difference over the manifold's area:
blocks change their condition at random. Blocks are trials where every condition has at least five, else stretches of
time.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._random import numpy_generator
from neuromanifold._settings import check_level, check_whole
from neuromanifold._typing import ArrayLike, FloatArray, IntArray, RandomState
from neuromanifold.bootstrap import MIN_BLOCKS, time_blocks
from neuromanifold.data.intervals import run_starts
from neuromanifold.data.recording import to_arrays
from neuromanifold.models import TopologicalVAE
from neuromanifold.models.labels import check_labels
from neuromanifold.profile import immersion_profile
from neuromanifold.statistics.block_refits import BlockRefits
from neuromanifold.statistics.fitted_arrays import fitted_arrays
from neuromanifold.statistics.stamp import quantity, stamped
from neuromanifold.topology.significance import p_value

__all__ = ["compare_conditions"]


def compare_conditions(
    model: TopologicalVAE,
    recording: xr.Dataset,
    condition: ArrayLike,
    y: ArrayLike | None = None,
    *,
    n_bootstrap: int = 200,
    n_permutations: int = 199,
    level: float = 0.9,
    random_state: RandomState = None,
) -> xr.Dataset:
    """Profiles of |H| in two conditions, their difference with a band, and a permutation test.

    Parameters
    ----------
    model : TopologicalVAE
        Fitted to the recording's activity, all conditions together.
    recording : Dataset
        The activity as the model saw it.
    condition : str or array (n,)
        Categorical task variable of the recording, or the condition of each sample; two different values, anything
        missing is left out.
    y : array (n,) or (n, k), optional
        Labels of the fit, where it had any.
    n_bootstrap, n_permutations : int
        Draws of the band, and of the null.
    level : float
        Coverage of the band.
    random_state : int, Generator or None

    Returns
    -------
    Dataset
        ``mean_curvature_norm`` (condition, point), ``difference`` (point; second less first) with ``_lower`` and
        ``_upper``, scalars ``statistic`` (mean squared difference over the manifold's area) and ``p_value``,
        ``n_blocks`` (condition).

    Raises
    ------
    InputError
        If there are not two conditions, a unit is constant, or a setting is out of range.
    NotEnoughDataError
        If a condition has fewer than five blocks.
    """
    check_whole("n_bootstrap", n_bootstrap, 1)
    check_whole("n_permutations", n_permutations, 1)
    check_level(level)
    arrays = fitted_arrays(model, recording, y)
    labels = check_labels(y, len(arrays.X), model.template_)
    names, codes = _conditions(recording, condition)
    used = codes >= 0
    blocks, of_block = _blocks(codes[used], arrays.groups[used], names)
    refits = BlockRefits(model, arrays.X[used], labels[used], blocks=blocks)
    profile = immersion_profile(model.immersion_)
    area = np.nan_to_num(profile["area"].to_numpy())
    rng = numpy_generator(random_state)

    def difference(counts: IntArray) -> FloatArray:
        found = refits.mean_curvature_norms(counts.reshape(-1, counts.shape[-1])).reshape(*counts.shape[:2], -1)
        return found[:, 1] - found[:, 0]

    members = np.stack([of_block == code for code in (0, 1)]).astype(int)
    both = refits.mean_curvature_norms(members)
    observed = both[1] - both[0]
    draws = difference(np.stack([_resampled(members, rng) for _ in range(n_bootstrap)]))
    shuffled = difference(np.stack([members[:, rng.permutation(len(of_block))] for _ in range(n_permutations)]))
    null = np.array([_size(values, area) for values in shuffled])
    low, high = 2 * observed - np.nanquantile(draws, [(1 + level) / 2, (1 - level) / 2], axis=0)
    found = _size(observed, area)
    unit = profile["mean_curvature_norm"].attrs
    gap = quantity(f"|H|, {names[1]} less {names[0]}", unit["units"])
    dataset = xr.Dataset(
        {
            "mean_curvature_norm": (("condition", "point"), both, unit),
            "difference": ("point", observed, gap),
            "difference_lower": ("point", low, gap),
            "difference_upper": ("point", high, gap),
            "statistic": ((), found, quantity("mean squared difference over the area", f"({unit['units']})^2")),
            "p_value": ((), p_value(found, null), quantity("p (the conditions do not differ)")),
            "n_blocks": ("condition", members.sum(axis=1), quantity("blocks or trials")),
        },
        coords={"condition": names, **{name: profile[name] for name in profile.coords}},
    )
    settings = {"n_bootstrap": n_bootstrap, "n_permutations": n_permutations, "level": level}
    return stamped(dataset, random_state, template=model.template_.name, gauge=model.gauge_, **settings)


def _conditions(recording: xr.Dataset, condition: ArrayLike) -> tuple[list[str], IntArray]:
    """Names of the two conditions, and the code (n,) of each sample, -1 where it is missing."""
    if isinstance(condition, str):
        to_arrays(recording, condition)  # a name that is not there is told
        condition = recording[condition].to_numpy()
    values = np.asarray(condition)
    n = recording.sizes["time"]
    if values.shape != (n,):
        raise InputError(f"condition must have one value a sample, ({n},); got an array of shape {values.shape}")
    codes, names = pd.factorize(pd.Series(values).replace("", np.nan), sort=True)
    if len(names) != 2:
        raise InputError(f"two conditions are compared; got {len(names)}: {', '.join(map(str, names[:5]))}")
    return [str(name) for name in names], codes.astype(np.int64)


def _blocks(codes: IntArray, groups: IntArray, names: list[str]) -> tuple[IntArray, IntArray]:
    """Block of each sample, and the condition of each block: trials where there are enough, else stretches of time."""
    starts = run_starts(2 * groups + codes)
    runs = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(codes))))
    whole_trials = runs[-1] + 1 == len(run_starts(groups))
    per_condition = np.bincount(codes[run_starts(runs)], minlength=2)
    blocks = runs if whole_trials and per_condition.min() >= MIN_BLOCKS else time_blocks(len(codes), runs)
    of_block = codes[run_starts(blocks)]
    fewest = int(np.bincount(of_block, minlength=2).argmin())
    if np.bincount(of_block, minlength=2)[fewest] < MIN_BLOCKS:
        raise NotEnoughDataError(
            f"condition {names[fewest]} has fewer than {MIN_BLOCKS} blocks of time or trials: give more samples of it"
        )
    return blocks, of_block


def _resampled(members: IntArray, rng: np.random.Generator) -> IntArray:
    """Counts (2, n_blocks) of blocks drawn with replacement inside each condition."""
    return np.stack([rng.multinomial(row.sum(), row / row.sum()) for row in members])


def _size(difference: FloatArray, area: FloatArray) -> float:
    known = np.isfinite(difference)
    return float((area[known] * np.square(difference[known])).sum() / area[known].sum())

"""Resampling: a comparison of two representations with its error, and against chance.

Error: a bootstrap over blocks of consecutive samples. A replicate draws as many blocks with replacement as there are;
a sample's weight is how often its block was drawn. Replicates are *weighted* comparisons, not comparisons of
repeated rows: a row paired with its own copy would look alike in every representation. Blocks cross no interval
border, and must be longer than the activity remembers. The interval is ``value ± z · standard_error``: how far the
value would move with other stretches of the same experiment, at this number of samples. It holds no bias (a shape
distance is biased at any n, see there), and quantiles of the replicates would double that bias.

Chance: the same comparison after one representation was shifted in time against the other, circularly inside each
interval, which keeps what each is over time and destroys what they share; or, for samples without time order, after
its samples were permuted. ``p = (1 + #{shuffled at least as alike}) / (1 + n_shuffles)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
import xarray as xr
from scipy.special import ndtri

from neuromanifold import __version__
from neuromanifold._errors import InputError
from neuromanifold._random import spawn_seeds
from neuromanifold._settings import check_choice, check_level, check_whole
from neuromanifold._typing import FloatArray, IntArray, RandomState
from neuromanifold.data.intervals import interval_slices

__all__ = ["Comparison", "NullKind", "Resampling", "compared", "time_blocks"]

N_BLOCKS = 50  # by default
MOST_BLOCKS = 200  # more would only cost time: the error of a standard error is 1 / √(2 · 200), 5 %
NullKind: TypeAlias = Literal["time-shift", "permutation"]


class Comparison(Protocol):
    """What a measure knows of one pair of representations."""

    @property
    def value(self) -> float:
        """The measure of all samples."""

    def weighted(self, weights: FloatArray) -> float:
        """The measure with a weight (n,) for each sample, constant inside each block."""

    def shuffled(self, order: IntArray) -> float:
        """The measure after the second representation's samples were put in another order (n,)."""


@dataclass(frozen=True)
class Resampling:
    """How errors and p-values are found: replicates, blocks (samples), shuffles, coverage, and the seed."""

    n_bootstrap: int = 200
    block_length: int | None = None
    n_shuffles: int = 100
    null: NullKind = "time-shift"
    level: float = 0.95
    random_state: RandomState = None

    def __post_init__(self) -> None:
        check_whole("n_bootstrap", self.n_bootstrap, 0)
        check_whole("n_shuffles", self.n_shuffles, 0)
        if self.block_length is not None:
            check_whole("block_length", self.block_length, 1)
        check_choice("null", self.null, ("time-shift", "permutation"))
        check_level(self.level)


def compared(
    comparison: Comparison,
    groups: IntArray,
    resampling: Resampling,
    blocks: IntArray,
    *,
    alike: Literal["large", "small"],
    units: str,
    attrs: dict[str, str | int | float],
) -> xr.Dataset:
    """Value, standard error, interval and p-value of a comparison, labelled.

    Parameters
    ----------
    comparison : Comparison
    groups, blocks : array (n,)
        Interval and block of each sample.
    resampling : Resampling
    alike : {"large", "small"}
        Whether large or small values say that the representations are alike.
    units, attrs
        Of the value; of the result.
    """
    seeds = spawn_seeds(resampling.random_state, 2)
    value, settings = comparison.value, attrs | {"n_samples": len(groups), "version": __version__}
    result = {"value": value}
    if resampling.n_bootstrap:
        replicates = _bootstrap(comparison, blocks, resampling.n_bootstrap, np.random.default_rng(seeds[0]))
        error = float(np.nanstd(replicates))
        half = float(ndtri(0.5 + resampling.level / 2)) * error
        result |= {"standard_error": error, "lower": value - half, "upper": value + half}
        settings |= {"n_bootstrap": resampling.n_bootstrap, "n_blocks": int(blocks[-1]) + 1, "level": resampling.level}
    if resampling.n_shuffles:
        null = _null(comparison, groups, resampling, np.random.default_rng(seeds[1]))
        as_alike = null >= value if alike == "large" else null <= value
        result |= {"p_value": (1 + int(as_alike.sum())) / (1 + len(null)), "chance": float(np.mean(null))}
        settings |= {"null": resampling.null, "n_shuffles": resampling.n_shuffles}
    settings |= {"random_state": str(resampling.random_state)}
    return xr.Dataset({name: ((), number, _meaning(name, units)) for name, number in result.items()}, attrs=settings)


def time_blocks(groups: IntArray, block_length: int | None = None) -> IntArray:
    """Block (n,) of each sample, numbered from 0: consecutive samples, none across a border of ``groups`` (n,).

    ``block_length`` samples a block (None: about a 50th of all); where that makes more than 200 blocks, neighbours are
    taken together.
    """
    n = len(groups)
    length = block_length or -(-n // N_BLOCKS)
    block = np.arange(n) // length
    border = (np.diff(block, prepend=block[0]) != 0) | np.r_[False, groups[1:] != groups[:-1]]
    blocks = np.cumsum(border)
    n_blocks = int(blocks[-1]) + 1
    if n_blocks < 2:
        raise InputError(f"block_length={block_length} makes one block of all {n} samples: give shorter ones")
    return blocks if n_blocks <= MOST_BLOCKS else blocks * MOST_BLOCKS // n_blocks


def _bootstrap(comparison: Comparison, blocks: IntArray, n_bootstrap: int, rng: np.random.Generator) -> FloatArray:
    n_blocks = int(blocks[-1]) + 1
    counts = rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), size=n_bootstrap)
    return np.array([comparison.weighted(count[blocks].astype(np.float64)) for count in counts])


def _null(comparison: Comparison, groups: IntArray, resampling: Resampling, rng: np.random.Generator) -> FloatArray:
    intervals = interval_slices(groups)
    if resampling.null == "time-shift" and len(intervals) == len(groups):
        raise InputError(
            "every interval (group) is one sample long: nothing can be shifted inside it; "
            'for samples without time order take null="permutation"'
        )
    orders = (_order(intervals, len(groups), resampling.null, rng) for _ in range(resampling.n_shuffles))
    return np.array([comparison.shuffled(order) for order in orders])


def _order(intervals: list[slice], n: int, kind: NullKind, rng: np.random.Generator) -> IntArray:
    if kind == "permutation":
        return rng.permutation(n)
    order = np.arange(n)
    for interval in intervals:
        length = interval.stop - interval.start
        order[interval] = np.roll(order[interval], rng.integers(1, max(2, length)))
    return order


def _meaning(name: str, units: str) -> dict[str, str]:
    long_name = {
        "value": "measure",
        "standard_error": "standard deviation over bootstrap replicates",
        "lower": "value - z · standard error",
        "upper": "value + z · standard error",
        "p_value": "share of shuffles at least as alike",
        "chance": "mean over shuffles",
    }[name]
    return {"long_name": long_name, "units": "1" if name == "p_value" else units}

r"""The universal null: a p-value for each bar from the bars of its own diagram, without shuffles.

For points drawn independently from any distribution, the multiplicative lengths π = death / birth of all bars of one
degree of a Rips filtration seem to follow one law (Bobrowski & Skraba 2023, a conjecture with strong evidence):

    ℓ = log log π - mean(log log π) - γ,     P(ℓ > x) = exp(-e^x),     γ Euler's constant

so that a hole is a bar whose ``p = exp(-e^ℓ)``, times the number of bars, is small. A second opinion: landmarks chosen
to be far apart are not independent points, and noise shortens π, so it misses holes that shuffles show.
"""

from __future__ import annotations

import numpy as np

from neuromanifold._typing import FloatArray

__all__ = ["MIN_BARS", "universal_p_values"]

# Fewer bars do not tell their mean.
MIN_BARS = 10


def universal_p_values(diagram: FloatArray) -> FloatArray:
    """p-values (n,) of the bars (n, 2) of one degree from 1 up, times the number of bars; NaN where they are too few.

    A bar that never ends has p = 0.
    """
    found = np.full(len(diagram), np.nan)
    birth, death = diagram.T
    usual = np.isfinite(death) & (birth > 0) & (death > birth)
    if usual.sum() < MIN_BARS:
        return found
    spread = np.log(np.log(death[usual] / birth[usual]))
    ell = spread - spread.mean() - np.euler_gamma
    found[usual] = np.minimum(1.0, usual.sum() * np.exp(-np.exp(ell)))
    found[~np.isfinite(death)] = 0.0
    return found

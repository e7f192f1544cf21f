"""How many samples say one new thing: the integrated autocorrelation time of a residual.

    tau = 1 + 2 sum_k rho_k,   rho_k the autocorrelation at lag k of the residual, averaged over units,

summed until rho falls below a small value. n samples of a smoothed recording weigh like n / tau independent
ones; a marginal likelihood that counted them all would follow every bend of their noise.
"""

from __future__ import annotations

from torch import Tensor

__all__ = ["autocorrelation_time"]

# Rows of a block.
BLOCK = 16384
LEAST_CORRELATION = 0.05
MAX_LAG_SHARE = 0.1


def autocorrelation_time(residual: Tensor, groups: Tensor) -> float:
    """Integrated autocorrelation time, in samples (at least 1), of residuals (n, d) inside intervals (n,)."""
    mean = residual.mean(0)
    variance = residual.var(0, correction=0)
    used = variance > 0
    if not bool(used.any()):
        return 1.0
    time = 1.0
    for lag in range(1, max(2, int(MAX_LAG_SHARE * len(residual)))):
        inside = (groups[lag:] == groups[:-lag]).to(residual)
        n_inside = float(inside.sum())
        if n_inside == 0:
            break
        # As a sum with weights, a block at a time: a long recording has no room for another of its size.
        parts = (part.split(BLOCK) for part in (inside, residual[lag:], residual[:-lag]))
        product = sum(weight @ ((late - mean) * (early - mean)) for weight, late, early in zip(*parts, strict=True))
        product = product / n_inside
        correlation = float((product[used] / variance[used]).mean())
        if correlation < LEAST_CORRELATION:
            break
        time += 2 * correlation
    return time

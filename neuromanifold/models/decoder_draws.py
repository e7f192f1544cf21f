"""What the decoder might have been: draws that hold the noise of the data, the choice of prior and the smoothing bias.

With moments ``G, C`` of the activity's signal directions, prior precision ``Λ`` and the scores ``s_j`` of blocks of
samples (``s_j = C_j - G_j W`` at the fit, which sum to zero but for the penalty), a draw is

    prior ~ evidence,   c_j copies of block j (blocks drawn with replacement),   w ~ prior,
    W* = K (C + sum_j (c_j - 1) s_j) + (I - K G) w,

K the smoother of the prior. For independent noise and one pass, ``K = (G + Λ)^-1``, W* is a draw from the posterior
of the decoder, averaged over priors; scores of blocks put the data's own noise in its place, unequal from place to
place and correlated in time. That smoother shrinks coefficients of the signal too, more than a prior that is wrong
for them admits; what it left over is smoothed again and added (twicing), ``I - K G -> (I - K G)^2``, so that less
of the error is bias, which the last term holds, and more is noise, which the blocks tell.

Sources: Tukey (1977), twicing; Wahba (1983) and Nychka (1988), bands of the posterior that cover on average over
points; Cameron, Gelbach & Miller (2008), resampled scores of blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from neuromanifold.models.harmonic_regression import Prior, Regression, fit_regression, log_evidences, spectrum
from neuromanifold.models.moments import Moments

__all__ = ["GaussianDraws"]

# Passes of the smoother: 1 is the posterior mean, 2 twicing.
N_PASSES = 2


class GaussianDraws:
    """Draws of a decoder's weights, as deviations from the fit to all blocks.

    Parameters
    ----------
    blocks : sequence of Moments
        Of the blocks that are resampled as wholes, thinned by the autocorrelation time.
    eigenvalues : Tensor (p,)
        Of the moments' harmonics.
    weight : Tensor (p or more, d)
        The fit. Without labels a regression at its posterior is another step of its own, which belongs to the error.
    n_passes : int
        Of the smoother in the fit whose deviations are drawn.
    """

    def __init__(self, blocks: Sequence[Moments], eigenvalues: Tensor, weight: Tensor, n_passes: int = 1) -> None:
        total = sum(blocks[1:], start=blocks[0])
        chosen = fit_regression(total, eigenvalues, n_passes=n_passes).prior
        # With the band limit known, fewer dimensions of noise hide the weak directions of the signal.
        fit = fit_regression(total, eigenvalues, prior=chosen)
        self._weight = weight[: len(eigenvalues)]
        self._eigenvalues = eigenvalues
        into, self._back = fit.signal()
        self._signal = total.transformed(into)
        self._scores = _scores(blocks, fit) @ into
        log_evidence, self._priors = zip(*log_evidences(self._signal, eigenvalues, chosen.left_out), strict=True)
        self._share = torch.softmax(torch.tensor(log_evidence, dtype=torch.float64), 0).numpy()

    def change(self, rng: np.random.Generator) -> Tensor:
        """One draw minus the fit: weights (p, d) of all harmonics."""
        prior = self._priors[rng.choice(len(self._priors), p=self._share)]
        drawn = self._drawn(prior, rng) @ self._back
        deviation = drawn.new_zeros(len(self._eigenvalues), drawn.shape[1])
        deviation[: len(drawn)] = drawn
        deviation[: len(self._weight)] -= self._weight
        deviation[0] = 0
        return deviation

    def _drawn(self, prior: Prior, rng: np.random.Generator) -> Tensor:
        """Weights (p, r) of a draw, the constant's left at zero: it bends nothing."""
        nu, directions, b = spectrum(self._signal, prior, self._eigenvalues)
        n_blocks = len(self._scores)
        copies = torch.as_tensor(rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks)) - 1.0)
        scores = torch.tensordot(copies, self._scores[:, : prior.n_harmonics], 1)
        mean_values = self._signal.gram[0, : prior.n_harmonics] / self._signal.gram[0, 0]
        noisy = b + directions.mT @ (scores - mean_values[:, None] * scores[0])[1:]
        left = 1 / (1 + prior.scale * nu)
        smoother = prior.scale * torch.stack([left ** (power + 1) for power in range(N_PASSES)]).sum(0)
        bias = left**N_PASSES * prior.scale**0.5
        normal = torch.as_tensor(rng.standard_normal(b.shape))
        varying = directions @ (smoother[:, None] * noisy + bias[:, None] * normal)
        return torch.cat([varying.new_zeros(1, varying.shape[1]), varying])


def _scores(blocks: Sequence[Moments], fit: Regression) -> Tensor:
    """Scores (n_blocks, p, d) about their mean, each scaled for the freedom that the fit has taken."""
    p = len(fit.weight)
    scores = torch.stack([m.cross - m.gram[:, :p] @ fit.weight for m in blocks])
    n_samples, n_blocks = sum(m.n_samples for m in blocks), len(blocks)
    freedom = n_samples / max(n_samples - p, 1) * n_blocks / (n_blocks - 1)
    return (scores - scores.mean(0)) * freedom**0.5

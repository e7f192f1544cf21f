"""What a decoder of counts might have been: draws that hold the counts' noise, the choice of prior and smoothing bias.

About the mode W, with a unit's Hessian H and the scores ``s_j`` of blocks of samples (the slopes of their
log-likelihoods at W), counts say of the weights what a Gaussian response ``C = H W + sum_j s_j`` would, and a draw is

    prior ~ evidence,   c_j copies of block j (blocks drawn with replacement),   w ~ prior,
    W* = K (C + sum_j (c_j - 1) s_j) + (I - K H) w,   I - K H = (I - (H + P)^-1 H)^m,

P the prior's precision. Blocks hold the noise as it is, overdispersed and correlated in time. One smoothing (m = 1) of
independent counts is Laplace's posterior; what a smoother leaves over is smoothed again, m times in all (for m = 2
Tukey's twicing), so that less of the error is bias, of which a prior that all units share gives some too little.

Sources: Tukey (1977); Wahba (1983) and Nychka (1988), bands of the posterior that cover on average over
points; Cameron, Gelbach & Miller (2008), resampled scores of blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neuromanifold.models.counts.priors import families
from neuromanifold.models.counts.regression import CountProblem, CountRegression, padded, precision_of
from neuromanifold.models.counts.statistics import CountStatistics
from neuromanifold.models.harmonic_regression import Prior

__all__ = ["CountDraws"]

# m. Bands of 90 % about place cells hold 0.83 (10 units, 87 seeds) and 0.88 (40 units, 28 seeds) of the profile for m =
# 2, and 0.91 and 0.93 for m = 8, a quarter wider; the whole profile in 0.74 and 0.75, and in 0.90 and 0.93.
N_PASSES = 8
# Of mode and scale in turn, for the evidence of each family.
MAX_ROUNDS = 6


@dataclass(frozen=True)
class CountDraws:
    """Draws about a mode (p, d).

    Attributes
    ----------
    response : Tensor (p, d)
        C.
    hessian : Tensor (d, p, p)
    scores : Tensor (n_blocks, p, d)
        About their mean, scaled for the freedom that the fit has taken.
    priors, shares
        Their posterior probabilities.
    """

    mode: Tensor
    response: Tensor
    hessian: Tensor
    scores: Tensor
    eigenvalues: Tensor
    priors: tuple[Prior, ...]
    shares: tuple[float, ...]

    @classmethod
    def about(cls, problem: CountProblem, fit: CountRegression, blocks: Sequence[CountStatistics]) -> CountDraws:
        """Draws about a fit of the problem, whose statistics are the blocks' sum."""
        mode = padded(fit.weight, problem.values.shape[1])
        hessian, log_mean = problem.hessian(mode, fit.law), problem.values @ mode
        scores = torch.stack([problem.values.mT @ block.slope(log_mean, fit.law) for block in blocks])
        fits = [problem.fit(fit, prior, max_rounds=MAX_ROUNDS) for prior in families(fit, problem.values.shape[1])]
        log_evidence = torch.tensor([each.log_evidence for each in fits], dtype=torch.float64)
        n_samples, n_blocks = float(problem.statistics.mass.sum()), len(blocks)
        freedom = n_samples / max(n_samples - fit.prior.n_harmonics, 1.0) * n_blocks / max(n_blocks - 1, 1)
        return cls(
            mode,
            _times(hessian, mode) + scores.sum(0),
            hessian,
            (scores - scores.mean(0)) * freedom**0.5,
            problem.eigenvalues,
            tuple(each.prior for each in fits),
            tuple(torch.softmax(log_evidence, 0).tolist()),
        )

    def change(self, rng: np.random.Generator) -> Tensor:
        """A draw less the mode (p, d)."""
        precision = precision_of(self.priors[rng.choice(len(self.priors), p=self.shares)], self.eigenvalues)
        root = torch.linalg.cholesky(self.hessian + torch.diag_embed(precision))
        n_blocks = len(self.scores)
        copies = torch.as_tensor(rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks)) - 1.0).to(root)
        response = self.response + torch.tensordot(copies, self.scores, 1)
        # The constant's prior is flat: there is nothing to draw it from, and it is not shrunk.
        deviation = torch.cat([precision.new_zeros(1), precision[1:].rsqrt()])
        bias = deviation[:, None] * torch.as_tensor(rng.standard_normal(self.mode.shape)).to(root)
        drawn = torch.zeros_like(self.mode)
        for _ in range(N_PASSES):
            drawn = drawn + _solved(root, response - _times(self.hessian, drawn))
            bias = bias - _solved(root, _times(self.hessian, bias))
        return (drawn + bias - self.mode).cpu()


def _times(matrices: Tensor, weight: Tensor) -> Tensor:
    """Each unit's matrix (d, p, p) times its weights (p, d)."""
    return torch.einsum("dpq,qd->pd", matrices, weight)


def _solved(root: Tensor, weight: Tensor) -> Tensor:
    return torch.cholesky_solve(weight.mT[..., None], root)[..., 0].mT

"""The decoder of counts: log means as smooth functions of a point on the template, by empirical Bayes.

``log mu_i(z) = C_i^T h(z)``, h the template's Laplacian eigenfunctions, and counts about mu of the law of
:mod:`~neuromanifold.models.counts.law`. Prior ``C_ai ~ N(0, tau / rho(lambda_a))``, flat on the constant. The weights
are the posterior mode, by Newton's method in all units at once; the scale tau is MacKay's (1992) fixed point for the
largest marginal likelihood in Laplace's approximation,

    log p = sum_i [ log p(x_i | C_i) - 1/2 C_i^T P C_i + 1/2 log|P| - 1/2 log|H_i + P| ],

P the prior's precision and H_i the Hessian of unit i. Log means of tuned units have no low rank, so none is sought.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from neuromanifold.models.counts.law import CountLaw
from neuromanifold.models.counts.statistics import CountStatistics, likeliest_law
from neuromanifold.models.harmonic_regression import Prior

__all__ = ["CountProblem", "CountRegression", "padded", "precision_of"]

# Numbers in the largest array of a block of units (units, harmonics, grid points).
BLOCK = 1 << 22
MAX_NEWTON = 30
MAX_HALVINGS = 10
# Newton's method stops where no unit's penalised log-likelihood rises by more (nats); the scale, where the evidence of
# all does not move by more.
NEWTON_TOLERANCE = 1e-3
EVIDENCE_TOLERANCE = 0.3
# The largest standard deviation of a log mean over the template that a prior has (nats): one that grew without bound
# would follow a unit that is silent on a part of the template to -infinity.
MAX_DEVIATION = 10.0
# Share of the weights that the data determine below which it is rounding error: counts without signal have shrunk all.
LEAST_DETERMINED = 1e-9
# Counts added to each unit's total for its first constant: a unit without counts has a finite log mean.
PSEUDOCOUNT = 0.5


@dataclass(frozen=True)
class CountRegression:
    """Log means per bin: weights (p, d) of the harmonics, the law of the counts, the prior, and the log evidence."""

    weight: Tensor
    law: CountLaw
    prior: Prior
    log_evidence: float


@dataclass(frozen=True)
class CountProblem:
    """Counts at points where the harmonics are ``values`` (G, p), of eigenvalues (p,)."""

    values: Tensor
    eigenvalues: Tensor
    statistics: CountStatistics
    overdispersed: bool

    def restricted(self, n_harmonics: int) -> CountProblem:
        """The problem of the first ``n_harmonics`` functions."""
        return replace(self, values=self.values[:, :n_harmonics], eigenvalues=self.eigenvalues[:n_harmonics])

    def constant(self, prior: Prior) -> CountRegression:
        """A first regression: constant Poisson means."""
        total, samples = self.statistics.sums.sum(0), self.statistics.mass.sum()
        log_mean = torch.log((total + PSEUDOCOUNT) / samples)
        weight = self.values.new_zeros(prior.n_harmonics, len(total))
        weight[0] = log_mean / self.values[0, 0]
        return CountRegression(weight, CountLaw(torch.zeros_like(log_mean)), prior, -float("inf"))

    def fit(self, start: CountRegression, prior: Prior, *, max_rounds: int = 12) -> CountRegression:
        """The regression of a prior's family and band limit with the law of a start: mode and scale in turn.

        ``max_rounds`` of one is a step of an expectation-maximisation.
        """
        problem, law = self.restricted(prior.n_harmonics), start.law
        weight, previous = padded(start.weight, prior.n_harmonics), -float("inf")
        for _ in range(max_rounds):
            precision = precision_of(prior, problem.eigenvalues)
            weight, root = problem.mode(weight, law, precision)
            log_evidence = problem.log_evidence(weight, law, precision, root)
            prior = replace(
                prior, scale=_next_scale(weight, root, precision, prior.scale, problem.largest_scale(prior))
            )
            if abs(log_evidence - previous) < EVIDENCE_TOLERANCE:
                break
            previous = log_evidence
        return CountRegression(weight, law, prior, log_evidence)

    def largest_scale(self, prior: Prior) -> float:
        """The scale at which the prior's log means have the largest deviation: their variance is the mean of
        ``tau sum_a h_a^2 / rho_a`` over the template.
        """
        constant = float(self.values[0, 0])
        return MAX_DEVIATION**2 / (constant**2 * float((1 / prior.precision(self.eigenvalues)).sum()))

    def redispersed(self, fit: CountRegression) -> CountRegression:
        """The same regression with its likeliest dispersions."""
        if not self.overdispersed:
            return fit
        log_mean = self.values[:, : len(fit.weight)] @ fit.weight
        return replace(fit, law=likeliest_law(log_mean, self.statistics))

    def mode(self, weight: Tensor, law: CountLaw, precision: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (p, d) of the largest posterior density, and the Cholesky roots (d, p, p) of its curvature."""
        value = self.log_posterior(weight, law, precision)
        for _ in range(MAX_NEWTON):
            root = self._root(weight, law, precision)
            slope = self.gradient(weight, law) - precision[:, None] * weight
            step = torch.cholesky_solve(slope.mT[..., None], root)[..., 0].mT
            weight, gain = self._ascended(weight, step, value, law, precision)
            value = value + gain
            if float(gain.max()) < NEWTON_TOLERANCE:
                break
        return weight, root

    def _ascended(
        self, weight: Tensor, step: Tensor, value: Tensor, law: CountLaw, precision: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Weights a step on, which is halved for each unit until its log posterior does not fall; the gains (d,)."""
        length = torch.ones_like(value)
        for _ in range(MAX_HALVINGS):
            moved = weight + length * step
            gain = self.log_posterior(moved, law, precision) - value
            worse = ~(gain >= 0)
            if not bool(worse.any()):
                return moved, gain
            length = torch.where(worse, length / 2, length)
        return torch.where(worse, weight, moved), torch.where(worse, 0.0, gain)

    def log_posterior(self, weight: Tensor, law: CountLaw, precision: Tensor) -> Tensor:
        """Expected log-likelihood of each unit less the prior's penalty (d,), nats."""
        penalty = 0.5 * (precision[:, None] * weight.square()).sum(0)
        return self.statistics.log_likelihood(self.values @ weight, law) - penalty

    def gradient(self, weight: Tensor, law: CountLaw) -> Tensor:
        """Derivative of the log-likelihood (p, d)."""
        return self.values.mT @ self.statistics.slope(self.values @ weight, law)

    def hessian(self, weight: Tensor, law: CountLaw) -> Tensor:
        """Minus the second derivatives of each unit's log-likelihood (d, p, p)."""
        curvature = self.statistics.curvature(self.values @ weight, law).mT
        blocks = curvature.split(max(1, BLOCK // self.values.numel()))
        return torch.cat([(self.values.mT * block[:, None]) @ self.values for block in blocks])

    def _root(self, weight: Tensor, law: CountLaw, precision: Tensor) -> Tensor:
        return torch.linalg.cholesky(self.hessian(weight, law) + torch.diag_embed(precision))

    def log_evidence(self, weight: Tensor, law: CountLaw, precision: Tensor, root: Tensor) -> float:
        """Laplace's approximation to the log marginal likelihood, nats, up to what all priors share."""
        log_volume = root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        each = self.log_posterior(weight, law, precision) + 0.5 * precision[1:].log().sum() - log_volume
        return float(each.sum())


def padded(weight: Tensor, n_harmonics: int) -> Tensor:
    """The first ``n_harmonics`` weights (p, d); those that are missing are zero."""
    padded = weight.new_zeros(n_harmonics, weight.shape[1])
    padded[: len(weight)] = weight[:n_harmonics]
    return padded


def precision_of(prior: Prior, eigenvalues: Tensor) -> Tensor:
    """Precision of the weights (p,): none of the constant."""
    varying = prior.precision(eigenvalues) / prior.scale
    return torch.cat([torch.zeros_like(varying[:1]), varying])


def _next_scale(weight: Tensor, root: Tensor, precision: Tensor, scale: float, largest: float) -> float:
    """``tau = sum rho C^2 / gamma``, gamma the number of weights that the data determine, up to the largest."""
    variance = torch.cholesky_inverse(root).diagonal(dim1=-2, dim2=-1).mT
    determined = float((1 - precision[:, None] * variance)[1:].sum())
    if determined < LEAST_DETERMINED * weight[1:].numel():
        return scale
    return min(scale * float((precision[:, None] * weight.square()).sum()) / determined, largest)

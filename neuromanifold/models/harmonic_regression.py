"""The decoder: activity as a smooth function of a point on the template, by empirical Bayes.

``x = C^T h(z) + noise``, h the template's Laplacian eigenfunctions with eigenvalues lambda, noise of any
covariance. Prior ``C_a ~ N(0, tau / rho(lambda_a))``: smooth maps are likely. The band limit, the family
rho and the scale tau are chosen together by the marginal likelihood, after the signal's rank has been
reduced: noise that does not fit in the leading singular vectors of a first fit carries no curvature (a
curve in R^100 that lives in a plane has a planar H). Eigenspaces without signal inside the band (the even
frequencies of a curve that is its own mirror image through the centre) are then left out, each by its Bayes
factor: their noise would bend the manifold as much as that of their neighbours. Whole eigenspaces, so that no
direction of the template is special.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from neuromanifold.models.moments import Moments
from neuromanifold.models.noise import Noise

__all__ = ["Prior", "Regression", "fit_regression", "log_evidences", "smoother", "spectrum"]

# Singular values of a pure-noise fit stay below sqrt(p) + sqrt(d) (Marchenko-Pastur); a tenth above it for finite size.
RANK_MARGIN = 1.1
# A sine and its cosine are about equally strong: with only one of them a round ring would be bent. So a direction above
# that limit, without the margin, is kept where its singular value is this near to one that is; noise moves each by 1.
PARTNER = 3.5
# Log of the largest prior precision: beyond it a coefficient is zero for every purpose, and rounding would win.
MAX_LOG_PRECISION = 25.0
N_SCALES = 60
# All band limits are tried up to this many, every second to tenth of more.
MAX_BAND_LIMITS = 32
# Log Bayes factor from which an eigenspace is left out, and how often the rest is looked at again. One whose noise
# bends the manifold by less than this share of its curvature stays: nothing is gained by leaving it out.
LEAVE_OUT = 1.0
N_PRUNINGS = 6
BENDS = 1e-3
FAMILIES = (
    ("power", 4.0),
    *(("heat", rate) for rate in (0.03, 0.055, 0.1, 0.17, 0.3)),
    *(("exponential", rate) for rate in (0.3, 0.6, 1.0, 1.7)),
)


@dataclass(frozen=True)
class Prior:
    """Precision ``tau^-1 rho(lambda)`` on the first ``n_harmonics`` functions; ``family`` and ``rate`` give rho.

    ``left_out`` are the numbers of the eigenspaces (the constant's is 0) whose coefficients are zero. Two passes of the
    smoother are twicing (:mod:`~neuromanifold.models.twicing`).
    """

    n_harmonics: int
    family: str
    rate: float
    scale: float = 1.0
    left_out: tuple[int, ...] = ()
    n_passes: int = 1

    def deviation(self, eigenvalues: Tensor) -> Tensor:
        """``rho^-1/2``: prior standard deviation of the functions but the constant, at scale 1; 0 where left out."""
        left_out = torch.tensor(self.left_out, device=eigenvalues.device)
        out = torch.isin(eigenspaces(eigenvalues)[1 : self.n_harmonics], left_out)
        return self.precision(eigenvalues).rsqrt().masked_fill(out, 0)

    def precision(self, eigenvalues: Tensor) -> Tensor:
        """``rho`` of all functions but the constant (n_harmonics - 1,), 1 at the first.

        Power ``lambda^rate``, heat ``e^(rate lambda)``, exponential ``e^(rate sqrt lambda)``, lambda in
        units of the first positive eigenvalue.
        """
        ratio = eigenvalues[1 : self.n_harmonics] / eigenvalues[1]
        if self.family == "power":
            log_rho = self.rate * ratio.log()
        elif self.family == "heat":
            log_rho = self.rate * (ratio - 1)
        else:
            log_rho = self.rate * (ratio.sqrt() - 1)
        return log_rho.clamp_max(MAX_LOG_PRECISION).exp()


@dataclass(frozen=True)
class Regression:
    """A fitted decoder: weights (p, d), noise, the prior, rank of the signal, and log evidence (up to a constant)."""

    weight: Tensor
    noise: Noise
    prior: Prior
    rank: int
    log_evidence: float

    def signal(self) -> tuple[Tensor, Tensor]:
        """Maps from activity to the signal's directions in unit noise (d, r), and back (r, d)."""
        _, _, right = torch.linalg.svd(self.weight[1:] @ self.noise.whitening, full_matrices=False)
        basis = right[: self.rank].mT
        return self.noise.whitening @ basis, basis.mT @ self.noise.colouring


def fit_regression(
    moments: Moments, eigenvalues: Tensor, *, prior: Prior | None = None, n_passes: int = 1
) -> Regression:
    """Fit the decoder; with ``prior`` its family and band limit are kept and only the scale is chosen again.

    Parameters
    ----------
    moments : Moments
        Of p harmonics in order of their eigenvalues (at least p,).
    prior : Prior, optional
        A choice made before.
    n_passes : int
        Of the smoother, where the prior is to be chosen.
    """
    if prior is not None:
        moments = moments.restricted(prior.n_harmonics)
    noise = _saturated_noise(moments)
    white = moments.transformed(noise.whitening)
    basis = _signal_basis(white)
    signal = white.transformed(basis)
    if prior is None:
        log_evidence, chosen = _chosen(signal, eigenvalues)
        chosen = replace(chosen, n_passes=n_passes)
    else:
        log_evidence, chosen = _best_scale(signal, prior, eigenvalues)
    reduced, n_used = _posterior_mean(signal, chosen, eigenvalues)
    weight = reduced @ basis.mT
    # Where there is no signal the mean is still what it is: nothing is known beforehand about the constant.
    mean = white.cross[0] / white.gram[0, 0]
    weight[0] += mean - (mean @ basis) @ basis.mT
    weight = weight @ noise.colouring
    scatter = moments.restricted(chosen.n_harmonics).residual(weight)
    return Regression(weight, _noise(scatter, moments, n_used), chosen, basis.shape[1], log_evidence)


def log_evidences(signal: Moments, eigenvalues: Tensor, left_out: tuple[int, ...]) -> list[tuple[float, Prior]]:
    """Log evidence (up to a shared constant) of every family at every band limit, each at its best scale.

    ``signal`` is of activity in unit noise, along the directions that carry signal.
    """
    priors = (replace(prior, left_out=left_out) for prior in _priors(len(signal.gram), eigenvalues))
    return [_best_scale(signal, prior, eigenvalues) for prior in priors]


def _saturated_noise(moments: Moments) -> Noise:
    """Noise from the residual of the unpenalised fit."""
    gram = _conditioned(moments.gram)
    return _noise(moments.residual(torch.linalg.solve(gram, moments.cross)), moments, len(gram))


def _noise(scatter: Tensor, moments: Moments, n_used: float) -> Noise:
    n_free = max(moments.n_samples - n_used, 1.0)
    # Cancellation can leave the residual of noise-free activity slightly negative.
    if scatter.ndim == 1:
        return Noise.from_scatter(scatter.clamp_min(0), n_free, moments.second / moments.n_samples)
    scatter = scatter + torch.diag_embed((-scatter.diagonal()).clamp_min(0))
    return Noise.from_scatter(scatter, n_free, moments.second.diagonal() / moments.n_samples)


def _signal_basis(white: Moments) -> Tensor:
    """Orthonormal basis (d, r) of the signal in whitened activity: singular values above those of pure noise."""
    n_harmonics, n_units = white.cross.shape
    root = torch.linalg.cholesky(_conditioned(white.gram))
    # The first row is the mean, whose size says nothing of the manifold.
    signal = torch.linalg.solve_triangular(root, white.cross, upper=False)[1:]
    _, singular, right = torch.linalg.svd(signal, full_matrices=False)
    limit = n_harmonics**0.5 + n_units**0.5
    rank = max(int((singular > RANK_MARGIN * limit).sum()), min(2, n_units))
    while rank < len(singular) and singular[rank] > max(limit, float(singular[rank - 1]) - PARTNER):
        rank += 1
    return right[:rank].mT


def _conditioned(gram: Tensor) -> Tensor:
    """The Gram matrix with a ridge far below statistical error: parts of the template may be unvisited."""
    return gram + 1e-6 * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)


def eigenspaces(eigenvalues: Tensor) -> Tensor:
    """Number (p,) of each function's eigenspace, from 0."""
    return torch.unique_consecutive(eigenvalues.round(decimals=6), return_inverse=True)[1]


def _chosen(signal: Moments, eigenvalues: Tensor) -> tuple[float, Prior]:
    """The likeliest family, band limit and scale, and of these the eigenspaces that the signal is in."""
    best = _likeliest(signal, _priors(len(signal.gram), eigenvalues), eigenvalues)
    for _ in range(N_PRUNINGS):
        against = _against(signal, best[1], eigenvalues)
        silent = [number for number, log_factor in against.items() if log_factor > LEAVE_OUT]
        if not 0 < len(silent) < len(against):
            break
        left_out = tuple(sorted((*best[1].left_out, *silent)))
        fewer = (Prior(best[1].n_harmonics, *family, left_out=left_out) for family in FAMILIES)
        best = _likeliest(signal, fewer, eigenvalues)
    return best


def _likeliest(signal: Moments, priors: Iterable[Prior], eigenvalues: Tensor) -> tuple[float, Prior]:
    """Log evidence and prior, at its best scale, of the likeliest of several."""
    return max((_best_scale(signal, prior, eigenvalues) for prior in priors), key=lambda pair: pair[0])


def _priors(n_harmonics: int, eigenvalues: Tensor) -> Iterator[Prior]:
    """The families at every band limit: complete eigenspaces only."""
    steps = torch.bincount(eigenspaces(eigenvalues)).cumsum(0).tolist()
    ends = [end for end in steps if 1 < end <= n_harmonics]
    if len(ends) > MAX_BAND_LIMITS:  # a geometric selection of the many eigenvalues of a torus
        picks = torch.logspace(0, 1, MAX_BAND_LIMITS // 2, base=len(ends)).round().long() - 1
        ends = [ends[i] for i in sorted(set(picks.tolist()))]
    for end in ends:
        for family in FAMILIES:
            yield Prior(end, *family)


def _against(moments: Moments, prior: Prior, eigenvalues: Tensor) -> dict[int, float]:
    """Log Bayes factor against each eigenspace of the prior: positive where the samples do without it.

    By the density ratio of Savage and Dickey at zero, ``p(C_e = 0 | x) / p(C_e = 0)``, under N(mean, cov) with
    ``cov = (gram + rho / tau)^-1``, the same for every signal dimension; -inf where noise does not bend the manifold.
    """
    nu, directions, b = spectrum(moments, prior, eigenvalues)
    shrink = prior.scale / (1 + prior.scale * nu)
    covariance = (directions * shrink) @ directions.mT
    mean = directions @ (shrink[:, None] * b)
    log_variance = 2 * prior.deviation(eigenvalues).log() + math.log(prior.scale)
    curvature = eigenvalues[1 : prior.n_harmonics].to(mean)  # that a function gives is its eigenvalue times itself
    noise = mean.shape[1] * curvature.square() * covariance.diagonal()
    limit = BENDS**2 * float((curvature[:, None] * mean).square().sum())
    numbers = eigenspaces(eigenvalues)[1 : prior.n_harmonics]
    factors = {}
    for number in sorted(set(numbers.tolist()) - set(prior.left_out)):
        inside = numbers == number
        if float(noise[inside].sum()) < limit:
            factors[number] = -math.inf
            continue
        root = torch.linalg.cholesky(covariance[inside][:, inside])
        log_ratio = 0.5 * float(log_variance[inside].sum()) - float(root.diagonal().log().sum())
        distance = torch.linalg.solve_triangular(root, mean[inside], upper=False).square().sum()
        factors[number] = mean.shape[1] * log_ratio - 0.5 * float(distance)
    return factors


def spectrum(moments: Moments, prior: Prior, eigenvalues: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The regression in directions in which data and prior are both diagonal.

    Returns the eigenvalues nu of ``rho^-1/2 gram rho^-1/2``, its vectors times ``rho^-1/2``, and the cross
    moments along them. The constant is integrated out beforehand (restricted likelihood): ``gram - g g^T /
    g_00``.
    """
    deviation = prior.deviation(eigenvalues).to(moments.gram)
    part = moments.restricted(prior.n_harmonics)
    mean_values = part.gram[0] / part.gram[0, 0]
    gram = (part.gram - mean_values[:, None] * part.gram[0])[1:, 1:]
    cross = (part.cross - mean_values[:, None] * part.cross[0])[1:]
    values, vectors = torch.linalg.eigh(deviation[:, None] * gram * deviation)
    directions = deviation[:, None] * vectors
    return values.clamp_min(0), directions, directions.mT @ cross


def smoother(prior: Prior, nu: Tensor) -> Tensor:
    """What the cross moments along each direction are multiplied with: ``tau sum_(q <= passes) (1 + tau nu)^-q``."""
    left = 1 / (1 + prior.scale * nu)
    return prior.scale * torch.stack([left ** (power + 1) for power in range(prior.n_passes)]).sum(0)


def _log_evidence(moments: Moments, prior: Prior, eigenvalues: Tensor) -> Tensor:
    """Log evidence up to a constant that all priors share: ``sum_c log p(x_c)`` in unit noise."""
    nu, _, b = spectrum(moments, prior, eigenvalues)
    return _evidence_at(torch.tensor([prior.scale]).to(nu), nu, b)[0]


def _evidence_at(scales: Tensor, nu: Tensor, b: Tensor) -> Tensor:
    """``2 log p = sum_c [ sum_a tau b_ac^2 / (1 + tau nu_a) - sum_a log(1 + tau nu_a) ]`` at scales tau (s,)."""
    shrink = 1 + scales[:, None] * nu
    fit = (scales[:, None] * b.square().sum(1) / shrink).sum(1)
    return 0.5 * (fit - b.shape[1] * shrink.log().sum(1))


def _best_scale(moments: Moments, prior: Prior, eigenvalues: Tensor) -> tuple[float, Prior]:
    """Log evidence at the best scale tau, and the prior with it."""
    nu, _, b = spectrum(moments, prior, eigenvalues)
    # The scale at which the prior's variance is the data's, and eight decades either way.
    middle = float(b.square().sum() / nu.square().sum().clamp_min(1e-300)) / b.shape[1]
    scales = middle * torch.logspace(-8, 8, N_SCALES, dtype=nu.dtype, device=nu.device)
    for _ in range(2):
        log_evidence = _evidence_at(scales, nu, b)
        best = int(log_evidence.argmax())
        chosen = float(log_evidence[best]), float(scales[best])
        low, high = scales[max(best - 1, 0)].log10(), scales[min(best + 1, len(scales) - 1)].log10()
        scales = torch.logspace(float(low), float(high), N_SCALES // 3, dtype=nu.dtype, device=nu.device)
    return chosen[0], replace(prior, scale=chosen[1])


def _posterior_mean(moments: Moments, prior: Prior, eigenvalues: Tensor) -> tuple[Tensor, float]:
    """Smoothed weights (p, r) in unit noise, after one pass the posterior mean, and the fit's degrees of freedom."""
    nu, directions, b = spectrum(moments, prior, eigenvalues)
    shrink = smoother(prior, nu)
    varying = directions @ (shrink[:, None] * b)
    part = moments.restricted(prior.n_harmonics)
    constant = (part.cross[:1] - part.gram[:1, 1:] @ varying) / part.gram[0, 0]
    return torch.cat([constant, varying]), 1 + float((shrink * nu).sum())

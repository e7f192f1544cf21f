"""From coarse to fine: the fit without labels, as a path of decoders of rising band limit.

A decoder of few harmonics finds the one way round that a rough start suggests; each finer one starts from
it. A curve of too many harmonics explains noise by wandering through the activity space, which the marginal
likelihood of held-out blocks of samples tells: the path ends where it stops rising. Of many starts those go the
first, coarse stretch that one regression leaves the least noise about, and the one that held-out samples find
likeliest goes on: a surface gone astray in the noise is likely only to those that it went after. A closed surface is
brought to its smoothest coordinates at the end, where the same harmonics write it better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold.models.expectation_maximisation import Basis, Fit, expectation_maximisation, grid_posterior
from neuromanifold.models.harmonic_regression import Regression, fit_regression
from neuromanifold.models.smoothest import smoothest

__all__ = ["Path", "band_limits", "best_start", "direct", "refined", "smoothed"]

# Band limits of the path: eigenvalues up to level^2 times the first. Beyond 8 (a tuning curve of about 25 degrees) a
# curve through real activity begins to wander, so finer levels need the gain of shapes that have little noise.
LEVELS = (2, 3, 4, 5, 6, 8, 11, 15, 20, 30)
COARSE = 2
USUAL_LEVEL = 8
FINE_GAIN = 1.0
MAX_STEPS = 30
MAX_FINE_STEPS = 10
MAX_DIRECT_STEPS = 5
N_SMOOTHINGS = 2
MAX_SMOOTH_STEPS = 6
# Standard errors of the held-out gain below which a finer decoder is not worth its freedom, and how many such in a
# row end the path.
GAIN = 1.0
PATIENCE = 2


def band_limits(basis: Basis) -> list[int]:
    """Numbers of harmonics at each level of the path, whole eigenspaces, rising."""
    ratio = basis.harmonics.eigenvalues / basis.harmonics.eigenvalues[1]
    sizes = [int((ratio <= level**2 + 1e-6).sum()) for level in LEVELS]
    return sorted({size for size in sizes if size > 1})


def best_start(
    activity: Tensor,
    held: Tensor,
    basis: Basis,
    starts: Sequence[Tensor],
    n_fitted: int,
    *,
    beta: float = 1.0,
    keep: Callable[[str, Callable[[], Fit | None]], Fit | None] = lambda _, compute: compute(),
) -> tuple[Fit, Tensor]:
    """The best of several starting coordinates (n, m): its coarse fit without the samples ``held`` (n,), and it.

    The ``n_fitted`` most promising are fitted. ``keep`` computes the fit of a named start, or knows it.

    Raises
    ------
    InputError
        If every start is degenerate.
    """
    train = activity[~held]
    promising = sorted(starts, key=lambda points: _promise(train, basis, points[~held]), reverse=True)[:n_fitted]
    tried = [
        (keep(f"start {number}", partial(_coarse_fit, train, basis, points[~held], beta)), points)
        for number, points in enumerate(promising)
    ]
    fits = [(fit, points) for fit, points in tried if fit is not None]
    if not fits:
        raise InputError(
            f"none of {len(starts)} starts could be fitted on {basis.template.name!r}: try another template or "
            "random_state, or give task coordinates y"
        )
    return max(fits, key=lambda pair: float(_scores(basis, pair[0], activity[held]).mean()))


def _promise(activity: Tensor, basis: Basis, points: Tensor) -> float:
    """Log-density, up to a constant, of the noise that one coarse regression at coordinates (n, m) leaves."""
    size = band_limits(basis)[0]
    # Of the few harmonics alone: this is done for every start.
    moments = basis.restricted(size).moments(points, activity).restricted(size)
    try:
        return float(fit_regression(moments, basis.harmonics.eigenvalues).noise.log_normaliser)
    except torch.linalg.LinAlgError:
        return -math.inf


def _coarse_fit(activity: Tensor, basis: Basis, points: Tensor, beta: float) -> Fit | None:
    """Fit of the first levels from starting coordinates; None where they are degenerate (all samples in one place)."""
    levels = band_limits(basis)[:COARSE]
    moments = basis.moments(points, activity)
    try:
        regression = fit_regression(moments.restricted(levels[0]), basis.harmonics.eigenvalues)
        for size in levels:
            fit = expectation_maximisation(activity, basis, regression, size, beta=beta, max_steps=20)
            regression = fit.regression
    except torch.linalg.LinAlgError:
        return None
    return fit


@dataclass(frozen=True)
class Path:
    """The best fit, its band limit, and the held-out log-likelihood at each band limit tried."""

    fit: Fit
    n_harmonics: int
    held_out: tuple[tuple[int, float], ...]

    @property
    def score(self) -> float:
        """Held-out log-likelihood of the best fit."""
        return dict(self.held_out)[self.n_harmonics]


def refined(
    train: Tensor,
    held_out: Tensor,
    basis: Basis,
    start: Regression,
    *,
    beta: float = 1.0,
) -> Path:
    """Follow the path from a coarse fit until held-out samples no longer gain."""
    scores: list[tuple[int, float]] = []
    best: tuple[Tensor, Fit, int] | None = None
    regression, misses = start, 0
    levels = band_limits(basis)
    for size in levels[min(COARSE, len(levels)) - 1 :]:
        max_steps = MAX_STEPS if _level(basis, size) <= USUAL_LEVEL else MAX_FINE_STEPS
        fit = expectation_maximisation(train, basis, regression, size, beta=beta, max_steps=max_steps)
        regression = fit.regression
        score = _scores(basis, fit, held_out)
        scores.append((size, float(score.mean())))
        if best is None or _is_gain(score - best[0], _level(basis, size)):
            best, misses = (score, fit, size), 0
        else:
            misses += 1
        if misses >= PATIENCE:
            break
    assert best is not None
    return Path(best[1], best[2], tuple(scores))


def smoothed(path: Path, train: Tensor, held_out: Tensor, basis: Basis, *, beta: float = 1.0) -> Path:
    """The path's surface brought to its smoothest coordinates and fitted from there, if held-out samples gain."""
    found = path.fit.regression
    size = max(size for size in band_limits(basis) if _level(basis, size) <= USUAL_LEVEL)
    for _ in range(N_SMOOTHINGS):
        decoder = basis.decoder(found.weight).like(torch.zeros((), dtype=torch.float64))
        found = replace(found, weight=basis.weights_of(smoothest(decoder)))
        fit = expectation_maximisation(train, basis, found, size, beta=beta, max_steps=MAX_SMOOTH_STEPS)
        found = fit.regression
    score = float(_scores(basis, fit, held_out).mean())
    return Path(fit, size, (*path.held_out, (size, score))) if score > path.score else path


def direct(train: Tensor, held_out: Tensor, basis: Basis, points: Tensor, *, beta: float = 1.0) -> Path:
    """All harmonics at once, from starting coordinates (n, m) of the training samples, which are kept.

    Where these are good already (directions from the centre of a closed surface), a coarse decoder would bend them
    until its few harmonics write the surface, and finer ones would not find what it lacks.

    Raises
    ------
    torch.linalg.LinAlgError
        Where the coordinates are degenerate.
    """
    start = fit_regression(basis.moments(points, train), basis.harmonics.eigenvalues)
    size = len(basis.harmonics)
    fit = expectation_maximisation(train, basis, start, size, beta=beta, max_steps=MAX_DIRECT_STEPS)
    return Path(fit, size, ((size, float(_scores(basis, fit, held_out).mean())),))


def _scores(basis: Basis, fit: Fit, held_out: Tensor) -> Tensor:
    """Log-likelihood of held-out samples (n,)."""
    found = fit.regression
    return grid_posterior(basis, found.weight, found.noise, density=fit.density).log_likelihood(held_out)


def _level(basis: Basis, size: int) -> float:
    ratio = basis.harmonics.eigenvalues[size - 1] / basis.harmonics.eigenvalues[1]
    return float(ratio.sqrt())


def _is_gain(difference: Tensor, level: float) -> bool:
    """Whether held-out differences (n,) in log-likelihood are worth a finer decoder."""
    mean, error = float(difference.mean()), float(difference.std()) / len(difference) ** 0.5
    return mean > GAIN * error and (level <= USUAL_LEVEL or mean > FINE_GAIN)

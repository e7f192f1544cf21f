"""Do labels err? A score test of exact labels against labels scattered about the samples' points.

Scatter of variance s^2 diffuses the likelihood over the template: ``p_s(x | y) = p + (s^2 / 2) Δ p + ...``, so
the derivative of the log-likelihood in ``s^2 / 2`` at 0 is, with whitened residual r, gradients t_i of the
decoder in an orthonormal frame and its Laplacian Δf,

    T = Δp / p = sum_i [(t_i . r)^2 - |t_i|^2] + Δf . r,

whose mean is zero where labels are exact: residuals then are no larger along the manifold than across it. Where
labels err, the decoder that took them as exact has larger ones along it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neuromanifold.models.expectation_maximisation import Basis
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.harmonic_regression import Regression

__all__ = ["label_error_score", "labels_err"]

# Standard errors above zero from which labels are taken to err: 2.3 % of exact ones are, and lose little by it.
LEAST_SCORE = 2.0
# The test needs no more samples than these, evenly spaced.
MAX_SAMPLES = 10000


def labels_err(activity: Tensor, points: Tensor, basis: Basis, regression: Regression, thinning: float) -> bool:
    """Whether the labels' points (n, m) are off by more than the activity (n, d) of samples there can explain."""
    return label_error_score(activity, points, basis, regression, thinning) > LEAST_SCORE


def label_error_score(activity: Tensor, points: Tensor, basis: Basis, regression: Regression, thinning: float) -> float:
    """T summed over samples (n, d) at their labels' points (n, m), in standard errors.

    ``thinning`` is the samples' autocorrelation time, in samples.
    """
    step = -(-len(points) // MAX_SAMPLES)
    decoder = basis.decoder(regression.weight @ regression.noise.whitening)
    scores = _scores(activity[::step] @ regression.noise.whitening, points[::step], decoder)
    return float(scores.sum() / (scores.square().sum() * max(thinning / step, 1.0)).sqrt())


def _scores(white: Tensor, z: Tensor, decoder: HarmonicDecoder) -> Tensor:
    """T (n,) of whitened activity (n, d) at points (n, m) of the whitened decoder."""
    tangent, _ = decoder.template.frame(z)
    steps = [torch.func.jvp(decoder, (z,), (tangent[..., i],)) for i in range(decoder.template.dim)]
    residual = white - steps[0][0]
    gradient = torch.stack([step[1] for step in steps], dim=-1)
    laplacian = -decoder.harmonics(z) @ (decoder.harmonics.eigenvalues.to(z)[:, None] * decoder.weight)
    along = (gradient.mT @ residual[..., None])[..., 0]
    return (along.square() - gradient.square().sum(1)).sum(1) + (laplacian * residual).sum(1)

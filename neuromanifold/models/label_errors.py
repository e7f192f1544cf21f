"""Do labels err? A score test of exact labels against labels scattered about the samples' points.

Scatter of variance s^2 diffuses the likelihood over the template: ``p_s(x | y) = p + (s^2 / 2) Δ p + ...``, so
the derivative of the log-likelihood in ``s^2 / 2`` at 0 is, with whitened residual r, gradients t_i of the
decoder in an orthonormal frame and its Laplacian Δf,

    T = Δp / p = sum_i [(t_i . r)^2 - |t_i|^2] + Δf . r,

whose mean is zero where labels are exact: residuals then are no larger along the manifold than across it. Where
labels err, the decoder that took them as exact has larger ones along it.

Units whose noise grows with their rate have larger residuals along it too. They have them each on its own, while an
error of a label moves all units together: of the square only the products of two different units are counted.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neuromanifold.models.expectation_maximisation import Basis
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.harmonic_regression import Regression
from neuromanifold.models.noise import Noise
from neuromanifold.models.samples import Samples, loaded

__all__ = ["label_error_score", "labels_err"]

# Standard errors above zero from which labels are taken to err: one in 700 of exact ones are.
LEAST_SCORE = 3.0
# The test needs no more samples than these, evenly spaced.
MAX_SAMPLES = 10000


def labels_err(activity: Samples, points: Tensor, basis: Basis, regression: Regression, thinning: float) -> bool:
    """Whether the labels' points (n, m) are off by more than the activity (n, d) of samples there can explain."""
    return label_error_score(activity, points, basis, regression, thinning) > LEAST_SCORE


def label_error_score(
    activity: Samples, points: Tensor, basis: Basis, regression: Regression, thinning: float
) -> float:
    """T summed over samples (n, d) at their labels' points (n, m), in standard errors.

    ``thinning`` is the samples' autocorrelation time, in samples.
    """
    step = -(-len(points) // MAX_SAMPLES)
    scores = _scores(loaded(activity[::step]), points[::step], basis.decoder(regression.weight), regression.noise)
    return float(scores.sum() / (scores.square().sum() * max(thinning / step, 1.0)).sqrt())


def _scores(activity: Tensor, z: Tensor, decoder: HarmonicDecoder, noise: Noise) -> Tensor:
    """T (n,) of activity (n, d) at points (n, m), from products of different units."""
    tangent, _ = decoder.template.frame(z)
    steps = [torch.func.jvp(decoder, (z,), (tangent[..., i],)) for i in range(decoder.template.dim)]
    residual = activity - steps[0][0]
    precision = noise.whitening @ noise.whitening.mT
    laplacian = -decoder.harmonics(z) @ (decoder.harmonics.eigenvalues.to(z)[:, None] * decoder.weight)
    score = ((laplacian @ precision) * residual).sum(1)
    for step in steps:
        gradient = step[1]
        weighted = gradient @ precision
        found, expected = (weighted * residual).sum(1).square(), (weighted * gradient).sum(1)
        score = score + found - (weighted * residual).square().sum(1)
        score = score - expected + weighted.square() @ noise.covariance.diagonal()
    return score

"""What a fitted model says of activity: points of the template, likelihoods, and the encoder's law of the latent."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from neuromanifold._arrays import matrix, validated
from neuromanifold._errors import InputError
from neuromanifold._random import spawn_seeds
from neuromanifold._typing import ArrayLike, FloatArray, RandomState
from neuromanifold.data.blocks import in_blocks, is_streamed, read
from neuromanifold.geometry import Immersion
from neuromanifold.manifolds import Manifold
from neuromanifold.models.base import Generative, Law
from neuromanifold.models.checks import check_counts
from neuromanifold.models.encoder import Encoder, Posterior
from neuromanifold.models.inference import evidence_lower_bound
from neuromanifold.models.likelihoods import LIKELIHOODS
from neuromanifold.models.samples import Samples, like, loaded, samples_of

__all__ = ["LatentMixin"]


class LatentMixin:
    """Methods of an estimator with a generative half ``generative_`` over ``template_`` and perhaps an encoder."""

    template_: Manifold
    generative_: Generative
    immersion_: Immersion
    encoder_: Encoder | None
    likelihood: str
    beta: float
    _device: torch.device

    def transform(self, X: ArrayLike) -> FloatArray:
        """Points (n, m) of the template: the exact posterior mean of each row, projected on the template."""
        activity = self._input(X)
        return self._law(activity).mean_points(activity).cpu().numpy().astype(np.float64)

    def inverse_transform(self, Z: ArrayLike) -> FloatArray:
        """Activity (n, d) at points (n, m) of the template."""
        check_is_fitted(self)
        points = torch.as_tensor(matrix(Z, "Z"))
        if points.shape[1] != self.template_.embedding_dim:
            raise InputError(
                f"Z must have shape (n, {self.template_.embedding_dim}), points of the {self.template_.name}; "
                f"got {tuple(points.shape)}"
            )
        return self.immersion_.on_points(points).numpy()

    def angles(self, X: ArrayLike) -> FloatArray:
        """Intrinsic angles (n, k) in radians of ``transform(X)``."""
        return self.template_.angles(torch.as_tensor(self.transform(X))).numpy()

    def score(self, X: ArrayLike, y: ArrayLike | None = None) -> float:
        """Mean marginal log-likelihood of a row, nats: higher is better, comparable over templates."""
        return float(self.score_samples(X).mean())

    def score_samples(self, X: ArrayLike) -> FloatArray:
        """Marginal log-likelihood of each row (n,), nats."""
        activity = self._input(X)
        return self._law(activity).log_likelihood(activity).cpu().numpy().astype(np.float64)

    def encode(self, X: ArrayLike) -> Posterior:
        """The encoder's posterior of each row: a law with ``loc`` (n, m) of unit norm and ``concentration``."""
        encoder = self._encoder()
        x = loaded(self._input(X)).to(torch.float32)
        with torch.no_grad():
            return encoder(self.generative_.features(x))

    def elbo(self, X: ArrayLike, random_state: RandomState = 0) -> float:
        """Mean evidence lower bound of the encoder's posterior, nats a row; at most ``score`` for beta = 1."""
        law, x = self.encode(X), loaded(self._input(X)).to(torch.float32)
        likelihood = self.generative_.likelihood(x)
        generator = torch.Generator(device=x.device).manual_seed(spawn_seeds(random_state, 1)[0])
        with torch.no_grad():
            return float(evidence_lower_bound(law, x, likelihood, self.template_, self.beta, generator).mean())

    def _encoder(self) -> Encoder:
        check_is_fitted(self)
        if self.encoder_ is None:
            raise InputError(f"there is no encoder on the template {self.template_.name!r}; use transform")
        return self.encoder_

    def _validated(self, X: ArrayLike, *, reset: bool) -> Any:
        """Activity (n, d) as an array in memory or streamed, whose values are looked at as they are read."""
        activity: Any = validated(self, read(X, slice(2)) if is_streamed(X) else X, reset=reset)
        if is_streamed(X):
            activity = in_blocks(getattr(X, "data", X)).astype(np.float64)
        if LIKELIHOODS[self.likelihood].of_counts:
            check_counts(activity, self.likelihood)
        return activity

    def _samples(self, activity: Any) -> Samples:
        """Validated activity on the device, in float64 where it has that (Apple's MPS has not)."""
        dtype = torch.float32 if self._device.type == "mps" else torch.float64
        return samples_of(activity, torch.zeros((), dtype=dtype, device=self._device))

    def _input(self, X: ArrayLike) -> Samples:
        check_is_fitted(self)
        return self._samples(self._validated(X, reset=False))

    def _law(self, samples: Samples) -> Law:
        return self.generative_.posterior(self.beta, like(samples))

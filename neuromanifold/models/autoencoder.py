"""``GeometricAutoencoder``: an autoencoder whose decoder is held to a geometry.

    x (n, d)  --encoder g-->  z (n, m)  --decoder f-->  x

The decoder immerses R^m in activity space; its regularisers (:mod:`neuromanifold.models.regularizers`) say which of the
many decoders that reconstruct the data is wanted: one of little curvature, one that keeps lengths, one that respects
neighbourhoods.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from neuromanifold._arrays import matrix, validated
from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._random import spawn_seeds
from neuromanifold._typing import ArrayLike, FloatArray, RandomState
from neuromanifold.geometry import Immersion
from neuromanifold.manifolds import Euclidean
from neuromanifold.models.autoencoder_checks import check_autoencoder_settings
from neuromanifold.models.autoencoder_files import (
    AutoencoderState,
    read_autoencoder_state,
    write_autoencoder_state,
)
from neuromanifold.models.autoencoder_training import Networks, Objective, principal_loadings
from neuromanifold.models.devices import resolve_device
from neuromanifold.models.regularizers import Regularizer, TrainingData
from neuromanifold.models.regularizers.holder import RegularizedMixin
from neuromanifold.networks import Affine
from neuromanifold.training import History, TrainingSettings, held_out_blocks, train

__all__ = ["GeometricAutoencoder", "restored_autoencoder"]


class GeometricAutoencoder(RegularizedMixin, TransformerMixin, BaseEstimator):
    """Autoencoder with latent space R^m and regularisers of its decoder's geometry.

    Data are centred and divided by one number, their spread ``√(E |x - E x|²)``: nothing is stretched against anything
    else, and weights of regularisers mean the same whatever the units.

    Parameters
    ----------
    n_components : int
        m, the dimension of the latent space.
    regularizers : tuple of Regularizer
        Reached by ``set_params(regularizers__0__weight=…)``.
    variational : bool
        Whether latents have a Gaussian posterior with prior N(0, I), in place of a point.
    beta : float
        Weight of its KL divergence; 1 is the evidence lower bound.
    hidden : sequence of int
        Widths of the encoder's hidden layers; the decoder has them in reverse.
    activation : str
        Twice continuously differentiable: "silu", "gelu", "sigmoid" or "erf".
    max_steps : int
        Gradient steps, while the learning rate falls to zero along half a cosine.
    batch_size : int
    learning_rate : float
        Of Adam.
    validation_fraction : float
        Share of the rows, in blocks, that are held out of training, whose reconstruction stops it. 0: none are, and
        every step is taken.
    patience : int
        Epochs without a gain of the held-out rows before stopping.
    device : str
        "auto" (CUDA, else the CPU: geometry needs float64, which MPS lacks) or a torch device, for training.
    verbose : bool
        Progress bar.
    random_state : int, Generator or None
        Same seed, same numbers, on one machine.

    Attributes
    ----------
    immersion_ : geometry.Immersion
        The decoder as a map of R^m (coordinates (n, m)) to activity (n, d), float64.
    encoder_, decoder_ : nn.Module
        Of activity in its own units, float64 on the CPU. A variational encoder gives means and logarithms of standard
        deviations, (n, 2m).
    template_ : Euclidean
        R^m.
    centre_ : array (d,)
    spread_ : float
        Of the training data.
    history_ : History
        Mean loss of each epoch, and held-out reconstruction error (or that loss), as shares of the variance.
    n_features_in_ : int

    References
    ----------
    Lee (2023), A geometric perspective on autoencoders.
    """

    def __init__(
        self,
        n_components: int = 2,
        regularizers: Sequence[Regularizer] = (),
        variational: bool = False,
        beta: float = 1.0,
        hidden: Sequence[int] = (128, 128),
        activation: str = "silu",
        max_steps: int = 3000,
        batch_size: int = 128,
        learning_rate: float = 5e-3,
        validation_fraction: float = 0.0,
        patience: int = 50,
        device: str = "auto",
        verbose: bool = False,
        random_state: RandomState = None,
    ) -> None:
        self.n_components = n_components
        self.regularizers = regularizers
        self.variational = variational
        self.beta = beta
        self.hidden = hidden
        self.activation = activation
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> GeometricAutoencoder:
        """Fit to data X (n, d); y is ignored.

        Raises
        ------
        InputError
            Naming the setting or array that cannot be used.
        """
        check_autoencoder_settings(self.get_params(deep=False))
        data = torch.as_tensor(validated(self, X, reset=True))
        if len(data) < 2:
            raise NotEnoughDataError(f"n_samples={len(data)}: an autoencoder needs at least 2 rows of data")
        if self.n_components > data.shape[1]:
            raise InputError(f"n_components={self.n_components}, but X has {data.shape[1]} units: take at most so many")
        centre = data.mean(0)
        spread = (data - centre).square().sum(1).mean().sqrt()
        if not spread > 0:
            raise InputError("all rows of X are the same: there is no manifold to find. Give activity that varies")
        seeds = spawn_seeds(self.random_state, 2)
        activity = ((data - centre) / spread).to(torch.float32)
        networks = Networks(
            principal_loadings(activity, self.n_components),
            tuple(self.hidden),
            self.activation,
            self.variational,
            torch.Generator().manual_seed(seeds[0]),
        )
        self.history_ = self._train(networks, TrainingData(activity, centre, spread), seeds[1])
        self._adopt(networks, centre, spread)
        return self

    def _train(self, networks: Networks, data: TrainingData, seed: int) -> History:
        activity = data.activity
        device = resolve_device("cpu" if self.device == "auto" and not torch.cuda.is_available() else self.device)
        if device.type == "mps":
            raise InputError(
                'device "mps" has no float64, which the geometry of the decoder needs; use "auto" or "cpu"'
            )
        held = torch.zeros(len(activity), dtype=torch.bool)
        if self.validation_fraction > 0:
            held = held_out_blocks(len(activity), self.validation_fraction, torch.Generator().manual_seed(seed))
        if held.all():
            raise NotEnoughDataError(
                f"validation_fraction={self.validation_fraction} of n_samples={len(activity)} leaves none to learn from"
            )
        seen = activity[~held].to(device)
        shown = replace(data, activity=seen)
        penalties = [(float(r.weight), r.prepared(shown)) for r in self.regularizers if r.weight > 0]
        generator = torch.Generator(device).manual_seed(seed)
        rows = torch.arange(len(activity), device=device)
        objective = Objective(
            networks.to(device), torch.cat([seen, activity[held].to(device)]), penalties, float(self.beta), generator
        )
        n_epochs = -(-self.max_steps // -(-len(seen) // self.batch_size))
        patience = self.patience if held.any() else None
        settings = TrainingSettings(n_epochs, self.batch_size, self.learning_rate, patience, schedule="cosine")

        def after_epoch(epoch: int) -> None:
            objective.done = epoch / n_epochs

        return train(
            networks,
            objective,
            rows[: len(seen)],
            rows[len(seen) :],
            settings,
            generator,
            after_epoch=after_epoch,
            label="autoencoder",
            verbose=self.verbose,
        )

    def _adopt(self, networks: Networks, centre: Tensor, spread: Tensor) -> None:
        self._networks = networks = networks.to("cpu", torch.float64).requires_grad_(False)
        self.centre_, self.spread_ = centre.numpy(), float(spread)
        self.encoder_ = nn.Sequential(Affine(1 / spread, -centre / spread), networks.encoder)
        self.decoder_ = nn.Sequential(networks.decoder, Affine(spread, centre))
        self.template_ = Euclidean(self.n_components)
        self.immersion_ = Immersion(self.template_, self.decoder_)

    # -- use ----------------------------------------------------------------------------------------------------

    def transform(self, X: ArrayLike) -> FloatArray:
        """Latents (n, m) of data (n, d); of a variational encoder, their means."""
        return self._codes(X)[:, : self.n_components].numpy()

    def inverse_transform(self, Z: ArrayLike) -> FloatArray:
        """Data (n, d) at latents (n, m)."""
        check_is_fitted(self)
        latents = torch.as_tensor(matrix(Z, "Z"))
        if latents.shape[1] != self.template_.dim:
            raise InputError(f"Z must have shape (n, {self.template_.dim}), latent points; got {tuple(latents.shape)}")
        return self.immersion_(latents).numpy()

    def encode(self, X: ArrayLike) -> torch.distributions.Normal:
        """The posterior of each row of a variational encoder: a law with ``loc`` and ``scale`` (n, m)."""
        codes = self._codes(X)
        if not self.variational:
            raise InputError("a deterministic encoder has no posterior: use transform, or variational=True")
        mean, log_scale = codes.chunk(2, dim=1)
        return torch.distributions.Normal(mean, log_scale.exp())

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Share of the variance about the training mean that reconstruction keeps; 1 is perfect."""
        data = validated(self, X, reset=False)
        missed = np.square(data - self.inverse_transform(self.transform(data))).sum()
        return 1 - float(missed / np.square(data - self.centre_).sum())

    def _codes(self, X: ArrayLike) -> Tensor:
        check_is_fitted(self)
        with torch.no_grad():
            return self.encoder_(torch.as_tensor(validated(self, X, reset=False)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model as one npz file (no pickle in it); :func:`~neuromanifold.load_model` reads it back."""
        check_is_fitted(self)
        state = AutoencoderState(
            self.get_params(deep=False),
            self._networks,
            torch.as_tensor(self.centre_),
            torch.tensor(self.spread_, dtype=torch.float64),
        )
        write_autoencoder_state(path, state)


def restored_autoencoder(path: str | os.PathLike[str]) -> GeometricAutoencoder:
    """The model in a file of :meth:`GeometricAutoencoder.save`."""
    state = read_autoencoder_state(path)
    model = GeometricAutoencoder(**state.settings)
    model.n_features_in_, model.history_ = len(state.centre), History()
    model._adopt(state.networks, state.centre, state.spread)
    return model

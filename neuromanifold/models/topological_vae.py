"""``TopologicalVAE``: a variational autoencoder whose latent space is a template manifold.

    z ~ uniform on the template,   x | z ~ N(f(z), Sigma),   q(z | x): posterior on the template

``f`` is a sum of the template's Laplacian eigenfunctions, fitted by coordinate ascent on the ELBO with the exact posterior
on a grid; the encoder is the amortised posterior, trained on the ELBO afterwards.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold._random import spawn_seeds
from neuromanifold._typing import ArrayLike, FloatArray, IntArray, RandomState
from neuromanifold.geometry import Immersion
from neuromanifold.manifolds import Manifold, resolve
from neuromanifold.models.devices import resolve_device
from neuromanifold.models.encoder import Encoder, Posterior, has_encoder
from neuromanifold.models.gauge import gauge_name
from neuromanifold.models.generative import FitSettings, Generative, fit_generative, posterior_on_grid
from neuromanifold.models.grid_posterior import GridPosterior
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.inference import EncoderData, Likelihood, evidence_lower_bound, in_wide_dtype, train_encoder
from neuromanifold.models.narrow_posterior import NarrowPosterior
from neuromanifold.models.noise import Noise
from neuromanifold.storage import read_arrays, write_arrays
from neuromanifold.training import TrainingSettings

__all__ = ["TopologicalVAE", "load_model"]

SCHEMA = 1
KIND = "neuromanifold.TopologicalVAE"
MIN_SAMPLES = 50


class TopologicalVAE(TransformerMixin, BaseEstimator):
    """Variational autoencoder with latent space ``template``.

    Parameters
    ----------
    template : str or Manifold
        "circle", "sphere", "torus", "contractible" or any template; "klein" and "projective" need labels.
    beta : float
        Weight of the KL divergence to the uniform law. 1 is the ELBO of the noise model.
    gamma : float
        Weight of the squared geodesic distance between the encoder's mean and the task coordinate, where known.
    n_init : int
        Starts of a fit without labels; the likeliest is kept.
    hidden : sequence of int
        Widths of the encoder's hidden layers.
    max_epochs, batch_size, learning_rate, patience
        Training of the encoder; it stops when held-out blocks of samples have not gained for ``patience`` epochs.
    device : str
        "auto" (CUDA, MPS, CPU) or a torch device.
    verbose : bool
        Progress bars.
    random_state : int, Generator or None
        Same seed, same numbers, on one machine.

    Attributes
    ----------
    immersion_ : geometry.Immersion
        Intrinsic angles (n, k) -> activity (n, d), float64.
    decoder_ : HarmonicDecoder
    encoder_ : Encoder or None
        None where the template has no law for it (Euclidean).
    noise_ : Noise
        ``covariance`` (d, d) of the activity about the manifold, and its whitening matrix.
    log_likelihood_ : float
        Mean marginal log-likelihood of a training sample, nats.
    gauge_ : str
        What fixes the coordinates: "task coordinates", or for a fit without labels the gauge they were put in.
    prior_ : dict
        Prior family, number of harmonics and signal rank that the marginal likelihood chose.
    autocorrelation_time_ : float
        Of the residual, in samples: ``n / autocorrelation_time_`` samples are independent.
    histories_ : dict
        Losses of the encoder's training.
    n_features_in_ : int

    References
    ----------
    Acosta et al. (2023), Quantifying extrinsic curvature in neural manifolds; Jensen et al. (2020), Manifold GPLVMs.
    """

    def __init__(
        self,
        template: str | Manifold = "circle",
        beta: float = 1.0,
        gamma: float = 1.0,
        n_init: int = 4,
        hidden: Sequence[int] = (64, 64),
        max_epochs: int = 30,
        batch_size: int = 512,
        learning_rate: float = 3e-3,
        patience: int = 4,
        device: str = "auto",
        verbose: bool = False,
        random_state: RandomState = None,
    ) -> None:
        self.template = template
        self.beta = beta
        self.gamma = gamma
        self.n_init = n_init
        self.hidden = hidden
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    # -- fitting ------------------------------------------------------------------------------------------------

    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> TopologicalVAE:
        """Fit to activity X (n, d).

        Parameters
        ----------
        X : array (n, d)
            Activity, rows in time order.
        y : array (n,) or (n, k), optional
            Intrinsic angles in radians where the task gives them; NaN where unknown. With any label the labels are
            the gauge.
        groups : array (n,), optional
            Interval of each row: autocorrelation is not measured across their borders.

        Raises
        ------
        InputError, NotEnoughDataError
            Naming the setting or array that cannot be used.
        """
        template = self._check_settings()
        activity = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        labels = check_labels(y, len(activity), template)
        self._check_data(activity, labels, groups)
        self.template_ = template
        self._device = resolve_device(self.device)
        seeds = spawn_seeds(self.random_state, 2)
        x = torch.as_tensor(activity, dtype=torch.float32 if self._device.type == "mps" else torch.float64)
        x = x.to(self._device)
        u = torch.as_tensor(labels).to(x)
        intervals = torch.zeros(len(x)) if groups is None else torch.as_tensor(np.unique(groups, return_inverse=True)[1])
        self._generative = fit_generative(
            template, x, u, intervals.to(x.device), FitSettings(self.beta, self.n_init), seeds[0]
        )
        self._adopt(self._generative)
        self.gauge_ = "task coordinates" if np.isfinite(labels).all(1).any() else gauge_name(template)
        self._fit_encoder(activity, template.embed(torch.as_tensor(labels)), seeds[1])
        self.log_likelihood_ = self.score(activity)
        return self

    def _check_settings(self) -> Manifold:
        for name, least in {"beta": 0.0, "gamma": -1e-300, "learning_rate": 0.0}.items():
            if not getattr(self, name) > least:
                raise InputError(f"{name} must be positive, got {getattr(self, name)!r}")
        for name in ("n_init", "max_epochs", "batch_size"):
            if int(getattr(self, name)) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        return resolve(self.template)

    def _check_data(self, activity: FloatArray, labels: FloatArray, groups: ArrayLike | None) -> None:
        n, d = activity.shape
        if n < MIN_SAMPLES:
            raise NotEnoughDataError(f"n_samples={n} is too few to fit a manifold: at least {MIN_SAMPLES} are needed")
        if d < labels.shape[1] + 1:
            raise NotEnoughDataError(
                f"n_features={d}: a {labels.shape[1]}-dimensional manifold needs at least {labels.shape[1] + 1} units"
            )
        constant = np.flatnonzero(activity.std(axis=0) == 0)
        if len(constant):
            raise InputError(
                f"units {constant[:10].tolist()} are constant and carry no information: drop them "
                "(neuromanifold.prepare does)"
            )
        if groups is not None and np.shape(groups) != (n,):
            raise InputError(f"groups must have shape ({n},), one per row of X; got {np.shape(groups)}")

    def _adopt(self, generative: Generative) -> None:
        self.decoder_ = generative.decoder
        self.noise_ = generative.noise
        self.prior_ = generative.prior
        self.autocorrelation_time_ = generative.autocorrelation_time
        self.held_out_ = generative.held_out
        self.immersion_ = Immersion(self.template_, generative.decoder)

    def _fit_encoder(self, activity: FloatArray, task_points: Tensor, seed: int) -> None:
        if not has_encoder(self.template_):
            self.encoder_, self.histories_ = None, {}
            return
        x = torch.as_tensor(activity, dtype=torch.float32)
        encoder = Encoder(self.template_, x.mean(0), x.std(0), self.hidden, torch.Generator().manual_seed(seed))
        data = EncoderData(x.to(self._device), task_points.to(torch.float32).to(self._device))
        settings = TrainingSettings(self.max_epochs, self.batch_size, self.learning_rate, self.patience)
        self.encoder_ = encoder.to(self._device)
        self.histories_ = train_encoder(
            self.encoder_,
            self.template_,
            self._generative,
            data,
            beta=self.beta,
            gamma=self.gamma,
            settings=settings,
            seed=seed,
            verbose=self.verbose,
        )

    # -- use ----------------------------------------------------------------------------------------------------

    def transform(self, X: ArrayLike) -> FloatArray:
        """Points (n, m) of the template: the exact posterior mean of each row, projected on the template."""
        activity = self._input(X)
        return self._law(activity).mean_points(activity).cpu().numpy().astype(np.float64)

    def inverse_transform(self, Z: ArrayLike) -> FloatArray:
        """Activity (n, d) at points (n, m) of the template."""
        check_is_fitted(self)
        points = torch.as_tensor(np.asarray(Z, dtype=np.float64))
        if points.ndim != 2 or points.shape[1] != self.template_.embedding_dim:
            raise InputError(
                f"Z must have shape (n, {self.template_.embedding_dim}), points of the {self.template_.name}; "
                f"got {tuple(points.shape)}"
            )
        return self.decoder_(points).numpy()

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
        x = self._input(X).to(torch.float32)
        with torch.no_grad():
            return encoder(x)

    def elbo(self, X: ArrayLike, random_state: RandomState = 0) -> float:
        """Mean evidence lower bound of the encoder's posterior, nats a row; at most ``score`` for beta = 1."""
        law, x = self.encode(X), self._input(X).to(torch.float32)
        likelihood = Likelihood(self._generative, x)
        generator = torch.Generator(device=x.device).manual_seed(spawn_seeds(random_state, 1)[0])
        with torch.no_grad():
            return float(evidence_lower_bound(law, x, likelihood, self.template_, self.beta, generator).mean())

    def _encoder(self) -> Encoder:
        check_is_fitted(self)
        if self.encoder_ is None:
            raise InputError(f"there is no encoder on the template {self.template_.name!r}; use transform")
        return self.encoder_

    def _input(self, X: ArrayLike) -> Tensor:
        check_is_fitted(self)
        activity = validate_data(self, X, reset=False, dtype=np.float64)
        return in_wide_dtype(torch.as_tensor(activity).to(self._device))

    def _law(self, like: Tensor) -> GridPosterior | NarrowPosterior:
        return posterior_on_grid(self._generative.decoder, self._generative.noise, self.beta, like)

    # -- files --------------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model as one npz file (no pickle in it); :func:`load_model` reads it back."""
        check_is_fitted(self)
        settings = self.get_params() | {
            "template": self.template_.name,
            "hidden": list(self.hidden),
            "random_state": int(self.random_state) if isinstance(self.random_state, (int, np.integer)) else None,
        }
        header = {
            "kind": KIND,
            "schema": SCHEMA,
            "settings": settings,
            "order": self.decoder_.order,
            "gauge": self.gauge_,
            "prior": self.prior_,
            "autocorrelation_time": self.autocorrelation_time_,
            "log_likelihood": self.log_likelihood_,
            "n_features_in": self.n_features_in_,
        }
        arrays = {
            "decoder": self.decoder_.weight.numpy(),
            "noise": self.noise_.covariance.numpy(),
            "whitening": self.noise_.whitening.numpy(),
        }
        if self.encoder_ is not None:
            arrays |= {f"encoder.{k}": v.cpu().numpy() for k, v in self.encoder_.state_dict().items()}
        write_arrays(path, header, arrays)

    @classmethod
    def _restored(cls, header: dict[str, Any], arrays: dict[str, Any]) -> TopologicalVAE:
        model = cls(**(header["settings"] | {"hidden": tuple(header["settings"]["hidden"])}))
        model.template_ = resolve(header["settings"]["template"])
        model._device = resolve_device("cpu")
        tensors = {name: torch.as_tensor(values) for name, values in arrays.items()}
        model._generative = Generative(
            HarmonicDecoder(model.template_, int(header["order"]), tensors["decoder"]),
            Noise(tensors["noise"], tensors["whitening"]),
            header["prior"],
            float(header["autocorrelation_time"]),
            (),
        )
        model.n_features_in_ = int(header["n_features_in"])
        model._adopt(model._generative)
        model.gauge_, model.log_likelihood_ = header["gauge"], float(header["log_likelihood"])
        model.histories_, model.encoder_ = {}, None
        state = {n.removeprefix("encoder."): v for n, v in tensors.items() if n.startswith("encoder.")}
        if state:
            model.encoder_ = Encoder(
                model.template_, state["centre"], state["scale"], model.hidden, torch.Generator().manual_seed(0)
            )
            model.encoder_.load_state_dict(state)
        return model


def load_model(path: str | os.PathLike[str]) -> TopologicalVAE:
    """Read a model written by :meth:`TopologicalVAE.save`, onto the CPU.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged or not one of ours.
    InputError
        If it was written by a newer version of the format.
    """
    header, arrays = read_arrays(path)
    if header.get("kind") != KIND or int(header.get("schema", 0)) > SCHEMA:
        raise InputError(
            f"{os.fspath(path)} holds {header.get('kind')!r} schema {header.get('schema')}; this version reads "
            f"{KIND!r} up to schema {SCHEMA}"
        )
    return TopologicalVAE._restored(header, arrays)


def check_labels(y: ArrayLike | None, n_samples: int, template: Manifold) -> FloatArray:
    """Labels as intrinsic angles (n, k), all NaN where none are given.

    Raises
    ------
    InputError
        If the length or the number of angles does not fit, or values look like degrees.
    """
    if y is None:
        return np.full((n_samples, template.dim), np.nan)
    labels = np.asarray(y, dtype=np.float64)
    labels = labels[:, None] if labels.ndim == 1 else labels
    if labels.shape != (n_samples, template.dim):
        raise InputError(
            f"y must have shape ({n_samples}, {template.dim}), the {template.name}'s angles of every row of X; "
            f"got {np.shape(y)}"
        )
    if np.isinf(labels).any():
        raise InputError("y holds infinite values; use NaN where the coordinate is unknown")
    angular = [i for i, period in enumerate(template.periods) if period is not None]
    if angular and np.nanmax(np.abs(labels[:, angular]), initial=0.0) > 4 * math.pi:
        raise InputError(
            f"y reaches {np.nanmax(np.abs(labels[:, angular])):.4g}: angles are in radians (use np.deg2rad for degrees)"
        )
    return labels

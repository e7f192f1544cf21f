"""``TopologicalVAE``: a variational autoencoder whose latent space is a template manifold.

    z ~ uniform on the template,   x | z ~ N(f(z), Sigma) or counts of mean f(z),   q(z | x): posterior on the template

``f``, or for counts its logarithm, is a sum of the template's Laplacian eigenfunctions, fitted by coordinate ascent on
the ELBO with the exact posterior on a grid; the encoder is the amortised posterior, trained on the ELBO afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from numbers import Integral
from typing import Any, Literal

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._random import spawn_seeds
from neuromanifold._typing import ArrayLike, FloatArray, RandomState
from neuromanifold.data.intervals import interval_numbers
from neuromanifold.geometry import Immersion
from neuromanifold.manifolds import Manifold, resolve
from neuromanifold.models.base import FitSettings, Generative
from neuromanifold.models.checks import (
    check_data,
    check_further,
    check_label_settings,
    check_settings,
    check_start,
    warn_of_many_units,
)
from neuromanifold.models.devices import resolve_device
from neuromanifold.models.encoder import Encoder, has_encoder
from neuromanifold.models.files import ModelState, half_of, half_state, plain, read_state, write_state
from neuromanifold.models.gauge import gauge_name
from neuromanifold.models.holder_files import written_regularizers
from neuromanifold.models.inference import EncoderData, train_encoder
from neuromanifold.models.labels import check_labels, exact_labels
from neuromanifold.models.latent import LatentMixin
from neuromanifold.models.likelihoods import LIKELIHOODS
from neuromanifold.models.offset_groups import OffsetGroups, offsets_table
from neuromanifold.models.penalised_decoder import check_acts_on_decoder, penalised
from neuromanifold.models.regularizers import Regularizer
from neuromanifold.models.regularizers.holder import RegularizedMixin, check_regularizers
from neuromanifold.models.samples import Samples, like, loaded
from neuromanifold.progress import Progress, progress_of, work_key
from neuromanifold.training import TrainingSettings

__all__ = ["TopologicalVAE", "restored_vae"]

# Settings that change no number of a fit.
UNKEYED = {"checkpoint", "verbose"}


class TopologicalVAE(RegularizedMixin, LatentMixin, TransformerMixin, BaseEstimator):
    """Variational autoencoder with latent space ``template``.

    Parameters
    ----------
    template : str or Manifold
        "circle", "sphere", "torus", "contractible" or any template; "klein" and "projective" need labels.
    beta : float
        Weight of the KL divergence to the uniform law. 1 is the ELBO of the noise model.
    gamma : float
        Weight of the squared geodesic distance between the encoder's mean and the task coordinate, where
        known.
    n_init : int
        Starts of a fit without labels, the most promising of three times as many; the one that held-out samples find
        likeliest is kept.
    hidden : sequence of int
        Widths of the encoder's hidden layers.
    max_epochs, batch_size, learning_rate, patience
        Training of the encoder; it stops when held-out blocks of samples have not gained for ``patience``
        epochs.
    likelihood : {"gaussian", "poisson", "negative_binomial"}
        Law of the activity about the manifold. Gaussian noise of any covariance, for continuous or smoothed activity;
        the others for raw spike counts in bins, which must not be smoothed, transformed or z-scored: variance mu, or
        ``mu + alpha mu^2`` with an alpha of each unit.
    noise : {"full", "diagonal"}
        Covariance of Gaussian noise: what units share beyond the manifold is noise too, or each unit's noise is its own
        (and what they share bends the manifold). Counts are independent given the manifold, and take "full".
    exposure : float
        Bin width of counts in seconds: rates are expected counts over exposure. Not used by the Gaussian.
    label_tolerance : float or "auto"
        Size of the labels' errors, radians (root-mean-square per angle). 0: they are exact. "auto": exact unless
        the activity speaks against it, and then estimated with the decoder, by maximum likelihood. Counts take
        labels as exact.
    offsets : None, "intervals" or array (n,)
        Groups of samples whose labels have a zero of their own (the intervals that ``fit`` is given, or a group for
        each row): a constant is estimated for each, on circles and tori.
    regularizers : tuple of DecoderRegularizer
        What the decoder's geometry is held to (``nm.regularizers``; the template's own metric stands for that of the
        latent space): after the fit, the decoder moves to the nearest one that the penalties allow, and the encoder
        learns from it. Reached by ``set_params(regularizers__0__weight=…)``.
    warm_start : bool
        ``fit`` goes on from the fit before, if there is one, in place of starts of its own: a few steps from its
        decoder and its encoder. With labels the decoder needs no start, and only the encoder goes on.
    checkpoint : path, optional
        File in which ``fit`` keeps what it has finished: killed and called again with the same data and settings, it
        goes on from there to the same numbers. The file goes when the fit is done. ``random_state`` must be an int.
    device : str
        "auto" (CUDA, MPS, CPU) or a torch device.
    verbose : bool
        Progress bars.
    random_state : int, Generator or None
        Same seed, same numbers, on one machine.

    Attributes
    ----------
    immersion_ : geometry.Immersion
        Intrinsic angles (n, k) -> activity (n, d), float64. For counts: to the expected counts in a bin, so
        curvature is that of the manifold of mean counts.
    generative_ : Generative
        The half ``p(x | z)``: its posterior, likelihood and mean, and refits of it to blocks of samples.
    decoder_ : HarmonicDecoder
        Points of the template (n, m) -> activity, or log rates in Hz (log of expected counts over exposure).
    held_out_ : tuple of (int, float)
        Held-out log-likelihood (nats per sample) at each number of harmonics tried without labels.
    encoder_ : Encoder or None
        None where the template has no law for it (Euclidean).
    noise_ : Noise
        ``covariance`` (d, d) of the activity about the manifold (for counts its mean over the template), and
        its whitening matrix.
    dispersion_ : Tensor (d,) or None
        alpha of each unit's counts, 0 where they are Poisson; None for the Gaussian.
    log_likelihood_ : float
        Mean marginal log-likelihood of a training sample, nats.
    label_tolerance_ : float or None
        Size of the labels' errors, radians; 0 where they are exact, None without labels.
    offsets_ : DataArray (group, angle) or None
        Of each group's labels against the manifold, radians, ``label = coordinate + offset``; their mean over labels
        is zero, and a group without labels has NaN.
    gauge_ : str
        What fixes the coordinates: "task coordinates", or for a fit without labels the gauge they were put
        in.
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
        likelihood: str = "gaussian",
        noise: Literal["full", "diagonal"] = "full",
        exposure: float = 1.0,
        label_tolerance: float | Literal["auto"] = "auto",
        offsets: ArrayLike | Literal["intervals"] | None = None,
        regularizers: Sequence[Regularizer] = (),
        warm_start: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
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
        self.likelihood = likelihood
        self.noise = noise
        self.exposure = exposure
        self.label_tolerance = label_tolerance
        self.offsets = offsets
        self.regularizers = regularizers
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    # -- fitting ------------------------------------------------------------------------------------------------

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, groups: ArrayLike | None = None) -> TopologicalVAE:
        """Fit to activity X (n, d).

        Parameters
        ----------
        X : array (n, d)
            Activity, rows in time order; whole numbers where the likelihood is of counts. A dask array is read a block
            of time at a time, as often as the fit goes over the samples (Gaussian likelihood and exact labels, or none;
            of counts, and where labels err, it is read whole).
        y : array or DataArray (n,), (n, k) or (n, m), optional
            Task coordinates where they are known; rows with NaN are unknown. Intrinsic angles, in radians unless
            ``attrs["units"]`` of a DataArray says degrees, or points of the template (unit vectors on circle and
            sphere, a pair ``cos, sin`` for each circle of a torus). With any label the labels are the gauge.
        groups : array (n,), optional
            Interval of each row: autocorrelation is not measured across their borders.

        Raises
        ------
        InputError
            Naming the setting or array that cannot be used.
        """
        template = resolve(self.template)
        check_settings(self.get_params())
        check_label_settings(self.label_tolerance, self.offsets, self.likelihood)
        check_regularizers(self.regularizers, template.dim)
        check_acts_on_decoder(self.regularizers)
        before = self if self.warm_start and hasattr(self, "generative_") else None
        activity = self._validated(X, reset=before is None)
        labels = check_labels(y, len(activity), template)
        check_data(activity, labels, template, groups)
        if not LIKELIHOODS[self.likelihood].of_counts:
            warn_of_many_units(activity.shape[1])
        if before is not None:
            check_start(before.generative_, template, LIKELIHOODS[self.likelihood])
        offset_groups = OffsetGroups.of(self.offsets, groups, len(activity), template)
        self.template_ = template
        self._device = resolve_device(self.device)
        seeds = spawn_seeds(self.random_state, 2)
        x, u, intervals = self._tensors(activity, labels, groups)
        x = loaded(x) if LIKELIHOODS[self.likelihood].of_counts else x
        tolerance = None if self.label_tolerance == "auto" else float(self.label_tolerance)
        settings = FitSettings(
            float(self.beta),
            self.n_init,
            float(self.exposure),
            independent_noise=self.noise == "diagonal",
            label_tolerance=tolerance,
            offset_groups=None if offset_groups is None else torch.as_tensor(offset_groups.numbers),
            start=None if before is None else before.generative_,
        )
        encoder = None if before is None else before.encoder_
        earlier = () if encoder is None else encoder.state_dict().values()
        settings = replace(settings, progress=self._progress(settings, x, u, intervals, *earlier))
        generative = settings.progress.stage(
            "generative half",
            lambda: LIKELIHOODS[self.likelihood].fit(template, x, u, intervals, settings, seeds[0]),
            half_state,
            partial(half_of, template=template, likelihood=self.likelihood, exposure=settings.exposure),
        )
        self._adopt(penalised(generative, x, self.regularizers, settings.beta, seeds[0]))
        if offset_groups is not None and self.generative_.offsets is not None:
            labels = offset_groups.without(labels, self.generative_.offsets)
            self.offsets_ = offsets_table(offset_groups.names, self.generative_.offsets)
        self.gauge_ = "task coordinates" if np.isfinite(labels).all(1).any() else gauge_name(template)
        task_points = template.embed(torch.as_tensor(labels))
        self._fit_encoder(x, task_points, seeds[1], encoder, settings.progress)
        self.log_likelihood_ = self.score(activity)
        settings.progress.finish()
        return self

    def _progress(self, settings: FitSettings, *data: Samples) -> Progress:
        """What a fit to such data has finished: in the file of ``checkpoint``, or in a folder of checkpoints."""
        repeatable = isinstance(self.random_state, Integral)
        if self.checkpoint is not None and not repeatable:
            raise InputError(
                f"checkpoint needs the same seed in the call that goes on: random_state must be an int, got "
                f"{self.random_state!r}"
            )
        others = () if settings.offset_groups is None else (settings.offset_groups,)
        if settings.start is not None:
            others = (*others, *settings.start.arrays().values())
        if self.checkpoint is not None:
            return Progress(self.checkpoint, work_key(self._stated(), *data, *others))
        return progress_of("fit", self._stated, *data, *others) if repeatable else Progress()

    def _stated(self) -> dict[str, Any]:
        """The settings that a fit depends on, as plain values."""
        stated = {name: plain(value) for name, value in self.get_params(deep=False).items() if name not in UNKEYED}
        stated["regularizers"] = written_regularizers(self.regularizers)
        return stated | {"template": self.template_.name}

    def partial_fit(self, X: ArrayLike, y: ArrayLike | None = None, groups: ArrayLike | None = None) -> TopologicalVAE:
        """Go on with further activity X (n, d), of a session that streams in or is too long for the memory.

        The first call is :meth:`fit`. A later one keeps the coordinates: earlier samples stand in the decoder's
        regression as the statistics they left (no sample is kept), new ones by a few steps of expectation-maximisation
        beside them. The encoder trains on the new rows. ``log_likelihood_`` is that of the new rows.

        Parameters
        ----------
        X, y, groups
            As in :meth:`fit`, of at least 8 rows. Labels that err or have offsets (``label_tolerance_``, ``offsets_``)
            are used in the first call alone: later the activity knows more.

        Raises
        ------
        InputError
            As of :meth:`fit`; and if there are labels but the coordinates were found without, or the model was read
            from a file of an earlier version.
        """
        if not hasattr(self, "generative_"):
            return self.fit(X, y, groups)
        activity = self._validated(X, reset=False)
        labels = exact_labels(y, len(activity), self.template_, self.label_tolerance_)
        if self.offsets_ is not None:
            labels = np.full_like(labels, np.nan)
        check_further(activity, labels, self.gauge_, groups)
        x, u, intervals = self._tensors(activity, labels, groups)
        offsets = self.offsets_
        seeds = spawn_seeds(self.random_state, 2)
        generative = self.generative_.updated(float(self.beta), x, u, intervals)
        self._adopt(penalised(generative, x, self.regularizers, float(self.beta), seeds[0]))
        self.offsets_ = offsets
        task_points = self.template_.embed(torch.as_tensor(labels))
        self._fit_encoder(x, task_points, seeds[1], self.encoder_, Progress())
        self.log_likelihood_ = self.score(activity)
        return self

    def _tensors(self, activity: Any, labels: FloatArray, groups: ArrayLike | None) -> tuple[Samples, Tensor, Tensor]:
        """Activity, labels and number of each row's interval, on the device."""
        x = self._samples(activity)
        intervals = torch.as_tensor(interval_numbers(groups, len(x)))
        return x, torch.as_tensor(labels).to(like(x)), intervals.to(like(x).device)

    def _adopt(self, generative: Generative) -> None:
        self.generative_ = generative
        self.decoder_ = generative.decoder
        self.noise_ = generative.noise
        self.dispersion_ = generative.dispersion
        self.prior_ = generative.prior
        self.autocorrelation_time_ = generative.autocorrelation_time
        self.held_out_ = generative.held_out
        self.label_tolerance_ = generative.label_tolerance
        self.offsets_ = None
        self.immersion_ = Immersion(self.template_, generative.mean)

    def _fit_encoder(
        self, activity: Samples, task_points: Tensor, seed: int, start: Encoder | None, progress: Progress
    ) -> None:
        if not has_encoder(self.template_):
            self.encoder_, self.histories_ = None, {}
            return
        data = EncoderData.of(activity, task_points)
        encoder = start
        if encoder is None:
            seen, generator = self.generative_.features(data.activity.cpu()), torch.Generator().manual_seed(seed)
            encoder = Encoder(self.template_, seen.mean(0), seen.std(0), self.hidden, generator)
        settings = TrainingSettings(self.max_epochs, self.batch_size, self.learning_rate, self.patience)
        self.encoder_ = encoder.to(self._device)
        self.histories_ = train_encoder(
            self.encoder_,
            self.template_,
            self.generative_,
            data,
            beta=self.beta,
            gamma=self.gamma,
            settings=settings,
            seed=seed,
            progress=progress,
            verbose=self.verbose,
        )

    # -- files --------------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model as one npz file (no pickle in it); :func:`~neuromanifold.load_model` reads it back."""
        check_is_fitted(self)
        facts = {
            "gauge": self.gauge_,
            "log_likelihood": self.log_likelihood_,
            "n_features_in": self.n_features_in_,
            "offset_groups": None if self.offsets_ is None else self.offsets_["group"].to_numpy().tolist(),
        }
        write_state(
            path, ModelState(self.get_params(deep=False), self.template_, self.generative_, self.encoder_, facts)
        )


def restored_vae(path: str | os.PathLike[str]) -> TopologicalVAE:
    """The model in a file of :meth:`TopologicalVAE.save`."""
    state = read_state(path)
    model = TopologicalVAE(**state.settings)
    model.template_, model._device = state.template, resolve_device("cpu")
    model.n_features_in_ = int(state.facts["n_features_in"])
    model._adopt(state.generative)
    model.gauge_, model.log_likelihood_ = str(state.facts["gauge"]), float(state.facts["log_likelihood"])
    model.offsets_ = offsets_table(state.facts["offset_groups"], state.generative.offsets)
    model.histories_, model.encoder_ = {}, state.encoder
    return model

"""Ambiguous digits: images between two classes from a small variational autoencoder, beside clean ones it makes.

After the Dirty-MNIST test of Zavatone-Veth et al. 2025 (I.2; data of Mukhoti et al. 2021). Clean images are decoded
from the latent means of real ones, ambiguous images from halfway between the latent means of two classes, so that both
are equally smooth; of many halfway points those are kept at which the classifier is least sure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import cast

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from neuromanifold.experiments import claim
from neuromanifold.experiments.checkpoints import Data, Recipe, stages
from neuromanifold.experiments.findings import Options, Statement
from neuromanifold.experiments.image_task import ImageTask
from neuromanifold.experiments.slices import Examined, draw_pairs
from neuromanifold.networks import MLP
from neuromanifold.training import TrainingSettings

__all__ = ["ImageVAE", "ambiguity_statements", "ambiguous_digits"]

N_LATENT, HIDDEN = 8, 256
SETTINGS = TrainingSettings(max_epochs=20, batch_size=100, learning_rate=1e-3, patience=None)
N_IMAGES, N_CANDIDATES = 40, 200


class ImageVAE(nn.Module):
    """Bernoulli pixels (n, D) given a Gaussian latent (n, m), with Gaussian posterior of diagonal covariance."""

    def __init__(self, n_pixels: int, generator: torch.Generator) -> None:
        super().__init__()
        self.encoder = MLP(n_pixels, 2 * N_LATENT, (HIDDEN,), generator)
        self.decoder = MLP(N_LATENT, n_pixels, (HIDDEN,), generator)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the latent, (n, m) each."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance

    def loss(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Negative evidence lower bound of each image, one sample: (n,) nats."""
        mean, log_variance = self.posterior(x)
        noise = torch.randn(mean.shape, generator=generator).to(mean)
        logits = self.decoder(mean + noise * torch.exp(0.5 * log_variance))
        error = binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
        return error + 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)


@torch.no_grad()
def ambiguous_digits(networks: Mapping[str, Examined], task: ImageTask, options: Options) -> xr.Dataset:
    """Volumes and entropies (stage, kind, image) of clean and ambiguous images, equally many of each."""
    vae = _trained(task.x_train, options)
    rng = np.random.default_rng(options.seed)
    pairs = draw_pairs(task.y_test.numpy(), min(N_CANDIDATES, len(task.y_test) // 4), False, rng)
    mean = vae.posterior(task.x_test)[0][torch.as_tensor(pairs)]
    halfway = torch.sigmoid(vae.decoder(mean.mean(1))).double()
    clean = torch.sigmoid(vae.decoder(mean[:, 0])).double()
    n = min(N_IMAGES, len(pairs) // 2)
    unsure = _entropy(networks["trained"], halfway).argsort(descending=True)[:n]
    shown = {"clean": clean[unsure], "ambiguous": halfway[unsure]}
    each = [_measured(network, shown) for network in networks.values()]
    data = xr.concat(each, "stage").assign_coords(stage=list(networks), kind=list(shown))
    return data.assign(image=(("kind", "sample", "pixel"), np.stack([x.numpy() for x in shown.values()])))


def ambiguity_statements(data: xr.Dataset, rng: np.random.Generator) -> Iterator[Statement]:
    """Log volume at ambiguous less at clean images, before and after training."""
    gap = data["log_volume"].sel(kind="ambiguous") - data["log_volume"].sel(kind="clean")
    for stage in ("initial", "trained"):
        values = gap.sel(stage=stage).to_numpy()
        what = f"ambiguous less clean digits: log volume, {stage}"
        yield Statement(what, float(values.mean()), *claim.bootstrap_interval(values[None], rng))
    gain = (gap.sel(stage="trained") - gap.sel(stage="initial")).to_numpy()
    p = claim.sign_flip_p(gain, rng)
    what = "ambiguous less clean digits: the same, trained less initial"
    yield Statement(what, float(gain.mean()), *claim.bootstrap_interval(gain[None], rng), p, ">= 0")


def _trained(x: Tensor, options: Options) -> ImageVAE:
    recipe = Recipe(
        lambda generator: ImageVAE(x.shape[1], generator),
        SETTINGS,
        (SETTINGS.max_epochs,),
        {"network": "ImageVAE", "n_latent": N_LATENT, "hidden": HIDDEN, "loss": "negative evidence lower bound"},
    )

    def objective(module: nn.Module, data: Data, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
        return lambda rows: cast(ImageVAE, module).loss(data[0][rows], generator)

    with torch.enable_grad():
        trained = stages(recipe, objective, (x,), options.seed, options.checkpoints, options.device, options.verbose)
        (vae,) = trained.values()
    return cast(ImageVAE, vae)


def _entropy(network: Examined, x: Tensor) -> Tensor:
    log_p = network.scores(x).log_softmax(1)
    return -(log_p.exp() * log_p).sum(1)


def _measured(network: Examined, shown: Mapping[str, Tensor]) -> xr.Dataset:
    volume = [torch.cat([network.phi.log_volume(x) for x in images.split(8)]).numpy() for images in shown.values()]
    unsure = [_entropy(network, images).numpy() / np.log(10) for images in shown.values()]
    return xr.Dataset(
        {
            "log_volume": (("kind", "sample"), np.stack(volume), {"long_name": "log volume element", "units": "1"}),
            "entropy": (
                ("kind", "sample"),
                np.stack(unsure),
                {"long_name": "entropy of the softmax, base 10", "units": "1"},
            ),
        }
    )

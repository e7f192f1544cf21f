"""Training of the encoder: the amortised half of a topological VAE, against a decoder that is already right.

First the encoder learns from points drawn from the exact posterior on the grid, by ``-log q(z | x)``: one
that started from random directions would settle on a map that tears the circle. Then it ascends the
evidence lower bound,

    ELBO = E_q[log p(x | z)] - beta KL(q || uniform),

less ``gamma`` times the squared geodesic distance to the task coordinate where it is known. Samples are
reparametrised with exact gradients in the mean and the concentration.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from neuromanifold.manifolds import Manifold
from neuromanifold.models.base import Generative
from neuromanifold.models.encoder import Encoder, Posterior
from neuromanifold.models.samples import Samples, loaded
from neuromanifold.progress import Progress
from neuromanifold.training import History, TrainingSettings, held_out_blocks, train

__all__ = ["EncoderData", "evidence_lower_bound", "in_wide_dtype", "train_encoder"]

HELD_OUT = 0.2
# The encoder learns from at most this many samples.
N_TRAIN = 10000


@dataclass(frozen=True)
class EncoderData:
    """Activity (n, d) and task points on the template (n, m), NaN where unknown; float32 on the device."""

    activity: Tensor
    task_points: Tensor

    @classmethod
    def of(cls, activity: Samples, task_points: Tensor) -> EncoderData:
        """At most ``N_TRAIN`` of the samples, evenly spaced: neighbours in time say the same."""
        stride = -(-len(activity) // N_TRAIN)
        some = loaded(activity[::stride]).to(torch.float32)
        return cls(some, task_points[::stride].to(some))


def evidence_lower_bound(
    law: Posterior,
    x: Tensor,
    likelihood: nn.Module,
    template: Manifold,
    beta: float,
    generator: torch.Generator | None,
) -> Tensor:
    """One-sample estimate of the ELBO of each row (n,), nats."""
    z = template.from_cover(law.rsample(generator=generator))
    return likelihood(x, z) - beta * law.kl_to_uniform()


def train_encoder(
    encoder: Encoder,
    template: Manifold,
    generative: Generative,
    data: EncoderData,
    *,
    beta: float,
    gamma: float,
    settings: TrainingSettings,
    seed: int,
    progress: Progress,
    verbose: bool,
) -> dict[str, History]:
    """Train in the two stages of the module's docstring, each stopped by held-out blocks of samples."""
    device, n = data.activity.device, len(data.activity)
    held = held_out_blocks(n, HELD_OUT, torch.Generator().manual_seed(seed)).to(device)
    rows = torch.arange(n, device=device)
    generator = torch.Generator(device=device).manual_seed(seed)
    targets = _posterior_targets(template, generative, data.activity, beta, generator)
    likelihood = generative.likelihood(data.activity)

    def mimic(batch: Tensor) -> Tensor:
        return -encoder(generative.features(data.activity[batch])).log_prob(targets[batch])

    def objective(batch: Tensor) -> Tensor:
        x, task = data.activity[batch], data.task_points[batch]
        q = encoder(generative.features(x))
        elbo = evidence_lower_bound(q, x, likelihood, template, beta, generator)
        return gamma * _squared_error(template, template.from_cover(q.loc), task) - elbo

    histories = {}
    for name, loss in {"posterior": mimic, "elbo": objective}.items():
        histories[name] = train(
            encoder,
            loss,
            rows[~held],
            rows[held],
            settings,
            generator,
            checkpoint=progress.slot(name),
            label=name,
            verbose=verbose,
        )
    return histories


def _posterior_targets(
    template: Manifold, generative: Generative, activity: Tensor, beta: float, generator: torch.Generator
) -> Tensor:
    """A point of the cover drawn from the exact posterior of each sample, (n, m)."""
    wide = in_wide_dtype(activity)
    return template.lifts(generative.posterior(beta, wide).sample(wide, generator))[0].to(activity)


def in_wide_dtype(values: Tensor) -> Tensor:
    """float64 where the device has it (Apple's MPS has not)."""
    return values if values.device.type == "mps" else values.to(torch.float64)


def _squared_error(template: Manifold, mean: Tensor, task: Tensor) -> Tensor:
    """Squared geodesic distance to the task point (n,), zero where that is unknown."""
    known = torch.isfinite(task).all(dim=1)
    # Unknown rows are compared with a fixed point so that no NaN enters the gradient.
    distance = template.distance(mean, torch.where(known[:, None], task, mean.detach().roll(1, 0)))
    return torch.where(known, distance.square(), torch.zeros_like(distance))

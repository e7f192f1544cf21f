"""What a regulariser costs: seconds of a step of training with it, as a multiple of the plain autoencoder's step."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import torch

from neuromanifold._typing import FloatArray
from neuromanifold.models import GeometricAutoencoder
from neuromanifold.models.regularizers import REGULARIZERS, NeighborhoodReconstruction, Regularizer

__all__ = ["regularizer_cost"]

TARGET = 5.0


def regularizer_cost(
    n_samples: int = 2000, n_features: int = 100, *, n_components: int = 2, n_steps: int = 200, n_repeats: int = 3
) -> pd.DataFrame:
    """Time training with every regulariser at its defaults, on one thread.

    Parameters
    ----------
    n_samples, n_features, n_components : int
        Of a random smooth manifold.
    n_steps, n_repeats : int
        Steps of a training, and how often each is timed; the fastest counts.

    Returns
    -------
    pandas.DataFrame
        A row per regulariser: ``milliseconds`` a step, ``ratio`` to the plain autoencoder, and the ``target``.
    """
    rng = np.random.default_rng(0)
    latents = rng.uniform(-1, 1, (n_samples, n_components))
    data = np.tanh(latents @ rng.normal(size=(n_components, 20))) @ rng.normal(size=(20, n_features))
    cases: dict[str, tuple[Regularizer, ...]] = {"plain": ()}
    for kind in REGULARIZERS:
        if kind is NeighborhoodReconstruction:
            cases |= {f"{kind.__name__}, order {order}": (kind(order=order),) for order in (1, 2)}
        elif n_components >= kind.least_dimension:
            cases[kind.__name__] = (kind(),)
    counts = (1, 1 + n_steps)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        # In turn, so that a slow moment of the machine falls on all of them; what precedes the first step is left out.
        rounds = [
            pd.DataFrame(
                {name: [_seconds(data, n_components, held, n) for n in counts] for name, held in cases.items()}
            )
            for _ in range(n_repeats)
        ]
    finally:
        torch.set_num_threads(threads)
    fastest = pd.concat(rounds).groupby(level=0, sort=True).min()
    seconds = fastest.diff().iloc[1] / n_steps
    table = pd.DataFrame({"milliseconds": 1000 * seconds, "ratio": seconds / seconds["plain"], "target": TARGET})
    return table.rename_axis("regularizer")


def _seconds(data: FloatArray, n_components: int, held: tuple[Regularizer, ...], n_steps: int) -> float:
    """Of a training of so many steps."""
    model = GeometricAutoencoder(n_components, held, max_steps=n_steps, device="cpu", random_state=0)
    begun = time.perf_counter()
    model.fit(data)
    return time.perf_counter() - begun

"""One source of randomness: ``random_state`` in, numpy and torch generators out; no global state is touched."""

from __future__ import annotations

import numpy as np
import torch

from neuromanifold._errors import InputError
from neuromanifold._typing import RandomState

__all__ = ["numpy_generator", "spawn_seeds", "torch_generator"]


def numpy_generator(random_state: RandomState) -> np.random.Generator:
    """Generator for a ``random_state``: None (fresh entropy), an int seed, a RandomState or a Generator."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, 2**32, size=4, dtype=np.uint32))
    whole = isinstance(random_state, (int, np.integer))
    if random_state is None or (whole and int(random_state) >= 0):  # type: ignore[arg-type]
        return np.random.default_rng(random_state)
    raise InputError(
        "random_state must be None, a whole number from 0, a numpy RandomState or Generator; got "
        f"{random_state if whole else type(random_state).__name__}"
    )


def spawn_seeds(random_state: RandomState, n_seeds: int) -> list[int]:
    """``n_seeds`` independent int seeds, so that parallel jobs give the same numbers in any order."""
    return [int(s) for s in numpy_generator(random_state).integers(0, 2**63 - 1, size=n_seeds)]


def torch_generator(random_state: RandomState, device: torch.device | str = "cpu") -> torch.Generator:
    """Torch generator on ``device`` seeded from a ``random_state``."""
    return torch.Generator(device=device).manual_seed(spawn_seeds(random_state, 1)[0])

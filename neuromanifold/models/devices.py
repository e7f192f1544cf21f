"""Where tensors live: the device a fit runs on."""

from __future__ import annotations

import torch

from neuromanifold._errors import InputError

__all__ = ["resolve_device"]


def resolve_device(device: str | torch.device) -> torch.device:
    """CUDA, else MPS, else the CPU for "auto"; anything else is a torch device that must be there.

    Raises
    ------
    InputError
        If the device is unknown or not available on this machine.
    """
    if device == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(name)
    try:
        chosen = torch.device(device)
        torch.zeros(1, device=chosen)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise InputError(
            f'device {device!r} cannot be used here ({str(error).splitlines()[0]}); use "auto", "cpu", "cuda" or "mps"'
        ) from error
    return chosen

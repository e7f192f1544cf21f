"""``load_model``: a fitted model of any kind, from its file."""

from __future__ import annotations

import os
from collections.abc import Callable

from neuromanifold._errors import InputError
from neuromanifold.models.autoencoder import GeometricAutoencoder, restored_autoencoder
from neuromanifold.models.autoencoder_files import AUTOENCODER_KIND
from neuromanifold.models.files import KIND
from neuromanifold.models.topological_vae import TopologicalVAE, restored_vae
from neuromanifold.storage import read_arrays

__all__ = ["load_model"]

RESTORED: dict[str, Callable[[str | os.PathLike[str]], TopologicalVAE | GeometricAutoencoder]] = {
    KIND: restored_vae,
    AUTOENCODER_KIND: restored_autoencoder,
}


def load_model(path: str | os.PathLike[str]) -> TopologicalVAE | GeometricAutoencoder:
    """Read a model written by its ``save``, onto the CPU.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged or not one of ours.
    InputError
        If it was written by a newer version of the format, or holds no model.
    """
    kind = read_arrays(path)[0].get("kind")
    if kind not in RESTORED:
        raise InputError(f"{os.fspath(path)} holds {kind!r}; it must be one of {', '.join(map(repr, RESTORED))}")
    return RESTORED[kind](path)

"""Files of autoencoders: an npz of weights with a JSON header of settings, regularisers by name; nothing is pickled."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neuromanifold._errors import FileFormatError
from neuromanifold.models.autoencoder_training import Networks
from neuromanifold.models.files import plain, read_of_kind
from neuromanifold.models.holder_files import read_regularizers, written_regularizers
from neuromanifold.storage import write_arrays

__all__ = ["AUTOENCODER_KIND", "AutoencoderState", "read_autoencoder_state", "write_autoencoder_state"]

SCHEMA = 1
AUTOENCODER_KIND = "neuromanifold.GeometricAutoencoder"


@dataclass(frozen=True)
class AutoencoderState:
    """All of a fitted autoencoder: settings, networks of standardised data, and its centre (d,) and spread."""

    settings: Mapping[str, Any]
    networks: Networks
    centre: Tensor
    spread: Tensor


def write_autoencoder_state(path: str | os.PathLike[str], state: AutoencoderState) -> None:
    """Write a model's state, atomically."""
    settings = {name: plain(value) for name, value in state.settings.items() if name != "regularizers"}
    settings["regularizers"] = written_regularizers(state.settings["regularizers"])
    header = {"kind": AUTOENCODER_KIND, "schema": SCHEMA, "settings": settings}
    arrays = {f"networks.{name}": value.cpu().numpy() for name, value in state.networks.state_dict().items()}
    write_arrays(path, header, {**arrays, "centre": state.centre.numpy(), "spread": state.spread.numpy()})


def read_autoencoder_state(path: str | os.PathLike[str]) -> AutoencoderState:
    """Read a state of :func:`write_autoencoder_state`, onto the CPU.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged or incomplete.
    InputError
        If it was written by a newer version of the format.
    """
    header, arrays = read_of_kind(path, AUTOENCODER_KIND, SCHEMA)
    try:
        settings = dict(header["settings"])
        settings["hidden"] = tuple(settings["hidden"])
        settings["regularizers"] = read_regularizers(settings["regularizers"])
        tensors = {name: torch.as_tensor(values) for name, values in arrays.items()}
        return AutoencoderState(settings, _networks(settings, tensors), tensors["centre"], tensors["spread"])
    # Settings and arrays of a stranger meet the constructors of every part of a model here.
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
        raise FileFormatError(f"{os.fspath(path)} is incomplete: {error}; save the model again") from error


def _networks(settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Networks:
    networks = Networks(
        torch.zeros(len(tensors["centre"]), settings["n_components"]),
        settings["hidden"],
        settings["activation"],
        settings["variational"],
        torch.Generator().manual_seed(0),
    )
    weights = {name.removeprefix("networks."): v for name, v in tensors.items() if name.startswith("networks.")}
    networks.double().load_state_dict(weights)
    return networks

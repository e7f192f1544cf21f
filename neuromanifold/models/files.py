"""Files of models: an npz of arrays with a JSON header of settings and what was learned; nothing is pickled."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from neuromanifold._errors import FileFormatError, InputError
from neuromanifold.manifolds import Manifold, resolve
from neuromanifold.models.base import Generative
from neuromanifold.models.encoder import Encoder
from neuromanifold.models.fit_states import scores_of
from neuromanifold.models.harmonic_decoder import HarmonicDecoder
from neuromanifold.models.holder_files import read_regularizers, written_regularizers
from neuromanifold.models.likelihoods import LIKELIHOODS
from neuromanifold.models.noise import Noise
from neuromanifold.progress import State
from neuromanifold.storage import read_arrays, write_arrays

__all__ = ["ModelState", "half_of", "half_state", "plain", "read_of_kind", "read_state", "write_state"]

SCHEMA = 2
KIND = "neuromanifold.TopologicalVAE"


@dataclass(frozen=True)
class ModelState:
    """All of a fitted model: settings, template, both halves, and facts (gauge, log-likelihood, number of units)."""

    settings: Mapping[str, Any]
    template: Manifold
    generative: Generative
    encoder: Encoder | None
    facts: Mapping[str, Any]


def write_state(path: str | os.PathLike[str], state: ModelState) -> None:
    """Write a model's state, atomically."""
    generative, encoder = state.generative, state.encoder
    settings = {name: plain(value) for name, value in state.settings.items()}
    header = {
        "kind": KIND,
        "schema": SCHEMA,
        "settings": settings
        | {
            "template": state.template.name,
            "regularizers": written_regularizers(state.settings["regularizers"]),
        },
        **half_state(generative)[0],
        **state.facts,
    }
    arrays = {name: value.numpy() for name, value in generative.arrays().items()}
    if encoder is not None:
        arrays |= {f"encoder.{name}": value.cpu().numpy() for name, value in encoder.state_dict().items()}
    write_arrays(path, header, arrays)


def read_of_kind(
    path: str | os.PathLike[str], kind: str, schema: int
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Header and arrays of a file of one kind of model, up to a version of its format; an InputError of any other."""
    header, arrays = read_arrays(path)
    stated = header.get("schema", 0)
    if header.get("kind") != kind or not isinstance(stated, int) or stated > schema:
        raise InputError(
            f"{os.fspath(path)} holds {header.get('kind')!r} schema {stated!r}; this version reads "
            f"{kind!r} up to schema {schema}: update neuromanifold, or save the model again"
        )
    return header, arrays


def read_state(path: str | os.PathLike[str]) -> ModelState:
    """Read a state of :func:`write_state`, onto the CPU.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged or not one of ours.
    InputError
        If it was written by a newer version of the format.
    """
    header, arrays = read_of_kind(path, KIND, SCHEMA)
    try:
        return _state(header, {name: torch.as_tensor(values) for name, values in arrays.items()})
    # Settings and arrays of a stranger meet the constructors of every part of a model here.
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
        raise FileFormatError(f"{os.fspath(path)} is incomplete: {error}; save the model again") from error


def half_state(generative: Generative) -> State:
    """A generative half as plain values and tensors."""
    values = {
        "order": generative.decoder.order,
        "prior": generative.prior,
        "autocorrelation_time": generative.autocorrelation_time,
        "held_out": [list(pair) for pair in generative.held_out],
        "label_tolerance": generative.label_tolerance,
    }
    return values, generative.arrays()


def half_of(state: State, template: Manifold, likelihood: str, exposure: float) -> Generative:
    """The generative half of a :func:`half_state`."""
    values, tensors = state
    fields = {
        "decoder": HarmonicDecoder(template, int(values["order"]), tensors["decoder"]),
        "noise": Noise(tensors["noise"], tensors["whitening"]),
        "prior": values["prior"],
        "autocorrelation_time": float(values["autocorrelation_time"]),
        "held_out": scores_of(values["held_out"]),
        "label_tolerance": values.get("label_tolerance"),
        "offsets": tensors.get("offsets"),
    }
    return LIKELIHOODS[likelihood].restored(fields, tensors, exposure)


def _state(header: dict[str, Any], tensors: dict[str, Tensor]) -> ModelState:
    settings = header["settings"] | {
        "hidden": tuple(header["settings"]["hidden"]),
        "regularizers": read_regularizers(header["settings"].get("regularizers", ())),
    }
    template = resolve(settings["template"])
    # Files of the first version have no likelihood: it was Gaussian.
    likelihood, exposure = settings.get("likelihood", "gaussian"), settings.get("exposure", 1.0)
    generative = half_of((header, tensors), template, likelihood, exposure)
    weights = {name.removeprefix("encoder."): v for name, v in tensors.items() if name.startswith("encoder.")}
    facts = {name: header[name] for name in ("gauge", "log_likelihood", "n_features_in")}
    facts["offset_groups"] = header.get("offset_groups")
    return ModelState(settings, template, generative, _encoder(template, settings["hidden"], weights), facts)


def _encoder(template: Manifold, hidden: tuple[int, ...], weights: dict[str, Tensor]) -> Encoder | None:
    if not weights:
        return None
    encoder = Encoder(template, weights["centre"], weights["scale"], hidden, torch.Generator().manual_seed(0))
    encoder.load_state_dict(weights)
    return encoder


def plain(value: Any) -> Any:
    """A setting as JSON has it; a generator as random_state was used up, so it is forgotten."""
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, torch.device):
        return str(value)
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else None

"""Entry points: where something from outside comes in; each a row with the parts it takes and how it is called. Here:
reading, preparing, fitting and mapping.

A call gives the numbers of its result that must be finite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import nn

import neuromanifold as nm
from neuromanifold.benchmarks.robustness.files import SOUND
from neuromanifold.benchmarks.robustness.given import Given, sound
from neuromanifold.data.images.source import load as load_images
from neuromanifold.data.readers import inspect
from neuromanifold.networks.small_resnet import load_small_resnet

__all__ = [
    "ACTIVITY",
    "DATA_AND_FITS",
    "FILE",
    "RECORDING",
    "SETTINGS",
    "SMALL_AUTOENCODER",
    "SMALL_STATISTICS",
    "EntryPoint",
    "fitted",
    "path_of",
    "recording_of",
    "ring",
    "sound_recording",
]

RECORDING = frozenset({"activity", "labels", "groups", "time", "sampling_period", "names", "attrs"})
SAMPLES = frozenset({"activity", "labels", "groups"})
SMALL_PREPARATION: dict[str, Any] = {"random_state": 0, "bin_size": 0.1, "n_components": "auto"}
SMALL_STATISTICS: dict[str, Any] = {"random_state": 0}
SMALL_LAYER: dict[str, Any] = {"name": "1"}
SMALL_TOPOLOGY: dict[str, Any] = {"n_shuffles": 19, "n_landmarks": 15, "n_landmarks_2": 10, "random_state": 0}
SMALL_VAE: dict[str, Any] = {"n_init": 1, "max_epochs": 1, "hidden": (4,), "device": "cpu", "random_state": 0}
SMALL_AUTOENCODER: dict[str, Any] = {
    "n_components": 1,
    "hidden": (4,),
    "max_steps": 4,
    "device": "cpu",
    "random_state": 0,
}


@dataclass(frozen=True)
class EntryPoint:
    """A public name, the parts of :class:`~neuromanifold.benchmarks.robustness.given.Given` it takes, and its call."""

    name: str
    takes: frozenset[str]
    call: Callable[[Given], Iterable[Any]]
    # Faults that cannot be brought to it.
    without: frozenset[str] = frozenset()


def recording_of(given: Given) -> xr.Dataset:
    """The parts as a recording."""
    activity = given.activity
    if isinstance(activity, np.ndarray) and activity.ndim == 2 and activity.shape[1] == len(given.names):
        activity = xr.DataArray(activity, dims=("time", "unit"), coords={"unit": given.names}, attrs=dict(given.attrs))
    stated = {} if isinstance(activity, xr.DataArray) else dict(given.attrs)
    return nm.as_recording(
        activity,
        {"angle_rad": given.labels},
        sampling_period=given.sampling_period,
        time=given.time,
        interval=given.groups,
        **stated,
    )


def _as_recording(given: Given) -> Iterable[Any]:
    recording = recording_of(given)
    return recording["activity"], recording["time"]


def _dataset(given: Given) -> xr.Dataset:
    """A Dataset as a stranger makes one, unchecked."""
    activity = given.activity
    dims = ("time", "unit", "third")[: np.ndim(activity)]
    dataset = xr.Dataset({"activity": (dims, activity, dict(given.attrs))})
    names = given.names if dataset.sizes.get("unit") == len(given.names) else None
    coords = {"time": given.time, "interval": given.groups, "angle_rad": given.labels}
    for name, values in coords.items():
        length = len(np.asarray(values))
        dim = "time" if dataset.sizes.get("time") == length or np.ndim(values) != 1 else f"{name}_dim"
        dims = (dim, "column")[: np.ndim(values)]
        dataset = dataset.assign({name: (dims, values)}) if name == "angle_rad" else dataset.assign_coords(
            {name: (dims, values)}
        )  # fmt: skip
    dataset = dataset if names is None else dataset.assign_coords(unit=names)
    return dataset.assign_attrs(sampling_period=given.sampling_period)


def _load_dataset(given: Given) -> Iterable[Any]:
    recording = nm.load(_dataset(given), **given.settings)
    return recording["activity"], recording["time"]


def _load_mapping(given: Given) -> Iterable[Any]:
    parts = {"activity": given.activity, "angle_rad": given.labels, "trial": given.groups, "time_s": given.time}
    recording = nm.load(parts, sampling_period=given.sampling_period)
    return recording["activity"], recording["time"]


def _prepare(given: Given) -> Iterable[Any]:
    prepared = nm.prepare(recording_of(given), **SMALL_PREPARATION | given.settings)
    return prepared["activity"], prepared["time"]


def _topology(given: Given) -> Iterable[Any]:
    found = nm.Topology(**SMALL_TOPOLOGY | given.settings).fit(given.activity, groups=given.groups)
    return list(found.p_values_.values())


def _topology_transform(given: Given) -> Iterable[Any]:
    _fitted_topology().transform(given.activity)
    return ()


def _vae(given: Given) -> Iterable[Any]:
    model = nm.TopologicalVAE(**SMALL_VAE | given.settings).fit(given.activity, given.labels, given.groups)
    return model.transform(given.activity), model.immersion_(_grid()).numpy(), model.log_likelihood_


def _vae_unlabelled(given: Given) -> Iterable[Any]:
    model = nm.TopologicalVAE(**SMALL_VAE | given.settings).fit(given.activity, None, given.groups)
    return model.transform(given.activity), model.immersion_(_grid()).numpy(), model.log_likelihood_


def _vae_counts(given: Given) -> Iterable[Any]:
    counts = given.activity
    if type(counts) is np.ndarray and counts.dtype == np.float64 and counts.size and np.ptp(counts) > 0:
        counts = np.where(np.isfinite(counts), np.round(5 * counts), counts)
    model = nm.TopologicalVAE(likelihood="poisson", **SMALL_VAE).fit(counts, given.labels, given.groups)
    return model.transform(counts), model.immersion_(_grid()).numpy(), model.log_likelihood_


def _vae_partial(given: Given) -> Iterable[Any]:
    model = nm.TopologicalVAE(**SMALL_VAE).fit(ring(), sound(given.folder).labels)
    model.partial_fit(given.activity, given.labels, given.groups)
    return model.transform(ring()), model.immersion_(_grid()).numpy()


def _vae_transform(given: Given) -> Iterable[Any]:
    return [fitted().transform(given.activity)]


def _autoencoder(given: Given) -> Iterable[Any]:
    model = nm.GeometricAutoencoder(**SMALL_AUTOENCODER | given.settings).fit(given.activity)
    return model.transform(given.activity), model.score(given.activity)


def _profile(given: Given) -> Iterable[Any]:
    settings: dict[str, Any] = {"n_bootstrap": 2, "n_points": 16, "random_state": 0} | given.settings
    profile = nm.curvature_profile(fitted(), given.activity, given.labels, given.groups, **settings)
    return [profile[name].where(profile["valid"], 0.0) for name in ("mean_curvature_norm", "log_volume")]


def _analyze(given: Given) -> Iterable[Any]:
    settings: dict[str, Any] = {"n_shuffles": 19, "random_state": 0, "template": "circle"} | given.settings
    analysis = nm.analyze(recording_of(given), **settings)
    return [analysis.profile["mean_curvature_norm"].where(analysis.profile["valid"], 0.0)]


def _layer(given: Given) -> Iterable[Any]:
    first = nn.Linear(5, 6)
    nn.init.eye_(first.weight)
    network = nn.Sequential(first, nn.Tanh(), nn.Linear(6, 5)).requires_grad_(False)
    phi = nm.featuremaps.layer(network, **SMALL_LAYER | given.settings)
    volume, rank = phi.log_volume(given.activity).numpy(), phi.rank(given.activity).numpy()
    return [np.where(rank < 0, 0.0, volume)]


def _shallow(given: Given) -> Iterable[Any]:
    phi = nm.featuremaps.shallow(given.activity, np.zeros(80), **given.settings)
    return [phi.log_volume(np.ones(5)).numpy()]


def _kernel(given: Given) -> Iterable[Any]:
    return [nm.featuremaps.kernels.metric(lambda x, y: torch.exp(-(x - y).square().sum() / 2), given.activity).numpy()]


def _cka(given: Given) -> Iterable[Any]:
    return [nm.compare.cka(given.activity, ring(), n_bootstrap=0)["value"]]


def path_of(given: Given) -> Any:
    """The file that a fault wrote, or a sound one."""
    if given.path is not None:
        return given.path
    path = given.folder / "sound.npz"
    SOUND["x.npz"](path)
    return path


def _load(given: Given) -> Iterable[Any]:
    recording = nm.load(path_of(given), **given.settings)
    return recording["activity"], recording["time"]


def _inspect(given: Given) -> Iterable[Any]:
    return [len(inspect(given.path).rows)]


def _load_model(given: Given) -> Iterable[Any]:
    return [nm.load_model(given.path).transform(ring())]


def _load_weights(given: Given) -> Iterable[Any]:
    return [p.numpy() for p in load_small_resnet(given.path).parameters()]


def _images(given: Given) -> Iterable[Any]:
    return [load_images(given.path)["image"]]


def ring() -> Any:
    """Sound activity."""
    return sound(None).activity  # type: ignore[arg-type]  # nothing is written


@cache
def sound_recording() -> xr.Dataset:
    """A recording without a fault."""
    return recording_of(sound(None))  # type: ignore[arg-type]  # nothing is written


def _grid() -> torch.Tensor:
    return torch.linspace(0, 6, 12, dtype=torch.float64)[:, None]


@cache
def _fitted_topology() -> Any:
    return nm.Topology(**SMALL_TOPOLOGY).fit(ring())


@cache
def fitted() -> Any:
    """A model of sound activity and labels."""
    return nm.TopologicalVAE(**SMALL_VAE).fit(ring(), sound(None).labels)  # type: ignore[arg-type]


FILE, SETTINGS = frozenset({"path"}), frozenset({"settings"})
ACTIVITY = frozenset({"activity"})

DATA_AND_FITS = (
    EntryPoint("as_recording", RECORDING, _as_recording),
    EntryPoint("load(Dataset)", RECORDING, _load_dataset, frozenset({"ragged lists", "a sparse matrix", "a dict"})),
    EntryPoint("load(mapping)", RECORDING - {"names", "attrs"}, _load_mapping),
    EntryPoint("load", FILE | SETTINGS, _load),
    EntryPoint("inspect", FILE, _inspect),
    EntryPoint("prepare", RECORDING | SETTINGS, _prepare),
    EntryPoint("Topology", ACTIVITY | {"groups"} | SETTINGS, _topology),
    EntryPoint("Topology.transform", ACTIVITY, _topology_transform),
    EntryPoint("TopologicalVAE", SAMPLES | SETTINGS, _vae),
    EntryPoint("TopologicalVAE, no labels", ACTIVITY, _vae_unlabelled),
    EntryPoint("TopologicalVAE, counts", SAMPLES, _vae_counts),
    EntryPoint("TopologicalVAE.partial_fit", SAMPLES, _vae_partial),
    EntryPoint("TopologicalVAE.transform", ACTIVITY, _vae_transform),
    EntryPoint("GeometricAutoencoder", ACTIVITY | SETTINGS, _autoencoder),
    EntryPoint("curvature_profile", SAMPLES | SETTINGS, _profile),
    EntryPoint("analyze", SETTINGS, _analyze),
    EntryPoint("featuremaps.layer", ACTIVITY | SETTINGS, _layer),
    EntryPoint("featuremaps.shallow", ACTIVITY | SETTINGS, _shallow),
    EntryPoint("featuremaps.kernels.metric", ACTIVITY, _kernel),
    EntryPoint("compare.cka", ACTIVITY, _cka),
    EntryPoint("load_model", frozenset({"model file"}), _load_model),
    EntryPoint("load_small_resnet", frozenset({"weights file"}), _load_weights),
    EntryPoint("images.load", frozenset({"image file"}), _images),
)

"""Recordings whose manifold is known: shapes with noise, Poisson populations, and the truth behind each.

``circle``, ``sphere``, ``torus`` sample the distorted manifolds of Acosta et al. (2023); ``sine``, ``spiral``,
``swiss_roll``, ``holed_sheet`` curves and surfaces under one chart, as in Lee et al. (2021, 2022);
``head_direction_cells``, ``place_cells``, ``grid_cells`` are populations along simulated behaviour.
:func:`immersion_of` gives the noise-free map from the template to activity of any of them, from what the
recording itself carries.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import torch
import xarray as xr
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold.data.chart_samples import holed_sheet, sine, spiral, swiss_roll
from neuromanifold.data.charts import CHARTS, Chart
from neuromanifold.data.manifold_samples import circle, sphere, torus
from neuromanifold.data.populations import grid_cells, head_direction_cells, place_cells
from neuromanifold.data.prepare import preparation
from neuromanifold.data.shapes import SHAPES
from neuromanifold.data.tuning import rates
from neuromanifold.geometry import Immersion
from neuromanifold.manifolds import Euclidean, resolve

__all__ = [
    "circle",
    "grid_cells",
    "head_direction_cells",
    "holed_sheet",
    "immersion_of",
    "place_cells",
    "sine",
    "sphere",
    "spiral",
    "swiss_roll",
    "torus",
]

Decoder = Callable[[Tensor], Tensor]


def immersion_of(recording: xr.Dataset) -> Immersion:
    """The true immersion behind a synthetic recording, template → activity, float64 and differentiable.

    For a shape or a chart (whose template is Euclidean), its noise-free points. For a population, the expected counts
    in a bin of the recording's ``sampling_period`` (not square-rooted). For a prepared recording, the same passed
    through its transform, z-score and components; smoothing in time and the bias of a transform of noisy counts are
    not part of it.

    Parameters
    ----------
    recording : Dataset
        As made by this module, or read back from netCDF, with any selection of its samples or units.

    Raises
    ------
    InputError
        If the recording was not made by this module.
    """
    if "synthetic" not in recording.attrs:
        raise InputError("this recording is not synthetic: its true immersion is not known")
    about = json.loads(recording.attrs["synthetic"])
    if "chart" in about:
        chart = CHARTS[about["chart"]]
        return Immersion(Euclidean(len(chart.names)), _prepared(recording, _charted(recording, chart)))
    clean = _shape(recording, about) if "shape" in about else _expected_counts(recording, about)
    return Immersion(resolve(about["template"]), _prepared(recording, clean))


def _shape(recording: xr.Dataset, about: dict) -> Decoder:
    shape, frame = SHAPES[about["shape"]], _tensor(recording, "frame")
    amplitude, distortion, radius = about["amplitude"], about["distortion"], about["radius"]

    def decoder(z: Tensor) -> Tensor:
        return radius * shape(z.double(), amplitude, distortion) @ frame.T

    return decoder


def _charted(recording: xr.Dataset, chart: Chart) -> Decoder:
    frame = _tensor(recording, "frame")
    return lambda z: chart.immersion(z.double()) @ frame.T


def _expected_counts(recording: xr.Dataset, about: dict) -> Decoder:
    names = ("preferred", "peak_rate", "baseline_rate", "concentration")
    parameters = [_tensor(recording, name) for name in names]
    bin_size, template = float(recording.attrs["sampling_period"]), about["template"]

    def decoder(z: Tensor) -> Tensor:
        return bin_size * rates(z.double(), template, *parameters)

    return decoder


def _prepared(recording: xr.Dataset, clean: Decoder) -> Decoder:
    """The decoder followed by the steps of ``prepare`` that act on each sample by itself."""
    functions: dict[str, Decoder] = {"sqrt": torch.sqrt, "log1p": torch.log1p}
    steps = {step["step"]: step for step in preparation(recording)}
    decoder = clean
    if "transform" in steps:
        decoder = _then(decoder, functions[steps["transform"]["function"]])
    if "zscore" in steps:
        centre, scale = _tensor(recording, "zscore_mean"), _tensor(recording, "zscore_scale")
        decoder = _then(decoder, lambda x: (x - centre) / scale)
    if "components" in steps:
        mean, loadings = _tensor(recording, "component_mean"), _tensor(recording, "loadings")
        decoder = _then(decoder, lambda x: (x - mean) @ loadings.T)
    return decoder


def _then(first: Decoder, second: Decoder) -> Decoder:
    return lambda z: second(first(z))


def _tensor(recording: xr.Dataset, name: str) -> Tensor:
    return torch.as_tensor(recording[name].to_numpy(), dtype=torch.float64)

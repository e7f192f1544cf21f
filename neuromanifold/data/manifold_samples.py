"""Samples of the synthetic manifolds as recordings: a grid of template points, embedded, rotated, with noise.

``x_t = Q f(z_t) + σ ξ_t``, ``Q`` (d, 2 or 3) orthonormal columns drawn uniformly (zero-padding and a random
rotation), ξ standard normal per unit. The template coordinates are the regular grids of Acosta et al.
(2023), in random order: in the order of the grid every unit would be a function of time, and rolling it in
time, the null of the topology test, would again trace a loop.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
import xarray as xr

from neuromanifold._random import numpy_generator
from neuromanifold._settings import check_choice, check_number, check_positive, check_whole
from neuromanifold._typing import FloatArray, RandomState
from neuromanifold.data.recording import check
from neuromanifold.data.shapes import SHAPES
from neuromanifold.manifolds import resolve

__all__ = ["circle", "sphere", "torus"]

_CIRCULAR: dict[str, Any] = {"kind": "circular", "units": "rad", "period": 2 * np.pi}
_DISTORTIONS = {"circle": ("wiggles", "bump", None), "sphere": ("bump", None), "torus": ("bump", None)}


def circle(
    n_times: int = 1500,
    n_units: int = 10,
    distortion: str | None = "wiggles",
    amplitude: float = 0.4,
    noise_var: float = 0.01,
    radius: float = 1.0,
    random_state: RandomState = None,
) -> xr.Dataset:
    """The distorted circle of Acosta et al. (2023) as a recording; task variable ``angle`` (circular).

    ``x = radius · A(θ) (cos θ, sin θ)``, ``A = 1 + α cos 3θ`` ("wiggles") or
    ``1 + α e^{-5(θ-π/2)²} + α e^{-5(θ-3π/2)²}`` ("bump") or 1 (None), zero-padded to ``n_units`` and rotated.

    Parameters
    ----------
    n_times : int
        Samples: θ on a regular grid over [0, 2π], in random order.
    n_units : int
        At least 2.
    distortion : {"wiggles", "bump", None}
    amplitude : float
        α; below 0 bumps are dents.
    noise_var : float
        Variance of the Gaussian noise of each unit.
    radius : float
    random_state : int, RandomState, Generator or None
        Draws the rotation, the order of samples and the noise.

    Returns
    -------
    Dataset
        A recording with one sample a second (there is no true clock); the truth is
        :func:`~neuromanifold.data.synthetic.immersion_of` it.
    """
    check_whole("n_times", n_times, 2)
    angles = np.linspace(0, 2 * np.pi, n_times)[:, None]
    settings = {"distortion": distortion, "amplitude": amplitude, "noise_var": noise_var, "radius": radius}
    return _recorded("circle", angles, {"angle": _CIRCULAR}, n_units, settings, random_state)


def sphere(
    n_times: int = 2500,
    n_units: int = 10,
    distortion: str | None = "bump",
    amplitude: float = 0.4,
    noise_var: float = 0.01,
    radius: float = 1.0,
    random_state: RandomState = None,
) -> xr.Dataset:
    """The sphere with bumps at its poles; task variables ``colatitude`` (linear) and ``longitude``
    (circular).

    ``x = radius · (1 + α e^{-5θ²} + α e^{-5(θ-π)²}) z``. Samples lie on a square grid, colatitude from 0.01
    to π - 0.01 and longitude from 0 to 2π, so ``n_times`` is rounded down to a square number. Other
    arguments as :func:`circle`.
    """
    side = _side(n_times)
    angles = _product(np.linspace(0.01, np.pi - 0.01, side), np.linspace(0, 2 * np.pi, side))
    names: dict[str, dict[str, Any]] = {
        "colatitude": {"kind": "linear", "units": "rad"},
        "longitude": _CIRCULAR,
    }
    settings = {"distortion": distortion, "amplitude": amplitude, "noise_var": noise_var, "radius": radius}
    return _recorded("sphere", angles, names, n_units, settings, random_state)


def torus(
    n_times: int = 2500,
    n_units: int = 10,
    distortion: str | None = "bump",
    amplitude: float = 0.4,
    noise_var: float = 0.01,
    radius: float = 1.0,
    random_state: RandomState = None,
) -> xr.Dataset:
    """The ring torus with two outer bumps; task variables ``angle_0`` (tube) and ``angle_1`` (ring), both
    circular.

    ``x = radius · A(θ,φ) ((2 - cos θ) cos φ, (2 - cos θ) sin φ, sin θ)``; see
    :mod:`~neuromanifold.data.shapes`. Samples lie on a square grid, both angles from 0 to 2π, so
    ``n_times`` is rounded down to a square number. Other arguments as :func:`circle`.
    """
    side = _side(n_times)
    angles = _product(np.linspace(0, 2 * np.pi, side), np.linspace(0, 2 * np.pi, side))
    settings = {"distortion": distortion, "amplitude": amplitude, "noise_var": noise_var, "radius": radius}
    return _recorded("torus", angles, {"angle_0": _CIRCULAR, "angle_1": _CIRCULAR}, n_units, settings, random_state)


def _recorded(
    shape: str,
    angles: FloatArray,
    names: dict[str, dict[str, Any]],
    n_units: int,
    settings: dict[str, Any],
    random_state: RandomState,
) -> xr.Dataset:
    _check_settings(shape, settings)
    generator = numpy_generator(random_state)
    angles = generator.permutation(angles, axis=0)
    z = resolve(shape).embed(torch.as_tensor(angles))
    x = settings["radius"] * SHAPES[shape](z, settings["amplitude"], settings["distortion"]).numpy()
    check_whole("n_units", n_units, x.shape[1])
    frame = _random_frame(n_units, x.shape[1], generator)
    noise = np.sqrt(settings["noise_var"]) * generator.standard_normal((len(x), n_units))
    stated = {"kind": "continuous", "units": "a.u."}
    recording = xr.Dataset({"activity": (("time", "unit"), x @ frame.T + noise, stated)})
    for column, (name, attrs) in enumerate(names.items()):
        recording[name] = ("time", angles[:, column], attrs)
    recording["frame"] = (("unit", "axis"), frame)
    seed = int(random_state) if isinstance(random_state, (int, np.integer)) else None
    about = {"shape": shape, "template": shape, **settings, "random_state": seed}
    return check(recording.assign_attrs(sampling_period=1.0, synthetic=json.dumps(about)))


def _check_settings(shape: str, settings: dict[str, Any]) -> None:
    check_choice(f"distortion of the {shape}", settings["distortion"], _DISTORTIONS[shape])
    check_number("amplitude", settings["amplitude"])
    check_number("noise_var", settings["noise_var"], 0)
    check_positive("radius", settings["radius"])


def _random_frame(n_units: int, n_axes: int, generator: np.random.Generator) -> FloatArray:
    """Orthonormal columns (n_units, n_axes), uniformly distributed (QR with positive diagonal)."""
    q, r = np.linalg.qr(generator.standard_normal((n_units, n_axes)))
    return q * np.sign(np.diag(r))


def _product(first: FloatArray, second: FloatArray) -> FloatArray:
    return np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1).reshape(-1, 2)


def _side(n_times: int) -> int:
    check_whole("n_times", n_times, 4)
    return int(np.sqrt(n_times))

"""Samples of the charted curves and surfaces as recordings: points of a chart, embedded, with noise.

``x_t = f(u_t) + σ ξ_t``, ξ standard normal per unit; the units are the coordinates of the plane or of space.
"""

from __future__ import annotations

import json

import numpy as np
import torch
import xarray as xr

from neuromanifold._random import numpy_generator
from neuromanifold._settings import check_number, check_whole
from neuromanifold._typing import FloatArray, RandomState
from neuromanifold.data.charts import CHARTS
from neuromanifold.data.recording import check

__all__ = ["holed_sheet", "sine", "spiral", "swiss_roll"]


def sine(n_times: int = 50, noise_var: float = 0.09, random_state: RandomState = None) -> xr.Dataset:
    """The noisy curve of Lee, Kwon & Park (2021): ``(u, sin u)``, u on a regular grid over [-π, π].

    Parameters
    ----------
    n_times : int
        Samples, in random order.
    noise_var : float
        Variance of the Gaussian noise of each coordinate.
    random_state : int, RandomState, Generator or None
        Draws the order of samples and the noise.

    Returns
    -------
    Dataset
        A recording with one sample a second (there is no true clock) and the coordinate as a task variable; the
        truth is :func:`~neuromanifold.data.synthetic.immersion_of` it.
    """
    generator = numpy_generator(random_state)
    return _recorded("sine", _on_grid("sine", n_times, generator), noise_var, generator, random_state)


def spiral(n_times: int = 30, noise_var: float = 1e-4, random_state: RandomState = None) -> xr.Dataset:
    """The sparse curve of Lee, Kwon & Park (2021): one turn of a flattened spiral, u on a regular grid over [0, 1].

    Arguments as :func:`sine`.
    """
    generator = numpy_generator(random_state)
    return _recorded("spiral", _on_grid("spiral", n_times, generator), noise_var, generator, random_state)


def swiss_roll(n_times: int = 800, noise_var: float = 0.0, random_state: RandomState = None) -> xr.Dataset:
    """A sheet rolled up along the involute of a circle, evenly sampled; ``along`` is arc length, ``height`` the axis.

    Arguments as :func:`sine`.
    """
    generator = numpy_generator(random_state)
    return _recorded("roll", _drawn("roll", n_times, generator), noise_var, generator, random_state)


def holed_sheet(n_times: int = 400, noise_var: float = 0.0, random_state: RandomState = None) -> xr.Dataset:
    """A square sheet with a square hole, bent round a cylinder of radius 1, evenly sampled (Lee et al. 2022).

    Arguments as :func:`sine`.
    """
    generator = numpy_generator(random_state)
    return _recorded("sheet", _drawn("sheet", n_times, generator), noise_var, generator, random_state)


def _on_grid(chart: str, n_times: int, generator: np.random.Generator) -> FloatArray:
    check_whole("n_times", n_times, 2)
    return generator.permutation(CHARTS[chart].grid(int(n_times)), axis=0)


def _drawn(chart: str, n_times: int, generator: np.random.Generator) -> FloatArray:
    check_whole("n_times", n_times, 2)
    return CHARTS[chart].draw(int(n_times), generator)


def _recorded(
    name: str, u: FloatArray, noise_var: float, generator: np.random.Generator, random_state: RandomState
) -> xr.Dataset:
    check_number("noise_var", noise_var, 0)
    chart = CHARTS[name]
    clean = chart.immersion(torch.as_tensor(u)).numpy()
    noise = np.sqrt(noise_var) * generator.standard_normal(clean.shape)
    recording = xr.Dataset({"activity": (("time", "unit"), clean + noise, {"kind": "continuous", "units": "a.u."})})
    for column, coordinate in enumerate(chart.names):
        recording[coordinate] = ("time", u[:, column], {"kind": "linear", "units": "a.u."})
    recording["frame"] = (("unit", "axis"), np.eye(clean.shape[1]))
    seed = int(random_state) if isinstance(random_state, (int, np.integer)) else None
    about = {"chart": name, "noise_var": noise_var, "random_state": seed}
    return check(recording.assign_attrs(sampling_period=1.0, synthetic=json.dumps(about)))

"""Poisson populations along simulated behaviour: head-direction cells, place cells, a module of grid cells.

Counts in a bin of Δ seconds are Poisson with mean ``λ_i(z_t) Δ``, λ the tuning curves of
:mod:`~neuromanifold.data.tuning`. Preferred points cover the template evenly, each moved at random within
its share; peak rates and concentrations vary from unit to unit as ``e^{N(0, heterogeneity²)}``. All are
stored along ``unit``.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
import xarray as xr

from neuromanifold._arrays import real_numbers
from neuromanifold._errors import InputError
from neuromanifold._random import numpy_generator
from neuromanifold._settings import check_number, check_positive, check_whole
from neuromanifold._typing import ArrayLike, FloatArray, RandomState
from neuromanifold.data.behaviour import foraging, head_turning, track_running
from neuromanifold.data.recording import check
from neuromanifold.data.tuning import rates
from neuromanifold.manifolds import resolve

__all__ = ["grid_cells", "head_direction_cells", "place_cells"]

_ANGLE = {"kind": "circular", "units": "rad", "period": 2 * np.pi}


def head_direction_cells(
    n_times: int = 12000,
    n_units: int = 20,
    bin_size: float = 0.05,
    peak_rate: float = 20.0,
    baseline_rate: float = 0.5,
    concentration: float = 4.0,
    heterogeneity: float = 0.3,
    random_state: RandomState = None,
) -> xr.Dataset:
    """Head-direction cells of an animal that looks around; task variable ``head_direction`` (circular, rad).

    Parameters
    ----------
    n_times, n_units : int
    bin_size : float
        Seconds.
    peak_rate, baseline_rate : float
        Hz; the peak is the median over units.
    concentration : float
        κ of the von Mises tuning curve: 4 is a standard deviation of about 30°.
    heterogeneity : float
        Standard deviation across units of log peak rate and log concentration.
    random_state : int, RandomState, Generator or None

    Returns
    -------
    Dataset
        A recording of counts; the true rate map is :func:`~neuromanifold.data.synthetic.immersion_of` it.
    """
    _check(n_times, n_units, bin_size=bin_size)
    generator = numpy_generator(random_state)
    heading = head_turning(n_times, bin_size, generator)
    tuning = _tuning(_even(n_units, generator), peak_rate, baseline_rate, concentration, heterogeneity, generator)
    variables = {"head_direction": (heading, _ANGLE)}
    about = _about("head_direction_cells", "circle", random_state)
    return _spiking(heading[:, None], variables, tuning, bin_size, about, generator)


def place_cells(
    n_times: int = 12000,
    n_units: int = 40,
    bin_size: float = 0.05,
    peak_rate: float = 15.0,
    baseline_rate: float = 0.2,
    concentration: float = 10.0,
    heterogeneity: float = 0.3,
    track_length: float = 200.0,
    mean_speed: float = 20.0,
    reward: float | None = None,
    reward_pull: float = 0.9,
    reward_width: float = 16.0,
    random_state: RandomState = None,
) -> xr.Dataset:
    """Place cells on a circular track; task variables ``position`` (circular, cm) and ``speed`` (linear,
    cm/s).

    The animal runs one way at a varying speed and sometimes rests. A reward draws fields to it: a field's centre at a
    distance d moves to ``d (1 - p e^{-d²/2w²})``, so that fields crowd there and are sparse on either side.

    Parameters
    ----------
    n_times, n_units, bin_size, peak_rate, baseline_rate, concentration, heterogeneity, random_state
        As in :func:`head_direction_cells`.
    track_length : float
        cm; the period of the position.
    mean_speed : float
        cm/s.
    reward : float, optional
        Where on the track it is, cm, round it from either side; None: there is none. Kept in the attrs.
    reward_pull, reward_width : float
        p, between 0 (no pull) and 1, and w, cm.

    Raises
    ------
    InputError
        If a setting is out of its range.
    """
    _check(n_times, n_units, bin_size=bin_size, track_length=track_length, mean_speed=mean_speed)
    _check_reward(reward, reward_pull, reward_width)
    generator = numpy_generator(random_state)
    position, speed = track_running(n_times, bin_size, track_length, mean_speed, generator)
    centres = _even(n_units, generator)
    if reward is not None:
        centres = _drawn_to(2 * np.pi * np.array([reward, reward_width]) / track_length, reward_pull, centres)
    tuning = _tuning(centres, peak_rate, baseline_rate, concentration, heterogeneity, generator)
    variables = {
        "position": (position, {"kind": "circular", "units": "cm", "period": float(track_length)}),
        "speed": (speed, {"kind": "linear", "units": "cm/s"}),
    }
    angles = 2 * np.pi * position[:, None] / track_length
    about = _about("place_cells", "circle", random_state)
    recording = _spiking(angles, variables, tuning, bin_size, about, generator)
    return recording if reward is None else recording.assign_attrs(reward=float(reward))


def grid_cells(
    n_times: int = 24000,
    n_units: int = 60,
    bin_size: float = 0.05,
    peak_rate: float = 15.0,
    baseline_rate: float = 0.2,
    concentration: float = 4.0,
    heterogeneity: float = 0.2,
    side: float = 150.0,
    spacing: float = 50.0,
    orientation: float = 0.15,
    mean_speed: float = 20.0,
    path: ArrayLike | None = None,
    random_state: RandomState = None,
) -> xr.Dataset:
    """One module of grid cells in a square box, or along a path: their activity lies on a torus.

    Task variables ``x`` and ``y`` (linear, cm) and the grid phases ``phase_0`` and ``phase_1`` (circular,
    rad), the position in units of the two lattice vectors, 60° apart and ``spacing`` cm long, the first
    turned by ``orientation`` (rad) from the x axis. ``side`` is that of the box in cm, ``mean_speed`` in
    cm/s; ``path`` (n, 2), positions in cm of an animal that was tracked, one a bin, takes the place of ``n_times``,
    ``side`` and ``mean_speed``. Other arguments as :func:`head_direction_cells`.
    """
    _check(n_times, n_units, bin_size=bin_size, side=side, spacing=spacing, mean_speed=mean_speed)
    check_number("orientation", orientation)
    generator = numpy_generator(random_state)
    path = foraging(n_times, bin_size, side, mean_speed, generator) if path is None else _tracked(path)
    directions = orientation + np.array([0.0, np.pi / 3])
    lattice = spacing * np.stack([np.cos(directions), np.sin(directions)])
    phases = np.mod(2 * np.pi * path @ np.linalg.inv(lattice).T, 2 * np.pi)
    preferred = _even_on_torus(n_units, generator)
    tuning = _tuning(preferred, peak_rate, baseline_rate, concentration, heterogeneity, generator)
    variables: dict[str, Any] = {name: (path[:, i], {"kind": "linear", "units": "cm"}) for i, name in enumerate("xy")}
    variables.update({f"phase_{i}": (phases[:, i], _ANGLE) for i in range(2)})
    return _spiking(phases, variables, tuning, bin_size, _about("grid_cells", "torus", random_state), generator)


def _tracked(path: ArrayLike) -> FloatArray:
    positions = real_numbers(path, "path")
    if positions.ndim != 2 or positions.shape[1] != 2 or not np.isfinite(positions).all():
        raise InputError(f"path has shape {positions.shape}; give finite positions (n, 2), interpolated where lost")
    return positions


def _even(n_units: int, generator: np.random.Generator) -> FloatArray:
    """Preferred angles (n_units, 1): evenly spaced, each moved within its share."""
    return (2 * np.pi * (np.arange(n_units) + generator.uniform(0, 1, n_units)) / n_units)[:, None]


def _drawn_to(reward_and_width: FloatArray, pull: float, centres: FloatArray) -> FloatArray:
    """Angles moved towards a reward; ``d -> d (1 - p e^{-d²/2w²})`` keeps their order for p up to 1."""
    reward, width = reward_and_width
    distance = np.mod(centres - reward + np.pi, 2 * np.pi) - np.pi
    return np.mod(reward + distance * (1 - pull * np.exp(-0.5 * (distance / width) ** 2)), 2 * np.pi)


def _even_on_torus(n_units: int, generator: np.random.Generator) -> FloatArray:
    """Preferred phases (n_units, 2): the plastic number's Kronecker lattice, which fills the torus evenly."""
    plastic = 1.32471795724474602596
    steps = np.arange(n_units)[:, None] * np.array([1 / plastic, 1 / plastic**2]) + generator.uniform(0, 1, 2)
    return 2 * np.pi * np.mod(steps, 1.0)


def _tuning(
    preferred: FloatArray,
    peak_rate: float,
    baseline_rate: float,
    concentration: float,
    heterogeneity: float,
    generator: np.random.Generator,
) -> dict[str, FloatArray]:
    check_number("baseline_rate", baseline_rate, 0)
    check_positive("peak_rate", peak_rate)
    if baseline_rate >= peak_rate:
        raise InputError(f"peak_rate ({peak_rate}) must be above baseline_rate ({baseline_rate})")
    check_positive("concentration", concentration)
    check_number("heterogeneity", heterogeneity, 0)
    spread = np.exp(heterogeneity * generator.standard_normal((2, len(preferred))))
    return {
        "preferred": preferred,
        "peak_rate": baseline_rate + (peak_rate - baseline_rate) * spread[0],
        "baseline_rate": np.full(len(preferred), float(baseline_rate)),
        "concentration": concentration * spread[1],
    }


def _spiking(
    angles: FloatArray,
    variables: dict[str, Any],
    tuning: dict[str, FloatArray],
    bin_size: float,
    about: dict[str, Any],
    generator: np.random.Generator,
) -> xr.Dataset:
    z = resolve(about["template"]).embed(torch.as_tensor(angles))
    parameters = [torch.as_tensor(values) for values in tuning.values()]
    expected = rates(z, about["template"], *parameters).numpy() * bin_size
    counts = generator.poisson(expected).astype(np.uint16)
    recording = xr.Dataset({"activity": (("time", "unit"), counts, {"kind": "counts", "units": "spikes/bin"})})
    for name, (values, attrs) in variables.items():
        recording[name] = ("time", values, attrs)
    recording["preferred"] = (("unit", "axis"), tuning["preferred"], {"units": "rad"})
    for name in ("peak_rate", "baseline_rate", "concentration"):
        recording[name] = ("unit", tuning[name], {"units": "Hz" if name.endswith("rate") else "1"})
    recording.attrs.update(sampling_period=float(bin_size), synthetic=json.dumps(about))
    return check(recording)


def _about(population: str, template: str, random_state: RandomState) -> dict[str, Any]:
    seed = int(random_state) if isinstance(random_state, (int, np.integer)) else None
    return {"population": population, "template": template, "random_state": seed}


def _check(n_times: int, n_units: int, **sizes: float) -> None:
    check_whole("n_times", n_times, 2)
    check_whole("n_units", n_units, 1)
    for name, value in sizes.items():
        check_positive(name, value)


def _check_reward(reward: float | None, pull: float, width: float) -> None:
    if reward is not None:
        check_number("reward", reward)
    check_number("reward_pull", pull, 0, 1)
    check_positive("reward_width", width)

"""What autoencoders are tried on: samples to learn from, to choose weights by and to test on, and the truth.

A case is made from a seed. Noise of the three sets of samples is of one size, and the test samples are without where
that is possible. ``truth`` are points of the true manifold; ``flat`` coordinates of the test samples whose distances
are the geodesic distances of the true manifold. Both are left out where they are not known.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from neuromanifold._typing import FloatArray
from neuromanifold.data import synthetic
from neuromanifold.data.charts import CHARTS
from neuromanifold.data.images import shifted, turned
from neuromanifold.data.inference import InferenceWarning
from neuromanifold.data.prepare import prepare
from neuromanifold.data.readers import load
from neuromanifold.data.readers.npz import read_npz

__all__ = ["REAL", "SYNTHETIC", "Case"]

_N_TRUE = 4000


@dataclass(frozen=True)
class Case:
    """Samples (n, d) of each kind, and what is known of their manifold."""

    train: FloatArray
    validation: FloatArray
    test: FloatArray
    n_components: int
    n_neighbors: int
    truth: FloatArray | None = None
    flat: FloatArray | None = None


def _curve(name: str, make: Callable[..., xr.Dataset], n_neighbors: int) -> Callable[[int], Case]:
    def case(seed: int) -> Case:
        train, validation = (make(random_state=s)["activity"].to_numpy() for s in (seed, 1000 + seed))
        truth = _along(CHARTS[name].immersion(torch.as_tensor(CHARTS[name].grid(_N_TRUE))).numpy())
        test = truth[:: _N_TRUE // 200]
        return Case(train, validation, test, 1, n_neighbors, truth, _arc_length(test))

    return case


def _surface(name: str, make: Callable[..., xr.Dataset], n: int, noise_var: float) -> Callable[[int], Case]:
    def case(seed: int) -> Case:
        words = {"n_times": n, "noise_var": noise_var}
        train, validation = (make(**words, random_state=s)["activity"].to_numpy() for s in (seed, 1000 + seed))
        chart, generator = CHARTS[name], np.random.default_rng(2000 + seed)
        flat, true = chart.draw(200, generator), chart.grid(_N_TRUE)
        test, truth = (chart.immersion(torch.as_tensor(u)).numpy() for u in (flat, true))
        return Case(train, validation, test, 2, 10, truth, flat)

    return case


def _moved_digit(move: Callable[..., FloatArray], low: float, high: float, digit: int) -> Callable[[Path, int], Case]:
    """One digit, turned or shifted: 40 images to learn from, those between them to choose by and to test on."""

    def case(folder: Path, seed: int) -> Case:
        entries = {entry.name: entry.read() for entry in read_npz(folder / "mnist_npm10k" / "mnist_npm10k.npz")}
        image = entries["images"][entries["labels"] == digit][seed] / 255.0
        places = np.linspace(low, high, 160)
        pixels = move(image, places)
        truth = move(image, np.linspace(low, high, 1600))
        flat = _arc_length(truth)[::10][2::4]
        return Case(pixels[::4], pixels[1::4], pixels[2::4], 1, 5, truth, flat)

    return case


def _coil(folder: Path, seed: int) -> Case:
    """Object ``seed`` + 1 on its turntable: every second view to learn from, the others to choose by and to test on."""
    entries = {entry.name: entry.read() for entry in read_npz(folder / "coil20" / "coil20_objects1-10.npz")}
    views = entries["images"][entries["object"] == seed + 1].reshape(72, -1) / 255.0
    return Case(views[::2], views[1::4], views[3::4], 2, 4)


def _head_direction(folder: Path, seed: int) -> Case:
    """Thalamic head-direction cells of a mouse: 20 s to learn from, every 20 s, as long to choose by and to test on."""
    with warnings.catch_warnings():
        # Kinds and units are as inferred.
        warnings.simplefilter("ignore", InferenceWarning)
        recording = load(folder / "hd_mouse28" / "hd_mouse28_wake.npz", activity="adn_counts")
    activity = prepare(recording, smoothing=0.2, transform="sqrt", zscore=True)["activity"].to_numpy()
    block = np.arange(len(activity)) // 800
    parts = [activity[block % 3 == part] for part in range(3)]
    chosen = np.random.default_rng(seed).permutation(min(len(part) for part in parts))[:600]
    train, validation, test = (part[chosen] for part in parts)
    return Case(train, validation, test, 2, 10)


def _along(curve: FloatArray) -> FloatArray:
    """Points of a polygon (n, d) at equal steps of its length."""
    length = _arc_length(curve)[:, 0]
    places = np.linspace(0, length[-1], len(curve))
    return np.stack([np.interp(places, length, column) for column in curve.T], axis=1)


def _arc_length(curve: FloatArray) -> FloatArray:
    """Length from the first point of a polygon (n, d) to each: (n, 1)."""
    steps = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])[:, None]


SYNTHETIC: dict[str, Callable[[int], Case]] = {
    "noisy curve": _curve("sine", synthetic.sine, 10),
    "sparse curve": _curve("spiral", synthetic.spiral, 3),
    "sheet with a hole": _surface("sheet", synthetic.holed_sheet, 400, 0.0),
    "noisy sheet": _surface("sheet", synthetic.holed_sheet, 200, 0.01),
    "swiss roll": _surface("roll", synthetic.swiss_roll, 800, 0.0),
}
# Read from the folder of real data.
REAL: dict[str, Callable[[Path, int], Case]] = {
    "turned digit": _moved_digit(turned, 0.0, np.pi, 3),
    "shifted digit": _moved_digit(shifted, -8.0, 8.0, 3),
    "turntable": _coil,
    "head direction": _head_direction,
}

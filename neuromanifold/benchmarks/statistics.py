"""Tests of curvature: how often each of them calls what is not there, and how often it finds what is.

Every row is a claim that :mod:`neuromanifold.statistics` can make and a way to make data for which it is false, or
true. ``called`` is the share of repeats with p ≤ 0.05: about 0.05, or less, where the claim is false; the power where
it is true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import xarray as xr

from neuromanifold import statistics
from neuromanifold._typing import FloatArray
from neuromanifold.benchmarks.rows import CachedRows, Key
from neuromanifold.data import synthetic
from neuromanifold.data.prepare import prepare
from neuromanifold.data.recording import as_recording
from neuromanifold.geometry import mean_curvature_norm
from neuromanifold.models import TopologicalVAE

__all__ = ["CASES", "Case", "fitted", "place_fields", "ring", "run", "trials"]

ALPHA = 0.05
N_DRAWS = 99
TURN = 2 * np.pi


@dataclass(frozen=True)
class Case:
    """A claim, data for which it is true or false, and its p-value for the data of a seed."""

    claim: str
    data: str
    true: bool
    p: Callable[[int], float]

    def __str__(self) -> str:
        return f"{self.claim}: {self.data}"


def run(n_seeds: int = 100, *, n_jobs: int | None = -1, fresh: bool = False, verbose: bool = True) -> pd.DataFrame:
    """Share of repeats in which each claim is made.

    Parameters
    ----------
    n_seeds : int
        Data sets of each row, seeds 0, 1, ...
    n_jobs : int, optional
        Data sets at once, as in joblib.
    fresh : bool
        Compute again what was kept.
    verbose : bool
        Print the table.

    Returns
    -------
    pandas.DataFrame
        A row per ``case``: whether the claim is ``true``, the share ``called`` at p ≤ 0.05, its ``standard_error`` and
        ``n_seeds``.
    """
    keys: list[Key] = [{"case": str(case), "seed": seed} for case in CASES for seed in range(n_seeds)]
    found = pd.DataFrame(CachedRows("statistics", fresh=fresh).rows(keys, p_value, n_jobs=n_jobs))
    called = (found["p"] <= ALPHA).groupby(found["case"], sort=False).mean()
    table = pd.DataFrame({"true": [case.true for case in CASES], "called": called})
    table["standard_error"] = (called * (1 - called) / n_seeds) ** 0.5
    table["n_seeds"] = n_seeds
    if verbose:
        print(table.to_string(float_format="{:.3f}".format))
    return table.reset_index()


def p_value(key: Key) -> dict[str, float]:
    """Of one case for the data of one seed."""
    case = next(case for case in CASES if str(case) == key["case"])
    return {"p": case.p(int(key["seed"] or 0))}


# -- data ---------------------------------------------------------------------------------------------------


def fitted(recording: xr.Dataset, y: FloatArray | None, seed: int) -> TopologicalVAE:
    """A model of the recording's activity whose decoder is the estimate: one epoch is enough for the encoder."""
    arrays = recording["activity"].to_numpy(), y, recording["interval"].to_numpy()
    return TopologicalVAE(max_epochs=1, device="cpu", random_state=seed).fit(*arrays)


def ring(amplitude: float, seed: int, n_times: int = 400, noise_var: float = 0.02) -> tuple[xr.Dataset, FloatArray]:
    """A circle with wiggles, in six units, and the angle of each sample."""
    recording = synthetic.circle(n_times, 6, "wiggles", amplitude, noise_var, random_state=seed)
    return recording, recording["angle"].to_numpy()


def place_fields(crowding: float, seed: int, n_times: int = 3000, n_units: int = 24) -> tuple[xr.Dataset, FloatArray]:
    """Equal place cells on a circular track, their fields crowded about angle 0; prepared counts, and the angle."""
    rng = np.random.default_rng(seed)
    even = TURN * np.arange(n_units) / n_units
    centres = even - crowding * np.sin(even)
    path = synthetic.place_cells(n_times=n_times, n_units=2, random_state=seed)["position"]
    angle = path.to_numpy() * TURN / 200
    counts = rng.poisson(0.05 * (0.2 + 20 * np.exp(6 * (np.cos(angle[:, None] - centres) - 1))))
    circular = xr.DataArray(angle, dims="time", attrs={"kind": "circular", "units": "rad", "period": TURN})
    recording = as_recording(
        counts, {"angle": circular}, sampling_period=0.05, kind="counts", units="spikes/bin"
    )  # fmt: skip
    prepared = prepare(recording, transform=None, smoothing=0.1)
    return prepared, prepared["angle"].to_numpy()


def trials(
    axis: float, seed: int, n_trials: int = 24, n_bins: int = 25, noise: float = 0.05
) -> tuple[xr.Dataset, FloatArray]:
    """Trials along a circle, every other one (side "b") along an ellipse of axes ``axis`` and 1; the angle."""
    rng, n = np.random.default_rng(seed), n_trials * n_bins
    y = np.mod(np.cumsum(rng.normal(0, 0.4, n)), TURN)
    trial = np.repeat(np.arange(n_trials), n_bins)
    first = np.where(trial % 2, axis, 1.0)
    frame = np.linalg.qr(rng.normal(size=(6, 2)))[0]
    X = np.stack([first * np.cos(y), np.sin(y)], axis=1) @ frame.T + noise * rng.normal(size=(n, 6))
    side = xr.DataArray(np.where(trial % 2, "b", "a"), dims="time", attrs={"kind": "categorical", "units": ""})
    recording = as_recording(
        X, {"side": side}, interval=trial, sampling_period=1.0, kind="continuous", units="a.u."
    )  # fmt: skip
    return recording, y


# -- p-values -----------------------------------------------------------------------------------------------


def _p_varies(recording: xr.Dataset, y: FloatArray | None, seed: int) -> float:
    model = fitted(recording, y, seed)
    found = statistics.curvature_variation(model, recording, "angle", y, n_draws=N_DRAWS, random_state=seed)
    return found["p_value"].item()


def _p_round_without_labels(seed: int) -> float:
    return _p_varies(ring(0.0, seed)[0], None, seed)


def _p_visited(seed: int, follows: bool) -> float:
    """Wiggles that are visited where they are bent, or about a direction drawn at random."""
    recording, y = ring(0.2, seed, 1600, 0.01)
    rng = np.random.default_rng(seed)
    if follows:
        bend = mean_curvature_norm(synthetic.immersion_of(recording), torch.as_tensor(y)[:, None]).numpy()
        weight = 0.2 + bend / bend.mean()
    else:
        weight = np.exp(np.cos(y - rng.uniform(0, TURN)))
    chosen = np.sort(rng.choice(len(y), 600, replace=False, p=weight / weight.sum()))
    X = recording["activity"].to_numpy()[chosen]
    some = as_recording(X, sampling_period=1.0, kind="continuous", units="a.u.")
    model = fitted(some, y[chosen], seed)
    found = statistics.curvature_controls(model, some, None, y[chosen], n_turns=N_DRAWS, random_state=seed)
    return found["p_value"].sel(control="occupancy").item()


def _p_explained(seed: int) -> float:
    """A slow variable that has nothing to do with a slow walk along wiggles."""
    rng = np.random.default_rng(seed)
    n = 800
    y, other = np.mod(np.cumsum(rng.normal(0, 0.2, n)), TURN), np.cumsum(rng.normal(size=n))
    truth = synthetic.immersion_of(ring(0.2, seed)[0])
    X = truth(torch.as_tensor(y)[:, None]).numpy() + 0.1 * rng.normal(size=(n, 6))
    slow = xr.DataArray(other, dims="time", attrs={"kind": "linear", "units": "m"})
    recording = as_recording(X, {"slow": slow}, sampling_period=1.0, kind="continuous", units="a.u.")
    model = fitted(recording, y, seed)
    found = statistics.explained_curvature(model, recording, None, y, n_draws=N_DRAWS, random_state=seed)
    return found["p_value"].sel(predictor="slow").item()


def _p_conditions(axis: float, seed: int) -> float:
    recording, y = trials(axis, seed)
    model = fitted(recording, y, seed)
    found = statistics.compare_conditions(
        model, recording, "side", y, n_bootstrap=1, n_permutations=N_DRAWS, random_state=seed
    )
    return found["p_value"].item()


CASES: tuple[Case, ...] = (
    Case("varies", "round circle, labels", False, lambda seed: _p_varies(*ring(0.0, seed), seed)),
    Case("varies", "round circle, no labels", False, _p_round_without_labels),
    Case("varies", "even place fields", False, lambda seed: _p_varies(*place_fields(0.0, seed), seed)),
    Case("varies", "wiggles of 1 % of the radius", True, lambda seed: _p_varies(*ring(0.01, seed), seed)),
    Case("varies", "wiggles of 3 % of the radius", True, lambda seed: _p_varies(*ring(0.03, seed), seed)),
    Case("varies", "crowded place fields", True, lambda seed: _p_varies(*place_fields(0.4, seed), seed)),
    Case("explained", "a slow walk of its own", False, _p_explained),
    Case("follows occupancy", "visits about a random direction", False, lambda seed: _p_visited(seed, False)),
    Case("follows occupancy", "visits where it is bent", True, lambda seed: _p_visited(seed, True)),
    Case("conditions differ", "one circle", False, lambda seed: _p_conditions(1.0, seed)),
    Case("conditions differ", "circle and ellipse, axes 1.1 to 1", True, lambda seed: _p_conditions(1.1, seed)),
)

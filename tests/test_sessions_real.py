"""Many sessions of real animals: flies whose compass has another zero in every trial, a mouse over days."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.io import loadmat

import neuromanifold as nm

pytestmark = pytest.mark.slow
FEW = {"template": "circle", "n_shuffles": 39, "n_bootstrap": 20, "template_vote": False, "random_state": 0}
# Glomeruli of the bridge see the ring twice.
PERIOD = {"PEN1-EB": 16, "PEN1-PB": 9}


def fly_trials(folder: Path, **chosen: str) -> pd.DataFrame:
    rows = pd.read_csv(folder / "trials.csv", dtype=str)
    for column, value in chosen.items():
        rows = rows[rows[column] == value]
    return rows.assign(animal=rows["date"] + " " + rows["fly"] + " " + rows["site"], folder=str(folder))


def fly_trial(row) -> xr.Dataset:
    """Fluorescence of the compass neurons and where the scene is: at twice the heading in trials of gain two."""
    with np.load(Path(row.folder) / "trials" / row.file) as file:
        gain = 2 if row.condition == "2x" else 1
        angle = np.mod(gain * file["heading_unwrapped_rad"].astype(float), 2 * np.pi)
        attrs = {"kind": "circular", "units": "radian", "period": 2 * np.pi}
        return nm.as_recording(
            file[row.epg_channel].astype(float),
            {"heading": xr.DataArray(angle, dims="time", attrs=attrs)},
            time=file["time_s"].astype(float),
            kind="continuous",
            units="F",
        )


def bump_offset(trial: xr.Dataset, period: int) -> tuple[float, float]:
    """Mean angle of the scene against the population vector, and how constant it is; whichever way round is so."""
    values = nm.prepare(trial, zscore=True)["activity"].to_numpy()
    bump = np.angle(values @ np.exp(2j * np.pi * np.arange(values.shape[1]) / period))
    means = [np.exp(1j * (trial["heading"].to_numpy() - sign * bump)).mean() for sign in (1, -1)]
    best = max(means, key=abs)
    return float(np.angle(best)), float(abs(best))


def test_the_zero_of_a_flys_compass_is_found_in_each_trial(shared_data):
    rows = list(fly_trials(shared_data("fly_ring"), condition="1x").itertuples())
    recordings = [fly_trial(row) for row in rows]
    animals, names = [row.animal for row in rows], [row.file for row in rows]
    study = nm.analyze_many(recordings, "heading", names=names, animals=animals, join=True, offsets="session", **FEW)
    print(study.table[["verdict", "decoding_error", "held_out_variance", "dimensionless_mean_curvature"]])
    assert not study.failures
    assert len(study.sessions) == 3
    assert (study.table["decoding_error"] < 45).all()
    for session in study.sessions:
        mine = [i for i, animal in enumerate(animals) if animal == session.animal]
        witness = [bump_offset(recordings[i], PERIOD[rows[i].site]) for i in mine]
        offset = session.part("offsets")["offset"].sel(group=[names[i] for i in mine]).to_numpy()[:, 0]
        error = np.exp(1j * (offset - [angle for angle, _ in witness]))
        error = np.rad2deg(np.angle(error / error.mean()))
        steady = np.array([constant > 0.6 for _, constant in witness])
        print(f"{session.animal}: offsets against the population vector's {error.round(1)} degrees")
        assert steady.sum() >= 3
        assert np.abs(error[steady]).max() < 20


def test_trials_of_three_conditions_are_analysed_alone_and_compared(shared_data):
    rows = [
        row
        for _, trials in groupby(fly_trials(shared_data("fly_ring")).itertuples(), lambda r: (r.animal, r.condition))
        for row in list(trials)[1:3]
    ]
    study = nm.analyze_many(
        (fly_trial(row) for row in rows),
        "heading",
        names=[row.file for row in rows],
        animals=[row.animal for row in rows],
        groups=[row.condition for row in rows],
        **FEW,
    )
    print(study.table[["group", "verdict", "decoding_error", "dimensionless_mean_curvature"]])
    assert len(study.table) == 18
    assert not study.failures
    assert study.pooled is not None
    assert study.differences is not None
    print(study.differences[["p_value", "difference_mean"]].to_dataframe())
    assert list(study.pooled["group"].to_numpy()) == ["all sessions", "1x", "2x", "Dark"]
    assert bool(study.differences["paired"].all())
    assert (study.differences["n_animals"] == 3).all()


def track_day(folder: Path, number: int) -> xr.Dataset:
    """Events of CA1 cells on a linear track, each called by its number in the registration over days."""
    cell_of = loadmat(folder / "C6_M4_envB_cell_registration.mat")["cell_to_index_map"][:, number - 1].astype(int)
    with np.load(folder / f"C6_M4_envB_session{number}.npz") as file:
        events = file["event_amplitude"].astype(float)
        registered = {cell - 1: str(name) for name, cell in enumerate(cell_of) if cell}
        names = [registered.get(column, f"day {number} cell {column}") for column in range(events.shape[1])]
        loop = nm.track_loop(file["position"], file["velocity_cm_s"], min_speed=2.0)
        return nm.as_recording(
            xr.DataArray(events, dims=("time", "unit"), coords={"unit": names}),
            {"loop": loop},
            sampling_period=1 / float(file["rate_hz"]),
            interval=file["trial"].astype(int),
            kind="rate",
            units="event",
        )


def test_days_of_a_mouse_on_a_track_are_pooled_along_the_loop(shared_data):
    folder = shared_data("ca1_track")
    study = nm.analyze_many(
        (track_day(folder, number) for number in (1, 2)),
        "loop",
        names=["day 1", "day 2"],
        animals=["C6 M4"] * 2,
        **FEW,
    )
    print(study.table[["verdict", "n_samples", "n_units", "decoding_error", "dimensionless_mean_curvature"]])
    assert not study.failures
    # Place is told: chance is 90 degrees.
    assert (study.table["decoding_error"] < 60).all()
    assert study.pooled is not None
    assert any("of one animal, C6 M4" in note for note in study.notes)


def test_cells_registered_over_days_are_one_recording(shared_data):
    """A cell's map of the track is more like its own of the next day than like another cell's."""
    folder = shared_data("ca1_track")
    days = {f"day {number}": track_day(folder, number) for number in (1, 2)}
    joined = nm.join_sessions(days)
    print(f"{joined.sizes['unit']} cells of {[day.sizes['unit'] for day in days.values()]} were found on both days")
    assert 200 < joined.sizes["unit"] < 467
    prepared = nm.prepare(joined, smoothing=0.15)
    maps = [_map_along_the_loop(prepared.isel(time=prepared["session"].to_numpy() == name)) for name in days]
    same = _correlations(maps[0], maps[1])
    rolled = _correlations(maps[0], np.roll(maps[1], 1, axis=0))
    print(f"maps of a cell on two days correlate by {np.nanmedian(same):.2f}, of two cells {np.nanmedian(rolled):.2f}")
    assert np.nanmedian(same) > np.nanmedian(rolled) + 0.2


def _correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of the rows of two arrays (d, m); NaN where one is constant, a cell that was silent that day."""
    with np.errstate(invalid="ignore"):
        return np.array([np.corrcoef(*rows)[0, 1] for rows in zip(a, b, strict=True)])


def _map_along_the_loop(recording: xr.Dataset) -> np.ndarray:
    """Mean activity of each unit (d, 20) in bins of the loop."""
    angle = recording["loop"].to_numpy()
    rows = np.flatnonzero(np.isfinite(angle))
    bins = np.minimum((np.mod(angle[rows], 2 * np.pi) * 20 / (2 * np.pi)).astype(int), 19)
    return np.stack([recording["activity"].to_numpy()[rows[bins == b]].mean(axis=0) for b in range(20)], axis=1)

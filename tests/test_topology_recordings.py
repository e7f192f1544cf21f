"""Verdicts on real recordings whose manifold is known, and on parts too small to tell; each prints its figures."""

from __future__ import annotations

import csv
import warnings

import numpy as np
import pytest

import neuromanifold as nm
from neuromanifold.data.inference import InferenceWarning
from neuromanifold.topology import Topology

pytestmark = pytest.mark.slow

N_SHUFFLES = 39


def verdict(name, recording, seed=0):
    """The template of a prepared recording, printed with its votes and first reason."""
    topology = Topology(n_shuffles=N_SHUFFLES, random_state=seed).fit(recording)
    print(f"{name}: {topology.template_} {topology.support_} {topology.reasons_[0]}")
    return topology.template_


def load(path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InferenceWarning)
        return nm.load(path, **options)


@pytest.fixture
def mouse(shared_data):
    return load(shared_data("hd_mouse28") / "hd_mouse28_wake.npz", activity="adn_counts")


@pytest.mark.parametrize("smoothing", [0.25, 0.3, 0.4, 0.5, 0.6])
def test_thalamic_head_direction_cells_are_a_circle(mouse, smoothing):
    prepared = nm.prepare(mouse, smoothing=smoothing)
    assert {verdict(f"mouse, {smoothing} s, seed {seed}", prepared, seed) for seed in range(2)} == {"circle"}


@pytest.mark.parametrize("smoothing", [0.25, 0.4, 0.6])
def test_each_unit_rolled_they_are_none(mouse, smoothing):
    rng = np.random.default_rng(0)
    counts = mouse["activity"].to_numpy()
    rolled = np.stack([np.roll(unit, rng.integers(2000, len(counts) - 2000)) for unit in counts.T], axis=1)
    control = mouse.assign(activity=mouse["activity"].copy(data=rolled))
    assert verdict(f"rolled, {smoothing} s", nm.prepare(control, smoothing=smoothing)) in ("contractible", "undecided")


FLIES = (("PEN1-EB", "20160504", "Fly4"), ("PEN1-PB", "20160621", "Fly1"), ("PEN1-PB", "20160621", "Fly4"))


def fly(folder, site, date, name):
    """All trials of a fly: fluorescence over its lowest tenth in each, one interval a trial."""
    with open(folder / "trials.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row["site"], row["date"], row["fly"]) == (site, date, name)]
    trials = []
    for row in rows:
        held = np.load(folder / "trials" / row["file"])
        fluorescence = held[str(held["epg_channel"])].astype(float)
        lowest = np.quantile(fluorescence, 0.1, axis=0)
        trials.append((fluorescence - lowest) / lowest)
    interval = np.repeat(np.arange(len(trials)), [len(trial) for trial in trials])
    return nm.as_recording(
        np.concatenate(trials), sampling_period=1 / 11.4, interval=interval, kind="continuous", units="dF/F"
    )


@pytest.mark.parametrize("which", FLIES, ids="-".join)
def test_the_compass_of_a_fly_is_a_circle(shared_data, which):
    assert verdict("-".join(which), nm.prepare(fly(shared_data("fly_ring"), *which), smoothing=0.2)) == "circle"


# Units that are silent in a session, or while the animal runs.
@pytest.mark.filterwarnings("ignore::neuromanifold.data.prepare.DroppedUnitsWarning")
@pytest.mark.parametrize("session", range(1, 7))
def test_place_cells_on_a_track_are_a_loop_or_undecided(shared_data, session):
    recording = load(shared_data("ca1_track") / f"C6_M4_envB_session{session}.npz")
    for name, settings in {"all": {}, "running": {"min_speed": ("velocity_cm_s", 5.0)}}.items():
        prepared = nm.prepare(recording, smoothing=0.4, **settings)
        assert verdict(f"session {session}, {name}", prepared) in ("circle", "undecided")


@pytest.mark.parametrize("n_units", [4, 6, 8])
def test_few_units_are_a_circle_or_undecided(mouse, n_units):
    for seed in range(3):
        units = np.sort(np.random.default_rng(seed).choice(mouse.sizes["unit"], n_units, replace=False))
        prepared = nm.prepare(mouse.isel(unit=units), smoothing=0.4)
        assert verdict(f"{n_units} units, draw {seed}", prepared, seed) in ("circle", "undecided")


def test_few_samples_are_a_circle_or_undecided(mouse):
    activity = nm.prepare(mouse, smoothing=0.4)["activity"].to_numpy()
    for seed in range(3):
        rows = np.sort(np.random.default_rng(seed).choice(len(activity), 200, replace=False))
        assert verdict(f"200 samples, draw {seed}", activity[rows], seed) in ("circle", "undecided")


def test_all_groups_of_the_three_torus_are_no_template(shared_data):
    activity = np.load(shared_data("torus3_synthetic_dreimac") / "torus3_synthetic.npz")["activity"]
    assert verdict("all three groups", activity) in ("contractible", "undecided")

"""Curves and surfaces under one chart: noise-free samples, curvature in closed form, and the hole."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import neuromanifold as nm
from neuromanifold._errors import InputError
from neuromanifold.data.charts import CHARTS, HOLE
from neuromanifold.data.images import shifted, turned
from neuromanifold.data.recording import task_variables
from neuromanifold.geometry import local_geometry, pullback_metric

SAMPLES = {
    "sine": nm.synthetic.sine,
    "spiral": nm.synthetic.spiral,
    "roll": nm.synthetic.swiss_roll,
    "sheet": nm.synthetic.holed_sheet,
}


def coordinates(recording):
    return torch.as_tensor(np.stack([recording[name].to_numpy() for name in task_variables(recording)], axis=1))


def test_every_chart_can_be_sampled():
    assert set(SAMPLES) == set(CHARTS)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_lie_on_the_truth(name):
    recording = SAMPLES[name](n_times=60, noise_var=0.0, random_state=0)
    clean = nm.synthetic.immersion_of(recording)(coordinates(recording))
    np.testing.assert_allclose(recording["activity"], clean, atol=1e-12)
    assert recording.sizes["time"] == 60


@pytest.mark.parametrize("name", SAMPLES)
def test_noise_has_its_variance_and_a_seed_its_numbers(name):
    recording = SAMPLES[name](n_times=2000, noise_var=0.04, random_state=1)
    away = recording["activity"].to_numpy() - nm.synthetic.immersion_of(recording)(coordinates(recording)).numpy()
    # The variance of n independent values is known to √(2/n): four of its standard errors.
    assert abs(away.var() / 0.04 - 1) < 4 * math.sqrt(2 / away.size)
    assert recording.identical(SAMPLES[name](n_times=2000, noise_var=0.04, random_state=1))


def test_curves_of_the_paper():
    u = torch.linspace(0, 1, 7, dtype=torch.float64)[:, None]
    radius, turn = 0.1 + 2.9 * u, 2 * math.pi * u
    close = torch.testing.assert_close
    close(CHARTS["spiral"].immersion(u), torch.cat([radius * turn.cos(), 0.6 * radius * turn.sin()], 1))
    close(CHARTS["sine"].immersion(u), torch.cat([u, u.sin()], 1))


@pytest.mark.parametrize(
    ("name", "bend"), [("roll", lambda u: 0.5 / (0.2 * u).sqrt()), ("sheet", lambda u: 0.5 + 0 * u)]
)
def test_surfaces_are_sheets_that_are_only_bent(name, bend):
    """Flat, of the identity metric, and of half the curvature of the line they are bent along."""
    u = torch.as_tensor(CHARTS[name].draw(40, np.random.default_rng(0)))
    f = nm.synthetic.immersion_of(SAMPLES[name](n_times=40, random_state=0))
    found = local_geometry(f, u)
    torch.testing.assert_close(pullback_metric(f, u), torch.eye(2, dtype=torch.float64).expand(40, 2, 2))
    torch.testing.assert_close(found.scalar_curvature, torch.zeros(40, dtype=torch.float64), atol=1e-10, rtol=0)
    torch.testing.assert_close(found.mean_curvature_norm, bend(u[:, 0]))


def test_the_sheet_has_its_hole():
    for u in (CHARTS["sheet"].draw(3000, np.random.default_rng(0)), CHARTS["sheet"].grid(900)):
        distance = np.abs(u).max(axis=1)
        assert distance.min() >= HOLE
        assert distance.min() < HOLE + 0.1
        assert distance.max() <= 1


@pytest.mark.parametrize(("words", "message"), [({"n_times": 1}, "n_times"), ({"noise_var": -1.0}, "noise_var")])
def test_wrong_arguments_are_told(words, message):
    with pytest.raises(InputError, match=message):
        nm.synthetic.sine(**words)


# -- moved images ---------------------------------------------------------------------------------------------------


def blob(x, y, width=0.1):
    """A Gaussian of brightness about (x, y) in the frame [-1, 1]², 64 pixels a side."""
    side = (np.arange(64) + 0.5) / 32 - 1
    columns, rows = np.meshgrid(side, side)
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * width**2))


def centre(pixels):
    """Centre of brightness (x, y); y points down, as rows do."""
    image = pixels.reshape(64, 64)
    side = (np.arange(64) + 0.5) / 32 - 1
    return np.array([image.sum(0) @ side, image.sum(1) @ side]) / image.sum()


def test_a_turned_blob_goes_round():
    """A blob to the right of the middle, at half its distance, goes up and to the left: counterclockwise."""
    angles = np.linspace(0, np.pi, 5)
    places = np.array([centre(image) for image in turned(blob(0.6, 0.0), angles)])
    np.testing.assert_allclose(places, 0.3 * np.c_[np.cos(angles), -np.sin(angles)], atol=1e-3)


def test_a_shifted_blob_goes_to_the_right():
    shifts = np.array([-10.0, 0.0, 3.5])
    places = np.array([centre(image) for image in shifted(blob(0.2, 0.4), shifts)])
    np.testing.assert_allclose(places, np.c_[0.1 + shifts / 32, np.full(3, 0.2)], atol=1e-3)


def test_only_one_image_is_moved():
    with pytest.raises(InputError, match="rows, columns"):
        turned(np.zeros((2, 8, 8)), [0.0])

from __future__ import annotations

import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import neuromanifold as nm
from neuromanifold._errors import FileFormatError, InputError
from neuromanifold.data import datasets
from neuromanifold.data.recording import to_arrays

FOLDER = Path(__file__).parents[1] / "datasets"
NAMES = ("grid_module", "head_direction", "place_cells")
VARIABLES = {
    "head_direction": "head_direction",
    "place_cells": "position",
    "grid_module": ["phase_0", "phase_1"],
}


@pytest.fixture(scope="module")
def recipes() -> dict:
    return runpy.run_path(str(FOLDER / "make.py"))


def test_names():
    assert nm.datasets.names() == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_bundled_recordings_are_small_and_load_silently(name):
    assert (FOLDER / f"{name}.nc").stat().st_size < 500_000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ds = nm.datasets.load(name)
    assert ds["activity"].attrs["kind"] == "counts"


@pytest.mark.parametrize("name", NAMES)
def test_the_script_makes_them_again(name, recipes):
    made, kept = recipes["make"](name), nm.datasets.load(name)
    np.testing.assert_array_equal(made["activity"], kept["activity"])
    for variable in kept.data_vars:
        np.testing.assert_allclose(made[variable], kept[variable], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_cards_say_what_the_files_are(name, recipes):
    ds, card = nm.datasets.load(name), nm.datasets.card(name)
    simulate, settings = recipes["RECIPES"][name]
    for fact in (f"{ds.sizes['time']:,} bins", f"{ds.sizes['unit']} units", str(settings["random_state"])):
        assert fact in card
    assert f"nm.synthetic.{simulate.__name__}" in card
    assert "CC0" in card


@pytest.mark.parametrize("name", NAMES)
def test_the_truth_of_a_bundled_recording_is_known(name):
    ds = nm.datasets.load(name)
    arrays = to_arrays(ds, VARIABLES[name])
    angles = arrays.y if arrays.y.ndim == 2 else arrays.y[:, None]
    expected = nm.synthetic.immersion_of(ds)(torch.as_tensor(angles)).numpy()
    z = (arrays.X.sum(axis=0) - expected.sum(axis=0)) / np.sqrt(expected.sum(axis=0))
    assert np.abs(z).max() < 4


def test_unknown_names_are_answered_with_the_known():
    with pytest.raises(InputError, match="'grid'; there are grid_module, head_direction, place_cells, pey"):
        nm.datasets.load("grid")
    with pytest.raises(InputError, match="there are"):
        nm.datasets.card("../README")


def test_a_missing_folder_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "_FOLDERS", (tmp_path / "a", tmp_path / "b"))
    with pytest.raises(FileFormatError, match="bundled recordings are missing"):
        nm.datasets.load("head_direction")

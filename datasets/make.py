"""Make the recordings in this folder: ``python datasets/make.py [name ...]`` (all by default).

Each is simulated by ``neuromanifold.synthetic`` from the seed given here, so that anyone can make it again,
number for number, and its true immersion is known (``nm.synthetic.immersion_of``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr

import neuromanifold as nm
from neuromanifold.data.recording import task_variables
from neuromanifold.storage import write_netcdf

HERE = Path(__file__).parent

RECIPES: dict[str, tuple[Callable[..., xr.Dataset], dict[str, float]]] = {
    "head_direction": (
        nm.synthetic.head_direction_cells,
        {"n_times": 12000, "n_units": 24, "bin_size": 0.05, "peak_rate": 20.0, "random_state": 20260101},
    ),
    "place_cells": (
        nm.synthetic.place_cells,
        {"n_times": 12000, "n_units": 50, "bin_size": 0.05, "peak_rate": 15.0, "random_state": 20260102},
    ),
    "grid_module": (
        nm.synthetic.grid_cells,
        {"n_times": 12000, "n_units": 80, "bin_size": 0.1, "peak_rate": 20.0, "random_state": 20260103},
    ),
}


def make(name: str) -> xr.Dataset:
    """Simulate one of the recordings, with task variables rounded to float32 to keep the file small."""
    simulate, settings = RECIPES[name]
    recording = simulate(**settings)
    smaller = dict.fromkeys(task_variables(recording), np.float32) | {"activity": np.uint8}
    for variable, dtype in smaller.items():
        recording[variable] = recording[variable].astype(dtype, keep_attrs=True)
    title = f"simulated recording '{name}' of neuromanifold, made by datasets/make.py"
    return recording.assign_attrs(title=title, license="CC0-1.0")


if __name__ == "__main__":
    for chosen in sys.argv[1:] or RECIPES:
        write_netcdf(HERE / f"{chosen}.nc", make(chosen))
        print(f"{chosen}.nc: {(HERE / f'{chosen}.nc').stat().st_size / 1000:.0f} kB")

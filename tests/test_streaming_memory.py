"""A recording on disk that is larger than the memory its analysis is allowed; run as a script, it is that analysis."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import neuromanifold as nm
from neuromanifold.data.recording import to_arrays

N_UNITS = 128
MEGABYTE = 2**20


def walk(n: int) -> np.ndarray:
    """Angle at every time, a random walk on the circle."""
    return np.mod(np.cumsum(np.random.default_rng(0).normal(0, 0.1, n)), 2 * np.pi)


def fields(angle: np.ndarray, seed: int) -> np.ndarray:
    """Activity of tuned units with noise that no codec makes smaller; float64."""
    preferred = np.arange(N_UNITS) * 2 * np.pi / N_UNITS
    clean = np.exp(2 * (np.cos(angle[:, None] - preferred) - 1))
    return clean + np.random.default_rng(seed).normal(0, 0.3, clean.shape)


def write(path: Path, n_bytes: int) -> None:
    """A recording of so many bytes, block by block."""
    import dask
    import dask.array
    import xarray as xr

    n, step = n_bytes // (8 * N_UNITS), 2**13
    angle = walk(n)
    starts = range(0, n, step)
    blocks = [dask.delayed(fields)(angle[start : start + step], start) for start in starts]
    parts = [
        dask.array.from_delayed(block, (min(step, n - start), N_UNITS), float)
        for start, block in zip(starts, blocks, strict=True)
    ]
    activity = ("time", "unit"), dask.array.concatenate(parts), {"kind": "continuous", "units": "a.u."}
    heading = "time", angle, {"kind": "circular", "units": "rad", "period": 2 * np.pi}
    time = "time", 0.05 * np.arange(n)
    recording = xr.Dataset({"activity": activity, "heading": heading}, {"time": time}, {"sampling_period": 0.05})
    with dask.config.set(scheduler="synchronous"):
        recording.to_zarr(path, encoding={"activity": {"compressors": None}}, consolidated=False)


def analysed(path: str) -> dict[str, float | str]:
    """What topology and fit find, and how much more memory the process held at its peak than before it read."""
    warm = nm.as_recording(fields(walk(500), 0), {"heading": walk(500)}, sampling_period=0.05, kind="continuous")
    arrays = to_arrays(nm.prepare(warm, zscore=True), "heading")
    nm.TopologicalVAE("circle", max_epochs=1, random_state=0).fit(arrays.X, arrays.y)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    recording = nm.load(path, chunks=2**13)
    prepared = nm.prepare(recording, smoothing=0.1, zscore=True)
    topology = nm.Topology(n_shuffles=19, n_landmarks=100, n_components=4, random_state=0).fit(prepared)
    arrays = to_arrays(prepared, "heading")
    model = nm.TopologicalVAE("circle", max_epochs=1, label_tolerance=0, random_state=0).fit(
        arrays.X, arrays.y, arrays.groups
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    some = slice(len(arrays.X) - 2000, None)
    error = np.angle(np.exp(1j * (model.angles(arrays.X[some].compute())[:, 0] - arrays.y[some])))
    return {
        "megabytes": (peak - before) / 1024,
        "template": topology.template_,
        "error": float(np.rad2deg(np.median(np.abs(error)))),
        "n_samples": len(arrays.X),
    }


@pytest.mark.parametrize(
    ("n_bytes", "allowed"),
    [
        pytest.param(2**29, 450 * MEGABYTE, id="0.5 GB", marks=pytest.mark.slow),
        pytest.param(5 * 2**30, 2**30, id="5 GB", marks=pytest.mark.slow),
    ],
)
def test_topology_and_fit_stay_within_a_share_of_the_recordings_size(tmp_path, n_bytes, allowed):
    pytest.importorskip("dask.array", reason="pip install neuromanifold[dask]")
    pytest.importorskip("zarr", reason="pip install neuromanifold[zarr]")
    path = tmp_path / "long.zarr"
    write(path, n_bytes)
    on_disk = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    command = [sys.executable, "-W", "ignore", __file__, str(path)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    print(f"{on_disk / MEGABYTE:.0f} MB on disk, {found['n_samples']} samples: {found['megabytes']:.0f} MB of memory")
    assert on_disk >= 0.99 * n_bytes
    assert found["template"] == "circle"
    assert found["error"] < 10
    assert found["megabytes"] * MEGABYTE < allowed


if __name__ == "__main__":
    print(json.dumps(analysed(sys.argv[1])))

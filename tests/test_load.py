"""The benchmark of load runs at a small size; memory stays flat over many sessions, and a long recording takes two."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from neuromanifold.benchmarks import load
from neuromanifold.data.reduction import shift_units


def test_the_steps_have_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = load.run(((400, 10),), verbose=False)
    assert table["step"].tolist() == list(load.STEPS)
    assert (table[["seconds", "cpu_seconds", "peak_gb"]] > 0).all(axis=None)


PREPARE = """
import numpy as np, neuromanifold as nm
from neuromanifold.benchmarks.cost import measured
rec = nm.synthetic.head_direction_cells(n_times=200_000, n_units=100, random_state=0)
copy = 200_000 * 100 * 8 / 1e9
before = measured(lambda: None).peak_gb
prepared = measured(lambda: nm.prepare(rec, smoothing=0.15, zscore=True))
left = measured(lambda: None).peak_gb
X = prepared.result["activity"].to_numpy()
from neuromanifold.data.reduction import choose_n_components
from neuromanifold.topology.cloud import Reduction
components = measured(lambda: choose_n_components(X, n_shuffles=2, random_state=0))
reduced = measured(lambda: Reduction.fit(X, 4)(X))
print((prepared.peak_gb - before) / copy, (components.peak_gb - left) / copy, (reduced.peak_gb - left) / copy)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks of memory are measured by Linux")
def test_long_recordings_take_the_room_of_two() -> None:
    done = subprocess.run([sys.executable, "-c", PREPARE], capture_output=True, text=True, check=True)
    prepared, components, reduced = map(float, done.stdout.split())
    assert prepared < 2.8  # the result and what it is made of, and blocks
    assert components < 1.8
    assert reduced < 0.8


SESSIONS = """
import sys, tempfile, neuromanifold as nm
from neuromanifold.benchmarks.cost import measured
n = int(sys.argv[1])
def sessions():
    for seed in range(n):
        yield nm.synthetic.circle(n_times=200, n_units=6, noise_var=0.003, random_state=seed)
resident = []
def analyse():
    for recording in sessions():
        with open("/proc/self/statm") as stream:
            resident.append(int(stream.read().split()[1]) * 4096 / 1e9)
        yield recording
with tempfile.TemporaryDirectory() as folder:
    nm.analyze_many(analyse(), "angle", out=folder, template="circle", n_shuffles=19, n_bootstrap=5, random_state=0)
print(resident[n // 3], resident[-1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is measured by Linux")
def test_many_sessions_take_the_memory_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run([sys.executable, "-c", SESSIONS, "60"], capture_output=True, text=True, check=True)
    early, late = map(float, done.stdout.split())
    with capsys.disabled():
        print(f"\nresident memory at session 20 of 60: {early:.3f} GB, at the last: {late:.3f} GB")
    assert late - early < 0.05


def test_shuffled_rows_in_blocks_are_rotations() -> None:
    """Blocks are far shorter here than an interval, and the gather of rows has no border of its own."""
    rng = np.random.default_rng(0)
    X = rng.random((40_000, 3))
    shifted = shift_units(X, np.zeros(len(X), int), np.random.default_rng(1))
    shifts = np.random.default_rng(1).integers(0, len(X), size=3)
    np.testing.assert_array_equal(shifted, np.stack([np.roll(X[:, c], s) for c, s in enumerate(shifts)], axis=1))

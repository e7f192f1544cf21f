"""The same numbers from a cluster of two workers as from one process: dask.distributed through joblib."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import joblib
import numpy as np
import pytest
import xarray as xr

import neuromanifold as nm
from neuromanifold.sessions.cost import Cost
from neuromanifold.topology.cost import Cost as TopologyCost

distributed = pytest.importorskip("distributed", reason="pip install neuromanifold[dask]")

TOPOLOGY = {"n_shuffles": 19, "n_landmarks": 40, "n_landmarks_2": 20, "n_components": 3, "random_state": 0}


def ring(seed: int = 0, n: int = 240) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    angle = np.mod(np.linspace(0, 16 * np.pi, n) + rng.normal(0, 0.3, n), 2 * np.pi)
    rate = np.exp(1.5 * (np.cos(angle[:, None] - np.arange(8) * np.pi / 4) - 1)) + rng.normal(0, 0.04, (n, 8))
    heading = xr.DataArray(angle, dims="time", attrs={"kind": "circular", "units": "rad", "period": 2 * np.pi})
    return nm.as_recording(rate, {"heading": heading}, sampling_period=0.05, kind="continuous", units="F")


@contextmanager
def two_workers(processes: bool) -> Iterator[distributed.Client]:
    settings = {"n_workers": 2, "threads_per_worker": 1, "processes": processes, "dashboard_address": None}
    with distributed.LocalCluster(**settings) as workers, distributed.Client(workers) as client:
        yield client


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.Client]:
    """Of processes, which take some ten seconds each to begin."""
    with two_workers(processes=True) as client:
        yield client


def test_shuffles_and_draws_of_a_cluster_are_those_of_one_process():
    with two_workers(processes=False):
        check_shuffles_and_draws()


@pytest.mark.slow
def test_shuffles_and_draws_of_a_cluster_of_processes_are_those_of_one(cluster):
    with joblib.parallel_config("dask"):
        assert os.getpid() not in joblib.Parallel()(joblib.delayed(os.getpid)() for _ in range(4))
    check_shuffles_and_draws()


def check_shuffles_and_draws() -> None:
    rec = ring()
    X, y, groups, _ = nm.data.recording.to_arrays(rec, "heading")
    model = nm.TopologicalVAE("circle", max_epochs=1, random_state=0).fit(X, y)

    def found() -> tuple[nm.Topology, xr.Dataset]:
        topology = nm.Topology(**TOPOLOGY).fit(X)
        return topology, nm.curvature_profile(model, X, y, groups, n_bootstrap=4, random_state=0)

    (expected, profile) = found()
    with joblib.parallel_config("dask"):
        topology, profile_2 = found()
        # What is told beforehand counts the cluster's workers.
        assert "on 2 workers" in str(TopologyCost(300, 1, 100, None))
        assert "on 2 workers" in str(Cost(4, 240, 8, None))
    np.testing.assert_array_equal(topology.bars_["null_longest"], expected.bars_["null_longest"])
    assert topology.reasons_ == expected.reasons_
    xr.testing.assert_allclose(profile_2, profile, rtol=1e-12)


@pytest.mark.slow
def test_sessions_and_sweeps_of_a_cluster_are_those_of_one_process(cluster, tmp_path):
    settings = {"template": "circle", "n_shuffles": 19, "n_bootstrap": 4, "n_pooled_bootstrap": 40, "random_state": 0}
    expected = nm.analyze_many([ring(seed) for seed in range(3)], "heading", animals=["a", "a", "b"], **settings)
    votes = nm.topology.settings_sweep(ring(), random_state=0, n_shuffles=19)
    with joblib.parallel_config("dask"):
        study = nm.analyze_many(
            [ring(seed) for seed in range(3)], "heading", animals=["a", "a", "b"], out=tmp_path, **settings
        )
        again = nm.topology.settings_sweep(ring(), random_state=0, n_shuffles=19)
    assert not study.failures
    numbers = study.table.select_dtypes("number").to_numpy()
    np.testing.assert_allclose(numbers, expected.table.select_dtypes("number").to_numpy(), rtol=1e-9)
    xr.testing.assert_allclose(study.pooled, expected.pooled, rtol=1e-9)
    xr.testing.assert_identical(again, votes)


@pytest.mark.slow
def test_the_recipe_runs_on_a_local_cluster(cluster, tmp_path, monkeypatch):
    """The page's Python, with the cluster of this machine in the place of SLURM's."""
    page = (Path(__file__).parents[1] / "docs" / "cluster.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"<!-- needs a SLURM cluster[^\n]*\n```python\n(.*?)```", page, re.DOTALL)
    local = re.sub(r"from dask_jobqueue.*\n", "", code)
    local, n_replaced = re.subn(r"cluster = SLURMCluster\((?:.|\n)*?\n\)\n.*scale.*\n", "", local)
    assert n_replaced == 1
    monkeypatch.chdir(tmp_path)
    for animal in ("m1", "m2"):
        (tmp_path / "recordings" / animal).mkdir(parents=True)
        ring(len(animal)).to_netcdf(tmp_path / "recordings" / animal / "day1.nc", engine="h5netcdf")
    monkeypatch.setattr(distributed, "Client", lambda *_: cluster)
    few = {"n_shuffles": 19, "n_bootstrap": 4, "n_pooled_bootstrap": 20}
    whole = nm.analyze_many
    monkeypatch.setattr(nm, "analyze_many", lambda *given, **settings: whole(*given, **{**settings, **few}))
    exec(compile(local.replace("cluster)", "None)"), "cluster.md", "exec"), {})
    assert (tmp_path / "results" / "report.html").is_file()
    assert len(list((tmp_path / "results" / "sessions").glob("*/result.nc"))) == 2

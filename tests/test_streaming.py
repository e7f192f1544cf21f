"""Recordings read in blocks of time: the same numbers as in memory, and memory that does not grow with their length."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

import neuromanifold as nm
from neuromanifold._errors import InputError, RecordingError
from neuromanifold.data.blocks import in_blocks, is_streamed, n_block_samples, read_blocks
from neuromanifold.data.intervals import evenly_thinned, interval_slices
from neuromanifold.data.recording import as_recording, check, to_arrays
from neuromanifold.data.selection import uninformative_units

pytest.importorskip("dask.array", reason="pip install neuromanifold[dask]")
pytest.importorskip("zarr", reason="pip install neuromanifold[zarr]")

pytestmark = pytest.mark.filterwarnings("ignore::neuromanifold.data.prepare.DroppedUnitsWarning")


def ring(n: int = 3000, d: int = 12, trials: int = 3, seed: int = 0) -> xr.Dataset:
    """Counts of tuned cells along a walk on the circle, in trials; a silent unit and a copy of one."""
    rng = np.random.default_rng(seed)
    angle = np.mod(np.cumsum(rng.normal(0, 0.15, n)), 2 * np.pi)
    preferred = np.arange(d) * 2 * np.pi / d
    counts = rng.poisson(3 * np.exp(2 * (np.cos(angle[:, None] - preferred) - 1)))
    counts = np.concatenate([counts, counts[:, :1], np.zeros((n, 1), int)], axis=1)
    heading = xr.DataArray(angle, dims="time", attrs={"kind": "circular", "units": "rad", "period": 2 * np.pi})
    speed = xr.DataArray(np.abs(rng.normal(0, 1, n)), dims="time", attrs={"kind": "linear", "units": "m/s"})
    return as_recording(
        counts,
        {"heading": heading, "speed": speed},
        sampling_period=0.05,
        interval=np.arange(n) * trials // n,
        kind="counts",
        units="spikes/bin",
    )


def streamed(recording: xr.Dataset, chunk: int = 700) -> xr.Dataset:
    return check(recording.assign(activity=recording["activity"].chunk(time=chunk)))


# -- reading ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["zarr", "nc"])
def test_stores_are_read_in_blocks_where_asked(tmp_path, suffix):
    rec = ring()
    path = tmp_path / f"r.{suffix}"
    rec.to_zarr(path, consolidated=False) if suffix == "zarr" else rec.to_netcdf(path, engine="h5netcdf")
    whole, small = nm.load(path), nm.load(path, chunks=500)
    assert not is_streamed(whole["activity"])
    assert not is_streamed(nm.load(path, chunks=None)["activity"])
    assert is_streamed(small["activity"])
    assert small["activity"].chunks[1] == (14,)
    assert not is_streamed(small["heading"])
    xr.testing.assert_identical(small.load(), whole)


def test_what_cannot_be_read_in_blocks_is_told(tmp_path):
    rec = ring(200)
    rec.rename(activity="dff").to_zarr(tmp_path / "r.zarr", consolidated=False)
    np.savez(tmp_path / "r.npz", activity=rec["activity"].to_numpy(), sampling_period=0.05)
    for path, why in {"r.zarr": "only a variable 'activity'", "r.npz": "save it by recording.to_zarr"}.items():
        with pytest.raises(InputError, match=why):
            nm.load(tmp_path / path, chunks=100)
    rec.to_zarr(tmp_path / "whole.zarr", consolidated=False)
    with pytest.raises(InputError, match="chunks is 0"):
        nm.load(tmp_path / "whole.zarr", chunks=0)


def test_blocks_are_of_time_alone_and_of_bounded_size():
    import dask.array

    for chunks in ((100, 7), (-1, -1)):
        values = in_blocks(dask.array.zeros((50_000, 200), chunks=chunks))
        assert len(values.chunks[1]) == 1
        assert max(values.chunks[0]) <= 2 * n_block_samples(200)
    assert sum(rows.stop - rows.start for rows, _ in read_blocks(np.zeros((50_000, 200)))) == 50_000


def test_faults_of_a_block_are_told_when_it_is_read():
    rec = ring().astype(float)
    rec["activity"][2000, 5] = np.nan
    lazy = streamed(rec)
    with pytest.raises(RecordingError, match=r"first: sample 2000, unit 5"):
        nm.prepare(lazy)
    half = ring().astype(float)
    half["activity"].data *= 0.5
    with pytest.raises(RecordingError, match="not all are whole"):
        streamed(half)["activity"].compute()
    assert check(check(lazy))["activity"].data.name.count("checked") == 1


# -- every step gives what it gives in memory -----------------------------------------------------------------

STEPS = {
    "as it is": {},
    "smoothed": {"smoothing": 0.2},
    "binned": {"bin_size": 0.2, "smoothing": 0.4},
    "standardised": {"smoothing": 0.1, "zscore": True},
    "selected": {"smoothing": 0.1, "min_speed": ("speed", 0.2), "min_activity": 0.1, "zscore": True},
    "reduced": {"smoothing": 0.2, "zscore": True, "n_components": "auto", "random_state": 0},
    "long kernel": {"smoothing": 20.0, "transform": "log1p"},
}


@pytest.mark.parametrize("chunk", [250, pytest.param(700, marks=pytest.mark.slow)])
@pytest.mark.parametrize("step", STEPS)
def test_preparation_is_that_of_a_recording_in_memory(step, chunk):
    rec = ring()
    expected, found = nm.prepare(rec, **STEPS[step]), nm.prepare(streamed(rec, chunk), **STEPS[step])
    assert is_streamed(found["activity"])
    np.testing.assert_allclose(found["activity"].to_numpy(), expected["activity"].to_numpy(), rtol=1e-12, atol=1e-12)
    assert found["activity"].dtype == expected["activity"].dtype
    xr.testing.assert_allclose(found.drop_vars("activity"), expected.drop_vars("activity"), rtol=1e-12)
    assert found.attrs == expected.attrs


def test_units_that_carry_nothing_are_found_in_blocks():
    rec = ring()
    assert uninformative_units(streamed(rec, 61)["activity"].data) == {"constant": [13], "duplicate": [12]}


def test_arrays_stay_in_blocks():
    arrays = to_arrays(streamed(ring()), "heading")
    assert is_streamed(arrays.X)
    assert arrays.X.dtype == np.float64
    assert isinstance(arrays.y, np.ndarray)


# -- a share of a long recording -------------------------------------------------------------------------------


def test_long_recordings_are_thinned_evenly_inside_their_intervals():
    assert evenly_thinned(np.zeros(1000), 1000) == slice(None)
    rows = evenly_thinned(np.zeros(10_500), 1000)
    assert len(np.unique(np.diff(rows))) == 1
    assert 900 <= len(rows) <= 1000
    long = np.repeat(np.arange(5), 2000)
    groups = long[evenly_thinned(long, 1000, shortest=100)]
    assert np.bincount(groups).tolist() == [200] * 5
    short = np.repeat(np.arange(100), 100)
    kept = evenly_thinned(short, 1000, shortest=100)
    assert [run.stop - run.start for run in interval_slices(short[kept])] == [100] * 10
    assert np.ptp(short[kept]) > 80


# -- topology --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("longest", [900, pytest.param(50_000, marks=pytest.mark.slow)])
def test_topology_of_a_streamed_recording_is_that_of_one_in_memory(longest, monkeypatch):
    """Bit for bit where the preparation is, in a share of the samples that does not depend on how they are read."""
    monkeypatch.setattr(evenly_thinned, "__defaults__", (longest, 100))
    rec = ring(trials=2)
    rec = rec.isel(unit=slice(12))
    settings = {"n_shuffles": 19, "n_landmarks": 80, "n_components": 4, "random_state": 0}
    prepared, lazily = nm.prepare(rec, smoothing=0.2), nm.prepare(streamed(rec), smoothing=0.2)
    expected, found = (nm.Topology(**settings).fit(p) for p in (prepared, lazily))
    assert found.template_ == expected.template_ == "circle"
    assert found.reasons_ == expected.reasons_
    np.testing.assert_array_equal(found.bars_["death"], expected.bars_["death"])
    np.testing.assert_array_equal(found.cycles_[0], expected.cycles_[0])
    np.testing.assert_allclose(found.transform(lazily), expected.transform(prepared), atol=1e-9)
    assert len(found.transform(lazily)) == rec.sizes["time"]
    assert found.cycles_[0].max() > 1000
    # The circle's coordinate goes along the animal's own angle, whatever share was looked at.
    angle = expected.transform(prepared)[:, 0]
    assert max(abs(np.exp(1j * (angle - sign * rec["heading"].to_numpy())).mean()) for sign in (1, -1)) > 0.9


# -- the fit ---------------------------------------------------------------------------------------------------

FAST = {"max_epochs": 2, "n_init": 1, "random_state": 0}


def labels_of(rec: xr.Dataset, kind: str) -> np.ndarray | None:
    angles = to_arrays(rec, "heading").y
    return {"all": angles, "some": np.where(np.arange(len(angles)) % 3, angles, np.nan), "none": None}[kind]


@pytest.mark.parametrize(
    ("kind", "longest"), [("all", 1000), ("none", 20_000), pytest.param("some", 1000, marks=pytest.mark.slow)]
)
def test_fit_to_a_streamed_recording_is_that_to_one_in_memory(kind, longest, monkeypatch):
    for module in ("_blocks", "models.expectation_maximisation"):
        monkeypatch.setattr(f"neuromanifold.{module}.ENOUGH", longest)
    rec = ring().isel(unit=slice(12))
    labels = labels_of(rec, kind)
    fits = []
    for recording in (rec, streamed(rec)):
        X, _, groups, _ = to_arrays(nm.prepare(recording, smoothing=0.2, zscore=True))
        model = nm.TopologicalVAE("circle", **FAST).fit(X, labels, groups)
        # Without labels draws move by 1e-5 where activity does by its rounding, in memory or not.
        profile = nm.curvature_profile(model, X, labels, groups, n_bootstrap=3 * (kind != "none"), random_state=0)
        fits.append((model, profile, model.transform(X), model.score(X)))
    (expected, profile, points, score), (found, profile_2, points_2, score_2) = fits
    torch.testing.assert_close(found.decoder_.weight, expected.decoder_.weight, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(points_2, points, atol=1e-7)
    assert found.autocorrelation_time_ == pytest.approx(expected.autocorrelation_time_, rel=1e-9)
    assert score_2 == pytest.approx(score, rel=1e-9)
    xr.testing.assert_allclose(profile_2, profile, rtol=1e-6)
    assert found.encode(X).loc.shape == (len(X), 2)


def test_a_streamed_fit_goes_on_and_is_checked(tmp_path):
    rec = ring().isel(unit=slice(12))
    X = to_arrays(nm.prepare(streamed(rec), smoothing=0.2)).X
    first, second = X[:2000], X[2000:]
    labels = labels_of(rec, "all")
    model = nm.TopologicalVAE("circle", **FAST).fit(first, labels[:2000]).partial_fit(second, labels[2000:])
    inside = nm.TopologicalVAE("circle", **FAST).fit(first.compute(), labels[:2000])
    inside.partial_fit(second.compute(), labels[2000:])
    torch.testing.assert_close(model.decoder_.weight, inside.decoder_.weight, rtol=1e-7, atol=1e-9)
    with pytest.raises(InputError, match="features"):
        model.transform(X[:, :5])
    with pytest.raises(InputError, match="constant"):
        nm.TopologicalVAE("circle", **FAST).fit(X * (np.arange(12) > 0), labels)
    with pytest.raises(InputError, match="NaN"):
        nm.TopologicalVAE("circle", **FAST).fit(X * np.where(np.arange(12) > 0, 1, np.nan), labels)
    kept = nm.TopologicalVAE("circle", checkpoint=tmp_path / "fit.npz", **FAST).fit(X, labels)
    whole = nm.TopologicalVAE("circle", **FAST).fit(X, labels)
    torch.testing.assert_close(kept.decoder_.weight, whole.decoder_.weight, rtol=0, atol=0)


def test_labels_that_err_and_counts_are_read_whole_with_the_same_numbers():
    rec = ring(1200).isel(unit=slice(12))
    jittered = labels_of(rec, "all") + np.random.default_rng(0).normal(0, 0.3, 1200)
    X = to_arrays(nm.prepare(streamed(rec), smoothing=0.2)).X
    found, expected = (
        nm.TopologicalVAE("circle", label_tolerance=0.3, **FAST).fit(x, jittered) for x in (X, X.compute())
    )
    torch.testing.assert_close(found.decoder_.weight, expected.decoder_.weight, rtol=1e-7, atol=1e-9)
    counts = to_arrays(streamed(rec)).X
    settings = {**FAST, "likelihood": "poisson", "exposure": 0.05}
    found, expected = (
        nm.TopologicalVAE("circle", **settings).fit(x, labels_of(rec, "all")) for x in (counts, counts.compute())
    )
    torch.testing.assert_close(found.decoder_.weight, expected.decoder_.weight, rtol=1e-9, atol=1e-9)
    with pytest.raises(InputError, match=r"X\[0, 0\]"):
        nm.TopologicalVAE("circle", **settings).fit(counts + 0.5, labels_of(rec, "all"))


@pytest.mark.slow
def test_the_whole_line_takes_a_streamed_recording():
    rec = ring(2000).isel(unit=slice(12))
    settings = {"n_shuffles": 19, "n_bootstrap": 4, "random_state": 0}
    expected, found = (nm.analyze(recording, "heading", **settings) for recording in (rec, streamed(rec)))
    assert found.topology.template_ == "circle"
    xr.testing.assert_allclose(found.statistics, expected.statistics, rtol=1e-6)

"""Many sessions: each alone, failures apart, a stopped run that goes on, and what they have in common."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuromanifold as nm
from neuromanifold._errors import FileFormatError, InputError
from neuromanifold.sessions import find_sources, joined, sources
from neuromanifold.sessions import run as run_module
from neuromanifold.sessions.cost import Cost
from neuromanifold.sessions.study import Study
from neuromanifold.statistics import median_interval

FAST = {"n_shuffles": 19, "n_bootstrap": 6, "template": "circle", "n_pooled_bootstrap": 40, "random_state": 0}
NASTY = "<script>alert(1)</script>"


def ring(seed: int, turn: float = 0.0, flip: float = 1.0, n: int = 240, animal: int = 0) -> xr.Dataset:
    """A bent ring of eight units, the same for every session of an animal, and the angle that it codes."""
    rng = np.random.default_rng(seed)
    angle = np.mod(np.linspace(0, 16 * np.pi, n) + rng.normal(0, 0.3, n), 2 * np.pi)
    preferred = np.arange(8) * np.pi / 4 + np.random.default_rng(100 + animal).normal(0, 0.1, 8)
    height = 1 + 0.5 * (np.arange(8) < 3)
    rate = height * np.exp(1.5 * (np.cos(angle[:, None] - preferred) - 1)) + rng.normal(0, 0.04, (n, 8))
    told = np.mod(flip * angle + turn, 2 * np.pi)
    heading = xr.DataArray(told, dims="time", attrs={"kind": "circular", "units": "radian", "period": 2 * np.pi})
    return nm.as_recording(rate, {"heading": heading}, sampling_period=0.05, kind="continuous", units="F")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("many")


@pytest.fixture(scope="module")
def broken() -> xr.Dataset:
    return ring(9).drop_vars("heading")


@pytest.fixture(scope="module")
def asked(broken) -> dict:
    """Two animals, and a session without its variable."""
    return {
        "recordings": [ring(0), ring(2, animal=1), broken],
        "names": ["a1", "b1", NASTY],
        "animals": ["a", "b", "b"],
        "groups": ["light", "dark", "dark"],
    }


@pytest.fixture(scope="module")
def study(folder, asked) -> Study:
    return nm.analyze_many(variable="heading", out=folder, **asked, **FAST)


def test_each_session_has_its_row_and_a_failure_is_told_by_name_and_reason(study):
    table = study.table
    assert list(table.index) == ["a1", "b1", NASTY]
    assert list(table["template"][:2]) == ["circle"] * 2
    assert (table["decoding_error"][:2] < 15).all()
    norm = "dimensionless_mean_curvature"
    assert (table[f"{norm}_lower"] < table[norm])[:2].all()
    assert (table[norm] < table[f"{norm}_upper"])[:2].all()
    assert table["verdict"].iloc[-1] == "failed"
    assert set(study.failures) == {NASTY}
    assert "no task variable 'heading'" in study.failures[NASTY]
    assert list(table["pooled"]) == [True] * 2 + [False]


def test_sessions_are_pooled_in_the_variables_coordinates_and_groups_compared(study):
    assert study.pooled is not None
    assert list(study.pooled["group"].to_numpy()) == ["all sessions", "dark", "light"]
    profiles = {s.name: s.part("profile")["mean_curvature_norm"].to_numpy() for s in study.sessions if not s.error}
    np.testing.assert_allclose(study.pooled["mean_curvature_norm"][0], np.mean(list(profiles.values()), axis=0))
    assert study.differences is not None
    assert not bool(study.differences["paired"][0])
    assert str(study.differences["pair"][0].item()) == "light less dark"


def test_results_are_files_that_other_programs_read(study, folder, tmp_path):
    for name in ("a1", "b1"):
        files = {path.name for path in (folder / "sessions" / name).iterdir()}
        assert files == {"result.nc", "model.npz", "report.html", "session.json"}
    study.to_netcdf(tmp_path / "study.nc")
    with xr.open_datatree(tmp_path / "study.nc", engine="h5netcdf") as tree:
        assert {"sessions", "pooled", "differences"} == set(tree.children)
        assert tree.attrs["version"] == nm.__version__
    assert nm.load_model(folder / "sessions" / "a1" / "model.npz").template_.name == "circle"


def test_the_report_shows_every_session_and_escapes_their_names(study, folder, tmp_path):
    study.to_html(tmp_path / "report.html", title=NASTY)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "circle: 2 of 3 sessions" in page
    assert "failed: InputError" in page
    study.to_html(folder / "report.html")
    links = re.findall(r'<a href="([^"]*)">', (folder / "report.html").read_text(encoding="utf-8"))
    assert len(links) == 2
    assert all((folder / unquote(link)).is_file() for link in links)
    assert set(study.figures()) == {"pooled_profile", "sessions", "difference_dark_light"}


def test_a_stopped_run_goes_on_and_reads_what_is_whole(study, folder, asked, monkeypatch):
    done = []
    analyze = run_module.analyze

    def counted(recording, *args, **kwargs):
        done.append(recording.sizes["time"])
        return analyze(recording, *args, **kwargs)

    monkeypatch.setattr(run_module, "analyze", counted)
    (folder / "sessions" / "b1" / "session.json").unlink()
    again = nm.analyze_many(variable="heading", out=folder, **asked, **FAST)
    # The one that was cut short, and the one that failed.
    assert len(done) == 2
    pd.testing.assert_frame_equal(again.table, study.table)
    xr.testing.assert_identical(again.pooled, study.pooled)


def test_other_data_or_settings_are_another_result(tmp_path):
    path = tmp_path / "s.nc"
    ring(0).to_netcdf(path, engine="h5netcdf")
    (source,) = sources([path])
    key = run_module.session_key(source, "heading", None, {"n_bootstrap": 6}, 0)
    assert key == run_module.session_key(source, "heading", None, {"n_bootstrap": 6, "n_jobs": 2}, 0)
    assert key != run_module.session_key(source, "heading", None, {"n_bootstrap": 7}, 0)
    ring(1).to_netcdf(path, engine="h5netcdf")
    os.utime(path, ns=(1, 1))
    assert key != run_module.session_key(source, "heading", None, {"n_bootstrap": 6}, 0)
    first, second = (next(sources([recording])) for recording in (ring(0), ring(1)))
    assert first.digest() != second.digest()
    assert first.digest() == next(sources([ring(0)])).digest()


@pytest.fixture(scope="module")
def unlabelled() -> Study:
    """Fits that know nothing of the heading, turned and reflected against each other."""
    recordings = [ring(0), ring(1, turn=1.0), ring(2, turn=-2.0, flip=-1.0)]
    return nm.analyze_many(recordings, align_to="heading", **FAST)


@pytest.mark.slow
def test_latents_without_labels_are_aligned_by_isometries(unlabelled):
    assert unlabelled.pooled is not None
    assert "aligned to heading" in unlabelled.pooled.attrs["shared_coordinates"]
    for session in unlabelled.sessions:
        assert float(session.part("alignment")["median_distance"]) < 0.3
        np.testing.assert_allclose(np.abs(np.linalg.det(session.part("alignment")["isometry"])), 1)


@pytest.mark.slow
def test_registered_units_align_what_no_variable_does():
    """Turned labels are not looked at: the same units, the same ring, so profiles agree after alignment."""
    recordings = [ring(seed).drop_vars("heading") for seed in (0, 1, 2)]
    study = nm.analyze_many(recordings, **FAST)
    assert study.pooled is not None
    assert "8 registered units" in study.pooled.attrs["shared_coordinates"]
    pooled = study.pooled["dimensionless_mean_curvature"][0]
    own = study.sessions[0].part("profile")["dimensionless_mean_curvature"]
    assert float(np.corrcoef(pooled, own)[0, 1]) > 0.8


@pytest.mark.slow
def test_without_anything_in_common_nothing_is_pooled():
    recordings = [
        ring(seed).drop_vars("heading").assign_coords(unit=[f"{seed}-{i}" for i in range(8)]) for seed in (0, 1)
    ]
    study = nm.analyze_many(recordings, **FAST)
    assert study.pooled is None
    assert any("no common coordinates" in note for note in study.notes)
    assert study.table["dimensionless_mean_curvature"].notna().all()
    assert "sessions" in study.figures()


@pytest.mark.slow
def test_joined_sessions_are_one_fit_with_an_offset_each():
    turns = (0.0, 1.5, -1.0)
    recordings = [ring(seed, turn=turn) for seed, turn in enumerate(turns)]
    study = nm.analyze_many(
        recordings, "heading", animals=["fly"] * 3, names=["t1", "t2", "t3"], join=True, offsets="session", **FAST
    )
    (session,) = study.sessions
    assert session.name == "fly"
    offset = session.part("offsets")["offset"].to_numpy()[:, 0]
    difference = np.angle(np.exp(1j * (offset - np.array(turns))))
    assert np.ptp(np.unwrap(difference)) < 0.1


def test_nothing_crosses_the_sessions_of_a_joined_recording(monkeypatch):
    seen = []
    monkeypatch.setattr(run_module, "analyze", lambda recording, *_, **__: seen.append(recording) or 1 / 0)
    study = nm.analyze_many([ring(0), ring(1)], "heading", animals=["fly"] * 2, join=True, **FAST)
    assert "ZeroDivisionError" in study.failures["fly"]
    (recording,) = seen
    assert len(np.unique(recording["interval"])) == 2
    prepared = nm.prepare(recording, smoothing=0.2)
    np.testing.assert_allclose(prepared["activity"][:240], nm.prepare(ring(0), smoothing=0.2)["activity"])


@pytest.mark.slow
def test_the_numbers_do_not_depend_on_the_workers():
    recordings = [ring(0), ring(1)]
    one, two = (nm.analyze_many(recordings, "heading", n_jobs=n, **FAST) for n in (None, 2))
    pd.testing.assert_frame_equal(one.table, two.table)
    xr.testing.assert_identical(one.pooled, two.pooled)


def test_a_generator_is_read_one_at_a_time(monkeypatch):
    opened = []
    monkeypatch.setattr(run_module, "analyze", lambda *_, **__: opened.append("analysed") or 1 / 0)

    def many():
        for seed in range(4):
            opened.append("read")
            yield ring(seed)

    nm.analyze_many(many(), "heading", **FAST)
    # Never more than one recording waits for its turn.
    assert all(opened[: i + 1].count("read") - opened[: i + 1].count("analysed") <= 2 for i in range(len(opened)))


def test_cost_is_told_before_anything_is_done(capsys, monkeypatch):
    monkeypatch.setattr(run_module, "analyze", lambda *_, **__: 1 / 0)
    nm.analyze_many([ring(0), ring(1)], "heading", verbose=True, **FAST)
    told = capsys.readouterr().err
    assert "2 sessions like the first (240 samples of 8 units)" in told
    few, many = (Cost(n, 240, 8, None) for n in (2, 1000))
    assert few.gigabytes == many.gigabytes
    assert str(Cost(1000, 240, 8, None)).count(" h for all") == 1


# -- who is who ---------------------------------------------------------------------------------------------


def test_folders_say_whose_sessions_are_whose(tmp_path):
    for name in ("m1/day1.nc", "m1/day2.nc", "m2/day1.npz", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = find_sources(tmp_path)
    assert [(s.name, s.animal) for s in found] == [("m1/day1", "m1"), ("m1/day2", "m1"), ("m2/day1", "m2")]
    assert len({s.folder for s in found}) == 3
    assert not any("/" in s.folder for s in found)
    assert [(s.name, len(s.origin)) for s in joined(found)] == [("m1", 2), ("m2", 1)]
    (tmp_path / "m3.zarr" / "inside").mkdir(parents=True)
    (tmp_path / "m3.zarr" / "inside" / "x.npy").write_bytes(b"x")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "y.npz").write_bytes(b"x")
    (tmp_path / "m3.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
    assert [s.name for s in find_sources(tmp_path)][-1] == "m3"
    assert len(find_sources(tmp_path)) == 4
    (tmp_path / "who.csv").write_text("file,session,animal,group\nm2/day1.npz,x,fly 1,dark\n")
    (one,) = find_sources(tmp_path, tmp_path / "who.csv")
    assert (one.name, one.animal, one.group) == ("x", "fly 1", "dark")


def test_units_are_chosen_in_every_session_and_other_units_are_another_result():
    labelled = ring(0).assign_coords(area=("unit", ["a"] * 5 + ["b"] * 3))
    (all_units,) = sources([labelled])
    (some,) = sources([labelled], units={"area": "a"})
    assert all_units.open().sizes["unit"] == 8
    assert some.open().sizes["unit"] == 5
    assert some.digest() != all_units.digest()
    (pair,) = joined(
        sources([labelled, ring(1).assign_coords(area=labelled["area"])], units={"area": "a"}, animals=["x", "x"])
    )
    assert pair.open().sizes["unit"] == 5


def test_wrong_tables_folders_and_names_are_told(tmp_path):
    with pytest.raises(FileFormatError, match="no such folder"):
        find_sources(tmp_path / "none")
    with pytest.raises(FileFormatError, match="no recording"):
        find_sources(tmp_path)
    (tmp_path / "who.csv").write_text("path,fly\na.nc,1\n")
    with pytest.raises(InputError, match="column 'file'"):
        find_sources(tmp_path, tmp_path / "who.csv")
    with pytest.raises(InputError, match="two sessions are called"):
        list(sources([ring(0), ring(1)], ["a", "a"]))
    with pytest.raises(InputError, match="animals has 1 entries"):
        list(sources([ring(0), ring(1)], animals=["a"]))
    with pytest.raises(InputError, match="no recording"):
        nm.analyze_many([])
    with pytest.raises(InputError, match="one of the two"):
        nm.analyze_many([ring(0)], "heading", align_to="heading")
    with pytest.raises(InputError, match="random_state"):
        nm.analyze_many([ring(0)], random_state=np.random.default_rng(0))


def test_a_folder_for_a_hostile_name_stays_where_it_belongs(study, folder):
    (place,) = (path for path in (folder / "sessions").iterdir() if "script" in path.name)
    assert json.loads((place / "session.json").read_text())["name"] == NASTY
    for name in ("../up", "..", "", "a/b", "é" * 300):
        (source,) = sources([ring(0)], [name or "x"])
        assert Path(source.folder).name == source.folder
        assert source.folder not in ("", ".", "..")
        assert len(source.folder) < 100


# -- an interval of the median ------------------------------------------------------------------------------


def test_the_interval_of_a_median_holds_it_and_is_wider_where_blocks_differ():
    rng = np.random.default_rng(0)
    groups = np.zeros(2000, int)
    inside, widths = [], {0.0: [], 1.0: []}
    for seed in range(60):
        for shared in widths:
            errors = np.abs(rng.normal(size=2000) + shared * np.repeat(rng.normal(size=50), 40))
            low, high = median_interval(errors, groups, 0.9, seed)
            widths[shared].append(high - low)
            if shared == 0.0:
                inside.append(low <= 0.6745 <= high)
    assert 0.8 < np.mean(inside) <= 1.0
    assert np.median(widths[1.0]) > 2 * np.median(widths[0.0])
    errors[::3] = np.nan
    assert np.isfinite(median_interval(errors, groups, 0.9, 0)).all()

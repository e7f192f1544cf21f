"""``analyze-many`` as a person and as a script meet it; sessions that cannot be read take no time."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from test_nwb import write_epochs, write_units
from typer.testing import CliRunner, Result

import neuromanifold as nm
from neuromanifold._errors import InputError
from neuromanifold.cli import app

NASTY = "<script>alert(1)"


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["analyze-many", *map(str, words)])


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three files, none of which can be analysed."""
    for name in (f"m1/{NASTY}.npz", "m1/b.npz", "m2/c.npz"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, activity=np.ones((200, 5)), sampling_period=0.05)
    return tmp_path / "in"


def test_sessions_that_fail_are_told_by_name_and_reason(folder, tmp_path):
    result = run(folder, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 1
    content = json.loads(result.stdout)
    assert set(content["failures"]) == {f"m1/{NASTY}", "m1/b", "m2/c"}
    assert all("constant" in reason for reason in content["failures"].values())
    assert content["pooled"] == {}
    assert "3 sessions of 2 animals" in result.stderr
    files = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").glob("*") if path.is_file()}
    assert files == {"report.html", "sessions.csv", "study.nc"}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert NASTY not in page
    assert "3 of 3 sessions could not be analysed" in page


def test_a_person_reads_the_same(folder, tmp_path):
    shown = run(folder, "--out", tmp_path / "out").stdout
    assert shown.count("failed: ") == 3
    assert "Written:" in shown


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("nowhere",), "no such folder"),
        (("in", "--sessions", "in/none.csv"), "no such file"),
        (("in", "--template", "teapot"), "teapot"),
        (("in", "--align-to", "a", "--variable", "b"), "one of the two"),
        (("in", "--out", "in/results"), "taken for recordings"),
    ],
)
def test_bad_words_are_refused_in_one_line(folder, tmp_path, monkeypatch, words, why):
    monkeypatch.chdir(tmp_path)
    result = run(*words, *(() if "--out" in words else ("--out", "out")))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert why in result.stderr
    assert "Traceback" not in result.stderr


def test_offsets_need_one_fit(tmp_path):
    assert run(tmp_path, "--out", "out", "--offsets").exit_code == 2


def test_epochs_and_units_are_chosen_as_in_analyze(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    with h5py.File(tmp_path / "in" / "s.nwb", "w") as file:
        file.attrs["nwb_version"] = "2.0.0"
        write_units(file, [np.sort(rng.uniform(0, 60, 300)) for _ in range(5)], ["adn", "adn", "pos", "adn", "pos"])
        write_epochs(file)
    opened = []

    def not_analysed(found, *_, **__):
        opened.extend(dict(source.open()["activity"].sizes) for source in found)
        raise InputError("only opened")

    monkeypatch.setattr(nm.sessions, "analyze_sources", not_analysed)
    words = (tmp_path / "in", "--out", tmp_path / "out", "--bin-size", "0.05")
    assert "only opened" in run(*words, "--interval", "epochs.wake", "--units", "location=adn").stderr
    assert opened == [{"time": 800, "unit": 3}]
    assert "there are adn, pos" in run(*words, "--units", "location=ca1").stderr
    assert "is not LABEL=VALUE" in run(*words, "--units", "adn").stderr


@pytest.mark.slow
def test_shares_fill_one_folder_that_a_last_run_pools(tmp_path, monkeypatch):
    """As the tasks of a job array do; the numbers are those of one run."""
    (tmp_path / "in").mkdir()
    angle = np.mod(np.linspace(0, 16 * np.pi, 240), 2 * np.pi)
    for day in range(3):
        noise = np.random.default_rng(day).normal(0, 0.05, (240, 8))
        rate = np.exp(1.5 * (np.cos(angle[:, None] - np.arange(8) * np.pi / 4) - 1)) + noise
        np.savez(tmp_path / "in" / f"day{day}.npz", activity=rate, heading_rad=angle, sampling_period=0.05)
    words = (tmp_path / "in", "--template", "circle", "--variable", "heading_rad", "--shuffles", "19", "--json")
    parts = [json.loads(run(*words, "--out", tmp_path / "a", "--share", f"{k}/4").stdout) for k in (1, 2, 3, 4)]
    assert [list(part["sessions"]) for part in parts] == [["day0"], ["day1"], ["day2"], []]
    assert all(part["pooled"] == {} and part["files"] == {} for part in parts)
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").glob("sessions/*/result.nc")}
    last = json.loads(run(*words, "--out", tmp_path / "a").stdout)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "a").glob("sessions/*/result.nc")} == made
    assert list(last["sessions"]) == ["day0", "day1", "day2"]
    assert last["pooled"]["all sessions"]["n_sessions"] == 3
    for wrong in ("0/4", "5/4", "1", "a/b"):
        assert "is not K/N" in run(*words, "--out", tmp_path / "a", "--share", wrong).stderr

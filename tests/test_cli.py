"""The command line as a person and as a script meet it: exit codes, streams, files, hostile names."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import report_fakes as fakes
import xarray as xr
from test_nwb import write_epochs, write_units
from typer.testing import CliRunner, Result

import neuromanifold as nm
from neuromanifold._errors import InputError
from neuromanifold.cli import BENCHMARKS, app
from neuromanifold.cli.console import number, plain, to_json
from neuromanifold.cli.output import FIGURES
from neuromanifold.pipeline import Analysis
from neuromanifold.report.pictures import pictures

COMMANDS = ("analyze", "analyze-many", "demo", "topology", "beside", "featuremaps", "info", "benchmark")
FEW = ("--shuffles", "39")
HOSTILE = "\x1b[2J<script>alert(1)</script>\r\n../../x\u202e\udcff"


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def refused(result: Result) -> str:
    """The one line of a refusal, after checking that it is one."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.stderr
    return lines[0]


@pytest.fixture(scope="module")
def circle(tmp_path_factory) -> Path:
    """A noisy closed curve in 6 units, with its angle, as an npz file."""
    rng = np.random.default_rng(3)
    angle = np.mod(np.cumsum(rng.normal(0, 0.4, 600)), 2 * np.pi)
    preferred = np.arange(6) * np.pi / 3
    rate = np.exp(1.5 * (np.cos(angle[:, None] - preferred) - 1)) + rng.normal(0, 0.05, (600, 6))
    path = tmp_path_factory.mktemp("cli") / "circle.npz"
    np.savez(path, activity=rate, angle_rad=angle, sampling_period=0.05)
    return path


@pytest.fixture(scope="module")
def analysed(circle, tmp_path_factory) -> tuple[Result, Path]:
    out = tmp_path_factory.mktemp("cli") / "results"
    return run("analyze", circle, "--variable", "angle_rad", *FEW, "--out", out, "--json"), out


# -- help ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example_that_parses(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    examples = re.findall(rf"^ +neuromanifold {command}(.*)$", result.stdout, flags=re.MULTILINE)
    assert examples
    options = set(re.findall(r"--[a-z-]+", " ".join(examples)))
    assert options <= set(re.findall(r"--[a-z-]+", result.stdout.split("Examples:")[0]))


def test_help_lists_every_command():
    result = run("--help")
    assert result.exit_code == 0
    assert all(re.search(rf"^ +{command} ", result.stdout, flags=re.MULTILINE) for command in COMMANDS)


def test_help_loads_nothing_heavy():
    heavy = "{'torch', 'numpy', 'scipy', 'xarray', 'pandas', 'matplotlib', 'sklearn'}"
    code = f"import sys, neuromanifold.cli; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_module_and_version():
    command = [sys.executable, "-m", "neuromanifold", "--version"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == f"neuromanifold {nm.__version__}"


def test_no_words_at_all_show_help():
    assert "Usage: " in run().output


@pytest.mark.parametrize(
    "words",
    [
        ("analyse", "x.npz"),
        ("analyze",),
        ("analyze", "x.npz"),
        ("analyze", "x.npz", "--out", "o", "--smoothing", "wide"),
        ("analyze", "x.npz", "--out", "o", "--smoothing", "-1"),
        ("analyze", "x.npz", "--out", "o", "--smoothing", "nan"),
        ("analyze", "x.npz", "--out", "o", "--device", "abacus"),
        ("analyze", "x.npz", "--out", "o", "--jobs", "0"),
        ("analyze", "x.npz", "--out", "o", "--seed", "-1"),
        ("analyze", "x.npz", "--out", "o", "--compare-network"),
        ("topology", "x.npz", "--shuffles", "0"),
        ("benchmark", "nope"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_read(words):
    result = run(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Error: " in result.stderr
    assert "Traceback" not in result.stderr


def test_unknown_benchmark_lists_those_there_are():
    assert all(name in run("benchmark", "nope").stderr for name in BENCHMARKS)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_prints_its_table(name, monkeypatch):
    """With numbers that take no time to measure."""
    table = pd.DataFrame({"seconds": [0.25, 12.0], "target": [1.0, float("nan")]}, index=["ours", "theirs"])
    module = importlib.import_module(f"neuromanifold.benchmarks.{name}")
    assert "verbose" in inspect.signature(module.run).parameters
    monkeypatch.setattr(module, "run", lambda verbose: table)
    assert run("benchmark", name, "--seeds", "2").exit_code == 2
    assert re.search(r"^theirs +12 *$", run("benchmark", name).stdout, flags=re.MULTILINE)
    content = json.loads(run("benchmark", name, "--json").stdout)
    assert content["table"]["theirs"] == {"seconds": 12.0, "target": None}


# -- info ---------------------------------------------------------------------------------------------------


def test_info_lists_what_a_file_holds(circle):
    result = run("info", circle)
    assert result.exit_code == 0
    assert re.search(r"activity +\(600, 6\) +float64 +activity", result.stdout)
    assert f"neuromanifold analyze {circle} --variable angle_rad --out results" in result.stdout


def test_info_as_json_is_one_object(circle):
    content = json.loads(run("info", circle, "--json").stdout)
    roles = {row["name"]: row["role"] for row in content["holds"]}
    assert roles == {
        "activity": "activity",
        "angle_rad": "task variable",
        "sampling_period": "sampling period",
    }


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_hostile_names_are_shown_harmless(tmp_path, as_json):
    path = tmp_path / "n.npz"
    np.savez(path, **{"activity": np.ones((20, 3)), HOSTILE.replace("/", "_").replace("\udcff", ""): np.ones(20)})
    result = run("info", path, *as_json)
    assert result.exit_code == 0
    assert all(c.isprintable() or c == "\n" for c in result.stdout)
    assert "\\u001b" in result.stdout if as_json else "\\x1b" in result.stdout
    if as_json:
        assert len(result.stdout.splitlines()) == 1


def test_hostile_file_name_is_shown_harmless(tmp_path):
    line = refused(run("info", tmp_path / HOSTILE.replace("/", "_")))
    assert line.isprintable()


def test_names_that_the_terminal_cannot_show(tmp_path):
    path = tmp_path / "θ.npz"
    np.savez(path, activity=np.ones((20, 3)), θ=np.linspace(0, 6, 20))
    found = subprocess.run(
        [sys.executable, "-m", "neuromanifold", "info", path],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        check=True,
    )
    assert b"\\u03b8" in found.stdout


def test_plain_keeps_what_can_be_read():
    assert plain("θ, µm, <b>") == "θ, µm, <b>"
    assert plain(HOSTILE).isprintable()
    assert plain("a\nb") == "a\\nb"
    assert plain("a\nb", keep="\n") == "a\nb"


def test_json_unwraps_numpy_and_refuses_no_number():
    content = {
        "a": np.float32(0.5),
        "b": np.array([1, 2]),
        "c": float("nan"),
        "d": (np.bool_(True), None),
        2: Path("x"),
    }
    assert json.loads(to_json(content)) == {"a": 0.5, "b": [1, 2], "c": None, "d": [True, None], "2": "x"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [(3.0, "3"), (12000, "12000"), (0.012345, "0.0123"), (1e9, "1e+09"), (float("nan"), "nan")],
)
def test_numbers_are_short(value, shown):
    assert number(value) == shown


# -- faults -------------------------------------------------------------------------------------------------


def _saved(path: Path, **arrays: object) -> Path:
    np.savez(path, **{"sampling_period": 0.05, **arrays})
    return path


def _bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    rng = np.random.default_rng(0)
    good = rng.normal(size=(200, 5))
    spoiled = good.copy()
    spoiled[7, 2] = np.nan
    (folder / "empty.npz").write_bytes(b"")
    (folder / "text.npz").write_bytes(b"not a zip")
    (folder / "cut.npz").write_bytes(_saved(folder / "whole.npz", activity=good).read_bytes()[:500])
    (folder / "notes.docx").write_text("x")
    return {
        "missing": (folder / "missing.npz", "no such file"),
        "a folder": (folder, "suffix|not a file|folder of recordings"),
        "empty": (folder / "empty.npz", "empty"),
        "another format": (folder / "text.npz", "another format"),
        "truncated": (folder / "cut.npz", "truncated"),
        "unknown suffix": (folder / "notes.docx", "suffix"),
        "NaN": (_saved(folder / "nan.npz", activity=spoiled), "NaN|finite"),
        "one unit": (_saved(folder / "unit.npz", activity=good[:, :1]), "unit"),
        "constant units": (_saved(folder / "flat.npz", activity=np.ones((200, 5))), "constant"),
        "one sample": (_saved(folder / "one.npz", activity=good[:1]), "sample"),
        "two candidates": (_saved(folder / "two.npz", spikes=good, rates=good), "'spikes', 'rates'"),
        "no activity": (_saved(folder / "none.npz", angle=good[:, 0]), "activity"),
    }


FILE_FAULTS = (
    "missing", "a folder", "empty", "another format", "truncated", "unknown suffix", "NaN", "one unit",
    "constant units", "one sample", "two candidates", "no activity",
)  # fmt: skip


@pytest.mark.parametrize("command", ["analyze", "topology"])
@pytest.mark.parametrize("fault", FILE_FAULTS)
def test_a_bad_file_is_refused_in_one_line(command, fault, tmp_path):
    path, why = _bad_files(tmp_path)[fault]
    out = tmp_path / "out"
    line = refused(run(command, path, *FEW, "--out", out, "--json"))
    assert re.search(why, line, flags=re.IGNORECASE), line
    assert not [p for p in out.rglob("*") if p.is_file()]


def test_few_samples_show_no_template(tmp_path):
    path = _saved(tmp_path / "few.npz", activity=np.random.default_rng(0).normal(size=(20, 5)))
    result = run("topology", path, *FEW, "--json")
    assert result.exit_code == 2 or json.loads(result.stdout)["template"] == "undecided"


def test_an_ambiguous_file_is_listed(tmp_path):
    path, _ = _bad_files(tmp_path)["two candidates"]
    result = run("analyze", path, "--out", tmp_path / "out")
    assert re.search(r"spikes +\(200, 5\)", result.stderr)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--activity", "nope"), "nope"),
        (("--variable", "nope"), "nope"),
        (("--template", "teapot"), "teapot"),
        (("--shuffles", "5"), "shuffles"),
        (("--bin-size", "-1"), "bin"),
        (("--bin-size", "0.07"), "bin"),
    ],
)
def test_a_bad_setting_is_refused_in_one_line(circle, words, why, tmp_path):
    assert why in refused(run("analyze", circle, *words, "--out", tmp_path / "out"))
    assert not [p for p in (tmp_path / "out").rglob("*") if p.is_file()]


@pytest.mark.parametrize("command", ["analyze", "topology", "demo"])
def test_a_folder_that_cannot_be_written_is_refused_first(command, circle, tmp_path):
    (tmp_path / "file").write_text("keep me")
    words = [] if command == "demo" else [circle]
    line = refused(run(command, *words, "--out", tmp_path / "file" / "deeper"))
    assert "cannot write" in line
    assert "--out" in line
    assert (tmp_path / "file").read_text() == "keep me"


def test_results_never_replace_their_source(circle, tmp_path):
    source = tmp_path / "result.nc"
    with pytest.warns(UserWarning, match="inferred"):
        nm.load(circle).to_netcdf(source, engine="h5netcdf")
    before = source.read_bytes()
    assert "replace" in refused(run("analyze", source, *FEW, "--out", tmp_path))
    assert source.read_bytes() == before


def test_the_unforeseen_is_one_line_and_a_traceback_on_request(circle, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the roof fell in")

    monkeypatch.setattr(nm, "load", broken)
    result = run("topology", circle)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "error: RuntimeError: the roof fell in" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Traceback" in run("topology", circle, "--debug").stderr


def test_debug_shows_where_bad_input_was_found(tmp_path):
    result = run("info", tmp_path / "missing.npz", "--debug")
    assert result.exit_code == 2
    assert "Traceback" in result.stderr


# -- topology -----------------------------------------------------------------------------------------------


def test_topology_of_a_circle(circle, tmp_path):
    words = ("topology", circle, *FEW, "--smoothing", "none")
    content = json.loads(run(*words, "--json").stdout)
    assert content["template"] == "circle"
    assert content["decided"] is True
    assert content["betti"] == {"Z2": [1, 1], "Z3": [1, 1]}
    assert content["p_values"]["1"][0] == pytest.approx(1 / 40)
    shown = run(*words, "--out", tmp_path / "bars")
    assert shown.exit_code == 0
    assert shown.stdout.startswith("Verdict: circle\n")
    for name in ("barcodes", "diagrams", "loops"):
        assert (tmp_path / "bars" / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    with xr.open_dataset(tmp_path / "bars" / "bars.nc", engine="h5netcdf") as bars:
        assert bars.attrs["template"] == "circle"
        assert int(bars["significant"].sum()) >= 2


@pytest.fixture(scope="module")
def undecided(circle) -> Analysis:
    """What an analysis is where nothing was decided."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        recording = nm.load(circle)
        topology = nm.Topology(n_shuffles=39, random_state=0).fit(nm.prepare(recording))
    topology.template_, topology.reasons_ = "undecided", ("a reason that a person can act on",)
    settings = {"smoothing": None, "topology_smoothing": None, "random_state": "0"}
    return Analysis(recording, nm.prepare(recording), topology, settings=settings, statistics=xr.Dataset())


def test_undecided_is_a_result_unless_a_template_is_required(circle, undecided, monkeypatch):
    monkeypatch.setattr(nm, "find_template", lambda *_, **__: undecided.topology)
    content = json.loads(run("topology", circle, "--json").stdout)
    assert content["template"] == "undecided"
    assert content["decided"] is False
    assert content["reasons"] == ["a reason that a person can act on"]
    assert run("topology", circle).exit_code == 0
    assert run("topology", circle, "--require-template").exit_code == 3


# -- analyze ------------------------------------------------------------------------------------------------


def test_analyze_writes_whole_files(analysed):
    result, out = analysed
    assert result.exit_code == 0, result.stderr
    files = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert {"report.html", "result.nc", "model.npz"} <= files
    assert any(name.startswith("figures") and name.endswith(".png") for name in files)
    assert not [name for name in files if name.endswith(".part")]
    assert "</html>" in (out / "report.html").read_text(encoding="utf-8")
    with xr.open_dataset(out / "result.nc", group="profile", engine="h5netcdf") as profile:
        assert np.isfinite(profile["mean_curvature_norm"]).all()
    assert nm.load_model(out / "model.npz").template_.name == "circle"
    for name in files:
        if name.endswith(".png"):
            assert (out / name).read_bytes().startswith(b"\x89PNG")


def test_analyze_as_json_is_one_object_on_stdout(analysed):
    result, out = analysed
    content = json.loads(result.stdout)
    assert len(result.stdout.splitlines()) == 1
    assert content["template"] == "circle"
    assert set(content["files"].values()) == {str(p) for p in out.rglob("*") if p.is_file()}
    curvature = content["mean_curvature_norm"]
    assert 0 < curvature["min"] <= curvature["median"] <= curvature["max"]
    assert content["statistics"]
    assert content["seed"] == 0


def test_the_same_seed_gives_the_same_numbers(analysed, circle, tmp_path):
    words = ("analyze", circle, "--variable", "angle_rad", *FEW, "--json", "--quiet")
    again = run(*words, "--out", tmp_path / "again")
    first, second = (json.loads(r.stdout) for r in (analysed[0], again))
    for varying in ("files", "seconds", "notes"):
        del first[varying], second[varying]
    assert first == second
    assert again.stderr == ""


def test_analyze_without_a_verdict(circle, undecided, monkeypatch, tmp_path):
    monkeypatch.setattr(nm, "analyze", lambda *_, **__: undecided)
    (tmp_path / "figures").mkdir()
    stale = [tmp_path / "model.npz", tmp_path / "figures" / "mean_curvature_norm.png"]
    others = [tmp_path / "mine.txt", tmp_path / "figures" / "mine.png"]
    for path in stale + others:
        path.write_bytes(b"from an earlier day")
    result = run("analyze", circle, "--out", tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "Verdict: undecided\n  a reason that a person can act on\n" in result.stdout
    assert not any(path.exists() for path in stale)
    assert all(path.exists() for path in others)
    assert "Cannot tell" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert run("analyze", circle, "--out", tmp_path, "--require-template").exit_code == 3


@pytest.mark.parametrize("template", ["circle", "sphere", "torus", "undecided"])
def test_every_figure_of_a_report_is_known_to_the_folder(template):
    analysis = fakes.analysis(template)
    names = {picture.name for picture in pictures(analysis, "head_direction")}
    assert names | {f"network_{name}" for name in names} <= set(FIGURES)


def test_a_network_beside_a_recording(circle, monkeypatch, tmp_path):
    """The analysis is of few numbers, and its network untrained: what is tested is what is written and shown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        recording = nm.load(circle)
        analysis = nm.analyze(recording, "angle_rad", template="circle", n_shuffles=19, n_bootstrap=0, random_state=0)
    untrained = partial(nm.compare_network, architecture="feedforward", n_units=8, n_epochs=0)
    monkeypatch.setattr(nm, "analyze", lambda *_, **__: analysis)
    monkeypatch.setattr(nm, "compare_network", untrained)
    result = run("analyze", circle, "--variable", "angle_rad", "--compare-network", "--out", tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "procrustes of recording and network: " in result.stdout
    assert "beside a feedforward network" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert nm.load_model(tmp_path / "model.npz").template_.name == "circle"
    content = json.loads(run("analyze", circle, "--variable", "angle_rad", "--out", tmp_path, "--json").stdout)
    assert set(content["files"].values()) == {str(p) for p in tmp_path.rglob("*") if p.is_file()}


def test_a_network_learns_nothing_but_a_heading(circle, tmp_path):
    words = ("analyze", circle, "--variable", "speed", "--compare-network", "--out", tmp_path)
    assert "'speed' is not in the recording" in refused(run(*words))


@pytest.mark.slow
def test_two_results_side_by_side(analysed, tmp_path):
    result, out = analysed[1] / "result.nc", tmp_path / "both"
    shown = json.loads(run("beside", result, result, "--names", "one", "other", "--out", out, "--json").stdout)
    assert shown["beside"]["dimensionless_mean_curvature_correlation"]["value"] == pytest.approx(1)
    with xr.open_dataset(out / "beside.nc", engine="h5netcdf") as found:
        assert found["representation"].to_numpy().tolist() == ["one", "other"]
        assert "dimensionless_mean_curvature_lower" in found
    assert all(Path(path).stat().st_size for path in shown["files"].values())
    assert "two names" in refused(run("beside", result, result, "--out", out))


def test_only_results_stand_side_by_side(analysed, circle, tmp_path):
    result = analysed[1] / "result.nc"
    assert "begin with" in refused(run("beside", result, circle, "--out", tmp_path))
    other = tmp_path / "other.nc"
    nm.storage.write_netcdf(other, xr.Dataset({"a": 1}))
    assert "no group 'profile'" in refused(run("beside", result, other, "--out", tmp_path))


def test_noise_has_no_loop(tmp_path):
    path = _saved(tmp_path / "noise.npz", activity=np.random.default_rng(0).normal(size=(300, 5)))
    content = json.loads(run("analyze", path, *FEW, "--out", tmp_path / "out", "--json").stdout)
    assert content["template"] in ("undecided", "contractible")
    assert "model" not in content["files"]


# -- streams ------------------------------------------------------------------------------------------------


def test_notes_are_told_once_and_kept_in_the_json(tmp_path, monkeypatch):
    def talkative(*_: object, **__: object) -> None:
        print("a library that prints")
        for _repeat in range(3):
            warnings.warn("half the units are \x1b[1masleep", UserWarning, stacklevel=1)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        raise InputError("and that was all")

    monkeypatch.setattr(nm, "load", talkative)
    result = run("topology", "x.npz")
    assert refused(result) == "error: and that was all"
    assert result.stderr.count("note: half the units are \\x1b[1masleep\n") == 1
    assert "old" not in result.stderr
    assert "old" in run("topology", "x.npz", "--debug").stderr
    assert "note" not in run("topology", "x.npz", "--quiet").stderr


def listen() -> None:
    """Ctrl-C is heard also where the tests run in the background, whose jobs do not hear it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_leaves_nothing_half_written(circle, tmp_path):
    out = tmp_path / "out"
    words = ["analyze", circle, "--out", out, "--shuffles", "1000000"]
    command = [sys.executable, "-m", "neuromanifold", *map(str, words)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listen)
    assert running.stderr is not None
    line = ""
    while "600 samples" not in line:  # read, and so about to fit
        line = running.stderr.readline()
        assert line, "it ended by itself"
    time.sleep(1.0)
    running.send_signal(signal.SIGINT)
    stdout, stderr = running.communicate(timeout=30)
    # One that comes while torch is being loaded ends the interpreter by the signal, which a shell shows as 130 too.
    assert running.returncode in (130, -signal.SIGINT), stderr
    assert stdout == ""
    assert stderr.splitlines()[-1].startswith("interrupted")
    assert "Traceback" not in stderr
    assert not [p for p in out.rglob("*") if p.is_file() and p.parent.name != ".progress"]


@pytest.mark.slow
def test_demo_finishes_in_time(tmp_path):
    started = time.monotonic()
    command = [sys.executable, "-m", "neuromanifold", "demo", "--out", str(tmp_path), "--json"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    content = json.loads(found.stdout)
    assert content["template"] == "circle"
    assert time.monotonic() - started < 90


def test_epochs_and_units_of_a_session_are_chosen_by_name(tmp_path):
    """What a NWB file holds of areas and epochs is reached from the command line."""
    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "s.nwb", "w") as file:
        file.attrs["nwb_version"] = "2.0.0"
        write_units(file, [np.sort(rng.uniform(0, 60, 300)) for _ in range(5)], ["adn", "adn", "pos", "adn", "pos"])
        write_epochs(file)
    arguments = ["topology", str(tmp_path / "s.nwb"), "--bin-size", "0.05", "--shuffles", "19", "--json"]
    found = run(*arguments, "--interval", "epochs.wake", "--units", "location=adn")
    assert "3 units, 800 samples of 50 ms (40 s)" in found.stderr
    assert run(*arguments, "--units", "location=ca1").exit_code == 2
    assert "there are adn, pos" in run(*arguments, "--units", "location=ca1").stderr
    assert "is not LABEL=VALUE" in run(*arguments, "--units", "adn").stderr

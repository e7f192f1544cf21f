"""Runs that are killed go on to the numbers of a run that was not; a full disk, a dead worker and a second run in one
folder are told in words.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
import xarray as xr
from joblib import delayed
from kills import killed_after
from typer.testing import CliRunner

import neuromanifold as nm
from neuromanifold import _parallel, storage
from neuromanifold._errors import FileFormatError, FolderInUseError, WorkerError
from neuromanifold._lock import locked
from neuromanifold.cli import app, console
from neuromanifold.progress import Progress, checkpoints
from neuromanifold.topology import significance

FAST: dict[str, Any] = {"max_epochs": 1, "n_init": 1, "device": "cpu", "random_state": 0}


@pytest.fixture(scope="module")
def ring() -> xr.Dataset:
    return nm.synthetic.circle(n_times=300, n_units=10, distortion="wiggles", noise_var=0.003, random_state=0)


def topology(X: np.ndarray) -> nm.Topology:
    return nm.Topology(n_shuffles=40, n_landmarks=40, n_landmarks_2=20, random_state=0).fit(X)


@pytest.mark.parametrize("n_writes", [1, 3])
def test_shuffles_go_on(n_writes: int, ring: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    X, folder = ring["activity"].to_numpy(), tmp_path / "progress"
    with killed_after(n_writes, monkeypatch), checkpoints(folder):
        topology(X)
    assert len(list(folder.glob("shuffles-*.npz"))) == 1
    computed: list[int] = []
    one = significance._one_shuffle
    monkeypatch.setattr(significance, "_one_shuffle", lambda *args: computed.append(args[-1]) or one(*args))
    with checkpoints(folder):
        again = topology(X)
    with_kill = len(computed)
    expected = topology(X)
    assert len(computed) - 2 * with_kill == 10 * n_writes
    xr.testing.assert_identical(again.bars_, expected.bars_)
    assert again.reasons_ == expected.reasons_
    assert not folder.exists()


def test_what_was_kept_of_other_work_is_not_taken(
    ring: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = ring["activity"].to_numpy()
    with killed_after(2, monkeypatch), checkpoints(tmp_path):
        topology(X)
    with checkpoints(tmp_path):
        other = topology(X[::-1])
    xr.testing.assert_identical(other.bars_, topology(X[::-1]).bars_)
    # The other run took its own files with it, and left those of the first.
    assert len(list(tmp_path.iterdir())) == 1


def test_a_damaged_file_is_worth_no_more_than_none(
    ring: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = ring["activity"].to_numpy()
    with killed_after(1, monkeypatch), checkpoints(tmp_path):
        topology(X)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:50])
    with checkpoints(tmp_path):
        again = topology(X)
    xr.testing.assert_identical(again.bars_, topology(X).bars_)


def test_a_fit_and_its_bootstrap_go_on(ring: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = ring["activity"].to_numpy(), ring["angle"].to_numpy()

    def profile() -> xr.Dataset:
        model = nm.TopologicalVAE(**FAST).fit(X, y)
        return nm.curvature_profile(model, X, y, n_bootstrap=25, n_points=30, random_state=1)

    expected = profile()
    folder = tmp_path / "progress"
    for n_writes in (1, 1, 2):
        with killed_after(n_writes, monkeypatch), checkpoints(folder):
            profile()
    assert {path.name.split("-")[0] for path in folder.iterdir()} == {"fit", "bootstrap"}
    with checkpoints(folder):
        xr.testing.assert_identical(profile(), expected)
    assert not folder.exists()


def test_an_error_leaves_what_is_finished(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), checkpoints(tmp_path / "p"):
        list(_parallel.batches(_or_fail, [1] * 10 + [0], _kept(tmp_path / "p" / "a.npz")))
    found = [list(np.ravel(batch)) for batch in _parallel.batches(_raise, [1] * 10, _kept(tmp_path / "p" / "a.npz"))]
    assert found == [[1.0] * 10]


def _kept(path: Path) -> Progress:
    return Progress(path, "key")


def _or_fail(seed: int) -> np.ndarray:
    return np.array([1 / seed])


def _raise(seed: int) -> np.ndarray:
    raise AssertionError(seed)


# -- a worker that dies, and how many threads there are --------------------------------------------------------------


def _die(seed: int) -> np.ndarray:
    os.kill(os.getpid(), signal.SIGKILL)
    return np.array([seed])


@pytest.mark.parametrize(
    "work",
    [
        lambda: list(_parallel.batches(_die, [0, 1], Progress(), n_jobs=2)),
        pytest.param(lambda: list(_parallel.spread(map(delayed(_die), [0, 1]), 2)), marks=pytest.mark.slow),
    ],
    ids=["batches", "spread"],
)
def test_a_worker_that_dies_is_told_with_what_to_do(work: Callable[[], Any]) -> None:
    with pytest.raises(WorkerError, match=r"worker process died.*memory.*n_jobs"):
        work()


@pytest.mark.parametrize(
    ("fault", "said"),
    [(MemoryError("Unable to allocate 8 GiB"), "memory ran out.*--jobs 1"), (WorkerError("it died"), "error: it died")],
)
def test_the_program_says_what_to_do(fault: Exception, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as stopped, console.session():
        raise fault
    assert stopped.value.exit_code == console.FAILED
    assert re.search(said, capsys.readouterr().err)


@pytest.mark.slow
def test_workers_and_their_threads_fit_the_machine() -> None:
    """In a process of its own: this one has been told to use one thread."""
    code = """
import os
from joblib import delayed
from neuromanifold._parallel import spread
def threads():
    import numpy, torch
    from threadpoolctl import threadpool_info
    numpy.ones((9, 9)) @ numpy.ones((9, 9))
    return max([torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())])
for n_jobs in (1, 2):
    print(n_jobs, max(spread((delayed(threads)() for _ in range(2 * n_jobs)), n_jobs)), os.cpu_count())
"""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        n_jobs, n_threads, n_cores = map(int, line.split())
        assert n_jobs * n_threads <= max(n_cores, n_jobs), line


# -- disks and folders ----------------------------------------------------------------------------------------------


FULL_DISK = """
import resource, sys
import numpy as np, xarray as xr, neuromanifold as nm
from neuromanifold._errors import FileFormatError
import matplotlib.pyplot as plt
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
folder = sys.argv[1]
data = xr.Dataset({"a": (("x", "y"), np.random.default_rng(0).random((300, 100)))})
figure = plt.figure(figsize=(20, 20)); figure.gca().imshow(data["a"])
def drawn(path):
    with nm.storage.atomic_path(path) as temporary: figure.savefig(temporary, format="png", dpi=300)
writers = {
    "a.nc": lambda path: nm.storage.write_netcdf(path, {"/": xr.Dataset(), "part": data}),
    "a.npz": lambda path: nm.storage.write_arrays(path, {}, {"a": data["a"].values}),
    "a.html": lambda path: nm.storage.write_text(path, "x" * 100_000),
    "a.zarr": lambda path: nm.storage.write_zarr(path, data),
    "a.png": drawn,
}
for name, write in writers.items():
    try: write(f"{folder}/{name}")
    except FileFormatError as error: print(name, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes")
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """A file may not grow, which the system tells as it tells a full disk; HDF5 must not take the process with it."""
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["a.nc", "a.npz", "a.html", "a.zarr", "a.png"]
    assert all("cannot write" in line and "free some room" in line for line in lines)
    assert list(tmp_path.iterdir()) == []


def test_what_killed_runs_left_goes_after_a_day(tmp_path: Path) -> None:
    for name in (".a.txt.old1.part", ".a.txt.new1.part", ".b.txt.old1.part"):
        (tmp_path / name).write_text("half")
    for name in (".a.txt.old1.part", ".b.txt.old1.part"):
        os.utime(tmp_path / name, (0, time.time() - 2 * storage.STALE))
    storage.write_text(tmp_path / "a.txt", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"a.txt", ".a.txt.new1.part", ".b.txt.old1.part"}


@pytest.mark.skipif(sys.platform == "win32", reason="folders are not guarded there")
def test_a_folder_is_one_runs_alone(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(FolderInUseError, match="another run is writing"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="folders are not guarded there")
def test_a_session_that_another_run_is_at_is_left_to_it(ring: xr.Dataset, tmp_path: Path) -> None:
    place = tmp_path / "sessions" / "one"
    place.mkdir(parents=True)
    with locked(place):
        study = nm.analyze_many([ring], names=["one"], out=tmp_path, random_state=0)
    assert "another run is writing" in study.failures["one"]
    assert list(place.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="folders are not guarded there")
def test_a_second_program_in_one_folder_is_refused_before_it_computes(tmp_path: Path) -> None:
    with locked(tmp_path):
        refused = CliRunner().invoke(app, ["demo", "--out", str(tmp_path)])
    assert refused.exit_code == console.BAD_INPUT
    assert "another run is writing" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_two_writers_of_one_file_leave_one_whole(tmp_path: Path) -> None:
    with storage.atomic_path(tmp_path / "a") as first, storage.atomic_path(tmp_path / "a") as second:
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a").read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 1


def test_results_below_a_file_are_refused(ring: xr.Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileFormatError, match="cannot write"):
        nm.analyze_many([ring], names=["one"], out=tmp_path / "file", random_state=0)


# -- the real thing: processes that get no word ---------------------------------------------------------------------


def program(*words: str | Path, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "neuromanifold", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def killed_when(there: Callable[[], bool], *words: str | Path, **options: Any) -> bool:
    """Run the program and kill it as soon as something is there; whether it was killed before its end."""
    running = program(*words, **options)
    while running.poll() is None and not there():
        time.sleep(0.002)
    running.kill()
    running.communicate()
    return running.returncode == -signal.SIGKILL


def finished(*words: str | Path, **options: Any) -> str:
    running = program(*words, **options)
    stdout, stderr = running.communicate(timeout=600)
    assert running.returncode == 0, stderr
    return stdout


def same_numbers(a: Path, b: Path) -> None:
    """Of two processes, whose sums are not the same to the last bit: how they add depends on where memory lies."""
    with xr.open_datatree(a, engine="h5netcdf") as left, xr.open_datatree(b, engine="h5netcdf") as right:
        assert set(left.children) == set(right.children)
        assert left.attrs == right.attrs
        for name in left.children:
            assert set(left[name].variables) == set(right[name].variables)
            for variable in left[name].variables:
                found, expected = (tree[name][variable].to_numpy() for tree in (left, right))
                if expected.dtype.kind != "f" or not expected.size:
                    np.testing.assert_array_equal(found, expected)
                else:
                    largest = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
                    np.testing.assert_allclose(
                        found, expected, rtol=0, atol=1e-9 * largest, err_msg=f"{name} {variable}"
                    )


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("session")
    recording = nm.synthetic.circle(n_times=800, n_units=10, distortion="wiggles", noise_var=0.003, random_state=0)
    recording.to_netcdf(folder / "session.nc", engine="h5netcdf")
    finished("analyze", folder / "session.nc", "--out", folder / "whole")
    return folder


STAGES = {
    "shuffles": lambda out: any(out.glob(".progress/shuffles-*.npz")),
    "fit": lambda out: any(out.glob(".progress/fit-*.npz")),
    "bootstrap": lambda out: any(out.glob(".progress/bootstrap-*.npz")),
    "report": lambda out: any(out.glob(".report.html.*.part")) or (out / "report.html").exists(),
    "numbers": lambda out: any(out.glob(".result.nc.*.part")) or (out / "result.nc").exists(),
}


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_an_analysis_that_is_killed_goes_on(stage: str, session: Path, tmp_path: Path) -> None:
    out, words = tmp_path / "out", ("analyze", session / "session.nc", "--out", tmp_path / "out")
    assert killed_when(lambda: STAGES[stage](out), *words)
    for path in (out / "report.html", out / "result.nc", out / "model.npz"):  # whole or absent
        assert not path.exists() or path.stat().st_size > 1000
    finished(*words)
    same_numbers(out / "result.nc", session / "whole" / "result.nc")
    assert (out / "model.npz").read_bytes() == (session / "whole" / "model.npz").read_bytes()
    assert not (out / ".progress").exists()


@pytest.mark.slow
def test_sessions_that_are_killed_go_on(tmp_path: Path) -> None:
    recordings = tmp_path / "in"
    recordings.mkdir()
    for seed in range(2):
        recording = nm.synthetic.circle(n_times=300, n_units=8, noise_var=0.003, random_state=seed)
        recording.to_netcdf(recordings / f"s{seed}.nc", engine="h5netcdf")
    words = ("analyze-many", recordings, "--template", "circle", "--shuffles", "20")
    finished(*words, "--out", tmp_path / "whole")
    out = tmp_path / "out"
    assert killed_when(lambda: any(out.glob("sessions/*/.progress/*")), *words, "--out", out)
    assert killed_when(lambda: any(out.glob("sessions/*/session.json")), *words, "--out", out)
    finished(*words, "--out", out)
    same_numbers(out / "study.nc", tmp_path / "whole" / "study.nc")


ROWS = """
import sys, time
from pathlib import Path
from neuromanifold.benchmarks.rows import CachedRows
def figures(key):
    with Path(sys.argv[1], "computed").open("a") as stream:
        stream.write(f"{key['seed']}\\n")
    time.sleep(0.2)
    return {"square": key["seed"] ** 2}
print(CachedRows("some", sys.argv[1]).rows([{"seed": n} for n in range(6)], figures, n_jobs=1))
"""


def test_a_benchmark_that_is_killed_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ROWS, str(tmp_path)]
    running = subprocess.Popen(command)
    while not (tmp_path / "some.json").exists():
        assert running.poll() is None
        time.sleep(0.002)
    running.kill()
    running.wait()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([{"seed": n, "square": n**2} for n in range(6)])
    computed = (tmp_path / "computed").read_text().split()
    assert set(computed) == set("012345")
    assert computed.count("0") == 1  # and one row at most was lost with the process
    assert len(computed) <= 7


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_in_the_middle(jobs: str, session: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    listen = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    words = ("analyze", session / "session.nc", "--out", out, "--shuffles", "5000", "--jobs", jobs)
    running = program(*words, preexec_fn=listen, start_new_session=True)
    while not any(out.glob(".progress/*")):
        assert running.poll() is None
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGINT)
    stdout, stderr = running.communicate(timeout=60)
    assert running.returncode == 130, stderr
    assert stdout == ""
    assert stderr.splitlines()[-1].startswith("interrupted")
    assert "Traceback" not in stderr
    assert [path.name for path in out.iterdir()] == [".progress"]

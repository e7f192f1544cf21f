"""Commands on one recording: what its file holds, which template it lies on, and its analysis."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

import neuromanifold as nm
from neuromanifold._errors import InputError
from neuromanifold.cli.console import UNDECIDED, Session, session
from neuromanifold.cli.options import (
    Activity,
    AsJson,
    BinSize,
    Debug,
    Device,
    File,
    Folder,
    Hardware,
    Interval,
    Jobs,
    Quiet,
    Required,
    SamplingPeriod,
    Seed,
    Shuffles,
    Smoothing,
    Sweep,
    Template,
    TimeScale,
    Units,
    Variable,
    conditions,
    seconds,
)
from neuromanifold.cli.output import folder_of_run, write_analysis, write_comparison, write_topology
from neuromanifold.cli.program import app, examples
from neuromanifold.cli.summary import (
    analysis_lines,
    analysis_summary,
    comparison_summary,
    files_lines,
    listing_lines,
    listing_summary,
    recording_line,
    topology_lines,
    topology_summary,
)

__all__ = ["analyze", "demo", "info", "topology"]

DEMO = ("head_direction", "head_direction")  # a bundled recording and its task variable


@app.command(
    short_help="From a file to a report.",
    epilog=examples(
        "analyze session.nc --out results",
        "analyze session.mat --activity spikes --bin-size 0.05 --variable heading --out results",
        "analyze session.nwb --bin-size 0.05 --interval epochs.wake --units location=adn --variable ry --out results",
        "analyze suite2p --activity spks --sampling-period 0.0333 --out results",
        "analyze session.nc --template circle --out results --json > summary.json",
        "analyze session.nc --variable heading --compare-network --out results",
    ),
)
def analyze(
    file: File,
    out: Folder,
    activity: Activity = None,
    variable: Variable = None,
    bin_size: BinSize = None,
    interval: Interval = None,
    units: Units = None,
    sampling_period: SamplingPeriod = None,
    time_scale: TimeScale = None,
    template: Template = None,
    smoothing: Smoothing = "auto",
    topology_smoothing: Smoothing = "auto",
    shuffles: Shuffles = 100,
    condition: Annotated[
        str | None, typer.Option(metavar="NAME", help="Categorical variable: compare curvature in its two values.")
    ] = None,
    sweep: Sweep = False,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="Fit again under other preparations and on subsets of units.")
    ] = False,
    compare_network: Annotated[
        bool, typer.Option("--compare-network", help="Put a network trained on the variable, a heading, beside it.")
    ] = False,
    seed: Seed = 0,
    device: Hardware = Device.AUTO,
    jobs: Jobs = None,
    require_template: Required = False,
    json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Analyse a recording: its template, a model of it, and its curvature.

    Writes report.html (open it in a browser), result.nc (all numbers), model.npz (where a template was
    decided) and figures/*.png into the folder of --out. Stopped or killed and run again, it goes on from
    what was finished.
    """
    if compare_network and variable is None:
        raise typer.BadParameter("the network learns a heading: name it by --variable", param_hint="--compare-network")
    with session(as_json=json, quiet=quiet, debug=debug) as running:
        given = {"interval": interval, "sampling_period": sampling_period, "time_scale": time_scale}
        recording = _loaded(running, file, units, activity=activity, bin_size=bin_size, **given)
        if compare_network:
            _require_heading(recording, str(variable))
        settings = {
            # Resolved here, so that a wrong name is told before the minutes that topology takes.
            "template": None if template is None else nm.manifolds.resolve(template),
            "smoothing": seconds(smoothing),
            "topology_smoothing": seconds(topology_smoothing),
            "n_shuffles": shuffles,
            "condition": condition,
            "sweep": sweep,
            "sensitivity": sensitivity,
            "device": device.value,
            "n_jobs": jobs,
            "random_state": seed,
        }
        with folder_of_run(out, file) as folder:
            content = _analyse(running, str(file), recording, variable, folder, settings, compare_network)
        _require(content, require_template)


@app.command(short_help="Analyse a recording that comes along.", epilog=examples("demo", "demo --out my-first-report"))
def demo(
    out: Folder = Path("neuromanifold-demo"),
    seed: Seed = 0,
    jobs: Jobs = None,
    json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Analyse a recording that comes along: 24 simulated head-direction cells. Takes about a minute."""
    with session(as_json=json, quiet=quiet, debug=debug) as running:
        name, variable = DEMO
        recording = nm.datasets.load(name)
        running.tell(f"{name}: {recording_line(recording)}")
        settings = {"n_jobs": jobs, "random_state": seed}
        with folder_of_run(out) as folder:
            _analyse(running, name, recording, variable, folder, settings)


@app.command(
    short_help="Which template: verdict and p-values.",
    epilog=examples(
        "topology session.nc",
        "topology session.mat --activity spikes --bin-size 0.05 --smoothing 0.2 --shuffles 500 --out bars",
    ),
)
def topology(
    file: File,
    activity: Activity = None,
    bin_size: BinSize = None,
    interval: Interval = None,
    units: Units = None,
    sampling_period: SamplingPeriod = None,
    time_scale: TimeScale = None,
    smoothing: Smoothing = "auto",
    sweep: Sweep = False,
    shuffles: Shuffles = 100,
    alpha: Annotated[float, typer.Option(help="Level at which a hole counts.")] = 0.05,
    seed: Seed = 0,
    jobs: Jobs = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the bars, as figures and as numbers.")
    ] = None,
    require_template: Required = False,
    json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Which template the activity lies on: verdict, Betti numbers over Z2 and Z3, p-values and reasons."""
    with session(as_json=json, quiet=quiet, debug=debug) as running:
        given = {"interval": interval, "sampling_period": sampling_period, "time_scale": time_scale}
        recording = _loaded(running, file, units, activity=activity, bin_size=bin_size, **given)
        with nullcontext() if out is None else folder_of_run(out, file) as folder:
            found = nm.find_template(
                recording,
                smoothing=seconds(smoothing),
                sweep=sweep,
                alpha=alpha,
                n_shuffles=shuffles,
                n_jobs=jobs,
                verbose=running.watched,
                random_state=seed,
            )
            content = {"file": str(file), **topology_summary(found), "files": {}}
            if folder is not None:
                content["files"] = write_topology(found, folder)
        running.show(content, [*topology_lines(content), *files_lines(content["files"])])
        _require(content, require_template)


@app.command(short_help="What a file holds.", epilog=examples("info session.mat", "info session.mat --json"))
def info(file: File, json: AsJson = False, debug: Debug = False) -> None:
    """What a file holds: names, shapes, likely roles, and the commands that read it."""
    with session(as_json=json, debug=debug) as running:
        content = listing_summary(nm.data.readers.inspect(file))
        running.show(content, listing_lines(content))


def _loaded(running: Session, file: Path, units: list[str] | None, **choices: Any) -> Any:
    recording = nm.load(file, **choices)
    if units:
        recording = nm.select_units(recording, conditions(units))
    running.tell(f"{file}: {recording_line(recording)}")
    return recording


def _analyse(
    running: Session,
    name: str,
    recording: Any,
    variable: str | None,
    folder: Path,
    settings: dict[str, Any],
    compare_network: bool = False,
) -> dict[str, Any]:
    """Analyse a recording, write what comes out into a folder, and show it in short; what is shown."""
    started = time.monotonic()
    analysis = nm.analyze(recording, variable, verbose=running.watched, **settings)
    content = {"file": name, **analysis_summary(analysis)}
    if compare_network:
        common = {key: settings[key] for key in ("device", "n_jobs", "random_state")}
        comparison = nm.compare_network(analysis, verbose=running.watched, **common)
        content |= {
            "network": comparison_summary(comparison),
            "files": write_comparison(comparison, folder, Path(name).stem),
        }
    else:
        content["files"] = write_analysis(analysis, folder, Path(name).stem)
    content |= {"seed": settings["random_state"], "seconds": round(time.monotonic() - started, 2)}
    running.show(content, analysis_lines(content))
    return content


def _require_heading(recording: Any, variable: str) -> None:
    """Tell that a network cannot learn this variable before the minutes that the recording's own analysis takes."""
    kind = recording[variable].attrs["kind"] if variable in recording else "not in the recording"
    if kind != "circular":
        raise InputError(f"--compare-network needs a circular variable, a heading; {variable!r} is {kind}")


def _require(content: dict[str, Any], template: bool) -> None:
    if template and not content["decided"]:
        raise typer.Exit(UNDECIDED)

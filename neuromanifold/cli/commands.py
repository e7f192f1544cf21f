"""Commands: each reads its options, calls the package, and shows what comes out."""

from __future__ import annotations

import importlib
import inspect
import io
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

import neuromanifold as nm
from neuromanifold._errors import InputError
from neuromanifold.cli.console import INTERRUPTED, UNDECIDED, Session, plain, session
from neuromanifold.cli.options import (
    Activity,
    AsJson,
    BinSize,
    Debug,
    Device,
    File,
    Folder,
    Fresh,
    Hardware,
    Images,
    Jobs,
    Quiet,
    Repeats,
    Required,
    Result,
    Seed,
    Shuffles,
    Smoothing,
    seconds,
)
from neuromanifold.cli.output import (
    writable_folder,
    write_analysis,
    write_bars,
    write_beside,
    write_comparison,
    write_findings,
    write_table,
)
from neuromanifold.cli.summary import (
    analysis_lines,
    analysis_summary,
    beside_lines,
    beside_summary,
    comparison_summary,
    files_lines,
    listing_lines,
    listing_summary,
    recording_line,
    table_lines,
    topology_lines,
    topology_summary,
)
from neuromanifold.experiments import EXPERIMENTS

__all__ = ["BENCHMARKS", "app", "main"]

# Name -> what it measures; the module of that name in neuromanifold.benchmarks has ``run(verbose=False)`` -> DataFrame.
BENCHMARKS = {
    "geometry": "what curvature costs by each route, in forward passes",
    "bands": "how often 90 % bands of |H| hold the true profile",
    "curvature": "error of |H| on manifolds known in closed form, beside an oracle's",
    "featuremaps": "what volumes of large networks cost, in seconds and memory, and whether they are right",
    "featuremap_theory": "the closed forms of feature maps, each against an independent route",
    "scale": "seconds and memory of a fit by the number of samples, up to 200,000 of 300 units",
    "topology": "how often the template of a known population is named, and another instead",
    "statistics": "how often tests of curvature call what is not there, and find what is",
}

# Threads that wait for each other sleep instead of spinning: a third of the time on a busy machine of two cores. Read
# when numpy and torch are first loaded, which is after this.
PATIENCE = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}

DEMO = ("head_direction", "head_direction")  # a bundled recording and its task variable


app = typer.Typer(
    name="neuromanifold",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _examples(*lines: str) -> str:
    """Lines below a command's help; the backspace keeps them from being joined."""
    return "\b\nExamples:\n" + "\n".join(f"  neuromanifold {line}" for line in lines)


@app.callback(
    invoke_without_command=True,
    epilog=_examples("demo", "info session.mat", "analyze session.mat --out results"),
)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """The curvature of neural manifolds: a recording in, its template, a model and a report out."""
    if version:
        typer.echo(f"neuromanifold {nm.__version__}")
        raise typer.Exit


@app.command(
    short_help="From a file to a report.",
    epilog=_examples(
        "analyze session.nc --out results",
        "analyze session.mat --activity spikes --bin-size 0.05 --variable heading --out results",
        "analyze session.nc --template circle --out results --json > summary.json",
        "analyze session.nc --variable heading --compare-network --out results",
    ),
)
def analyze(
    file: File,
    out: Folder,
    activity: Activity = None,
    variable: Annotated[
        str | None, typer.Option(metavar="NAME", help="Task variable to fit and to show curvature against.")
    ] = None,
    bin_size: BinSize = None,
    template: Annotated[
        str | None, typer.Option(metavar="NAME", help="Fit this template whatever the topology says.")
    ] = None,
    smoothing: Smoothing = "auto",
    topology_smoothing: Smoothing = "auto",
    shuffles: Shuffles = 100,
    condition: Annotated[
        str | None, typer.Option(metavar="NAME", help="Categorical variable: compare curvature in its two values.")
    ] = None,
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
    decided) and figures/*.png into the folder of --out.
    """
    if compare_network and variable is None:
        raise typer.BadParameter("the network learns a heading: name it by --variable", param_hint="--compare-network")
    with session(as_json=json, quiet=quiet, debug=debug) as running:
        recording = _loaded(running, file, activity, bin_size)
        if compare_network:
            _require_heading(recording, str(variable))
        settings = {
            # Resolved here, so that a wrong name is told before the minutes that topology takes.
            "template": None if template is None else nm.manifolds.resolve(template),
            "smoothing": seconds(smoothing),
            "topology_smoothing": seconds(topology_smoothing),
            "n_shuffles": shuffles,
            "condition": condition,
            "sensitivity": sensitivity,
            "device": device.value,
            "n_jobs": jobs,
            "random_state": seed,
        }
        folder = writable_folder(out, file)
        _analyse(running, str(file), recording, variable, folder, settings, require_template, compare_network)


@app.command(short_help="Analyse a recording that comes along.", epilog=_examples("demo", "demo --out my-first-report"))
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
        _analyse(running, name, recording, variable, writable_folder(out), settings)


@app.command(
    short_help="Which template: verdict and p-values.",
    epilog=_examples(
        "topology session.nc",
        "topology session.mat --activity spikes --bin-size 0.05 --smoothing 0.2 --shuffles 500 --out bars",
    ),
)
def topology(
    file: File,
    activity: Activity = None,
    bin_size: BinSize = None,
    smoothing: Smoothing = "auto",
    shuffles: Shuffles = 100,
    alpha: Annotated[float, typer.Option(help="Level at which a hole counts.")] = 0.05,
    seed: Seed = 0,
    jobs: Jobs = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the barcodes, as a figure and as numbers.")
    ] = None,
    require_template: Required = False,
    json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Which template the activity lies on: verdict, Betti numbers over Z2 and Z3, p-values and reasons."""
    with session(as_json=json, quiet=quiet, debug=debug) as running:
        recording = _loaded(running, file, activity, bin_size)
        folder = None if out is None else writable_folder(out, file)
        found = nm.find_template(
            recording,
            smoothing=seconds(smoothing),
            alpha=alpha,
            n_shuffles=shuffles,
            n_jobs=jobs,
            verbose=running.watched,
            random_state=seed,
        )
        content = {"file": str(file), **topology_summary(found), "files": {}}
        if folder is not None:
            content["files"] = write_bars(found.bars_, folder)
        running.show(content, [*topology_lines(content), *files_lines(content["files"])])
        _require(content, require_template)


@app.command(
    short_help="Two analyses side by side.",
    epilog=_examples("beside adn/result.nc postsubiculum/result.nc --out both"),
)
def beside(
    first: Result,
    second: Result,
    out: Folder = Path("neuromanifold-beside"),
    names: Annotated[
        tuple[str, str] | None, typer.Option(metavar="NAME NAME", help="Of the two; else their folders'.")
    ] = None,
    json: AsJson = False,
    debug: Debug = False,
) -> None:
    """The curvature of two analyses of circles along the task variable of both: two areas, sessions or animals.

    Writes beside.nc and figures/*.png into the folder of --out.
    """
    with session(as_json=json, debug=debug) as running:
        profiles = [nm.storage.read_netcdf(path, "profile") for path in (first, second)]
        folder = writable_folder(out)
        found = nm.compare.curvature(*profiles, names or (first.resolve().parent.name, second.resolve().parent.name))
        content = {"first": str(first), "second": str(second), **beside_summary(found)}
        content["files"] = write_beside(found, folder)
        running.show(content, [*beside_lines(content), *files_lines(content["files"])])


@app.command(short_help="What a file holds.", epilog=_examples("info session.mat", "info session.mat --json"))
def info(file: File, json: AsJson = False, debug: Debug = False) -> None:
    """What a file holds: names, shapes, likely roles, and the commands that read it."""
    with session(as_json=json, debug=debug) as running:
        content = listing_summary(nm.data.readers.inspect(file))
        running.show(content, listing_lines(content))


@app.command(short_help="Run a benchmark.", epilog=_examples(*(f"benchmark {name}" for name in BENCHMARKS)))
def benchmark(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of: {', '.join(BENCHMARKS)}.")],
    seeds: Repeats = None,
    jobs: Jobs = None,
    fresh: Fresh = False,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the table and its figure.")] = None,
    json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Run a benchmark of the package and print its table; rows are kept in .benchmarks, so a stopped run goes on."""
    if name not in BENCHMARKS:
        raise typer.BadParameter(f"no benchmark {plain(name)!r}; there are{_listed(BENCHMARKS)}", param_hint="NAME")
    # By name, as the package's own __init__ does: only the benchmark asked for is loaded.
    run = importlib.import_module(f"neuromanifold.benchmarks.{name}").run
    settings = _accepted(run, {"n_seeds": seeds, "n_jobs": jobs, "fresh": fresh or None})
    with session(as_json=json, debug=debug) as running:
        folder = None if out is None else writable_folder(out)
        running.tell(f"{name}: {BENCHMARKS[name]}")
        table = run(verbose=False, **settings)
        files = {} if folder is None else write_table(table, folder, name)
        content = {"benchmark": name, "table": table.to_dict("index"), "files": files}
        running.show(content, [*table_lines(table), *files_lines(files)])


def _accepted(run: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """The settings that were given, if the benchmark has them."""
    settings = {name: value for name, value in given.items() if value is not None}
    for name in settings.keys() - inspect.signature(run).parameters.keys():
        raise typer.BadParameter("this benchmark has no such setting", param_hint=f"--{name.removeprefix('n_')}")
    return settings


@app.command(
    short_help="Run an experiment on feature maps.",
    epilog=_examples(
        "featuremaps xor --out xor",
        "featuremaps mnist --data MNIST/raw --out mnist --seeds 3",
        "featuremaps cifar --data cifar-10-batches-bin --weights resnet20.th",
        "featuremaps cifar --data cifar-10-batches-bin --network resnet34 --full --device cuda",
        "featuremaps barlow --out barlow",
    ),
)
def featuremaps(
    name: Annotated[str, typer.Argument(metavar="EXPERIMENT", help=f"One of: {', '.join(EXPERIMENTS)}.")],
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for figures, numbers and table.")] = None,
    data: Images = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Published weights of a small CIFAR ResNet (for cifar).")
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Network to train: resnet18 to resnet152-relu (for cifar)."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="How long residual networks are trained.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many networks, each of its own seed.")] = None,
    seed: Seed = 0,
    full: Annotated[
        bool, typer.Option("--full", help="The paper's recipe, hours on a GPU, not the reduced one.")
    ] = False,
    device: Hardware = Device.CPU,
    checkpoints: Annotated[
        Path, typer.Option(metavar="DIR", help="Where trained networks are kept and found again.")
    ] = Path(".checkpoints"),
    json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train networks, or find them again, and say what their feature maps do to volumes.

    Writes statements.csv, findings.nc (all numbers) and figures/*.png into the folder of --out.
    """
    if name not in EXPERIMENTS:
        raise typer.BadParameter(
            f"no experiment {plain(name)!r}; there are{_listed(EXPERIMENTS)}", param_hint="EXPERIMENT"
        )
    with session(as_json=json, quiet=quiet, debug=debug) as running:
        running.tell(f"{name}: {EXPERIMENTS[name]}")
        folder = writable_folder(out or Path(f"featuremaps-{name}"), data)
        settings: dict[str, Any] = {
            "n_seeds": seeds,
            "seed": seed,
            "full": full,
            "device": device.value,
            "verbose": running.watched,
        }
        settings |= {"network": network, "epochs": epochs, "weights": weights, "checkpoints": checkpoints}
        options = importlib.import_module("neuromanifold.experiments.findings").Options(data, **settings)
        findings = importlib.import_module(f"neuromanifold.experiments.{name}").run(options)
        files = write_findings(findings, folder)
        content = {"experiment": name, "statements": findings.table.to_dict("index"), "files": files}
        running.show(content, [*table_lines(findings.table), *files_lines(files)])


def main() -> None:
    """The console entry point."""
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's encoding cannot show must not end the program.
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="neuromanifold")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _listed(names: Mapping[str, str]) -> str:
    return "".join(f"\n  {name}: {what}" for name, what in names.items())


def _loaded(running: Session, file: Path, activity: str | None, bin_size: float | None) -> Any:
    recording = nm.load(file, activity=activity, bin_size=bin_size)
    running.tell(f"{file}: {recording_line(recording)}")
    return recording


def _analyse(
    running: Session,
    name: str,
    recording: Any,
    variable: str | None,
    folder: Path,
    settings: dict[str, Any],
    require_template: bool = False,
    compare_network: bool = False,
) -> None:
    """Analyse a recording, write what comes out into a folder, and show it in short."""
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
    _require(content, require_template)


def _require_heading(recording: Any, variable: str) -> None:
    """Tell that a network cannot learn this variable before the minutes that the recording's own analysis takes."""
    kind = recording[variable].attrs["kind"] if variable in recording else "not in the recording"
    if kind != "circular":
        raise InputError(f"--compare-network needs a circular variable, a heading; {variable!r} is {kind}")


def _require(content: dict[str, Any], template: bool) -> None:
    if template and not content["decided"]:
        raise typer.Exit(UNDECIDED)

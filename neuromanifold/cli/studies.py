"""Commands that need no recording: experiments on feature maps, and benchmarks of the package."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neuromanifold.cli.console import plain, session
from neuromanifold.cli.options import (
    AsJson,
    Debug,
    Device,
    Fresh,
    Hardware,
    Images,
    Jobs,
    Quiet,
    Repeats,
    Seed,
)
from neuromanifold.cli.output import writable_folder, write_findings, write_table
from neuromanifold.cli.program import app, examples
from neuromanifold.cli.summary import files_lines, table_lines
from neuromanifold.experiments import EXPERIMENTS

__all__ = ["BENCHMARKS", "benchmark", "featuremaps"]

# Name -> what it measures; the module of that name in neuromanifold.benchmarks has ``run(verbose=False)`` -> DataFrame.
BENCHMARKS = {
    "geometry": "what curvature costs by each route, in forward passes",
    "bands": "how often 90 % bands of |H| hold the true profile",
    "curvature": "error of |H| on manifolds known in closed form, beside an oracle's",
    "featuremaps": "what volumes of large networks cost, in seconds and memory, and whether they are right",
    "featuremap_theory": "the closed forms of feature maps, each against an independent route",
    "load": "seconds and memory of the whole line for a million samples, and for 5,000 units",
    "scale": "seconds and memory of a fit by the number of samples, up to 200,000 of 300 units",
    "topology": "how often the template of a known population is named, and another instead",
    "autoencoders": "whether regularised autoencoders find the true manifold, and what their latents distort",
    "robustness": "what becomes of bad arrays, files and settings at every entry point: refused, handled, failed",
    "statistics": "how often tests of curvature call what is not there, and find what is",
}


@app.command(short_help="Run a benchmark.", epilog=examples(*(f"benchmark {name}" for name in BENCHMARKS)))
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
    epilog=examples(
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


def _listed(names: Mapping[str, str]) -> str:
    return "".join(f"\n  {name}: {what}" for name, what in names.items())

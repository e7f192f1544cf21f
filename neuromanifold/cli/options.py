"""Options: the words after a command, each defined once, with what it means and what is allowed."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from neuromanifold.cli.console import UNDECIDED, plain

__all__ = [
    "Activity",
    "AsJson",
    "BinSize",
    "Debug",
    "Device",
    "File",
    "Folder",
    "Fresh",
    "Hardware",
    "Images",
    "Interval",
    "Jobs",
    "Quiet",
    "Repeats",
    "Required",
    "Result",
    "SamplingPeriod",
    "Seed",
    "Shuffles",
    "Smoothing",
    "Sweep",
    "Template",
    "TimeScale",
    "Units",
    "Variable",
    "conditions",
    "seconds",
]


class Device(StrEnum):
    """Where the model is fitted."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


def _seconds(text: str) -> str:
    """Check a smoothing width where it is typed; it stays a text, since "auto" and "none" are two of them."""
    try:
        fits = text in ("auto", "none") or 0 <= float(text) < float("inf")
    except ValueError:
        fits = False
    if not fits:
        raise typer.BadParameter(f'{plain(text)!r} is not a number of seconds, "auto" or "none"')
    return text


def _workers(count: int | None) -> int | None:
    if count is not None and count < 1 and count != -1:
        raise typer.BadParameter(f"{count} workers: give 1 or more, or -1 for one a core")
    return count


def _conditions(texts: list[str] | None) -> list[str] | None:
    for text in texts or []:
        if "=" not in text.strip("="):
            raise typer.BadParameter(f"{plain(text)!r} is not LABEL=VALUE, such as location=adn")
    return texts


_WIDTH = typer.Option(metavar="SECONDS", callback=_seconds, help='Gaussian: a number, "auto" or "none".')

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="A .nc, .nwb, .zarr, .npz, .npy, .mat, .h5, .csv or .tsv file, or a folder of Suite2p, Kilosort or Phy.",
    ),
]
Result = Annotated[Path, typer.Argument(metavar="RESULT", help="A result.nc of analyze, made with --variable.")]
Folder = Annotated[Path, typer.Option(metavar="DIR", help="Folder for the report and the numbers.")]
Activity = Annotated[str | None, typer.Option(metavar="NAME", help="Which array is the activity (see info).")]
BinSize = Annotated[float | None, typer.Option(metavar="SECONDS", help="Width of a bin; spike times need one.")]
Interval = Annotated[str | None, typer.Option(metavar="NAME", help="Epochs or trials to keep, by name (see info).")]
Units = Annotated[
    list[str] | None,
    typer.Option("--units", metavar="LABEL=VALUE", callback=_conditions, help="Units to keep; may be repeated."),
]
SamplingPeriod = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Between samples, where the file does not say.")
]
TimeScale = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="In one unit of the file's times, where it does not say.")
]
Smoothing = Annotated[str, _WIDTH]
Shuffles = Annotated[int, typer.Option(min=1, help="Shuffled controls; p is at least 1 / (1 + shuffles).")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same numbers.")]
Repeats = Annotated[int | None, typer.Option("--seeds", min=1, metavar="N", help="Samples of each row, seeds 0, 1, …")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Compute again what an earlier run kept.")]
Jobs = Annotated[
    int | None,
    typer.Option(callback=_workers, metavar="N", help="Parallel workers, 1 by default; -1: one a core."),
]
Hardware = Annotated[Device, typer.Option("--device", help="Where the model is fitted.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes, only the result.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks and all warnings.")]
Images = Annotated[
    Path | None, typer.Option(metavar="PATH", help="Images: .npz, IDX, CIFAR-10 binary, or a folder of them.")
]
Variable = Annotated[
    str | None, typer.Option(metavar="NAME", help="Task variable to fit and to show curvature against.")
]
Template = Annotated[str | None, typer.Option(metavar="NAME", help="Fit this template whatever the topology says.")]
Sweep = Annotated[
    bool,
    typer.Option(
        "--sweep", help="Look at topology over smoothing and components; keep a verdict that no setting contradicts."
    ),
]
Required = Annotated[
    bool, typer.Option("--require-template", help=f"Exit with {UNDECIDED} where the template is undecided.")
]


def conditions(texts: list[str] | None) -> dict[str, list[str | float]]:
    """Labels of units and the values they may have; numbers, and "true" and "false", are taken as such too."""
    found: dict[str, list[str | float]] = {}
    for text in texts or []:
        label, _, value = text.partition("=")
        found.setdefault(label, []).append(value)
        word = {"true": "1", "false": "0"}.get(value.lower(), value)
        with suppress(ValueError):
            found[label].append(float(word))
    return found


def seconds(smoothing: str) -> str | float | None:
    """A smoothing width as the package takes it: "auto", a number, or None."""
    if smoothing == "none":
        return None
    return smoothing if smoothing == "auto" else float(smoothing)

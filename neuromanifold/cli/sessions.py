"""Commands on several recordings: all sessions of a folder, and two analyses side by side."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

import neuromanifold as nm
from neuromanifold._errors import InputError
from neuromanifold.cli.console import FAILED, plain, session
from neuromanifold.cli.options import (
    Activity,
    AsJson,
    BinSize,
    Debug,
    Device,
    Folder,
    Hardware,
    Interval,
    Jobs,
    Quiet,
    Result,
    Seed,
    Shuffles,
    Smoothing,
    Template,
    Units,
    Variable,
    conditions,
    seconds,
)
from neuromanifold.cli.output import writable_folder, write_beside, write_study
from neuromanifold.cli.program import app, examples
from neuromanifold.cli.summary import beside_lines, beside_summary, files_lines, study_lines, study_summary

__all__ = ["analyze_many", "beside"]


def _share(text: str | None) -> str | None:
    """Check a share where it is typed."""
    first, _, of = (text or "1/1").partition("/")
    if not (first.isdecimal() and of.isdecimal() and 1 <= int(first) <= int(of)):
        raise typer.BadParameter(f"{plain(text or '')!r} is not K/N, such as 3/32, with K from 1 to N")
    return text


def _numbers(share: str | None) -> tuple[int, int] | None:
    if share is None:
        return None
    first, of = map(int, share.split("/"))
    return first, of


@app.command(
    "analyze-many",
    short_help="All sessions of a folder.",
    epilog=examples(
        "analyze-many recordings --variable head_direction --out results",
        "analyze-many recordings --sessions who.csv --variable heading --out results --jobs 4",
        "analyze-many nwb --bin-size 0.05 --interval epochs.wake --units location=adn --variable ry --out results",
        "analyze-many recordings --variable heading --out results --share 3/32",
        "analyze-many flies --variable heading --join --offsets --out results",
    ),
)
def analyze_many(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Recordings; those in a folder inside are an animal's.")
    ],
    out: Folder,
    sessions: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Table of file, session, animal, group that says who is who.")
    ] = None,
    activity: Activity = None,
    variable: Variable = None,
    align_to: Annotated[
        str | None, typer.Option(metavar="NAME", help="Fit without labels, then align sessions to this variable.")
    ] = None,
    bin_size: BinSize = None,
    interval: Interval = None,
    units: Units = None,
    template: Template = None,
    smoothing: Smoothing = "auto",
    topology_smoothing: Smoothing = "auto",
    shuffles: Shuffles = 100,
    join: Annotated[bool, typer.Option("--join", help="An animal's sessions have registered units: one fit.")] = False,
    offsets: Annotated[
        bool, typer.Option("--offsets", help="With --join: the variable's zero differs between sessions.")
    ] = False,
    share: Annotated[
        str | None,
        typer.Option(metavar="K/N", callback=_share, help="Only every N-th session from the K-th on; pools nothing."),
    ] = None,
    seed: Seed = 0,
    device: Hardware = Device.AUTO,
    jobs: Jobs = None,
    json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Analyse every session of a folder, alone and together; run it again to go on where it stopped.

    Writes report.html (all sessions on one page), sessions.csv, study.nc (pooled profiles and differences of groups),
    figures/*.png and, for each session, sessions/NAME/ with its own report into the folder of --out.
    """
    if offsets and not join:
        raise typer.BadParameter("sessions have offsets in one fit to all of them: add --join", param_hint="--offsets")
    with session(as_json=json, quiet=quiet, debug=debug) as running:
        if out.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"results in {out} would be taken for recordings of {folder}: choose another --out")
        reading = {"activity": activity, "bin_size": bin_size, "interval": interval}
        found = nm.sessions.find_sources(folder, sessions, reading, conditions(units))
        running.tell(f"{folder}: {len(found)} sessions of {len({source.animal for source in found})} animals")
        place = writable_folder(out)
        started = time.monotonic()
        study = nm.sessions.analyze_sources(
            list(nm.sessions.joined(found)) if join else found,
            variable,
            align_to=align_to,
            out=place,
            n_jobs=jobs,
            verbose=running.watched,
            random_state=seed,
            share=_numbers(share),
            template=None if template is None else nm.manifolds.resolve(template),
            smoothing=seconds(smoothing),
            topology_smoothing=seconds(topology_smoothing),
            n_shuffles=shuffles,
            offsets="session" if offsets else None,
            device=device.value,
            template_vote=False,
        )
        content = {"folder": str(folder), **study_summary(study), "files": {}}
        if share is None:
            content["files"] = write_study(study, place, folder.name)
        content |= {"seed": seed, "seconds": round(time.monotonic() - started, 2)}
        running.show(content, [*study_lines(content), *files_lines(content["files"])])
        if study.sessions and len(study.failures) == len(study.sessions):
            raise typer.Exit(FAILED)


@app.command(
    short_help="Two analyses side by side.",
    epilog=examples("beside adn/result.nc postsubiculum/result.nc --out both"),
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

"""Commands on several recordings: two analyses side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import neuromanifold as nm
from neuromanifold.cli.console import session
from neuromanifold.cli.options import AsJson, Debug, Folder, Result
from neuromanifold.cli.output import writable_folder, write_beside
from neuromanifold.cli.program import app, examples
from neuromanifold.cli.summary import beside_lines, beside_summary, files_lines

__all__ = ["beside"]


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

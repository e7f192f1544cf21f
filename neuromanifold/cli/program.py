"""The program: what holds for every command; commands add themselves to it."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

import neuromanifold as nm
from neuromanifold.cli.console import INTERRUPTED

__all__ = ["app", "examples", "main"]

# Threads that wait for each other sleep instead of spinning: a third of the time on a busy machine of two cores. Read
# when numpy and torch are first loaded, which is after this.
PATIENCE = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}


app = typer.Typer(
    name="neuromanifold",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def examples(*lines: str) -> str:
    """Lines below a command's help; the backspace keeps them from being joined."""
    return "\b\nExamples:\n" + "\n".join(f"  neuromanifold {line}" for line in lines)


@app.callback(
    invoke_without_command=True,
    epilog=examples("demo", "info session.mat", "analyze session.mat --out results"),
)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """The curvature of neural manifolds: a recording in, its template, a model and a report out."""
    if version:
        typer.echo(f"neuromanifold {nm.__version__}")
        raise typer.Exit


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

"""Commands of the terminal as entry points; a refusal is one line on standard error, and the exit code 2."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import replace
from itertools import dropwhile
from typing import Any

from typer.testing import CliRunner

from neuromanifold.benchmarks.robustness.entries import FILE, SETTINGS, EntryPoint, path_of
from neuromanifold.benchmarks.robustness.given import Given
from neuromanifold.benchmarks.robustness.outcome import CommandRefusedError

__all__ = ["COMMANDS"]


def _command(*words: object, recorded: str | None = None) -> Iterable[Any]:
    """Run a command, and hold its refusal to what a person at a terminal should meet.

    ``recorded``: what a result says of parts that failed; where all did, the exit code is 1.
    """
    # By name: the command line is at the bottom of the package, and stands here for the person who types.
    result = CliRunner().invoke(importlib.import_module("neuromanifold.cli").app, [str(word) for word in words])
    lines = result.stderr.splitlines()
    if any(not (c.isprintable() or c == "\n") for c in result.output) or "Traceback" in result.output:
        raise RuntimeError(f"output with control characters or a traceback: {result.output!r}")
    if result.exit_code == 0 or (recorded is not None and result.exit_code == 1 and recorded in result.stdout):
        return ()
    error = "\n".join(dropwhile(lambda line: not line.startswith(("error: ", "Error: ")), lines))
    if result.exit_code != 2 or result.stdout or not error:
        raise RuntimeError(f"exit code {result.exit_code}, standard output {result.stdout!r}, error {lines}")
    raise CommandRefusedError(error)


def _cli_info(given: Given) -> Iterable[Any]:
    return _command("info", given.path)


def _cli_topology(given: Given) -> Iterable[Any]:
    return _command("topology", path_of(given), "--shuffles", "19", *given.settings.get("words", ()))


def _cli_analyze(given: Given) -> Iterable[Any]:
    words = given.settings.get("words", ())
    return _command("analyze", path_of(given), "--shuffles", "19", "--out", given.folder / "out", *words)


def _cli_beside(given: Given) -> Iterable[Any]:
    return _command("beside", given.path, given.path, "--out", given.folder / "out")


def _cli_analyze_many(given: Given) -> Iterable[Any]:
    recordings = given.folder / "recordings"
    recordings.mkdir()
    path_of(replace(given, folder=recordings))
    words = ("--shuffles", "19", "--out", given.folder / "out", *given.settings.get("words", ()))
    return _command("analyze-many", recordings, *words, recorded="failed: ")


def _cli_demo(given: Given) -> Iterable[Any]:
    return _command("demo", *given.settings.get("words", ()))


def _cli_featuremaps(given: Given) -> Iterable[Any]:
    # Where --out is given again, the last one counts.
    name, *words = given.settings.get("words", ("xor",))
    return _command("featuremaps", name, "--out", given.folder / "out", *words)


def _cli_benchmark(given: Given) -> Iterable[Any]:
    return _command("benchmark", *given.settings.get("words", ()))


COMMANDS = (
    EntryPoint("neuromanifold info", FILE, _cli_info),
    EntryPoint("neuromanifold topology", FILE | SETTINGS, _cli_topology),
    EntryPoint("neuromanifold analyze", FILE | SETTINGS, _cli_analyze),
    EntryPoint("neuromanifold analyze-many", SETTINGS, _cli_analyze_many),
    EntryPoint("neuromanifold demo", SETTINGS, _cli_demo),
    EntryPoint("neuromanifold beside", frozenset({"result file"}), _cli_beside),
    EntryPoint("neuromanifold featuremaps", SETTINGS, _cli_featuremaps),
    EntryPoint("neuromanifold benchmark", SETTINGS, _cli_benchmark),
)

"""Console: what a command says; results on stdout, notes and errors on stderr.

Names of files and units come from strangers; whatever is not printable in them is shown as an escape, so that
no name can move the cursor, change colours or forge a line.
"""

from __future__ import annotations

import json
import math
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import Any, TextIO

import typer

from neuromanifold._errors import FileFormatError, InputError, WorkerError

__all__ = [
    "BAD_INPUT",
    "FAILED",
    "INTERRUPTED",
    "UNDECIDED",
    "Session",
    "number",
    "plain",
    "session",
    "to_json",
]

FAILED, BAD_INPUT, UNDECIDED, INTERRUPTED = 1, 2, 3, 130


def plain(text: object, keep: str = "") -> str:
    """A text with every character that is not printable, those to ``keep`` apart, as its escape."""
    return "".join(c if c.isprintable() or c in keep else _escape(c) for c in str(text))


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def number(value: float) -> str:
    """Three significant digits; whole numbers in full."""
    whole = math.isfinite(value) and value == round(value) and abs(value) < 1e7
    return f"{value:.0f}" if whole else f"{value:.3g}"


def to_json(content: Any) -> str:
    """One line of JSON in ASCII; numpy numbers become numbers, and what is not finite becomes null."""
    return json.dumps(_simple(content), allow_nan=False)


def _simple(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _simple(inner) for key, inner in value.items()}
    if hasattr(value, "tolist"):  # numpy scalars and arrays, without importing numpy
        return _simple(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_simple(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


@dataclass
class Session:
    """One run of a command: what it tells on the way, and what it shows at the end."""

    stdout: TextIO
    as_json: bool = False
    quiet: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def watched(self) -> bool:
        """Whether progress bars have somebody to look at them; in a log they are noise."""
        return not self.quiet and sys.stderr.isatty()

    def tell(self, text: str) -> None:
        """A word on the way, on stderr; nothing when quiet."""
        if not self.quiet:
            _say(text)

    def show(self, content: Mapping[str, Any], lines: Iterable[str]) -> None:
        """The result on stdout: one JSON object, the notes in it, or lines to read."""
        shown = [to_json({**content, "notes": self.notes})] if self.as_json else lines
        for line in shown:
            typer.echo(plain(line), file=self.stdout)


@contextmanager
def session(*, as_json: bool = False, quiet: bool = False, debug: bool = False) -> Iterator[Session]:
    """Run a command's body, and end every fault in one line and an exit code.

    ===== =================================================================================
    code  meaning
    ===== =================================================================================
    1     something unforeseen: a bug, no memory, a worker that died; ``debug`` adds the traceback
    2     wrong usage, a file that cannot be read, a folder that cannot be written, a full disk
    130   interrupted by Ctrl-C; files are whole or absent
    ===== =================================================================================

    Whatever else prints to stdout inside goes to stderr, so that stdout holds the result alone.
    """
    running = Session(sys.stdout, as_json, quiet)
    try:
        with warnings.catch_warnings(), redirect_stdout(sys.stderr):
            _show_warnings(running, debug)
            yield running
    except (typer.Exit, typer.BadParameter, BrokenPipeError):
        raise
    except KeyboardInterrupt:
        _stop("interrupted: nothing half-written is left; the same command goes on from there", INTERRUPTED, debug)
    except (InputError, FileFormatError) as error:
        _stop(f"error: {error}", BAD_INPUT, debug)
    except WorkerError as error:
        _stop(f"error: {error}", FAILED, debug)
    except MemoryError as error:
        said = f"error: the memory ran out ({error}): try --jobs 1, fewer units, wider bins or a shorter stretch"
        _stop(said, FAILED, debug)
    # The last line of defence: a person at a terminal is told in words, whatever happened.
    except Exception as error:
        hint = "" if debug else " (run again with --debug for the traceback)"
        _stop(f"error: {type(error).__name__}: {error}{hint}", FAILED, debug)


def _say(text: str) -> None:
    typer.echo(plain(text, keep="\n"), err=True)


def _stop(message: str, code: int, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    _say(message)
    raise typer.Exit(code)


def _show_warnings(running: Session, debug: bool) -> None:
    """Warnings for users as ``note:`` lines, once each; those for developers only with ``debug``."""

    def note(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any) -> None:
        text = f"{message} [{category.__name__}, {filename}:{lineno}]" if debug else str(message)
        if text not in running.notes:
            running.notes.append(text)
            running.tell(f"note: {text}")

    warnings.simplefilter("default" if debug else "ignore")
    warnings.simplefilter("always", UserWarning)
    warnings.showwarning = note  # type: ignore[assignment]  # restored by catch_warnings

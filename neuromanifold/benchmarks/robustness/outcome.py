"""Outcome: what became of a bad input; refused well, handled as documented, or neither, with the reason.

*Refused* is one of the package's own errors whose message names what was given and what to do instead, within the
seconds and memory that a refusal may take; on the command line one line on standard error, nothing on standard output
and an exit code that is not 0. *Handled* is a stated exception whose numbers are finite. All else has failed: an error
of a library, a message that says nothing, an input that is taken in silence, numbers that are not finite, a warning of
numpy's on the way, a hang.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuromanifold._errors import DownloadError, FileFormatError, InputError
from neuromanifold.benchmarks.cost import measured

__all__ = ["FAILED", "HANDLED", "REFUSED", "CommandRefusedError", "Outcome", "outcome"]

REFUSED, HANDLED, FAILED = "refused", "handled", "failed"
OWN_ERRORS = (InputError, FileFormatError, DownloadError)
# What is allowed, or what to do: a message without any of these leaves its reader alone.
REMEDY = re.compile(
    r"must|at least|at most|allowed|need|give|use|take|drop|choose|save|there are|only|between|or |make|remove|look|"
    r"one of|end in|leave|convert|refused|never|expected|should|no such file|truncated|damaged|cannot read|empty|"
    r"select|scale|possible|they have|recording has|it has|holds:|\?",
    re.IGNORECASE,
)
SECONDS, GIGABYTES = 60.0, 2.0


class CommandRefusedError(InputError):
    """A command that ended as a refusal should; the message is its line on standard error."""


@dataclass(frozen=True)
class Outcome:
    """What became of a case, and why it counts so."""

    verdict: str
    why: str


def outcome(call: Callable[[], Iterable[Any]], says: str, handled: str | None) -> Outcome:
    """Call with a bad input, and judge.

    Parameters
    ----------
    call : callable
        Gives the numbers that must be finite where the input is taken.
    says : str
        Regular expression that a refusal must match.
    handled : str, optional
        How the documentation says that this input is taken; None: it must be refused.
    """
    before = measured(lambda: None).peak_gb
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", category=RuntimeWarning, module="neuromanifold")
        cost = measured(lambda: _judged(call, says, handled))
    if cost.seconds > SECONDS:
        return Outcome(FAILED, f"took {cost.seconds:.0f} s")
    if cost.peak_gb - before > GIGABYTES:
        return Outcome(FAILED, f"took {cost.peak_gb - before:.1f} GB")
    return cost.result


def _judged(call: Callable[[], Iterable[Any]], says: str, handled: str | None) -> Outcome:
    try:
        numbers = list(call())
    except OWN_ERRORS as error:
        return _refusal(str(error), says, handled)
    # Whatever else comes out is what a stranger would meet, and is shown as such.
    except BaseException as error:
        return Outcome(FAILED, f"{type(error).__module__}.{type(error).__name__}: {error}"[:300])
    if handled is None:
        return Outcome(FAILED, "taken in silence")
    if not all(_finite(values) for values in numbers):
        return Outcome(FAILED, "taken, and numbers of the result are not finite")
    return Outcome(HANDLED, handled)


def _refusal(message: str, says: str, handled: str | None) -> Outcome:
    if handled is not None:
        return Outcome(FAILED, f"refused, though stated as handled: {message[:200]}")
    if not re.search(says, message, re.IGNORECASE):
        return Outcome(FAILED, f"the refusal does not say what is wrong ({says}): {message[:200]}")
    if not REMEDY.search(message):
        return Outcome(FAILED, f"the refusal does not say what to do: {message[:200]}")
    return Outcome(REFUSED, message[:200])


def _finite(values: Any) -> bool:
    array = np.asarray(values)
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())

"""The fault table: every bad input is refused well or handled as documented; fits and commands are the slow part."""

from __future__ import annotations

import pytest

from neuromanifold._errors import FileFormatError, InputError
from neuromanifold.benchmarks.robustness.exceptions import REFUSING, ROWS
from neuromanifold.benchmarks.robustness.given import sound
from neuromanifold.benchmarks.robustness.outcome import FAILED, HANDLED, REFUSED, outcome
from neuromanifold.benchmarks.robustness.table import CASES, ENTRIES, FAULTS, tried

# Entry points of fits, or of the same files once more: `neuromanifold benchmark robustness` tries them too.
DEAR = {
    "analyze", "inspect", "curvature_profile", "Topology", "TopologicalVAE, counts", "TopologicalVAE, no labels",
    "TopologicalVAE.partial_fit", "featuremaps.kernels.metric", "neuromanifold info", "neuromanifold topology",
    "neuromanifold analyze", "find_template", "load",
}  # fmt: skip


def cases(entry: str) -> list[str]:
    return [fault for name, fault in CASES if name == entry]


def failures(entry: str) -> dict[str, str]:
    found = {fault: tried(entry, fault) for fault in cases(entry)}
    return {fault: one.why for fault, one in found.items() if one.verdict == FAILED}


@pytest.mark.parametrize("entry", [entry.name for entry in ENTRIES if entry.name not in DEAR])
def test_bad_input_is_refused_or_handled(entry: str) -> None:
    assert failures(entry) == {}


@pytest.mark.slow
@pytest.mark.parametrize("entry", sorted(DEAR))
def test_bad_input_is_refused_or_handled_where_that_is_dear(entry: str) -> None:
    assert failures(entry) == {}


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if "activity" in entry.takes], ids=lambda e: e.name)
def test_sound_input_is_taken(entry, tmp_path) -> None:
    assert outcome(lambda: entry.call(sound(tmp_path)), "", "sound").verdict == HANDLED


def test_every_entry_point_and_every_fault_is_in_the_table() -> None:
    assert {entry.name for entry in ENTRIES} == {entry for entry, _ in CASES}
    assert {fault.name for fault in FAULTS} == {fault for _, fault in CASES}
    assert len({fault.name for fault in FAULTS}) == len(FAULTS), "names of faults are unique"


def test_every_exception_is_one_of_the_table() -> None:
    stated = {(entry, fault) for entries, faults, _ in ROWS for entry in entries for fault in faults}
    impossible = {case for case in stated if case[0] not in {entry.name for entry in ENTRIES}}
    assert impossible == set()
    assert {fault for _, fault in stated} <= {fault.name for fault in FAULTS}
    assert set(REFUSING) <= stated & set(CASES)


OUTCOMES = {
    "a good refusal": (InputError("alpha is 2; it must lie between 0 and 1"), "alpha", None, REFUSED),
    "of the wrong thing": (InputError("beta must be positive"), "alpha", None, FAILED),
    "without a remedy": (InputError("alpha is bad"), "alpha", None, FAILED),
    "of a file": (FileFormatError("x is truncated"), "x", None, REFUSED),
    "a library's error": (ValueError("alpha must be 1"), "alpha", None, FAILED),
    "a refusal of what is stated as handled": (InputError("alpha must be 1"), "alpha", "documented", FAILED),
    "taken in silence": ([1.0], "alpha", None, FAILED),
    "handled": ([1.0], "alpha", "documented", HANDLED),
    "handled without numbers": ([float("nan")], "alpha", "documented", FAILED),
}


@pytest.mark.parametrize("case", OUTCOMES)
def test_what_counts_as_an_outcome(case: str) -> None:
    result, says, handled, verdict = OUTCOMES[case]

    def call() -> list[float]:
        if isinstance(result, Exception):
            raise result
        return result

    assert outcome(call, says, handled).verdict == verdict

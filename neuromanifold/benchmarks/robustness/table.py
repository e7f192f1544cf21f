"""The fault table: every entry point meets every fault of a part that it takes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from neuromanifold.benchmarks.robustness.claims import CLAIMS
from neuromanifold.benchmarks.robustness.commands import COMMANDS
from neuromanifold.benchmarks.robustness.comparisons import COMPARISONS
from neuromanifold.benchmarks.robustness.entries import DATA_AND_FITS, EntryPoint
from neuromanifold.benchmarks.robustness.exceptions import handling
from neuromanifold.benchmarks.robustness.files import ANY_FILES
from neuromanifold.benchmarks.robustness.folders import FOLDERS
from neuromanifold.benchmarks.robustness.given import Fault, sound
from neuromanifold.benchmarks.robustness.hostile import HOSTILE
from neuromanifold.benchmarks.robustness.inputs import INPUTS
from neuromanifold.benchmarks.robustness.kernels import KERNELS
from neuromanifold.benchmarks.robustness.maps import MAPS
from neuromanifold.benchmarks.robustness.outcome import Outcome, outcome
from neuromanifold.benchmarks.robustness.penalties import PENALTIES
from neuromanifold.benchmarks.robustness.recordings import RECORDINGS
from neuromanifold.benchmarks.robustness.settings import SETTINGS
from neuromanifold.benchmarks.robustness.shapes import SHAPES
from neuromanifold.benchmarks.robustness.statistics import STATISTICS
from neuromanifold.benchmarks.robustness.synthetics import SYNTHETICS

__all__ = ["CASES", "ENTRIES", "FAULTS", "tried"]

ENTRIES = (
    *DATA_AND_FITS,
    *RECORDINGS,
    *STATISTICS,
    *COMPARISONS,
    *KERNELS,
    *MAPS,
    *PENALTIES,
    *SYNTHETICS,
    *FOLDERS,
    *SHAPES,
    *COMMANDS,
)
FAULTS = (*INPUTS, *SETTINGS, *ANY_FILES, *CLAIMS, *HOSTILE)
CASES: dict[tuple[str, str], tuple[EntryPoint, Fault]] = {
    (entry.name, fault.name): (entry, fault)
    for entry in ENTRIES
    for fault in FAULTS
    if fault.touches in entry.takes
    and fault.name not in entry.without
    and (fault.only is None or entry.name in fault.only)
}


def tried(entry_name: str, fault_name: str) -> Outcome:
    """What becomes of one case, in a temporary folder of its own."""
    entry, fault = CASES[entry_name, fault_name]
    with tempfile.TemporaryDirectory() as folder:
        given = fault.spoil(sound(Path(folder)))
        return outcome(lambda: entry.call(given), fault.says, handling(entry.name, fault.name))

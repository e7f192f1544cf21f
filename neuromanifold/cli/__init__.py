"""The command line: ``neuromanifold analyze | analyze-many | beside | demo | topology | featuremaps | info | …``.

Also ``python -m neuromanifold``. Results go to stdout (with ``--json`` one JSON object and nothing else),
progress and notes to stderr. Exit codes: 0 done, an undecided template included; 2 wrong usage or bad input;
3 undecided, with ``--require-template``; 130 interrupted; 1 anything unforeseen.

Heavy modules are reached through the lazily loaded public names ``nm.…``, so that ``--help`` answers at once.
"""

from __future__ import annotations

from neuromanifold.cli.program import app, main
from neuromanifold.cli.recordings import analyze, demo, info, topology
from neuromanifold.cli.sessions import analyze_many, beside
from neuromanifold.cli.studies import BENCHMARKS, benchmark, featuremaps

__all__ = [
    "BENCHMARKS",
    "analyze",
    "analyze_many",
    "app",
    "benchmark",
    "beside",
    "demo",
    "featuremaps",
    "info",
    "main",
    "topology",
]

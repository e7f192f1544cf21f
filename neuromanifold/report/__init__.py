"""Reports: figures of an analysis, and one self-contained HTML page around them."""

from __future__ import annotations

from neuromanifold.report import figures, views
from neuromanifold.report.beside import side_by_side
from neuromanifold.report.compose import compose, numbers
from neuromanifold.report.content import Number, Picture, ReportContent
from neuromanifold.report.document import render, write
from neuromanifold.report.findings import finding_figures
from neuromanifold.report.methods import methods, references
from neuromanifold.report.pictures import AnalysisLike, pictures
from neuromanifold.report.sessions import compose_sessions
from neuromanifold.report.verdicts import headline, verdict_line

__all__ = [
    "AnalysisLike",
    "Number",
    "Picture",
    "ReportContent",
    "compose",
    "compose_sessions",
    "figures",
    "finding_figures",
    "headline",
    "methods",
    "numbers",
    "pictures",
    "references",
    "render",
    "side_by_side",
    "verdict_line",
    "views",
    "write",
]

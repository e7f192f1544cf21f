"""What a report says, before it is laid out: a verdict, numbers, figures, caveats and how they were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

__all__ = ["Number", "Picture", "ReportContent", "Table"]


@dataclass(frozen=True)
class Number:
    """One row of the table of numbers.

    Attributes
    ----------
    name : str
        What it is called.
    value : float or str
        The estimate; numbers are shown with three significant digits.
    interval : (float, float), optional
        Its confidence interval or band.
    unit : str
        Its unit, empty where there is none.
    meaning : str
        One sentence for a reader who does not know the name.
    """

    name: str
    value: float | str
    interval: tuple[float, float] | None = None
    unit: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure, its name (as of a file), its caption and the words that stand for it where it cannot be seen.

    ``scene`` (:func:`neuromanifold.report.scene.scene`) is the same to be turned by hand, where the page runs scripts.
    """

    name: str
    figure: Figure
    caption: str
    alt: str
    scene: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Table:
    """A table with a title; ``rows`` hold words and numbers, one for each of ``columns``.

    ``links``: the first word of a row -> the page beside this one that tells more of it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[float | str, ...], ...]
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportContent:
    """Everything on the page; any part may be empty except title and verdict.

    Attributes
    ----------
    title : str
        What was analysed: the name of the recording.
    verdict : str
        The headline, one sentence.
    decided : bool
        False where the data could not tell; the headline is then marked.
    reasons : sequence of str
        What the verdict rests on.
    findings : sequence of str
        What the statistics say, a sentence each.
    numbers, figures, caveats
        In the order in which they are shown; figures after the third are folded away.
    tables : sequence of Table
        Folded away on the page.
    methods : str
        A paragraph; blank lines separate paragraphs.
    references : sequence of str
        What the methods cite.
    settings : mapping
        Settings and provenance, nested as they come; folded away on the page.
    version, seed : str
        Of the package, and of the run.
    """

    title: str
    verdict: str
    decided: bool = True
    reasons: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    numbers: tuple[Number, ...] = ()
    figures: tuple[Picture, ...] = ()
    caveats: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    methods: str = ""
    references: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    seed: str = ""

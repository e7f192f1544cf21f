"""Sessions: many recordings, of one or several animals, each analysed alone and then pooled."""

from __future__ import annotations

from neuromanifold.sessions.many import analyze_many, analyze_sources
from neuromanifold.sessions.session import Session
from neuromanifold.sessions.source import Source, find_sources, joined, sources
from neuromanifold.sessions.study import Study

__all__ = ["Session", "Source", "Study", "analyze_many", "analyze_sources", "find_sources", "joined", "sources"]

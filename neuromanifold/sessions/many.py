"""``analyze_many``: the whole line for each of many sessions, and then for what they have in common.

recordings -> analyze each (alone, in parallel, to its folder) -> shared coordinates -> pooled profile, differences
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from itertools import chain
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from joblib import delayed
from tqdm.auto import tqdm

from neuromanifold._errors import InputError
from neuromanifold._parallel import spread
from neuromanifold._settings import check_flag, check_level, check_name, check_path, check_whole
from neuromanifold._typing import RandomState
from neuromanifold.analysis_settings import check_settings
from neuromanifold.sessions.cost import Cost
from neuromanifold.sessions.pooling import pool
from neuromanifold.sessions.run import run
from neuromanifold.sessions.session import Session
from neuromanifold.sessions.source import Source, joined, sources
from neuromanifold.sessions.study import Study

__all__ = ["analyze_many", "analyze_sources"]


def analyze_many(
    recordings: Iterable[xr.Dataset | str | os.PathLike[str]],
    variable: str | list[str] | None = None,
    *,
    names: Sequence[str] | None = None,
    animals: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    reading: Mapping[str, Any] | None = None,
    units: Mapping[str, Any] | None = None,
    join: bool = False,
    align_to: str | None = None,
    out: str | os.PathLike[str] | None = None,
    n_pooled_bootstrap: int = 1000,
    level: float = 0.9,
    n_jobs: int | None = None,
    verbose: bool = False,
    random_state: RandomState = None,
    **settings: Any,
) -> Study:
    """Analyse sessions of one or several animals, each alone, and pool what they have in common.

    Parameters
    ----------
    recordings : iterable of Dataset or path
        Read one at a time, so files or a generator keep the memory flat.
    variable : str or list of str, optional
        Task variable(s) of every recording; where they give the coordinates, sessions share them.
    names, animals, groups : sequence of str, optional
        Of each recording; else its attrs ``session``, ``animal`` and ``group``, else each is its own animal.
    reading : mapping, optional
        Keywords of :func:`neuromanifold.load` for files.
    units : mapping, optional
        Labels of units and what they may be in every session, as of :func:`neuromanifold.select_units`.
    join : bool
        The sessions of an animal (in a group) have registered units: they are one recording of the units they share
        (:func:`neuromanifold.join_sessions`) with one fit. Add ``offsets="session"`` where the variable's
        zero differs between sessions.
    align_to : str, optional
        Circular task variable to which latents that were fitted without labels are brought by the template's
        isometries; without it, by the activity of registered units.
    out : path, optional
        Folder to which results go as they come, ``sessions/NAME/``. A run that was stopped goes on there: what is
        whole and was made of the same data and settings is read.
    n_pooled_bootstrap, level : int, float
        Draws of the hierarchical bootstrap, and coverage of its bands.
    n_jobs : int, optional
        Sessions at once, as in joblib (``joblib.parallel_config`` sends them to a cluster).
    verbose : bool
        What it will cost, before; progress with the time that is left.
    random_state : int, Generator or None
        Each session has a seed of its own: the numbers do not depend on ``n_jobs``.
    **settings
        Of :func:`neuromanifold.analyze`.

    Returns
    -------
    Study
        A session that fails, by what only its recording could tell (a variable or label of units that it has not),
        is in it by name and reason; the others go on.

    Raises
    ------
    InputError
        If there is no recording, names repeat, or a setting is right for no recording.
    """
    check_flag("join", join)
    found: Iterable[Source] = sources(recordings, names, animals, groups, reading, units)
    if join:
        found = joined(found)
    elif isinstance(recordings, Sized):
        found = _Counted(found, len(recordings))
    return analyze_sources(
        found,
        variable,
        align_to=align_to,
        out=out,
        n_pooled_bootstrap=n_pooled_bootstrap,
        level=level,
        n_jobs=n_jobs,
        verbose=verbose,
        random_state=random_state,
        **settings,
    )


@dataclass(frozen=True)
class _Counted:
    """Sources, read one at a time, of which it is known how many there are."""

    found: Iterable[Source]
    n: int

    def __iter__(self) -> Iterator[Source]:
        return iter(self.found)

    def __len__(self) -> int:
        return self.n


def analyze_sources(
    found: Iterable[Source],
    variable: str | list[str] | None = None,
    *,
    align_to: str | None = None,
    out: str | os.PathLike[str] | None = None,
    n_pooled_bootstrap: int = 1000,
    level: float = 0.9,
    n_jobs: int | None = None,
    verbose: bool = False,
    random_state: RandomState = None,
    share: tuple[int, int] | None = None,
    **settings: Any,
) -> Study:
    """:func:`analyze_many` of sources, which say themselves of what animal and group they are.

    ``share``: k of n, from 1. Only every n-th session from the k-th on is analysed, and nothing is pooled: n calls (the
    tasks of a job array) fill the folder ``out`` together, and one without a share reads what they left.
    """
    n_sessions = len(found) if isinstance(found, Sized) else None
    check_settings({"variable": variable, "n_jobs": n_jobs, **settings})
    _check(variable, align_to, out, n_pooled_bootstrap, level)
    root = np.random.SeedSequence(_entropy(random_state))
    first, of = _checked_share(share, out)
    folder = None if out is None else Path(out).absolute() / "sessions"
    if verbose:
        found = _told(iter(found), n_sessions, n_jobs)
    jobs = (
        delayed(run)(source, variable, align_to, folder, settings, _seed(root, number))
        for number, source in enumerate(found)
        if number % of == first - 1
    )
    results = spread(jobs, n_jobs, pre_dispatch="n_jobs")
    sessions: list[Session] = []
    n_mine = None if n_sessions is None else len(range(first - 1, n_sessions, of))
    with tqdm(total=n_mine, desc="sessions", disable=not verbose) as bar:
        for session in results:
            sessions.append(session)
            bar.set_postfix_str(f"{session.name}: {session.error or session.facts['verdict']}"[:60])
            bar.update()
    if share is not None:
        return Study(sessions, None, None, (), (f"Share {first} of {of}: nothing is pooled yet.",), settings)
    together = pool(sessions, n_bootstrap=n_pooled_bootstrap, level=level, random_state=_seed(root, -1))
    stated = {"variable": variable, "align_to": align_to, "n_sessions": len(sessions), **settings}
    stated |= {"n_pooled_bootstrap": n_pooled_bootstrap, "level": level, "random_state": str(random_state)}
    return Study(sessions, together.profile, together.differences, together.members, together.notes, stated)


def _check(variable: Any, align_to: Any, out: Any, n_pooled_bootstrap: Any, level: Any) -> None:
    """See to the settings that are not those of an analysis, before the first session is read."""
    check_whole("n_pooled_bootstrap", n_pooled_bootstrap, 2)
    check_level(level)
    if out is not None:
        check_path("out", out)
    if align_to is None:
        return
    check_name("align_to", align_to)
    if variable is not None:
        raise InputError(
            "with a variable the coordinates are the variable's own; align_to brings fits without one together: give "
            "one of the two"
        )


def _checked_share(share: Any, out: Any) -> tuple[int, int]:
    if share is None:
        return 1, 1
    pair = isinstance(share, Sequence) and len(share) == 2 and all(isinstance(part, int) for part in share)
    if not pair or not 1 <= share[0] <= share[1] or out is None:
        raise InputError(f"share is {share} with out={out}: give k of n, 1 <= k <= n, and the folder out of all shares")
    return share[0], share[1]


def _told(found: Iterator[Source], n_sessions: int | None, n_jobs: int | None) -> Iterator[Source]:
    """The sources, after telling what sessions like the first will cost."""
    first = next(found)
    try:
        sizes = first.open().sizes
        tqdm.write(str(Cost(n_sessions, sizes["time"], sizes["unit"], n_jobs)), file=sys.stderr)
    except (ValueError, OSError):
        tqdm.write("the first session cannot be read: its row will say why", file=sys.stderr)
    return chain([first], found)


def _entropy(random_state: RandomState) -> int | None:
    if random_state is None:
        return None
    if not isinstance(random_state, Integral) or int(random_state) < 0:
        raise InputError(
            f"random_state of many sessions must be None or a whole number from 0; got {random_state!r}, a "
            f"{type(random_state).__name__}"
        )
    return int(random_state)


def _seed(root: np.random.SeedSequence, number: int) -> int:
    """Of a session by its number (-1: of the pooling), whatever order they are analysed in."""
    child = np.random.SeedSequence(root.entropy, spawn_key=(number + 1,))
    return int(child.generate_state(1, np.uint32)[0])

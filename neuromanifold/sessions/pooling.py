"""What sessions have in common: their profiles in shared coordinates, pooled, and compared between groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import xarray as xr

from neuromanifold._random import spawn_seeds
from neuromanifold._typing import RandomState
from neuromanifold.manifolds import Manifold, resolve
from neuromanifold.sessions.session import Session
from neuromanifold.statistics import (
    SessionProfiles,
    align_to_profile,
    collect,
    group_differences,
    moved,
    pooled_profile,
)

__all__ = ["Pool", "pool"]

TASK = "task coordinates"
UNNAMED = "ungrouped"


@dataclass(frozen=True)
class Pool:
    """``profile`` and ``differences``, each None where there is none, ``members`` by name, and ``notes``: how
    coordinates are shared, and which sessions are left out and why.
    """

    profile: xr.Dataset | None
    differences: xr.Dataset | None
    members: tuple[str, ...]
    notes: tuple[str, ...]


def pool(sessions: Sequence[Session], *, n_bootstrap: int, level: float, random_state: RandomState) -> Pool:
    """Pool the sessions that were fitted with the template of most of them."""
    fitted = [session for session in sessions if session.facts.get("template")]
    if not fitted:
        return Pool(None, None, (), ("No session was fitted: there is nothing to pool.",))
    (common, _), *_ = Counter(session.facts["template"] for session in fitted).most_common(1)
    template = resolve(common)
    alike = [session for session in fitted if session.facts["template"] == common]
    notes = [
        f"{session.name} was fitted as a {session.facts['template']} and is left out."
        for session in fitted
        if session not in alike
    ]
    members, shared, how = _shared(alike, template)
    notes += [how, *(f"{s.name} has no coordinates in common and is left out." for s in alike if s not in members)]
    if not members:
        return Pool(None, None, (), tuple(notes))
    rows = ((s.name, s.animal, s.group or UNNAMED, shared(s)) for s in members)
    profiles = collect(rows, len(members))
    seeds = spawn_seeds(random_state, 2)
    profile = pooled_profile(profiles, n_bootstrap=n_bootstrap, level=level, random_state=seeds[0])
    profile.attrs["shared_coordinates"] = how
    differences = _differences(profiles, n_bootstrap, level, seeds[1])
    if len(set(profiles.animals)) == 1:
        notes.append(f"All pooled sessions are of one animal, {profiles.animals[0]}: bands say nothing of others.")
    return Pool(profile, differences, tuple(session.name for session in members), tuple(notes))


def _differences(profiles: SessionProfiles, n_bootstrap: int, level: float, seed: int) -> xr.Dataset | None:
    if len(profiles.group_names) < 2:
        return None
    return group_differences(profiles, n_bootstrap=n_bootstrap, level=level, random_state=seed)


Reader = Callable[[Session], xr.Dataset]


def _shared(sessions: list[Session], template: Manifold) -> tuple[list[Session], Reader, str]:
    """Sessions that have coordinates in common, how to read their profile in them, and what they are."""
    task = [session for session in sessions if session.facts["gauge"] == TASK]
    if task:
        return task, _profile, "Coordinates are the task variable's own in every pooled session."
    aligned = [session for session in sessions if _has_alignment(session)]
    if aligned:
        how = str(aligned[0].part("alignment").attrs["how"])
        return aligned, lambda s: _moved(s, template, s.part("alignment")), f"Each session's latent is {how}."
    reference = _with_units(sessions[0])
    try:
        matched = {s.name: align_to_profile(template, _with_units(s), reference) for s in sessions}
    except ValueError as error:
        how = f"Sessions have no common coordinates, so profiles are not pooled: no task variable, and {error}."
        return [], _profile, how
    how = f"Each session's latent is {matched[sessions[-1].name].attrs['how']} to that of {sessions[0].name}."
    return sessions, lambda s: _moved(s, template, matched[s.name]), how


def _profile(session: Session) -> xr.Dataset:
    return session.part("profile")


def _moved(session: Session, template: Manifold, alignment: xr.Dataset) -> xr.Dataset:
    return moved(_profile(session), template, alignment["isometry"].to_numpy())


def _with_units(session: Session) -> xr.Dataset:
    return _profile(session).assign_coords(unit=session.part("unit_shares")["unit"].to_numpy())


def _has_alignment(session: Session) -> bool:
    try:
        return "isometry" in session.part("alignment")
    except (KeyError, OSError):
        return False

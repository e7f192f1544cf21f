"""The template of a recording over smoothing: too little leaves noise in holes, too much fills them.

Head direction turns slowly, and 0.4 s make its ring clear; the fields of a grid module are crossed in less, and 0.4 s
wash its torus out. The search begins with the longest smoothing and goes to shorter ones until a template with holes is
named. A *sweep* looks at all of them, and at fewer and more components: a template is kept only where none of the other
settings names another one with holes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import xarray as xr

from neuromanifold._typing import RandomState
from neuromanifold.data.prepare import prepare
from neuromanifold.data.recording import check
from neuromanifold.data.smoothing import Smoothing, resolved_smoothings
from neuromanifold.topology.checks import ALPHA
from neuromanifold.topology.classify import NO_HOLES, UNDECIDED, number_of_holes
from neuromanifold.topology.estimator import Topology
from neuromanifold.topology.persistence import PRIMES

__all__ = ["SMOOTHINGS", "find_template", "settings_sweep"]

# Standard deviations of the Gaussian, seconds, for spike counts and rates; continuous activity is taken as it is.
SMOOTHINGS = (0.4, 0.2, 0.1)
# Of the number of components that is chosen.
SHARES = (0.75, 1.0, 1.5)


def find_template(
    recording: xr.Dataset,
    *,
    smoothing: Smoothing = "auto",
    sweep: bool = False,
    alpha: float = ALPHA,
    n_shuffles: int = 100,
    n_jobs: int | None = None,
    verbose: bool = False,
    random_state: RandomState = None,
) -> Topology:
    """The first half of ``analyze`` alone: prepare and decide the template; the same verdict for the same seed.

    Parameters
    ----------
    recording : Dataset
        Keeping the recording contract.
    smoothing : float, None or "auto"
        Gaussian standard deviation in seconds; "auto" tries 0.4, 0.2 and 0.1 s for counts and rates until a template
        with holes is named, and takes continuous activity as it is.
    sweep : bool
        Look at every smoothing (half and twice a given one), with fewer and more components, and keep the verdict only
        where no other template is named (:func:`~neuromanifold.topology.settings_sweep`); several times as long.
    alpha, n_shuffles, n_jobs, verbose, random_state
        Of :class:`Topology`.

    Returns
    -------
    Topology
        Fitted, with ``smoothing_`` in seconds (None: none) and, after a sweep, its table ``sweep_``.
    """
    checked = check(recording)
    settings: dict[str, Any] = {"alpha": alpha, "n_shuffles": n_shuffles, "n_jobs": n_jobs, "verbose": verbose}
    tried: list[Topology] = []
    for seconds in resolved_smoothings(smoothing, checked, SMOOTHINGS):
        found = Topology(**settings, random_state=random_state).fit(prepare(checked, smoothing=seconds))
        found.smoothing_ = seconds
        tried.append(found)
        if found.template_ not in NO_HOLES:
            break
    else:
        found = tried[0]
    if len(tried) > 1:
        found.reasons_ = (*found.reasons_, _said_of(tried))
    if sweep:
        found.sweep_ = settings_sweep(checked, smoothing=smoothing, random_state=random_state, **settings)
        _agree(found)
    return found


def settings_sweep(
    recording: xr.Dataset,
    *,
    smoothing: Smoothing | Sequence[float | None] = "auto",
    random_state: RandomState = None,
    **settings: Any,
) -> xr.Dataset:
    """Verdicts (smoothing, share of components) of a recording: the votes as a table.

    Parameters
    ----------
    recording : Dataset
    smoothing : float, None, "auto" or sequence
        In seconds; of one number half and twice that too, "auto" as in :func:`find_template`.
    random_state, **settings
        Of :class:`Topology`.

    Returns
    -------
    Dataset
        ``template``, ``n_components``, ``loops`` and ``cavities`` (over Z2; -1 where not counted) and ``support``, the
        share of landmark draws for the template. ``attrs["vote"]`` says in words what they come to.
    """
    checked = check(recording)
    if isinstance(smoothing, float | int):
        smoothing = (smoothing / 2, smoothing, 2 * smoothing)
    seconds = sorted(resolved_smoothings(smoothing, checked, SMOOTHINGS), key=lambda s: s or 0.0)
    rows = [_row(prepare(checked, smoothing=s), {**settings, "random_state": random_state}) for s in seconds]
    table = xr.Dataset(
        {name: (("smoothing", "share"), [[cell[name] for cell in row] for row in rows]) for name in rows[0][0]},
        coords={
            "smoothing": ("smoothing", [s or 0.0 for s in seconds], {"units": "s"}),
            "share": ("share", list(SHARES), {"long_name": "share of the number of components that is chosen"}),
        },
    )
    return table.assign_attrs(vote=_vote(table))


def _row(prepared: xr.Dataset, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Verdicts of one preparation with the chosen number of components and with shares of it."""
    chosen = Topology(**settings).fit(prepared)
    n_chosen = int(chosen.bars_.attrs["n_components"])

    def with_share(share: float) -> Topology:
        n_components = min(max(round(share * n_chosen), 3), chosen.n_features_in_)
        return chosen if n_components == n_chosen else Topology(n_components=n_components, **settings).fit(prepared)

    return [_cell(with_share(share)) for share in SHARES]


def _cell(topology: Topology) -> dict[str, Any]:
    loops, *cavities = topology.betti_[PRIMES[0]][1:]
    return {
        "template": topology.template_,
        "n_components": int(topology.bars_.attrs["n_components"]),
        "loops": loops,
        "cavities": cavities[0] if cavities else -1,
        "support": next(iter(topology.support_.values())),
    }


def _vote(table: xr.Dataset) -> str:
    """What the settings come to, and how the loops depend on smoothing at the chosen number of components."""
    verdicts = Counter(table["template"].to_numpy().ravel().tolist())
    said = ", ".join(f"{name} at {count}" for name, count in verdicts.most_common())
    by_smoothing = table.sel(share=1.0)
    loops = ", ".join(
        f"{number_of_holes(1, int(n))} at {seconds:g} s"
        for n, seconds in zip(by_smoothing["loops"].to_numpy(), by_smoothing["smoothing"].to_numpy(), strict=True)
    )
    return f"of {table['template'].size} settings, {said}; {loops}"


def _agree(found: Topology) -> None:
    """Undecided where the settings of a sweep name different templates with holes; their vote joins the reasons."""
    named = set(found.sweep_["template"].to_numpy().ravel()) | {found.template_}
    others = sorted(named - {*NO_HOLES, found.template_})
    if others and found.template_ not in NO_HOLES:
        doubt = f"settings disagree ({', '.join([found.template_, *others])}): record longer, or more units"
        found.template_, found.reasons_ = UNDECIDED, (doubt, *found.reasons_)
    found.reasons_ = (*found.reasons_, f"the sweep over smoothing and components: {found.sweep_.attrs['vote']}")


def _said_of(tried: Sequence[Topology]) -> str:
    each = ", ".join(f"{topology.smoothing_:g} s: {topology.template_}" for topology in tried)
    return f"looked at with several widths of smoothing ({each})"

"""A table of comparisons: every representation of one list against every one of another, with errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import xarray as xr
from joblib import delayed
from tqdm.auto import tqdm

from neuromanifold._errors import InputError
from neuromanifold._parallel import spread
from neuromanifold._random import spawn_seeds
from neuromanifold._settings import check_choice, check_jobs
from neuromanifold._typing import ArrayLike, RandomState
from neuromanifold.compare.kernel_alignment import cka
from neuromanifold.compare.shape_distance import procrustes
from neuromanifold.compare.similarity_analysis import rsa

__all__ = ["matrix"]

MEASURES = {"cka": cka, "procrustes": procrustes, "rsa": rsa}
Representations: TypeAlias = Mapping[str, Any] | Sequence[Any]


def matrix(
    A: Representations,
    B: Representations | None = None,
    measure: Literal["cka", "procrustes", "rsa"] = "cka",
    groups: ArrayLike | None = None,
    *,
    n_jobs: int | None = None,
    verbose: bool = False,
    random_state: RandomState = None,
    **settings: Any,
) -> xr.Dataset:
    """Compare every representation of A with every one of B: layers × layers, network × network, network × recording.

    Parameters
    ----------
    A, B : mapping of names to representations, or sequence of representations
        All of the same samples. B None: those of A with each other.
    measure : {"cka", "procrustes", "rsa"}
    groups, settings
        Of the measure. All pairs share their bootstrap draws, so that their differences are not blurred by them.
    n_jobs, verbose, random_state
        Parallel pairs (joblib); a progress bar; seed.

    Returns
    -------
    Dataset
        ``value``, ``standard_error``, … (a, b), with the names as coordinates.

    Raises
    ------
    InputError
        For an unknown measure, empty lists, and whatever the measure refuses.
    """
    check_choice("measure", measure, tuple(MEASURES))
    check_jobs(n_jobs)
    rows, columns = _named(A, "A"), _named(A if B is None else B, "B")
    if B is None:
        # Symmetric measures: each pair once, and mirrored.
        wanted = [(a, b) for i, a in enumerate(rows) for b in list(rows)[i:]]
    else:
        wanted = [(a, b) for a in rows for b in columns]
    seed = spawn_seeds(random_state, 1)[0]
    jobs = (delayed(MEASURES[measure])(rows[a], columns[b], groups, random_state=seed, **settings) for a, b in wanted)
    results = spread(jobs, n_jobs)
    found = dict(zip(wanted, tqdm(results, total=len(wanted), desc=measure, disable=not verbose), strict=True))
    cells = [[found[a, b] if (a, b) in found else found[b, a] for b in columns] for a in rows]
    table = xr.concat([xr.concat(row, dim="b") for row in cells], dim="a", combine_attrs="override")
    names = {"a": list(rows), "b": list(columns)}
    return table.assign_coords(names).assign_attrs(random_state=str(random_state))


def _named(representations: Representations, name: str) -> dict[str, Any]:
    one = isinstance(representations, xr.Dataset) or hasattr(representations, "shape")
    if one or not len(representations):
        raise InputError(f"{name} must be a list or a mapping of names to representations, with one at least")
    given = representations if isinstance(representations, Mapping) else dict(enumerate(representations))
    return {str(key): value for key, value in given.items()}

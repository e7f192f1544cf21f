"""How much the curvature profile owes to the preparation, and to the units that happened to be recorded.

|H| is one over a length in activity space, and root, z-score, smoothing and components change that space, bend by bend.
The dimensionless profile (1 on a round circle or sphere) is computed for each preparation, at the same task
coordinates, and compared by rank; and for random subsets of the units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from joblib import delayed
from scipy.stats import spearmanr
from tqdm import tqdm

from neuromanifold._errors import InputError
from neuromanifold._parallel import spread
from neuromanifold._random import numpy_generator
from neuromanifold._settings import check_jobs, check_names, check_number, check_sequence, check_whole
from neuromanifold._typing import FloatArray, IntArray, RandomState
from neuromanifold.data.prepare import prepare
from neuromanifold.data.recording import check, to_arrays
from neuromanifold.geometry import Immersion
from neuromanifold.manifolds import Manifold, resolve
from neuromanifold.models.base import FitSettings
from neuromanifold.models.generative import fit_generative
from neuromanifold.profile import immersion_profile, template_grid
from neuromanifold.statistics.stamp import quantity, stamped

__all__ = ["preparations", "sensitivity"]

# Seconds, as in ``analyze``, for counts and rates.
SMOOTHING = 0.15
N_SAMPLES = 10000


def preparations(recording: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Settings of ``prepare`` by name: those that make sense for the recording's kind of activity."""
    n_components = min(6, recording.sizes["unit"] - 1)
    if recording["activity"].attrs["kind"] == "continuous":
        return {
            "as it is": {},
            "z-score": {"zscore": True},
            f"{n_components} components": {"n_components": n_components},
            f"z-score, {n_components} components": {"zscore": True, "n_components": n_components},
        }
    plain = {"transform": None, "smoothing": SMOOTHING}
    root = {"transform": "sqrt", "smoothing": SMOOTHING}
    standard = root | {"zscore": True}
    return {
        "root, z-score": standard,
        "none": plain,
        "root": root,
        "z-score": plain | {"zscore": True},
        "half the smoothing": standard | {"smoothing": SMOOTHING / 2},
        "twice the smoothing": standard | {"smoothing": 2 * SMOOTHING},
        f"{n_components} components": standard | {"n_components": n_components},
    }


def sensitivity(
    recording: xr.Dataset,
    variable: str | Sequence[str],
    template: str | Manifold = "circle",
    *,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    unit_shares: Sequence[float] = (0.25, 0.5, 0.75),
    n_draws: int = 5,
    n_jobs: int | None = None,
    verbose: bool = False,
    random_state: RandomState = None,
) -> xr.Dataset:
    """Profiles of dimensionless |H| under several preparations and on random subsets of the units.

    Parameters
    ----------
    recording : Dataset
        As recorded, not prepared.
    variable : str or sequence of str
        Circular task variable(s) that are the template's coordinates, one for each of its angles.
    template : str or Manifold
        Circle, torus, or another with periodic angles only.
    settings : mapping of name to settings of ``prepare``, optional
        :func:`preparations` of the recording where left out; subsets of units use the first.
    unit_shares : sequence of float
        Sizes of the subsets as shares of all units, between 0 and 1; each is drawn ``n_draws`` times.
    n_jobs, verbose, random_state
        Parallel fits (joblib), a progress bar, the seed.

    Returns
    -------
    Dataset
        ``dimensionless_mean_curvature`` (preparation, point), ``rank_correlation`` (preparation, preparation_2) and
        that with the first, ``agreement`` (preparation), the mean over points ``mean_curvature`` (preparation);
        ``subset_rank_correlation`` and ``subset_mean_curvature`` (n_units, draw), with the profile of all units.

    Raises
    ------
    InputError
        If the variables do not give the template's coordinates, or a subset has too few units.
    """
    check_names("variable", variable)
    check_sequence("unit_shares", unit_shares, "numbers between 0 and 1, such as (0.5,)")
    for share in unit_shares:
        check_number("each of unit_shares", share, 0, 1)
    check_whole("n_draws", n_draws, 1)
    check_jobs(n_jobs)
    checked, space = check(recording), resolve(template)
    names = [variable] if isinstance(variable, str) else list(variable)
    _check_coordinates(checked, names, space)
    chosen = {name: dict(values) for name, values in (settings or preparations(checked)).items()}
    rng = numpy_generator(random_state)
    sizes, subsets = _subsets(checked.sizes["unit"], unit_shares, n_draws, space, rng)
    everything = np.arange(checked.sizes["unit"])
    first = next(iter(chosen.values()))
    jobs = [(everything, values) for values in chosen.values()] + [(units, first) for units in subsets]
    calls = [delayed(_profile)(checked.isel(unit=units), names, space, values) for units, values in jobs]
    results = spread(calls, n_jobs)
    bar = tqdm(results, total=len(jobs), desc="preparations and subsets", disable=not verbose, leave=False)
    profiles = np.stack(list(bar))
    shape = (len(sizes), n_draws, -1)
    dataset = _labelled(profiles[: len(chosen)], profiles[len(chosen) :].reshape(shape), list(chosen), sizes, space)
    return stamped(dataset, random_state, template=space.name, variable=names, preparations=str(chosen))


def _check_coordinates(recording: xr.Dataset, names: list[str], template: Manifold) -> None:
    to_arrays(recording, names)  # names that are not there are told
    circular = [name for name in names if recording[name].attrs["kind"] == "circular"]
    if len(circular) != template.dim or circular != names or None in template.periods:
        raise InputError(
            f"the {template.name} needs {template.dim} circular task variable(s) as coordinates, and periodic angles "
            f"only; got {', '.join(names)}"
        )


def _subsets(
    n_units: int, shares: Sequence[float], n_draws: int, template: Manifold, rng: np.random.Generator
) -> tuple[list[int], list[IntArray]]:
    sizes = sorted({round(share * n_units) for share in shares})
    if any(size < template.dim + 1 for size in sizes):
        raise InputError(
            f"unit_shares: subsets of {sizes} of {n_units} units; a {template.name} needs {template.dim + 1} at least"
        )
    return sizes, [np.sort(rng.choice(n_units, size, replace=False)) for size in sizes for _ in range(n_draws)]


def _profile(recording: xr.Dataset, names: list[str], template: Manifold, settings: dict[str, Any]) -> FloatArray:
    """Dimensionless |H| (n_points,) of one preparation, the variables as labels."""
    arrays = to_arrays(prepare(recording, **settings), names)
    assert arrays.y is not None
    step = -(-len(arrays.X) // N_SAMPLES)
    x, u, g = (torch.as_tensor(values[::step]) for values in (arrays.X, arrays.y, arrays.groups))
    known = torch.isfinite(u).all(dim=1)
    fit = fit_generative(template, x[known], u[known], g[known], FitSettings(1.0, 1), 0)
    return immersion_profile(Immersion(template, fit.decoder))["dimensionless_mean_curvature"].to_numpy()


def _labelled(
    profiles: FloatArray, subsets: FloatArray, names: list[str], sizes: list[int], template: Manifold
) -> xr.Dataset:
    grid = template_grid(template, None)
    curvature = quantity("dimensionless mean curvature", "", "1 on a round circle or sphere")
    rank = [[_rank_correlation(a, b) for b in profiles] for a in profiles]
    subset_rank = [[_rank_correlation(draw, profiles[0]) for draw in draws] for draws in subsets]
    return xr.Dataset(
        {
            "dimensionless_mean_curvature": (("preparation", "point"), profiles, curvature),
            "mean_curvature": ("preparation", np.nanmean(profiles, axis=1), curvature),
            "rank_correlation": (("preparation", "preparation_2"), rank, quantity("Spearman's correlation")),
            "agreement": ("preparation", rank[0], quantity(f"Spearman's correlation with {names[0]}")),
            "subset_mean_curvature": (("n_units", "draw"), np.nanmean(subsets, axis=2), curvature),
            "subset_rank_correlation": (
                ("n_units", "draw"),
                subset_rank,
                quantity("Spearman's correlation with the profile of all units"),
            ),
        },
        coords={"preparation": names, "preparation_2": names, "n_units": sizes}
        | {f"angle_{i}": ("point", grid.angles[:, i].numpy(), {"units": "radian"}) for i in range(template.dim)},
    )


def _rank_correlation(a: FloatArray, b: FloatArray) -> float:
    return float(spearmanr(a, b, nan_policy="omit").statistic)

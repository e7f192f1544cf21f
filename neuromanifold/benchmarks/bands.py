"""Coverage of error bands: how often does a 90 % band of a profile hold the true one?

Recordings of manifolds that are known in closed form are drawn again and again, a model is fitted to each by its
default settings, and its bands are held against the truth: at equal coordinates where they were given, else at the
nearest true point to each learned one. Pointwise coverage is a share of points, averaged over the profile; simultaneous
coverage a share of whole profiles.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
import xarray as xr

from neuromanifold._typing import FloatArray
from neuromanifold.benchmarks.manifolds import MANIFOLDS, Sample
from neuromanifold.benchmarks.matching import nearest_points
from neuromanifold.benchmarks.rows import CachedRows, Key
from neuromanifold.geometry import local_geometry
from neuromanifold.profile import curvature_profile, immersion_profile

__all__ = ["run"]

NOISE_VAR = 0.01
N_BOOTSTRAP = 50
# The bands were designed on seeds below and above this one and the hundred that follow.
FIRST_SEED = 100
# Points of a profile: fewer than a figure has, of surfaces.
N_POINTS = {1: 360, 2: 400}
CELLS: tuple[Key, ...] = (
    {"shape": "circle wiggles", "units": 10, "coordinates": "given"},
    {"shape": "circle bump", "units": 10, "coordinates": "given"},
    {"shape": "place cells", "units": 10, "coordinates": "given"},
    {"shape": "place cells", "units": 40, "coordinates": "given"},
    {"shape": "sphere", "units": 10, "coordinates": "given"},
    {"shape": "torus", "units": 10, "coordinates": "given"},
    {"shape": "circle wiggles", "units": 10, "coordinates": "not given"},
    {"shape": "circle bump", "units": 10, "coordinates": "not given"},
)
NORM = "mean_curvature_norm"


def run(n_seeds: int = 10, *, n_jobs: int | None = -1, fresh: bool = False, verbose: bool = True) -> pd.DataFrame:
    """Coverage and width of 90 % bands of |H| at noise variance 0.01, and of Poisson counts of place cells.

    Parameters
    ----------
    n_seeds : int
        Recordings of each shape, seeds 100, 101, …; a coverage is known to a few per cent from 100.
    n_jobs : int, optional
        Recordings at once, as in joblib.
    fresh : bool
        Compute again what was kept.
    verbose : bool
        Print the table.

    Returns
    -------
    pandas.DataFrame
        A row per shape, number of units and whether coordinates were given: mean ``pointwise`` coverage and its
        ``standard_error``, share of profiles that the ``simultaneous`` band holds as a whole, and mean widths of both
        bands as shares of the mean |H|.
    """
    keys: list[Key] = [{**cell, "seed": FIRST_SEED + number} for cell in CELLS for number in range(n_seeds)]
    rows = CachedRows("bands", fresh=fresh).rows(keys, figures, n_jobs=n_jobs)
    by = pd.DataFrame(rows).groupby(["shape", "units", "coordinates"], sort=False)
    table = by.mean().drop(columns="seed")
    table.insert(1, "standard_error", by["pointwise"].sem())
    if verbose:
        print(table.to_string(float_format="{:.3g}".format))
    return table.reset_index()


def figures(key: Key) -> dict[str, float]:
    """Coverage and width of the bands of one recording."""
    shape, given, seed = str(key["shape"]), key["coordinates"] == "given", int(key["seed"] or 0)
    sample = MANIFOLDS[shape](int(key["units"] or 0), NOISE_VAR, seed)
    labels = sample.angles if given else None
    # Bands are the decoder's: one epoch of the encoder is enough.
    model = sample.estimator(seed).set_params(max_epochs=1).fit(sample.activity, labels)
    n_points = N_POINTS[sample.template.dim]
    profile = curvature_profile(
        model, sample.activity, labels, n_bootstrap=N_BOOTSTRAP, n_points=n_points, random_state=seed
    )
    truth = true_norm(sample, profile, given, n_points)
    found = {"pointwise": float(held(profile, "", truth).mean())}
    found["simultaneous"] = float(held(profile, "_simultaneous", truth).all())
    for kind, name in (("", "width"), ("_simultaneous", "simultaneous_width")):
        gap = profile[f"{NORM}{kind}_upper"] - profile[f"{NORM}{kind}_lower"]
        found[name] = float(gap.mean()) / float(truth.mean())
    return found


def true_norm(sample: Sample, profile: xr.Dataset, given: bool, n_points: int) -> FloatArray:
    """The true |H| (n,) at the points of a profile."""
    if given:
        return immersion_profile(sample.truth, n_points)[NORM].to_numpy()
    points = nearest_points(sample.truth, torch.as_tensor(profile["position"].to_numpy()))
    return local_geometry(sample.truth, points, on_points=True).mean_curvature_norm.numpy()


def held(profile: xr.Dataset, kind: str, truth: FloatArray) -> np.ndarray:
    """Whether a band holds the truth (n,)."""
    lower, upper = (profile[f"{NORM}{kind}_{end}"].to_numpy() for end in ("lower", "upper"))
    return (lower <= truth) & (truth <= upper)

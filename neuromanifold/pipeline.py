"""``analyze``: the whole line, from a recording to a report.

prepare -> Topology -> template -> TopologicalVAE -> curvature profile -> against the task variable -> report

Topology sees more smoothing than the model: holes are found in activity with little noise, and curvature is
measured on activity whose bends have not been smoothed away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr

from neuromanifold._errors import InputError
from neuromanifold._random import spawn_seeds
from neuromanifold._typing import FloatArray, RandomState
from neuromanifold.analysis import Analysis
from neuromanifold.analysis_settings import check_settings
from neuromanifold.data.offsets import less_offset, without_offsets
from neuromanifold.data.prepare import prepare
from neuromanifold.data.recording import Arrays, check, to_arrays
from neuromanifold.data.requirements import require_along_time, require_variables
from neuromanifold.data.smoothing import Smoothing, resolved_smoothings
from neuromanifold.manifolds import Manifold, resolve
from neuromanifold.models import TopologicalVAE
from neuromanifold.profile import curvature_profile
from neuromanifold.statistics import (
    angular_error,
    best_rotation,
    compare_conditions,
    compare_templates,
    curvature_against,
    held_out_points,
    main_numbers,
    median_interval,
    overview,
    sample_points,
    scalars,
    summary,
)
from neuromanifold.statistics import sensitivity as preparation_sensitivity
from neuromanifold.statistics.alignment import LEVEL
from neuromanifold.statistics.stamp import stamped
from neuromanifold.topology import find_template

__all__ = ["analyze", "find_template"]

# Standard deviations of the Gaussian, seconds, for spike counts and rates; continuous activity is taken as it is.
MODEL_SMOOTHING = 0.15
FITTED = ("circle", "sphere", "torus")


def analyze(
    recording: xr.Dataset,
    variable: str | Sequence[str] | None = None,
    *,
    template: str | Manifold | None = None,
    smoothing: Smoothing = "auto",
    topology_smoothing: Smoothing = "auto",
    n_shuffles: int = 100,
    n_bootstrap: int = 50,
    template_vote: bool = True,
    condition: str | None = None,
    offsets: str | None = None,
    sensitivity: bool = False,
    sweep: bool = False,
    device: str = "auto",
    n_jobs: int | None = None,
    verbose: bool = False,
    random_state: RandomState = None,
) -> Analysis:
    """Decide the template, fit the manifold and profile its curvature.

    Inside ``with neuromanifold.checkpoints(folder)`` a run that was killed goes on from what it had finished.

    Parameters
    ----------
    recording : Dataset
        Keeping the recording contract (``neuromanifold.load``, ``neuromanifold.as_recording``). One that is read in
        blocks of time stays so for topology and fit; what is made of the fit reads the prepared activity whole.
    variable : str or sequence of str, optional
        Task variable(s). One that has the template's own shape (a circular variable on a circle, two on a torus) gives
        the coordinates, and the decoding error is measured on held-out blocks; any other is compared afterwards.
    template : str or Manifold, optional
        Fit this template whatever topology says.
    smoothing, topology_smoothing : float, None or "auto"
        Gaussian standard deviation in seconds for the model and for topology; "auto" is 0.15, and for topology what
        :func:`find_template` needs, for counts and rates and None for continuous activity.
    n_shuffles, n_bootstrap : int
        Shuffles of the topology's null; refits for the curvature band (0: none).
    template_vote : bool
        Where topology is undecided, compare templates by held-out likelihood (a minute or two): a vote beside the
        verdict, which stays undecided.
    condition : str, optional
        Categorical task variable of two values between which curvature is compared.
    offsets : str, optional
        "interval", or any other coordinate or variable along time: in each of its values the variable has a zero of its
        own (a fly's heading against its compass), which is estimated; ``NAME_less_offset`` is what follows uses.
    sensitivity : bool
        Fit again under other preparations and on subsets of the units (about a minute); needs a ``variable`` that gives
        the coordinates.
    sweep : bool
        Look at the topology over smoothing and components too, and keep a verdict only where no setting names another.
    device, n_jobs, verbose, random_state
        Of the model; parallel shuffles; progress bars; seed.
    """
    stated: dict[str, Any] = {"variable": variable, "template": template, "condition": condition, "offsets": offsets}
    stated |= {"smoothing": smoothing, "topology_smoothing": topology_smoothing, "n_shuffles": n_shuffles}
    stated |= {"n_bootstrap": n_bootstrap, "sensitivity": sensitivity, "device": device, "n_jobs": n_jobs}
    stated |= {"random_state": random_state}
    check_settings(stated)
    given = None if template is None else resolve(template)
    checked = check(recording)
    names = [variable] if isinstance(variable, str) else list(variable or [])
    require_variables(checked, names if condition is None else [*names, condition])
    if offsets is not None:
        require_along_time(checked, offsets, "offsets")
    # An int goes to the topology as it is, so that find_template with the same seed gives the same verdict.
    seeds = spawn_seeds(random_state, 7)
    smoothing = resolved_smoothings(smoothing, checked, (MODEL_SMOOTHING,))[0]
    topology = find_template(
        checked,
        smoothing=topology_smoothing,
        sweep=sweep,
        n_shuffles=n_shuffles,
        n_jobs=n_jobs,
        verbose=verbose,
        random_state=random_state if isinstance(random_state, int) else seeds[0],
    )
    prepared = prepare(checked, smoothing=smoothing, zscore=True)
    settings = {
        "variable": names,
        "smoothing": smoothing,
        "topology_smoothing": topology.smoothing_,
        "n_shuffles": n_shuffles,
        "n_bootstrap": n_bootstrap,
        "offsets": offsets,
        "random_state": str(random_state),
    }
    analysis = Analysis(
        checked, prepared, topology, variable=names[0] if names else None, settings=settings, statistics=xr.Dataset()
    )
    chosen = given or (topology.template_ if topology.template_ in FITTED else None)
    if chosen is not None:
        settings["template"] = resolve(chosen).name
        names = _fit(analysis, resolve(chosen), names, n_bootstrap, device, verbose, seeds[1:])
        if condition is not None:
            analysis.details["conditions"] = _conditions(analysis, names, condition, seeds[5])
        if sensitivity:
            analysis.details["sensitivity"] = preparation_sensitivity(
                analysis.recording, names, resolve(chosen), n_jobs=n_jobs, verbose=verbose, random_state=seeds[6]
            )
    elif template_vote and topology.template_ == "undecided":
        vote = compare_templates(prepared, n_jobs=n_jobs, verbose=verbose, random_state=seeds[4])
        analysis.details["templates"] = vote
    return analysis


def _fit(
    analysis: Analysis,
    template: Manifold,
    names: list[str],
    n_bootstrap: int,
    device: str,
    verbose: bool,
    seeds: list[int],
) -> list[str]:
    """Model, latent, profile and statistics of an analysis whose template is known; names of the variables used."""
    arrays = to_arrays(analysis.prepared, names or None)
    labels = _labels(analysis.prepared, arrays, names, template)
    offsets = analysis.settings["offsets"]
    if offsets is not None and labels is None:
        raise InputError(
            f"offsets need circular variables that are the coordinates of the {template.name}; got {names}"
        )
    # The recorded variable is the coordinate that curvature is reported against: what it says is where a sample is.
    model = TopologicalVAE(
        template,
        label_tolerance=0,
        offsets=None if offsets is None else analysis.prepared[offsets].to_numpy(),
        device=device,
        verbose=verbose,
        random_state=seeds[0],
    )
    model.fit(arrays.X, labels, arrays.groups)
    # What is made of the fit goes over all samples again and again: from here on they are in memory.
    analysis.prepared = analysis.prepared.compute()
    if offsets is not None:
        names = _without_offsets(analysis, model, names, offsets)
    arrays = to_arrays(analysis.prepared, names or None)
    if offsets is not None:
        labels = _labels(analysis.prepared, arrays, names, template)
    prepared = analysis.prepared
    angles = model.angles(arrays.X)
    analysis.model = model
    analysis.latent = xr.DataArray(
        angles,
        dims=("time", "angle"),
        coords={"time": prepared["time"], "angle": np.arange(template.dim)},
        attrs={"units": "radian", "template": template.name, "gauge": model.gauge_},
    )
    analysis.profile = curvature_profile(
        model, arrays.X, labels, arrays.groups, n_bootstrap=n_bootstrap, random_state=seeds[1]
    )
    rate = analysis.recording["activity"].mean("unit").sel(time=prepared["time"]).to_numpy()
    analysis.details |= overview(model, prepared, analysis.variable, labels, rate, random_state=seeds[2])
    analysis.statistics = main_numbers(analysis.details).merge(summary(model, analysis.profile))
    for part in (analysis.profile, analysis.statistics, *analysis.details.values()):
        _name_units(part, prepared["activity"].attrs["units"])
    if names:
        _compare(analysis, arrays, labels, angles, seeds[2])
    return names


def _without_offsets(analysis: Analysis, model: TopologicalVAE, names: list[str], groups: str) -> list[str]:
    """Put the variables less their groups' offsets beside them; their names."""
    assert model.offsets_ is not None
    analysis.recording = without_offsets(analysis.recording, names, groups, model.offsets_)
    analysis.prepared = without_offsets(analysis.prepared, names, groups, model.offsets_)
    analysis.details["offsets"] = stamped(model.offsets_.to_dataset(name="offset"), groups=groups)
    found = [less_offset(name) for name in names]
    analysis.variable = found[0]
    return found


def _conditions(analysis: Analysis, names: list[str], condition: str, seed: int) -> xr.Dataset:
    """Curvature in two conditions, at the coordinates of the fit."""
    assert analysis.model is not None
    arrays = to_arrays(analysis.prepared, names or None)
    labels = _labels(analysis.prepared, arrays, names, analysis.model.template_)
    found = compare_conditions(analysis.model, analysis.prepared, condition, labels, random_state=seed)
    _name_units(found, analysis.prepared["activity"].attrs["units"])
    return found


def _labels(prepared: xr.Dataset, arrays: Arrays, names: list[str], template: Manifold) -> FloatArray | None:
    """The variables as coordinates, where they have the template's shape."""
    circular = names and all(prepared[name].attrs["kind"] == "circular" for name in names)
    all_periodic = None not in template.periods
    if not (circular and all_periodic and len(names) == template.dim) or arrays.y is None:
        return None
    return arrays.y.reshape(len(arrays.X), template.dim)


def _compare(analysis: Analysis, arrays: Arrays, labels: FloatArray | None, angles: FloatArray, seed: int) -> None:
    """Decoding error, and curvature along the first variable."""
    assert analysis.model is not None
    assert analysis.profile is not None
    assert analysis.statistics is not None
    assert arrays.y is not None
    template, name = analysis.model.template_, analysis.variable
    values = arrays.y if arrays.y.ndim == 1 else arrays.y[:, 0]
    circular = analysis.prepared[name].attrs["kind"] == "circular"
    if circular and template.dim == 1:
        if labels is not None:
            decoded = template.angles(torch.as_tensor(held_out_points(template, arrays.X, labels, arrays.groups)))
            aligned, error = best_rotation(decoded.numpy()[:, 0], values)
            meaning = "median over held-out blocks of time"
        else:
            aligned, error = best_rotation(angles[:, 0], values)
            meaning = "median, after the best rotation or reflection"
        low, high = median_interval(angular_error(aligned, values), arrays.groups, LEVEL, seed)
        about = ("degree", f"decoding error of {name}", f"{meaning}; {100 * LEVEL:g} % interval over blocks of time")
        found = {"decoding_error": error, "decoding_error_lower": low, "decoding_error_upper": high}
        rows = {key: (float(np.rad2deg(value)), *about) for key, value in found.items()}
        analysis.statistics = scalars(rows).merge(analysis.statistics)
    places = sample_points(analysis.model, arrays.X, labels)
    against = curvature_against(analysis.profile, places, template, values, 2 * np.pi if circular else None)
    against["bin"].attrs = {"units": "radian" if circular else analysis.prepared[name].attrs["units"]}
    if "variation" in analysis.details:
        against["p_bin"] = analysis.details["variation"]["p_bin"].reindex(bin=against["bin"])
    analysis.against = against.rename(bin=str(name))


def _name_units(dataset: xr.Dataset, units: str) -> None:
    """Put the prepared activity's own units where the geometry could only say "activity unit"."""
    short = {"standard deviations": "SD"}.get(units, units)
    for variable in dataset.variables.values():
        if "activity unit" in str(variable.attrs.get("units")):
            variable.attrs["units"] = variable.attrs["units"].replace("activity unit", short)

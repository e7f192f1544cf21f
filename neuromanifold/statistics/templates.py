"""Which template? Held-out marginal log-likelihood of each, a vote beside topology.

Every template is fitted without labels, with the same kind of decoder and noise, to some blocks of time and scored on
the rest: the mean over held-out samples of ``log p(x) = log ∫ p(x | z) dz``. Samples of a block depend on each other,
so errors come from the blocks: with block means m_b of n_b samples and mean m,

    error² = B / (B - 1) Σ_b (n_b / n)² (m_b - m)².

Templates are compared block by block. A torus or sphere can imitate a circle (the decoder need not use a direction), so
of templates within one standard error of the best the simplest is favoured: lowest dimension, then fewest holes.

References
----------
Jensen et al. (2020), Manifold GPLVMs for discovering non-Euclidean latent structure in neural data.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from joblib import delayed
from tqdm import tqdm

from neuromanifold._errors import InputError
from neuromanifold._parallel import spread
from neuromanifold._random import spawn_seeds
from neuromanifold._settings import check_jobs, check_sequence, check_whole
from neuromanifold._typing import BoolArray, FloatArray, IntArray, RandomState
from neuromanifold.bootstrap import time_blocks
from neuromanifold.data.recording import to_arrays
from neuromanifold.manifolds import Manifold, resolve
from neuromanifold.models.base import FitSettings
from neuromanifold.models.generative import fit_generative
from neuromanifold.statistics.stamp import quantity, stamped

__all__ = ["compare_templates"]

N_INIT = 2


def compare_templates(
    recording: xr.Dataset,
    templates: Sequence[str | Manifold] = ("contractible", "circle", "sphere", "torus"),
    *,
    n_folds: int = 3,
    max_samples: int = 2000,
    n_jobs: int | None = None,
    verbose: bool = False,
    random_state: RandomState = None,
) -> xr.Dataset:
    """Held-out log-likelihood of templates that are fitted without labels.

    Parameters
    ----------
    recording : Dataset
        Prepared activity, continuous.
    templates : sequence of str or Manifold
        Those that have starting coordinates: contractible, circle, sphere, torus.
    n_folds : int
        Each block of time is held out once, a ``n_folds``-th of them at a time.
    max_samples : int
        At most so many samples, evenly spaced: a fit of the torus takes about 10 s a thousand.
    n_jobs, verbose, random_state
        Parallel fits (joblib), a progress bar, the seed.

    Returns
    -------
    Dataset
        Along ``template``: ``mean`` and ``standard_error`` (nats per sample), ``difference`` to the best with its own
        ``difference_error`` over blocks; scalar ``n_blocks``. NaN for a template that could not be fitted, with the
        reason in ``attrs["failed"]``. ``attrs["favoured"]`` is the simplest within one standard error of the best, and
        ``attrs["vote"]`` says so in a sentence.

    Raises
    ------
    InputError
        If fewer than two templates are given, a setting is out of range, or none can be fitted.
    """
    candidates = _candidates(templates)
    check_whole("n_folds", n_folds, 2, 20)
    check_whole("max_samples", max_samples, 200)
    check_jobs(n_jobs)
    arrays = to_arrays(recording)
    step = -(-len(arrays.X) // max_samples)
    X, groups = arrays.X[::step], arrays.groups[::step]
    blocks = time_blocks(len(X), groups)
    seeds = spawn_seeds(random_state, n_folds)
    jobs = [delayed(_scores)(t, X, groups, blocks % n_folds == f, seeds[f]) for t in candidates for f in range(n_folds)]
    results = spread(jobs, n_jobs)
    found = list(tqdm(results, total=len(jobs), desc="templates, held out", disable=not verbose, leave=False))
    scores = np.full((len(candidates), len(X)), np.nan)
    failed: dict[str, str] = {}
    for job, result in enumerate(found):
        template, fold = divmod(job, n_folds)
        if isinstance(result, str):
            failed[candidates[template].name] = result
        else:
            scores[template, blocks % n_folds == fold] = result
    return stamped(
        _compared(candidates, scores, blocks, failed), random_state, n_folds=n_folds, n_samples=len(X), n_init=N_INIT
    )


def _candidates(templates: Sequence[str | Manifold]) -> list[Manifold]:
    check_sequence("templates", templates, 'two or more templates, such as ("circle", "torus")')
    try:
        found = [resolve(template) for template in templates]
    except InputError as error:
        raise InputError(f"templates: {error}") from error
    names = [template.name for template in found]
    if len(set(names)) < max(2, len(names)):
        raise InputError(f"templates must be two or more, each once; got {', '.join(names) or 'none'}")
    return found


def _scores(template: Manifold, X: FloatArray, groups: IntArray, test: BoolArray, seed: int) -> FloatArray | str:
    """Log-likelihood of the held-out samples, or why the template could not be fitted to the others."""
    train, held = torch.as_tensor(X[~test]), torch.as_tensor(X[test])
    unknown = torch.full((len(train), template.dim), float("nan"), dtype=torch.float64)
    try:
        fit = fit_generative(template, train, unknown, torch.as_tensor(groups[~test]), FitSettings(1.0, N_INIT), seed)
    except InputError as error:
        return str(error)
    return fit.posterior(1.0, held).log_likelihood(held).numpy()


def _compared(candidates: list[Manifold], scores: FloatArray, blocks: IntArray, failed: dict[str, str]) -> xr.Dataset:
    mean, error = _mean_and_error(scores, blocks)
    if not np.isfinite(mean).any():
        raise InputError(f"no template could be fitted: {failed}")
    difference, difference_error = _mean_and_error(scores - scores[int(np.nanargmax(mean))], blocks)
    dataset = xr.Dataset(
        {
            "mean": ("template", mean, quantity("held-out log-likelihood", "nats per sample")),
            "standard_error": ("template", error, quantity("its error", "nats per sample")),
            "difference": ("template", difference, quantity("less the best", "nats per sample")),
            "difference_error": (
                "template",
                difference_error,
                quantity("error of the difference, block by block", "nats per sample"),
            ),
            "n_blocks": ((), int(blocks[-1]) + 1, quantity("blocks of time")),
        },
        coords={"template": [template.name for template in candidates]},
    )
    close = np.flatnonzero(-dataset["difference"] <= dataset["difference_error"])
    favoured = min((candidates[i] for i in close), key=_complexity).name
    attrs = {"favoured": favoured, "failed": "; ".join(f"{name}: {why}" for name, why in failed.items())}
    return dataset.assign_attrs(attrs, vote=_vote(dataset, favoured))


def _mean_and_error(values: FloatArray, blocks: IntArray) -> tuple[FloatArray, FloatArray]:
    """Mean over samples of values (..., n), and its standard error from the sums over blocks."""
    mean = values.mean(axis=1)
    sums = np.stack([np.bincount(blocks, row) for row in values - mean[:, None]])
    n_blocks = sums.shape[1]
    return mean, np.sqrt(n_blocks / (n_blocks - 1) * np.square(sums).sum(axis=1)) / values.shape[1]


def _complexity(template: Manifold) -> tuple[int, int]:
    return template.dim, sum(template.betti(2))


def _vote(dataset: xr.Dataset, favoured: str) -> str:
    """What the comparison says, in a sentence."""
    others = dataset["difference"].drop_sel(template=favoured).dropna("template")
    if not others.size:
        return f"Only the {favoured} could be fitted without labels: held-out likelihood has no vote."
    rival = str(others["template"][int(others.to_numpy().argmax())].item())
    ahead = float(dataset["difference"].sel(template=favoured) - others.max())
    error = float(dataset["difference_error"].sel(template=[favoured, rival]).max())
    if ahead <= error:
        return (
            f"Held-out likelihood cannot tell {favoured} from {rival} ({ahead:+.2g} ± {error:.2g} nats per sample); "
            f"{favoured} is the simpler."
        )
    return f"Held-out likelihood favours {favoured} over {rival} by {ahead:.2g} ± {error:.2g} nats per sample."

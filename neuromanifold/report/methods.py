"""The methods of an analysis as a paragraph for a paper, from its settings, and what it cites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["REFERENCES", "methods", "references"]

REFERENCES = {
    "Acosta et al. 2023": "Acosta F, Sanborn S, Dao Duc K, Madhav M, Miolane N (2023). Quantifying extrinsic curvature "
    "in neural manifolds. CVPR Workshop on Topology, Algebra, and Geometry.",
    "Bauer 2021": "Bauer U (2021). Ripser: efficient computation of Vietoris–Rips persistence barcodes. Journal of "
    "Applied and Computational Topology 5, 391–423.",
    "Gardner et al. 2022": "Gardner RJ, Hermansen E, Pachitariu M, et al. (2022). Toroidal topology of population "
    "activity in grid cells. Nature 602, 123–128.",
    "Jensen et al. 2020": "Jensen KT, Kao TC, Tripodi M, Hennequin G (2020). Manifold GPLVMs for discovering "
    "non-Euclidean latent structure in neural data. NeurIPS 33.",
    "Nychka 1988": "Nychka D (1988). Bayesian confidence intervals for smoothing splines. Journal of the American "
    "Statistical Association 83, 1134–1143.",
}


def methods(settings: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """A paragraph on preparation, topology, model and curvature; without a fitted template it ends at topology.

    Parameters
    ----------
    settings : mapping
        Of :func:`neuromanifold.analyze`: ``variable``, ``smoothing``, ``topology_smoothing``, ``n_bootstrap``,
        ``offsets``, ``random_state``.
    facts : mapping
        ``version``, ``n_units``, ``n_samples``, ``sampling_period`` (s), ``steps`` (of the preparation), ``null``,
        ``n_shuffles``, ``alpha``, ``n_landmarks``; of a fit also ``template``, ``gauge``, ``n_harmonics``, ``level``.
    """
    parts = [_prepared(settings, facts), _topology(settings, facts)]
    if "template" in facts:
        parts += [_model(settings, facts), _curvature(settings, facts)]
    parts.append(f"The analysis was made with neuromanifold {facts['version']}, seed {settings['random_state']}.")
    return " ".join(parts)


def references(text: str) -> tuple[str, ...]:
    """Those of the references that a text cites, by author."""
    return tuple(full for short, full in REFERENCES.items() if short in text)


def _prepared(settings: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    period = facts["sampling_period"]
    minutes = facts["n_samples"] * period / 60
    steps = "; ".join(_steps(facts["steps"])) or "taken as it was"
    return (
        f"Activity of {facts['n_units']} units in {facts['n_samples']} samples of {1000 * period:.3g} ms "
        f"({minutes:.3g} min) was prepared within intervals: {steps}."
    )


def _steps(steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for step in steps:
        given = {name.replace("_", " "): _short(value) for name, value in step.items() if name != "step"}
        values = ", ".join(f"{name} {value}" for name, value in given.items())
        name = str(step["step"]).replace("_", " ")
        yield f"{name} ({values})" if values else name


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{len(value)} items" if isinstance(value, list) and len(value) > 4 else str(value)


def _topology(settings: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    width = settings["topology_smoothing"]
    smoothed = "without smoothing" if width is None else f"smoothed by a Gaussian of {width:g} s"
    return (
        f"The template was chosen by persistent homology (Gardner et al. 2022) of the activity {smoothed}, reduced to "
        f"principal components and {facts['n_landmarks']} landmarks: bars of the Vietoris–Rips filtration over Z2 and "
        f"Z3 (Bauer 2021) were compared with the longest of up to {facts['n_shuffles']} surrogates ({facts['null']} of "
        f"each unit) at alpha = {facts['alpha']:g}."
    )


def _model(settings: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    labels = " and ".join(settings["variable"])
    known = labels and facts["gauge"] == "task coordinates"
    coordinates = f"the coordinates are {labels}" if known else f"the coordinates are fixed by: {facts['gauge']}"
    offsets = f", less an offset estimated in each {settings['offsets']}" if settings.get("offsets") else ""
    return (
        f"A variational autoencoder with the {facts['template']} as latent space (Acosta et al. 2023; Jensen et al. "
        f"2020) was fitted: its decoder is a sum of {facts['n_harmonics']} Laplacian eigenfunctions, chosen and "
        f"smoothed by marginal likelihood, its noise Gaussian with full covariance; {coordinates}{offsets}."
    )


def _curvature(settings: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    text = "Curvature |H| is the norm of the mean curvature vector of the decoder's image, 1/k times the trace."
    if not settings["n_bootstrap"]:
        return text
    return text + (
        f" Bands ({100 * facts['level']:g} %) are from {settings['n_bootstrap']} draws of the decoder that resample "
        "blocks of time or trials and add the prior's smoothing bias; pointwise ones cover on average over the profile "
        "(Nychka 1988)."
    )

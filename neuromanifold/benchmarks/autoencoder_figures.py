"""What is measured of a fitted autoencoder on a case.

validation, held_out   root mean square reconstruction error, as a share of the spread of the training data
error                  distance of the learned manifold from the true one (:mod:`neuromanifold.diagnostics.error`)
distortion             relaxed distortion over the training latents (Lee 2023, eq. 16)
distances              stress ``√ min_c Σ (c d - d*)² / Σ d*²`` of distances d between latents of the test samples, to
the geodesic distances d* of the true manifold
geodesics              the same of geodesic distances of the learned manifold
trust, continuity      of the neighbourhoods of the test samples
epoch_seconds          CPU time of the fit over its epochs
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.distance import pdist, squareform

from neuromanifold._errors import InputError
from neuromanifold._typing import FloatArray
from neuromanifold.benchmarks.autoencoder_cases import Case
from neuromanifold.diagnostics import manifold_error, maps, neighborhoods
from neuromanifold.geometry import distance_matrix
from neuromanifold.models import GeometricAutoencoder

__all__ = ["MEASURES", "measures"]

MEASURES = (
    "validation",
    "held_out",
    "error",
    "distortion",
    "distances",
    "geodesics",
    "trust",
    "continuity",
)
_N_NEIGHBORS = 5


def measures(model: GeometricAutoencoder, case: Case) -> dict[str, float]:
    """Every measure of a fitted model; NaN where the truth is not known."""
    f, latents, tested = model.immersion_, model.transform(case.train), model.transform(case.test)
    agreement = neighborhoods(case.test, tested, min(_N_NEIGHBORS, (len(tested) - 1) // 2))
    found = {
        "validation": _missed(model, case.validation),
        "held_out": _missed(model, case.test),
        "distortion": float(maps(f, latents, 4).attrs["mean_scaled_isometric"]),
        "trust": float(agreement["trustworthiness"]),
        "continuity": float(agreement["continuity"]),
    }
    if case.truth is not None:
        found["error"] = float(manifold_error(f, latents, case.truth)["error"])
    if case.flat is not None:
        true = squareform(pdist(case.flat))
        found["distances"] = _stress(squareform(pdist(tested)), true)
        found["geodesics"] = _stress(_geodesics(model, tested), true)
    return {name: found.get(name, float("nan")) for name in MEASURES}


def _missed(model: GeometricAutoencoder, X: FloatArray) -> float:
    away = model.inverse_transform(model.transform(X)) - X
    return float(np.sqrt(np.square(away).sum(1).mean())) / model.spread_


def _geodesics(model: GeometricAutoencoder, latents: FloatArray) -> FloatArray:
    """Geodesic distances on the learned manifold; infinite where its points fall into pieces."""
    try:
        return distance_matrix(model.immersion_, torch.as_tensor(latents), n_neighbors=12).numpy()
    except InputError:
        return np.full((len(latents),) * 2, np.nan)


def _stress(found: FloatArray, true: FloatArray) -> float:
    """``√ min_c Σ (c d - d*)² / Σ d*²``, which is ``√ (1 - (Σ d d*)² / (Σ d² Σ d*²))``."""
    cosine = (found * true).sum() / np.sqrt((found**2).sum() * (true**2).sum())
    return float(np.sqrt(max(0.0, 1 - cosine**2)))

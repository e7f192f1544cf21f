"""Do latents have the neighbours that samples have?

Trustworthiness (Venna & Kaski 2001): ``1 - c Σ_i Σ_j max(0, r(i, j) - n)``, j over the n nearest latents of i, r(i, j)
the rank of j among the neighbours of sample i, and c such that 0 is the worst. Continuity is the same with latents and
samples exchanged: trust falls where latents bring strangers together, continuity where they tear neighbours apart.
"""

from __future__ import annotations

import xarray as xr
from sklearn.manifold import trustworthiness
from sklearn.neighbors import kneighbors_graph

from neuromanifold._arrays import varying
from neuromanifold._errors import InputError
from neuromanifold._settings import check_whole
from neuromanifold._typing import ArrayLike
from neuromanifold.statistics.stamp import quantity, stamped

__all__ = ["neighborhoods"]


def neighborhoods(X: ArrayLike, latents: ArrayLike, n_neighbors: int = 10) -> xr.Dataset:
    """Agreement of the neighbourhood graphs of samples and latents.

    Parameters
    ----------
    X : array (n, d)
        Samples.
    latents : array (n, m)
        Their latents, as ``model.transform(X)``; points of a template are compared by chords of its embedding.
    n_neighbors : int
        Below half of the samples.

    Returns
    -------
    Dataset
        ``trustworthiness``, ``continuity`` and ``shared``, the share of neighbours that are the same: 1 is perfect.

    Raises
    ------
    InputError
        If samples and latents do not match, are too few, or are all the same.
    """
    samples, points = (varying(values, what) for values, what in ((X, "X"), (latents, "latents")))
    if len(samples) != len(points):
        raise InputError(f"each sample must have its latent; got {len(samples)} samples and {len(points)} latents")
    check_whole("n_neighbors (below half of the samples)", n_neighbors, 1, (len(samples) - 1) // 2)
    graphs = [kneighbors_graph(values, n_neighbors) for values in (samples, points)]
    found = {
        "trustworthiness": trustworthiness(samples, points, n_neighbors=n_neighbors),
        "continuity": trustworthiness(points, samples, n_neighbors=n_neighbors),
        "shared": graphs[0].multiply(graphs[1]).sum() / graphs[0].nnz,
    }
    long_names = {**{name: name for name in found}, "shared": "share of neighbours that are the same"}
    variables = {name: ((), float(value), quantity(long_names[name])) for name, value in found.items()}
    return stamped(xr.Dataset(variables), n_neighbors=n_neighbors)

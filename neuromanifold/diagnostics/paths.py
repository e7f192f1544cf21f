"""Geodesics of a learned manifold beside the straight lines of its latent space.

Both join the same two latents; the straight line's image is longer, by the ratio of the lengths, and as long only where
the straight line is a geodesic: everywhere, if the latent space is a scaled isometry of the manifold.
"""

from __future__ import annotations

import torch
import xarray as xr
from torch import Tensor

from neuromanifold._errors import InputError
from neuromanifold._typing import ArrayLike
from neuromanifold.diagnostics.domain import latents_of
from neuromanifold.geometry import Immersion, geodesic, length
from neuromanifold.manifolds import Euclidean
from neuromanifold.statistics.stamp import quantity, stamped

__all__ = ["paths"]


def paths(f: Immersion, start: ArrayLike | Tensor, end: ArrayLike | Tensor, n_times: int = 33) -> xr.Dataset:
    """Geodesics and straight lines between pairs of latents.

    Parameters
    ----------
    f : Immersion
        Of Euclidean latents, ``GeometricAutoencoder.immersion_``.
    start, end : array (p, k)
        The ends of each pair.
    n_times : int
        Points along each curve.

    Returns
    -------
    Dataset
        ``geodesic`` and ``straight`` (pair, time, coordinate); ``geodesic_length`` and ``straight_length`` (pair), of
        their images; ``ratio`` (pair), straight over geodesic, at least 1 up to the search; ``converged`` (pair).

    Raises
    ------
    InputError
        If the template is closed (it has no straight lines; see :func:`neuromanifold.geometry.geodesic`), or the ends
        do not match.
    """
    first, last = latents_of(f, start), latents_of(f, end)
    if not isinstance(f.template, Euclidean):
        raise InputError(f"a {f.template.name} has no straight lines; use neuromanifold.geometry.geodesic")
    if first.shape != last.shape:
        raise InputError(f"start and end are pairs of points; got shapes {tuple(first.shape)}, {tuple(last.shape)}")
    shortest = geodesic(f, first, last, n_times=n_times)
    times = torch.linspace(0, 1, n_times, dtype=torch.float64)[:, None]
    straight = first[:, None] + times * (last - first)[:, None]
    lengths = torch.stack([length(f, ends) for ends in torch.stack([first, last], dim=1)])
    dims = ("pair", "time", "coordinate")
    found = xr.Dataset(
        {
            "geodesic": (dims, shortest.coordinates.numpy(), quantity("geodesic", "latent unit")),
            "straight": (dims, straight.numpy(), quantity("straight line", "latent unit")),
            "geodesic_length": ("pair", shortest.length.numpy(), quantity("length of the geodesic", "activity unit")),
            "straight_length": ("pair", lengths.numpy(), quantity("length of the line's image", "activity unit")),
            "ratio": ("pair", (lengths / shortest.length).numpy(), quantity("straight over geodesic length")),
            "converged": ("pair", shortest.converged.numpy(), quantity("whether the search converged")),
        },
        coords={"time": times[:, 0].numpy()},
    )
    return stamped(found, template=f.template.name)

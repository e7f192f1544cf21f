"""Entry points of the geometry: templates, distributions on them, ambient metrics, and what is measured on a map."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, partial
from typing import Any

import numpy as np
import torch

import neuromanifold as nm
from neuromanifold.benchmarks.robustness.entries import ACTIVITY, SETTINGS, SMALL_AUTOENCODER, EntryPoint, fitted, ring
from neuromanifold.benchmarks.robustness.given import Given
from neuromanifold.topology import circular_coordinates, persistence_diagrams

__all__ = ["SHAPES"]

CIRCLE = np.stack([np.cos(np.arange(24) * np.pi / 12), np.sin(np.arange(24) * np.pi / 12)], axis=1)
ENDS = torch.tensor([[0.0], [1.0]], dtype=torch.float64)


def _template(name: str, given: Given) -> Iterable[Any]:
    return [getattr(nm.manifolds, name)(**given.settings).dim]


def _ambient(name: str, given: Given) -> Iterable[Any]:
    stated = {"covariance": np.eye(5)} if name == "GaussianNoise" else {}
    held = nm.regularizers.Isometric(metric=getattr(nm.geometry.ambient, name)(**stated | given.settings))
    model = nm.GeometricAutoencoder(**SMALL_AUTOENCODER | {"n_components": 2, "regularizers": (held,)})
    return [model.fit(ring()).transform(ring())]


def _geodesic(given: Given) -> Iterable[Any]:
    settings = {"n_times": 5, "n_modes": 2} | given.settings
    return [nm.geometry.geodesic(fitted().immersion_, ENDS[:1], ENDS[1:], **settings).length.numpy()]


def _exponential(given: Given) -> Iterable[Any]:
    settings = {"n_steps": 5} | given.settings
    return [nm.geometry.exponential(fitted().immersion_, ENDS[:1], ENDS[1:], **settings).numpy()]


def _distance_matrix(given: Given) -> Iterable[Any]:
    settings = {"n_nodes": 50, "n_neighbors": 4} | given.settings
    return [nm.geometry.distance_matrix(fitted().immersion_, ENDS, **settings).numpy()]


def _volume(given: Given) -> Iterable[Any]:
    return [nm.geometry.volume(fitted().immersion_, **given.settings).numpy()]


def _extrinsic_curvature(given: Given) -> Iterable[Any]:
    settings = {"method": "hutchinson", "generator": torch.Generator().manual_seed(0)} | given.settings
    return [nm.geometry.extrinsic_curvature(fitted().immersion_, ENDS, **settings).numpy()]


def _score(given: Given) -> Iterable[Any]:
    return [fitted().score(given.activity)]


def _encoded(given: Given) -> Iterable[Any]:
    return [_line().transform(given.activity), _line().score(given.activity)]


def _saved(given: Given) -> Iterable[Any]:
    fitted().save(**{"path": given.folder / "model.npz"} | given.settings)
    return ()


def _decoded(given: Given) -> Iterable[Any]:
    return [_as_many_latents_as_units().inverse_transform(given.activity)]


def _diagrams(given: Given) -> Iterable[Any]:
    settings: dict[str, Any] = {"max_degree": 1} | given.settings
    bars = persistence_diagrams(given.activity, **settings)
    return [np.where(np.isinf(one), 0.0, one) for one in bars]


def _circular(given: Given) -> Iterable[Any]:
    settings: dict[str, Any] = {"landmarks": CIRCLE, "n_circles": 1} | given.settings
    return [circular_coordinates(**settings)(CIRCLE)]


def _law(name: str, given: Given) -> Iterable[Any]:
    settings = {"loc": torch.tensor([1.0, 0.0]), "concentration": torch.tensor([1.0])} | given.settings
    return [getattr(nm.distributions, name)(**settings).mean.numpy()]


@cache
def _as_many_latents_as_units() -> nm.GeometricAutoencoder:
    return nm.GeometricAutoencoder(**SMALL_AUTOENCODER | {"n_components": 5}).fit(ring())


@cache
def _line() -> nm.GeometricAutoencoder:
    return nm.GeometricAutoencoder(**SMALL_AUTOENCODER).fit(ring())


SHAPES = (
    *(EntryPoint(f"manifolds.{name}", SETTINGS, partial(_template, name)) for name in ("Euclidean", "Sphere", "Torus")),
    *(
        EntryPoint(f"geometry.ambient.{one.__name__}", SETTINGS, partial(_ambient, one.__name__))
        for one in nm.geometry.ambient.AMBIENTS
    ),
    EntryPoint("geometry.geodesic", SETTINGS, _geodesic),
    EntryPoint("geometry.exponential", SETTINGS, _exponential),
    EntryPoint("geometry.distance_matrix", SETTINGS, _distance_matrix),
    EntryPoint("geometry.volume", SETTINGS, _volume),
    EntryPoint("geometry.extrinsic_curvature", SETTINGS, _extrinsic_curvature),
    EntryPoint("TopologicalVAE.score", ACTIVITY, _score),
    EntryPoint("GeometricAutoencoder.transform", ACTIVITY, _encoded),
    EntryPoint("GeometricAutoencoder.inverse_transform", ACTIVITY, _decoded),
    EntryPoint("distributions.VonMisesFisher", SETTINGS, partial(_law, "VonMisesFisher")),
    EntryPoint("distributions.ProductVonMises", SETTINGS, partial(_law, "ProductVonMises")),
    EntryPoint("topology.persistence_diagrams", ACTIVITY | SETTINGS, _diagrams),
    EntryPoint("topology.circular_coordinates", SETTINGS, _circular),
    EntryPoint("TopologicalVAE.save", SETTINGS, _saved),
)

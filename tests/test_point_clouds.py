"""A point-cloud autoencoder: latents whose distances are those of the shapes, not of lists of points."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

import neuromanifold as nm
from neuromanifold.geometry.ambient import PointCloud
from neuromanifold.models.regularizers import Isometric

WIDTH = 0.3


def rings(n: int, n_points: int = 20, seed: int = 0) -> np.ndarray:
    """Ellipses of many widths and heights, each of the same n_points: (n, 2 n_points)."""
    axes = np.random.default_rng(seed).uniform(0.5, 2.0, (n, 2))
    angle = 2 * np.pi * np.arange(n_points) / n_points
    points = np.stack([axes[:, :1] * np.cos(angle), axes[:, 1:] * np.sin(angle)], axis=2)
    return points.reshape(n, -1)


def distortion(model: nm.GeometricAutoencoder, latents: Tensor, metric: PointCloud | None) -> float:
    found = nm.geometry.distortion(model.immersion_, latents, ambient=metric)
    return float(found.mean()["scaled_isometric"])


@pytest.mark.slow
def test_latents_keep_the_distances_of_shapes() -> None:
    clouds, metric = rings(400), PointCloud(n_dims=2, width=WIDTH)
    settings = {"max_steps": 600, "device": "cpu", "random_state": 0}
    held = {
        "none": (),
        "euclidean": (Isometric(1.0),),
        "shape": (Isometric(1.0, metric),),
    }
    found = {}
    for name, regularizers in held.items():
        model = nm.GeometricAutoencoder(2, regularizers, **settings).fit(clouds)
        z = torch.as_tensor(model.transform(clouds[:60]))
        found[name] = distortion(model, z, None), distortion(model, z, metric), model.score(rings(100, seed=1))
        print(
            f"{name:10s} distortion euclidean {found[name][0]:.4f}, of shapes {found[name][1]:.4f}, "
            f"variance kept {found[name][2]:.4f}"
        )
    # Each is best in the metric it was held to, and reconstructs.
    assert found["shape"][1] < 0.5 * min(found["none"][1], found["euclidean"][1])
    assert found["euclidean"][0] < 0.5 * found["none"][0] or found["euclidean"][0] < 0.01
    assert min(score for _, _, score in found.values()) > 0.98

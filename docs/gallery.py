"""The figures of the gallery, drawn by the package from recordings that come with it or are simulated here.

``draw(folder)`` writes a PNG for each name that ``gallery.md`` shows; settings are small, so that the documentation is
built in a minute. The figures of images (lines, hulls, spectra, ambiguous digits) need a longer training:
``neuromanifold featuremaps mnist`` writes them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import neuromanifold as nm
from neuromanifold.data.charts import CHARTS
from neuromanifold.experiments.findings import Options
from neuromanifold.experiments.plane_tasks import run_task
from neuromanifold.experiments.xor import TASK
from neuromanifold.featuremaps.bumps import field, three_units
from neuromanifold.report import figures
from neuromanifold.report.views import manifold_view

__all__ = ["draw"]

Named = Iterator[tuple[str, Figure]]


def draw(folder: Path) -> None:
    """Write every figure of the gallery."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        for name, figure in part():
            figure.savefig(folder / f"{name}.png", dpi=110, facecolor="white")


def _recording() -> Named:
    """A ring of head-direction cells: the figures of its report."""
    recording = nm.datasets.load("head_direction").isel(time=slice(0, 6000))
    half = np.where(np.arange(6000) < 3000, "first half", "second half")
    recording["half"] = ("time", half, {"kind": "categorical", "units": ""})
    found = nm.analyze(
        recording, "head_direction", condition="half", n_shuffles=19, n_bootstrap=15, n_jobs=1, random_state=0
    )
    for name, figure in found.figures().items():
        yield f"ring_{name}", figure


def _surfaces() -> Named:
    """A torus of grid cells and a bumpy sphere, both with the coordinates given."""
    grid = nm.prepare(nm.datasets.load("grid_module").isel(time=slice(0, 3000)), smoothing=0.2, n_components=6)
    torus = nm.TopologicalVAE("torus", max_epochs=1, random_state=0)
    torus.fit(grid["activity"], np.column_stack([grid["phase_0"], grid["phase_1"]]))
    profile = nm.curvature_profile(torus, n_points=1600)
    yield "torus_mean_curvature", _figure(figures.curvature_profile(profile))
    yield "torus_scalar_curvature", _figure(figures.curvature_profile(profile, "scalar_curvature"))
    yield "torus_manifold", _figure(figures.manifold(manifold_view(grid["activity"], profile)))
    ball = nm.synthetic.sphere(n_times=1500, n_units=10, distortion="bump", noise_var=0.001, random_state=0)
    labels = np.column_stack([ball["colatitude"], ball["longitude"]])
    sphere = nm.TopologicalVAE("sphere", max_epochs=1, random_state=0).fit(ball["activity"], labels)
    yield "sphere_mean_curvature", _figure(figures.curvature_profile(nm.curvature_profile(sphere)))


def _autoencoders() -> Named:
    """What regularisers cure, on a curve and on a sheet."""
    noisy, sheet = nm.synthetic.sine(random_state=0), nm.synthetic.holed_sheet(200, random_state=0)
    straight = nm.regularizers.NeighborhoodReconstruction(1.0, order=2, n_neighbors=10)
    models = {"plain": _fitted(noisy, 1), "NRAE-Q": _fitted(noisy, 1, straight)}
    chart = CHARTS["sine"]
    truth = chart.immersion(torch.as_tensor(chart.grid(2000))).numpy()
    yield "learned_curves", figures.learned_curves(nm.diagnostics.learned_curves(models, noisy["activity"], truth))
    model = _fitted(sheet, 2)
    f, latents = model.immersion_, model.transform(sheet["activity"].to_numpy())
    maps, ellipses = nm.diagnostics.maps(f, latents), nm.diagnostics.metric_ellipses(f, latents)
    yield "latent_map", _figure(figures.latent_map(maps, "scaled_isometric", ellipses))


def _networks() -> Named:
    """Volumes of shallow networks, and layers against each other."""
    yield "bump_field", _figure(figures.bump_field(field(three_units(0.5)), "volume"))
    task = replace(TASK, widths=(10,), epochs=(0, 500, 2000))
    with tempfile.TemporaryDirectory() as kept:
        plane = run_task(task, Options(checkpoints=Path(kept), n_seeds=1)).groups["plane"]
    yield "plane_fields", figures.plane_fields(plane.isel(width=0, seed=0, layer=0), "XOR, ten hidden units")
    activity = nm.prepare(nm.datasets.load("head_direction").isel(time=slice(0, 1200)), smoothing=0.15)["activity"]
    parts = {"odd units": activity[:, 1::2], "even units": activity[:, ::2], "two units": activity[:, :2]}
    compared = nm.compare.matrix(
        {name: part.to_numpy() for name, part in parts.items()}, n_bootstrap=50, n_shuffles=50, random_state=0
    )
    yield "similarity", _figure(figures.similarity(compared))


PARTS: tuple[Callable[[], Named], ...] = (_recording, _surfaces, _autoencoders, _networks)


def _fitted(
    recording: xr.Dataset, n_components: int, *regularizers: nm.regularizers.Regularizer
) -> nm.GeometricAutoencoder:
    model = nm.GeometricAutoencoder(n_components, regularizers, max_steps=1000, random_state=0)
    return model.fit(recording["activity"].to_numpy())


def _figure(ax: Axes) -> Figure:
    figure = ax.get_figure()
    assert isinstance(figure, Figure)
    return figure

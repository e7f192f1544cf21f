"""Diagnostics of learned manifolds, against maps whose geometry is known in closed form."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
from numeric import normal
from scipy.integrate import quad
from sklearn.base import BaseEstimator

import neuromanifold as nm
from neuromanifold import diagnostics
from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold.data.charts import CHARTS, HOLE
from neuromanifold.geometry import Immersion
from neuromanifold.manifolds import Euclidean, Sphere
from neuromanifold.report import figures

SHEET = Immersion(Euclidean(2), CHARTS["sheet"].immersion)
ON_SHEET = torch.as_tensor(CHARTS["sheet"].grid(900))
STRETCH = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]], dtype=torch.float64)


def linear(matrix):
    return Immersion(Euclidean(matrix.shape[1]), lambda z: z @ matrix.T)


def globe(z):
    """The sphere in colatitude and longitude, as a map of the plane."""
    a, b = z.unbind(-1)
    return torch.stack([a.sin() * b.cos(), a.sin() * b.sin(), a.cos()], dim=-1)


# -- maps ----------------------------------------------------------------------------------------------------


def test_maps_of_a_bent_sheet():
    """An isometry: no distortion, flat, one principal curvature of 1; and its hole is not covered."""
    found = diagnostics.maps(SHEET, ON_SHEET)
    for name in ("isometric", "scaled_isometric", "conformal", "area", "scalar_curvature"):
        np.testing.assert_allclose(found[name], 0, atol=1e-12)
        assert abs(found.attrs[f"mean_{name}"]) < 1e-12
    np.testing.assert_allclose(found["mean_curvature_norm"], 0.5)
    np.testing.assert_allclose(found["extrinsic_curvature"], 2.0)
    np.testing.assert_allclose(found["metric"], np.broadcast_to(np.eye(2), (found.sizes["point"], 2, 2)), atol=1e-12)
    away = np.maximum(abs(found["u_0"]), abs(found["u_1"]))
    assert not found["covered"].where(away < HOLE / 2, drop=True).any()
    assert found["covered"].where(away > HOLE, drop=True).all()
    assert np.prod(found.attrs["shape"]) == found.sizes["point"]


def test_maps_of_a_stretch():
    """λ = (4, 1), so μ = λ̄ = 2.5: both distortions are (1 - 1.6)² + (1 - 0.4)², and areas are scaled alike."""
    found = diagnostics.maps(linear(STRETCH), normal(50, 2))
    np.testing.assert_allclose(found["scaled_isometric"], 0.72)
    np.testing.assert_allclose(found["conformal"], 0.72)
    np.testing.assert_allclose(found["isometric"], 9.0)
    np.testing.assert_allclose(found["area"], 0, atol=1e-12)


def test_expectations_are_over_latents_not_over_the_grid():
    """Of ``u -> u + u³/3`` with latents at ±1: μ = E[(1 + u²)²] = 4, whatever the grid."""
    cubic = Immersion(Euclidean(1), lambda z: torch.cat([z + z**3 / 3, 0 * z], dim=-1))
    found = diagnostics.maps(cubic, torch.tensor([[-1.0], [1.0]]), n_points=50)
    u = found["u_0"].to_numpy()
    np.testing.assert_allclose(found["scaled_isometric"], (1 - (1 + u**2) ** 2 / 4) ** 2)
    assert found.attrs["mean_scaled_isometric"] == pytest.approx(0, abs=1e-12)


def test_maps_of_a_closed_template_are_all_over_it():
    f = Immersion(Sphere(2), lambda z: 2 * z)
    found = diagnostics.maps(f, Sphere(2).sample(30, torch.Generator().manual_seed(0)), n_points=200)
    assert found["covered"].all()
    np.testing.assert_allclose(found["scalar_curvature"], 0.5)
    np.testing.assert_allclose(found["extrinsic_curvature"], 1.0)
    np.testing.assert_allclose(found["isometric"], 2 * (1 - 4) ** 2)
    np.testing.assert_allclose(found["scaled_isometric"], 0, atol=1e-12)


# -- ellipses and paths --------------------------------------------------------------------------------------


def test_ellipses_of_a_linear_map_are_its_singular_vectors():
    matrix = normal(4, 2, seed=3)
    found = diagnostics.metric_ellipses(linear(matrix), normal(30, 2), n_ellipses=5)
    _, values, rows = np.linalg.svd(matrix.numpy())
    for point in range(5):
        np.testing.assert_allclose(found["semi_axis"][point], 1 / values[::-1])
        overlap = np.abs(rows[::-1] @ found["direction"][point].to_numpy())
        np.testing.assert_allclose(overlap, np.eye(2), atol=1e-10)


def test_steps_along_the_semi_axes_have_images_of_length_one():
    found = diagnostics.metric_ellipses(Immersion(Euclidean(2), globe), 1 + 0.3 * normal(20, 2), n_ellipses=8)
    for point in range(8):
        u = torch.as_tensor(found["position"][point].to_numpy())
        for axis in range(2):
            step = found["semi_axis"][point, axis].item() * torch.as_tensor(
                found["direction"][point, :, axis].to_numpy()
            )
            near = [globe(u + 1e-5 * sign * step) for sign in (1, -1)]
            assert torch.linalg.vector_norm(near[0] - near[1]) / 2e-5 == pytest.approx(1.0, abs=1e-8)


def test_great_circles_beside_straight_lines_of_the_chart():
    start = torch.tensor([[1.0, 0.0], [0.6, -0.5]], dtype=torch.float64)
    end = torch.tensor([[1.2, 1.5], [1.9, 1.0]], dtype=torch.float64)
    found = diagnostics.paths(Immersion(Euclidean(2), globe), start, end)
    for pair in range(2):
        (a, b), (c, d) = start[pair].tolist(), end[pair].tolist()
        arc = math.acos(float((globe(start[pair]) * globe(end[pair])).sum()))
        line, _ = quad(lambda t: math.hypot(c - a, math.sin(a + t * (c - a)) * (d - b)), 0, 1)  # noqa: B023
        assert float(found["geodesic_length"][pair]) == pytest.approx(arc, rel=1e-8)
        assert float(found["straight_length"][pair]) == pytest.approx(line, rel=1e-8)
    assert (found["ratio"] > 1).all()
    assert found["converged"].all()


def test_on_an_isometry_straight_lines_are_geodesics():
    found = diagnostics.paths(SHEET, ON_SHEET[:4], ON_SHEET[-4:])
    np.testing.assert_allclose(found["ratio"], 1)
    np.testing.assert_allclose(found["geodesic"], found["straight"], atol=1e-6)


# -- neighbourhoods ------------------------------------------------------------------------------------------


def trust(X, Z, n):
    """The formula, transcribed."""
    ranks = [np.argsort(np.argsort(np.linalg.norm(X - x, axis=1))) for x in X]
    size, total = len(X), 0
    for i in range(size):
        nearest = [j for j in np.argsort(np.linalg.norm(Z - Z[i], axis=1)) if j != i][:n]
        total += sum(max(0, int(ranks[i][j]) - n) for j in nearest)
    return 1 - 2 / (size * n * (2 * size - 3 * n - 1)) * total


def test_neighborhoods_by_the_formula():
    X = normal(40, 3).numpy()
    Z = X[:, :1] + 0.1 * normal(40, 1, seed=1).numpy()
    found = diagnostics.neighborhoods(X, Z, n_neighbors=5)
    assert float(found["trustworthiness"]) == pytest.approx(trust(X, Z, 5))
    assert float(found["continuity"]) == pytest.approx(trust(Z, X, 5))


def test_what_folding_and_tearing_do_to_neighborhoods():
    line = np.linspace(-1, 1, 60)[:, None]
    circle = np.c_[np.cos(np.pi * line), np.sin(np.pi * line)]
    same, folded, torn = (
        diagnostics.neighborhoods(a, b, 6) for a, b in ((line, 3 * line), (line, abs(line)), (circle, line))
    )
    assert [float(same[name]) for name in ("trustworthiness", "continuity", "shared")] == [1, 1, 1]
    assert folded["trustworthiness"] < folded["continuity"]
    assert torn["continuity"] < torn["trustworthiness"]
    assert folded["shared"] < 0.7


# -- distance from the truth ---------------------------------------------------------------------------------

ANGLES = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
CIRCLE = np.c_[np.cos(ANGLES), np.sin(ANGLES)]


def arc(radius):
    return Immersion(Euclidean(1), lambda z: radius * torch.cat([z.cos(), z.sin()], dim=-1))


def test_error_of_a_circle_that_is_too_large():
    found = diagnostics.manifold_error(arc(1.1), [[0.0], [2 * np.pi]], CIRCLE)
    for name in ("to_truth", "from_truth", "error"):
        assert float(found[name]) == pytest.approx(0.1, abs=1e-4)


def test_error_of_half_a_circle():
    """Nothing is there that should not be; the other half is |2 sin(φ/2)| from the nearer end, φ up to π/2."""
    found = diagnostics.manifold_error(arc(1.0), [[0.0], [np.pi]], CIRCLE)
    assert float(found["to_truth"]) < 1e-3
    assert float(found["from_truth"]) ** 2 == pytest.approx(0.5 * (2 - 4 / np.pi), abs=1e-3)


def test_error_weighs_the_learned_manifold_by_length():
    """``(u², 0)`` on [0, 1], of -2, -1 and 0 nearest to 0: E|x|² = ∫ x² dx = 1/3, though most u are near 0."""
    square = Immersion(Euclidean(1), lambda z: torch.cat([z**2, 0 * z], dim=-1))
    found = diagnostics.manifold_error(square, [[0.0], [1.0]], [[-2.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
    assert float(found["to_truth"]) ** 2 == pytest.approx(1 / 3, abs=1e-4)


class PrincipalLine(BaseEstimator):
    """The first principal component as a manifold of one dimension."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None):
        self.mean_ = X.mean(axis=0)
        self.axis_ = np.linalg.svd(X - self.mean_, full_matrices=False)[2][0]
        mean, axis = torch.as_tensor(self.mean_), torch.as_tensor(self.axis_)
        self.immersion_ = Immersion(Euclidean(1), lambda z: mean + z * axis)
        return self

    def transform(self, X):
        return (X - self.mean_) @ self.axis_[:, None]


def test_wrong_manifold_test_of_a_line():
    """Without noise any part of a line is on it; with noise the error grows."""
    X = np.linspace(-1, 1, 80)[:, None] * np.array([0.6, 0.8, 0.0])
    words = {"noise": (0.0, 0.1, 0.5), "shares": (1.0, 0.25), "n_repeats": 4, "random_state": 0}
    found = diagnostics.wrong_manifold(PrincipalLine(), X, **words)
    assert found["to_truth"].sel(noise=0).max() < 1e-3
    mean = found["error"].mean("repeat").sel(share=1.0)
    assert mean[0] < mean[1] < mean[2]
    assert found.attrs["reference"] == "the fit to all samples as they are"
    known = diagnostics.wrong_manifold(PrincipalLine(), X, X, **words)
    np.testing.assert_allclose(known["error"], found["error"], atol=0.02)
    assert known.identical(diagnostics.wrong_manifold(PrincipalLine(), X, X, **words))


# -- wrong input ---------------------------------------------------------------------------------------------


def test_what_is_no_latent_is_told():
    with pytest.raises(InputError, match="immersion_"):
        diagnostics.maps(globe, ON_SHEET)
    with pytest.raises(InputError, match=r"\(n, 2\)"):
        diagnostics.maps(SHEET, torch.zeros(5, 3))
    with pytest.raises(NotEnoughDataError, match="span no piece"):
        diagnostics.maps(SHEET, torch.zeros(5, 2))
    with pytest.raises(InputError, match="no straight lines"):
        diagnostics.paths(Immersion(Sphere(2), lambda z: z), [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    with pytest.raises(InputError, match="below half"):
        diagnostics.neighborhoods(normal(8, 2), normal(8, 1), n_neighbors=4)
    with pytest.raises(InputError, match="3 units"):
        diagnostics.manifold_error(arc(1.0), [[0.0], [1.0]], normal(4, 3))
    with pytest.raises(InputError, match="shares"):
        diagnostics.wrong_manifold(PrincipalLine(), normal(9, 2), shares=(1.5,))


def test_results_say_what_they_are():
    found = diagnostics.maps(SHEET, ON_SHEET, n_points=100)
    assert found.attrs["version"] == nm.__version__
    assert all({"long_name", "units"} <= set(found[name].attrs) for name in found)


# -- figures ----------------------------------------------------------------------------------------------------


def drawn(figure):
    """Drawn to pixels, which finds what cannot be drawn."""
    figure.savefig(io.BytesIO(), format="png")
    return figure


def test_a_latent_map_shows_what_latents_reach():
    found = diagnostics.maps(SHEET, ON_SHEET, n_points=400)
    over = {
        "ellipses": diagnostics.metric_ellipses(SHEET, ON_SHEET, 9),
        "paths": diagnostics.paths(SHEET, ON_SHEET[:2], ON_SHEET[-2:]),
    }
    ax = figures.latent_map(found, "extrinsic_curvature", **over)
    drawn(ax.figure)
    shown = ax.collections[0].get_array()
    assert np.ma.getmaskarray(shown).sum() == (~found["covered"]).sum()
    assert ax.get_xlabel() == "latent 1"
    assert "LEC (1 / activity unit^2)" in ax.figure.axes[1].get_ylabel()
    with pytest.raises(InputError, match="two latents"):
        figures.latent_map(diagnostics.maps(arc(1.0), [[0.0], [1.0]]))


def test_learned_curves_and_the_wrong_manifold_test_are_drawn():
    line = np.linspace(-1, 1, 30)
    parabola = np.c_[line, line**2]
    models = {"one": PrincipalLine().fit(parabola), "two": PrincipalLine().fit(parabola[15:])}
    curves = diagnostics.learned_curves(models, parabola, parabola)
    for model, fitted in models.items():
        # From the first latent to the last.
        latents = fitted.transform(parabola)
        ends = fitted.immersion_(torch.tensor([[latents.min()], [latents.max()]]))
        np.testing.assert_allclose(curves["learned"].sel(model=model)[[0, -1]], ends, atol=1e-12)
    figure = drawn(figures.learned_curves(curves))
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        f"{model}: error {error:.3f}" for model, error in zip(models, curves["error"].to_numpy(), strict=True)
    ]
    with pytest.raises(InputError, match="one latent dimension"):
        diagnostics.learned_curves({}, parabola, parabola)
    found = diagnostics.wrong_manifold(PrincipalLine(), curves["samples"].to_numpy(), n_repeats=2, random_state=0)
    ax = figures.wrong_manifold(found)
    drawn(ax.figure)
    assert len(ax.get_legend().get_texts()) == found.sizes["share"]

"""Profiles, bands and statistics: closed forms, the schema, what the bands hold, alignment with a task variable."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

import joblib
import numpy as np
import pytest
import torch
import xarray as xr
from sklearn.exceptions import NotFittedError

import neuromanifold as nm
from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold.bands import with_bands
from neuromanifold.bootstrap import bootstrap_decoders, resampling_units, time_blocks
from neuromanifold.geometry import Immersion, jacobian
from neuromanifold.manifolds import Sphere, resolve
from neuromanifold.models.visit_coordinates import in_visit_coordinates
from neuromanifold.profile import QUANTITIES, curvature_error, curvature_profile, immersion_profile, length_scale
from neuromanifold.statistics import (
    angular_error,
    best_rotation,
    curvature_against,
    held_out_points,
    summary,
)

FAST = {"max_epochs": 1, "device": "cpu", "random_state": 0}


@cache
def noisy_circle(labelled: bool) -> tuple[xr.Dataset, nm.TopologicalVAE]:
    rec = nm.synthetic.circle(n_times=600, n_units=6, noise_var=0.005, random_state=0)
    y = rec["angle"].to_numpy() if labelled else None
    return rec, nm.TopologicalVAE(**FAST).fit(rec["activity"].to_numpy(), y)


@cache
def surface(shape: str) -> nm.TopologicalVAE:
    rec = getattr(nm.synthetic, shape)(n_times=900, noise_var=0.01, random_state=0)
    names = {"sphere": ("colatitude", "longitude"), "torus": ("angle_0", "angle_1")}[shape]
    return nm.TopologicalVAE(shape, **FAST).fit(
        rec["activity"].to_numpy(), np.stack([rec[name].to_numpy() for name in names], axis=1)
    )


def ring_torus(z: torch.Tensor) -> torch.Tensor:
    rho = 2 + z[:, 0]
    return torch.stack([rho * z[:, 2], rho * z[:, 3], z[:, 1]], dim=1)


ROUND = (
    ("circle", lambda z: 2.5 * z, 0.4, 0.0, 5 * math.pi),
    ("sphere", lambda z: 2.5 * z, 0.4, 0.32, 25 * math.pi),
)


@pytest.mark.parametrize(("name", "decoder", "mean", "scalar", "volume"), ROUND, ids=["circle", "sphere"])
def test_round_manifolds_have_constant_profiles(name, decoder, mean: float, scalar: float, volume: float) -> None:
    profile = immersion_profile(Immersion(resolve(name), decoder))
    np.testing.assert_allclose(profile["mean_curvature_norm"], mean, rtol=1e-10)
    np.testing.assert_allclose(profile["dimensionless_mean_curvature"], 1, rtol=1e-10)
    np.testing.assert_allclose(profile["scalar_curvature"], scalar, atol=1e-10)
    assert profile.attrs["volume"] == pytest.approx(volume)
    assert profile.attrs["valid_share"] == 1


def test_ring_torus_in_closed_form() -> None:
    profile = immersion_profile(Immersion(resolve("torus"), ring_torus))
    theta = profile["angle_0"].to_numpy()
    rho = 2 + np.cos(theta)
    np.testing.assert_allclose(profile["mean_curvature_norm"], np.abs(2 + 2 * np.cos(theta)) / (2 * rho), atol=1e-10)
    np.testing.assert_allclose(profile["scalar_curvature"], 2 * np.cos(theta) / rho, atol=1e-10)
    np.testing.assert_allclose(profile["log_volume"], np.log(rho), atol=1e-10)
    assert profile.attrs["volume"] == pytest.approx(8 * math.pi**2)
    assert abs(profile.attrs["gauss_bonnet_residual"]) < 1e-10


@pytest.mark.parametrize("shape", ["sphere", "torus"])
def test_fitted_surfaces_keep_gauss_bonnet(shape: str) -> None:
    assert abs(immersion_profile(surface(shape).immersion_).attrs["gauss_bonnet_residual"]) < 1e-3


def test_schema_of_a_profile() -> None:
    rec, model = noisy_circle(True)
    profile = curvature_profile(model, rec["activity"], rec["angle"], n_bootstrap=20, random_state=0)
    assert dict(profile.sizes) == {"point": 360, "unit": 6, "draw": 20}
    reach = np.square(profile["mean_curvature_norm_draws"] - profile["mean_curvature_norm"]).mean("draw") ** 0.5
    half = profile["mean_curvature_norm_upper"] - profile["mean_curvature_norm"]
    np.testing.assert_allclose(half / reach, (half / reach)[0])
    assert profile["angle_0"].attrs["units"] == "radian"
    assert float(profile["area"].sum()) == pytest.approx(1)
    assert profile["valid"].dtype == bool
    for name in QUANTITIES:
        for variable in (name, f"{name}_lower", f"{name}_upper"):
            assert profile[variable].dims == ("point",)
            assert {"units", "long_name", "convention"} <= set(profile[variable].attrs)
    expected = {"template": "circle", "gauge": "task coordinates", "level": 0.9, "n_bootstrap": 20, "seed": "0"}
    assert expected.items() <= profile.attrs.items()
    assert set(curvature_profile(model).data_vars) == {*QUANTITIES, "position", "valid"}
    assert curvature_profile(model, n_points=50).sizes["point"] == 50


@pytest.mark.parametrize("labelled", [True, False])
def test_bands_are_nested(labelled: bool) -> None:
    """The estimate inside the pointwise inside the simultaneous band, and lower levels inside higher ones."""
    rec, model = noisy_circle(labelled)
    y = rec["angle"] if labelled else None
    wide, narrow = (
        curvature_profile(model, rec["activity"], y, n_bootstrap=40, level=level, random_state=0)
        for level in (0.9, 0.5)
    )
    for name in QUANTITIES:
        ends = [
            wide[f"{name}{kind}"] for kind in ("_simultaneous_lower", "_lower", "", "_upper", "_simultaneous_upper")
        ]
        assert all((low <= high).all() for low, high in pairwise(ends))
        for kind in ("", "_simultaneous"):
            widths = [band[f"{name}{kind}_upper"] - band[f"{name}{kind}_lower"] for band in (narrow, wide)]
            assert (widths[0] < widths[1] + 1e-12).all()
    assert {"band_method", "band_holds", "n_resampled", "band_seed"} <= set(wide.attrs)


@pytest.mark.slow
def test_bands_cover_on_average_over_points() -> None:
    """An ellipse: 90 % bands of 20 recordings hold its curvature at about nine in ten points, most as a whole."""
    pointwise, whole = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        angle = rng.uniform(0, 2 * np.pi, 500)
        clean = np.stack([2 * np.cos(angle), np.sin(angle), 0 * angle, 0 * angle], axis=1)
        x = clean + 0.1 * rng.standard_normal(clean.shape)
        model = nm.TopologicalVAE(**FAST).fit(x, angle)
        profile = curvature_profile(model, x, angle, n_bootstrap=50, n_points=90, random_state=seed)
        u = profile["angle_0"]
        truth = 2 / (4 * np.sin(u) ** 2 + np.cos(u) ** 2) ** 1.5
        for kind, found in (("", pointwise), ("_simultaneous", whole)):
            ends = [profile[f"mean_curvature_norm{kind}_{end}"] for end in ("lower", "upper")]
            found.append(float(((ends[0] <= truth) & (truth <= ends[1])).mean()))
    assert 0.8 < np.mean(pointwise) < 0.97
    assert np.mean(np.array(whole) == 1) >= 0.7


def gaussian_profile(n_draws: int, n_points: int, rng: np.random.Generator) -> xr.Dataset:
    """Bands of an estimate of zero in units of its error, from draws of the same law."""
    names = tuple(QUANTITIES)
    error = rng.standard_normal((n_draws + 1, n_points))
    profile = xr.Dataset({name: ("point", error[0], {"long_name": name}) for name in names})
    draws = error[0] + np.concatenate([error[1:], np.zeros((1, n_points))])
    return with_bands(profile, dict.fromkeys(names, draws), 0.9, 10_000)


def test_bands_of_gaussian_draws_have_their_level() -> None:
    """Independent points, few draws: the law of a further draw, not of those that the spread is from."""
    rng = np.random.default_rng(0)
    bands = [gaussian_profile(30, 10, rng) for _ in range(200)]
    for kind, least, most in (("", 0.87, 0.93), ("_simultaneous", 0.85, 0.96)):
        ends = (np.array([band[f"log_volume{kind}_{end}"] for band in bands]) for end in ("lower", "upper"))
        low, high = ends
        inside = (low <= 0) & (high >= 0)
        assert least < (inside.all(1) if kind else inside).mean() < most


def test_noise_bias_is_that_of_a_norm() -> None:
    """|N(m, s)| is larger than |m| by its folded mean less m."""
    rng = np.random.default_rng(0)
    draws = np.concatenate([0.5 + rng.standard_normal((20_000, 1)), [[0.5]]])
    names = tuple(QUANTITIES)
    profile = xr.Dataset({name: ("point", np.array([2.0]), {"long_name": name}) for name in names})
    profile = with_bands(profile, dict.fromkeys(names, draws), 0.9, 100)
    folded = np.sqrt(2 / np.pi) * np.exp(-0.125) + 0.5 * math.erf(0.5 / np.sqrt(2))
    assert float(profile["mean_curvature_norm_noise_bias"][0]) == pytest.approx(folded - 0.5, abs=0.02)
    assert float(profile["mean_curvature_norm_corrected"][0]) == pytest.approx(2.5 - folded, abs=0.02)


def test_draws_of_few_priors_are_the_posterior() -> None:
    """Independent noise: the draws' covariance is that of least squares where the prior says little."""
    rec = nm.synthetic.circle(n_times=2000, n_units=4, distortion=None, noise_var=0.01, random_state=0)
    x, y = rec["activity"].to_numpy(), rec["angle"].to_numpy()
    model = nm.TopologicalVAE(**FAST).fit(x, y)
    draws = bootstrap_decoders(model, x, y, None, 400, 0)
    weight = torch.stack(draws.weights)[:, 1:3]
    # Harmonics are orthonormal over the circle, whose samples are uniform; noise lies in the plane of the circle.
    within = torch.linalg.svd(model.decoder_.weight[1:3], full_matrices=False)[2]
    spread = (weight @ within.mT).std(0)
    np.testing.assert_allclose(spread, (0.01 * 2 * np.pi / 2000) ** 0.5, rtol=0.2)


def test_draws_are_reproducible_for_any_number_of_jobs() -> None:
    rec, model = noisy_circle(True)
    x, y = rec["activity"].to_numpy(), rec["angle"].to_numpy()
    with joblib.parallel_config(backend="threading"):
        first, second = (bootstrap_decoders(model, x, y, None, 2, 3, n_jobs=jobs) for jobs in (1, 2))
    for one, other in zip(first.weights, second.weights, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert float((first.weights[0] - first.decoder.weight).abs().max()) < 0.2


def test_draws_without_labels_leave_coordinates_alone() -> None:
    """Turned coordinates are the same manifold: no draw of an unlabelled fit moves points along it."""
    rec, model = noisy_circle(False)
    draws = bootstrap_decoders(model, rec["activity"].to_numpy(), None, None, 3, 0)
    angles = torch.linspace(0, 2 * math.pi, 100, dtype=torch.float64)[:, None]
    f = Immersion(model.template_, draws.decoder)
    tangent = torch.nn.functional.normalize(jacobian(f, angles)[..., 0])
    for weight in draws.weights:
        moved = Immersion(model.template_, draws.decoder.changed(weight - draws.decoder.weight))(angles) - f(angles)
        along = (moved * tangent).sum(1)
        assert float(along.square().mean()) < 0.01 * float(moved.square().sum(1).mean())


def test_a_curve_in_coordinates_that_are_visited_uniformly_is_the_same_curve() -> None:
    """Visits crowd somewhere: the new coordinate undoes it, and what is written back is the old map."""
    model = noisy_circle(False)[1]
    template, u = model.template_, torch.linspace(0, 2 * math.pi, 400, dtype=torch.float64)[:-1, None]
    visits = template.embed(u + 0.2 * torch.sin(u))
    visited, back = in_visit_coordinates(model.decoder_, visits, 30)
    torch.testing.assert_close(back @ visited.weight, model.decoder_.weight, rtol=0, atol=1e-3)
    torch.testing.assert_close(visited(template.embed(u)), model.decoder_(visits), rtol=0, atol=0.02)


def test_trials_are_resampled_whole_where_there_are_many() -> None:
    trials = np.repeat(np.arange(25), 12)
    np.testing.assert_array_equal(resampling_units(300, trials, 1.0), trials)
    few = resampling_units(300, np.repeat([0, 1, 2], 100), 2.0)
    assert len(np.unique(few)) >= 15
    assert len(np.unique(resampling_units(30_000, None, 1.0))) == 200


def test_blocks_cross_no_border() -> None:
    groups = np.repeat([0, 1, 0], [40, 25, 35])
    blocks = time_blocks(100, groups, n_blocks=10)
    assert blocks.shape == (100,)
    assert (np.diff(blocks) >= 0).all()
    for block in np.unique(blocks):
        assert len(np.unique(groups[blocks == block])) == 1
    assert 0 < blocks[-1] + 1 <= 10 + 2
    assert len(np.unique(time_blocks(1000, None))) == 50


def test_error_of_a_profile_in_closed_form() -> None:
    true, area = np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.0, 2.0])
    assert curvature_error(true, true, area) == 0
    assert curvature_error(0 * true, true, area) == 1
    assert curvature_error(2 * true, true, area) == pytest.approx(0.2)
    assert curvature_error(true, 2 * true, 7 * area) == pytest.approx(0.2)
    assert curvature_error([1.0, 0.0], [0.0, 1.0], [1.0, 3.0]) == pytest.approx(1)
    assert curvature_error([0.0], [0.0], [1.0]) == 0
    with pytest.raises(InputError, match="one shape"):
        curvature_error([1.0], [1.0, 2.0], [1.0])
    with pytest.raises(InputError, match="finite"):
        curvature_error([math.nan], [1.0], [1.0])


def test_length_scale_is_the_radius_of_the_round_one() -> None:
    for n in (1, 2, 3):
        assert length_scale(Sphere(n).volume * 2.5**n, n) == pytest.approx(2.5)


def test_requests_that_cannot_be_met_are_named() -> None:
    rec, model = noisy_circle(True)
    x = rec["activity"].to_numpy()
    with pytest.raises(InputError, match="give X"):
        curvature_profile(model, n_bootstrap=5)
    with pytest.raises(InputError, match="n_bootstrap"):
        curvature_profile(model, x, n_bootstrap=-1)
    with pytest.raises(InputError, match="level"):
        curvature_profile(model, level=1.5)
    with pytest.raises(InputError, match="expecting 6 features"):
        curvature_profile(model, x[:, :3], n_bootstrap=2)
    with pytest.raises(InputError, match="groups"):
        curvature_profile(model, x, groups=np.zeros(3), n_bootstrap=2)
    with pytest.raises(NotEnoughDataError, match="too few"):
        curvature_profile(model, x[:5], n_bootstrap=2)
    with pytest.raises(NotFittedError):
        curvature_profile(nm.TopologicalVAE())


@pytest.mark.parametrize(("sign", "offset"), [(1, 0.3), (-1, 2.0), (1, -3.0)])
def test_best_rotation_finds_rotation_and_reflection(sign: int, offset: float) -> None:
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 7000)
    target = np.mod(sign * angle + offset + 0.1 * rng.standard_normal(7000), 2 * np.pi)
    target[::3] = np.nan
    aligned, error = best_rotation(angle, target)
    known = np.isfinite(target)
    assert error == np.median(angular_error(aligned[known], target[known]))
    assert error == pytest.approx(0.1 * 0.6745, rel=0.05)
    assert np.median(angular_error(aligned, np.mod(sign * angle + offset, 2 * np.pi))) < np.deg2rad(1)
    with pytest.raises(InputError, match="no target"):
        best_rotation(angle, np.full(7000, np.nan))


def test_angular_error_is_the_short_way_round() -> None:
    np.testing.assert_allclose(angular_error(np.array([0.1, 3.0, 0.0]), np.array([6.2, -3.0, np.pi])), [
        0.1 + 2 * np.pi - 6.2, 2 * np.pi - 6.0, np.pi,
    ])  # fmt: skip


def test_held_out_points_come_from_other_blocks() -> None:
    rec, _ = noisy_circle(True)
    x, y = rec["activity"].to_numpy(), rec["angle"].to_numpy()[:, None].copy()
    circle = resolve("circle")
    points = held_out_points(circle, x, y, np.zeros(len(x), np.int64))
    decoded = circle.angles(torch.as_tensor(points)).numpy()[:, 0]
    assert np.median(angular_error(decoded, y[:, 0])) < 0.1
    # Labels of a fold that are wrong leave its own decoding alone.
    fold = time_blocks(len(x), None) % 5 == 0
    y[fold] = np.mod(y[fold] + np.pi, 2 * np.pi)
    again = held_out_points(circle, x, y, np.zeros(len(x), np.int64))
    np.testing.assert_allclose(again[fold], points[fold])


def test_curvature_against_a_variable_is_the_profile_at_its_samples() -> None:
    template = resolve("circle")
    profile = immersion_profile(Immersion(template, lambda z: z * torch.tensor([2.0, 1.0])))
    angle = np.linspace(0, 2 * np.pi, 5000, endpoint=False)
    points = template.embed(torch.as_tensor(angle)[:, None]).numpy()
    values = angle.copy()
    values[::7] = np.nan
    against = curvature_against(profile, points, template, values, 2 * np.pi)
    centre = against["bin"].to_numpy()
    exact = 2 / (4 * np.sin(centre) ** 2 + np.cos(centre) ** 2) ** 1.5
    np.testing.assert_allclose(against["mean_curvature_norm"], exact, rtol=0.1)
    assert int(against["occupancy"].sum()) == np.isfinite(values).sum()
    assert (against["mean_curvature_norm_q25"] <= against["mean_curvature_norm_q75"]).all()
    assert "mean_curvature_norm_lower" not in against
    for end, shift in (("lower", -0.1), ("upper", 0.2)):
        profile[f"mean_curvature_norm_{end}"] = profile["mean_curvature_norm"] + shift
    banded = curvature_against(profile, points, template, values, 2 * np.pi)
    gap = banded["mean_curvature_norm_upper"] - banded["mean_curvature_norm_lower"]
    np.testing.assert_allclose(gap, 0.3)
    speed = curvature_against(profile, points, template, 3 + angle, None)
    assert 3 < float(speed["bin"][0]) < float(speed["bin"][-1]) < 3 + 2 * np.pi
    with pytest.raises(InputError, match="NaN in all 5000 samples"):
        curvature_against(profile, points, template, np.full(5000, np.nan), None)


def test_summary_of_a_round_circle_is_one() -> None:
    rec = nm.synthetic.circle(n_times=300, n_units=5, distortion=None, noise_var=0.0, radius=2.0, random_state=0)
    model = nm.TopologicalVAE(**FAST).fit(rec["activity"].to_numpy(), rec["angle"].to_numpy())
    numbers = summary(model, curvature_profile(model))
    assert float(numbers["volume"]) == pytest.approx(4 * np.pi)
    assert float(numbers["mean_curvature_norm"]) == pytest.approx(0.5)
    assert float(numbers["dimensionless_mean_curvature"]) == pytest.approx(1)
    assert float(numbers["curvature_range"]) == pytest.approx(1)
    assert all({"units", "long_name", "description"} <= set(value.attrs) for value in numbers.data_vars.values())

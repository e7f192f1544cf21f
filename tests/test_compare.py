"""Comparisons of representations: invariances, independent witnesses, errors and chance, and what is refused."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
import xarray as xr
from scipy.linalg import orthogonal_procrustes
from scipy.signal import lfilter
from scipy.spatial import procrustes as scipy_procrustes
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

import neuromanifold as nm
from neuromanifold._errors import InputError, NotEnoughDataError
from neuromanifold.compare.kernel_alignment import block_sums, hsic, row_sums
from neuromanifold.compare.representation import paired
from neuromanifold.compare.resampling import time_blocks
from neuromanifold.compare.similarity_analysis import Similarity
from neuromanifold.profile import immersion_profile

MEASURES = {"cka": nm.compare.cka, "procrustes": nm.compare.procrustes, "rsa": nm.compare.rsa}
ALIKE = {"cka": 1.0, "procrustes": 0.0, "rsa": 1.0}
PLAIN = {"n_bootstrap": 0, "n_shuffles": 0}


def value(measure: str, A, B, **settings) -> float:
    return float(MEASURES[measure](A, B, **PLAIN, **settings)["value"])


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def rotation(d: int, seed: int = 0) -> np.ndarray:
    return np.linalg.qr(normal(d, d, seed=seed))[0]


def related(n: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two representations, of 5 and 8 units, that share three dimensions."""
    shared = normal(n, 3, seed=seed)
    return (
        shared @ normal(3, 5, seed=1) + normal(n, 5, seed=seed + 1000),
        shared @ normal(3, 8, seed=2) + normal(n, 8, seed=seed + 2000),
    )


# -- laws that all measures keep ------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("n_units", [3, 60], ids=["few units", "more units than samples"])
def test_rotated_scaled_and_moved_is_alike(measure, n_units) -> None:
    X = normal(40, n_units)
    moved = 2.5 * X @ rotation(n_units, seed=1) + 3.0
    assert value(measure, X, moved) == pytest.approx(ALIKE[measure], abs=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
def test_silent_units_rotations_and_scales_of_either_side_change_nothing(measure) -> None:
    A, B = related()
    silent = np.pad(B, ((0, 0), (0, 4))) @ rotation(12, seed=3) - 1.0
    assert value(measure, 7 * A @ rotation(5), silent) == pytest.approx(value(measure, A, B), abs=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
def test_measures_are_symmetric(measure) -> None:
    A, B = related()
    assert value(measure, B, A) == pytest.approx(value(measure, A, B), abs=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_stretch_is_not_alike(measure) -> None:
    X = normal(60, 4)
    assert abs(value(measure, X, X * [1, 1, 1, 5]) - ALIKE[measure]) > 0.05


# -- each measure against other formulas ----------------------------------------------------------------------


def distinct_mean(K: np.ndarray, L: np.ndarray, w: np.ndarray) -> float:
    """Weighted mean over tuples of distinct samples: ``k_ij l_ij``, less twice ``k_ij l_iq``, and ``k_ij l_qr``."""
    total = 0.0
    # Places of i, j, q, r in a tuple of 2, 3 or 4 samples.
    for sign, (i, j, q, r) in ((1, (0, 1, 0, 1)), (-2, (0, 1, 0, 2)), (1, (0, 1, 2, 3))):
        tuples = np.array(list(permutations(range(len(w)), 1 + max(j, q, r))))
        weight = w[tuples].prod(axis=1)
        products = K[tuples[:, i], tuples[:, j]] * L[tuples[:, q], tuples[:, r]]
        total += sign * float(weight @ products / weight.sum())
    return total


@pytest.mark.parametrize("starts", [[0], [0, 2, 5], [0, 1, 2, 3, 4, 5, 6]])
def test_hsic_is_the_mean_over_quadruples(starts) -> None:
    starts = np.array(starts)
    X, Y = normal(7, 3), normal(7, 2, seed=1)
    lengths = np.diff(np.append(starts, 7))
    w = np.repeat(np.array([2.0, 1.0, 1.0, 3.0, 0.0, 1.0, 1.0])[: len(starts)], lengths)
    found = hsic(block_sums(X, Y, starts), row_sums(X, w), row_sums(Y, w), w, starts)
    assert found == pytest.approx(distinct_mean(X @ X.T, Y @ Y.T, w), rel=1e-10)


def unbiased(K: np.ndarray, L: np.ndarray) -> float:
    """Equation 5 of Song et al. (2012)."""
    n, one = len(K), np.ones(len(K))
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    sums = np.trace(K @ L) + (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ K @ L @ one)
    return sums / (n * (n - 3))


@pytest.mark.parametrize(("n", "n_units"), [(30, 4), (12, 50), (200, 3)])
def test_cka_is_the_published_formula(n, n_units) -> None:
    X, Y = normal(n, n_units), normal(n, 5, seed=1) + normal(n, n_units)[:, :1]
    K, L = X @ X.T, Y @ Y.T
    assert value("cka", X, Y) == pytest.approx(unbiased(K, L) / np.sqrt(unbiased(K, K) * unbiased(L, L)), rel=1e-9)


def test_cka_of_independent_representations_is_zero_on_average() -> None:
    """Also with more units than samples, where the plain estimator is near 1."""
    found = np.array([value("cka", normal(20, 40, seed=s), normal(20, 30, seed=s + 500)) for s in range(300)])
    assert abs(found.mean()) < 4 * found.std() / np.sqrt(len(found))


def test_procrustes_is_scipys() -> None:
    A, B = related()
    B = B[:, :5]
    assert np.sin(value("procrustes", A, B)) ** 2 == pytest.approx(scipy_procrustes(A, B)[2], rel=1e-9)
    X, Y = ((Z - Z.mean(0)) / np.linalg.norm(Z - Z.mean(0)) for Z in (A, B))
    turn, _ = orthogonal_procrustes(Y, X)
    euclidean = value("procrustes", A, B, metric="euclidean")
    assert euclidean == pytest.approx(np.linalg.norm(X - Y @ turn), rel=1e-9)
    assert euclidean == pytest.approx(2 * np.sin(value("procrustes", A, B) / 2), rel=1e-9)


@pytest.mark.parametrize("metric", ["angular", "euclidean"])
def test_procrustes_keeps_the_triangle_inequality(metric) -> None:
    for seed in range(20):
        A, B, C = (normal(15, d, seed=3 * seed + d) for d in (2, 3, 7))
        ab, bc, ac = (value("procrustes", *pair, metric=metric) for pair in ((A, B), (B, C), (A, C)))
        assert ac <= ab + bc + 1e-12


@pytest.mark.parametrize("metric", ["euclidean", "correlation"])
def test_rsa_is_the_rank_correlation_of_scipys_distances(metric) -> None:
    A, B = related()
    A, B = A.round(1), B.round(1)  # ties
    assert value("rsa", A, B, metric=metric) == pytest.approx(
        spearmanr(pdist(A, metric), pdist(B, metric))[0], rel=1e-9
    )


def test_weighted_rsa_is_that_of_repeated_samples_without_their_copies() -> None:
    A, B = related(12)
    counts = np.array([2, 0, 1, 1, 3, 0, 1, 1, 1, 2, 0, 1])
    rows = np.repeat(np.arange(12), counts)
    i, j = np.triu_indices(len(rows), 1)
    apart = rows[i] != rows[j]
    near, far = pdist(A[rows])[apart], pdist(B[rows])[apart]
    found = Similarity(paired(A, B), "euclidean").weighted(counts.astype(float))
    assert found == pytest.approx(spearmanr(near, far)[0], rel=1e-9)


# -- errors and chance ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", MEASURES)
def test_p_tells_related_from_independent(measure) -> None:
    A, B = related()
    assert float(MEASURES[measure](A, B, random_state=0)["p_value"]) < 0.05
    ps = [
        float(MEASURES[measure](A[:60], normal(60, 4, seed=s), n_bootstrap=0, n_shuffles=19, random_state=s)["p_value"])
        for s in range(20)
    ]
    assert np.mean(np.array(ps) <= 0.1) < 0.35


@pytest.mark.parametrize("null", ["time-shift", "permutation"])
def test_shuffles_of_alignment_are_those_of_shuffled_rows(null) -> None:
    A, B = related(30)
    found = nm.compare.cka(A, B, n_bootstrap=0, n_shuffles=400, null=null, random_state=0)
    rows = [np.roll(np.arange(30), s) for s in range(1, 30)]
    if null == "permutation":
        rows = [np.random.default_rng(s).permutation(30) for s in range(400)]
    expected = np.array([value("cka", A, B[order]) for order in rows])
    assert float(found["chance"]) == pytest.approx(expected.mean(), abs=5 * expected.std() / np.sqrt(400))


def test_shifts_stay_inside_their_intervals() -> None:
    """What only the interval decides is shared by every shuffle: shifts inside leave it, permutations do not."""
    groups = np.repeat(np.arange(6), 20)
    level = normal(6, 3)[groups]
    A, B = level + 0.01 * normal(120, 3, seed=1), level + 0.01 * normal(120, 3, seed=2)
    inside = nm.compare.cka(A, B, groups, n_bootstrap=0, random_state=0)
    across = nm.compare.cka(A, B, groups, null="permutation", n_bootstrap=0, random_state=0)
    assert float(inside["chance"]) > 0.99
    assert abs(float(across["chance"])) < 0.1


def test_blocks_cross_no_border_and_are_few() -> None:
    groups = np.repeat([5, 6, 5], [70, 50, 80])
    blocks = time_blocks(groups, 30)
    assert blocks[0] == 0
    assert set(np.diff(blocks)) <= {0, 1}
    assert {70, 120} <= set(np.flatnonzero(np.diff(blocks)) + 1)
    assert np.bincount(blocks).max() <= 30
    assert time_blocks(np.zeros(5000, int), 1).max() == 199
    assert time_blocks(np.zeros(5000, int)).max() == 49


@pytest.mark.parametrize("measure", MEASURES)
def test_one_seed_gives_one_result_and_alike_is_without_error(measure) -> None:
    A, B = related()
    first, second = (MEASURES[measure](A, B, n_bootstrap=20, n_shuffles=9, random_state=3) for _ in range(2))
    xr.testing.assert_identical(first, second)
    assert float(MEASURES[measure](A, A @ rotation(5), n_bootstrap=9, n_shuffles=0)["standard_error"]) < 1e-6


def autocorrelated(n: int, d: int, rng: np.random.Generator, memory: float = 0.8) -> np.ndarray:
    noise = rng.normal(size=(n + 100, d)) * np.sqrt(1 - memory**2)
    return lfilter([1], [1, -memory], noise, axis=0)[100:]


@pytest.mark.slow
@pytest.mark.parametrize("measure", MEASURES)
def test_standard_errors_are_the_spread_over_recordings(measure) -> None:
    """Recordings of 1,000 samples that remember 9: the error found in one against the spread over 100."""
    mix = normal(3, 5, seed=1), normal(3, 8, seed=2)
    values, errors = [], []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        shared = autocorrelated(1000, 3, rng)
        A, B = (shared @ m + autocorrelated(1000, m.shape[1], rng) for m in mix)
        found = MEASURES[measure](A, B, n_bootstrap=100, n_shuffles=0, block_length=40, random_state=seed)
        values.append(float(found["value"]))
        errors.append(float(found["standard_error"]))
    centre, inside = np.mean(values), np.abs(values - np.mean(values)) < 1.96 * np.array(errors)
    print(f"{measure}: spread {np.std(values):.4f}, mean error {np.mean(errors):.4f}, coverage {inside.mean():.2f}")
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.2)
    assert inside.mean() >= 0.88
    if measure == "cka":
        a, b, c = mix[0].T @ mix[0] + np.eye(5), mix[1].T @ mix[1] + np.eye(8), mix[0].T @ mix[1]
        truth = np.sum(c**2) / np.sqrt(np.sum(a**2) * np.sum(b**2))
        assert centre == pytest.approx(truth, abs=np.std(values))


# -- what goes in, and tables ---------------------------------------------------------------------------------


def test_tensors_recordings_and_arrays_are_the_same() -> None:
    A, B = related(60)
    recording = nm.as_recording(A, sampling_period=0.1, kind="continuous", units="a.u.")
    tensor = torch.tensor(B.reshape(60, 2, 4), requires_grad=True)
    assert value("cka", recording, tensor) == value("cka", A, B)
    assert value("cka", recording["activity"].T, B) == value("cka", A, B)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("A", "B", "why"),
    [
        (normal(20, 3), normal(21, 3), "20 samples and B 21"),
        (normal(20, 3), np.ones((20, 3)), "B is constant"),
        (normal(1, 3), normal(1, 3), "1 samples"),
        (normal(20, 3), np.where(np.arange(60).reshape(20, 3) == 7, np.nan, 1.0), r"1 of 20 samples.*\[2\]"),
        (normal(20), normal(20), "reshape"),
        (np.full((20, 2), "a"), normal(20, 2), "numbers"),
    ],
    ids=["samples", "constant", "one sample", "nan", "one-dimensional", "text"],
)
def test_what_cannot_be_compared_is_named(measure, A, B, why) -> None:
    with pytest.raises(InputError, match=why):
        MEASURES[measure](A, B)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"n_bootstrap": -1}, "n_bootstrap"),
        ({"n_shuffles": 1.5}, "n_shuffles"),
        ({"null": "shuffle"}, "permutation"),
        ({"level": 1.0}, "level"),
        ({"block_length": 0}, "block_length"),
        ({"block_length": 500}, "one block"),
        ({"groups": np.zeros(3)}, "groups"),
        ({"groups": np.arange(120)}, "one sample long"),
    ],
)
def test_settings_out_of_range_are_named(settings, why) -> None:
    with pytest.raises(InputError, match=why):
        nm.compare.cka(*related(), **settings)


def test_other_faults_are_named() -> None:
    A, B = related(40)
    with pytest.raises(NotEnoughDataError):
        nm.compare.cka(A[:3], B[:3])
    with pytest.raises(InputError, match="angular"):
        nm.compare.procrustes(A, B, metric="cosine")
    with pytest.raises(InputError, match="3 units"):
        nm.compare.rsa(A[:, :2], B, metric="correlation")
    one, other = (
        nm.as_recording(A, time=start + 0.1 * np.arange(40), kind="continuous", units="a.u.") for start in (0.0, 5.0)
    )
    with pytest.raises(InputError, match="different times"):
        nm.compare.cka(one, other)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_table_holds_every_pair(measure) -> None:
    A, B = related(40)
    layers = {"first": A, "second": A[:, :3], "third": B}
    settings = {"n_bootstrap": 10, "n_shuffles": 9, "random_state": 0}
    table = nm.compare.matrix(layers, measure=measure, **settings)
    xr.testing.assert_equal(table["value"], table["value"].rename(a="b", b="a").transpose("a", "b"))
    assert float(table["value"].sel(a="first", b="third")) == pytest.approx(value(measure, A, B))
    other = nm.compare.matrix(layers, [B], measure, **settings)
    assert other.sizes == {"a": 3, "b": 1}
    np.testing.assert_array_equal(other["standard_error"].sel(b="0"), table["standard_error"].sel(b="third"))
    for wrong in (A, [], xr.Dataset({"activity": ("time", np.ones(3))})):
        with pytest.raises(InputError, match="list"):
            nm.compare.matrix(wrong)
    with pytest.raises(InputError, match="measure"):
        nm.compare.matrix([A], measure="svcca")


# -- curvature beside curvature -------------------------------------------------------------------------------


def circle_profile(**settings) -> xr.Dataset:
    recording = nm.synthetic.circle(n_times=60, n_units=5, noise_var=0.0, random_state=0, **settings)
    profile = immersion_profile(nm.synthetic.immersion_of(recording))
    return profile.assign_attrs(gauge="task coordinates")


def test_the_same_bends_correlate_whatever_their_size() -> None:
    small, large = (circle_profile(distortion="wiggles", amplitude=0.4, radius=r) for r in (1.0, 3.0))
    found = nm.compare.curvature(small, large, ("small", "large"))
    assert list(found["representation"]) == ["small", "large"]
    for quantity in ("dimensionless_mean_curvature", "log_volume"):
        np.testing.assert_allclose(*found[quantity].to_numpy(), atol=1e-9)
        assert float(found[f"{quantity}_correlation"]) == pytest.approx(1)
        # Three wiggles: three of the 360 rotations are as good.
        assert float(found[f"{quantity}_p_value"]) == pytest.approx(3 / 360)


def test_a_round_circle_correlates_with_nothing() -> None:
    found = nm.compare.curvature(circle_profile(amplitude=0.0), circle_profile(distortion="wiggles", amplitude=0.4))
    assert np.isnan(float(found["dimensionless_mean_curvature_correlation"]))


def test_profiles_that_are_not_beside_each_other_are_refused() -> None:
    profile = circle_profile(distortion="wiggles", amplitude=0.4)
    with pytest.raises(InputError, match="task variable"):
        nm.compare.curvature(profile, profile.assign_attrs(gauge="constant speed of the immersion"))
    with pytest.raises(InputError, match="n_points"):
        nm.compare.curvature(profile, profile.isel(point=slice(0, 100)))


def test_a_table_of_geometry_holds_every_pair() -> None:
    wiggles = {f"{a}": circle_profile(distortion="wiggles", amplitude=a) for a in (0.2, 0.4)}
    bump = {"bump": circle_profile(distortion="bump", amplitude=0.4).assign_attrs(gauge="task coordinates")}
    square = nm.compare.curvature_matrix(wiggles | bump)
    np.testing.assert_allclose(np.diag(square["value"]), 1)
    np.testing.assert_allclose(square["value"], square["value"].T)
    column = nm.compare.curvature_matrix(wiggles, bump, "log_volume")
    alone = nm.compare.curvature(wiggles["0.2"], bump["bump"])
    assert float(column["value"].sel(a="0.2", b="bump")) == float(alone["log_volume_correlation"])
    assert float(column["p_value"].sel(a="0.2", b="bump")) == float(alone["log_volume_p_value"])
    with pytest.raises(InputError, match="log_volume"):
        nm.compare.curvature_matrix(wiggles, quantity="torsion")
    with pytest.raises(InputError, match="no profile"):
        nm.compare.curvature_matrix({})
    with pytest.raises(InputError, match=r"^bent is"):
        nm.compare.curvature_matrix({"bent": bump["bump"].assign_attrs(gauge="constant speed")})

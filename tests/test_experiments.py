"""Experiments on feature maps: their statistics against second formulas, and small runs from end to end."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
import xarray as xr
from torch import nn
from typer.testing import CliRunner

from neuromanifold._errors import FileFormatError, InputError, NotEnoughDataError
from neuromanifold.cli import app
from neuromanifold.cli.output import write_findings
from neuromanifold.experiments import EXPERIMENTS, cifar, claim, mnist, xor
from neuromanifold.experiments.ambiguous import ImageVAE
from neuromanifold.experiments.boundary import (
    distance_to_boundary,
    partial_rank_correlation,
    radial_share,
    rank_correlation,
)
from neuromanifold.experiments.checkpoints import Recipe, classification, stages
from neuromanifold.experiments.findings import Findings, Options, Statement, table
from neuromanifold.experiments.line_claims import with_relative
from neuromanifold.experiments.plane_tasks import run_task
from neuromanifold.experiments.slices import Examined, along_lines, draw_pairs, on_plane
from neuromanifold.featuremaps import Plane, layer
from neuromanifold.networks import MLP
from neuromanifold.training import TrainingSettings


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# -- the claim ----------------------------------------------------------------------------------------------


def test_numbers_of_one_line():
    v, classes = np.array([0.0, 2.0, 6.0, 3.0, 1.0]), np.array([7, 7, 1, 1, 4])
    changed = claim.changes(classes)
    assert changed.tolist() == [False, True, False, True]
    assert claim.inside(v)
    assert claim.contrast(v, changed) == pytest.approx((4.0 + 2.0) / 2 - 0.5)
    assert claim.middle(v) == 5.5
    assert claim.distance(v, changed) == pytest.approx(0.125)
    never = np.zeros(4, bool)
    assert np.isnan(claim.contrast(v, never))
    assert np.isnan(claim.distance(v, never))
    assert not claim.inside(np.arange(5.0))
    with pytest.raises(InputError, match="odd"):
        claim.middle(v[:4])


def test_sign_flips_agree_with_all_of_them():
    differences = rng(1).normal(0.4, 1, 10)
    signs = np.array(np.meshgrid(*[[-1, 1]] * 10)).reshape(10, -1).T
    exact = (signs @ differences >= differences.sum() - 1e-12).mean()
    assert claim.sign_flip_p(differences, rng(), 20_000) == pytest.approx(exact, abs=0.01)


def test_label_permutation_agrees_with_scipy():
    first, second = rng(2).normal(0.5, 1, 12), rng(3).normal(0, 1, 15)
    told = scipy.stats.permutation_test(
        (first, second), lambda a, b: a.mean() - b.mean(), alternative="greater", n_resamples=20_000, rng=rng(4)
    )
    assert claim.label_p(first, second, rng(), 20_000) == pytest.approx(told.pvalue, abs=0.01)


def test_interval_of_one_network_is_that_of_the_mean_and_covers_more_where_networks_differ():
    values = rng(5).normal(size=(1, 400))
    low, high = claim.bootstrap_interval(values, rng())
    half = 1.96 * values.std() / 20
    np.testing.assert_allclose([low, high], [values.mean() - half, values.mean() + half], atol=0.02)
    networks = values.reshape(4, 100) + np.array([[-1.0], [0.0], [1.0], [2.0]])
    low, high = claim.bootstrap_interval(networks, rng())
    assert high - low > 8 * half
    assert np.isnan(claim.bootstrap_interval(np.full((2, 3), np.nan), rng())).all()


def test_reassignment_sees_maxima_at_their_own_changes_only():
    place = rng(6).integers(1, 9, 30)
    position = np.arange(10)
    v = -np.abs(position - place[:, None] - 0.4)
    own = position[:-1] == place[:, None]
    mean, p = claim.reassignment_p(v, own, rng(), 500)
    assert p == pytest.approx(1 / 501)
    assert claim.distance(v, own).mean() < mean / 2
    middle = np.tile(position[:-1] == 4, (30, 1))
    assert claim.reassignment_p(v, middle, rng(), 500)[1] == 1.0


def test_what_the_norm_explains_before_training_is_taken_away():
    square = rng(7).uniform(1, 3, (1, 2, 2, 4, 5))
    dims = ("seed", "stage", "kind", "line", "position")
    bump = np.zeros_like(square)
    bump[:, 1, 0, :, 2] = 4.0
    lines = xr.Dataset(
        {"log_volume": (dims, 5 - 2 * square + 0.3 * square**2 + bump), "square_norm": (dims, square)},
        coords={"seed": [0], "stage": ["initial", "trained"], "kind": ["different", "same"]},
    )
    np.testing.assert_allclose(with_relative(lines)["relative"], bump, atol=1e-9)


# -- boundaries in the plane --------------------------------------------------------------------------------

AXIS = np.linspace(-1.5, 1.5, 121)
X, Y = np.meshgrid(AXIS, AXIS, indexing="ij")


def test_distance_to_a_circle():
    points = rng().uniform(-1.5, 1.5, (200, 2))
    found = distance_to_boundary(np.hypot(X, Y) - 0.8, AXIS, points)
    np.testing.assert_allclose(found, np.abs(np.hypot(*points.T) - 0.8), atol=0.02)
    assert np.isnan(distance_to_boundary(1 + X**2, AXIS, points)).all()


def test_rank_correlations_agree_with_second_formulas():
    c = rng(1).normal(size=300)
    a, b = np.exp(c + rng(2).normal(size=300)), c + rng(3).normal(size=300)
    assert rank_correlation(a, b) == pytest.approx(scipy.stats.spearmanr(a, b).statistic)
    ranks = [scipy.stats.rankdata(v) for v in (a, b, c)]
    left = [r - np.polyval(np.polyfit(ranks[2], r, 1), ranks[2]) for r in ranks[:2]]
    assert partial_rank_correlation(a, b, c) == pytest.approx(np.corrcoef(*left)[0, 1])


def test_radial_share_of_round_and_of_flat_fields():
    radius = np.hypot(X, Y).ravel()
    assert radial_share(np.exp(-(radius**2)), radius) > 0.98
    assert radial_share(X.ravel(), radius) < 0.01


# -- slices -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def linear() -> tuple[Examined, torch.Tensor]:
    """A linear layer of 5 features before 3 scores, of images of shape (1, 2, 2)."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(4, 5), nn.Linear(5, 3)).double()
    return Examined(layer(module, "1"), module), module[1].weight.detach()


def test_lines_of_a_linear_map(linear):
    network, w = linear
    ends = torch.rand(3, 2, 1, 2, 2, dtype=torch.float64)
    lines = along_lines(network, ends)
    np.testing.assert_allclose(lines["log_volume"], 0.5 * float(torch.logdet(w.mT @ w)))
    speed = torch.linalg.vector_norm((ends[:, 1] - ends[:, 0]).flatten(1) @ w.mT, dim=1).log()
    np.testing.assert_allclose(lines["log_speed"], speed[:, None].expand(-1, 11))
    np.testing.assert_allclose(lines["square_norm"][:, [0, -1]], ends.flatten(2).square().sum(-1))
    scores = network.scores(ends[:, 0])
    assert lines["predicted"][:, 0].to_numpy().tolist() == scores.argmax(1).tolist()
    entropy = scipy.stats.entropy(scores.detach().softmax(1).numpy(), axis=1) / np.log(3)
    np.testing.assert_allclose(lines["entropy"][:, 0], entropy)


def test_area_of_a_plane_under_a_linear_map(linear):
    network, w = linear
    corners = torch.rand(3, 1, 2, 2, dtype=torch.float64)
    plane = Plane.through(*corners)
    found = on_plane(network, plane, plane.convex_grid(4), full=True)
    edges = (corners[1:] - corners[0]).flatten(1) @ w.mT
    np.testing.assert_allclose(found["log_area"], 0.5 * float(torch.logdet(edges @ edges.mT)))
    assert found["weight"].shape == (10, 3)
    np.testing.assert_allclose(found["weight"].sum("corner"), 1)


@pytest.mark.parametrize("same", [False, True])
def test_pairs_are_disjoint_and_of_their_kind(same):
    labels = rng().integers(0, 4, 60)
    pairs = draw_pairs(labels, 8, same, rng(1))
    assert np.unique(pairs).size == 16
    assert ((labels[pairs[:, 0]] == labels[pairs[:, 1]]) == same).all()
    with pytest.raises(NotEnoughDataError, match="40 were asked for"):
        draw_pairs(labels, 40, same, rng(1))


# -- checkpoints and findings -------------------------------------------------------------------------------

X_FEW, Y_FEW = torch.randn(30, 2, generator=torch.Generator().manual_seed(0)), torch.arange(30) % 2
RECIPE = Recipe(
    lambda generator: MLP(2, 2, (4,), generator, "sigmoid"), TrainingSettings(3, 10, patience=None), (0, 3), {"n": 4}
)


def weights(networks: dict[int, nn.Module], epoch: int = 3) -> torch.Tensor:
    return nn.utils.parameters_to_vector(networks[epoch].parameters())


def test_networks_are_trained_once(tmp_path):
    def never(*_):
        raise AssertionError("trained again")

    first = stages(RECIPE, classification, (X_FEW, Y_FEW), 0, tmp_path)
    again = stages(RECIPE, never, (X_FEW, Y_FEW), 0, tmp_path)
    assert list(again) == [0, 3]
    for epoch in (0, 3):
        assert torch.equal(weights(first, epoch), weights(again, epoch))
    assert not again[3].training
    assert not torch.equal(weights(again, 0), weights(again, 3))
    assert torch.equal(weights(stages(RECIPE, classification, (X_FEW, Y_FEW), 0)), weights(first))


@pytest.mark.parametrize(
    ("recipe", "data", "seed"),
    [
        (RECIPE, (X_FEW, Y_FEW), 1),
        (RECIPE, (X_FEW + 1, Y_FEW), 0),
        (replace(RECIPE, settings=replace(RECIPE.settings, learning_rate=0.1)), (X_FEW, Y_FEW), 0),
        (replace(RECIPE, description={"n": 5}), (X_FEW, Y_FEW), 0),
    ],
)
def test_another_setting_is_another_checkpoint(tmp_path, recipe, data, seed):
    stages(RECIPE, classification, (X_FEW, Y_FEW), 0, tmp_path)
    stages(recipe, classification, data, seed, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_damaged_checkpoint_is_told(tmp_path):
    stages(RECIPE, classification, (X_FEW, Y_FEW), 0, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(FileFormatError, match="damaged"):
        stages(RECIPE, classification, (X_FEW, Y_FEW), 0, tmp_path)


def test_statements_know_whether_they_hold():
    rows = [Statement("a", 0.9, target=">= 0.8"), Statement("b", 0.9, target="<= 0.8"), Statement("c", math.nan)]
    assert table(rows)["holds"].tolist() == ["yes", "no", ""]


def test_bound_of_the_vae_is_the_divergence_of_its_posterior():
    generator = torch.Generator().manual_seed(0)
    vae = ImageVAE(6, generator)
    with torch.no_grad():
        for parameter in vae.decoder.parameters():
            parameter.zero_()
        x = torch.rand(5, 6, generator=generator)
        mean, log_variance = vae.posterior(x)
        posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
        divergence = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(1)
        # A decoder of zeros gives every pixel probability ½, whatever the latent is.
        torch.testing.assert_close(vae.loss(x, generator), divergence + 6 * math.log(2))


# -- whole experiments --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plane_findings() -> Findings:
    return run_task(replace(xor.TASK, widths=(10,)), Options(), n_seeds=1)


def test_xor_learns_and_its_volume_falls_with_the_distance_to_the_boundary(plane_findings):
    value = plane_findings.table["value"]
    assert value["width 10, hidden layer 1: accuracy after training"] == 1.0
    assert value["width 10, hidden layer 1: the same at equal |x|, after"] < -0.5
    assert value["width 500, hidden layer 1: variance that |x| explains before training"] > 0.9
    fields = plane_findings.groups["plane"]
    assert fields["log_volume"].sizes == {"epoch": 5, "x": 40, "y": 40, "layer": 1, "width": 1, "seed": 1}


@pytest.fixture(scope="module")
def digits_findings(tmp_path_factory) -> Findings:
    settings = TrainingSettings(12, 100, 3e-3, patience=None, weight_decay=1e-4)
    options = Options(n_seeds=1, checkpoints=tmp_path_factory.mktemp("checkpoints"))
    return mnist.run(options, width=150, n_lines=6, settings=settings)


def test_digits_from_end_to_end(digits_findings):
    value = digits_findings.table["value"]
    assert value["accuracy on held-out images"] > 0.8
    assert value["log volume: height at changes of the prediction, trained less initial"] > 0
    assert value["ambiguous less clean digits: the same, trained less initial"] > 0
    lines = digits_findings.groups["lines"]
    ends = lines["true_class"]
    assert (ends.sel(kind="same")[..., 0] == ends.sel(kind="same")[..., 1]).all()
    assert (ends.sel(kind="different")[..., 0] != ends.sel(kind="different")[..., 1]).all()
    assert len(set(digits_findings.groups["triangle"]["corner_class"].to_numpy())) == 3
    spectrum = digits_findings.groups["spectrum"]["eigenvalue"]
    assert (spectrum.diff("rank") <= 1e-12).all()


@pytest.mark.parametrize("name", ["plane_findings", "digits_findings"])
def test_findings_are_written_whole(name, request, tmp_path):
    findings = request.getfixturevalue(name)
    files = write_findings(findings, tmp_path)
    back = pd.read_csv(files["table"], index_col="what")
    np.testing.assert_allclose(back["value"], findings.table["value"])
    numbers = xr.open_datatree(files["numbers"], engine="h5netcdf")
    for group in findings.groups:
        xr.testing.assert_equal(numbers[group].to_dataset(), findings.datasets()[group])
        assert numbers[group].attrs["experiment"] == findings.name
    pictures = [Path(path) for path in files.values() if path.endswith(".png")]
    assert pictures
    for path in pictures:
        assert matplotlib.image.imread(path)[..., :3].std() > 0.02, path.name


def test_unknown_experiment_lists_the_known():
    result = CliRunner().invoke(app, ["featuremaps", "nothing"])
    assert result.exit_code == 2
    assert all(name in result.stderr for name in EXPERIMENTS)


def images_of_three_classes(path: Path) -> Path:
    pixels = rng().integers(0, 256, (60, 4, 4, 3), np.uint8)
    np.savez(path, images=pixels, labels=np.arange(60) % 3)
    return path


def test_networks_on_natural_images_say_what_they_need(tmp_path):
    data = images_of_three_classes(tmp_path / "few.npz")
    with pytest.raises(InputError, match="--data"):
        cifar.run(Options())
    weights = tmp_path / "some.th"
    weights.write_bytes(b"of a network")
    with pytest.raises(InputError, match="32, 32"):
        cifar.run(Options(data=data, weights=weights))
    # What no images can make right is told before they are read.
    with pytest.raises(FileFormatError, match="no such file"):
        cifar.run(Options(weights=tmp_path / "none.th"))
    with pytest.raises(InputError, match=r"'resnet19'; there are resnet18, .*resnet152-relu"):
        cifar.run(Options(data=data, network="resnet19"))


def test_residual_network_is_trained_and_examined_by_block(tmp_path):
    options = Options(data=images_of_three_classes(tmp_path / "few.npz"), network="resnet18-relu", epochs=2)
    findings = cifar.run(options, n_lines=2, width=2)
    assert findings.settings["activation"] == "relu"
    assert findings.groups["lines"]["stage"].to_numpy().tolist() == ["initial", "epoch 1", "trained"]
    assert findings.groups["blocks"]["block"].to_numpy().tolist() == ["pool1", "pool2", "pool3"]
    assert np.isfinite(findings.groups["blocks"]["log_volume"]).all()
    wrong = findings.groups["wrong"]
    truth, seen = wrong["corner_class"].to_numpy(), wrong["predicted"].to_numpy()[wrong["weight"].argmax("node")]
    assert truth.tolist() == [truth[0], truth[0], seen[0]]
    assert seen.tolist() == [truth[2], truth[0], truth[2]]
    assert {"lines", "blocks", "wrongly_predicted", "spectrum"} <= write_findings(findings, tmp_path).keys()


@pytest.mark.slow
def test_volume_of_a_published_network_is_largest_near_changes_of_its_prediction(shared_data):
    images = next(shared_data("cifar10_lossless4000").glob("*.npz"))
    weights = next(shared_data("resnet_cifar10").glob("resnet20*"))
    value = cifar.run(Options(data=images, weights=weights), n_lines=8).table["value"]
    assert value["accuracy on the images examined"] > 0.99
    assert value["log volume: height at changes of the prediction, trained"] > 0


@pytest.mark.slow
def test_command_prints_the_table_and_finds_networks_again(tmp_path):
    words = ["featuremaps", "xor", "--seeds", "1", "--out", str(tmp_path / "out"), "--json"]
    words += ["--checkpoints", str(tmp_path / "kept")]
    first = CliRunner().invoke(app, words)
    assert first.exit_code == 0, first.output
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").iterdir()}
    again = CliRunner().invoke(app, words)
    assert json.loads(first.stdout) == json.loads(again.stdout)
    assert kept == {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").iterdir()}
    assert len(json.loads(first.stdout)["statements"]) > 10
